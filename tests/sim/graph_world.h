/* Graphs from YAML and files in memory, for the tests of sim/graphs. */
#ifndef TESTS_SIM_GRAPH_WORLD_H
#define TESTS_SIM_GRAPH_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sim/graphs/measure.h"
#include "sim/vocabulary.h"
#include "topologies/load.h"

#define DATA PEERLAB_SOURCE_DIR "/../shared/data/"
#define UNUSED __attribute__((unused))

struct world {
    const char *file;   /* what `file: graph.txt` reads; NULL: files are the file system's */
    size_t file_length;
    char scenario[1024];
    struct scenario *loaded;
    struct graph *graph;
    int result;
    struct base_diagnostics diagnostics;
    char told[2048];    /* the first diagnostic's text */
};

static int world_read(void *context, struct base_arena *arena, const char *name, const char **text, size_t *length)
{
    struct world *world = context;
    if (strcmp(name, "test.yaml") == 0) {
        *text = world->scenario;
        *length = strlen(world->scenario);
        return 0;
    }
    if (world->file) {
        *text = world->file;
        *length = world->file_length;
        return 0;
    }
    FILE *file = fopen(name, "rb");
    if (!file)
        return -2;
    fseek(file, 0, SEEK_END);
    *length = (size_t) ftell(file);
    rewind(file);
    char *copy = base_arena_take(arena, *length + 1);
    size_t got = fread(copy, 1, *length, file);
    fclose(file);
    *text = copy;
    return got == *length ? 0 : -5;
}

static void world_done(struct world *world)
{
    graph_free(world->graph);
    topology_scenario_free(world->loaded);
    world->graph = NULL;
    world->loaded = NULL;
}

/* Builds `initial_graph: GRAPH` over so many peers; world->file may be set before. */
static void world_build(struct world *world, const char *graph, uint32_t peers, uint64_t seed)
{
    snprintf(world->scenario, sizeof world->scenario,
             "name: t\nseed: %llu\nduration: 1 s\npeers: [{name: a, count: %u}]\nnetwork: {latency: {constant: 1 ms}}\n"
             "overlay: {protocol: broadcast}\ninitial_graph: %s\n", (unsigned long long) seed, peers, graph);
    struct topology_reader reader = {.read = world_read, .context = world};
    struct topology_load_options options = {.path = "test.yaml", .reader = &reader};
    world->diagnostics = (struct base_diagnostics){0};
    world->told[0] = '\0';
    world->result = topology_load(&world->loaded, &options, &sim_vocabulary, &world->diagnostics);
    if (!world->result)
        world->result = graph_build(&world->graph, world->loaded, &world->diagnostics);
    if (world->diagnostics.count)
        base_diagnostic_format(&world->diagnostics.items[0], world->told, sizeof world->told);
}

/* The same, which must go well. */
UNUSED static struct graph *world_graph(struct world *world, const char *graph, uint32_t peers, uint64_t seed)
{
    world_build(world, graph, peers, seed);
    if (world->result)
        fail_msg("%s over %u peers: %s", graph, peers, world->told);
    return world->graph;
}

UNUSED static bool graph_has(const struct graph *graph, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < graph_degree(graph, a); i++)
        if (graph_neighbour(graph, a, i) == b)
            return true;
    return false;
}

/* Lists ascend, hold nobody twice nor oneself, and an undirected edge stands in both. */
UNUSED static void assert_simple(const struct graph *graph)
{
    uint64_t arcs = 0;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t degree = graph_degree(graph, node), before = 0;
        arcs += degree;
        for (uint32_t i = 0; i < degree; i++) {
            uint32_t other = graph_neighbour(graph, node, i);
            assert_true(other < graph->node_count && other != node);
            assert_true(i == 0 || other > before);
            if (!graph->directed && graph->node_count <= 200)
                assert_true(graph_has(graph, other, node));
            before = other;
        }
    }
    assert_int_equal(arcs, graph->edge_count * (graph->directed ? 1 : 2));
}

#endif
