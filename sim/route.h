/* From a send to the queue: what each message passes, inlined into the callers. See route.c. */
#ifndef SIM_ROUTE_H
#define SIM_ROUTE_H

#include <errno.h>
#include <string.h>

#include "sim/run.h"

/* Short lengths without a call: two overlapping copies. */
static inline void route_copy(uint8_t *to, const uint8_t *from, size_t length)
{
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

struct network_verdict route_judge(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns,
                                   size_t length);
/* The flight of a message too long to be carried: *flight, with a reference more, or a new one. 0: the run ended. */
uint32_t route_flight(struct shard *shard, uint32_t *flight, uint32_t target, const void *bytes, size_t length,
                      uint64_t sent_at_ns);
void route_fail_queue(struct shard *shard, uint32_t target);

static inline struct network_verdict route_verdict(struct shard *shard, const struct reactor_entry *entry,
                                                   uint64_t sent_at_ns, size_t length)
{
    const struct run *run = shard->run;
    const struct network_quick *quick = network_quick(run->network);
    bool plain = quick->delay_ns > 0 && sent_at_ns < quick->until_ns && length <= RUN_CARRIED_MAX &&
                 entry->target < run->identity->peer_count && entry->target + 1 != entry->source;
    if (__builtin_expect(plain, 1))
        return (struct network_verdict){.delay_ns = quick->delay_ns, .fate = NETWORK_IN_FLIGHT};
    return route_judge(shard, entry, sent_at_ns, length);
}

/* entry: as run_route's. is_short: bytes is a struct peer_short. Built from scalars by an inlining caller it never exists in memory: the queue's own place is
 * filled field by field. */
static inline __attribute__((always_inline)) void route(struct shard *shard, const struct reactor_entry *entry,
                                                        uint64_t sent_at_ns, uint32_t *flight, const void *bytes,
                                                        size_t length, bool is_short)
{
    shard->totals.sent++;
    shard->totals.bytes += length;
    struct network_verdict verdict = route_verdict(shard, entry, sent_at_ns, length);
    if (__builtin_expect(verdict.fate != NETWORK_IN_FLIGHT, 0)) {
        run_drop(shard, entry, sent_at_ns, TRACE_NONE_U64, length, verdict.fate);
        return;
    }
    uint64_t due_ns = sent_at_ns + verdict.delay_ns;
    if (__builtin_expect(shard->run->waits, 0)) { /* the sender's stamp may lie behind what was dispatched since */
        uint64_t now_ns = reactor_loop_now(shard->loop);
        due_ns = due_ns > now_ns ? due_ns : now_ns;
    }
    if (__builtin_expect(shard->run->shard_count > 1, 0) && run_shard_of(shard->run, entry->target) != shard) {
        shard_send_out(shard, entry, due_ns, sent_at_ns, bytes, length);
        return;
    }
    bool carries = length <= RUN_CARRIED_MAX && shard->run->direct;
    uint32_t payload = (uint32_t) length;
    if (!carries && !(payload = route_flight(shard, flight, entry->target, bytes, length, sent_at_ns)))
        return;
    struct reactor_entry *place = reactor_queue_reserve(shard->queue, due_ns, carries);
    if (__builtin_expect(!place, 0)) {
        route_fail_queue(shard, entry->target);
        return;
    }
    *place = (struct reactor_entry){
        .due_ns = due_ns, .target = entry->target, .source = entry->source, .count = entry->count,
        .step = entry->target + 1 == entry->source ? entry->step : 0,
        .order = (uint8_t) (entry->order | (carries ? REACTOR_CARRIES : 0)), .kind = entry->kind, .payload = payload,
        .cause = entry->cause};
    if (carries) {
        struct run_carried *carried = (struct run_carried *) (void *) place;
        carried->sent_at_ns = sent_at_ns;
        if (is_short)
            *(struct peer_short *) (void *) carried->bytes = *(const struct peer_short *) bytes;
        else
            route_copy(carried->bytes, bytes, length);
    }
    reactor_queue_commit(shard->queue, place);
}

#endif
