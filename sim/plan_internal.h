/* The plan's insides, shared by plan.c (order), plan_life.c (who comes and goes), plan_strike.c (who is struck),
 * plan_workload.c (who acts) and plan_queue.c (what is due). */
#ifndef SIM_PLAN_INTERNAL_H
#define SIM_PLAN_INTERNAL_H

#include "sim/churn/churn.h"
#include "sim/plan.h"
#include "sim/up_set.h"

/* What may become a step. rank orders one instant: what (3 bits), peer (32), ordinal of the
 * fault or workload (29) from the top. */
struct plan_due {
    uint64_t at_ns;
    uint64_t rank;
    uint32_t incarnation; /* during which it holds; steps of earlier ones are dead */
    uint32_t draw;        /* PLAN_ACTION: the next gap's */
};

static inline uint64_t plan_rank(enum plan_what what, uint32_t peer, uint32_t ordinal)
{
    return (uint64_t) what << 61 | (uint64_t) peer << 29 | ordinal;
}
static inline enum plan_what plan_due_what(const struct plan_due *due)
{
    return (enum plan_what) (due->rank >> 61);
}
static inline uint32_t plan_due_peer(const struct plan_due *due)
{
    return (uint32_t) (due->rank >> 29);
}
static inline uint32_t plan_due_ordinal(const struct plan_due *due)
{
    return (uint32_t) due->rank & ((1u << 29) - 1);
}
static inline bool plan_due_before(const struct plan_due *a, const struct plan_due *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->rank < b->rank;
}

/* A 4-ary heap in reserved address space. */
struct plan_queue {
    struct plan_due *items;
    size_t count, capacity;
    size_t sweep_at; /* grown to this, the dead are swept out */
};
int plan_queue_init(struct plan_queue *queue, size_t live_max); /* at most live_max that are not dead; 0 or -ENOMEM */
void plan_queue_done(struct plan_queue *queue);
void plan_queue_push(struct plan_queue *queue, const struct plan_due *due); /* count < capacity */
void plan_queue_pop(struct plan_queue *queue);                              /* count > 0 */
void plan_queue_sweep(struct plan_queue *queue, bool (*live)(const void *context, const struct plan_due *due),
                      const void *context);

/* A peer's life so far. All zero for one that has been up since the start: such peers cost no memory. */
struct plan_peer {
    uint64_t due_ns; /* end of its present span of churn; struck: how long the interrupted span had left */
    uint32_t ended;  /* incarnations that are over */
    uint32_t span;   /* number of the present span */
};

struct plan_churn {
    const struct topology_churn *entry;
    const struct churn_ops *ops;
    const void *model;
    uint64_t key;
};

/* A workload, as far as the plan issues it. */
struct plan_workload {
    const bool *acts;       /* by group; NULL: not the plan's */
    uint64_t issued, count; /* count UINT64_MAX: no bound */
};

struct plan {
    const struct identity *identity;
    const struct scenario *scenario;
    struct base_arena *arena;
    struct plan_queue queue;
    struct plan_peer *peers;
    bool moves;                /* somebody comes or goes */
    struct up_set *up;         /* by instance: members that are up; unless moves: none, those below initial_next are */
    uint32_t initial_next;     /* peers below it have entered the run */
    bool initial_known;        /* initial_next is known to be up from the start */
    struct plan_churn *churns; /* by churn entry */
    uint32_t *group_churn;     /* by group: its entry, or PLAN_NO_CHURN */
    uint32_t *group_ordinal;   /* by group: its first peer's ordinal in the entry */
    uint64_t *bootstrap_key;   /* by group */
    struct plan_workload *workloads; /* by workload */
    bool issues;               /* any of them */
    uint32_t *strike_scratch;  /* plan_strike.c */
};
#define PLAN_NO_CHURN UINT32_MAX

void plan_push(struct plan *plan, const struct plan_due *due); /* sweeps when the dead are many */
bool plan_is_up(const struct plan *plan, uint32_t peer);
static inline struct plan_due plan_due_at(const struct plan *plan, uint64_t at_ns, enum plan_what what, uint32_t peer,
                                          uint32_t ordinal)
{
    return (struct plan_due){at_ns, plan_rank(what, peer, ordinal), plan->peers[peer].ended + 1, 0};
}

/* plan_life.c */
int plan_churn_bind(struct plan *plan, struct base_diagnostics *diagnostics);
/* How peer enters the run: true when it is up at time 0 (its step is then to be taken by plan_come_up). */
bool plan_starts_up(struct plan *plan, uint32_t peer);
void plan_come_up(struct plan *plan, uint32_t group, struct plan_step *step);
void plan_go_down(struct plan *plan, uint32_t group, struct plan_step *step);
void plan_crash(struct plan *plan, uint32_t group, struct plan_step *step);

/* plan_strike.c */
bool plan_strikes(const struct topology_fault *fault);
int plan_strike_init(struct plan *plan); /* 0 or -ENOMEM */
void plan_strike_done(struct plan *plan);
void plan_strike(struct plan *plan, uint32_t fault); /* pushes the crashes of one that begins now */
uint64_t plan_restart_after_ns(const struct topology_fault *fault);

/* plan_workload.c */
void plan_workload_bind(struct plan *plan);
void plan_workload_arm(struct plan *plan, uint32_t group, uint32_t peer, uint64_t up_at_ns);
bool plan_workload_open(const struct plan *plan, uint32_t workload); /* whether it still issues */
void plan_act(struct plan *plan, const struct plan_due *due, struct plan_step *step);

#endif
