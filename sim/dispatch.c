/* Dispatch: what each class of queue entry means. The fast path of virtual time is on_message -> memory transport ->
 * run_handle -> the overlay -> peer_send -> run_route -> the queue. */
#include <errno.h>
#include <string.h>

#include "sim/capture.h"
#include "sim/digest.h"
#include "sim/run.h"
#include "sim/transport.h"

/* How many events ahead an overlay is asked to prefetch: late enough for run_prefetch's own lines to be there. */
#define PREFETCH_NEAR 3

void run_fail(struct shard *shard, int error, uint32_t peer, const char *text)
{
    if (!shard->failure) {
        shard->failure = error;
        shard->failure_peer = peer;
        shard->failure_text = text;
    }
    reactor_loop_stop(shard->loop);
}

/* Makes entry's target the peer that is being handled; counts and folds the event. bytes: what it carries. */
static struct peer *begin(struct shard *shard, struct peer_hot *hot, const struct reactor_entry *entry, uint32_t other,
                          const void *bytes, size_t length)
{
    struct run *run = shard->run;
    struct peer *peer = &shard->active;
    hot->seq++;
    hot->digest = digest_fold(hot->digest, entry, other, bytes, length);
    shard->totals.events++;
    peer->hot = hot;
    peer->index = entry->target;
    peer->step = entry->step;
    peer->now_ns = run->clock_runs ? reactor_loop_now(shard->loop) : entry->due_ns;
    peer->sampled = entry->order & RUN_SAMPLED;
    peer->cause = 0;
    peer->instance_ordinal = (uint8_t) run->identity->group_instance[hot->group];
    peer->instance = &run->identity->instances[peer->instance_ordinal];
    if (run->clock_runs && (entry->order & REACTOR_CLASS_MASK) >= REACTOR_MESSAGE)
        base_histogram_add(&shard->totals.lag_ns, peer->now_ns > entry->due_ns ? peer->now_ns - entry->due_ns : 0);
    return peer;
}

/* A root of a causal tree: whether the tree is recorded is a hash of (peer, seq). */
static uint8_t sample_root(const struct run *run, const struct peer_hot *hot, uint32_t index)
{
    if (run->sample_ppb >= 1000000000u)
        return RUN_SAMPLED;
    uint64_t bits = base_random_at(base_random_subkey(run->sample_key, index), hot->seq);
    return base_random_chance(bits, run->sample_ppb) ? RUN_SAMPLED : 0;
}

static void record_event(struct peer *peer, uint8_t kind, uint32_t other, uint32_t cause, uint64_t detail)
{
    trace_event(peer->shard->run->trace, &(struct trace_event){
        .at_ns = peer->now_ns, .detail = detail, .peer = peer->index, .seq = peer->hot->seq, .other = other,
        .cause_seq = cause, .kind = kind});
    peer->cause = peer->hot->seq;
}

void run_handle(struct shard *shard, struct reactor_entry *entry, uint64_t sent_at_ns, const uint8_t *bytes,
                size_t length)
{
    struct run *run = shard->run;
    struct peer_hot *hot = run_hot(run, entry->target);
    struct peer *peer = begin(shard, hot, entry, entry->source, bytes, length);
    bool recorded = peer->sampled && run->record & TOPOLOGY_RECORD_MESSAGES;
    peer->cause = recorded ? hot->seq : 0;
    uint32_t seq = hot->seq;
    uint64_t now_ns = peer->now_ns;
    if (__builtin_expect(run->capture != NULL, 0))
        capture_packet(peer, entry->source, bytes, length);
    bool good = peer->instance->ops->message(peer, entry->source, bytes, length);
    enum network_fate fate = good ? NETWORK_DELIVERED : NETWORK_MALFORMED;
    if (good)
        shard->totals.delivered++;
    else
        shard->totals.dropped[fate]++;
    if (recorded)
        run_record_message(shard, entry, sent_at_ns, now_ns - sent_at_ns, seq, length, fate);
}

static void on_message(void *context, struct reactor_entry *entry)
{
    struct shard *shard = context;
    struct run *run = shard->run;
    struct peer_hot *hot = run_hot(run, entry->target);
    enum network_fate fate = NETWORK_DELIVERED;
    if (__builtin_expect(!hot->up, 0)) {
        fate = NETWORK_TARGET_DOWN;
    } else if (run->faults_on_links) {
        struct network_ends ends = {.from = entry->source - 1, .to = entry->target,
                                    .from_group = run_hot(run, entry->source - 1)->group, .to_group = hot->group};
        fate = network_arrive(run->network, &ends, entry->due_ns);
    }
    if (__builtin_expect(fate != NETWORK_DELIVERED, 0)) {
        struct flight_cell *cell = flight_at(&shard->flights, entry->payload);
        run_drop(shard, entry, cell->sent_at_ns, entry->due_ns - cell->sent_at_ns, cell->length, fate);
        flight_give(&shard->flights, entry->payload);
        return;
    }
    run->transport->deliver(shard, entry);
}

static void on_timer(void *context, struct reactor_entry *entry)
{
    struct shard *shard = context;
    struct run *run = shard->run;
    uint32_t data = entry->payload;
    if (!(entry->order & REACTOR_LOOSE) && !reactor_timer_fire(shard->timers, entry, &data))
        return;
    struct peer_hot *hot = run_hot(run, entry->target);
    if (!hot->up || entry->count <= hot->born)
        return; /* an earlier incarnation's */
    struct peer *peer = begin(shard, hot, entry, 0, NULL, 0);
    const struct overlay_ops *ops = peer->instance->ops;
    if (ops->timer_kinds[entry->kind].periodic)
        peer->sampled = sample_root(run, hot, entry->target);
    peer->cause = entry->cause;
    if (peer->sampled && run->record & TOPOLOGY_RECORD_TIMERS)
        record_event(peer, RUN_TIMER, TRACE_NONE_U32, entry->cause, entry->kind);
    ops->timer(peer, entry->kind, data);
}

static void arm_workload(struct shard *shard, struct peer_hot *hot, uint32_t index, uint32_t workload, uint64_t from_ns,
                         uint32_t draw)
{
    uint64_t at_ns = plan_workload_next(shard->run->identity, workload, index, from_ns, &draw);
    uint32_t count = ++hot->count; /* even of one that the end forestalls: a longer run begins as a shorter one */
    if (at_ns >= shard->run->scenario->duration_ns)
        return;
    run_push(shard, &(struct reactor_entry){.due_ns = at_ns, .target = index, .source = index + 1, .count = count,
                                            .order = REACTOR_WORKLOAD, .kind = (uint8_t) workload, .payload = draw});
}

static bool chosen(const struct topology_peers *peers, uint32_t group)
{
    for (uint32_t i = 0; i < peers->count; i++)
        if (peers->groups[i] == group)
            return true;
    return false;
}

static void arm_workloads(struct shard *shard, struct peer_hot *hot, uint32_t index, uint64_t now_ns)
{
    const struct scenario *scenario = shard->run->scenario;
    uint32_t earlier = hot->seq > 1 ? shard->run->cold[index].earlier : 0;
    for (uint32_t w = 0; w < scenario->workload_count; w++)
        if (!plan_issues(scenario, w) && chosen(&scenario->workloads[w].from, hot->group))
            arm_workload(shard, hot, index, w, now_ns, plan_workload_first_draw(earlier + 1));
}

/* An action of the plan (source 0, payload: the broadcast's number) or one that the peer armed itself (payload: draws). */
static void on_workload(void *context, struct reactor_entry *entry)
{
    struct shard *shard = context;
    struct run *run = shard->run;
    struct peer_hot *hot = run_hot(run, entry->target);
    bool planned = entry->source == 0;
    if (!hot->up || (!planned && entry->count <= hot->born))
        return;
    const struct topology_workload *workload = &run->scenario->workloads[entry->kind];
    const struct workload_ops *ops = workload->action.kind->ops;
    struct peer *peer = begin(shard, hot, entry, 0, NULL, 0);
    peer->sampled = sample_root(run, hot, entry->target);
    uint32_t wanted = ops->numbered ? TOPOLOGY_RECORD_BROADCASTS : TOPOLOGY_RECORD_LOOKUPS;
    if (run->record & wanted)
        record_event(peer, (uint8_t) (RUN_ACTION + (ops->numbered ? 1 : 0)), TRACE_NONE_U32, 0, TRACE_NONE_U64);
    uint64_t stream = run->workload_key[entry->kind * run->identity->group_count + hot->group];
    uint64_t member = entry->target - run->scenario->groups[hot->group].first;
    ops->act(peer, entry->kind, entry->payload, base_random_at(base_random_subkey(stream, member), entry->due_ns));
    if (!planned)
        arm_workload(shard, hot, entry->target, entry->kind, entry->due_ns + 1, entry->payload);
}

void run_session_end(struct run *run, uint32_t index, uint64_t down_at_ns, uint8_t ending)
{
    if (!(run->record & TOPOLOGY_RECORD_LIFECYCLE))
        return;
    struct trace_session row = {.up_at_ns = run->cold[index].up_at_ns, .down_at_ns = down_at_ns, .peer = index,
                                .incarnation = run->cold[index].earlier + 1, .ending = ending};
    struct overlay_id id;
    identity_id(run->identity, index, &id);
    const struct identity *identity = run->identity;
    row.id_octets = (uint8_t) identity->instances[identity->group_instance[run_hot(run, index)->group]].id_octets;
    memcpy(row.id, id.octets, sizeof row.id);
    trace_session(run->trace, &row);
}

void run_release(struct shard *shard, uint32_t index)
{
    struct peer *peer = &shard->active;
    peer->index = index;
    peer->hot = run_hot(shard->run, index);
    peer->instance_ordinal = (uint8_t) shard->run->identity->group_instance[peer->hot->group];
    peer->instance = &shard->run->identity->instances[peer->instance_ordinal];
    if (peer->instance->ops->release)
        peer->instance->ops->release(peer);
}

static void go_up(struct shard *shard, struct peer *peer, const struct reactor_entry *entry)
{
    struct run *run = shard->run;
    struct peer_cold *cold = &run->cold[peer->index];
    base_assert(!peer->hot->up);
    bool again = peer->hot->seq > 1;
    if (again)
        cold->earlier++;
    if (peer->now_ns || again) /* else it is 0 as it stands: millions that come up at the start touch no page of it */
        cold->up_at_ns = peer->now_ns ? entry->due_ns : 0;
    peer->hot->up = 1;
    peer->hot->born = peer->hot->count;
    run->up_count++;
    memset(peer_state(peer), 0, run->peer_bytes - sizeof(struct peer_hot));
    const struct overlay_ops *ops = peer->instance->ops;
    struct peer_start start = {
        .converged = run->census && ops->starts_converged && ops->starts_converged(peer->instance->choice->parameters),
        .bootstrap = entry->payload == UINT32_MAX ? PEER_ADDRESS_NONE : entry->payload + 1};
    ops->join(peer, &start);
    if (run->scenario->workload_count)
        arm_workloads(shard, peer->hot, peer->index, entry->due_ns);
}

static void go_down(struct shard *shard, struct peer *peer, const struct reactor_entry *entry, uint8_t ending)
{
    struct run *run = shard->run;
    base_assert(peer->hot->up);
    if (ending == TRACE_ENDING_LEAVE && peer->instance->ops->leave)
        peer->instance->ops->leave(peer);
    run_release(shard, peer->index);
    lookups_abandon(run, peer->index);
    peer->hot->up = 0;
    run->up_count--;
    broadcasts_peer_down(run, peer->index);
    run_session_end(run, peer->index, entry->due_ns, ending);
}

void run_lifecycle(struct shard *shard, const struct reactor_entry *entry)
{
    static const uint8_t kinds[] = {[PLAN_CRASH] = RUN_CRASH, [PLAN_DOWN] = RUN_CRASH, [PLAN_RESTART] = RUN_RESTART,
                                    [PLAN_UP] = RUN_JOIN};
    struct run *run = shard->run;
    struct peer_hot *hot = run_hot(run, entry->target);
    struct peer *peer = begin(shard, hot, entry, 0, NULL, 0);
    bool up = entry->kind == PLAN_UP || entry->kind == PLAN_RESTART;
    bool graceful = entry->kind == PLAN_DOWN && entry->payload;
    peer->sampled = sample_root(run, hot, entry->target);
    if (run->record & TOPOLOGY_RECORD_LIFECYCLE)
        record_event(peer, graceful ? RUN_LEAVE : kinds[entry->kind],
                     up && entry->payload != UINT32_MAX ? entry->payload : TRACE_NONE_U32, 0, TRACE_NONE_U64);
    if (up)
        go_up(shard, peer, entry);
    else
        go_down(shard, peer, entry, graceful ? TRACE_ENDING_LEAVE : TRACE_ENDING_CRASH);
}

static void on_lifecycle(void *context, struct reactor_entry *entry)
{
    run_lifecycle(context, entry);
}

/* What the overlay will touch beyond the peer's block: asked for once the block and the bytes have come. */
static void prefetch_overlay(struct shard *shard, const struct reactor_entry *upcoming)
{
    struct run *run = shard->run;
    const struct identity *identity = run->identity;
    struct peer_hot *hot = run_hot(run, upcoming->target);
    uint32_t instance = identity->group_instance[hot->group];
    const struct overlay_ops *ops = identity->instances[instance].ops;
    if (!ops->prefetch || !hot->up)
        return;
    const struct flight_cell *cell = flight_at(&shard->flights, upcoming->payload);
    ops->prefetch(hot + 1, shard->shared[instance], upcoming->kind, cell->bytes, cell->length);
}

void run_prefetch(void *context, const struct reactor_entry *upcoming)
{
    struct shard *shard = context;
    if (shard->run->overlays_prefetch) {
        const struct reactor_entry *near = reactor_queue_upcoming(shard->queue, PREFETCH_NEAR);
        if (near && (near->order & REACTOR_CLASS_MASK) == REACTOR_MESSAGE)
            prefetch_overlay(shard, near);
    }
    const uint8_t *block = shard->run->peers + (size_t) upcoming->target * shard->run->peer_bytes;
    __builtin_prefetch(block, 1);
    if (shard->run->peer_bytes > 64)
        __builtin_prefetch(block + 64, 1);
    unsigned class = upcoming->order & REACTOR_CLASS_MASK;
    if (class == REACTOR_MESSAGE)
        __builtin_prefetch(flight_at(&shard->flights, upcoming->payload), 1);
    else if (class == REACTOR_TIMER && !(upcoming->order & REACTOR_LOOSE))
        reactor_timer_prefetch(shard->timers, upcoming);
}

void (*const run_dispatch[REACTOR_CLASSES])(void *shard, struct reactor_entry *entry) = {
    [REACTOR_FAULT] = on_lifecycle,   [REACTOR_LIFECYCLE] = on_lifecycle, [REACTOR_WORKLOAD] = on_workload,
    [REACTOR_MESSAGE] = on_message,   [REACTOR_TIMER] = on_timer,
};
