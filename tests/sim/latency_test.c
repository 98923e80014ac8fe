/* Tables of measured delays: matrices of hosts, CSV files of regions, and what is wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/network_world.h"

#define SEED 20261121
#define DATA PEERLAB_SOURCE_DIR "/../shared/data/"

static void matrix_world(struct world *world, const char *text, struct latency_matrix *matrix)
{
    matrix->file = world_file(world, "rtt.txt", text);
    world_latency(world, &latency_matrix, matrix);
}

static const char square[] = "# three hosts\n"
                             "0 10.0000005, 20\r\n"
                             "\n"
                             "12\t0 30   # there and back differ\n"
                             "20 5e3 0";

static void in_order_peer_i_has_row_i_and_entries_keep_their_direction(void **state)
{
    (void) state;
    struct world world;
    struct latency_matrix matrix = {.unit = LATENCY_MS, .assign = LATENCY_ASSIGN_IN_ORDER};
    world_init(&world, SEED);
    world_group(&world, "one", 1, NULL);
    world_group(&world, "others", 4, NULL);
    matrix_world(&world, square, &matrix);
    assert_int_equal(world_build(&world), 0);
    assert_int_equal(world_delay(&world, 0, 1), 5000000); /* 10.0000005 ms / 2 is 5000000.25 ns */
    assert_int_equal(world_delay(&world, 1, 0), 6 * MS);
    assert_int_equal(world_delay(&world, 2, 1), 2500 * MS);
    assert_int_equal(world_delay(&world, 3, 4), world_delay(&world, 0, 1)); /* rows are used again */
    assert_int_equal(world_delay(&world, 0, 3), 1);                         /* the same host twice: the diagonal */
    assert_int_equal(network_least_delay_ns(world.network), 1);
    world_done(&world);
}

static void units_and_senses_scale_and_halves_round_up(void **state)
{
    (void) state;
    static const struct { const char *entry; uint32_t unit, sense; uint64_t delay_ns; } cases[] = {
        {"3", LATENCY_NS, LATENCY_ROUND_TRIP, 2},            {"3", LATENCY_NS, LATENCY_ONE_WAY, 3},
        {"0.4995", LATENCY_US, LATENCY_ONE_WAY, 500},        {"0.169", LATENCY_MS, LATENCY_ROUND_TRIP, 84500},
        {"0.000001", LATENCY_MS, LATENCY_ROUND_TRIP, 1},     {"2", LATENCY_S, LATENCY_ROUND_TRIP, SECOND},
        {"5", LATENCY_S, LATENCY_ONE_WAY, 5 * SECOND},       {"86400", LATENCY_S, LATENCY_ONE_WAY, 86400 * SECOND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct world world;
        struct latency_matrix matrix = {.unit = cases[i].unit, .sense = cases[i].sense};
        char text[64];
        snprintf(text, sizeof text, "0 %s\n%s 0\n", cases[i].entry, cases[i].entry);
        world_init(&world, SEED);
        world_group(&world, "two", 2, NULL);
        matrix_world(&world, text, &matrix);
        assert_int_equal(world_build(&world), 0);
        assert_int_equal(world_delay(&world, 0, 1), cases[i].delay_ns);
        assert_int_equal(network_least_delay_ns(world.network), cases[i].delay_ns);
        world_done(&world);
    }
}

/* A matrix of 20 hosts whose entry (i, j) is 100 i + j ns, so that a delay tells the rows. */
static const char *telling_matrix(struct world *world)
{
    char *text = base_arena_take(world->arena, 8192);
    size_t length = 0;
    for (int i = 0; i < 20; i++)
        for (int j = 0; j < 20; j++)
            length += (size_t) snprintf(text + length, 8192 - length, "%d%s", 1000 + 100 * i + j, j == 19 ? "\n" : " ");
    return text;
}

static uint32_t row_told(struct world *world, uint32_t peer)
{
    return (uint32_t) (world_delay(world, peer, peer == 0 ? 1 : 0) - 1000) / 100;
}

static void random_rows_are_dealt_without_repetition_as_far_as_they_go(void **state)
{
    (void) state;
    struct world world;
    struct latency_matrix matrix = {.unit = LATENCY_NS, .sense = LATENCY_ONE_WAY};
    uint32_t uses[20] = {0}, in_place = 0;
    world_init(&world, SEED);
    world_group(&world, "many", 60, NULL);
    matrix_world(&world, telling_matrix(&world), &matrix);
    assert_int_equal(world_build(&world), 0);
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t row = row_told(&world, i);
        in_place += row == i;
        assert_int_equal(uses[row]++, i / 20);
    }
    assert_true(in_place < 8);
    world_done(&world);
}

static void another_group_leaves_the_rows_of_the_others_unchanged(void **state)
{
    (void) state;
    struct world one, other;
    struct latency_matrix matrix = {.unit = LATENCY_NS, .sense = LATENCY_ONE_WAY}, second = matrix;
    world_init(&one, SEED);
    world_group(&one, "home", 12, NULL);
    world_init(&other, SEED);
    world_group(&other, "newcomers", 7, NULL);
    world_group(&other, "home", 30, NULL); /* more of them change nothing either */
    matrix_world(&one, telling_matrix(&one), &matrix);
    matrix_world(&other, telling_matrix(&other), &second);
    assert_int_equal(world_build(&one), 0);
    assert_int_equal(world_build(&other), 0);
    for (uint32_t i = 0; i < 12; i++)
        assert_int_equal(row_told(&one, i), row_told(&other, 7 + i));
    world_done(&one);
    world_done(&other);
}

static void the_least_delay_is_that_of_the_rows_in_use(void **state)
{
    (void) state;
    struct world world;
    struct latency_matrix matrix = {.unit = LATENCY_MS, .assign = LATENCY_ASSIGN_IN_ORDER};
    world_init(&world, SEED);
    world_group(&world, "two", 2, NULL);
    matrix_world(&world, "0 20 2\n30 0 2\n2 2 0\n", &matrix);
    assert_int_equal(world_build(&world), 0);
    assert_int_equal(network_least_delay_ns(world.network), 10 * MS);
    world_done(&world);
}

static void check_matrix_refused(const char *text, const char *expected)
{
    struct world world;
    struct latency_matrix matrix = {.unit = LATENCY_MS};
    world_init(&world, SEED);
    world_group(&world, "two", 2, NULL);
    matrix_world(&world, text, &matrix);
    assert_true(world_build(&world) < 0);
    if (!strstr(world_complaint(&world), expected))
        fail_msg("\"%s\" lacks \"%s\"", world_complaint(&world), expected);
    world_done(&world);
}

static void what_is_wrong_with_a_matrix_is_told_with_its_place(void **state)
{
    (void) state;
    check_matrix_refused("", "rtt.txt:1:1: error: the matrix has no entries");
    check_matrix_refused("# nothing\n\n", "the matrix has no entries");
    check_matrix_refused("0 1 2\n# next\n1 0\n2 1 0\n", "rtt.txt:3:1: error: this row has 2 entries, the first one has 3");
    check_matrix_refused("0 1 2\n1 0 3\n", "rtt.txt:2:1: error: the matrix is not square: 2 rows of 3 entries");
    check_matrix_refused("0 1\n1 0\n1 1\n", "rtt.txt:3:1: error: the matrix is not square: 3 rows of 2 entries");
    check_matrix_refused("0 1\nnan 0\n", "rtt.txt:2:1: error: \"nan\" is not a delay");
    check_matrix_refused("0 -1\n1 0\n", "rtt.txt:1:3: error: \"-1\" is not a delay");
    check_matrix_refused("0 1ms\n1 0\n", "rtt.txt:1:3: error: \"1ms\" is not a delay");
    check_matrix_refused("0 1\n1e30 0\n", "rtt.txt:2:1: error: a delay of \"1e30\" is too large");
}

static void all_wrong_entries_of_a_matrix_are_told_up_to_twenty(void **state)
{
    (void) state;
    struct world world;
    struct latency_matrix matrix = {.unit = LATENCY_MS};
    char text[2000] = "";
    for (int i = 0; i < 30 * 30; i++)
        strcat(text, i % 30 == 29 ? "x\n" : "x ");
    world_init(&world, SEED);
    world_group(&world, "two", 2, NULL);
    matrix_world(&world, text, &matrix);
    assert_true(world_build(&world) < 0);
    assert_int_equal(world.diagnostics.error_count, BASE_DIAGNOSTIC_MAX);
    world_done(&world);
}

/* --- regions --- */

static void regions_world(struct world *world, const char *text, struct latency_regions *regions)
{
    world_init(world, SEED);
    world_group(world, "home", 2, "Europe, West");
    world_group(world, "server", 1, "us-east");
    regions->file = world_file(world, "F.csv", text);
    world_latency(world, &latency_regions, regions);
}

static const char table[] = "\xef\xbb\xbf"
                            "# measured\n"
                            "from , \"Europe, West\", us-east ,\"the \"\"far\"\" east\"\r\n"
                            "us-east, 82 , , 200\r\n"
                            "\r\n"
                            "\"Europe, West\",,80.5,\"170\"\r\n"
                            "\"the \"\"far\"\" east\",170,200,4";

static void regions_are_found_by_name_whatever_their_order(void **state)
{
    (void) state;
    struct world world;
    struct latency_regions regions = {.unit = LATENCY_MS, .same_ns = 3 * MS, .has_same = true};
    regions_world(&world, table, &regions);
    world_group(&world, "afar", 2, "the \"far\" east");
    assert_int_equal(world_build(&world), 0);
    assert_int_equal(world_delay(&world, 0, 2), 40250000); /* from Europe: 80.5 ms there and back */
    assert_int_equal(world_delay(&world, 2, 0), 41 * MS);
    assert_int_equal(world_delay(&world, 0, 1), 3 * MS);   /* `same`, as it stands */
    assert_int_equal(world_delay(&world, 3, 4), 2 * MS);   /* the table's own diagonal goes before it */
    assert_int_equal(world_delay(&world, 4, 2), 100 * MS);
    assert_int_equal(network_least_delay_ns(world.network), 2 * MS);
    world_done(&world);
}

static void one_alone_in_its_region_does_not_shorten_the_least_delay(void **state)
{
    (void) state;
    struct world world;
    struct latency_regions regions = {.unit = LATENCY_MS, .sense = LATENCY_ONE_WAY};
    regions_world(&world, "x,\"Europe, West\",us-east\n\"Europe, West\",9,30\nus-east,30,1\n", &regions);
    assert_int_equal(world_build(&world), 0);
    assert_int_equal(network_least_delay_ns(world.network), 9 * MS);
    world_done(&world);
}

static void check_regions_refused(const char *text, const char *expected)
{
    struct world world;
    struct latency_regions regions = {.unit = LATENCY_MS};
    regions_world(&world, text, &regions);
    assert_true(world_build(&world) < 0);
    if (!strstr(world_complaint(&world), expected))
        fail_msg("\"%s\" lacks \"%s\"", world_complaint(&world), expected);
    world_done(&world);
}

static void what_is_wrong_with_a_table_of_regions_is_told_with_its_place(void **state)
{
    (void) state;
    check_regions_refused("", "the first row names no regions");
    check_regions_refused("from\n", "the first row names no regions");
    check_regions_refused("x,a,,b\n", "F.csv:1:5: error: a region without a name");
    check_regions_refused("x,a,a\n", "F.csv:1:5: error: region \"a\" has two columns");
    check_regions_refused("x,a,b\na,1,2\nc,2,1\n", "F.csv:3:1: error: region \"c\" has a row and no column");
    check_regions_refused("x,a,b\na,1,2\na,2,1\n", "F.csv:3:1: error: region \"a\" has two rows");
    check_regions_refused("x,a,b\na,1,2\n", "F.csv: error: region \"b\" has a column and no row");
    check_regions_refused("x,a,b\na,1\nb,2,1\n", "F.csv:2:3: error: this row ends too early");
    check_regions_refused("x,a,b\na,1,2,3\nb,2,1\n", "F.csv:2:5: error: this row has more cells than the first one");
    check_regions_refused("x,a,b\na,1,\nb,2,1\n", "F.csv:2:5: error: no delay from \"a\" to \"b\"");
    check_regions_refused("x,a,b\na,1,?\nb,2,1\n", "F.csv:2:5: error: \"?\" is not a delay");
    check_regions_refused("x,a,b\na,1,\"2\nb,2,1\n", "F.csv:2:6: error: a quoted cell that does not end");
    check_regions_refused("x,a,b\na,1,\"2\" 3\nb,2,1\n", "F.csv:2:6: error: a quoted cell that does not end");
    check_regions_refused("x,us-east,\"Europe, West\"\nus-east,,2\n\"Europe, West\",2,1\n",
                          "F.csv has no delay inside \"us-east\"");
    check_regions_refused("x,us-eats,\"Europe, West\"\nus-eats,1,2\n\"Europe, West\",2,1\n", "did you mean \"us-eats\"?");
}

static void a_group_without_a_region_is_refused(void **state)
{
    (void) state;
    struct world world;
    struct latency_regions regions = {.unit = LATENCY_MS, .has_same = true, .same_ns = MS};
    regions_world(&world, table, &regions);
    world_group(&world, "stray", 1, NULL);
    assert_true(world_build(&world) < 0);
    assert_non_null(strstr(world_complaint(&world), "latency is by regions, and group \"stray\" has none"));
    world_done(&world);
}

/* --- anything at all --- */

/* Text of a small alphabet in which every byte matters to some reader; exactly as long as its memory. */
static struct topology_file *random_file(struct world *world, uint64_t key, char **bytes)
{
    static const char alphabet[] = "0123456789.,,,e+-# \t\r\n\n\"\"ab";
    struct topology_file *file = base_arena_take(world->arena, sizeof *file);
    size_t length = base_random_below(base_random_at(key, 0), 60);
    *bytes = malloc(length ? length : 1);
    for (size_t i = 0; i < length; i++)
        (*bytes)[i] = alphabet[base_random_below(base_random_at(key, i + 1), sizeof alphabet - 1)];
    file->source = (struct base_source) {.name = "any", .text = *bytes, .length = length};
    file->name = "any";
    return file;
}

static void any_text_is_read_or_refused_with_a_reason(void **state)
{
    (void) state;
    print_message("seed %d\n", SEED);
    for (uint64_t i = 0; i < 20000; i++) {
        struct world world;
        char *bytes = NULL;
        struct latency_matrix matrix = {.unit = LATENCY_MS};
        struct latency_regions regions = {.unit = LATENCY_MS, .has_same = true};
        world_init(&world, SEED);
        world_group(&world, "two", 2, "a");
        matrix.file = regions.file = random_file(&world, base_random_subkey(SEED, i), &bytes);
        bool is_matrix = i % 2 == 0;
        world_latency(&world, is_matrix ? &latency_matrix : &latency_regions,
                      is_matrix ? (const void *) &matrix : (const void *) &regions);
        if (world_build(&world) == 0)
            assert_true(world_delay(&world, 0, 1) >= network_least_delay_ns(world.network));
        else
            assert_true(world.diagnostics.error_count > 0 && world_complaint(&world)[0] != '\0');
        world_done(&world);
        free(bytes);
    }
}

/* --- published tables --- */

/* The file's text in the world's arena, or a skip that says why. */
static const char *read_data(struct world *world, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("skipped: %s is not there\n", path);
        world_done(world);
        skip();
    }
    fseek(file, 0, SEEK_END);
    size_t length = (size_t) ftell(file);
    rewind(file);
    char *text = base_arena_take(world->arena, length + 1);
    assert_int_equal(fread(text, 1, length, file), length);
    fclose(file);
    return text;
}

/* Each delay against the file read in another way: by strtod, whose error is far below half a nanosecond. */
static void check_against_file(struct world *world, const char *text, uint32_t rows)
{
    char *end = (char *) (uintptr_t) text;
    for (uint32_t i = 0; i < rows; i++) {
        for (uint32_t j = 0; j < rows; j++) {
            double half_ns = strtod(end, &end) * 1e6 / 2;
            uint64_t expected_ns = (uint64_t) (half_ns + 0.5 + 1e-6);
            if (i != j)
                assert_int_equal(world_delay(world, i, j), expected_ns);
        }
    }
}

static void check_published_matrix(const char *path, uint32_t rows)
{
    struct world world;
    struct latency_matrix matrix = {.unit = LATENCY_MS, .assign = LATENCY_ASSIGN_IN_ORDER};
    world_init(&world, SEED);
    world_group(&world, "hosts", rows, NULL);
    const char *text = read_data(&world, path);
    matrix_world(&world, text, &matrix);
    if (world_build(&world) < 0)
        fail_msg("%s", world_complaint(&world));
    check_against_file(&world, text, rows);
    world_done(&world);
}

static void the_490_hosts_of_planetlab_are_half_a_round_trip_apart(void **state)
{
    (void) state;
    check_published_matrix(DATA "planetlab-490/PlanetLabData_18", 490);
}

static void the_222_cities_of_wondernetwork_are_half_a_round_trip_apart(void **state)
{
    (void) state;
    check_published_matrix(DATA "wondernetwork-222/avg-rtt-ms.matrix", 222);
}

static void the_regions_of_azure_need_same_and_then_are_read(void **state)
{
    (void) state;
    struct world world;
    struct latency_regions regions = {.unit = LATENCY_MS};
    world_init(&world, SEED);
    world_group(&world, "here", 2, "Australia Central");
    world_group(&world, "there", 2, "Australia Central 2");
    regions.file = world_file(&world, "azure.csv", read_data(&world, DATA "azure-regions/azure-p95-rtt-ms-2026-07.csv"));
    world_latency(&world, &latency_regions, &regions);
    assert_true(world_build(&world) < 0);
    assert_non_null(strstr(world_complaint(&world), "give \"same\""));
    regions.same_ns = MS;
    regions.has_same = true;
    assert_int_equal(world_build(&world), 0);
    assert_int_equal(world_delay(&world, 0, 2), 2500000);
    assert_int_equal(world_delay(&world, 2, 0), 3500000);
    assert_int_equal(world_delay(&world, 2, 3), MS);
    world_done(&world);
}

static void the_regions_of_simblock_have_a_diagonal_of_their_own(void **state)
{
    (void) state;
    struct world world;
    struct latency_regions regions = {.unit = LATENCY_MS, .sense = LATENCY_ONE_WAY};
    world_init(&world, SEED);
    world_group(&world, "eu", 2, "EUROPE");
    world_group(&world, "na", 2, "NORTH_AMERICA");
    regions.file = world_file(&world, "latency.csv", read_data(&world, DATA "bitcoin-regions/latency-ms-2019.csv"));
    world_latency(&world, &latency_regions, &regions);
    assert_int_equal(world_build(&world), 0);
    assert_int_equal(world_delay(&world, 0, 1), 11 * MS);
    assert_int_equal(world_delay(&world, 0, 2), 124 * MS);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_peer_i_has_row_i_and_entries_keep_their_direction),
        cmocka_unit_test(units_and_senses_scale_and_halves_round_up),
        cmocka_unit_test(random_rows_are_dealt_without_repetition_as_far_as_they_go),
        cmocka_unit_test(another_group_leaves_the_rows_of_the_others_unchanged),
        cmocka_unit_test(the_least_delay_is_that_of_the_rows_in_use),
        cmocka_unit_test(what_is_wrong_with_a_matrix_is_told_with_its_place),
        cmocka_unit_test(all_wrong_entries_of_a_matrix_are_told_up_to_twenty),
        cmocka_unit_test(regions_are_found_by_name_whatever_their_order),
        cmocka_unit_test(one_alone_in_its_region_does_not_shorten_the_least_delay),
        cmocka_unit_test(what_is_wrong_with_a_table_of_regions_is_told_with_its_place),
        cmocka_unit_test(a_group_without_a_region_is_refused),
        cmocka_unit_test(any_text_is_read_or_refused_with_a_reason),
        cmocka_unit_test(the_490_hosts_of_planetlab_are_half_a_round_trip_apart),
        cmocka_unit_test(the_222_cities_of_wondernetwork_are_half_a_round_trip_apart),
        cmocka_unit_test(the_regions_of_azure_need_same_and_then_are_read),
        cmocka_unit_test(the_regions_of_simblock_have_a_diagonal_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
