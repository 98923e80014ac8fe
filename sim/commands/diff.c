/* peerlab diff: the first event in which two runs differ, with what led to it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/commands/command.h"
#include "sim/commands/print.h"
#include "traces/query.h"

/* Lines, each indented and cleaned. */
static void print_path(const char *path)
{
    while (path && *path) {
        size_t length = strcspn(path, "\n");
        char line[1024];
        snprintf(line, sizeof line, "%.*s", (int) length, path);
        fputs("    ", stdout);
        print_clean(stdout, line);
        putchar('\n');
        path += length + (path[length] == '\n');
    }
}

static void print_side(const char *trace, const char *event, const char *path)
{
    print_clean(stdout, trace);
    putchar('\n');
    if (path && *path) {
        print_in(PRINT_DIM, "  what led to it\n");
        print_path(path);
    }
    print_in(PRINT_BAD, "  > ");
    print_clean(stdout, event ? event : "(nothing: it had ended)");
    putchar('\n');
}

static void print_difference(const struct arguments *arguments, const struct trace_difference *difference)
{
    char count[PRINT_NUMBER_BYTES];
    print_count(count, difference->compared);
    if (!difference->differs) {
        printf("the same: %s events\n", count);
    } else {
        printf("they differ after %s events that are the same\n\n", count);
        print_side(arguments->operands[0], difference->a, difference->a_path);
        putchar('\n');
        print_side(arguments->operands[1], difference->b, difference->b_path);
    }
    if (difference->note)
        printf("\nnote: %s\n", difference->note);
}

static void put_lines(const char *lines)
{
    putchar('[');
    for (bool first = true; lines && *lines; first = false) {
        size_t length = strcspn(lines, "\n");
        fputs(first ? "" : ",", stdout);
        base_json_put(stdout, lines, length);
        lines += length + (lines[length] == '\n');
    }
    putchar(']');
}

static void put_side(const char *name, const char *trace, const char *event, const char *path)
{
    printf(",\"%s\":{\"trace\":", name);
    base_json_put_text(stdout, trace);
    fputs(",\"event\":", stdout);
    base_json_put_text(stdout, event);
    fputs(",\"path\":", stdout);
    put_lines(path);
    putchar('}');
}

static void put_json(const struct arguments *arguments, const struct trace_difference *difference)
{
    printf("{\"same\":%s,\"compared\":%" PRIu64, difference->differs ? "false" : "true", difference->compared);
    put_side("a", arguments->operands[0], difference->a, difference->a_path);
    put_side("b", arguments->operands[1], difference->b, difference->b_path);
    fputs(",\"note\":", stdout);
    base_json_put_text(stdout, difference->note);
    fputs("}\n", stdout);
}

static int run_diff(const struct arguments *arguments)
{
    struct base_diagnostics diagnostics = {0};
    struct trace_reader *a = NULL, *b = NULL;
    struct trace_difference difference = {0};
    int error = trace_reader_open(&a, arguments->operands[0], &diagnostics);
    error = error ? error : trace_reader_open(&b, arguments->operands[1], &diagnostics);
    error = error ? error : trace_compare(a, b, &difference, &diagnostics);
    print_diagnostics(&diagnostics);
    if (!error && arguments_has(arguments, "json"))
        put_json(arguments, &difference);
    else if (!error)
        print_difference(arguments, &difference);
    int status = error ? command_status(error) : difference.differs ? EXIT_FAILED : EXIT_GOOD;
    trace_difference_done(&difference);
    trace_reader_close(a);
    trace_reader_close(b);
    return status;
}

static const struct command_option options[] = {
    {"json", 0, NULL, "{same compared a{trace event path} b{...} note}"},
};

const struct command diff_command = {
    .name = "diff",
    .operands = "A.db B.db",
    .summary = "finds the first event in which two runs differ, and what led to it",
    .about = "Compares what both traces recorded, in the order of time. Status 1: they differ.",
    .examples = "peerlab run s.yaml -o a.db; peerlab run s.yaml --seed 2 -o b.db\n"
                "peerlab diff a.db b.db",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 2,
    .operands_max = 2,
    .run = run_diff,
};
