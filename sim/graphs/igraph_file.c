/* GML (M. Himsolt, 1997) and GraphML (Brandes et al., 2002) by igraph's readers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/graphs/files.h"
#include "sim/graphs/igraph_session.h"

typedef igraph_error_t reader(igraph_t *graph, FILE *file);

static igraph_error_t read_gml(igraph_t *graph, FILE *file)
{
    return igraph_read_graph_gml(graph, file);
}

static igraph_error_t read_graphml(igraph_t *graph, FILE *file)
{
    return igraph_read_graph_graphml(graph, file, 0);
}

/* The line that igraph's words name ("Parse error in GML file, line 12 (...)"); 0: none. */
static uint32_t line_of(const char *reason)
{
    const char *at = strstr(reason, "line ");
    unsigned long line = at ? strtoul(at + 5, NULL, 10) : 0;
    return line < UINT32_MAX ? (uint32_t) line : 0;
}

static int refuse(const struct base_source *source, const char *format, struct base_diagnostics *diagnostics)
{
    const char *reason = graph_igraph_reason();
    uint32_t line = line_of(reason);
    base_diagnose(diagnostics, BASE_ERROR, (struct base_place){source, line, line ? 1 : 0}, NULL, "not %s: %s", format,
                  reason[0] ? reason : "igraph cannot read it");
    return -EINVAL;
}

static int take_edges(const igraph_t *graph, struct graph_input *input)
{
    igraph_integer_t nodes = igraph_vcount(graph), edges = igraph_ecount(graph);
    if (nodes > UINT32_MAX - 1)
        return -E2BIG;
    int error = graph_edges_reserve(&input->edges, (uint64_t) edges);
    for (igraph_integer_t e = 0; e < edges && !error; e++)
        graph_edges_add(&input->edges, (uint32_t) IGRAPH_FROM(graph, e), (uint32_t) IGRAPH_TO(graph, e));
    input->node_count = (uint32_t) nodes;
    input->edges.directed = igraph_is_directed(graph);
    return error;
}

static int read_by(reader *read, const char *format, const struct base_source *source, struct graph_input *input,
                   struct base_diagnostics *diagnostics)
{
    FILE *file = fmemopen((void *) source->text, source->length, "r"); /* it is only read */
    if (!file)
        return -ENOMEM;
    struct graph_igraph_session session;
    igraph_t graph;
    graph_igraph_begin(&session);
    igraph_error_t failed = read(&graph, file);
    int error;
    if (failed == IGRAPH_SUCCESS) {
        error = take_edges(&graph, input);
        igraph_destroy(&graph);
    } else {
        error = failed == IGRAPH_ENOMEM ? -ENOMEM : refuse(source, format, diagnostics);
    }
    graph_igraph_end(&session);
    fclose(file);
    return error;
}

int graph_read_gml(const struct base_source *source, struct graph_input *input, struct base_diagnostics *diagnostics)
{
    return read_by(read_gml, "GML", source, input, diagnostics);
}

int graph_read_graphml(const struct base_source *source, struct graph_input *input,
                       struct base_diagnostics *diagnostics)
{
    return read_by(read_graphml, "GraphML", source, input, diagnostics);
}
