/* From a send to the queue: what each message passes, inlined into the callers. See route.c. */
#ifndef SIM_ROUTE_H
#define SIM_ROUTE_H

#include <errno.h>
#include <string.h>

#include "sim/run.h"

/* Short lengths without a call, by two overlapping copies; zero behind them. */
static inline void route_copy(uint8_t to[RUN_CARRIED_MAX], const uint8_t *from, size_t length)
{
    memset(to, 0, RUN_CARRIED_MAX);
    if (length >= 16) {
        memcpy(to, from, 16);
        memcpy(to + length - 8, from + length - 8, 8);
    } else if (length >= 8) {
        memcpy(to, from, 8);
        memcpy(to + length - 8, from + length - 8, 8);
    } else if (length >= 4) {
        memcpy(to, from, 4);
        memcpy(to + length - 4, from + length - 4, 4);
    } else {
        for (size_t i = 0; i < length; i++)
            to[i] = from[i];
    }
}

/* What is not plain (below); entry as run_route's. */
void route_slowly(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns, uint32_t *flight,
                  const void *bytes, size_t length);
void route_fail_queue(struct shard *shard, uint32_t target);

/* Short, to another peer of the plan, over an undisturbed network. */
static inline bool route_is_plain(const struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns,
                                  size_t length)
{
    return shard->plain_sends && sent_at_ns < network_quick(shard->network)->until_ns && length <= RUN_CARRIED_MAX &&
           entry->target < shard->peer_count && entry->target + 1 != entry->source;
}

static inline uint64_t route_delay(const struct shard *shard, const struct reactor_entry *entry)
{
    uint64_t delay_ns = network_quick(shard->network)->delay_ns;
    if (delay_ns)
        return delay_ns;
    struct network_ends ends = {.from = entry->source - 1, .to = entry->target};
    return network_delay(shard->network, &ends, entry->count);
}

/* The octets of a struct peer_short, a word at a time as they were most likely written: a wide load waits for small stores. */
static inline void route_copy_words(uint8_t to[RUN_CARRIED_MAX], const struct peer_short *from)
{
    for (size_t i = 0; i < RUN_CARRIED_MAX / sizeof from->words[0]; i++) {
        uint64_t word = from->words[i];
        __asm__("" : "+r"(word)); /* else the loop becomes such a load */
        memcpy(to + i * sizeof word, &word, sizeof word);
    }
}

/* Where nearly every message goes: short, to another peer of the same loop, over a network that does nothing but delay all
 * alike, or each by a uniform draw, behind the opened bucket. A leaf, so that it costs no saved registers. False: it is not so, and nothing happened.
 * is_short: bytes is a struct peer_short. */
static inline __attribute__((always_inline)) bool route_quickly(struct peer *peer, peer_address to, uint8_t kind,
                                                                const void *bytes, size_t length, bool is_short)
{
    struct shard *shard = peer->shard;
    const struct network_quick *quick = shard->quick;
    uint64_t sent_at_ns = peer->now_ns, delay_ns = quick->delay_ns;
    uint32_t target = to - 1, source = peer->index, count = peer->hot->count + 1;
    if (delay_ns == 0 && quick->delays)
        delay_ns = network_quick_draw(quick, source, target, count);
    if (sent_at_ns >= quick->until_ns || delay_ns == 0 || target >= shard->peer_count || target == source || count == 0 ||
        length > RUN_CARRIED_MAX || (shard->outboxes && run_shard_of(shard->run, target) != shard))
        return false;
    struct reactor_entry *place = reactor_queue_reserve_shown(shard->queue, sent_at_ns + delay_ns, true);
    if (__builtin_expect(place == NULL, 0))
        return false;
    peer->hot->count = count;
    shard->totals.sent++;
    shard->totals.bytes += length;
    reactor_entry_fill(place, &(struct reactor_entry){
        .due_ns = sent_at_ns + delay_ns, .target = target, .source = source + 1, .count = count, .kind = kind,
        .order = REACTOR_MESSAGE | REACTOR_CARRIES | peer->sampled, .payload = (uint32_t) length, .cause = peer->cause});
    struct run_carried *carried = (struct run_carried *) (void *) place;
    carried->sent_at_ns = sent_at_ns;
    if (is_short)
        route_copy_words(carried->bytes, bytes);
    else
        route_copy(carried->bytes, bytes, length);
    return true;
}

/* entry: as run_route's; what is rare gets a copy of it, so that, built by an inlining caller, it never stands in memory:
 * the queue's own place is filled field by field. */
static inline __attribute__((always_inline)) void route(struct shard *shard, const struct reactor_entry *entry,
                                                        uint64_t sent_at_ns, uint32_t *flight, const void *bytes,
                                                        size_t length)
{
    if (__builtin_expect(!route_is_plain(shard, entry, sent_at_ns, length), 0)) {
        struct reactor_entry copy = *entry;
        route_slowly(shard, &copy, sent_at_ns, flight, bytes, length);
        return;
    }
    uint64_t due_ns = sent_at_ns + route_delay(shard, entry);
    struct outbox *outbox = shard->outboxes ? shard_outbox(shard, entry->target) : NULL;
    struct reactor_entry *place = outbox ? outbox_place(outbox) : reactor_queue_reserve(shard->queue, due_ns, true);
    if (__builtin_expect(!place, 0)) {
        route_fail_queue(shard, entry->target);
        return;
    }
    shard->totals.sent++;
    shard->totals.bytes += length;
    reactor_entry_fill(place, &(struct reactor_entry){
        .due_ns = due_ns, .target = entry->target, .source = entry->source, .count = entry->count,
        .order = entry->order | REACTOR_CARRIES, .kind = entry->kind, .payload = (uint32_t) length, .cause = entry->cause});
    struct run_carried *carried = (struct run_carried *) (void *) place;
    carried->sent_at_ns = sent_at_ns;
    route_copy(carried->bytes, bytes, length);
    if (!outbox)
        reactor_queue_commit(shard->queue, place);
}

#endif
