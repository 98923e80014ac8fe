/* erdos_renyi: chance alone. P. Erdos, A. Renyi, "On random graphs I", Publicationes Mathematicae 6, 1959 (`edges`: so many,
 * every set of them equally likely); E. N. Gilbert, "Random graphs", Annals of Mathematical Statistics 30, 1959
 * (`probability`: each edge by itself; `degree`: the probability that gives this mean).
 *
 * With a probability the pairs that are edges are found by skips of geometric length: V. Batagelj, U. Brandes, "Efficient
 * generation of large random networks", Physical Review E 71, 2005; the time is that of the edges, not of the pairs. */
#include <errno.h>
#include <stddef.h>

#include "reactor/base/exact_math.h"
#include "sim/graphs/graph.h"

struct erdos_renyi_parameters {
    double probability, degree;
    uint64_t edges;
    bool has_probability, has_degree, has_edges;
};

enum { PROBABILITY, DEGREE, EDGES };

static uint64_t pair_count(uint32_t node_count)
{
    return node_count ? (uint64_t) node_count * (node_count - 1) / 2 : 0;
}

static int add_by_probability(const struct graph_request *request, double probability, struct graph_edges *edges)
{
    struct graph_stream stream = {.key = request->key};
    uint64_t left = pair_count(request->node_count); /* pairs from the present one on */
    uint64_t a = 1, b = 0;                           /* the present pair: b < a */
    double scale = probability < 1 ? 1 / base_exact_log(1 - probability) : 0;
    while (probability > 0) {
        double gap = scale == 0 ? 0 : base_exact_log(base_random_unit(graph_draw(&stream))) * scale;
        if (gap >= (double) left)
            break;
        uint64_t skip = (uint64_t) gap;
        if (skip >= left)
            break;
        left -= skip + 1;
        for (b += skip; b >= a; a++)
            b -= a;
        graph_edges_add(edges, (uint32_t) a, (uint32_t) b++);
        if (edges->error)
            return edges->error;
    }
    return 0;
}

/* So many pairs, all sets of them equally likely, in the order in which they were drawn. */
static int draw_pairs(const struct graph_request *request, uint64_t count, struct graph_pairs *pairs,
                      struct graph_edges *edges)
{
    struct graph_stream stream = {.key = request->key};
    while (pairs->count < count) {
        uint32_t a = (uint32_t) graph_draw_below(&stream, request->node_count);
        uint32_t b = (uint32_t) graph_draw_below(&stream, request->node_count - 1);
        b += b >= a;
        int added = graph_pairs_add(pairs, a, b);
        if (added < 0)
            return added;
        if (added && edges)
            graph_edges_add(edges, a, b);
    }
    return 0;
}

static void add_all_but(uint32_t node_count, const struct graph_pairs *pairs, struct graph_edges *edges)
{
    for (uint32_t a = 0; a < node_count; a++)
        for (uint32_t b = a + 1; b < node_count; b++)
            if (!graph_pairs_has(pairs, a, b))
                graph_edges_add(edges, a, b);
}

/* Of more than half of all pairs, those that are no edges are drawn. */
static int add_by_number(const struct graph_request *request, uint64_t count, struct graph_edges *edges)
{
    uint64_t all = pair_count(request->node_count);
    if (count > all) {
        base_diagnose(request->diagnostics, BASE_ERROR, request->choice->parameter_places[EDGES], NULL,
                      "%llu edges are more than the %llu that %u peers can have", (unsigned long long) count,
                      (unsigned long long) all, request->node_count);
        return -EINVAL;
    }
    bool few = count <= all / 2;
    struct graph_pairs pairs;
    int error = graph_edges_reserve(edges, count);
    error = error ? error : graph_pairs_init(&pairs, few ? count : all - count);
    if (error)
        return error;
    error = draw_pairs(request, few ? count : all - count, &pairs, few ? edges : NULL);
    if (!error && !few)
        add_all_but(request->node_count, &pairs, edges);
    graph_pairs_done(&pairs);
    return error;
}

static int make(const struct graph_request *request, struct graph_edges *edges)
{
    const struct erdos_renyi_parameters *parameters = request->choice->parameters;
    uint32_t nodes = request->node_count;
    if (parameters->has_probability + parameters->has_degree + parameters->has_edges != 1) {
        base_diagnose(request->diagnostics, BASE_ERROR, request->choice->place, "erdos_renyi: {degree: 6}",
                      "erdos_renyi takes one of probability, degree and edges");
        return -EINVAL;
    }
    if (parameters->has_edges)
        return add_by_number(request, parameters->edges, edges);
    if (nodes < 2)
        return 0;
    if (parameters->has_degree && parameters->degree > nodes - 1)
        return graph_too_few(request, DEGREE, (uint64_t) parameters->degree + 1);
    double probability = parameters->has_degree ? parameters->degree / (nodes - 1) : parameters->probability;
    return add_by_probability(request, probability, edges);
}

static const struct graph_ops ops = {.make = make};

#define OFFSET(member) \
    .offset = offsetof(struct erdos_renyi_parameters, member), \
    .set_offset = offsetof(struct erdos_renyi_parameters, has_##member), .optional = true

static const struct topology_parameter parameters[] = {
    [PROBABILITY] = {.key = "probability", .type = TOPOLOGY_REAL, OFFSET(probability), .minimum = "0", .maximum = "1",
                     .about = "How likely two peers know each other."},
    [DEGREE] = {.key = "degree", .type = TOPOLOGY_REAL, OFFSET(degree), .minimum = "0", .maximum = "2147483647",
                .about = "How many others a peer knows in the mean; it stands for a probability."},
    [EDGES] = {.key = "edges", .type = TOPOLOGY_INTEGER, OFFSET(edges), .maximum = "2147483647",
               .about = "How many pairs know each other, exactly."},
};

const struct topology_kind graph_erdos_renyi = {
    .name = "erdos_renyi",
    .summary = "chance alone: each pair with the same probability, or so many pairs",
    .source = "Erdos & Renyi, Publicationes Mathematicae 6, 1959; Gilbert 1959; Batagelj & Brandes 2005",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct erdos_renyi_parameters),
    .ops = &ops,
};
