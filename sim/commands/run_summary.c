#include "sim/commands/run_summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/commands/print.h"

#define GUTTER 13       /* columns of a section's name */
#define CELL_LABEL 16
#define CELL_VALUE 15

/* Later than this, at the 99th percentile, a run in real time is no longer what the scenario says. */
#define LAG_MS_MAX 5.0

/* A section under way: cells stand two to a line, the section's name beside the first. */
struct section {
    const char *name;
    uint32_t cells;
};

static void cell(struct section *section, const char *label, const char *value)
{
    if (section->cells % 2 == 0)
        print_in(PRINT_BOLD, "%-*s", GUTTER, section->cells ? "" : section->name);
    else
        fputs("   ", stdout);
    printf("%-*s%*s", CELL_LABEL, label, CELL_VALUE, value);
    if (section->cells++ % 2)
        putchar('\n');
}

static void section_end(struct section *section)
{
    if (section->cells % 2)
        putchar('\n');
    section->cells = 0;
}

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static double number_of(const struct figure *figure)
{
    if (!figure || figure->type == FIGURE_NULL)
        return NAN;
    return figure->type == FIGURE_INTEGER ? (double) figure->integer : figure->real;
}

static double number_at(const struct summary *summary, const char *path)
{
    return number_of(summary_find(summary, path));
}

static const char *text_at(const struct summary *summary, const char *path)
{
    const struct figure *figure = summary_find(summary, path);
    return figure && figure->type == FIGURE_TEXT ? figure->text : "";
}

/* A figure as people read it; its unit is in its name. */
static const char *value_text(char *text, const struct figure *figure)
{
    if (ends_in(figure->path, "_ratio"))
        return print_share(text, number_of(figure));
    if (strstr(figure->path, "_ms_") || ends_in(figure->path, "_ms"))
        return print_span(text, (uint64_t) (number_of(figure) * 1e6 + 0.5));
    if (ends_in(figure->path, "bytes"))
        return print_bytes(text, (uint64_t) number_of(figure));
    if (figure->type == FIGURE_INTEGER)
        return print_count(text, figure->integer);
    return print_real(text, figure->real);
}

/* "latency_ms_p50" -> "latency p50". */
static void label_of(char label[96], const char *key)
{
    snprintf(label, 96, "%s", key);
    char *unit = strstr(label, "_ms");
    if (unit && (unit[3] == '_' || !unit[3]))
        memmove(unit, unit + 3, strlen(unit + 3) + 1);
    for (char *at = label; *at; at++)
        if (*at == '_')
            *at = ' ';
}

/* All figures of one object that are known; `but_zero` leaves those out that are 0. */
static void print_section(const struct summary *summary, const char *name, bool but_zero)
{
    struct section section = {.name = name};
    size_t length = strlen(name);
    for (uint32_t i = 0; i < summary->figure_count; i++) {
        const struct figure *figure = &summary->figures[i];
        if (strncmp(figure->path, name, length) != 0 || figure->path[length] != '.' || figure->type == FIGURE_NULL ||
            (but_zero && number_of(figure) == 0))
            continue;
        char label[96], value[PRINT_NUMBER_BYTES];
        label_of(label, figure->path + length + 1);
        cell(&section, label, value_text(value, figure));
    }
    section_end(&section);
}

static void print_headline(const struct scenario *scenario, const struct summary *summary)
{
    const char *status = text_at(summary, "status");
    print_in(PRINT_BOLD, "%.40s", scenario->name);
    printf("   seed %llu, %s clock, %s   ", (unsigned long long) scenario->seed, text_at(summary, "clock"),
           text_at(summary, "transport"));
    print_in(strcmp(status, "complete") == 0 ? PRINT_GOOD : PRINT_WARN, "%s\n", status);
    if (text_at(summary, "digest")[0])
        printf("digest %s\n", text_at(summary, "digest"));
    putchar('\n');
}

static void cell_span(struct section *section, const char *label, double seconds)
{
    char value[PRINT_NUMBER_BYTES];
    if (!isnan(seconds))
        cell(section, label, print_span(value, (uint64_t) (seconds * 1e9 + 0.5)));
}

static void print_run(const struct summary *summary)
{
    struct section section = {.name = "run"};
    char value[PRINT_NUMBER_BYTES];
    cell(&section, "peers", print_count(value, (uint64_t) number_at(summary, "peers")));
    if (!isnan(number_at(summary, "peers_up_mean")))
        cell(&section, "up on average", print_real(value, number_at(summary, "peers_up_mean")));
    cell(&section, "events", print_count(value, (uint64_t) number_at(summary, "events")));
    if (!isnan(number_at(summary, "events_per_s")))
        cell(&section, "events a second", print_rate(value, number_at(summary, "events_per_s")));
    cell_span(&section, "virtual time", number_at(summary, "virtual_s"));
    cell_span(&section, "wall time", number_at(summary, "wall_s"));
    cell_span(&section, "user CPU", number_at(summary, "user_cpu_s"));
    cell_span(&section, "set-up", number_at(summary, "setup_s"));
    cell(&section, "peak memory", print_bytes(value, (uint64_t) number_at(summary, "peak_rss_bytes")));
    for (uint32_t i = 0; i < 2; i++) {
        const struct figure *lag = summary_find(summary, i ? "lag_ms_max" : "lag_ms_p99");
        if (lag && lag->type != FIGURE_NULL)
            cell(&section, i ? "lag at most" : "lag p99", value_text(value, lag));
    }
    if (number_at(summary, "violations") > 0)
        cell(&section, "violations", print_count(value, (uint64_t) number_at(summary, "violations")));
    section_end(&section);
}

/* One line a metric; their figures come in a row: count, mean, p50, p99, max. */
static void print_metrics(const struct summary *summary)
{
    bool any = false;
    for (uint32_t i = 0; i + 4 < summary->figure_count; i++) {
        const struct figure *figure = &summary->figures[i];
        if (strncmp(figure->path, "metrics.", 8) != 0 || !ends_in(figure->path, ".count") || !figure->integer)
            continue;
        if (!any)
            print_in(PRINT_BOLD, "%-*s%-24s%9s%9s%9s%9s\n", GUTTER, "metrics", "", "mean", "p50", "p99", "max");
        any = true;
        int length = (int) (strlen(figure->path) - strlen("metrics..count"));
        printf("%*s%-24.*s", GUTTER, "", length, figure->path + 8);
        for (uint32_t column = 1; column <= 4; column++) {
            char value[PRINT_NUMBER_BYTES];
            printf("%9s", print_real(value, number_of(&figure[column])));
        }
        putchar('\n');
    }
}

static void print_expectations(const struct summary *summary)
{
    for (uint32_t i = 0; i < summary->expectation_count; i++) {
        const struct summary_expectation *expectation = &summary->expectations[i];
        char value[PRINT_NUMBER_BYTES] = "null";
        if (!isnan(expectation->value))
            snprintf(value, sizeof value, "%.6g", expectation->value);
        print_in(PRINT_BOLD, "%-*s", GUTTER, i ? "" : "expected");
        print_in(expectation->pass ? PRINT_GOOD : PRINT_BAD, "%s", expectation->pass ? "pass" : "FAIL");
        printf("  %-44s ", expectation->expectation->text);
        printf("%s\n", value);
    }
}

/* A file that was written: its figures, then its name. */
static void print_file(const struct summary *summary, const char *name, const char *path)
{
    print_section(summary, name, false);
    char bytes[32];
    snprintf(bytes, sizeof bytes, "%s.bytes", name);
    if (!path || isnan(number_at(summary, bytes)))
        return;
    printf("%*s", GUTTER, "");
    print_clean(stdout, path);
    putchar('\n');
}

void run_summary_print(const struct scenario *scenario, const struct summary *summary, const char *trace_path,
                       const char *pcap_path)
{
    print_headline(scenario, summary);
    print_run(summary);
    print_section(summary, "messages", false);
    print_section(summary, "drops", true);
    if (number_at(summary, "lookups.issued") > 0)
        print_section(summary, "lookups", false);
    if (number_at(summary, "broadcasts.published") > 0)
        print_section(summary, "broadcasts", false);
    print_metrics(summary);
    print_file(summary, "trace", trace_path);
    print_file(summary, "pcap", pcap_path);
    print_expectations(summary);
}

void run_summary_notes(const struct summary *summary)
{
    char text[PRINT_NUMBER_BYTES];
    double lag_ms = number_at(summary, "lag_ms_p99");
    if (lag_ms > LAG_MS_MAX)
        fprintf(stderr,
                "note: the run could not keep up with its clock: one event in a hundred came %s late or later.\n"
                "      Fewer peers, a slower clock (--clock scaled:0.1) or --clock virtual help.\n",
                print_span(text, (uint64_t) (lag_ms * 1e6)));
    if (number_at(summary, "trace.left_out") > 0)
        fprintf(stderr, "note: %s records did not get into the trace; record less (trace.record, trace.sample).\n",
                print_count(text, (uint64_t) number_at(summary, "trace.left_out")));
    if (number_at(summary, "pcap.left_out") > 0)
        fprintf(stderr, "note: %s packets did not get into the capture: the disk was slower than the run.\n",
                print_count(text, (uint64_t) number_at(summary, "pcap.left_out")));
    if (number_at(summary, "violations") > 0)
        fprintf(stderr, "note: %s peers violated their overlay's invariants at the end; see the trace's `violation`.\n",
                print_count(text, (uint64_t) number_at(summary, "violations")));
}
