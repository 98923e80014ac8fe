#include "sim/graphs/measure.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "sim/graphs/igraph_session.h"

#define STEPS_MAX 100000000u       /* of path counting, an edge looked at being one */
#define SOURCES_LEAST 8u
#define DISTANCES_MAX 4000000u     /* of one call: 32 MB */

static int measure_degrees(const struct graph *graph, struct graph_measures *measures)
{
    uint32_t *in = calloc((size_t) graph->node_count + 1, sizeof *in);
    measures->degree_min = graph->node_count ? UINT32_MAX : 0;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t degree = graph_degree(graph, node);
        measures->degree_min = degree < measures->degree_min ? degree : measures->degree_min;
        measures->degree_max = degree > measures->degree_max ? degree : measures->degree_max;
    }
    measures->degrees = calloc((size_t) measures->degree_max + 1, sizeof *measures->degrees);
    if (!in || !measures->degrees) {
        free(in);
        return -ENOMEM;
    }
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t degree = graph_degree(graph, node);
        measures->degrees[degree]++;
        if (graph->full)
            in[node] = degree;
        else
            for (uint32_t i = graph->first[node]; i < graph->first[node + 1]; i++)
                in[graph->to[i]]++;
    }
    for (uint32_t node = 0; node < graph->node_count; node++)
        measures->in_degree_max = in[node] > measures->in_degree_max ? in[node] : measures->in_degree_max;
    free(in);
    double ends = (double) graph->edge_count * (graph->directed ? 1 : 2);
    measures->degree_mean = graph->node_count ? ends / graph->node_count : NAN;
    return 0;
}

static igraph_error_t measure_exponent(const struct graph *graph, struct graph_measures *measures)
{
    igraph_vector_t degrees;
    igraph_plfit_result_t fit;
    IGRAPH_CHECK(igraph_vector_init(&degrees, 0));
    IGRAPH_FINALLY(igraph_vector_destroy, &degrees);
    for (uint32_t node = 0; node < graph->node_count; node++)
        if (graph_degree(graph, node))
            IGRAPH_CHECK(igraph_vector_push_back(&degrees, graph_degree(graph, node)));
    if (measures->degree_min != measures->degree_max && igraph_vector_size(&degrees)) {
        IGRAPH_CHECK(igraph_power_law_fit(&degrees, &fit, -1, false));
        measures->degree_exponent = fit.alpha;
    }
    igraph_vector_destroy(&degrees);
    IGRAPH_FINALLY_CLEAN(1);
    return IGRAPH_SUCCESS;
}

static igraph_error_t measure_components(const igraph_t *graph, struct graph_measures *measures)
{
    igraph_vector_int_t sizes;
    igraph_integer_t count;
    IGRAPH_CHECK(igraph_vector_int_init(&sizes, 0));
    IGRAPH_FINALLY(igraph_vector_int_destroy, &sizes);
    IGRAPH_CHECK(igraph_connected_components(graph, NULL, &sizes, &count, IGRAPH_WEAK));
    measures->components = (uint64_t) count;
    measures->component_largest = count ? (uint64_t) igraph_vector_int_max(&sizes) : 0;
    for (igraph_integer_t i = 0; i < count; i++)
        measures->isolated += VECTOR(sizes)[i] == 1;
    igraph_vector_int_destroy(&sizes);
    IGRAPH_FINALLY_CLEAN(1);
    return IGRAPH_SUCCESS;
}

struct path_sums {
    double length;
    uint64_t pairs;
};

static void add_distances(const igraph_matrix_t *distances, struct graph_measures *measures, struct path_sums *sums)
{
    igraph_integer_t count = igraph_matrix_size(distances);
    const double *lengths = VECTOR(distances->data);
    for (igraph_integer_t i = 0; i < count; i++) {
        if (lengths[i] == 0 || !isfinite(lengths[i]))
            continue; /* to itself, or nowhere */
        sums->length += lengths[i];
        sums->pairs++;
        if (lengths[i] > measures->path_length_max)
            measures->path_length_max = (uint32_t) lengths[i];
    }
}

/* Sources stand evenly over all nodes; some are asked for at once, as many as the memory for their distances allows. */
static igraph_error_t measure_paths(const igraph_t *graph, struct graph_measures *measures)
{
    uint64_t steps = measures->nodes + 2 * measures->edges, sources = measures->nodes, at_once;
    if (steps && sources > STEPS_MAX / steps)
        sources = STEPS_MAX / steps > SOURCES_LEAST ? STEPS_MAX / steps : SOURCES_LEAST;
    sources = sources < measures->nodes ? sources : measures->nodes;
    at_once = measures->nodes && DISTANCES_MAX / measures->nodes ? DISTANCES_MAX / measures->nodes : 1;
    struct path_sums sums = {0};
    igraph_matrix_t distances;
    igraph_vector_int_t from;
    IGRAPH_CHECK(igraph_matrix_init(&distances, 0, 0));
    IGRAPH_FINALLY(igraph_matrix_destroy, &distances);
    IGRAPH_CHECK(igraph_vector_int_init(&from, 0));
    IGRAPH_FINALLY(igraph_vector_int_destroy, &from);
    for (uint64_t i = 0; i < sources;) {
        igraph_vector_int_clear(&from);
        for (uint64_t end = i + at_once; i < sources && i < end; i++)
            IGRAPH_CHECK(igraph_vector_int_push_back(&from, (igraph_integer_t) (i * measures->nodes / sources)));
        IGRAPH_CHECK(igraph_distances(graph, &distances, igraph_vss_vector(&from), igraph_vss_all(), IGRAPH_ALL));
        add_distances(&distances, measures, &sums);
    }
    measures->path_sources = (uint32_t) sources;
    measures->path_length = sums.pairs ? sums.length / (double) sums.pairs : NAN;
    igraph_vector_int_destroy(&from);
    igraph_matrix_destroy(&distances);
    IGRAPH_FINALLY_CLEAN(2);
    return IGRAPH_SUCCESS;
}

static igraph_error_t measure_copy(igraph_t *copy, struct graph_measures *measures)
{
    igraph_real_t clustering;
    IGRAPH_CHECK(measure_components(copy, measures));
    IGRAPH_CHECK(measure_paths(copy, measures));
    if (igraph_is_directed(copy))
        IGRAPH_CHECK(igraph_to_undirected(copy, IGRAPH_TO_UNDIRECTED_COLLAPSE, NULL));
    IGRAPH_CHECK(igraph_transitivity_avglocal_undirected(copy, &clustering, IGRAPH_TRANSITIVITY_ZERO));
    measures->clustering = measures->nodes ? clustering : NAN;
    return IGRAPH_SUCCESS;
}

static igraph_error_t measure_all(const struct graph *graph, struct graph_measures *measures)
{
    igraph_t copy;
    IGRAPH_CHECK(graph_igraph_from(graph, &copy));
    IGRAPH_FINALLY(igraph_destroy, &copy);
    IGRAPH_CHECK(measure_copy(&copy, measures));
    igraph_destroy(&copy);
    IGRAPH_FINALLY_CLEAN(1);
    return measure_exponent(graph, measures);
}

/* Of a full graph all is known. */
static void measure_full(struct graph_measures *measures)
{
    uint32_t nodes = (uint32_t) measures->nodes;
    measures->components = nodes > 0;
    measures->component_largest = nodes;
    measures->isolated = nodes == 1;
    measures->path_sources = nodes;
    measures->path_length_max = nodes > 1;
    measures->path_length = nodes > 1 ? 1 : NAN;
    measures->clustering = nodes == 0 ? NAN : nodes > 2;
}

int graph_measure(const struct graph *graph, struct graph_measures *measures)
{
    *measures = (struct graph_measures){.nodes = graph->node_count, .edges = graph->edge_count,
                                        .directed = graph->directed, .degree_exponent = NAN};
    int error = measure_degrees(graph, measures);
    if (!error && graph->full) {
        measure_full(measures);
    } else if (!error) {
        struct graph_igraph_session session;
        graph_igraph_begin(&session);
        error = graph_igraph_error(measure_all(graph, measures));
        graph_igraph_end(&session);
    }
    if (error)
        graph_measures_done(measures);
    return error;
}

void graph_measures_done(struct graph_measures *measures)
{
    free(measures->degrees);
    measures->degrees = NULL;
}
