/* The generated kinds: shapes at any size, the papers' numbers, the same graph for the same seed. */
#include <math.h>

#include "reactor/base/random.h"
#include "tests/sim/graph_world.h"

static const uint32_t sizes[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, 24, 25, 26, 63, 64, 97, 100, 101, 200, 1000};
#define SIZES (sizeof sizes / sizeof *sizes)

static void plain_shapes_have_their_edges_at_any_size(void **state)
{
    (void) state;
    for (size_t s = 0; s < SIZES; s++) {
        uint64_t n = sizes[s];
        const struct {
            const char *graph;
            uint64_t edges;
        } cases[] = {
            {"ring", n < 3 ? n - (n > 0) : n},
            {"line", n - (n > 0)},
            {"{line: {}}", n - (n > 0)},
            {"star", n - (n > 0)},
            {"full", n ? n * (n - 1) / 2 : 0},
            {"tree", n - (n > 0)},
            {"{tree: {arity: 4}}", n - (n > 0)},
            {"{tree: 1}", n - (n > 0)},
            {"{grid: 1}", n - (n > 0)},
            {"{torus: 1}", n < 3 ? n - (n > 0) : n},
            {"{grid: 1000}", n - (n > 0)},
            {"{erdos_renyi: {probability: 0}}", 0},
            {"{erdos_renyi: {probability: 1}}", n ? n * (n - 1) / 2 : 0},
        };
        for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
            struct world world = {0};
            const struct graph *graph = world_graph(&world, cases[c].graph, (uint32_t) n, 1);
            assert_int_equal(graph->node_count, n);
            if (graph->edge_count != cases[c].edges)
                fail_msg("%s over %u has %u edges", cases[c].graph, (unsigned) n, (unsigned) graph->edge_count);
            assert_int_equal(graph->loops + graph->repeats, 0);
            assert_simple(graph);
            world_done(&world);
        }
    }
}

static void grids_are_nearly_square_and_may_end_in_a_shorter_row(void **state)
{
    (void) state;
    static const struct {
        const char *graph;
        uint32_t peers;
        uint64_t edges;
    } cases[] = {
        {"grid", 25, 40}, {"torus", 25, 50}, {"grid", 20, 31}, {"torus", 20, 40}, {"{grid: {columns: 4}}", 10, 13},
        {"grid", 5, 5}, {"torus", 4, 4}, {"torus", 9, 18}, {"torus", 100, 200}, {"{torus: 2}", 6, 9},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct world world = {0};
        const struct graph *graph = world_graph(&world, cases[c].graph, cases[c].peers, 1);
        if (graph->edge_count != cases[c].edges)
            fail_msg("%s over %u has %u edges", cases[c].graph, cases[c].peers, (unsigned) graph->edge_count);
        assert_simple(graph);
        world_done(&world);
    }
    struct world world = {0};
    const struct graph *graph = world_graph(&world, "grid", 25, 1);
    assert_int_equal(graph_degree(graph, 0), 2);
    assert_int_equal(graph_degree(graph, 12), 4);
    assert_true(graph_has(graph, 12, 7) && graph_has(graph, 12, 17) && graph_has(graph, 4, 9) && !graph_has(graph, 4, 5));
    world_done(&world);
}

static void random_regular_gives_every_peer_the_same_degree(void **state)
{
    (void) state;
    for (uint32_t n = 2; n <= 16; n++)
        for (uint32_t d = 1; d < n; d++)
            for (uint64_t seed = 1; seed <= 4 && n * d % 2 == 0; seed++) {
                char text[64];
                struct world world = {0};
                snprintf(text, sizeof text, "{random_regular: {degree: %u}}", d);
                const struct graph *graph = world_graph(&world, text, n, seed);
                assert_simple(graph);
                for (uint32_t i = 0; i < n; i++)
                    assert_int_equal(graph_degree(graph, i), d);
                world_done(&world);
            }
    struct world world = {0};
    const struct graph *graph = world_graph(&world, "{random_regular: 9}", 20000, 1);
    assert_simple(graph);
    for (uint32_t i = 0; i < 20000; i++)
        assert_int_equal(graph_degree(graph, i), 9);
    world_done(&world);
}

/* Of 6 nodes there are 70 labelled 2-regular graphs: 10 are two triangles, 60 one ring. */
static void random_regular_draws_all_graphs_nearly_alike(void **state)
{
    (void) state;
    uint32_t triangles = 0, runs = 2100;
    for (uint64_t seed = 1; seed <= runs; seed++) {
        struct world world = {0};
        const struct graph *graph = world_graph(&world, "{random_regular: 2}", 6, seed);
        uint32_t a = graph_neighbour(graph, 0, 0), b = graph_neighbour(graph, 0, 1);
        triangles += graph_has(graph, a, b);
        world_done(&world);
    }
    double share = (double) triangles / runs;
    if (share < 0.143 - 0.045 || share > 0.143 + 0.045) /* the pairing's own bias and five sigma */
        fail_msg("two triangles in %.3f of the graphs", share);
}

static void erdos_renyi_has_as_many_edges_as_chance_or_the_scenario_says(void **state)
{
    (void) state;
    static const double probabilities[] = {0.001, 0.01, 0.3, 0.9};
    for (size_t p = 0; p < 4; p++) {
        char text[64];
        struct world world = {0};
        double pairs = 1000.0 * 999 / 2, mean = pairs * probabilities[p];
        snprintf(text, sizeof text, "{erdos_renyi: {probability: %g}}", probabilities[p]);
        const struct graph *graph = world_graph(&world, text, 1000, 5);
        assert_simple(graph);
        assert_true(fabs((double) graph->edge_count - mean) < 5 * sqrt(mean * (1 - probabilities[p])));
        world_done(&world);
    }
    struct world world = {0};
    double edges = (double) world_graph(&world, "{erdos_renyi: {degree: 6}}", 10000, 5)->edge_count;
    assert_true(fabs(edges - 30000) < 5 * sqrt(30000));
    world_done(&world);
    static const uint64_t numbers[] = {0, 1, 100, 2000, 2475, 2476, 4900, 4950};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char text[64];
        snprintf(text, sizeof text, "{erdos_renyi: {edges: %u}}", (unsigned) numbers[i]);
        const struct graph *graph = world_graph(&world, text, 100, 5);
        assert_int_equal(graph->edge_count, numbers[i]);
        assert_int_equal(graph->repeats, 0);
        assert_simple(graph);
        world_done(&world);
    }
}

/* Each pair by itself: over many seeds each of the 10 pairs of 5 nodes is an edge as often as the others. */
static void erdos_renyi_prefers_no_pair(void **state)
{
    (void) state;
    uint32_t count[5][5] = {{0}}, runs = 2000;
    for (uint64_t seed = 1; seed <= runs; seed++) {
        struct world world = {0};
        const struct graph *graph = world_graph(&world, "{erdos_renyi: {probability: 0.3}}", 5, seed);
        for (uint32_t a = 0; a < 5; a++)
            for (uint32_t b = a + 1; b < 5; b++)
                count[a][b] += graph_has(graph, a, b);
        world_done(&world);
    }
    for (uint32_t a = 0; a < 5; a++)
        for (uint32_t b = a + 1; b < 5; b++)
            assert_true(fabs(count[a][b] - 0.3 * runs) < 5 * sqrt(0.21 * runs));
}

static void a_small_world_keeps_its_edges_wherever_they_go(void **state)
{
    (void) state;
    static const char *const rewires[] = {"0", "0.01", "0.5", "1"};
    for (size_t s = 0; s < SIZES; s++)
        for (size_t r = 0; r < 4 && sizes[s] > 4; r++) {
            char text[64];
            struct world world = {0};
            snprintf(text, sizeof text, "{watts_strogatz: {degree: 4, rewire: %s}}", rewires[r]);
            const struct graph *graph = world_graph(&world, text, sizes[s], 1);
            assert_int_equal(graph->edge_count, 2 * sizes[s]);
            assert_int_equal(graph->loops + graph->repeats, 0);
            assert_simple(graph);
            for (uint32_t i = 0; i < sizes[s]; i++) {
                assert_true(graph_degree(graph, i) >= 2);
                if (r == 0)
                    assert_true(graph_has(graph, i, (i + 1) % sizes[s]) && graph_has(graph, i, (i + 2) % sizes[s]));
            }
            world_done(&world);
        }
}

static struct graph_measures measured(const char *text, uint32_t peers, uint64_t seed)
{
    struct world world = {0};
    struct graph_measures measures;
    assert_int_equal(graph_measure(world_graph(&world, text, peers, seed), &measures), 0);
    world_done(&world);
    return measures;
}

/* Nature 393, figure 2 (PAPERS.md C16): 20 realisations. */
static void small_worlds_are_as_watts_and_strogatz_measured_them(void **state)
{
    (void) state;
    static const struct {
        const char *rewire;
        double length, clustering;
    } published[] = {{"0.01", 0.175, 0.969}, {"0.1", 0.088, 0.737}};
    struct graph_measures lattice = measured("{watts_strogatz: {degree: 10, rewire: 0}}", 1000, 1);
    assert_true(fabs(lattice.path_length - 50.45045) < 1e-4 && fabs(lattice.clustering - 2.0 / 3) < 1e-9);
    graph_measures_done(&lattice);
    for (size_t i = 0; i < 2; i++) {
        double length = 0, clustering = 0;
        char text[64];
        snprintf(text, sizeof text, "{watts_strogatz: {degree: 10, rewire: %s}}", published[i].rewire);
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct graph_measures measures = measured(text, 1000, seed);
            length += measures.path_length / lattice.path_length / 20;
            clustering += measures.clustering / lattice.clustering / 20;
            graph_measures_done(&measures);
        }
        print_message("p = %s: L/L0 %.4f, C/C0 %.4f\n", published[i].rewire, length, clustering);
        assert_true(fabs(length - published[i].length) < 0.05 * published[i].length);
        assert_true(fabs(clustering - published[i].clustering) < 0.01 * published[i].clustering);
    }
}

/* Science 286 (PAPERS.md C16): P(5) = 2 / (m + 2) = .286 for m = 5; the exponent 2.9 +- .1. */
static void degrees_are_as_barabasi_and_albert_found_them(void **state)
{
    (void) state;
    double share = 0, exponent = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world world = {0};
        const struct graph *graph = world_graph(&world, "{barabasi_albert: {edges: 5}}", 20000, seed);
        assert_int_equal(graph->edge_count, 5 * (20000 - 5));
        uint32_t five = 0, tail = 0;
        double logs = 0;
        for (uint32_t i = 0; i < 20000; i++) {
            uint32_t degree = graph_degree(graph, i);
            five += degree == 5;
            tail += degree >= 20;
            logs += degree >= 20 ? log(degree / 19.5) : 0;
        }
        share += five / 20000.0 / 5;
        exponent += (1 + tail / logs) / 5;
        world_done(&world);
    }
    print_message("share of degree 5 %.4f, exponent %.2f\n", share, exponent);
    assert_true(fabs(share - 0.287) < 0.005);
    assert_true(fabs(exponent - 2.9) < 0.15);
    for (size_t s = 0; s < SIZES; s++) {
        struct world world = {0};
        if (sizes[s] < 4)
            continue;
        const struct graph *graph = world_graph(&world, "{barabasi_albert: 3}", sizes[s], 1);
        assert_int_equal(graph->edge_count, 3 * (sizes[s] - 3));
        assert_int_equal(graph->loops + graph->repeats, 0);
        assert_simple(graph);
        world_done(&world);
    }
}

static uint64_t hash_of(const struct graph *graph)
{
    uint64_t hash = graph->node_count;
    for (uint32_t node = 0; node < graph->node_count; node++)
        for (uint32_t i = 0; i < graph_degree(graph, node); i++)
            hash = base_random_mix(hash ^ ((uint64_t) node << 32 | graph_neighbour(graph, node, i)));
    return hash;
}

/* The numbers were written down once: no compiler, processor or change of another kind may alter a seed's graph. */
static void a_seed_has_its_graph(void **state)
{
    (void) state;
    static const struct {
        const char *graph;
        uint64_t hash;
    } cases[] = {
        {"{random_regular: 6}", UINT64_C(0xc90e650ec726cdf8)},
        {"{erdos_renyi: {probability: 0.02}}", UINT64_C(0x2e0af2dfd6b68df9)},
        {"{erdos_renyi: {edges: 700}}", UINT64_C(0x1d0c6f2b11809c1d)},
        {"{watts_strogatz: {degree: 10, rewire: 0.1}}", UINT64_C(0x8ad3bf3d13e8f452)},
        {"{barabasi_albert: 5}", UINT64_C(0x83dc8c88e52747b9)},
    };
    uint32_t changed = 0;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct world one = {0}, again = {0}, other = {0};
        uint64_t hash = hash_of(world_graph(&one, cases[c].graph, 500, 42));
        if (hash != cases[c].hash)
            print_error("%s: 0x%016llx\n", cases[c].graph, (unsigned long long) hash);
        changed += hash != cases[c].hash;
        assert_true(hash == hash_of(world_graph(&again, cases[c].graph, 500, 42)));
        assert_true(hash != hash_of(world_graph(&other, cases[c].graph, 500, 43)));
        world_done(&one);
        world_done(&again);
        world_done(&other);
    }
    assert_int_equal(changed, 0);
}

static void what_does_not_fit_the_peers_is_refused_with_both_numbers(void **state)
{
    (void) state;
    static const struct {
        const char *graph;
        uint32_t peers;
        const char *told;
    } cases[] = {
        {"{watts_strogatz: {degree: 10, rewire: 0.1}}", 10,
         "test.yaml:7:42: error: degree of watts_strogatz needs at least 11 peers, and there are 10\n"},
        {"{watts_strogatz: {degree: 5, rewire: 0.1}}", 10, "test.yaml:7:42: error: degree must be even"},
        {"{random_regular: {degree: 3}}", 3,
         "test.yaml:7:42: error: degree of random_regular needs at least 4 peers, and there are 3\n"},
        {"{random_regular: {degree: 3}}", 5, "test.yaml:7:42: error: there is no graph of degree 3 over 5 peers\n"},
        {"{barabasi_albert: {edges: 5}}", 5,
         "test.yaml:7:42: error: edges of barabasi_albert needs at least 6 peers, and there are 5\n"},
        {"{erdos_renyi: {edges: 11}}", 5, "test.yaml:7:38: error: 11 edges are more than the 10 that 5 peers can have\n"},
        {"{erdos_renyi: {degree: 4.5}}", 5,
         "test.yaml:7:39: error: degree of erdos_renyi needs at least 5 peers, and there are 5\n"},
        {"{erdos_renyi: {}}", 5, "test.yaml:7:17: error: erdos_renyi takes one of probability, degree and edges\n"},
        {"{erdos_renyi: {degree: 1, edges: 3}}", 5, "test.yaml:7:17: error: erdos_renyi takes one of"},
        {"{star: 3}", 5, "test.yaml:7:23: error: \"star\" must be a mapping"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        struct world world = {0};
        world_build(&world, cases[c].graph, cases[c].peers, 1);
        assert_true(world.result < 0);
        assert_null(world.graph);
        if (strncmp(world.told, cases[c].told, strlen(cases[c].told)) != 0)
            fail_msg("%s: told\n%s", cases[c].graph, world.told);
        world_done(&world);
    }
}

static void nobody_has_any_graph(void **state)
{
    (void) state;
    static const char *const graphs[] = {"{watts_strogatz: {degree: 10, rewire: 0.1}}", "{random_regular: 6}",
                                         "{barabasi_albert: 5}", "{erdos_renyi: {degree: 3}}"};
    for (size_t i = 0; i < 4; i++) {
        struct world world = {0};
        assert_int_equal(world_graph(&world, graphs[i], 0, 1)->edge_count, 0);
        world_done(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_shapes_have_their_edges_at_any_size),
        cmocka_unit_test(grids_are_nearly_square_and_may_end_in_a_shorter_row),
        cmocka_unit_test(random_regular_gives_every_peer_the_same_degree),
        cmocka_unit_test(random_regular_draws_all_graphs_nearly_alike),
        cmocka_unit_test(erdos_renyi_has_as_many_edges_as_chance_or_the_scenario_says),
        cmocka_unit_test(erdos_renyi_prefers_no_pair),
        cmocka_unit_test(a_small_world_keeps_its_edges_wherever_they_go),
        cmocka_unit_test(small_worlds_are_as_watts_and_strogatz_measured_them),
        cmocka_unit_test(degrees_are_as_barabasi_and_albert_found_them),
        cmocka_unit_test(a_seed_has_its_graph),
        cmocka_unit_test(what_does_not_fit_the_peers_is_refused_with_both_numbers),
        cmocka_unit_test(nobody_has_any_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
