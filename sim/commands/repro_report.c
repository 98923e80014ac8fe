/* Rows of `peerlab repro` with their figures: tables and JSON. */
#include "sim/commands/repro_report.h"

#include <math.h>
#include <stdio.h>

#include "sim/commands/print.h"

bool repro_is_wanted(const struct campaign *campaign, const struct repro_condition *condition)
{
    return condition->quick || !arguments_has(campaign->arguments, "quick");
}

/* --- judging --- */

/* The results of a condition's runs, which stand together: the first of them, and one figure's values. */
static const struct repro_result *results_of(const struct campaign *campaign, const struct chosen *chosen,
                                             const struct repro_condition *condition)
{
    uint32_t job = chosen->first_job;
    while (campaign->jobs[job].condition != condition)
        job++;
    return &campaign->results[job];
}

static struct repro_verdict judge(struct campaign *campaign, const struct chosen *chosen,
                                  const struct repro_condition *condition, uint32_t figure)
{
    const struct repro_result *results = results_of(campaign, chosen, condition);
    double *values = base_arena_array(campaign->arena, double, condition->replicates);
    for (uint32_t i = 0; i < condition->replicates; i++)
        values[i] = results[i].values[figure];
    return repro_judge(&condition->figures[figure], values, condition->replicates);
}

bool repro_row_passes(struct campaign *campaign, const struct chosen *chosen)
{
    bool passes = true;
    for (uint32_t c = 0; c < chosen->row->condition_count; c++) {
        const struct repro_condition *condition = &chosen->row->conditions[c];
        for (uint32_t f = 0; repro_is_wanted(campaign, condition) && f < condition->figure_count; f++)
            passes &= judge(campaign, chosen, condition, f).pass;
    }
    return passes;
}

/* --- a row for people --- */

/* With the decimals that its size needs: four digits that count, no more than four behind the point. */
static const char *measured(char *text, double value)
{
    double size = value < 0 ? -value : value;
    int decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4;
    snprintf(text, PRINT_NUMBER_BYTES, "%.*f", decimals, value);
    return text;
}

static const char *tolerance_of(char *text, const struct repro_figure *figure)
{
    if (figure->relative)
        snprintf(text, PRINT_NUMBER_BYTES, "%.3g %%", 100 * figure->tolerance);
    else
        snprintf(text, PRINT_NUMBER_BYTES, "%.3g", figure->tolerance);
    return text;
}

static void table_row(struct print_table *table, const struct repro_condition *condition, uint32_t figure,
                      const struct repro_verdict *verdict)
{
    char published[PRINT_NUMBER_BYTES], mean[PRINT_NUMBER_BYTES], half[PRINT_NUMBER_BYTES];
    char tolerance[PRINT_NUMBER_BYTES], runs[PRINT_NUMBER_BYTES];
    snprintf(published, sizeof published, "%.6g", condition->figures[figure].published);
    snprintf(runs, sizeof runs, "%u", condition->replicates);
    print_table_row(table, (struct print_cell[]){
        {figure ? "" : condition->name, false},
        {condition->figures[figure].name, false},
        {published, true},
        {isnan(verdict->mean) ? NULL : measured(mean, verdict->mean), true},
        {isnan(verdict->half) ? NULL : measured(half, verdict->half), true},
        {runs, true},
        {tolerance_of(tolerance, &condition->figures[figure]), true},
        {verdict->pass ? "pass" : "FAIL", false},
    });
}

void repro_print_row(struct campaign *campaign, const struct chosen *chosen)
{
    static const struct print_column columns[] = {{"condition", ""}, {"figure", ""}, {"published", ""}, {"ours", ""},
        {"95 %, ±", ""}, {"runs", ""}, {"tolerance, ±", ""}, {"verdict", ""}};
    const struct repro_row *row = chosen->row;
    print_in(PRINT_BOLD, "%s%s", campaign->rows_shown ? "\n" : "", row->name);
    printf("  %s\n", row->summary);
    struct print_table *table = print_table_create(columns, sizeof columns / sizeof *columns);
    for (uint32_t c = 0; c < row->condition_count; c++) {
        const struct repro_condition *condition = &row->conditions[c];
        for (uint32_t f = 0; repro_is_wanted(campaign, condition) && f < condition->figure_count; f++) {
            struct repro_verdict verdict = judge(campaign, chosen, condition, f);
            table_row(table, condition, f, &verdict);
        }
    }
    print_table_finish(table);
    print_term("  source", 13, row->source);
    print_term("  tolerance", 13, row->tolerance);
    if (row->found)
        print_term("  found", 13, row->found);
    fflush(stdout);
}

/* --- JSON --- */

static void put_text(const char *before, const char *key, const char *value)
{
    printf("%s\"%s\":", before, key);
    base_json_put_text(stdout, value);
}

static void put_real(const char *before, const char *key, double value)
{
    printf("%s\"%s\":", before, key);
    base_json_put_real(stdout, value);
}

static void put_figure(const struct repro_figure *figure, const struct repro_verdict *verdict)
{
    put_text("{", "name", figure->name);
    put_real(",", "published", figure->published);
    put_real(",", "ours", verdict->mean);
    put_real(",\"interval\":{", "low", verdict->mean - verdict->half);
    put_real(",", "high", verdict->mean + verdict->half);
    put_real("},", "tolerance", figure->tolerance);
    printf(",\"tolerance_is_relative\":%s,\"pass\":%s}", figure->relative ? "true" : "false",
           verdict->pass ? "true" : "false");
}

static void put_condition(struct campaign *campaign, const struct chosen *chosen,
                          const struct repro_condition *condition)
{
    put_text("{", "name", condition->name);
    fputs(",\"set\":[", stdout);
    for (uint32_t i = 0; condition->sets[i]; i++) {
        fputs(i ? "," : "", stdout);
        base_json_put_text(stdout, condition->sets[i]);
    }
    printf("],\"replicates\":%u,\"quick\":%s,\"figures\":[", condition->replicates,
           condition->quick ? "true" : "false");
    for (uint32_t f = 0; f < condition->figure_count; f++) {
        struct repro_verdict verdict = {.mean = NAN, .half = NAN};
        if (chosen->job_count)
            verdict = judge(campaign, chosen, condition, f);
        fputs(f ? ",\n   " : "\n   ", stdout);
        put_figure(&condition->figures[f], &verdict);
    }
    fputs("]}", stdout);
}

static void put_row(struct campaign *campaign, const struct chosen *chosen)
{
    const struct repro_row *row = chosen->row;
    put_text("{", "name", row->name);
    put_text(",", "summary", row->summary);
    put_text(",", "source", row->source);
    put_text(",", "scenario", row->scenario);
    put_text(",", "tolerance", row->tolerance);
    put_text(",", "found", row->found);
    fputs(",\"conditions\":[", stdout);
    bool first = true;
    for (uint32_t c = 0; c < row->condition_count; c++) {
        if (!repro_is_wanted(campaign, &row->conditions[c]))
            continue;
        fputs(first ? "\n  " : ",\n  ", stdout);
        put_condition(campaign, chosen, &row->conditions[c]);
        first = false;
    }
    fputs("]", stdout);
    if (chosen->job_count)
        printf(",\"pass\":%s", chosen->pass ? "true" : "false");
    fputs("}", stdout);
}

void repro_put_json(struct campaign *campaign)
{
    fputs("[", stdout);
    bool first = true;
    for (uint32_t i = 0; i < campaign->row_count; i++) {
        if (campaign->job_count && !campaign->rows[i].job_count)
            continue;
        fputs(first ? "" : ",\n ", stdout);
        put_row(campaign, &campaign->rows[i]);
        first = false;
    }
    fputs("]\n", stdout);
}
