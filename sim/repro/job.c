#include "sim/repro/repro.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reactor/base/arena.h"
#include "sim/engine.h"
#include "sim/vocabulary.h"
#include "topologies/load.h"
#include "traces/query.h"

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

bool repro_condition_traces(const struct repro_condition *condition)
{
    for (uint32_t i = 0; i < condition->figure_count; i++)
        if (condition->figures[i].sql)
            return true;
    return false;
}

/* Fills in the status and the first error. */
static void tell(struct repro_result *result, int error, const struct base_diagnostics *diagnostics)
{
    bool machine = error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOSPC || error == -EIO;
    result->status = machine ? REPRO_MACHINE_AT_FAULT : REPRO_INPUT_AT_FAULT;
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        if (diagnostics->items[i].severity != BASE_ERROR)
            continue;
        base_diagnostic_format(&diagnostics->items[i], result->message, sizeof result->message);
        return;
    }
    snprintf(result->message, sizeof result->message, "%s\n", strerror(-error));
}

/* --- values --- */

static double at_path(const struct summary *summary, const char *path)
{
    const struct figure *figure = summary_find(summary, path);
    if (!figure || (figure->type != FIGURE_INTEGER && figure->type != FIGURE_REAL))
        return NAN;
    return figure->type == FIGURE_INTEGER ? (double) figure->integer : figure->real;
}

static void ignore_header(void *context, uint32_t column_count, const char *const *names)
{
    (void) context, (void) column_count, (void) names;
}

static int take_number(void *context, uint32_t column_count, const struct trace_value *values)
{
    double *number = context;
    if (column_count && values[0].type == TRACE_INTEGER)
        *number = (double) values[0].integer;
    else if (column_count && values[0].type == TRACE_REAL)
        *number = values[0].real;
    return 1;
}

static double from_trace(struct trace_reader *reader, const char *sql, struct base_diagnostics *diagnostics)
{
    double number = NAN;
    struct trace_rows rows = {.context = &number, .header = ignore_header, .row = take_number};
    int error = trace_query_run(reader, sql, NULL, 0, &rows, diagnostics);
    return error < 0 ? NAN : number;
}

static double value_of(const struct repro_figure *figure, double number)
{
    return figure->offset + (figure->scale != 0 ? figure->scale : 1) * number;
}

/* reader is NULL where no trace is kept. */
static void take_values(const struct repro_job *job, const struct summary *summary, struct trace_reader *reader,
                        struct repro_result *result)
{
    struct base_diagnostics diagnostics = {0};
    for (uint32_t i = 0; i < job->condition->figure_count; i++) {
        const struct repro_figure *figure = &job->condition->figures[i];
        double number = figure->sql ? from_trace(reader, figure->sql, &diagnostics) : at_path(summary, figure->path);
        if (figure->per)
            number /= at_path(summary, figure->per);
        result->values[i] = value_of(figure, number);
    }
    if (diagnostics.error_count)
        tell(result, -EINVAL, &diagnostics);
}

static void measure(const struct repro_job *job, const struct scenario *scenario, struct repro_result *result)
{
    struct base_diagnostics diagnostics = {0};
    double numbers[REPRO_FIGURES_MAX];
    int error = job->condition->measure(scenario, numbers, &diagnostics);
    for (uint32_t i = 0; i < job->condition->figure_count && !error; i++)
        result->values[i] = value_of(&job->condition->figures[i], numbers[i]);
    if (error)
        tell(result, error, &diagnostics);
}

/* --- the run --- */

static void take_traced_values(const struct repro_job *job, const struct summary *summary, struct repro_result *result)
{
    struct base_diagnostics diagnostics = {0};
    struct trace_reader *reader = NULL;
    int error = trace_reader_open(&reader, job->trace, &diagnostics);
    if (error < 0)
        tell(result, error, &diagnostics);
    else
        take_values(job, summary, reader, result);
    trace_reader_close(reader);
}

static void run_scenario(const struct repro_job *job, const struct scenario *scenario, struct repro_result *result)
{
    struct base_diagnostics diagnostics = {0};
    bool traces = repro_condition_traces(job->condition);
    struct engine_options options = {.scenario = scenario, .trace_path = traces ? job->trace : NULL};
    struct engine *engine = NULL;
    int error = engine_create(&engine, &options, &diagnostics);
    error = error ? error : engine_run(engine, &diagnostics);
    if (error) {
        tell(result, error, &diagnostics);
        engine_free(engine);
        return;
    }
    if (traces)
        take_traced_values(job, engine_summary(engine), result);
    else
        take_values(job, engine_summary(engine), NULL, result);
    engine_free(engine);
}

static int load(const struct repro_job *job, struct base_arena *arena, struct scenario **scenario,
                struct base_diagnostics *diagnostics)
{
    uint32_t count = 0;
    while (job->condition->sets[count])
        count++;
    const char **sets = base_arena_array(arena, const char *, count + 1);
    memcpy(sets, job->condition->sets, count * sizeof *sets);
    sets[count++] = base_arena_printf(arena, "seed=%u", job->seed);
    struct topology_load_options options = {
        .path = base_arena_printf(arena, "%s/%s", job->folder, job->row->scenario), .sets = sets, .set_count = count};
    return topology_load(scenario, &options, &sim_vocabulary, diagnostics);
}

void repro_job_run(const struct repro_job *job, struct repro_result *result)
{
    struct base_diagnostics diagnostics = {0};
    struct base_arena *arena = base_arena_create();
    struct scenario *scenario = NULL;
    double started_s = wall_s();
    *result = (struct repro_result){.status = REPRO_GOOD};
    int error = load(job, arena, &scenario, &diagnostics);
    if (error)
        tell(result, error, &diagnostics);
    else if (job->condition->measure)
        measure(job, scenario, result);
    else
        run_scenario(job, scenario, result);
    topology_scenario_free(scenario);
    base_arena_free(arena);
    result->seconds = wall_s() - started_s;
}
