/* From edges to flat arrays. */
#include "sim/graphs/graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/overlay.h"

/* first and to of the edges as given; loops are counted and left out. */
static int collect(struct graph *graph, const struct graph_edges *edges)
{
    uint64_t arcs = edges->count * (edges->directed ? 1 : 2);
    graph->first = calloc((size_t) graph->node_count + 2, sizeof *graph->first);
    graph->to = malloc((arcs + 1) * sizeof *graph->to);
    if (!graph->first || !graph->to)
        return -ENOMEM;
    uint32_t *next = graph->first + 1; /* while filling, next[i] is where i's list goes on; then that is i + 1's first */
    for (uint64_t e = 0; e < edges->count; e++) {
        uint32_t a = edges->ends[2 * e], b = edges->ends[2 * e + 1];
        graph->loops += a == b;
        next[a + 1] += a != b;
        next[b + 1] += a != b && !edges->directed;
    }
    for (uint32_t i = 1; i <= graph->node_count; i++)
        next[i] += next[i - 1];
    for (uint64_t e = 0; e < edges->count; e++) {
        uint32_t a = edges->ends[2 * e], b = edges->ends[2 * e + 1];
        if (a == b)
            continue;
        graph->to[next[a]++] = b;
        if (!edges->directed)
            graph->to[next[b]++] = a;
    }
    return 0;
}

/* Turns all arcs around. Each list comes out ascending, so an undirected graph is sorted by one turn, a directed one by
 * two. */
static int transpose(struct graph *graph)
{
    uint32_t arcs = graph->first[graph->node_count];
    uint32_t *first = calloc((size_t) graph->node_count + 2, sizeof *first);
    uint32_t *to = malloc(((size_t) arcs + 1) * sizeof *to);
    if (!first || !to) {
        free(first);
        free(to);
        return -ENOMEM;
    }
    uint32_t *next = first + 1;
    for (uint32_t i = 0; i < arcs; i++)
        next[graph->to[i] + 1]++;
    for (uint32_t i = 1; i <= graph->node_count; i++)
        next[i] += next[i - 1];
    for (uint32_t node = 0; node < graph->node_count; node++)
        for (uint32_t i = graph->first[node]; i < graph->first[node + 1]; i++)
            to[next[graph->to[i]]++] = node;
    free(graph->first);
    free(graph->to);
    graph->first = first;
    graph->to = to;
    return 0;
}

/* Closes the gaps that repeated arcs leave; lists are sorted. */
static void drop_repeats(struct graph *graph)
{
    uint32_t kept = 0, begin = 0;
    uint64_t dropped = 0;
    for (uint32_t node = 0; node < graph->node_count; node++) {
        uint32_t end = graph->first[node + 1], list = kept;
        for (uint32_t i = begin; i < end; i++) {
            if (kept > list && graph->to[kept - 1] == graph->to[i])
                dropped++;
            else
                graph->to[kept++] = graph->to[i];
        }
        begin = end;
        graph->first[node + 1] = kept;
    }
    graph->repeats = graph->directed ? dropped : dropped / 2;
    graph->edge_count = graph->directed ? kept : kept / 2;
}

int graph_create(struct graph **result, uint32_t node_count, const struct graph_edges *edges)
{
    struct graph *graph = *result = calloc(1, sizeof *graph);
    if (!graph)
        return -ENOMEM;
    *graph = (struct graph){.node_count = node_count, .directed = edges->directed, .full = edges->full};
    if (edges->full) {
        graph->edge_count = node_count ? (uint64_t) node_count * (node_count - 1) / 2 : 0;
        return 0;
    }
    int error = collect(graph, edges);
    error = error ? error : transpose(graph);
    error = error || !edges->directed ? error : transpose(graph);
    if (!error) {
        drop_repeats(graph);
        return 0;
    }
    graph_free(graph);
    *result = NULL;
    return error;
}

void graph_free(struct graph *graph)
{
    if (!graph)
        return;
    free(graph->first);
    free(graph->to);
    free(graph);
}

int graph_too_few(const struct graph_request *request, uint32_t parameter, uint64_t peers_least)
{
    const struct topology_choice *choice = request->choice;
    base_diagnose(request->diagnostics, BASE_ERROR, choice->parameter_places[parameter], NULL,
                  "%s of %s needs at least %llu peers, and there are %u", choice->kind->parameters[parameter].key,
                  choice->kind->name, (unsigned long long) peers_least, request->node_count);
    return -EINVAL;
}

/* Overlays that are nothing without a graph. */
static int check_needed(const struct scenario *scenario, struct base_diagnostics *diagnostics)
{
    int error = 0;
    for (uint32_t i = 0; i <= scenario->group_count; i++) {
        const struct topology_choice *overlay =
            i < scenario->group_count ? &scenario->groups[i].overlay : &scenario->overlay;
        if (!overlay->kind || !((const struct overlay_ops *) overlay->kind->ops)->needs_graph)
            continue;
        base_diagnose(diagnostics, BASE_ERROR, overlay->place, "initial_graph: {random_regular: {degree: 6}}",
                      "overlay %s needs an initial_graph", overlay->kind->name);
        error = -EINVAL;
    }
    return error;
}

static int make(const struct graph_request *request, struct graph_edges *edges)
{
    const struct graph_ops *ops = request->choice->kind->ops;
    int error = ops->make(request, edges);
    error = error ? error : edges->error;
    if (error == -E2BIG)
        base_diagnose(request->diagnostics, BASE_ERROR, request->choice->place, NULL, "%s has more than %llu edges",
                      request->choice->kind->name, (unsigned long long) GRAPH_EDGES_MAX);
    if (error == -ENOMEM)
        base_diagnose(request->diagnostics, BASE_ERROR, request->choice->place, NULL,
                      "there is not enough memory for the edges of %s", request->choice->kind->name);
    return error;
}

static void warn_of_left_out(const struct graph_request *request, const struct graph *graph)
{
    if (graph->loops || graph->repeats)
        base_diagnose(request->diagnostics, BASE_WARNING, request->choice->place, NULL,
                      "%llu self-loops and %llu repeated edges are left out", (unsigned long long) graph->loops,
                      (unsigned long long) graph->repeats);
}

int graph_build(struct graph **graph, const struct scenario *scenario, struct base_diagnostics *diagnostics)
{
    *graph = NULL;
    if (!scenario->initial_graph.kind)
        return check_needed(scenario, diagnostics);
    struct graph_request request = {
        .node_count = scenario->peer_count, .choice = &scenario->initial_graph, .diagnostics = diagnostics,
        .key = base_random_key(scenario->seed, "graph", scenario->initial_graph.kind->name),
    };
    struct graph_edges edges = {0};
    int error = make(&request, &edges);
    error = error ? error : graph_create(graph, request.node_count, &edges);
    graph_edges_done(&edges);
    if (!error)
        warn_of_left_out(&request, *graph);
    return error;
}
