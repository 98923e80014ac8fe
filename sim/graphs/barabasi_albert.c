/* barabasi_albert: preferential attachment. A. L. Barabasi, R. Albert, "Emergence of scaling in random networks", Science
 * 286, 1999.
 *
 * It begins with `edges` nodes that know nobody (the paper's m0 = m); each further node joins by `edges` edges to
 * different nodes, each chosen with a probability proportional to its degree. The first newcomer, to whom all degrees are
 * 0, knows all of them. A node stands in the list of ends as often as its degree, so a uniform pick from that list is
 * proportional; one that was picked already is drawn again. Degree k comes out with a share of 2 m (m + 1) / (k (k + 1)
 * (k + 2)), and with the exponent 3 for large k. */
#include <errno.h>
#include <stddef.h>

#include "sim/graphs/graph.h"

struct barabasi_albert_parameters {
    uint64_t edges;
};

static bool is_picked(const struct graph_edges *edges, uint64_t since, uint32_t node)
{
    for (uint64_t e = since; e < edges->count; e++)
        if (edges->ends[2 * e + 1] == node)
            return true;
    return false;
}

static int make(const struct graph_request *request, struct graph_edges *edges)
{
    const struct barabasi_albert_parameters *parameters = request->choice->parameters;
    struct graph_stream stream = {.key = request->key};
    uint64_t each = parameters->edges;
    if (request->node_count == 0)
        return 0;
    if (each >= request->node_count)
        return graph_too_few(request, 0, each + 1);
    int error = graph_edges_reserve(edges, each * (request->node_count - each));
    if (error)
        return error;
    for (uint32_t i = 0; i < each; i++)
        graph_edges_add(edges, (uint32_t) each, i);
    for (uint32_t node = (uint32_t) each + 1; node < request->node_count; node++) {
        uint64_t before = edges->count;
        while (edges->count < before + each) {
            uint32_t other = edges->ends[graph_draw_below(&stream, 2 * before)];
            if (!is_picked(edges, before, other))
                graph_edges_add(edges, node, other);
        }
    }
    return 0;
}

static const struct graph_ops ops = {.make = make};

static const struct topology_parameter parameters[] = {
    {.key = "edges", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct barabasi_albert_parameters, edges),
     .minimum = "1", .maximum = "1000000", .about = "How many peers a newcomer gets to know: the paper's m."},
};

const struct topology_kind graph_barabasi_albert = {
    .name = "barabasi_albert",
    .summary = "scale-free: newcomers prefer those whom many know",
    .source = "Barabasi & Albert, Science 286, 1999",
    .parameters = parameters,
    .parameter_count = 1,
    .parameters_bytes = sizeof(struct barabasi_albert_parameters),
    .bare = "edges",
    .ops = &ops,
};
