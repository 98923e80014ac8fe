/* igraph, guarded: it reads and measures graphs here, and never draws for us (its generators share a global).
 *
 * Debian's igraph is not built thread-safe: its error handler and its list of what to clean up are globals. So all use of
 * it stands between graph_igraph_begin and graph_igraph_end, which hold a lock and have its handlers replaced meanwhile:
 * an error is a return value with a text, never an abort, and warnings are silent. */
#ifndef SIM_GRAPHS_IGRAPH_SESSION_H
#define SIM_GRAPHS_IGRAPH_SESSION_H

#include <igraph.h>

#include "sim/graphs/graph.h"

struct graph_igraph_session {
    igraph_error_handler_t *error_handler;     /* of whoever else uses igraph in this process */
    igraph_warning_handler_t *warning_handler;
};

void graph_igraph_begin(struct graph_igraph_session *session);
/* What the last error of this session said, "" without one; good until the end of it. */
const char *graph_igraph_reason(void);
void graph_igraph_end(struct graph_igraph_session *session);

/* A copy as igraph's; destroy it with igraph_destroy. Within a session. */
igraph_error_t graph_igraph_from(const struct graph *graph, igraph_t *copy);

/* 0, -ENOMEM, or -EIO for all else. */
int graph_igraph_error(igraph_error_t error);

#endif
