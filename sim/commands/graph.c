/* peerlab graph: what a scenario's initial graph looks like, or what overlays made of theirs by some instant. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/commands/command.h"
#include "sim/commands/graph_trace.h"
#include "sim/commands/print.h"
#include "sim/commands/scenario_options.h"
#include "sim/graphs/measure.h"
#include "topologies/quantity.h"

#define SCALE_FREE_BELOW 4 /* what has a steeper tail is not worth the name; NaN is not below either */
#define DEGREES_LISTED_MAX 24 /* rows of the distribution; of more, powers of two are put together */

/* --- for people --- */

static void print_line(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print_line(const char *name, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_term(name, 14, text);
}

static void print_degree(const struct graph_measures *measures)
{
    char mean[PRINT_NUMBER_BYTES], least[PRINT_NUMBER_BYTES], most[PRINT_NUMBER_BYTES], in[PRINT_NUMBER_BYTES];
    print_real(mean, measures->degree_mean);
    print_count(least, measures->degree_min);
    print_count(most, measures->degree_max);
    print_count(in, measures->in_degree_max);
    if (measures->directed)
        print_line("degree", "knows %s on average (%s to %s); known by up to %s", mean, least, most, in);
    else
        print_line("degree", "%s on average (%s to %s)", mean, least, most);
    if (measures->degree_exponent < SCALE_FREE_BELOW)
        print_line("", "tail like a power law with the exponent %.2f", measures->degree_exponent);
}

static void print_paths(const struct graph_measures *measures)
{
    char mean[PRINT_NUMBER_BYTES], most[PRINT_NUMBER_BYTES], sources[PRINT_NUMBER_BYTES];
    print_count(most, measures->path_length_max);
    print_count(sources, measures->path_sources);
    bool sampled = measures->path_sources < measures->nodes;
    print_line("path length", "%s on average, %s at most%s%s%s", print_real(mean, measures->path_length), most,
               sampled ? " (from " : "", sampled ? sources : "", sampled ? " of the peers)" : "");
}

static void print_measures(const struct graph *graph, const struct graph_measures *measures)
{
    char a[PRINT_NUMBER_BYTES], b[PRINT_NUMBER_BYTES], c[PRINT_NUMBER_BYTES];
    print_line("peers", "%s", print_count(a, measures->nodes));
    print_line("edges", "%s, %s", print_count(a, measures->edges), measures->directed ? "directed" : "undirected");
    if (graph->loops || graph->repeats)
        print_line("", "left out: %s self-loops, %s repeated edges", print_count(a, graph->loops),
                   print_count(b, graph->repeats));
    if (!measures->nodes)
        return;
    print_degree(measures);
    print_line("clustering", "%.4f", measures->clustering);
    if (!isnan(measures->path_length))
        print_paths(measures);
    print_line("components", "%s; the largest has %s peers (%s), and %s are alone", print_count(a, measures->components),
               print_count(b, measures->component_largest),
               print_share(c, (double) measures->component_largest / (double) measures->nodes),
               print_count((char[PRINT_NUMBER_BYTES]){0}, measures->isolated));
}

static void put_degrees(struct print_table *table, const struct graph_measures *measures, uint32_t from, uint32_t to)
{
    char degree[PRINT_NUMBER_BYTES * 2], nodes[PRINT_NUMBER_BYTES], share[PRINT_NUMBER_BYTES];
    uint64_t count = 0;
    for (uint32_t i = from; i <= to; i++)
        count += measures->degrees[i];
    if (!count)
        return;
    if (from == to)
        snprintf(degree, sizeof degree, "%" PRIu32, from);
    else
        snprintf(degree, sizeof degree, "%" PRIu32 " to %" PRIu32, from, to);
    print_count(nodes, count);
    print_share(share, (double) count / (double) measures->nodes);
    print_table_row(table, (struct print_cell[]){{degree, true}, {nodes, true}, {share, true}});
}

static void print_degrees(const struct graph_measures *measures)
{
    static const struct print_column columns[] = {{"degree", ""}, {"peers", ""}, {"share", ""}};
    struct print_table *table = print_table_create(columns, sizeof columns / sizeof *columns);
    uint32_t distinct = 0;
    for (uint32_t i = measures->degree_min; i <= measures->degree_max; i++)
        distinct += measures->degrees[i] > 0;
    for (uint64_t from = measures->degree_min, to; from <= measures->degree_max; from = to + 1) {
        to = from;
        if (distinct > DEGREES_LISTED_MAX && from > 1)
            to = (UINT64_C(2) << (63 - __builtin_clzll(from))) - 1;
        put_degrees(table, measures, (uint32_t) from,
                    (uint32_t) (to < measures->degree_max ? to : measures->degree_max));
    }
    print_table_finish(table);
}

/* --- JSON --- */

static void put_real(const char *key, double value)
{
    printf(",\"%s\":", key);
    base_json_put_real(stdout, value);
}

static void put_count(const char *key, uint64_t value)
{
    printf(",\"%s\":%" PRIu64, key, value);
}

static void put_json(const char *source, const struct graph *graph, const struct graph_measures *measures,
                     const uint64_t *stale)
{
    fputs("{\"source\":", stdout);
    base_json_put_text(stdout, source);
    put_count("nodes", measures->nodes);
    put_count("edges", measures->edges);
    printf(",\"directed\":%s", measures->directed ? "true" : "false");
    put_count("self_loops_left_out", graph->loops);
    put_count("repeated_edges_left_out", graph->repeats);
    if (stale)
        put_count("stale_entries", *stale);
    put_count("degree_min", measures->degree_min);
    put_real("degree_mean", measures->degree_mean);
    put_count("degree_max", measures->degree_max);
    put_count("in_degree_max", measures->in_degree_max);
    put_real("degree_exponent", measures->degree_exponent);
    put_real("clustering", measures->clustering);
    put_real("path_length_mean", measures->path_length);
    put_count("path_length_max", measures->path_length_max);
    put_count("path_sources", measures->path_sources);
    put_count("components", measures->components);
    put_count("component_largest", measures->component_largest);
    put_count("isolated", measures->isolated);
    fputs(",\"degrees\":[", stdout);
    const char *comma = "";
    for (uint32_t i = 0; i <= measures->degree_max; i++)
        if (measures->degrees[i]) {
            printf("%s{\"degree\":%" PRIu32 ",\"nodes\":%" PRIu64 "}", comma, i, measures->degrees[i]);
            comma = ",";
        }
    fputs("]}\n", stdout);
}

/* --- where the graph comes from --- */

static bool is_trace(const char *path)
{
    char head[16] = "";
    FILE *file = fopen(path, "re");
    bool found = file && fread(head, 1, sizeof head, file) == sizeof head &&
                 memcmp(head, "SQLite format 3", sizeof head) == 0;
    if (file)
        fclose(file);
    return found;
}

/* What is measured, and what it is called. */
struct subject {
    struct graph *graph;
    const char *const *names;
    bool of_trace;
    uint64_t stale;
    struct scenario *scenario; /* NULL: of a trace */
    struct base_arena *arena;
};

static const char *const *name_peers(const struct scenario *scenario, struct base_arena *arena)
{
    const char **names = base_arena_array(arena, const char *, scenario->peer_count + (size_t) 1);
    for (uint32_t g = 0; g < scenario->group_count; g++)
        for (uint32_t i = 0; i < scenario->groups[g].count; i++)
            names[scenario->groups[g].first + i] = base_arena_printf(arena, "%s.%u", scenario->groups[g].name, i);
    return names;
}

static int from_scenario(struct subject *subject, const struct arguments *arguments,
                         struct base_diagnostics *diagnostics)
{
    int error = scenario_load(&subject->scenario, arguments, arguments->operands[0], NULL, diagnostics);
    error = error ? error : graph_build(&subject->graph, subject->scenario, diagnostics);
    if (!error && !subject->graph) {
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place){0}, "initial_graph: {random_regular: {degree: 6}}",
                      "%s has no initial_graph", arguments->operands[0]);
        error = -EINVAL;
    }
    if (!error && arguments_has(arguments, "output"))
        subject->names = name_peers(subject->scenario, subject->arena);
    return error;
}

static int from_trace(struct subject *subject, const struct arguments *arguments, int64_t at_ns,
                      struct base_diagnostics *diagnostics)
{
    struct graph_trace trace;
    int error = graph_trace_read(&trace, arguments->operands[0], at_ns, subject->arena, diagnostics);
    *subject = (struct subject){.graph = trace.graph, .names = trace.names, .of_trace = true, .stale = trace.stale,
                                .arena = subject->arena};
    return error;
}

/* --- the command --- */

static int write_graph(const struct arguments *arguments, const struct subject *subject)
{
    const char *path = arguments_value(arguments, "output");
    int error = path ? graph_write_graphml(subject->graph, subject->names, path) : 0;
    if (error)
        fprintf(stderr, "peerlab graph: %s: %s\n", path,
                error == -E2BIG ? "a full graph of more than 4,096 peers is not written" : strerror(-error));
    return error ? command_status(error) : EXIT_GOOD;
}

static int show(const struct arguments *arguments, const struct subject *subject)
{
    struct graph_measures measures;
    int error = graph_measure(subject->graph, &measures);
    if (error) {
        fprintf(stderr, "peerlab graph: the graph cannot be measured: %s\n", strerror(-error));
        return command_status(error);
    }
    if (arguments_has(arguments, "json")) {
        put_json(arguments->operands[0], subject->graph, &measures, subject->of_trace ? &subject->stale : NULL);
    } else {
        char stale[PRINT_NUMBER_BYTES];
        print_measures(subject->graph, &measures);
        if (subject->stale)
            print_line("stale", "%s entries name peers that are down", print_count(stale, subject->stale));
        if (measures.nodes)
            putchar('\n');
        if (measures.nodes)
            print_degrees(&measures);
    }
    graph_measures_done(&measures);
    return EXIT_GOOD;
}

/* The instant of --at; left as it is without one. */
static int read_at(const struct arguments *arguments, bool of_trace, int64_t *at_ns)
{
    const char *text = arguments_value(arguments, "at"), *unit;
    uint64_t value;
    if (text && !of_trace)
        return command_refuse(arguments->command, "--at is for traces: a scenario has its graph at the start");
    if (text && topology_quantity_read(TOPOLOGY_DURATION, text, &value, &unit) != TOPOLOGY_QUANTITY_GOOD)
        return command_refuse(arguments->command, "--at %s: a time like '40 min' is needed", text);
    if (text)
        *at_ns = value < INT64_MAX ? (int64_t) value : INT64_MAX;
    return EXIT_GOOD;
}

static int run_graph(const struct arguments *arguments)
{
    struct subject subject = {.arena = base_arena_create()};
    struct base_diagnostics diagnostics = {0};
    bool of_trace = is_trace(arguments->operands[0]);
    int64_t at_ns = INT64_MAX;
    int status = read_at(arguments, of_trace, &at_ns);
    if (status == EXIT_GOOD) {
        int error = of_trace ? from_trace(&subject, arguments, at_ns, &diagnostics)
                             : from_scenario(&subject, arguments, &diagnostics);
        print_diagnostics(&diagnostics);
        status = error ? command_status(error) : write_graph(arguments, &subject);
    }
    if (status == EXIT_GOOD)
        status = show(arguments, &subject);
    graph_free(subject.graph);
    topology_scenario_free(subject.scenario);
    base_arena_free(subject.arena);
    return status;
}

static const struct command_option options[] = {
    {"at", 0, "TIME", "of a trace: the instant, '40 min' on the scenario's clock;\nits end unless given"},
    {"output", 'o', "FILE", "write the graph as GraphML"},
    SCENARIO_OPTIONS,
    {"json", 0, NULL, "the figures as one JSON object"},
};

const struct command graph_command = {
    .name = "graph",
    .operands = "SCENARIO | TRACE.db",
    .summary = "measures an initial graph, or who knew whom at an instant of a trace",
    .about = "Of a scenario: its initial_graph. Of a trace that recorded lifecycle and neighbours:\n"
             "who had whom in a table at that instant, among those who were up. Clustering, path\n"
             "length and components take an edge both ways.",
    .examples = "peerlab graph topologies/papers/c16-graphs.yaml\n"
                "peerlab graph s.yaml --set 'initial_graph={barabasi_albert: {edges: 5}}'\n"
                "peerlab graph trace.db --at '40 min' -o overlay.graphml",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run_graph,
};
