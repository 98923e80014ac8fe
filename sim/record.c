#include "sim/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "sim/addresses.h"
#include "sim/samples.h"

#define PROGRESS_EVERY_NS 100000000u

static const char *const event_kinds[] = {
    [RUN_JOIN] = "join", [RUN_LEAVE] = "leave", [RUN_CRASH] = "crash", [RUN_RESTART] = "restart",
    [RUN_TIMER] = "timer", [RUN_ACTION] = "lookup", [RUN_ACTION + 1] = "publish",
};

/* In the writer's thread: of what does not change while the run goes on. */
static void peer_row(void *context, uint32_t peer, struct trace_peer *row)
{
    struct run *run = context;
    static _Thread_local char name[64], address[24]; /* valid for the call only, as the trace asks */
    const struct topology_group *group = &run->scenario->groups[identity_group_of(run->identity, peer)];
    identity_name(run->identity, peer, name);
    address_text(&run->shards[0], peer + 1, address);
    *row = (struct trace_peer){.name = name, .group_name = group->name, .region = group->region, .address = address};
}

static const char *const *kinds_of(const struct overlay_ops *ops, uint32_t *count)
{
    *count = ops->message_kind_count;
    return ops->message_kinds;
}

static const char *const *tables_of(const struct overlay_ops *ops, uint32_t *count)
{
    *count = ops->neighbour_table_count;
    return ops->neighbour_tables;
}

/* Names of all protocols, as run->kind_first and run->table_first number them. */
static struct trace_name_list names_of_protocols(struct run *run, const char *const *(*of)(const struct overlay_ops *ops,
                                                                                         uint32_t *count))
{
    const struct identity *identity = run->identity;
    const char **names = base_arena_array(run->arena, const char *, 256);
    uint32_t at = 0;
    for (uint32_t i = 0; i < identity->instance_count; i++) {
        uint32_t count;
        const char *const *own = of(identity->instances[i].ops, &count);
        for (uint32_t n = 0; identity_first_of_protocol(identity, i) == i && n < count; n++)
            names[at++] = own[n];
    }
    return (struct trace_name_list){names, at};
}

static struct trace_name_list metrics(struct run *run)
{
    uint32_t count = run->metric_count + SAMPLES_METRICS;
    base_assert(count <= 256); /* as struct trace_sample numbers them */
    const char **names = base_arena_array(run->arena, const char *, count);
    for (uint32_t i = 0; i < run->metric_count; i++)
        names[i] = run->shards[0].metrics[i].name;
    if (!samples_wanted(run))
        count = run->metric_count;
    else
        samples_names(names + run->metric_count);
    return (struct trace_name_list){names, count};
}

/* While the trace is ended and indexed. A signal ends that; after one that ended the run, the next. */
static bool trace_progress(void *context, const char *what, uint32_t per_mille)
{
    struct run *run = context;
    if (run->options.progress)
        run->options.progress(run->options.progress_context, &(struct engine_progress){
            .now_ns = run->ended_at_ns, .duration_ns = run->scenario->duration_ns, .events = run_events(run),
            .seconds_left = -1, .what = what, .per_mille = per_mille, .peers_up = run->up_count});
    return !run->options.stop || *run->options.stop <= (run->interrupted ? 1 : 0);
}

static void run_values(struct run *run)
{
    char text[64];
    const struct scenario *scenario = run->scenario;
    trace_run_value(run->trace, "version", PEERLAB_VERSION);
    trace_run_value(run->trace, "scenario", scenario->name);
    snprintf(text, sizeof text, "%" PRIu64, scenario->seed);
    trace_run_value(run->trace, "seed", text);
    snprintf(text, sizeof text, "%" PRIu64, scenario->duration_ns);
    trace_run_value(run->trace, "duration_ns", text);
    snprintf(text, sizeof text, "%.12g %%", (double) scenario->sample_ppb / 1e7);
    trace_run_value(run->trace, "sample", text);
    char names[160] = "";
    for (uint32_t i = 0; topology_record_names[i]; i++)
        if (scenario->record >> i & 1)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", *names ? ", " : "",
                     topology_record_names[i]);
    trace_run_value(run->trace, "record", names);
    if (run->options.command)
        trace_run_value(run->trace, "command", run->options.command);
}

int record_open(struct run *run, struct base_diagnostics *diagnostics)
{
    const struct scenario *scenario = run->scenario;
    if (!run->options.trace_path)
        return 0;
    struct trace_input *inputs = base_arena_array(run->arena, struct trace_input, scenario->file_count + 1);
    inputs[0] = (struct trace_input){"scenario.yaml", scenario->resolved, strlen(scenario->resolved)};
    for (uint32_t i = 0; i < scenario->file_count; i++)
        inputs[i + 1] = (struct trace_input){scenario->files[i]->name, scenario->files[i]->source.text,
                                             scenario->files[i]->source.length};
    struct trace_options options = {
        .path = run->options.trace_path,
        .names = {.message_kinds = names_of_protocols(run, kinds_of),
                  .event_kinds = {event_kinds, sizeof event_kinds / sizeof *event_kinds},
                  .fates = {network_fate_names, NETWORK_FATES},
                  .neighbour_tables = names_of_protocols(run, tables_of),
                  .metrics = metrics(run)},
        .inputs = inputs, .input_count = scenario->file_count + 1,
        .peer_count = run->identity->peer_count, .peer = peer_row, .peer_context = run,
        .index = scenario->index, .may_leave_out = run->waits,
        .progress = trace_progress, .progress_context = run,
    };
    int error = trace_open(&run->trace, &options, diagnostics);
    if (error)
        return error;
    run->record = scenario->record;
    run_values(run);
    return 0;
}

void record_step(struct run *run, const struct plan_step *step)
{
    if (!(run->record & TOPOLOGY_RECORD_FAULTS) || step->fault == UINT32_MAX)
        return;
    if (step->what == PLAN_CRASH)
        trace_fault_peer(run->trace, &(struct trace_fault_peer){.fault = step->fault + 1, .peer = step->peer});
    if (step->what != PLAN_FAULT_BEGIN)
        return;
    const struct topology_fault *fault = &run->scenario->faults[step->fault];
    const struct fault_ops *ops = fault->action.kind->ops;
    char detail[256] = "";
    if (ops->describe)
        ops->describe(fault->action.parameters, run->scenario, detail, sizeof detail);
    uint64_t ends = fault->for_ns ? fault->at_ns + fault->for_ns : TRACE_NONE_U64;
    if (ops->restart_after_ns && ops->restart_after_ns(fault->action.parameters) != UINT64_MAX)
        ends = fault->at_ns + ops->restart_after_ns(fault->action.parameters);
    if (ends != TRACE_NONE_U64 && ends > run->scenario->duration_ns)
        ends = TRACE_NONE_U64; /* still going on at the end of the run */
    trace_fault(run->trace, &(struct trace_fault){.started_at_ns = fault->at_ns, .ended_at_ns = ends,
                                                  .id = step->fault + 1, .name = fault->name,
                                                  .kind = fault->action.kind->name, .detail = detail});
}

void record_progress(struct run *run)
{
    uint64_t wall_ns = run_wall_ns();
    uint64_t passed_ns = wall_ns - run->progress_wall_ns;
    if (passed_ns < PROGRESS_EVERY_NS)
        return;
    lookups_judge_all(&run->shards[0]); /* recorded ones wait on a single loop only: their rows do so no longer than others */
    trace_flush(run->trace);
    trace_flush(run->capture);
    uint64_t events = run_events(run), now_ns = run_now_ns(run);
    struct engine_progress progress = {
        .now_ns = now_ns, .duration_ns = run->scenario->duration_ns, .events = events, .what = "running",
        .events_per_s = (double) (events - run->progress_events) * 1e9 / (double) passed_ns,
        .peers_up = run->up_count, .seconds_left = -1,
        .per_mille = (uint32_t) ((unsigned __int128) now_ns * 1000 / run->scenario->duration_ns)};
    if (now_ns)
        progress.seconds_left = (double) (wall_ns - run->setup_wall_ns) / 1e9 *
                                (double) (run->scenario->duration_ns - now_ns) / (double) now_ns;
    run->progress_wall_ns = wall_ns;
    run->progress_events = events;
    if (run->options.progress)
        run->options.progress(run->options.progress_context, &progress);
}

void record_checks(struct run *run)
{
    for (uint32_t i = 0; i < run->identity->peer_count; i++) {
        struct shard *shard = run_shard_of(run, i);
        struct peer_hot *hot = run_hot(run, i);
        uint32_t ordinal = run->identity->group_instance[hot->group];
        const struct identity_instance *instance = &run->identity->instances[ordinal];
        if (!hot->up || !instance->ops->check)
            continue;
        struct peer *peer = &shard->active;
        *peer = (struct peer){.shard = shard, .hot = hot, .now_ns = run->ended_at_ns, .index = i};
        run_set_instance(peer, ordinal);
        const char *violated = instance->ops->check(peer);
        if (!violated)
            continue;
        run->violations++;
        trace_violation(run->trace, run->ended_at_ns, i, instance->name, violated);
    }
}

int record_finish(struct run *run, struct base_diagnostics *diagnostics)
{
    broadcasts_finish(run);
    if (!run->trace)
        return 0;
    const char *status = run->interrupted || run_failed(run) ? "interrupted" : "complete";
    run_summarize(run, false);
    for (uint32_t i = 0; i < run->summary.figure_count; i++) {
        const struct figure *figure = &run->summary.figures[i];
        char text[96];
        figure_text(figure, text, sizeof text);
        if (figure->type != FIGURE_NULL && figure->type != FIGURE_OBJECT && strcmp(figure->path, "status") != 0)
            trace_run_value(run->trace, figure->path, text);
    }
    int error = trace_finish(run->trace, status, &run->trace_totals, diagnostics);
    run->trace = NULL;
    run->record = 0;
    return error;
}
