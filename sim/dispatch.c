/* Dispatch: what each class of queue entry means, in full. Virtual time's short way of a message is batch.c's. */
#include <errno.h>
#include <string.h>

#include "sim/handle.h"
#include "sim/samples.h"
#include "sim/transport.h"

void run_fail(struct shard *shard, int error, uint32_t peer, const char *text)
{
    if (!shard->failure) {
        shard->failure = error;
        shard->failure_peer = peer;
        shard->failure_text = text;
    }
    reactor_loop_stop(shard->loop);
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

/* As batch.c's on_plain_message, where run->plain_recorded. */
static inline void on_recorded_message(struct shard *shard, struct peer_hot *hot, const struct reactor_entry *entry)
{
    const struct run_carried *carried = (const struct run_carried *) (const void *) entry;
    size_t length = entry->payload;
    if (length > RUN_CARRIED_MAX || (entry->order & REACTOR_CLASS_MASK) != REACTOR_MESSAGE)
        __builtin_unreachable(); /* told to the compiler, for the digest */
    struct peer *peer = begin(shard, hot, entry, entry->source, carried->bytes, length, true);
    uint32_t seq = hot->seq;
    bool recorded = entry->order & shard->run->recorded_messages;
    peer->sampled = entry->order & RUN_SAMPLED;
    peer->cause = recorded ? seq : 0;
    bool good = shard->message(peer, entry->source, carried->bytes, length);
    shard->totals.delivered += good;
    shard->totals.dropped[NETWORK_MALFORMED] += !good;
    if (!recorded)
        return;
    row_message(shard, &(struct trace_message){
        .sent_at_ns = carried->sent_at_ns, .delay_ns = entry->due_ns - carried->sent_at_ns, .source = entry->source - 1,
        .cause_seq = entry->cause, .target = entry->target, .target_seq = seq, .bytes = (uint32_t) length,
        .kind = entry->kind, .fate = good ? NETWORK_DELIVERED : NETWORK_MALFORMED});
}

static void on_message(void *context, struct reactor_entry *entry)
{
    struct shard *shard = context;
    const struct run *run = shard->run;
    struct peer_hot *hot = run_hot(run, entry->target);
    if (run->plain_recorded && entry->order & REACTOR_CARRIES && hot->up) {
        on_recorded_message(shard, hot, entry);
        return;
    }
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
    if (run->plain) {
        struct peer *peer = begin(shard, hot, entry, 0, NULL, 0, true);
        peer->instance->ops->timer(peer, entry->kind, data);
        return;
    }
    struct peer *peer = begin(shard, hot, entry, 0, NULL, 0, false);
    const struct overlay_ops *ops = peer->instance->ops;
    if (ops->timer_kinds[entry->kind].periodic)
        peer->sampled = sample_root(run, hot, entry->target);
    peer->cause = entry->cause;
    if (peer->sampled && run->record & TOPOLOGY_RECORD_TIMERS)
        row_event(peer, RUN_TIMER, TRACE_NONE_U32, entry->cause, entry->kind);
    ops->timer(peer, entry->kind, data);
}

void run_push_action(struct shard *shard, struct peer_hot *hot, uint32_t index, uint32_t workload, uint64_t at_ns,
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
    reactor_entry_fill(place, &(struct reactor_entry){.due_ns = at_ns, .target = index, .source = index + 1, .count = count,
                                            .order = REACTOR_WORKLOAD, .kind = (uint8_t) workload, .payload = draw});
    reactor_queue_commit(shard->queue, place);
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
    struct peer *peer = begin(shard, hot, entry, 0, NULL, 0, run->plain);
    if (!run->plain) {
        peer->sampled = sample_root(run, hot, entry->target);
        uint32_t wanted = ops->numbered ? TOPOLOGY_RECORD_BROADCASTS : TOPOLOGY_RECORD_LOOKUPS;
        if (run->record & wanted)
            row_event(peer, (uint8_t) (RUN_ACTION + (ops->numbered ? 1 : 0)), TRACE_NONE_U32, 0, TRACE_NONE_U64);
    }
    ops->act(peer, entry->kind, entry->payload, draw_of(run, hot, entry));
    if (planned)
        return;
    uint32_t draw = entry->payload;
    uint64_t at_ns = plan_workload_following(run->identity, entry->kind, entry->target, entry->due_ns, &draw);
    run_push_action(shard, hot, entry->target, entry->kind, at_ns, draw);
}

static void on_lifecycle(void *context, struct reactor_entry *entry)
{
    run_lifecycle(context, entry);
}

void (*const run_dispatch[REACTOR_CLASSES])(void *shard, struct reactor_entry *entry) = {
    [REACTOR_FAULT] = on_lifecycle,   [REACTOR_LIFECYCLE] = on_lifecycle, [REACTOR_WORKLOAD] = on_workload,
    [REACTOR_MESSAGE] = on_message,   [REACTOR_TIMER] = on_timer,
    [REACTOR_USER] = samples_take,
};
