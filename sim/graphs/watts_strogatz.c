/* watts_strogatz: a small world. D. J. Watts, S. H. Strogatz, "Collective dynamics of 'small-world' networks", Nature 393,
 * 1998.
 *
 * A ring in which each node knows its `degree` / 2 nearest on either side. Then, lap by lap over the distance j = 1 ..
 * degree / 2, for each node i in turn the edge from i to i + j is with probability `rewire` reconnected to a node drawn
 * uniformly from the whole ring, repeated edges and loops forbidden; so each edge is considered once. It stays where it is
 * if i already knows everyone.
 *
 * Whether an edge is there is told by its place in the ring (a bit says that it was taken away) or, for the few that were
 * rewired, by a set. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "sim/graphs/graph.h"

struct watts_strogatz_parameters {
    uint64_t degree;
    double rewire;
};

struct world {
    uint32_t node_count, side;  /* side: degree / 2 */
    uint8_t *gone;              /* bit (i, j): the ring's edge from i to i + j was taken away */
    uint32_t *degree;
    struct graph_pairs rewired;
    struct graph_stream stream;
    int error;
};

static uint64_t ring_edge(const struct world *world, uint32_t from, uint32_t distance)
{
    return (uint64_t) from * world->side + distance - 1;
}

static bool is_gone(const struct world *world, uint64_t edge)
{
    return world->gone[edge / 8] >> edge % 8 & 1;
}

static bool is_joined(const struct world *world, uint32_t a, uint32_t b)
{
    uint32_t onwards = b > a ? b - a : b + world->node_count - a, back = world->node_count - onwards;
    if (onwards <= world->side && !is_gone(world, ring_edge(world, a, onwards)))
        return true;
    if (back <= world->side && !is_gone(world, ring_edge(world, b, back)))
        return true;
    return graph_pairs_has(&world->rewired, a, b);
}

/* Where the edge from i to i + distance leads in the end. */
static uint32_t settle(struct world *world, uint32_t from, uint32_t distance, double rewire)
{
    uint32_t to = (from + distance) % world->node_count, other;
    if (!graph_draw_chance(&world->stream, rewire) || world->degree[from] == world->node_count - 1)
        return to;
    do
        other = (uint32_t) graph_draw_below(&world->stream, world->node_count);
    while (other == from || is_joined(world, from, other));
    int added = graph_pairs_add(&world->rewired, from, other);
    if (added < 0) {
        world->error = added;
        return to;
    }
    uint64_t edge = ring_edge(world, from, distance);
    world->gone[edge / 8] = (uint8_t) (world->gone[edge / 8] | 1u << edge % 8);
    world->degree[to]--;
    world->degree[other]++;
    return other;
}

static void build(struct world *world, double rewire, struct graph_edges *edges)
{
    for (uint32_t i = 0; i < world->node_count; i++)
        world->degree[i] = 2 * world->side;
    for (uint32_t distance = 1; distance <= world->side; distance++)
        for (uint32_t i = 0; i < world->node_count; i++)
            graph_edges_add(edges, i, settle(world, i, distance, rewire));
}

static int make(const struct graph_request *request, struct graph_edges *edges)
{
    const struct watts_strogatz_parameters *parameters = request->choice->parameters;
    struct world world = {.node_count = request->node_count, .side = (uint32_t) (parameters->degree / 2),
                          .stream.key = request->key};
    if (parameters->degree % 2) {
        base_diagnose(request->diagnostics, BASE_ERROR, request->choice->parameter_places[0], NULL,
                      "degree must be even: as many neighbours on either side of the ring");
        return -EINVAL;
    }
    if (request->node_count == 0)
        return 0;
    if (parameters->degree >= request->node_count)
        return graph_too_few(request, 0, parameters->degree + 1);
    uint64_t count = (uint64_t) world.side * world.node_count;
    int error = graph_edges_reserve(edges, count);
    world.gone = calloc(count / 8 + 1, 1);
    world.degree = calloc(world.node_count, sizeof *world.degree);
    error = error ? error : graph_pairs_init(&world.rewired, (uint64_t) (parameters->rewire * (double) count * 1.1));
    if (!error && (!world.gone || !world.degree))
        error = -ENOMEM;
    if (!error)
        build(&world, parameters->rewire, edges);
    error = error ? error : world.error;
    graph_pairs_done(&world.rewired);
    free(world.gone);
    free(world.degree);
    return error;
}

static const struct graph_ops ops = {.make = make};

static const struct topology_parameter parameters[] = {
    {.key = "degree", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct watts_strogatz_parameters, degree),
     .minimum = "2", .maximum = "2147483646", .about = "How many peers each knows in the ring, an even number: the paper's k."},
    {.key = "rewire", .type = TOPOLOGY_REAL, .offset = offsetof(struct watts_strogatz_parameters, rewire),
     .minimum = "0", .maximum = "1", .about = "The probability that an edge leads elsewhere: the paper's p."},
};

const struct topology_kind graph_watts_strogatz = {
    .name = "watts_strogatz",
    .summary = "a small world: a ring of near neighbours with some edges rewired",
    .source = "Watts & Strogatz, Nature 393, 1998",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct watts_strogatz_parameters),
    .ops = &ops,
};
