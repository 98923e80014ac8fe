/* peerlab compare: how far two traces are apart. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/commands/command.h"
#include "sim/commands/print.h"
#include "traces/distance.h"

static const char *real_or_none(char *text, double value)
{
    return isnan(value) ? NULL : print_real(text, value);
}

static const char *distance_or_none(char *text, double value)
{
    snprintf(text, PRINT_NUMBER_BYTES, "%.4f", value);
    return isnan(value) ? NULL : text;
}

static void print_distances(const struct trace_distance *distances, uint32_t count)
{
    static const struct print_column columns[] = {{"measure", ""}, {"unit", ""}, {"A: count", ""}, {"mean", ""},
        {"B: count", ""}, {"mean", ""}, {"distance", ""}, {"95 %, from", ""}, {"to", ""}};
    struct print_table *table = print_table_create(columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < count; i++) {
        const struct trace_distance *distance = &distances[i];
        char counts[2][PRINT_NUMBER_BYTES], means[2][PRINT_NUMBER_BYTES], sizes[3][PRINT_NUMBER_BYTES];
        print_table_row(table, (struct print_cell[]) {
            {distance->measure, false}, {distance->unit, false},
            {print_count(counts[0], distance->count[0]), true}, {real_or_none(means[0], distance->mean[0]), true},
            {print_count(counts[1], distance->count[1]), true}, {real_or_none(means[1], distance->mean[1]), true},
            {distance_or_none(sizes[0], distance->distance), true},
            {distance_or_none(sizes[1], distance->low), true}, {distance_or_none(sizes[2], distance->high), true},
        });
    }
    print_table_finish(table);
}

static void put_side(const char *before, const char *name, uint64_t count, double mean)
{
    printf("%s\"%s\":{\"count\":%" PRIu64 ",\"mean\":", before, name, count);
    base_json_put_real(stdout, mean);
    fputs("}", stdout);
}

static void put_distances(const struct arguments *arguments, const struct trace_distance *distances, uint32_t count)
{
    fputs("{\"a\":", stdout);
    base_json_put_text(stdout, arguments->operands[0]);
    fputs(",\"b\":", stdout);
    base_json_put_text(stdout, arguments->operands[1]);
    fputs(",\"distances\":[", stdout);
    for (uint32_t i = 0; i < count; i++) {
        fputs(i ? ",\n {\"measure\":" : "\n {\"measure\":", stdout);
        base_json_put_text(stdout, distances[i].measure);
        fputs(",\"unit\":", stdout);
        base_json_put_text(stdout, distances[i].unit[0] ? distances[i].unit : NULL);
        put_side(",", "a", distances[i].count[0], distances[i].mean[0]);
        put_side(",", "b", distances[i].count[1], distances[i].mean[1]);
        fputs(",\"distance\":", stdout);
        base_json_put_real(stdout, distances[i].distance);
        fputs(",\"interval\":{\"low\":", stdout);
        base_json_put_real(stdout, distances[i].low);
        fputs(",\"high\":", stdout);
        base_json_put_real(stdout, distances[i].high);
        fputs("}}", stdout);
    }
    fputs("]}\n", stdout);
}

/* EXIT_INPUT, told, where nothing was measured in both. */
static int status_of(const struct arguments *arguments, const struct trace_distance *distances, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (distances[i].count[0] > 0 && distances[i].count[1] > 0)
            return EXIT_GOOD;
    struct base_diagnostics diagnostics = {0};
    base_diagnose(&diagnostics, BASE_ERROR, (struct base_place) {0},
                  "record lookups, broadcasts or messages in both (`trace.record`)",
                  "nothing was measured in both %s and %s: there is nothing to compare", arguments->operands[0],
                  arguments->operands[1]);
    print_diagnostics(&diagnostics);
    return EXIT_INPUT;
}

static int run_compare(const struct arguments *arguments)
{
    struct base_diagnostics diagnostics = {0};
    struct trace_reader *a = NULL, *b = NULL;
    struct trace_distance *distances = NULL;
    uint32_t count = 0;
    int error = trace_reader_open(&a, arguments->operands[0], &diagnostics);
    error = error ? error : trace_reader_open(&b, arguments->operands[1], &diagnostics);
    error = error ? error : trace_distances(a, b, &distances, &count, &diagnostics);
    print_diagnostics(&diagnostics);
    if (!error && arguments_has(arguments, "json"))
        put_distances(arguments, distances, count);
    else if (!error && count > 0)
        print_distances(distances, count);
    int status = error ? command_status(error) : status_of(arguments, distances, count);
    free(distances);
    trace_reader_close(a);
    trace_reader_close(b);
    return status;
}

static const struct command_option options[] = {
    {"json", 0, NULL, "{a b distances[{measure unit a{count mean} b{count mean}\n"
                      "distance interval{low high}}]}"},
};

const struct command compare_command = {
    .name = "compare",
    .operands = "A.db B.db",
    .summary = "tells how far two runs are apart: Kolmogorov-Smirnov distances",
    .about = "The largest difference between the distributions of what both runs measured, from 0 to 1\n"
             "(of a share: the difference), with its 95 % bootstrap interval: success, hops, latency and\n"
             "messages of lookups, delivery, hops and latency of broadcasts, and how many messages of\n"
             "each kind a peer sent. What is compared must be in both traces: record lookups,\n"
             "broadcasts, messages. Status 2: they have nothing in common.",
    .examples = "peerlab run s.yaml -o a.db\n"
                "peerlab run s.yaml --clock real --transport localhost -o b.db\n"
                "peerlab compare a.db b.db",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 2,
    .operands_max = 2,
    .run = run_compare,
};
