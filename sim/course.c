/* The course of a run: the plan's steps at 0 and later, the dispatch between them, the end. */
#include <errno.h>
#include <stdlib.h>

#include "reactor/base/reserve.h"
#include "sim/census.h"
#include "sim/effects.h"
#include "sim/record.h"
#include "sim/transport.h"

static void heed_stop(struct run *run)
{
    if (!run->options.stop || !*run->options.stop)
        return;
    run->interrupted = true;
    reactor_loop_stop(run->shards[0].loop);
}

void run_turn(void *context)
{
    struct shard *shard = context;
    struct run *run = shard->run;
    heed_stop(run);
    if (run->transport->flush)
        run->transport->flush(shard);
    int error = trace_error(run->trace);
    if (error < 0)
        run_fail(shard, error, UINT32_MAX, "the trace cannot be written");
    error = trace_error(run->capture);
    if (error < 0)
        run_fail(shard, error, UINT32_MAX, "the capture cannot be written");
    record_progress(run);
}

static void push_step(struct run *run, const struct plan_step *step)
{
    static const uint8_t classes[] = {[PLAN_CRASH] = REACTOR_FAULT, [PLAN_DOWN] = REACTOR_LIFECYCLE,
                                      [PLAN_RESTART] = REACTOR_LIFECYCLE, [PLAN_UP] = REACTOR_LIFECYCLE,
                                      [PLAN_ACTION] = REACTOR_WORKLOAD};
    struct reactor_entry entry = {.due_ns = step->at_ns, .target = step->peer, .source = 0, .count = ++run->plan_count,
                                  .order = classes[step->what], .kind = (uint8_t) step->what};
    if (step->what == PLAN_DOWN)
        entry.payload = step->graceful;
    else if (step->what == PLAN_UP || step->what == PLAN_RESTART)
        entry.payload = step->bootstrap;
    if (step->what == PLAN_ACTION) {
        const struct workload_ops *ops = run->scenario->workloads[step->workload].action.kind->ops;
        entry.kind = (uint8_t) step->workload;
        entry.payload = ops->numbered ? broadcasts_next_id(run) : 0;
        if (ops->numbered && !entry.payload)
            return;
    }
    run_push(run_shard_of(run, step->peer), &entry);
}

static void note(struct run *run, const struct plan_step *step)
{
    for (uint32_t i = 0; i < run->shard_count; i++)
        if (i == 0 || run->shards[i].truth != run->truth)
            truth_note(run->shards[i].truth, step);
}

static void take_step(struct run *run, const struct plan_step *step)
{
    note(run, step);
    record_step(run, step);
    if (step->what == PLAN_FAULT_BEGIN || step->what == PLAN_FAULT_END)
        return;
    push_step(run, step);
}

/* --- what happens at 0 --- */

static void count_up(struct run *run, uint32_t peer)
{
    run->up_count++;
    run->up_by_instance[run->identity->group_instance[identity_group_of(run->identity, peer)]]++;
}

/* Takes the plan's steps of that instant. bootstrap: as joins_at_start's. */
static void take_first_steps(struct run *run, uint32_t *bootstrap)
{
    uint32_t steps = 0;
    for (struct plan_step step; !run_failed(run) && !run->interrupted && plan_next(run->plan, 1, &step);) {
        if (steps++ % 64 == 0)
            heed_stop(run);
        if (step.what != PLAN_UP) {
            take_step(run, &step);
            continue;
        }
        note(run, &step);
        count_up(run, step.peer);
        bootstrap[step.peer] = step.bootstrap == UINT32_MAX ? UINT32_MAX : step.bootstrap + 1;
    }
}

static int join_at_start(struct run *run, uint32_t *bootstrap)
{
    take_first_steps(run, bootstrap);
    int error = run->shard_count > 1 ? windows_open(run) : 0;
    if (error)
        run_fail(&run->shards[0], error, UINT32_MAX, "the threads could not be started");
    error = error || run->interrupted ? error : census_take(run);
    if (!error)
        joins_at_start(run, bootstrap);
    census_drop(run);
    heed_stop(run);
    for (uint32_t i = 0; i < run->shard_count && !error; i++)
        error = run->shards[i].failure;
    return error;
}

#define HUGE_FROM_BYTES (UINT64_C(4) << 20)

/* What happens at 0. Peers that are up then join before anything else, without passing the queue: up to here is set-up, a
 * converged start included. */
int course_begin(struct run *run)
{
    size_t bytes = (size_t) run->identity->peer_count * sizeof(uint32_t) + 64;
    uint32_t *bootstrap = base_reserve(bytes);
    if (!bootstrap)
        return -ENOMEM;
    if (bytes > HUGE_FROM_BYTES)
        base_reserve_huge(bootstrap, bytes);
    int error = join_at_start(run, bootstrap);
    base_unreserve(bootstrap, bytes);
    return error;
}

/* The plan is generated this far ahead of the clock: long enough to cost nothing, short enough to keep few steps; of a
 * population in a frenzy (sessions of a nanosecond) no more than SLICE_STEPS at a time. */
#define SLICE_STEPS 65536
static uint64_t slice_ns(const struct scenario *scenario)
{
    uint64_t slice = scenario->duration_ns / 512;
    return slice < 1000000 ? 1000000 : slice > 10000000000u ? 10000000000u : slice;
}

/* Takes the plan's steps from from_ns to until_ns, but not many more than fit the bound; returns how far it went. */
static uint64_t plan_slice(struct run *run, uint64_t from_ns, uint64_t until_ns)
{
    struct plan_step step;
    for (uint32_t taken = 1; plan_next(run->plan, until_ns, &step); taken++) {
        take_step(run, &step);
        if (taken >= SLICE_STEPS && step.at_ns > from_ns)
            return step.at_ns; /* others of that instant come with the next slice, ahead of its dispatch */
    }
    return until_ns;
}

int course_run(struct run *run)
{
    uint64_t end_ns = run->scenario->duration_ns, step_ns = slice_ns(run->scenario);
    struct shard *shard = &run->shards[0];
    int error = 0;
    for (uint64_t until_ns = 0; until_ns < end_ns && !run->interrupted && !run_failed(run);) {
        until_ns = plan_slice(run, until_ns, end_ns - until_ns > step_ns ? until_ns + step_ns : end_ns);
        int result = run->windows ? windows_run(run, until_ns) : reactor_loop_run(shard->loop, until_ns);
        run_turn(shard);
        if (result < 0)
            run_fail(shard, result, UINT32_MAX, "the event loop failed");
    }
    for (uint32_t i = 0; i < run->shard_count && !error; i++)
        error = run->shards[i].failure;
    return error;
}

/* Messages under way are gathered over all shards, to come out in their order. */
struct under_way {
    const struct reactor_entry **entries; /* NULL: they are only counted */
    size_t count;
};

static void find_under_way(void *context, const struct reactor_entry *entry)
{
    struct under_way *under_way = context;
    if ((entry->order & REACTOR_CLASS_MASK) != REACTOR_MESSAGE)
        return;
    if (under_way->entries)
        under_way->entries[under_way->count] = entry;
    under_way->count++;
}

static int by_order(const void *a, const void *b)
{
    const struct reactor_entry *const *x = a, *const *y = b;
    return reactor_entry_before(*x, *y) ? -1 : 1;
}

static void count_under_way(struct run *run)
{
    struct shard *first = &run->shards[0];
    struct under_way under_way = {0};
    for (uint32_t i = 0; i < run->shard_count; i++)
        reactor_queue_each(run->shards[i].queue, find_under_way, &under_way);
    first->totals.dropped[NETWORK_IN_FLIGHT] += under_way.count;
    if (!under_way.count || !(run->record & TOPOLOGY_RECORD_MESSAGES))
        return;
    under_way = (struct under_way){.entries = calloc(under_way.count, sizeof *under_way.entries)};
    base_assert(under_way.entries);
    for (uint32_t i = 0; i < run->shard_count; i++)
        reactor_queue_each(run->shards[i].queue, find_under_way, &under_way);
    qsort(under_way.entries, under_way.count, sizeof *under_way.entries, by_order);
    for (size_t i = 0; i < under_way.count; i++) {
        const struct reactor_entry *entry = under_way.entries[i];
        struct run_bytes message = run_bytes_of(run_shard_of(run, entry->target), entry);
        run_record_message(first, entry, message.sent_at_ns, entry->due_ns - message.sent_at_ns, 0, message.length,
                           NETWORK_IN_FLIGHT);
    }
    free(under_way.entries);
}

/* Closes what is open: messages under way, sessions, lookups, broadcasts. */
void course_end(struct run *run)
{
    bool complete = !run->interrupted && !run_failed(run);
    windows_close(run);
    for (uint32_t i = 0; i < run->shard_count; i++)
        lookups_judge_all(&run->shards[i]); /* before the rows of those that are unfinished */
    count_under_way(run);
    if (run->transport->still_in_flight)
        run->transport->still_in_flight(&run->shards[0]);
    for (struct plan_step step; complete && plan_next(run->plan, run->scenario->duration_ns + 1, &step);) {
        if (step.what != PLAN_DOWN || !run_hot(run, step.peer)->up)
            continue; /* only a session that ends exactly with the run is still closed by its own ending */
        struct shard *shard = run_shard_of(run, step.peer);
        run_session_end(shard, step.peer, step.at_ns, step.graceful ? TRACE_ENDING_LEAVE : TRACE_ENDING_CRASH);
        lookups_abandon(shard, step.peer);
        run_release(shard, step.peer);
        run_hot(run, step.peer)->up = 0;
    }
    for (uint32_t i = 0; i < run->identity->peer_count; i++) {
        if (!run_hot(run, i)->up)
            continue;
        run_session_end(run_shard_of(run, i), i, TRACE_NONE_U64, TRACE_ENDING_NONE);
        lookups_abandon(run_shard_of(run, i), i);
    }
    record_checks(run);
}

