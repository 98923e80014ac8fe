/* What the files of epidemic.c share: a peer's state, the moment in which it is handled, and what it does in it.
 *
 * epidemic.c is the overlay as the engine sees it; epidemic_rounds.c says when a peer acts and how old a rumour is;
 * epidemic_calls.c speaks and listens; epidemic_rumours.c is what a peer knows; epidemic_wire.c the bytes. */
#ifndef SIM_OVERLAYS_EPIDEMIC_PEER_H
#define SIM_OVERLAYS_EPIDEMIC_PEER_H

#include "sim/overlay.h"
#include "sim/overlays/epidemic_wire.h"

enum epidemic_mode { EPIDEMIC_MODE_PUSH, EPIDEMIC_MODE_PULL, EPIDEMIC_MODE_PUSH_PULL };
enum epidemic_rounds { EPIDEMIC_SYNCHRONOUS, EPIDEMIC_OWN_TIMERS };
enum { EPIDEMIC_TIMER_ROUND, EPIDEMIC_TIMERS };
enum epidemic_metric {
    EPIDEMIC_FIRST_COPY_ROUNDS, EPIDEMIC_ANSWER_RUMOURS, EPIDEMIC_REFUSED_RUMOURS, EPIDEMIC_METRICS
};

#define EPIDEMIC_FANOUT_MAX 64 /* the partners of a round stand on the stack */

struct epidemic_parameters {
    uint64_t fanout, period_ns, rounds_max;
    uint32_t mode, rounds;
};

/* One cache line with its two inline rumours. */
struct epidemic_state {
    uint32_t phase;        /* of own timers, in 2^-32 of the period */
    uint16_t rumour_count;
    bool armed;            /* whether a round is due; always, but in push mode */
    struct epidemic_block first;
};

#define EPIDEMIC_STATE_BYTES \
    (offsetof(struct epidemic_state, first) + EPIDEMIC_BLOCK_BYTES(EPIDEMIC_INLINE_RUMOURS))
static_assert(EPIDEMIC_STATE_BYTES == 64, "the common case is one cache line");

/* Of all peers of a loop. */
struct epidemic_shared {
    struct base_slab blocks;
    struct epidemic_writer writer; /* the message that is being written */
};

/* What a handler needs of its peer and of this instant. */
struct epidemic_moment {
    struct peer *peer;
    const struct epidemic_parameters *parameters;
    struct epidemic_shared *shared;
    struct epidemic_state *state;
    uint64_t now_ns;
};

static inline struct epidemic_moment epidemic_moment_of(struct peer *peer)
{
    return (struct epidemic_moment){
        .peer = peer,
        .parameters = peer_parameters(peer),
        .shared = peer_shared(peer),
        .state = peer_state(peer),
        .now_ns = peer_now_ns(peer),
    };
}

static inline struct epidemic_cursor epidemic_known(const struct epidemic_moment *moment)
{
    return epidemic_cursor_first(&moment->state->first, &moment->shared->blocks);
}

/* Which multiple of the period the present round began at. */
static inline uint64_t epidemic_round_number(const struct epidemic_moment *moment)
{
    return moment->now_ns / moment->parameters->period_ns;
}

/* --- epidemic_rounds.c --- */
uint32_t epidemic_age_rounds(const struct epidemic_moment *moment, uint64_t published_ns);
/* The first instant of publication that is no more than rounds_max rounds ago: what is older is dead. */
uint64_t epidemic_oldest_alive_ns(const struct epidemic_moment *moment);
/* Arms the next round: the first instant after now that is the peer's phase into a period. */
void epidemic_arm(const struct epidemic_moment *moment);
/* Forgets the dead, acts if there is anything to do, and arms the next round unless it waits for a rumour. */
void epidemic_timer(struct peer *peer, uint8_t kind, uint32_t data);

/* --- epidemic_calls.c --- */
/* Calls this round's partners. */
void epidemic_call(const struct epidemic_moment *moment);
/* Takes a rumour in at the cursor, where it is not known yet; false when there is no room, which is counted. */
bool epidemic_learn(const struct epidemic_moment *moment, struct epidemic_cursor *cursor,
                    struct epidemic_rumour *rumour);
bool epidemic_message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length);

#endif
