/* Churn models: how a peer comes and goes. One file and one row in registry.c each.
 *
 * A peer's life is a sequence of spans on its own churn clock, each spent up or down, numbered from 0 at the start of
 * the run; up and down alternate. A model is a pure function from (peer, number) to the span; the plan (plan.h) keeps
 * the number, orders what comes of it and stands the clock still while a crashed peer is kept down. */
#ifndef SIM_CHURN_CHURN_H
#define SIM_CHURN_CHURN_H

#include "sim/identity.h"

extern const struct topology_kind churn_session, churn_trace;

/* A peer as a model sees it. */
struct churn_peer {
    uint64_t key;     /* of its randomness under this churn entry: (seed, "churn", entry name, group name, index) */
    uint32_t ordinal; /* among the peers of the entry's groups, in order */
};

struct churn_span {
    uint64_t length_ns; /* UINT64_MAX: without end. At least 1 when up; 0 when down: down and up again at one instant */
    bool up;
};

/* ops of a row. */
struct churn_ops {
    /* Builds the model of an entry with peer_count peers in the arena. 0, or negative with diagnostics located in the
     * scenario or in the data file. */
    int (*bind)(const struct topology_churn *churn, uint32_t peer_count, struct base_arena *arena, const void **model,
                struct base_diagnostics *diagnostics);
    struct churn_span (*span)(const void *model, const struct churn_peer *peer, uint32_t number);
    /* After a crash: true, the interrupted up-span goes on for what it had left; false, a fresh one begins, the one
     * that would have followed the next down-span. */
    bool resumes;
};

#endif
