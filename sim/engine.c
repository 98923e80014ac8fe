/* Building, running and ending a run. */
#include "sim/engine.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/reserve.h"
#include "sim/addresses.h"
#include "sim/capture.h"
#include "sim/census.h"
#include "sim/digest.h"
#include "sim/record.h"
#include "sim/transport.h"

struct engine {
    struct run run;
};

/* Below this much peer state the cache holds it and prefetching costs more than it brings. */
#define PREFETCH_FROM_BYTES (1u << 20)
#define PREFETCH_DISTANCE 8

/* Instances of one protocol share its names: kinds, tables and metrics are numbered once for it. */
static void number_names(struct run *run)
{
    const struct identity *identity = run->identity;
    uint32_t count = identity->instance_count, kinds = 0, tables = 0;
    run->metric_first = base_arena_array(run->arena, uint32_t, count + 1);
    run->kind_first = base_arena_array(run->arena, uint8_t, count + 1);
    run->table_first = base_arena_array(run->arena, uint8_t, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        const struct overlay_ops *ops = identity->instances[i].ops;
        uint32_t first = identity_first_of_protocol(identity, i);
        run->metric_first[i] = first < i ? run->metric_first[first] : run->metric_count;
        run->kind_first[i] = first < i ? run->kind_first[first] : (uint8_t) kinds;
        run->table_first[i] = first < i ? run->table_first[first] : (uint8_t) tables;
        if (first < i)
            continue;
        run->metric_count += ops->metric_count;
        kinds += ops->message_kind_count;
        tables += ops->neighbour_table_count;
    }
    base_assert(kinds <= 256 && tables <= 256 && run->metric_count <= 256);
    run->shard.metrics = base_arena_array(run->arena, struct metric, run->metric_count + 1);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t m = 0; m < identity->instances[i].ops->metric_count; m++)
            run->shard.metrics[run->metric_first[i] + m].name = identity->instances[i].ops->metrics[m];
}

static int bind_overlays(struct run *run)
{
    struct identity *identity = run->identity;
    struct shard *shard = &run->shard;
    size_t state_bytes = 0;
    shard->shared = base_arena_array(run->arena, void *, identity->instance_count + 1);
    for (uint32_t i = 0; i < identity->instance_count; i++) {
        const struct identity_instance *instance = &identity->instances[i];
        const struct overlay_ops *ops = instance->ops;
        const void *parameters = instance->choice->parameters;
        base_assert(ops->abi == OVERLAY_ABI && ops->struct_bytes == sizeof *ops);
        size_t bytes = ops->state_bytes(parameters);
        state_bytes = bytes > state_bytes ? bytes : state_bytes;
        if (ops->open && instance->member_count &&
            !(shard->shared[i] = ops->open(parameters, instance->member_count)))
            return -ENOMEM;
    }
    number_names(run);
    run->peer_bytes = (sizeof(struct peer_hot) + state_bytes + 31) / 32 * 32;
    if (run->peer_bytes > 64)
        run->peer_bytes = (run->peer_bytes + 63) / 64 * 64;
    return 0;
}

/* What each workload asks of the overlays of its peers. */
static int bind_workloads(struct run *run, struct base_diagnostics *diagnostics)
{
    const struct scenario *scenario = run->scenario;
    const struct identity *identity = run->identity;
    if (scenario->workload_count > 255) {
        base_diagnose(diagnostics, BASE_ERROR, scenario->workloads[255].place, NULL, "more than 255 workloads");
        return -EINVAL;
    }
    run->workload_key = base_arena_array(run->arena, uint64_t, (size_t) scenario->workload_count * identity->group_count + 1);
    int error = 0;
    for (uint32_t w = 0; w < scenario->workload_count; w++) {
        const struct topology_workload *workload = &scenario->workloads[w];
        const struct workload_ops *ops = workload->action.kind->ops;
        uint64_t key = base_random_key(scenario->seed, "action", workload->name);
        for (uint32_t g = 0; g < identity->group_count; g++)
            run->workload_key[w * identity->group_count + g] = base_random_mix(key ^ identity->group_key[g]);
        for (uint32_t g = 0; g < workload->from.count && !error; g++) {
            const struct identity_instance *instance =
                &identity->instances[identity->group_instance[workload->from.groups[g]]];
            if (ops->offered(instance->ops))
                continue;
            base_diagnose(diagnostics, BASE_ERROR, workload->action.place, NULL, "overlay %s has no %s", instance->name,
                          workload->action.kind->name);
            error = -EINVAL;
        }
    }
    return error;
}

static int allocate_peers(struct run *run)
{
    uint32_t count = run->identity->peer_count;
    run->peers_bytes = (size_t) count * run->peer_bytes + 64;
    run->cold_bytes = (size_t) count * sizeof *run->cold + 64;
    run->peers = base_reserve(run->peers_bytes);
    run->cold = base_reserve(run->cold_bytes);
    if (!run->peers || !run->cold)
        return -ENOMEM;
    if (run->peers_bytes > PREFETCH_FROM_BYTES * 4)
        base_reserve_huge(run->peers, run->peers_bytes);
    for (uint32_t g = 0; g < run->identity->group_count; g++)
        for (uint32_t i = 0; i < run->scenario->groups[g].count && g; i++)
            run_hot(run, run->scenario->groups[g].first + i)->group = (uint16_t) g;
    run->overlay_key = base_arena_array(run->arena, uint64_t, run->identity->group_count + 1);
    for (uint32_t g = 0; g < run->identity->group_count; g++)
        run->overlay_key[g] = base_random_key(run->scenario->seed, "overlay", run->scenario->groups[g].name);
    int error = base_slab_init(&run->lookups, sizeof(struct pending_lookup), 1u << 28);
    return error ? error : addresses_init(run);
}

static void turn(void *context);

static int create_loop(struct run *run, struct base_diagnostics *diagnostics)
{
    static const char *const clocks[] = {"virtual", "real", "scaled"};
    struct shard *shard = &run->shard;
    bool descriptors = run->waits && run->transport->needs_descriptors;
    const char *demultiplexer = run->options.demultiplexer ? run->options.demultiplexer : descriptors ? "epoll" : "none";
    struct reactor_loop_options options = {.demultiplexer = demultiplexer, .clock = clocks[run->scenario->clock],
                                           .scale_ppm = run->scenario->clock_scale_ppm};
    int error = reactor_loop_create(&shard->loop, &options);
    if (error) {
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "the event loop: %s", strerror(-error));
        return error;
    }
    struct reactor_dispatch dispatch = {.context = shard, .prefetch = run_prefetch, .turn = turn};
    memcpy(dispatch.handle, run_dispatch, sizeof dispatch.handle);
    size_t touched = run->peers_bytes * (run->overlays_prefetch ? 16 : 1); /* such overlays keep tables beside the block */
    dispatch.prefetch_distance = touched > PREFETCH_FROM_BYTES ? PREFETCH_DISTANCE : 0;
    reactor_loop_dispatch_set(shard->loop, &dispatch);
    shard->run = run;
    shard->active.shard = shard;
    shard->queue = reactor_loop_queue(shard->loop);
    shard->timers = reactor_loop_timers(shard->loop);
    return flight_init(&shard->flights);
}

static bool faults_on_links(const struct scenario *scenario)
{
    bool links = false;
    for (uint32_t i = 0; i < scenario->fault_count; i++)
        links |= ((const struct fault_ops *) scenario->faults[i].action.kind->ops)->link != NULL;
    return links;
}

/* All that can be wrong with a scenario. */
static int bind_all(struct run *run, struct base_diagnostics *diagnostics)
{
    const struct scenario *scenario = run->scenario;
    run->transport = scenario->transport.kind->ops;
    run->waits = scenario->clock != TOPOLOGY_CLOCK_VIRTUAL;
    run->warm_up_ns = scenario->warm_up_ns;
    run->population_moves = plan_moves(scenario);
    run->faults_on_links = faults_on_links(scenario);
    run->sample_ppb = scenario->sample_ppb;
    run->keys_key = base_random_key(scenario->seed, "keys", "");
    run->sample_key = base_random_key(scenario->seed, "sample", "");
    if (run->transport->real_time_only && !run->waits) {
        base_diagnose(diagnostics, BASE_ERROR, scenario->transport.place, "clock: real, or {scaled: k}",
                      "transport %s needs a clock that waits", scenario->transport.kind->name);
        return -EINVAL;
    }
    int error = identity_create(&run->identity, scenario, run->options.stop, diagnostics);
    error = error ? error : bind_overlays(run);
    error = error ? error : bind_workloads(run, diagnostics);
    error = error ? error : plan_create(&run->plan, run->identity, diagnostics);
    error = error ? error : truth_create(&run->truth, run->identity);
    error = error ? error : graph_build(&run->graph, scenario, diagnostics);
    error = error ? error : network_create(&run->network, run->identity, diagnostics);
    if (error)
        return error;
    run_summarize(run, false); /* all figures in place, without values */
    return summary_check_expectations(&run->summary, scenario, diagnostics);
}

static int build(struct run *run, struct base_diagnostics *diagnostics)
{
    int error = bind_all(run, diagnostics);
    error = error ? error : allocate_peers(run);
    error = error ? error : create_loop(run, diagnostics);
    error = error ? error : run->transport->open(&run->shard, diagnostics);
    error = error ? error : capture_open(run, diagnostics);
    error = error ? error : record_open(run, diagnostics);
    return error;
}

/* Creates an engine as far as `make` goes; NULL after a failure. */
static struct engine *create(const struct engine_options *options, struct base_diagnostics *diagnostics, int *error,
                             int (*make)(struct run *run, struct base_diagnostics *diagnostics))
{
    struct engine *engine = calloc(1, sizeof *engine);
    *error = -ENOMEM;
    if (!engine)
        return NULL;
    struct run *run = &engine->run;
    run->started_wall_ns = options->started_wall_ns ? options->started_wall_ns : run_wall_ns();
    run->options = *options;
    run->scenario = options->scenario;
    run->arena = base_arena_create();
    *error = make(run, diagnostics);
    if (!*error)
        return engine;
    if (!diagnostics->error_count && *error != -EINTR)
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "the run could not be built: %s",
                      strerror(-*error));
    engine_free(engine);
    return NULL;
}

int engine_create(struct engine **result, const struct engine_options *options, struct base_diagnostics *diagnostics)
{
    int error;
    *result = create(options, diagnostics, &error, build);
    return error;
}

int engine_check(const struct scenario *scenario, struct base_diagnostics *diagnostics)
{
    int error;
    engine_free(create(&(struct engine_options){.scenario = scenario}, diagnostics, &error, bind_all));
    return error;
}

/* --- running --- */

static void heed_stop(struct run *run)
{
    if (!run->options.stop || !*run->options.stop)
        return;
    run->interrupted = true;
    reactor_loop_stop(run->shard.loop);
}

static void turn(void *context)
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
    run_push(&run->shard, &entry);
}

static void take_step(struct run *run, const struct plan_step *step)
{
    truth_note(run->truth, step);
    record_step(run, step);
    if (step->what == PLAN_FAULT_BEGIN || step->what == PLAN_FAULT_END)
        return;
    push_step(run, step);
}

/* Whether this is the end of set-up: a failure, or the wish to stop, which is heeded once in so many peers. */
static bool join_ends(struct run *run, uint32_t done)
{
    if (done % 1024 == 0)
        heed_stop(run);
    return run->shard.failure || run->interrupted;
}

/* bootstrap: 1 + whom to join through, 0: not up; UINT32_MAX: through nobody. */
static void join_one(struct run *run, uint32_t peer, uint32_t bootstrap)
{
    run_lifecycle(&run->shard, &(struct reactor_entry){
        .target = peer, .order = REACTOR_LIFECYCLE, .kind = PLAN_UP,
        .payload = bootstrap == UINT32_MAX ? UINT32_MAX : bootstrap - 1});
}

static void join_in_own_order(struct run *run, const uint32_t *bootstrap, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count && !join_ends(run, i); i++)
        if (bootstrap[first + i])
            join_one(run, first + i, bootstrap[first + i]);
}

#define JOIN_PREFETCH_DISTANCE 8
#define JOIN_PREFETCH_BYTES 384 /* a Chord peer of 32 fingers; of larger states the beginning */

static void prefetch_join(const struct run *run, const uint32_t *bootstrap, uint32_t peer)
{
    const uint8_t *block = (const uint8_t *) run_hot(run, peer);
    __builtin_prefetch(&bootstrap[peer]);
    for (size_t at = 0; at < run->peer_bytes && at < JOIN_PREFETCH_BYTES; at += 64)
        __builtin_prefetch(block + at, 1);
}

static void join_in_census_order(struct run *run, const uint32_t *bootstrap, uint32_t ordinal)
{
    const struct identity_instance *instance = &run->identity->instances[ordinal];
    const struct census *census = &run->census[ordinal];
    uint32_t each = instance->ids_a_peer;
    for (uint32_t rank = 0; rank < census->count && !join_ends(run, rank); rank++) {
        if (rank + JOIN_PREFETCH_DISTANCE < census->count) {
            uint32_t ahead = census->id_numbers[rank + JOIN_PREFETCH_DISTANCE];
            identity_prefetch(instance, ahead);
            prefetch_join(run, bootstrap, identity_peer(instance, run->identity, ahead / each));
        }
        uint32_t peer = identity_peer(instance, run->identity, census->id_numbers[rank] / each);
        if (census->id_numbers[rank] % each == 0) /* its first id */
            join_one(run, peer, bootstrap[peer]);
    }
}

/* What a join does concerns its peer alone, so that the digest cannot tell the order. Peers of a converged start come in
 * the order of their ids, in which neighbours read the same parts of the census; but with a trace, whose rows come in the
 * order of events, all come in their own. */
static int join_all(struct run *run, const uint32_t *bootstrap)
{
    const struct identity *identity = run->identity;
    if (!run->census || run->record) {
        join_in_own_order(run, bootstrap, 0, identity->peer_count);
        return run->shard.failure;
    }
    for (uint32_t i = 0; i < identity->instance_count; i++) {
        const struct identity_instance *instance = &identity->instances[i];
        if (run->census[i].id_numbers) {
            join_in_census_order(run, bootstrap, i);
            continue;
        }
        for (uint32_t g = 0; g < instance->group_count; g++) {
            const struct topology_group *group = &run->scenario->groups[instance->groups[g]];
            join_in_own_order(run, bootstrap, group->first, group->count);
        }
    }
    return run->shard.failure;
}

/* What happens at 0. Peers that are up then join before anything else, without passing the queue: up to here is set-up, a
 * converged start included. */
static int begin_at_zero(struct run *run)
{
    uint32_t count = run->identity->peer_count;
    size_t bytes = (size_t) count * sizeof(uint32_t) + 64;
    uint32_t *bootstrap = base_reserve(bytes); /* 1 + whom to join through, 0: not up; UINT32_MAX: through nobody */
    if (!bootstrap)
        return -ENOMEM;
    if (bytes > PREFETCH_FROM_BYTES * 4)
        base_reserve_huge(bootstrap, bytes);
    uint32_t steps = 0;
    for (struct plan_step step; !join_ends(run, steps++) && plan_next(run->plan, 1, &step);) {
        if (step.what != PLAN_UP) {
            take_step(run, &step);
            continue;
        }
        truth_note(run->truth, &step);
        bootstrap[step.peer] = step.bootstrap == UINT32_MAX ? UINT32_MAX : step.bootstrap + 1;
    }
    int error = run->interrupted ? 0 : census_take(run);
    error = error ? error : join_all(run, bootstrap);
    census_drop(run);
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

static int dispatch_all(struct run *run)
{
    uint64_t end_ns = run->scenario->duration_ns, step_ns = slice_ns(run->scenario);
    struct shard *shard = &run->shard;
    for (uint64_t until_ns = 0; until_ns < end_ns && !run->interrupted && !shard->failure;) {
        until_ns = plan_slice(run, until_ns, end_ns - until_ns > step_ns ? until_ns + step_ns : end_ns);
        int result = reactor_loop_run(shard->loop, until_ns);
        turn(shard);
        if (result < 0)
            run_fail(shard, result, UINT32_MAX, "the event loop failed");
    }
    return shard->failure;
}

static void still_in_flight(void *context, const struct reactor_entry *entry)
{
    struct shard *shard = context;
    if ((entry->order & REACTOR_CLASS_MASK) != REACTOR_MESSAGE)
        return;
    const struct flight_cell *cell = flight_at(&shard->flights, entry->payload);
    shard->totals.dropped[NETWORK_IN_FLIGHT]++;
    run_record_message(shard, entry, cell->sent_at_ns, entry->due_ns - cell->sent_at_ns, 0, cell->length,
                       NETWORK_IN_FLIGHT);
}

/* Closes what is open: messages under way, sessions, lookups, broadcasts. */
static void end_of_run(struct run *run)
{
    struct shard *shard = &run->shard;
    bool complete = !run->interrupted && !shard->failure;
    reactor_queue_each(shard->queue, still_in_flight, shard);
    if (run->transport->still_in_flight)
        run->transport->still_in_flight(shard);
    for (struct plan_step step; complete && plan_next(run->plan, run->scenario->duration_ns + 1, &step);) {
        if (step.what != PLAN_DOWN || !run_hot(run, step.peer)->up)
            continue; /* only a session that ends exactly with the run is still closed by its own ending */
        run_session_end(run, step.peer, step.at_ns, step.graceful ? TRACE_ENDING_LEAVE : TRACE_ENDING_CRASH);
        lookups_abandon(run, step.peer);
        run_release(shard, step.peer);
        run_hot(run, step.peer)->up = 0;
    }
    for (uint32_t i = 0; i < run->identity->peer_count; i++) {
        if (!run_hot(run, i)->up)
            continue;
        run_session_end(run, i, TRACE_NONE_U64, TRACE_ENDING_NONE);
        lookups_abandon(run, i);
    }
    record_checks(run);
}

/* Peers' digests, little-endian, in the order of their indices, hashed in blocks that begin with the hash so far. */
static void digest_of(const struct run *run, char text[33])
{
    uint8_t block[sizeof(XXH128_canonical_t) + 8 * 1024];
    XXH128_hash_t hash = {0, 0};
    uint32_t count = run->identity->peer_count;
    for (uint32_t first = 0; first < count; first += 1024) {
        size_t used = sizeof(XXH128_canonical_t);
        XXH128_canonicalFromHash((XXH128_canonical_t *) block, hash);
        for (uint32_t i = first; i < count && i < first + 1024; i++, used += 8) {
            uint64_t digest = htole64(run_hot(run, i)->digest);
            memcpy(block + used, &digest, sizeof digest);
        }
        hash = XXH3_128bits(block, used);
    }
    snprintf(text, 33, "%016llx%016llx", (unsigned long long) hash.high64, (unsigned long long) hash.low64);
}

static void diagnose_failure(const struct run *run, int error, struct base_diagnostics *diagnostics)
{
    const struct shard *shard = &run->shard;
    char peer[32] = "";
    if (shard->failure_text && shard->failure_peer != UINT32_MAX)
        snprintf(peer, sizeof peer, " (peer %u)", shard->failure_peer);
    base_diagnose(diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "%s%s: %s",
                  shard->failure_text ? shard->failure_text : "the run failed", peer, strerror(-error));
}

int engine_run(struct engine *engine, struct base_diagnostics *diagnostics)
{
    struct run *run = &engine->run;
    run->assert_context = (struct base_assert_context){.replay = run->options.command, .seed = run->scenario->seed,
                                                       .now_ns = &run->shard.active.now_ns};
    base_assert_context_set(&run->assert_context);
    int error = begin_at_zero(run);
    run->setup_wall_ns = run_wall_ns();
    run->setup_cpu_ns = run_cpu_ns();
    reactor_clock_restart(reactor_loop_clock(run->shard.loop), 0);
    capture_begin(run);
    run->clock_runs = run->waits;
    error = error ? error : dispatch_all(run);
    run->ended_at_ns = error || run->interrupted ? reactor_loop_now(run->shard.loop) : run->scenario->duration_ns;
    end_of_run(run);
    if (!run->waits)
        digest_of(run, run->digest);
    if (error)
        diagnose_failure(run, error, diagnostics);
    int capture_failed = capture_finish(run, diagnostics);
    int trace_failed = record_finish(run, diagnostics);
    run_summarize(run, trace_failed == 0);
    summary_expect(&run->summary, run->scenario);
    base_assert_context_set(NULL);
    error = error ? error : trace_failed ? trace_failed : capture_failed;
    return error ? error : run->interrupted;
}

const struct summary *engine_summary(const struct engine *engine)
{
    return &engine->run.summary;
}

static void close_overlays(struct run *run)
{
    for (uint32_t i = 0; i < run->identity->peer_count && run->peers; i++)
        if (run_hot(run, i)->up)
            run_release(&run->shard, i);
    for (uint32_t i = 0; i < run->identity->instance_count && run->shard.shared; i++)
        if (run->shard.shared[i])
            run->identity->instances[i].ops->close(run->shard.shared[i]);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    struct run *run = &engine->run;
    struct shard *shard = &run->shard;
    trace_finish(run->capture, "", NULL, &(struct base_diagnostics){0});
    if (run->trace)
        trace_finish(run->trace, "interrupted", NULL, &(struct base_diagnostics){0});
    if (run->transport && shard->run)
        run->transport->close(shard);
    if (run->identity)
        close_overlays(run);
    if (shard->loop)
        reactor_loop_free(shard->loop);
    flight_done(&shard->flights);
    network_free(run->network);
    graph_free(run->graph);
    truth_free(run->truth);
    plan_free(run->plan);
    totals_done(run);
    base_slab_done(&run->lookups);
    addresses_done(run);
    if (run->peers)
        base_unreserve(run->peers, run->peers_bytes);
    if (run->cold)
        base_unreserve(run->cold, run->cold_bytes);
    identity_free(run->identity);
    base_arena_free(run->arena);
    summary_done(&run->summary);
    free(engine);
}
