/* The two busiest rows of the trace, message and event. Both are inlined where they are built, from what stands in
 * registers: what is rare, several loops with their tapes, gets a copy. */
#ifndef SIM_ROWS_H
#define SIM_ROWS_H

#include "sim/effects.h"

static inline __attribute__((always_inline)) void row_message(struct shard *shard, const struct trace_message *row)
{
    if (__builtin_expect(shard->taping, 0)) {
        struct trace_message copy = *row;
        effect_write(shard, EFFECT_MESSAGE, &copy, sizeof copy, NULL, 0);
        return;
    }
    trace_message(shard->run->trace, row);
}

/* What was dispatched to the peer that is being handled; it is the cause of what follows. */
static inline __attribute__((always_inline)) void row_event(struct peer *peer, uint8_t kind, uint32_t other, uint32_t cause,
                                                            uint64_t detail)
{
    struct trace_event row = {.at_ns = peer->now_ns, .detail = detail, .peer = peer->index, .seq = peer->hot->seq,
                              .other = other, .cause_seq = cause, .kind = kind};
    peer->cause = row.seq;
    if (__builtin_expect(peer->shard->taping, 0)) {
        struct trace_event copy = row;
        effect_write(peer->shard, EFFECT_EVENT, &copy, sizeof copy, NULL, 0);
        return;
    }
    trace_event(peer->shard->run->trace, &row);
}

#endif
