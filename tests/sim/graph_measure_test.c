/* Measures of graphs whose figures are known, and GraphML that reads back. */
#include <errno.h>
#include <math.h>

#include "tests/sim/graph_world.h"

static struct graph_measures measured_of(const struct graph *graph)
{
    struct graph_measures measures;
    assert_int_equal(graph_measure(graph, &measures), 0);
    return measures;
}

static struct graph_measures measured(const char *text, uint32_t peers)
{
    struct world world = {0};
    struct graph_measures measures = measured_of(world_graph(&world, text, peers, 1));
    world_done(&world);
    return measures;
}

static void a_ring_and_a_star_measure_what_arithmetic_says(void **state)
{
    (void) state;
    struct graph_measures ring = measured("ring", 10), star = measured("star", 11);
    assert_true(ring.degree_min == 2 && ring.degree_max == 2 && ring.degree_mean == 2 && ring.degrees[2] == 10);
    assert_true(fabs(ring.path_length - 25.0 / 9) < 1e-12 && ring.path_length_max == 5 && ring.path_sources == 10);
    assert_true(ring.clustering == 0 && ring.components == 1 && ring.isolated == 0 && isnan(ring.degree_exponent));
    assert_true(star.degree_max == 10 && star.degrees[1] == 10 && star.degrees[10] == 1);
    assert_true(fabs(star.path_length - (2 * 10 * 1 + 10 * 9 * 2) / 110.0) < 1e-12 && star.path_length_max == 2);
    graph_measures_done(&ring);
    graph_measures_done(&star);
}

static void a_full_graph_measures_the_same_stored_or_not(void **state)
{
    (void) state;
    for (uint32_t peers = 1; peers <= 6; peers++) {
        struct graph_measures full = measured("full", peers), stored = measured("{erdos_renyi: {probability: 1}}", peers);
        assert_int_equal(full.edges, stored.edges);
        assert_int_equal(full.components, stored.components);
        assert_int_equal(full.isolated, stored.isolated);
        assert_int_equal(full.degree_max, stored.degree_max);
        assert_int_equal(full.in_degree_max, stored.in_degree_max);
        assert_int_equal(full.path_length_max, stored.path_length_max);
        assert_true(full.clustering == stored.clustering);
        assert_true(full.path_length == stored.path_length || (isnan(full.path_length) && isnan(stored.path_length)));
        graph_measures_done(&full);
        graph_measures_done(&stored);
    }
}

static void nobody_alone_and_apart(void **state)
{
    (void) state;
    struct graph_measures nobody = measured("ring", 0), apart = measured("{erdos_renyi: {edges: 0}}", 5);
    assert_true(nobody.nodes == 0 && nobody.components == 0 && isnan(nobody.path_length) && isnan(nobody.clustering));
    assert_true(apart.components == 5 && apart.isolated == 5 && apart.component_largest == 1);
    assert_true(isnan(apart.path_length) && apart.clustering == 0 && apart.degrees[0] == 5);
    graph_measures_done(&nobody);
    graph_measures_done(&apart);
}

static void a_directed_graph_counts_who_knows_and_clusters_both_ways(void **state)
{
    (void) state;
    static const char text[] = "a b\nb a\nb c\nc a\nd a\n";
    struct world world = {.file = text, .file_length = sizeof text - 1};
    struct graph_measures measures = measured_of(world_graph(&world, "{file: {path: f, directed: true}}", 4, 1));
    assert_true(measures.directed && measures.edges == 5 && measures.degree_max == 2 && measures.in_degree_max == 3);
    assert_true(measures.components == 1 && measures.path_length_max == 2);
    assert_true(fabs(measures.clustering - (1.0 / 3 + 1 + 1 + 0) / 4) < 1e-12);
    graph_measures_done(&measures);
    world_done(&world);
}

static void a_large_graph_is_sampled_and_says_so(void **state)
{
    (void) state;
    struct graph_measures measures = measured("{random_regular: 10}", 30000);
    assert_true(measures.path_sources > 100 && measures.path_sources < 30000);
    assert_true(measures.path_length > 4 && measures.path_length < 5.5);
    graph_measures_done(&measures);
}

static void graphml_that_was_written_reads_back(void **state)
{
    (void) state;
    char path[] = "/tmp/peerlab-graphml-XXXXXX", text[128];
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    close(descriptor);
    static const char *const names[] = {"a.0", "a.1", "<b>&\"", "a.3", "a.4", "a.5"};
    struct world world = {0}, again = {0};
    const struct graph *graph = world_graph(&world, "{erdos_renyi: {edges: 9}}", 6, 3);
    assert_int_equal(graph_write_graphml(graph, names, path), 0);
    snprintf(text, sizeof text, "{file: %s}", path);
    const struct graph *read = world_graph(&again, text, 6, 1);
    assert_true(read->edge_count == graph->edge_count && !read->directed);
    assert_memory_equal(read->first, graph->first, 7 * sizeof *graph->first);
    assert_memory_equal(read->to, graph->to, 18 * sizeof *graph->to);
    world_done(&world);
    world_done(&again);
    graph = world_graph(&world, "full", 5000, 1);
    assert_int_equal(graph_write_graphml(graph, names, path), -E2BIG);
    world_done(&world);
    graph = world_graph(&world, "ring", 6, 1);
    assert_int_equal(graph_write_graphml(graph, names, "/nowhere/at/all"), -ENOENT);
    if (access("/dev/full", W_OK) == 0)
        assert_true(graph_write_graphml(graph, names, "/dev/full") < 0);
    world_done(&world);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_and_a_star_measure_what_arithmetic_says),
        cmocka_unit_test(a_full_graph_measures_the_same_stored_or_not),
        cmocka_unit_test(nobody_alone_and_apart),
        cmocka_unit_test(a_directed_graph_counts_who_knows_and_clusters_both_ways),
        cmocka_unit_test(a_large_graph_is_sampled_and_says_so),
        cmocka_unit_test(graphml_that_was_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
