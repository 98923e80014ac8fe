/* random_regular: every node has the same degree, else all is chance. A. Steger, N. C. Wormald, "Generating random regular
 * graphs quickly", Combinatorics, Probability and Computing 8, 1999.
 *
 * Each node has `degree` points. Two free points are drawn uniformly and joined if their nodes differ and are not joined
 * yet, until no point is free. Where the paper starts again, when the few points left cannot be joined, an edge x - y is
 * taken away (the first that serves, from a random one on) and u - x, v - y put in its place (u, v: two of those left).
 * Above a degree of half of the peers the complement is made: there the points that are left over would be many. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "sim/graphs/graph.h"

/* Draws in a row that fail before the rest is repaired. While a share s of the pairs could be joined, all fail with the
 * probability (1 - s) ^ 64; a repair too early would do no harm but to the paper's distribution. */
#define FAILURES_MAX 64
#define ATTEMPTS_MAX 100

struct pairing {
    uint32_t node_count, degree;
    uint32_t *others;      /* degree of each node */
    uint32_t *joined;      /* how many of them there are yet */
    uint32_t *points;      /* the free ones, as their nodes */
    uint64_t point_count;
    struct graph_stream stream;
};

static bool is_joined(const struct pairing *pairing, uint32_t a, uint32_t b)
{
    const uint32_t *others = pairing->others + (uint64_t) a * pairing->degree;
    for (uint32_t i = 0; i < pairing->joined[a]; i++)
        if (others[i] == b)
            return true;
    return false;
}

static void join(struct pairing *pairing, uint32_t a, uint32_t b)
{
    pairing->others[(uint64_t) a * pairing->degree + pairing->joined[a]++] = b;
}

static void take_points(struct pairing *pairing, uint64_t a, uint64_t b)
{
    uint64_t high = a > b ? a : b, low = a > b ? b : a;
    pairing->points[high] = pairing->points[--pairing->point_count];
    pairing->points[low] = pairing->points[--pairing->point_count];
}

static void replace(struct pairing *pairing, uint32_t node, uint32_t old, uint32_t new)
{
    uint32_t *others = pairing->others + (uint64_t) node * pairing->degree;
    while (*others != old)
        others++;
    *others = new;
}

/* Puts u and v into an edge; false: into none. */
static bool repair(struct pairing *pairing, uint32_t u, uint32_t v)
{
    uint64_t places = (uint64_t) pairing->node_count * pairing->degree;
    uint64_t start = graph_draw_below(&pairing->stream, places);
    for (uint64_t i = 0; i < places; i++) {
        uint64_t place = start + i < places ? start + i : start + i - places;
        uint32_t x = (uint32_t) (place / pairing->degree), y = pairing->others[place];
        if (place % pairing->degree >= pairing->joined[x] || x == u || y == v || is_joined(pairing, u, x) ||
            is_joined(pairing, v, y))
            continue;
        replace(pairing, x, y, u);
        replace(pairing, y, x, v);
        join(pairing, u, x);
        join(pairing, v, y);
        return true;
    }
    return false;
}

static void begin(struct pairing *pairing)
{
    pairing->point_count = 0;
    for (uint32_t node = 0; node < pairing->node_count; node++) {
        pairing->joined[node] = 0;
        for (uint32_t i = 0; i < pairing->degree; i++)
            pairing->points[pairing->point_count++] = node;
    }
}

/* False: it came to an end that nothing repairs. */
static bool pair_all(struct pairing *pairing)
{
    for (uint32_t failures = 0; pairing->point_count;) {
        uint64_t a = graph_draw_below(&pairing->stream, pairing->point_count);
        uint64_t b = graph_draw_below(&pairing->stream, pairing->point_count - 1);
        b += b >= a;
        uint32_t u = pairing->points[a], v = pairing->points[b];
        if (u != v && !is_joined(pairing, u, v)) {
            join(pairing, u, v);
            join(pairing, v, u);
        } else if (++failures < FAILURES_MAX) {
            continue;
        } else if (!repair(pairing, u, v)) {
            return false;
        }
        take_points(pairing, a, b);
        failures = 0;
    }
    return true;
}

static void add_edges(const struct pairing *pairing, struct graph_edges *edges)
{
    for (uint32_t node = 0; node < pairing->node_count; node++)
        for (uint32_t i = 0; i < pairing->degree; i++) {
            uint32_t other = pairing->others[(uint64_t) node * pairing->degree + i];
            if (node < other)
                graph_edges_add(edges, node, other);
        }
}

static void add_complement(const struct pairing *pairing, struct graph_edges *edges)
{
    for (uint32_t node = 0; node < pairing->node_count; node++)
        for (uint32_t other = node + 1; other < pairing->node_count; other++)
            if (!is_joined(pairing, node, other))
                graph_edges_add(edges, node, other);
}

static int pair_and_add(struct pairing *pairing, bool complement, struct graph_edges *edges)
{
    uint32_t attempts = 0;
    do {
        if (attempts++ == ATTEMPTS_MAX)
            return -EINVAL;
        begin(pairing);
    } while (!pair_all(pairing));
    complement ? add_complement(pairing, edges) : add_edges(pairing, edges);
    return 0;
}

static int build(const struct graph_request *request, uint32_t degree, struct graph_edges *edges)
{
    bool complement = degree > (request->node_count - 1) / 2;
    struct pairing pairing = {.node_count = request->node_count, .stream.key = request->key,
                              .degree = complement ? request->node_count - 1 - degree : degree};
    uint64_t points = (uint64_t) pairing.node_count * pairing.degree;
    int error = graph_edges_reserve(edges, (uint64_t) request->node_count * degree / 2);
    if (error)
        return error;
    pairing.others = malloc((points + 1) * sizeof *pairing.others);
    pairing.points = malloc((points + 1) * sizeof *pairing.points);
    pairing.joined = calloc(pairing.node_count, sizeof *pairing.joined);
    error = pairing.others && pairing.points && pairing.joined ? pair_and_add(&pairing, complement, edges) : -ENOMEM;
    if (error == -EINVAL)
        base_diagnose(request->diagnostics, BASE_ERROR, request->choice->place, "another seed may do",
                      "no random_regular graph of degree %u over %u peers was found", degree, request->node_count);
    free(pairing.others);
    free(pairing.points);
    free(pairing.joined);
    return error;
}

struct random_regular_parameters {
    uint64_t degree;
};

static int make(const struct graph_request *request, struct graph_edges *edges)
{
    uint64_t degree = ((const struct random_regular_parameters *) request->choice->parameters)->degree;
    if (request->node_count == 0)
        return 0;
    if (degree >= request->node_count)
        return graph_too_few(request, 0, degree + 1);
    if (degree % 2 && request->node_count % 2) {
        base_diagnose(request->diagnostics, BASE_ERROR, request->choice->parameter_places[0],
                      "each edge has two ends: the degree or the number of peers must be even",
                      "there is no graph of degree %llu over %u peers", (unsigned long long) degree,
                      request->node_count);
        return -EINVAL;
    }
    return build(request, (uint32_t) degree, edges);
}

static const struct graph_ops ops = {.make = make};

static const struct topology_parameter parameters[] = {
    {.key = "degree", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct random_regular_parameters, degree),
     .minimum = "1", .maximum = "2147483646", .about = "How many peers each knows."},
};

const struct topology_kind graph_random_regular = {
    .name = "random_regular",
    .summary = "each peer knows as many others, drawn at random",
    .source = "Steger & Wormald, Combinatorics, Probability and Computing 8, 1999",
    .parameters = parameters,
    .parameter_count = 1,
    .parameters_bytes = sizeof(struct random_regular_parameters),
    .bare = "degree",
    .ops = &ops,
};
