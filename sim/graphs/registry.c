/* All kinds of graphs, in the order in which they are listed. */
#include "sim/graphs/graph.h"
#include "sim/vocabulary.h"

static const struct topology_kind *const kinds[] = {
    &graph_ring, &graph_line, &graph_star, &graph_full, &graph_grid, &graph_torus, &graph_tree, &graph_random_regular,
    &graph_erdos_renyi, &graph_watts_strogatz, &graph_barabasi_albert, &graph_file,
};

const struct topology_registry sim_graphs = {
    .name = "graphs",
    .singular = "graph",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof *kinds,
};
