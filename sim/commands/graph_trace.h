/* The graph of an overlay's neighbour tables at an instant, out of a trace. */
#ifndef SIM_COMMANDS_GRAPH_TRACE_H
#define SIM_COMMANDS_GRAPH_TRACE_H

#include "reactor/base/arena.h"
#include "sim/graphs/graph.h"

struct graph_trace {
    struct graph *graph;       /* free with graph_free; directed: who knows whom among those who are up */
    const char *const *names;  /* of its nodes, in the arena */
    uint64_t stale;            /* entries that name a peer which is down */
};

/* 0, or negative with diagnostics: no trace, or one that lacks lifecycle or neighbours. at_ns INT64_MAX: the end. */
int graph_trace_read(struct graph_trace *trace, const char *path, int64_t at_ns, struct base_arena *arena,
                     struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));

#endif
