/* What a handler does beyond its own peer: rows of the trace and of the capture, broadcasts, who is up.
 *
 * With one loop it happens at once. With several, each loop writes it to its tape under the event that it belongs to;
 * when a window has ended, one thread replays the tapes merged in the total order of events. So rows come out, and what
 * the whole run shares changes, as with one loop. What only adds up (totals, metrics) is kept by shard instead. */
#ifndef SIM_EFFECTS_H
#define SIM_EFFECTS_H

#include "sim/run.h"

enum effect_kind {
    EFFECT_OF_EVENT, /* what follows is this event's: a struct reactor_entry */
    EFFECT_MESSAGE, EFFECT_EVENT, EFFECT_SESSION, EFFECT_LOOKUP, EFFECT_NEIGHBOUR, EFFECT_SAMPLE, /* trace_... rows */
    EFFECT_LOG,      /* a struct effect_log and its text */
    EFFECT_PACKET,   /* a struct trace_packet and its bytes */
    EFFECT_UP, EFFECT_DOWN, EFFECT_PUBLISHED, EFFECT_RECEIVED, EFFECT_DUPLICATE, /* a struct effect_of_peer */
    EFFECTS,
};

struct effect_log {
    uint64_t at_ns;
    uint32_t peer;
    enum peer_log_level level;
};

/* What a peer's state was then: others may be ahead when this is replayed. */
struct effect_of_peer {
    uint64_t at_ns, up_at_ns;
    uint32_t peer, seq;
    uint32_t broadcast;
    uint32_t hops, round;  /* RECEIVED */
    uint32_t topic, bytes; /* PUBLISHED */
    uint16_t instance;
};

int effects_open(struct shard *shard); /* gives it a tape; 0 or -ENOMEM */
void effects_close(struct shard *shard);
/* Replays all tapes of the run, in order, and empties them. */
void effects_replay(struct run *run);
/* Those of count events at once, one a peer from first on, in the order of these; begun: by peer, 1 + where on its shard's
 * tape it begins, 0: nowhere. */
void effects_replay_in_order(struct run *run, uint32_t first, const size_t *begun, uint32_t count);

void effect_apply(struct run *run, enum effect_kind kind, const void *what);
/* more: bytes behind `what`, or NULL. */
void effect_write(struct shard *shard, enum effect_kind kind, const void *what, size_t length, const void *more,
                  size_t more_length);

static inline void effect(struct shard *shard, enum effect_kind kind, const void *what, size_t length)
{
    if (__builtin_expect(shard->taping, 0))
        effect_write(shard, kind, what, length, NULL, 0);
    else
        effect_apply(shard->run, kind, what);
}

static inline struct effect_of_peer effect_of(const struct peer *peer)
{
    return (struct effect_of_peer){.at_ns = peer->now_ns, .up_at_ns = peer->shard->run->cold[peer->index].up_at_ns,
                                   .peer = peer->index, .seq = peer->hot->seq, .instance = peer->instance_ordinal};
}

#endif
