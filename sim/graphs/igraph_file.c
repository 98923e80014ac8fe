/* GML (M. Himsolt, 1997) and GraphML (Brandes et al., 2002) by igraph's readers. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/graphs/files.h"
#include "sim/graphs/igraph_session.h"

/* igraph's GML scanner takes a time that grows with the square of a word's length: 0.8 s for 1.2 MB, half an hour for
 * what a file may hold. Up to here it is milliseconds. */
#define GML_WORD_BYTES_MAX 65536u

typedef igraph_error_t reader(igraph_t *graph, FILE *file);

static igraph_error_t read_gml(igraph_t *graph, FILE *file)
{
    return igraph_read_graph_gml(graph, file);
}

static igraph_error_t read_graphml(igraph_t *graph, FILE *file)
{
    return igraph_read_graph_graphml(graph, file, 0);
}

/* The line that igraph's words name ("Parse error in GML file, line 12 (...)", "Line 3: ..."); 0: none. */
static uint32_t line_of(const char *reason)
{
    const char *at = strcasestr(reason, "line ");
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

/* Where the word, text in quotes or comment that begins at `at` ends. */
static const char *word_end(const char *at, const char *end)
{
    if (*at == '"' || *at == '#') {
        const char *last = memchr(at + 1, *at == '"' ? '"' : '\n', (size_t) (end - at - 1));
        return last ? last + 1 : end;
    }
    while (at < end && !isspace((unsigned char) *at) && *at != '"')
        at++;
    return at;
}

/* The first word of a GML file that is too long to be scanned; NULL: none. */
static const char *find_long_word(const struct base_source *source)
{
    const char *end = source->text + source->length;
    for (const char *at = source->text, *next; at < end; at = next) {
        next = isspace((unsigned char) *at) ? at + 1 : word_end(at, end);
        if ((size_t) (next - at) > GML_WORD_BYTES_MAX)
            return at;
    }
    return NULL;
}

static struct base_place place_of(const struct base_source *source, const char *at)
{
    struct base_place place = {source, 1, 1};
    for (const char *c = source->text; c < at; c++) {
        place.line += *c == '\n';
        place.column = *c == '\n' ? 1 : place.column + 1;
    }
    return place;
}

int graph_read_gml(const struct base_source *source, struct graph_input *input, struct base_diagnostics *diagnostics)
{
    const char *word = find_long_word(source);
    if (word) {
        base_diagnose(diagnostics, BASE_ERROR, place_of(source, word), NULL,
                      "a word or text of more than %u bytes in GML", GML_WORD_BYTES_MAX);
        return -EINVAL;
    }
    return read_by(read_gml, "GML", source, input, diagnostics);
}

int graph_read_graphml(const struct base_source *source, struct graph_input *input,
                       struct base_diagnostics *diagnostics)
{
    return read_by(read_graphml, "GraphML", source, input, diagnostics);
}
