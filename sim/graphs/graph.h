/* Who knows whom at the start: `initial_graph`. One file a kind, one row in registry.c.
 *
 * Peers are nodes by index, whatever their groups. A kind makes edges (edges.h); graph_build turns them into flat arrays:
 * the neighbours of node i are to[first[i]] .. to[first[i + 1]], ascending, without i itself and without repetition; an
 * undirected edge stands in both lists. A full graph stores nothing. Built at set-up, immutable from then on. */
#ifndef SIM_GRAPHS_GRAPH_H
#define SIM_GRAPHS_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/graphs/edges.h"
#include "topologies/scenario.h"

struct graph {
    uint32_t node_count;
    bool directed;         /* an edge tells its first end of its second; else both of each other */
    bool full;             /* everyone knows everyone: first and to are NULL */
    uint64_t edge_count;
    uint64_t loops, repeats; /* that were given and left out */
    uint32_t *first, *to;
};

/* What a kind is asked for. */
struct graph_request {
    uint32_t node_count;
    uint64_t key;          /* of its random stream: (seed, "graph", kind) */
    const struct topology_choice *choice;
    struct base_diagnostics *diagnostics;
};

struct graph_ops {
    /* Adds all edges; 0, or negative: diagnosed, or -ENOMEM / -E2BIG of the edges. Loops and repeats may be among them. */
    int (*make)(const struct graph_request *request, struct graph_edges *edges);
};

/* The scenario's initial graph, or NULL in *graph where it has none. 0, or negative with diagnostics: a kind that does
 * not fit the peers, a file that is not well-formed, an overlay that cannot do without a graph. Loops and repeated edges
 * of a file are left out with a warning. A million nodes of degree 10 take 0.1 to 3 s. */
int graph_build(struct graph **graph, const struct scenario *scenario, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));
/* The graph of these edges over node_count nodes; -ENOMEM. */
int graph_create(struct graph **graph, uint32_t node_count, const struct graph_edges *edges)
    __attribute__((warn_unused_result));
void graph_free(struct graph *graph); /* NULL-safe */

static inline uint32_t graph_degree(const struct graph *graph, uint32_t node)
{
    return graph->full ? graph->node_count - 1 : graph->first[node + 1] - graph->first[node];
}

static inline uint32_t graph_neighbour(const struct graph *graph, uint32_t node, uint32_t i)
{
    return graph->full ? i + (i >= node) : graph->to[graph->first[node] + i];
}

/* All kinds (registry.c). */
extern const struct topology_kind graph_ring, graph_line, graph_star, graph_full, graph_grid, graph_torus, graph_tree,
    graph_random_regular, graph_erdos_renyi, graph_watts_strogatz, graph_barabasi_albert, graph_file;

/* "degree 10 needs 11 peers, and there are 5"; -EINVAL. parameter: the row that is to blame. */
int graph_too_few(const struct graph_request *request, uint32_t parameter, uint64_t peers_least);

#endif
