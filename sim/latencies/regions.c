/* regions: delays between named regions, from a CSV file; a peer's region is its group's.
 *
 * The cell in row A and column B is from A to B and need not equal the one the other way. Tables often leave the diagonal
 * empty: `same` says what the delay inside a region is then, one way, like every span of a scenario that is no table's. */
#include <errno.h>
#include <string.h>

#include "sim/latencies/regions_file.h"

struct regions {
    uint32_t count;
    const uint16_t *group_region;
    const uint64_t *delays_ns; /* between the regions of the table */
    uint64_t least_ns;
};

static const char *name_at(const void *names, size_t i)
{
    return ((const char *const *) names)[i];
}

/* Terminated, as the search for the nearest wants them. */
static const char *const *terminated_names(const struct latency_region_table *table, struct base_arena *arena)
{
    const char **names = base_arena_array(arena, const char *, table->count);
    for (uint32_t i = 0; i < table->count; i++)
        names[i] = base_arena_copy_text(arena, table->names[i].text, table->names[i].length);
    return names;
}

static int refuse_region(const struct topology_group *group, const struct latency_region_table *table,
                         const struct topology_file *file, struct base_arena *arena,
                         struct base_diagnostics *diagnostics)
{
    const char *nearest = base_nearest_name(group->region, table->count, name_at, terminated_names(table, arena));
    const char *hint = nearest ? base_arena_printf(arena, "did you mean \"%.60s\"?", nearest) : NULL;
    base_diagnose(diagnostics, BASE_ERROR, group->region_place, hint, "no region \"%.60s\" in %s", group->region,
                  file->name);
    return -EINVAL;
}

static int place_groups(struct regions *regions, const struct latency_region_table *table,
                        const struct topology_file *file, const struct identity *identity,
                        struct base_diagnostics *diagnostics)
{
    const struct scenario *scenario = identity->scenario;
    uint16_t *group_region = base_arena_array(identity->arena, uint16_t, scenario->group_count);
    int result = 0;
    for (uint32_t g = 0; g < scenario->group_count; g++) {
        const struct topology_group *group = &scenario->groups[g];
        if (!group->region) {
            base_diagnose(diagnostics, BASE_ERROR, group->place, "give it a \"region\"",
                          "latency is by regions, and group \"%.60s\" has none", group->name);
            result = -EINVAL;
            continue;
        }
        uint32_t region = latency_region_find(table, group->region, strlen(group->region));
        if (region == table->count)
            result = refuse_region(group, table, file, identity->arena, diagnostics);
        else
            group_region[g] = (uint16_t) region;
    }
    regions->group_region = group_region;
    return result;
}

static int fill_diagonal(const struct latency_region_table *table, const struct topology_choice *choice,
                         uint64_t *delays_ns, struct base_diagnostics *diagnostics)
{
    const struct latency_regions *parameters = choice->parameters;
    for (uint32_t i = 0; i < table->count; i++) {
        uint64_t *same_ns = &delays_ns[(size_t) i * table->count + i];
        if (*same_ns != LATENCY_EMPTY)
            continue;
        if (!parameters->has_same) {
            base_diagnose(diagnostics, BASE_ERROR, choice->place,
                          "give \"same\", the one-way delay inside a region, as in \"same: 2 ms\"",
                          "%s has no delay inside \"%.*s\"", parameters->file->name, (int) table->names[i].length,
                          table->names[i].text);
            return -EINVAL;
        }
        *same_ns = parameters->same_ns;
    }
    return 0;
}

/* Over the pairs of peers that there are: one alone in its region has nobody at the diagonal's distance. */
static uint64_t least_in_use(const struct regions *regions, const struct identity *identity)
{
    const struct scenario *scenario = identity->scenario;
    uint64_t *peers = base_arena_array(identity->arena, uint64_t, regions->count);
    uint64_t least_ns = INT64_MAX;
    for (uint32_t g = 0; g < scenario->group_count; g++)
        peers[regions->group_region[g]] += scenario->groups[g].count;
    for (uint32_t i = 0; i < regions->count; i++) {
        for (uint32_t j = 0; peers[i] > 0 && j < regions->count; j++) {
            uint64_t delay_ns = regions->delays_ns[(size_t) i * regions->count + j];
            if (peers[j] > (i == j) && delay_ns < least_ns)
                least_ns = delay_ns;
        }
    }
    return least_ns;
}

static int regions_bind(const struct topology_choice *choice, const struct identity *identity, const void **model,
                        struct base_diagnostics *diagnostics)
{
    const struct latency_regions *parameters = choice->parameters;
    struct regions *regions = base_arena_take(identity->arena, sizeof *regions);
    struct latency_region_table table;
    struct latency_scale scale = latency_scale_of(parameters->unit, parameters->sense);
    int result = latency_region_table_read(&table, &parameters->file->source, scale, identity->arena, diagnostics);
    if (result < 0)
        return result;
    int filled = fill_diagonal(&table, choice, table.delays_ns, diagnostics);
    int placed = place_groups(regions, &table, parameters->file, identity, diagnostics);
    if (filled < 0 || placed < 0)
        return -EINVAL;
    regions->count = table.count;
    regions->delays_ns = table.delays_ns;
    regions->least_ns = least_in_use(regions, identity);
    *model = regions;
    return 0;
}

static uint64_t regions_delay(const void *model, const struct network_ends *ends, uint64_t bits)
{
    const struct regions *regions = model;
    (void) bits;
    size_t from = regions->group_region[ends->from_group], to = regions->group_region[ends->to_group];
    return regions->delays_ns[from * regions->count + to];
}

static uint64_t regions_least(const void *model)
{
    const struct regions *regions = model;
    return regions->least_ns;
}

static const struct latency_ops regions_ops = {
    .bind = regions_bind,
    .delay = regions_delay,
    .least = regions_least,
};

static const struct topology_parameter regions_parameters[] = {
    {
        .key = "file",
        .type = TOPOLOGY_FILE,
        .offset = offsetof(struct latency_regions, file),
        .about = "CSV file with the regions' names in its first row and column, delays from row to column.",
    },
    {
        .key = "unit",
        .type = TOPOLOGY_NAME,
        .offset = offsetof(struct latency_regions, unit),
        .names = latency_units,
        .default_text = "ms",
        .about = "Unit of the file's numbers.",
    },
    {
        .key = "of",
        .type = TOPOLOGY_NAME,
        .offset = offsetof(struct latency_regions, sense),
        .names = latency_senses,
        .default_text = "round-trip",
        .about = "What the file's numbers measure; a round trip is halved.",
    },
    {
        .key = "same",
        .type = TOPOLOGY_DURATION,
        .offset = offsetof(struct latency_regions, same_ns),
        .set_offset = offsetof(struct latency_regions, has_same),
        .optional = true,
        .about = "One-way delay inside a region whose cell on the diagonal is empty.",
    },
};

const struct topology_kind latency_regions = {
    .name = "regions",
    .summary = "delays between named regions, from a CSV file",
    .source = "",
    .parameters = regions_parameters,
    .parameter_count = sizeof regions_parameters / sizeof *regions_parameters,
    .parameters_bytes = sizeof(struct latency_regions),
    .bare = "file",
    .ops = &regions_ops,
};
