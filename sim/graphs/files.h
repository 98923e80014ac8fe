/* Graphs from files: what the readers of formats share. */
#ifndef SIM_GRAPHS_FILES_H
#define SIM_GRAPHS_FILES_H

#include "sim/graphs/edges.h"
#include "reactor/base/diagnostic.h"

/* A file as read: nodes are numbered in the order in which they appear. */
struct graph_input {
    struct graph_edges edges; /* free with graph_edges_done */
    uint32_t node_count;
};

/* Lines of two ids, as SNAP's: text separated by blanks or tabs, what follows on the line is left aside; lines that begin
 * with # or % are comments; LF or CR LF. input->edges.directed is left as it is. 0, or negative, diagnosed with its place
 * (-ENOMEM: not diagnosed). */
int graph_read_edge_list(const struct base_source *source, struct graph_input *input,
                         struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));
/* GML and GraphML, by igraph, which says the line where it knows it; input->edges.directed is as the file says. */
int graph_read_gml(const struct base_source *source, struct graph_input *input, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));
int graph_read_graphml(const struct base_source *source, struct graph_input *input,
                       struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));

#endif
