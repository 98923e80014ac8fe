/* Dispatch: what each class of queue entry means. The fast path of virtual time is on_message -> memory transport ->
 * run_handle -> the overlay -> peer_send -> run_route -> the queue. */
#include <errno.h>
#include <string.h>

#include "sim/capture.h"
#include "sim/digest.h"
#include "sim/effects.h"
#include "sim/transport.h"

/* How many events ahead an upcoming target's block is asked for; and then, when that has come, what the overlay will touch
 * beyond its first line. */
#define PREFETCH_FAR 12
#define PREFETCH_NEAR 5
#define LINE 64u

void run_fail(struct shard *shard, int error, uint32_t peer, const char *text)
{
    if (!shard->failure) {
        shard->failure = error;
        shard->failure_peer = peer;
        shard->failure_text = text;
    }
    reactor_loop_stop(shard->loop);
}

/* Makes entry's target the peer that is being handled; counts and folds the event. bytes: what it carries. plain: as
 * run->plain, where that is known. */
static inline __attribute__((always_inline)) struct peer *
begin(struct shard *shard, struct peer_hot *hot, const struct reactor_entry *entry, uint32_t other, const void *bytes,
      size_t length, bool plain)
{
    struct run *run = shard->run;
    struct peer *peer = &shard->active;
    hot->seq++;
    hot->digest = digest_fold(hot->digest, entry, other, bytes, length);
    shard->totals.events++;
    peer->hot = hot;
    peer->index = entry->target;
    peer->step = entry->step;
    peer->now_ns = entry->due_ns;
    if (run->identity->group_count > 1)
        run_set_instance(peer, run->identity->group_instance[hot->group]);
    if (plain)
        return peer;
    peer->sampled = entry->order & RUN_SAMPLED;
    peer->cause = 0;
    if (!run->clock_runs)
        return peer;
    peer->now_ns = reactor_loop_now(shard->loop);
    if ((entry->order & REACTOR_CLASS_MASK) >= REACTOR_MESSAGE)
        base_histogram_add(&shard->totals.lag_ns, peer->now_ns > entry->due_ns ? peer->now_ns - entry->due_ns : 0);
    return peer;
}

/* A root of a causal tree: whether the tree is recorded is a hash of (peer, seq). */
static uint8_t sample_root(const struct run *run, const struct peer_hot *hot, uint32_t index)
{
    if (!run->record)
        return 0;
    if (run->sample_ppb >= 1000000000u)
        return RUN_SAMPLED;
    uint64_t bits = base_random_at(base_random_subkey(run->sample_key, index), hot->seq);
    return base_random_chance(bits, run->sample_ppb) ? RUN_SAMPLED : 0;
}

static void record_event(struct peer *peer, uint8_t kind, uint32_t other, uint32_t cause, uint64_t detail)
{
    struct trace_event row = {.at_ns = peer->now_ns, .detail = detail, .peer = peer->index, .seq = peer->hot->seq,
                              .other = other, .cause_seq = cause, .kind = kind};
    effect(peer->shard, EFFECT_EVENT, &row, sizeof row);
    peer->cause = peer->hot->seq;
}

static inline __attribute__((always_inline)) void
handle(struct shard *shard, struct peer_hot *hot, const struct reactor_entry *entry, struct run_bytes message, bool plain)
{
    struct run *run = shard->run;
    struct peer *peer = begin(shard, hot, entry, entry->source, message.bytes, message.length, plain);
    bool recorded = !plain && peer->sampled && run->record & TOPOLOGY_RECORD_MESSAGES;
    uint32_t seq = hot->seq;
    uint64_t now_ns = peer->now_ns;
    if (!plain) {
        peer->cause = recorded ? seq : 0;
        if (run->capture)
            capture_packet(peer, entry->source, message.bytes, message.length);
    }
    bool good = peer->instance->ops->message(peer, entry->source, message.bytes, message.length);
    shard->totals.delivered += good;
    shard->totals.dropped[NETWORK_MALFORMED] += !good;
    if (recorded)
        run_record_message(shard, entry, message.sent_at_ns, now_ns - message.sent_at_ns, seq, message.length,
                           good ? NETWORK_DELIVERED : NETWORK_MALFORMED);
}

void run_handle(struct shard *shard, struct reactor_entry *entry, uint64_t sent_at_ns, const uint8_t *bytes,
                size_t length)
{
    uint8_t padded[RUN_CARRIED_MAX] = {0}; /* as the digest wants short ones */
    if (length < sizeof padded)
        bytes = memcpy(padded, bytes, length);
    handle(shard, run_hot(shard->run, entry->target), entry, (struct run_bytes){bytes, length, sent_at_ns}, false);
}

/* Whether it arrives, and if not, why. */
static enum network_fate arrive(const struct run *run, const struct peer_hot *hot, const struct reactor_entry *entry)
{
    if (!hot->up)
        return NETWORK_TARGET_DOWN;
    if (!run->faults_on_links)
        return NETWORK_DELIVERED;
    struct network_ends ends = {.from = entry->source - 1, .to = entry->target,
                                .from_group = run_hot(run, entry->source - 1)->group, .to_group = hot->group};
    return network_arrive(run->network, &ends, entry->due_ns);
}

static inline void give_flight(struct shard *shard, const struct reactor_entry *entry)
{
    if (!(entry->order & REACTOR_CARRIES))
        flight_give(&shard->flights, entry->payload);
}

static void on_message(void *context, struct reactor_entry *entry)
{
    struct shard *shard = context;
    const struct run *run = shard->run;
    struct peer_hot *hot = run_hot(run, entry->target);
    enum network_fate fate = arrive(run, hot, entry);
    if (fate == NETWORK_DELIVERED && !run->direct) {
        run->transport->deliver(shard, entry);
        return;
    }
    struct run_bytes message = run_bytes_of(shard, entry);
    if (fate == NETWORK_DELIVERED)
        handle(shard, hot, entry, message, false);
    else
        run_drop(shard, entry, message.sent_at_ns, entry->due_ns - message.sent_at_ns, message.length, fate);
    give_flight(shard, entry);
}

/* The same where run->plain. */
static inline void on_plain_message(struct shard *shard, struct reactor_entry *entry)
{
    struct peer_hot *hot = run_hot(shard->run, entry->target);
    if (__builtin_expect(!hot->up, 0)) {
        on_message(shard, entry);
        return;
    }
    handle(shard, hot, entry, run_bytes_of(shard, entry), true);
    give_flight(shard, entry);
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
    struct peer *peer = begin(shard, hot, entry, 0, NULL, 0, false);
    const struct overlay_ops *ops = peer->instance->ops;
    if (ops->timer_kinds[entry->kind].periodic)
        peer->sampled = sample_root(run, hot, entry->target);
    peer->cause = entry->cause;
    if (peer->sampled && run->record & TOPOLOGY_RECORD_TIMERS)
        record_event(peer, RUN_TIMER, TRACE_NONE_U32, entry->cause, entry->kind);
    ops->timer(peer, entry->kind, data);
}

static void push_action(struct shard *shard, struct peer_hot *hot, uint32_t index, uint32_t workload, uint64_t at_ns,
                        uint32_t draw)
{
    uint32_t count = ++hot->count; /* even of one that the end forestalls: a longer run begins as a shorter one */
    if (at_ns >= shard->run->scenario->duration_ns)
        return;
    struct reactor_entry *place = reactor_queue_reserve(shard->queue, at_ns, false);
    if (!place) {
        run_fail(shard, -ENOBUFS, index, "too many pending events");
        return;
    }
    run_fill(place, &(struct reactor_entry){.due_ns = at_ns, .target = index, .source = index + 1, .count = count,
                                            .order = REACTOR_WORKLOAD, .kind = (uint8_t) workload, .payload = draw});
    reactor_queue_commit(shard->queue, place);
}

static bool chosen(const struct topology_peers *peers, uint32_t group)
{
    for (uint32_t i = 0; i < peers->count; i++)
        if (peers->groups[i] == group)
            return true;
    return false;
}

static void arm_workload(struct shard *shard, struct peer_hot *hot, uint32_t index, uint32_t workload, uint64_t from_ns,
                         uint32_t earlier)
{
    uint32_t draw = plan_workload_first_draw(earlier + 1);
    uint64_t at_ns = plan_workload_next(shard->run->identity, workload, index, from_ns, &draw);
    push_action(shard, hot, index, workload, at_ns, draw);
}

static void arm_workloads(struct shard *shard, struct peer_hot *hot, uint32_t index, uint64_t now_ns)
{
    const struct scenario *scenario = shard->run->scenario;
    uint32_t earlier = hot->seq > 1 ? shard->run->cold[index].earlier : 0;
    for (uint32_t w = 0; w < scenario->workload_count; w++)
        if (!plan_issues(scenario, w) && chosen(&scenario->workloads[w].from, hot->group))
            arm_workload(shard, hot, index, w, now_ns, earlier);
}

/* An action's own 64 bits. */
static uint64_t draw_of(const struct run *run, const struct peer_hot *hot, const struct reactor_entry *entry)
{
    uint64_t stream = run->workload_key[entry->kind * run->identity->group_count + hot->group];
    uint64_t member = entry->target - run->scenario->groups[hot->group].first;
    return base_random_at(base_random_subkey(stream, member), entry->due_ns);
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
    struct peer *peer = begin(shard, hot, entry, 0, NULL, 0, false);
    peer->sampled = sample_root(run, hot, entry->target);
    uint32_t wanted = ops->numbered ? TOPOLOGY_RECORD_BROADCASTS : TOPOLOGY_RECORD_LOOKUPS;
    if (run->record & wanted)
        record_event(peer, (uint8_t) (RUN_ACTION + (ops->numbered ? 1 : 0)), TRACE_NONE_U32, 0, TRACE_NONE_U64);
    ops->act(peer, entry->kind, entry->payload, draw_of(run, hot, entry));
    if (planned)
        return;
    uint32_t draw = entry->payload;
    uint64_t at_ns = plan_workload_following(run->identity, entry->kind, entry->target, entry->due_ns, &draw);
    push_action(shard, hot, entry->target, entry->kind, at_ns, draw);
}

void run_session_end(struct shard *shard, uint32_t index, uint64_t down_at_ns, uint8_t ending)
{
    const struct run *run = shard->run;
    if (!(run->record & TOPOLOGY_RECORD_LIFECYCLE))
        return;
    struct trace_session row = {.up_at_ns = run->cold[index].up_at_ns, .down_at_ns = down_at_ns, .peer = index,
                                .incarnation = run->cold[index].earlier + 1, .ending = ending};
    struct overlay_id id;
    identity_id(run->identity, index, &id);
    const struct identity *identity = run->identity;
    row.id_octets = (uint8_t) identity->instances[identity->group_instance[run_hot(run, index)->group]].id_octets;
    memcpy(row.id, id.octets, sizeof row.id);
    effect(shard, EFFECT_SESSION, &row, sizeof row);
}

void run_release(struct shard *shard, uint32_t index)
{
    struct peer *peer = &shard->active;
    peer->index = index;
    peer->hot = run_hot(shard->run, index);
    run_set_instance(peer, shard->run->identity->group_instance[peer->hot->group]);
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
    effect(shard, EFFECT_UP, &(struct effect_of_peer){.instance = peer->instance_ordinal}, sizeof(struct effect_of_peer));
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
    base_assert(peer->hot->up);
    if (ending == TRACE_ENDING_LEAVE && peer->instance->ops->leave)
        peer->instance->ops->leave(peer);
    run_release(shard, peer->index);
    lookups_abandon(shard, peer->index);
    peer->hot->up = 0;
    struct effect_of_peer of = effect_of(peer);
    effect(shard, EFFECT_DOWN, &of, sizeof of);
    run_session_end(shard, peer->index, entry->due_ns, ending);
}

void run_lifecycle(struct shard *shard, const struct reactor_entry *entry)
{
    static const uint8_t kinds[] = {[PLAN_CRASH] = RUN_CRASH, [PLAN_DOWN] = RUN_CRASH, [PLAN_RESTART] = RUN_RESTART,
                                    [PLAN_UP] = RUN_JOIN};
    struct run *run = shard->run;
    struct peer_hot *hot = run_hot(run, entry->target);
    struct peer *peer = begin(shard, hot, entry, 0, NULL, 0, false);
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

/* --- the batch --- */

/* Whether the upcoming event is a message is not to be guessed, so nothing branches on it while two lines are enough. */
static inline __attribute__((always_inline)) void prefetch_block(const struct run *run, const struct reactor_entry *upcoming)
{
    const uint8_t *block = run->peers + (size_t) upcoming->target * run->peer_bytes;
    bool message = (upcoming->order & REACTOR_CLASS_MASK) == REACTOR_MESSAGE;
    __builtin_prefetch(block, 1);
    if (run->prefetch_bytes <= LINE)
        return;
    uint32_t last = message ? run->prefetch_message_bytes - 1 : run->prefetch_bytes - 1;
    __builtin_prefetch(block + last / LINE * LINE, 1);
    for (uint32_t at = LINE; at + 2 * LINE <= run->prefetch_message_bytes; at += LINE)
        __builtin_prefetch(block + at, 1);
}

/* What does not stand in the entry itself. */
static inline __attribute__((always_inline)) void prefetch_payload(const struct shard *shard, const struct reactor_entry *upcoming)
{
    unsigned class = upcoming->order & REACTOR_CLASS_MASK;
    if (class == REACTOR_MESSAGE)
        __builtin_prefetch(flight_at(&shard->flights, upcoming->payload), 1);
    else if (class == REACTOR_TIMER)
        reactor_timer_prefetch(shard->timers, upcoming);
}

static inline __attribute__((always_inline)) void prefetch_far(const struct shard *shard, const struct reactor_entry *upcoming)
{
    prefetch_block(shard->run, upcoming);
    if (!(upcoming->order & (REACTOR_CARRIES | REACTOR_LOOSE)))
        prefetch_payload(shard, upcoming);
}

static __attribute__((noinline)) void prefetch_action(const struct shard *shard, const struct reactor_entry *upcoming)
{
    const struct run *run = shard->run;
    const struct peer_hot *hot = run_hot(run, upcoming->target);
    const struct workload_ops *ops = run->scenario->workloads[upcoming->kind].action.kind->ops;
    const struct overlay_ops *overlay = shard->active.instance->ops;
    struct overlay_id key;
    if (!shard->prefetch || !ops->key || !overlay->prefetch_lookup || !hot->up)
        return;
    ops->key(run, upcoming->kind, 0, draw_of(run, hot, upcoming), &key);
    overlay->prefetch_lookup(hot + 1, shard->shared[0], &key);
}

/* The target's first line has come by now: what it names, and what the overlay will touch. */
static inline __attribute__((always_inline)) void prefetch_near(const struct shard *shard, const struct reactor_entry *upcoming)
{
    unsigned class = upcoming->order & REACTOR_CLASS_MASK;
    if (class == REACTOR_WORKLOAD)
        prefetch_action(shard, upcoming);
    if (class != REACTOR_MESSAGE)
        return;
    const struct peer_hot *hot = run_hot(shard->run, upcoming->target);
    if (hot->lookups)
        __builtin_prefetch(base_slab_at(&shard->lookups, hot->lookups), 1);
    if (!shard->prefetch || !hot->up)
        return;
    struct run_bytes message = run_bytes_of(shard, upcoming);
    shard->prefetch(hot + 1, shard->shared[0], upcoming->kind, message.bytes, message.length);
}

/* Of a bucket just opened, the first ones at once. */
static __attribute__((noinline)) void look_into(const struct shard *shard, const struct reactor_queue *queue)
{
    const struct reactor_entry *upcoming;
    for (size_t ahead = 0; ahead < PREFETCH_FAR - 1 && (upcoming = reactor_queue_upcoming(queue, ahead)); ahead++)
        prefetch_far(shard, upcoming);
    for (size_t ahead = 0; ahead < PREFETCH_NEAR - 1 && (upcoming = reactor_queue_upcoming(queue, ahead)); ahead++)
        prefetch_near(shard, upcoming);
}

/* What is known to come is asked for one by one. */
static inline __attribute__((always_inline)) void look_ahead(const struct shard *shard, const struct reactor_queue *queue)
{
    const struct reactor_entry *far = reactor_queue_upcoming(queue, PREFETCH_FAR - 1);
    const struct reactor_entry *near =
        shard->prefetches_near ? reactor_queue_upcoming(queue, PREFETCH_NEAR - 1) : NULL;
    if (far)
        prefetch_far(shard, far);
    if (near)
        prefetch_near(shard, near);
}

uint32_t run_batch(void *context, struct reactor_queue *queue, uint64_t until_ns, uint32_t most, uint64_t *now_ns)
{
    struct shard *shard = context;
    bool prefetches = shard->run->prefetch_bytes > 0, plain = shard->run->plain;
    uint32_t left = most;
    for (; left && !shard->failure; left--) {
        uint64_t opened = queue->opened;
        struct reactor_entry *entry = reactor_queue_pop(queue, until_ns);
        if (!entry)
            break;
        if (prefetches) {
            if (__builtin_expect(opened != queue->opened, 0))
                look_into(shard, queue);
            look_ahead(shard, queue);
        }
        *now_ns = entry->due_ns;
        shard->event = entry;
        unsigned class = entry->order & REACTOR_CLASS_MASK;
        if (__builtin_expect(class == REACTOR_MESSAGE && plain, 1))
            on_plain_message(shard, entry);
        else
            run_dispatch[class](shard, entry);
    }
    return most - left;
}

void (*const run_dispatch[REACTOR_CLASSES])(void *shard, struct reactor_entry *entry) = {
    [REACTOR_FAULT] = on_lifecycle,   [REACTOR_LIFECYCLE] = on_lifecycle, [REACTOR_WORKLOAD] = on_workload,
    [REACTOR_MESSAGE] = on_message,   [REACTOR_TIMER] = on_timer,
};
