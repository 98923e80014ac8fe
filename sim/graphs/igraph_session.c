#include "sim/graphs/igraph_session.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>

/* igraph's own state is global, and its handlers are handed no context: so these are, under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last_reason[256];

static void keep_reason(const char *reason, const char *file, int line, igraph_error_t error)
{
    (void) file;
    (void) line;
    (void) error;
    if (!last_reason[0])
        snprintf(last_reason, sizeof last_reason, "%s", reason);
    IGRAPH_FINALLY_FREE();
}

void graph_igraph_begin(struct graph_igraph_session *session)
{
    pthread_mutex_lock(&lock);
    last_reason[0] = '\0';
    session->error_handler = igraph_set_error_handler(keep_reason);
    session->warning_handler = igraph_set_warning_handler(igraph_warning_handler_ignore);
}

const char *graph_igraph_reason(void)
{
    return last_reason;
}

void graph_igraph_end(struct graph_igraph_session *session)
{
    igraph_set_error_handler(session->error_handler);
    igraph_set_warning_handler(session->warning_handler);
    pthread_mutex_unlock(&lock);
}

igraph_error_t graph_igraph_from(const struct graph *graph, igraph_t *copy)
{
    igraph_vector_int_t ends;
    igraph_error_t error;
    if (graph->full)
        return igraph_full(copy, graph->node_count, IGRAPH_UNDIRECTED, IGRAPH_NO_LOOPS);
    if ((error = igraph_vector_int_init(&ends, (igraph_integer_t) (2 * graph->edge_count))) != IGRAPH_SUCCESS)
        return error;
    igraph_integer_t at = 0;
    for (uint32_t node = 0; node < graph->node_count; node++)
        for (uint32_t i = graph->first[node]; i < graph->first[node + 1]; i++)
            if (graph->directed || node < graph->to[i]) {
                VECTOR(ends)[at++] = node;
                VECTOR(ends)[at++] = graph->to[i];
            }
    error = igraph_create(copy, &ends, graph->node_count, graph->directed);
    igraph_vector_int_destroy(&ends);
    return error;
}

int graph_igraph_error(igraph_error_t error)
{
    return error == IGRAPH_SUCCESS ? 0 : error == IGRAPH_ENOMEM ? -ENOMEM : -EIO;
}
