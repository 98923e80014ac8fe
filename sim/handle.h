/* What every kind of event begins with, and how a message is handled: inlined into the batch's short way (batch.c) and into
 * the full one (dispatch.c, lifecycle.c). */
#ifndef SIM_HANDLE_H
#define SIM_HANDLE_H

#include "sim/capture.h"
#include "sim/digest.h"
#include "sim/rows.h"

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
    if (plain)
        return peer;
    if (run->identity->group_count > 1)
        run_set_instance(peer, run->identity->group_instance[hot->group]);
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
static inline uint8_t sample_root(const struct run *run, const struct peer_hot *hot, uint32_t index)
{
    if (!run->record)
        return 0;
    if (run->sample_ppb >= 1000000000u)
        return RUN_SAMPLED;
    uint64_t bits = base_random_at(base_random_subkey(run->sample_key, index), hot->seq);
    return base_random_chance(bits, run->sample_ppb) ? RUN_SAMPLED : 0;
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
    bool good = (plain ? shard->message : peer->instance->ops->message)(peer, entry->source, message.bytes, message.length);
    if (__builtin_expect(good, 1))
        shard->totals.delivered++;
    else
        shard->totals.dropped[NETWORK_MALFORMED]++;
    if (recorded)
        run_record_message(shard, entry, message.sent_at_ns, now_ns - message.sent_at_ns, seq, message.length,
                           good ? NETWORK_DELIVERED : NETWORK_MALFORMED);
}

static inline void give_flight(struct shard *shard, const struct reactor_entry *entry)
{
    if (!(entry->order & REACTOR_CARRIES))
        flight_give(&shard->flights, entry->payload);
}

/* An action's own 64 bits. */
static inline uint64_t draw_of(const struct run *run, const struct peer_hot *hot, const struct reactor_entry *entry)
{
    uint64_t stream = run->workload_key[entry->kind * run->identity->group_count + hot->group];
    uint64_t member = entry->target - run->scenario->groups[hot->group].first;
    return base_random_at(base_random_subkey(stream, member), entry->due_ns);
}

#endif
