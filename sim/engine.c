/* Building, running and ending a run. */
#include "sim/engine.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/reserve.h"
#include "sim/addresses.h"
#include "sim/capture.h"
#include "sim/census.h"
#include "sim/digest.h"
#include "sim/record.h"
#include "sim/samples.h"
#include "sim/transport.h"

struct engine {
    struct run run;
};

/* Below this much peer state the second cache holds it and prefetching costs more than it brings. Of a block this much at most is
 * asked for, and its first line only where the overlay itself says what comes next. */
#define PREFETCH_FROM_BYTES (1u << 19)
#define PREFETCH_BLOCK_BYTES 320u

/* A window of several loops that is shorter than this costs more than it divides. */
#define LOOKAHEAD_LEAST_NS 10000u

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
}

static void bind_overlays(struct run *run)
{
    struct identity *identity = run->identity;
    size_t state_bytes = 0;
    for (uint32_t i = 0; i < identity->instance_count; i++) {
        const struct identity_instance *instance = &identity->instances[i];
        const struct overlay_ops *ops = instance->ops;
        const void *parameters = instance->choice->parameters;
        base_assert(ops->abi == OVERLAY_ABI && ops->struct_bytes == sizeof *ops);
        size_t bytes = ops->state_bytes(parameters);
        state_bytes = bytes > state_bytes ? bytes : state_bytes;
        run->overlays_prefetch |= ops->prefetch != NULL;
    }
    number_names(run);
    run->peer_bytes = (sizeof(struct peer_hot) + state_bytes + 31) / 32 * 32;
    if (run->peer_bytes > 64)
        run->peer_bytes = (run->peer_bytes + 63) / 64 * 64;
    run->up_by_instance = base_arena_array(run->arena, uint32_t, identity->instance_count + 1);
}

/* Warns of a workload that looks up what the overlay does not store: its lookups fail, and nothing else would say why.
 * True: it does. */
static bool warn_of_keys(const struct topology_workload *workload, const struct identity_instance *instance,
                         struct base_diagnostics *diagnostics)
{
    const struct workload_ops *ops = workload->action.kind->ops;
    uint64_t stored = instance->ops->stored_keys ? instance->ops->stored_keys(instance->choice->parameters) : 0;
    if (!ops->key || stored == 0 || (workload->keys > 0 && workload->keys <= stored))
        return false;
    char hint[80], asked[64] = "random keys";
    snprintf(hint, sizeof hint, "`keys: %" PRIu64 "` in the %s looks up those that are stored", stored,
             workload->action.kind->name);
    if (workload->keys > 0)
        snprintf(asked, sizeof asked, "%" PRIu64 " keys", workload->keys);
    base_diagnose(diagnostics, BASE_WARNING, workload->action.place, hint,
                  "%s are looked up where overlay %s stores %" PRIu64 " and no other: %s of these lookups can succeed",
                  asked, instance->name, stored, workload->keys > 0 ? "not all" : "none");
    return true;
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
        bool warned = false;
        for (uint32_t g = 0; g < workload->from.count && !error; g++) {
            const struct identity_instance *instance =
                &identity->instances[identity->group_instance[workload->from.groups[g]]];
            if (ops->offered(instance->ops)) {
                warned = warned || warn_of_keys(workload, instance, diagnostics);
                continue;
            }
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
    return 0;
}

static void choose_prefetch(struct run *run)
{
    if (run->peers_bytes <= PREFETCH_FROM_BYTES)
        return;
    uint32_t block = run->peer_bytes < PREFETCH_BLOCK_BYTES ? (uint32_t) run->peer_bytes : PREFETCH_BLOCK_BYTES;
    const struct identity_instance *first = &run->identity->instances[0];
    size_t touched = run->peer_bytes;
    if (run->identity->instance_count == 1 && first->ops->message_touches)
        touched = sizeof(struct peer_hot) + first->ops->message_touches(first->choice->parameters);
    run->prefetch_bytes = run->overlays_prefetch ? 1 : block;
    run->prefetch_message_bytes = touched < run->prefetch_bytes ? (uint32_t) touched : run->prefetch_bytes;
    run->prefetch_last[0] = (run->prefetch_bytes - 1) / 64 * 64;
    run->prefetch_last[1] = (run->prefetch_message_bytes - 1) / 64 * 64;
}

static uint32_t blocks_of(const struct run *run)
{
    uint32_t blocks = (run->identity->peer_count + RUN_BLOCK - 1) / RUN_BLOCK;
    return blocks ? blocks : 1;
}

/* Why one loop has to do, into text; false: several can. */
static bool undividable(const struct run *run, char *text, size_t bytes)
{
    if (run->waits)
        snprintf(text, bytes, "only a virtual clock can be divided among several");
    else if (!run->direct)
        snprintf(text, bytes, "what transport %s carries cannot be divided among several",
                 run->scenario->transport.kind->name);
    else if (run->lookahead_ns < LOOKAHEAD_LEAST_NS)
        snprintf(text, bytes, "a message may take as little as %llu ns, and less than %u ns is too little to divide",
                 (unsigned long long) run->lookahead_ns, LOOKAHEAD_LEAST_NS);
    else
        return false;
    return true;
}

/* As many loops as were asked for, where there is something to divide. */
static void choose_shards(struct run *run)
{
    uint32_t wanted = run->options.threads > 1 ? run->options.threads : 1;
    char reason[160] = "";
    run->lookahead_ns = network_least_delay_ns(run->network);
    run->shard_count = wanted;
    if (wanted > 1 && undividable(run, reason, sizeof reason)) {
        run->shard_count = 1;
    } else if (wanted > blocks_of(run)) {
        run->shard_count = blocks_of(run);
        snprintf(reason, sizeof reason, "%u peers are no more than %u blocks of %u, and a block is not divided",
                 run->identity->peer_count, run->shard_count, RUN_BLOCK);
    }
    run->fewer_shards = *reason ? base_arena_copy_text(run->arena, reason, strlen(reason)) : NULL;
    run->shards = shard_memory(run, run->shard_count * sizeof(struct shard));
    for (uint32_t i = 0; i < run->shard_count; i++) {
        run->shards[i].run = run;
        run->shards[i].ordinal = i;
    }
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
    run->direct = run->transport->direct;
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
    if (!error)
        bind_overlays(run);
    error = error ? error : bind_workloads(run, diagnostics);
    error = error ? error : plan_create(&run->plan, run->identity, diagnostics);
    error = error ? error : truth_create(&run->truth, run->identity);
    error = error ? error : graph_build(&run->graph, scenario, diagnostics);
    error = error ? error : network_create(&run->network, run->identity, diagnostics);
    if (error)
        return error;
    choose_shards(run);
    for (uint32_t i = 0; i < run->shard_count; i++)
        shard_metrics(&run->shards[i]);
    run_summarize(run, false); /* all figures in place, without values */
    return summary_check_expectations(&run->summary, scenario, diagnostics);
}

static int build(struct run *run, struct base_diagnostics *diagnostics)
{
    int error = bind_all(run, diagnostics);
    error = error ? error : allocate_peers(run);
    choose_prefetch(run);
    error = error ? error : shards_open(run, diagnostics);
    error = error || run->direct ? error : run->transport->open(&run->shards[0], diagnostics);
    error = error ? error : capture_open(run, diagnostics);
    error = error ? error : record_open(run, diagnostics);
    bool plain = run->direct && !run->waits && !run->capture && !run->faults_on_links && run->scenario->group_count == 1;
    run->plain = plain && !run->record;
    run->plain_recorded = plain && run->record;
    run->recorded_messages = run->record & TOPOLOGY_RECORD_MESSAGES ? RUN_SAMPLED : 0;
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
    const struct shard *shard = &run->shards[0];
    for (uint32_t i = 0; i < run->shard_count && !shard->failure; i++)
        shard = &run->shards[i];
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
                                                       .now_ns = &run->shards[0].active.now_ns};
    base_assert_context_set(&run->assert_context);
    int error = course_begin(run);
    if (error && !run_failed(run))
        run_fail(&run->shards[0], error, UINT32_MAX, "the run could not begin");
    run->setup_wall_ns = run_wall_ns();
    run->setup_cpu_ns = run_cpu_ns();
    for (uint32_t i = 0; i < run->shard_count; i++)
        reactor_clock_restart(reactor_loop_clock(run->shards[i].loop), 0);
    capture_begin(run);
    run->clock_runs = run->waits;
    samples_begin(run);
    error = error ? error : course_run(run);
    run->ended_at_ns = error || run->interrupted ? run_now_ns(run) : run->scenario->duration_ns;
    course_end(run);
    samples_end(run);
    shards_gather(run);
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

uint32_t engine_loops(const struct engine *engine, const char **why_fewer)
{
    *why_fewer = engine->run.fewer_shards;
    return engine->run.shard_count;
}

const struct summary *engine_summary(const struct engine *engine)
{
    return &engine->run.summary;
}

static void release_peers(struct run *run)
{
    for (uint32_t i = 0; i < run->identity->peer_count && run->peers; i++)
        if (run_hot(run, i)->up)
            run_release(run_shard_of(run, i), i);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    struct run *run = &engine->run;
    trace_finish(run->capture, "", NULL, &(struct base_diagnostics){0});
    if (run->trace)
        trace_finish(run->trace, "interrupted", NULL, &(struct base_diagnostics){0});
    if (run->transport && run->shards && !run->direct)
        run->transport->close(&run->shards[0]);
    if (run->identity)
        release_peers(run);
    if (run->shards)
        shards_close(run);
    network_free(run->network);
    graph_free(run->graph);
    truth_free(run->truth);
    plan_free(run->plan);
    if (run->peers)
        base_unreserve(run->peers, run->peers_bytes);
    if (run->cold)
        base_unreserve(run->cold, run->cold_bytes);
    identity_free(run->identity);
    base_arena_free(run->arena);
    summary_done(&run->summary);
    free(engine);
}
