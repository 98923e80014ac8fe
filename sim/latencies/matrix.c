/* matrix: measured delays between hosts; each peer stands on one of them.
 *
 * Entry (i, j) is from i to j and need not equal (j, i). Two peers on the same host are as far apart as the diagonal says,
 * and at least 1 ns.
 *
 * assign: in-order gives peer i of the scenario row i modulo the rows. random deals each group rows of its own, without
 * repetition as far as they go and then again in the same order, from a shuffle keyed by the group's name: another group
 * never changes whom this one's peers stand with, and no peer needs memory of its own. */
#include "sim/latencies/matrix_file.h"

static const char *const assign_names[] = {"random", "in-order", NULL};

struct matrix_group {
    uint32_t first;
    const uint16_t *rows;  /* of the peers first + k, k below the matrix's rows */
};

struct matrix {
    struct latency_square square;
    const struct matrix_group *groups;
    uint64_t least_ns;
};

/* --- who stands where --- */

/* The first `count` of a shuffle of all rows (Fisher & Yates, from the front: a longer deal begins like a shorter one). */
static const uint16_t *deal(uint32_t row_count, uint32_t count, uint64_t key, uint16_t *deck, struct base_arena *arena)
{
    uint16_t *dealt = base_arena_array(arena, uint16_t, count);
    for (uint32_t i = 0; i < row_count; i++)
        deck[i] = (uint16_t) i;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = i + (uint32_t) base_random_below(base_random_at(key, i), row_count - i);
        dealt[i] = deck[j];
        deck[j] = deck[i];
    }
    return dealt;
}

static void assign(struct matrix *matrix, uint32_t how, const struct identity *identity)
{
    const struct scenario *scenario = identity->scenario;
    struct matrix_group *groups = base_arena_array(identity->arena, struct matrix_group, scenario->group_count);
    uint16_t *deck = base_arena_array(identity->arena, uint16_t, matrix->square.row_count);
    for (uint32_t i = 0; i < matrix->square.row_count; i++)
        deck[i] = (uint16_t) i;
    for (uint32_t g = 0; g < scenario->group_count; g++) {
        const struct topology_group *group = &scenario->groups[g];
        groups[g].rows = deck;
        if (how == LATENCY_ASSIGN_IN_ORDER)
            continue;
        uint32_t count = group->count < matrix->square.row_count ? group->count : matrix->square.row_count;
        uint64_t key = base_random_key(scenario->seed, "matrix rows", group->name);
        groups[g].first = group->first;
        groups[g].rows = deal(matrix->square.row_count, count, key, deck, identity->arena);
    }
    matrix->groups = groups;
}

static uint32_t row_of(const struct matrix *matrix, uint32_t group, uint32_t peer)
{
    const struct matrix_group *members = &matrix->groups[group];
    uint32_t index = peer - members->first;
    return members->rows[index < matrix->square.row_count ? index : index % matrix->square.row_count];
}

/* How many peers stand on each row: 0, 1, or 2 for more. */
static uint8_t *count_uses(const struct matrix *matrix, const struct identity *identity)
{
    uint8_t *uses = base_arena_array(identity->arena, uint8_t, matrix->square.row_count);
    for (uint32_t g = 0; g < identity->scenario->group_count; g++) {
        const struct topology_group *group = &identity->scenario->groups[g];
        for (uint32_t i = 0; i < group->count && i < 2 * matrix->square.row_count; i++) {
            uint8_t *use = &uses[row_of(matrix, g, group->first + i)];
            *use = (uint8_t) (*use < 2 ? *use + 1 : 2);
        }
    }
    return uses;
}

static uint64_t least_in_use(const struct matrix *matrix, const struct identity *identity)
{
    const uint8_t *uses = count_uses(matrix, identity);
    uint64_t least_ns = INT64_MAX;
    for (uint32_t i = 0; i < matrix->square.row_count; i++) {
        for (uint32_t j = 0; uses[i] > 0 && j < matrix->square.row_count; j++) {
            if (uses[j] == 0 || (i == j && uses[i] < 2))
                continue;
            uint64_t delay_ns = latency_square_at(&matrix->square, i, j);
            least_ns = delay_ns < least_ns ? delay_ns : least_ns;
        }
    }
    return least_ns;
}

/* --- the model --- */

static int matrix_bind(const struct topology_choice *choice, const struct identity *identity, const void **model,
                       struct base_diagnostics *diagnostics)
{
    const struct latency_matrix *parameters = choice->parameters;
    struct matrix *matrix = base_arena_take(identity->arena, sizeof *matrix);
    struct latency_scale scale = latency_scale_of(parameters->unit, parameters->sense);
    int result = latency_square_read(&matrix->square, &parameters->file->source, scale, identity->arena, diagnostics);
    if (result < 0)
        return result;
    assign(matrix, parameters->assign, identity);
    matrix->least_ns = least_in_use(matrix, identity);
    *model = matrix;
    return 0;
}

static uint64_t matrix_delay(const void *model, const struct network_ends *ends, uint64_t bits)
{
    const struct matrix *matrix = model;
    (void) bits;
    return latency_square_at(&matrix->square, row_of(matrix, ends->from_group, ends->from), row_of(matrix, ends->to_group, ends->to));
}

static uint64_t matrix_least(const void *model)
{
    const struct matrix *matrix = model;
    return matrix->least_ns;
}

static const struct latency_ops matrix_ops = {
    .bind = matrix_bind,
    .delay = matrix_delay,
    .least = matrix_least,
};

static const struct topology_parameter matrix_parameters[] = {
    {
        .key = "file",
        .type = TOPOLOGY_FILE,
        .offset = offsetof(struct latency_matrix, file),
        .about = "Square text file: a line a host, entry (i, j) the delay from host i to host j.",
    },
    {
        .key = "unit",
        .type = TOPOLOGY_NAME,
        .offset = offsetof(struct latency_matrix, unit),
        .names = latency_units,
        .default_text = "ms",
        .about = "Unit of the file's numbers.",
    },
    {
        .key = "of",
        .type = TOPOLOGY_NAME,
        .offset = offsetof(struct latency_matrix, sense),
        .names = latency_senses,
        .default_text = "round-trip",
        .about = "What the file's numbers measure; a round trip is halved.",
    },
    {
        .key = "assign",
        .type = TOPOLOGY_NAME,
        .offset = offsetof(struct latency_matrix, assign),
        .names = assign_names,
        .default_text = "random",
        .about = "How peers get their rows, which are used again when peers are more.",
    },
};

const struct topology_kind latency_matrix = {
    .name = "matrix",
    .summary = "delays measured between hosts, from a square text file",
    .source = "",
    .parameters = matrix_parameters,
    .parameter_count = sizeof matrix_parameters / sizeof *matrix_parameters,
    .parameters_bytes = sizeof(struct latency_matrix),
    .bare = "file",
    .ops = &matrix_ops,
};
