#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/bench/event_loops/bench.h"

#define TEXT_MAX 64

void bench_report_begin(const struct bench *bench)
{
    if (bench->json)
        fputs("[", stdout);
}

void bench_report_head(const struct bench *bench, const char *title, const char *figure,
                       const char *beside)
{
    if (bench->json)
        return;
    printf("%s%s\n", bench->rows ? "\n" : "", title);
    char ratio[TEXT_MAX] = "";
    if (beside)
        snprintf(ratio, sizeof ratio, "of %s [95 %%]", beside);
    printf("%-22s %9s  %-21s %8s %9s\n", "", figure, ratio, "user ns", "sys calls");
}

static bool is_reached(struct bench_goal goal, double value)
{
    return goal.wanted == BENCH_AT_MOST ? value <= goal.bound : value >= goal.bound;
}

/* One of a row's goals, in words; nothing where nothing is wanted or nothing was measured. */
static void print_goal(struct bench *bench, struct bench_goal goal, double value, const char *of)
{
    if (goal.wanted == BENCH_NOTHING || isnan(value))
        return;
    bool reached = is_reached(goal, value);
    bench->missed |= !reached;
    if (bench->json)
        printf(", \"%swanted_%s\": %g, \"%sreached\": %s", of, goal.wanted == BENCH_AT_MOST ? "at_most" : "at_least",
               goal.bound, of, reached ? "true" : "false");
    else
        printf("  %s%s%s %g: %s", of, *of ? " " : "", goal.wanted == BENCH_AT_MOST ? "<=" : ">=", goal.bound,
               reached ? "REACHED" : "NOT REACHED");
}

static void print_goals(struct bench *bench, const struct bench_row *row)
{
    print_goal(bench, row->goal, row->has_ratio ? row->ratio.median : row->figure, "");
    print_goal(bench, row->user_goal, row->user_ns, bench->json ? "user_" : "user");
    print_goal(bench, row->calls_goal, row->calls, bench->json ? "calls_" : "calls");
}

static void print_number(double value, int decimals, int width)
{
    char text[TEXT_MAX] = "-";
    if (!isnan(value))
        snprintf(text, sizeof text, "%.*f", decimals, value);
    printf(" %*s", width, text);
}

static void print_text(struct bench *bench, const struct bench_row *row)
{
    printf("%-22s", row->subject);
    if (row->reason) {
        printf(" %9s  %s\n", "-", row->reason);
        return;
    }
    char ratio[TEXT_MAX] = "";
    if (row->has_ratio)
        snprintf(ratio, sizeof ratio, "%.3f [%.3f, %.3f]", row->ratio.median, row->ratio.least, row->ratio.most);
    printf(" %9.1f  %-21s", row->figure, ratio);
    print_number(row->user_ns, 0, 8);
    print_number(row->calls, 3, 9);
    print_goals(bench, row);
    printf("%s%s\n", row->remark ? "  " : "", row->remark ? row->remark : "");
}

static void print_json(struct bench *bench, const struct bench_row *row)
{
    printf("%s{\"part\": \"%s\", \"subject\": \"%s\"", bench->rows ? ",\n " : "", row->part, row->subject);
    if (row->pairs)
        printf(", \"pairs\": %u", row->pairs);
    if (row->reason) {
        printf(", \"not_measured\": \"%s\"}", row->reason);
        return;
    }
    printf(", \"unit\": \"%s\", \"figure\": %.3f", row->unit, row->figure);
    if (row->has_ratio)
        printf(", \"beside\": \"%s\", \"ratio\": %.4f, \"ratio_least\": %.4f, \"ratio_most\": %.4f", row->beside,
               row->ratio.median, row->ratio.least, row->ratio.most);
    if (!isnan(row->user_ns))
        printf(", \"user_ns\": %.1f", row->user_ns);
    if (!isnan(row->calls))
        printf(", \"system_calls\": %.4f", row->calls);
    print_goals(bench, row);
    if (row->remark)
        printf(", \"remark\": \"%s\"", row->remark);
    fputs("}", stdout);
}

void bench_report_row(struct bench *bench, const struct bench_row *row)
{
    if (bench->json)
        print_json(bench, row);
    else
        print_text(bench, row);
    bench->rows++;
    fflush(stdout);
}

void bench_report_end(const struct bench *bench)
{
    if (bench->json)
        puts("]");
}

bool bench_is_chosen(const struct bench *bench, const char *subject)
{
    size_t length = strlen(subject);
    for (const char *at = bench->subjects; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, subject, length) == 0 && (at[length] == '\0' || at[length] == ','))
            return true;
    }
    return !bench->subjects;
}
