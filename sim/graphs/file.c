/* file: a graph that was measured, as an edge list, GML or GraphML.
 *
 * Which of them is told by the content: GraphML begins with <, GML holds a `graph [`. Ids, numbers or texts, become peers
 * in the order in which they appear; the scenario has as many peers as the file has nodes. */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "sim/graphs/files.h"
#include "sim/graphs/graph.h"

struct file_parameters {
    const struct topology_file *path;
    bool directed, has_directed;
};

/* The next word of text that is no comment's (a line from # on); NULL at the end. */
static const char *next_word(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at == '#') {
            at = memchr(at, '\n', (size_t) (end - at));
            if (!at)
                return NULL;
        } else if (!isspace((unsigned char) *at)) {
            return at;
        }
    }
    return NULL;
}

static bool begins(const char *at, const char *end, const char *word)
{
    size_t length = strlen(word);
    return at && (size_t) (end - at) >= length && memcmp(at, word, length) == 0;
}

/* GML is keys and values; one of the keys is graph, whose value is a list. */
static bool is_gml(const char *at, const char *end)
{
    static const char *const first_keys[] = {"graph", "Creator", "Version", "comment", "directed", "Vendor"};
    bool known = false;
    for (size_t i = 0; i < sizeof first_keys / sizeof *first_keys; i++)
        known |= begins(at, end, first_keys[i]);
    for (; known && at; at = memchr(at + 1, 'g', (size_t) (end - at - 1)))
        if (begins(at, end, "graph")) {
            const char *list = next_word(at + 5, end);
            if (list && *list == '[')
                return true;
        }
    return false;
}

static int read_any(const struct base_source *source, struct graph_input *input, struct base_diagnostics *diagnostics)
{
    const char *end = source->text + source->length, *start = source->text;
    if (begins(start, end, "\xef\xbb\xbf"))
        start += 3;
    const char *word = next_word(start, end);
    if (word && *word == '<')
        return graph_read_graphml(source, input, diagnostics);
    return is_gml(word, end) ? graph_read_gml(source, input, diagnostics)
                             : graph_read_edge_list(source, input, diagnostics);
}

static int make(const struct graph_request *request, struct graph_edges *edges)
{
    const struct file_parameters *parameters = request->choice->parameters;
    struct graph_input input = {0};
    int error = read_any(&parameters->path->source, &input, request->diagnostics);
    if (parameters->has_directed)
        input.edges.directed = parameters->directed;
    if (!error && input.node_count != request->node_count) {
        base_diagnose(request->diagnostics, BASE_ERROR, parameters->path->place,
                      "a graph from a file has as many nodes as the scenario has peers",
                      "%s has %u nodes for %u peers", parameters->path->name, input.node_count, request->node_count);
        error = -EINVAL;
    }
    *edges = input.edges;
    return error;
}

static const struct graph_ops ops = {.make = make};

static const struct topology_parameter parameters[] = {
    {.key = "path", .type = TOPOLOGY_FILE, .offset = offsetof(struct file_parameters, path),
     .about = "An edge list (two ids a line), GML or GraphML, with as many nodes as there are peers."},
    {.key = "directed", .type = TOPOLOGY_BOOLEAN, .offset = offsetof(struct file_parameters, directed),
     .set_offset = offsetof(struct file_parameters, has_directed), .optional = true,
     .about = "Whether an edge tells only its first end of its second; as the file says unless given, an edge list is not."},
};

const struct topology_kind graph_file = {
    .name = "file",
    .summary = "a measured graph: an edge list, GML or GraphML",
    .source = "",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct file_parameters),
    .bare = "path",
    .ops = &ops,
};
