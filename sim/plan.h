/* The plan: who comes, goes and is struck when. A pure function of (scenario, seed), generated in time order.
 *
 * Churn, scheduled crashes and centrally counted workload actions come from here; the engine puts each step into the
 * timed queue (source 0), the truth (truth.h) applies it, `peerlab plan` prints it. Nothing that happens in the run
 * flows back. Each churn entry, fault and workload draws from streams keyed by its name and the peer's (group name,
 * index), so adding one never reshuffles another.
 *
 * Order of steps: (at_ns, rank of what, peer). A peer's sessions are half-open: up in [up, down). */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "sim/identity.h"

enum plan_what { /* in the order of one instant */
    PLAN_FAULT_BEGIN, /* a fault of the scenario begins: fault; peer unused */
    PLAN_FAULT_END,
    PLAN_CRASH,       /* struck by a fault: fault */
    PLAN_DOWN,        /* end of a session by churn; graceful says how */
    PLAN_RESTART,     /* up again after restart_after: fault; bootstrap */
    PLAN_UP,          /* up by churn, or from the start; bootstrap */
    PLAN_ACTION,      /* a workload's action: workload, number */
};

struct plan_step {
    uint64_t at_ns;
    uint32_t peer;
    uint32_t incarnation; /* that begins or ends, from 1 */
    uint32_t bootstrap;   /* PLAN_UP, PLAN_RESTART: a peer of the same instance up by plan at that instant (those that come
                             up at the same instant before it included), uniform, keyed by the peer; UINT32_MAX: none */
    uint32_t fault;       /* ordinal in the scenario; UINT32_MAX: none */
    uint32_t workload;    /* PLAN_ACTION: ordinal; else UINT32_MAX */
    uint64_t number;      /* PLAN_ACTION: of this workload's actions, from 0 */
    enum plan_what what;
    bool graceful;
};

struct plan; /* opaque */

/* 0, or negative with diagnostics located in the scenario or in a churn trace. identity is borrowed. */
int plan_create(struct plan **plan, const struct identity *identity, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));
void plan_free(struct plan *plan);

/* The next step before until_ns (of [0, duration) and, for sessions that end exactly there, duration itself), false when
 * there is none. O(log peers). */
bool plan_next(struct plan *plan, uint64_t until_ns, struct plan_step *step);

/* Whether anybody comes or goes: churn, or a fault that strikes. Where nobody does, all peers are up from 0 to the end. */
bool plan_moves(const struct scenario *scenario);

/* "home.17#2 up": stable over runs with the same scenario and seed, for people and for --json. */
void plan_step_name(const struct identity *identity, const struct plan_step *step, char *text, size_t bytes);
const char *plan_what_name(enum plan_what what); /* "up" */

/* When workload w acts at a peer whose present up-period began at up_at_ns: the first instant >= from_ns, or UINT64_MAX
 * when it does so no more. A constant `every` keeps to its own grid (a phase uniform in the period, drawn once a peer);
 * others draw gap number *draw from the stream of (workload name, peer) and move *draw on. Shared by the plan (counted
 * workloads) and by the engine (the others: peers arm their own). from_ns: the up instant, then the last action's plus
 * one. */
uint64_t plan_workload_next(const struct identity *identity, uint32_t workload, uint32_t peer, uint64_t from_ns,
                            uint32_t *draw);
/* The action after one at at_ns: plan_workload_next from at_ns + 1, for less where the period is constant. */
uint64_t plan_workload_following(const struct identity *identity, uint32_t workload, uint32_t peer, uint64_t at_ns,
                                 uint32_t *draw);
/* Where *draw begins for an incarnation (from 1), so that no two of a peer's up-periods repeat the same gaps. */
static inline uint32_t plan_workload_first_draw(uint32_t incarnation)
{
    return incarnation << 16;
}
/* Whether the plan issues this workload's actions itself: it has a count, or publishes (broadcasts are numbered). */
bool plan_issues(const struct scenario *scenario, uint32_t workload);

#endif
