/* What a graph looks like, measured by igraph. */
#ifndef SIM_GRAPHS_MEASURE_H
#define SIM_GRAPHS_MEASURE_H

#include "sim/graphs/graph.h"

/* Degrees are of what a node knows (its out-degree); clustering, path length and components take an edge both ways. What
 * does not apply is NaN. */
struct graph_measures {
    uint64_t nodes, edges;
    bool directed;
    uint32_t degree_min, degree_max, in_degree_max;
    double degree_mean;
    uint64_t *degrees;       /* how many nodes have degree i, i <= degree_max */
    double degree_exponent;  /* of the power law that fits the tail of the degrees best (Clauset, Shalizi & Newman 2009) */
    double clustering;       /* mean over the nodes of how many pairs of neighbours are neighbours; 0 below degree 2 */
    double path_length;      /* mean over the connected pairs whose one end is a source */
    uint32_t path_length_max;
    uint32_t path_sources;   /* nodes from which paths were counted: all, or an even sample of a large graph */
    uint64_t components, component_largest, isolated;
};

/* 0 with *measures to be freed, -ENOMEM, or -EIO when igraph refuses. Path lengths take some seconds: sources are
 * sampled beyond 10^8 steps. */
int graph_measure(const struct graph *graph, struct graph_measures *measures) __attribute__((warn_unused_result));
void graph_measures_done(struct graph_measures *measures);

/* graphml.c: writes GraphML, each node with its name. 0 or -errno. A full graph of more than 4,096 nodes: -E2BIG. */
int graph_write_graphml(const struct graph *graph, const char *const *names, const char *path)
    __attribute__((warn_unused_result));

#endif
