#include "sim/plan.h"

#include <errno.h>

#include "reactor/base/reserve.h"
#include "sim/plan_internal.h"

static size_t peers_bytes(const struct plan *plan)
{
    return plan->identity->peer_count * sizeof(struct plan_peer);
}

/* How many steps can be pending at most that are not dead: a coming or going a peer that churns or can be struck, a
 * crash a striking fault and peer, an action an issued workload and peer, two a fault. Only address space. */
static size_t live_max(const struct plan *plan)
{
    const struct scenario *scenario = plan->scenario;
    size_t per_peer = 1;
    for (uint32_t fault = 0; fault < scenario->fault_count; fault++)
        per_peer += plan_strikes(&scenario->faults[fault]);
    for (uint32_t workload = 0; workload < scenario->workload_count; workload++)
        per_peer += plan->workloads[workload].acts != NULL;
    return per_peer * plan->identity->peer_count + 2 * (size_t) scenario->fault_count;
}

static int init_faults(struct plan *plan)
{
    const struct scenario *scenario = plan->scenario;
    int result = 0;
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct topology_fault *fault = &scenario->faults[i];
        if (fault->at_ns >= scenario->duration_ns)
            continue;
        plan_push(plan, &(struct plan_due){.at_ns = fault->at_ns, .rank = plan_rank(PLAN_FAULT_BEGIN, 0, i)});
        if (fault->for_ns > 0 && fault->for_ns < scenario->duration_ns - fault->at_ns)
            plan_push(plan, &(struct plan_due){.at_ns = fault->at_ns + fault->for_ns,
                                               .rank = plan_rank(PLAN_FAULT_END, 0, i)});
        if (plan_strikes(fault) && !plan->strike_scratch)
            result = plan_strike_init(plan);
        if (result < 0)
            return result;
    }
    return 0;
}

static int init_storage(struct plan *plan)
{
    const struct identity *identity = plan->identity;
    plan->peers = base_reserve(peers_bytes(plan));
    plan->up = base_arena_array(plan->arena, struct up_set, identity->instance_count);
    int result = plan->peers ? plan_queue_init(&plan->queue, live_max(plan)) : -ENOMEM;
    for (uint32_t i = 0; i < identity->instance_count && result == 0 && plan->moves; i++)
        result = up_set_init(&plan->up[i], identity->instances[i].member_count);
    return result < 0 ? result : init_faults(plan);
}

int plan_create(struct plan **created, const struct identity *identity, struct base_diagnostics *diagnostics)
{
    struct base_arena *arena = base_arena_create();
    struct plan *plan = base_arena_take(arena, sizeof *plan);
    *plan = (struct plan){.identity = identity, .scenario = identity->scenario, .arena = arena,
                          .moves = plan_moves(identity->scenario)};
    int result = plan_churn_bind(plan, diagnostics);
    if (result == 0) {
        plan_workload_bind(plan);
        result = init_storage(plan);
    }
    if (result < 0) {
        plan_free(plan);
        return result;
    }
    *created = plan;
    return 0;
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    for (uint32_t i = 0; plan->up && i < plan->identity->instance_count; i++)
        up_set_done(&plan->up[i]);
    plan_queue_done(&plan->queue);
    plan_strike_done(plan);
    if (plan->peers)
        base_unreserve(plan->peers, peers_bytes(plan));
    base_arena_free(plan->arena);
}

static bool is_live(const void *context, const struct plan_due *due)
{
    const struct plan *plan = context;
    uint32_t peer = plan_due_peer(due);
    switch (plan_due_what(due)) {
    case PLAN_FAULT_BEGIN:
    case PLAN_FAULT_END:
    case PLAN_RESTART:
    case PLAN_UP:
        break;
    case PLAN_ACTION:
        if (!plan_workload_open(plan, plan_due_ordinal(due)))
            return false; /* else like those below */
        __attribute__((fallthrough));
    case PLAN_CRASH: /* dead: another fault has struck first */
    case PLAN_DOWN:
        return due->incarnation == plan->peers[peer].ended + 1 && plan_is_up(plan, peer);
    }
    return true;
}

void plan_push(struct plan *plan, const struct plan_due *due)
{
    if (plan->queue.count == plan->queue.sweep_at)
        plan_queue_sweep(&plan->queue, is_live, plan);
    plan_queue_push(&plan->queue, due);
}

/* Applies what is due and says what it is. */
static void take(struct plan *plan, const struct plan_due *due, struct plan_step *step)
{
    enum plan_what what = plan_due_what(due);
    bool of_fault = what <= PLAN_CRASH || what == PLAN_RESTART;
    *step = (struct plan_step){
        .at_ns = due->at_ns, .peer = plan_due_peer(due), .what = what, .bootstrap = UINT32_MAX,
        .fault = of_fault ? plan_due_ordinal(due) : UINT32_MAX, .workload = UINT32_MAX,
    };
    if (what == PLAN_FAULT_BEGIN && plan_strikes(&plan->scenario->faults[step->fault]))
        plan_strike(plan, step->fault);
    if (what <= PLAN_FAULT_END)
        return;
    uint32_t group = identity_group_of(plan->identity, step->peer);
    if (what == PLAN_CRASH)
        plan_crash(plan, group, step);
    else if (what == PLAN_DOWN)
        plan_go_down(plan, group, step);
    else if (what == PLAN_ACTION)
        plan_act(plan, due, step);
    else
        plan_come_up(plan, group, step);
}

/* The next peer that is up from the start. Peers that churn get their first step into the queue on the way. */
static bool next_initial(struct plan *plan, struct plan_due *due)
{
    uint32_t peer_count = plan->identity->peer_count;
    while (plan->initial_next < peer_count && !plan->initial_known) {
        plan->initial_known = plan_starts_up(plan, plan->initial_next);
        plan->initial_next += !plan->initial_known;
    }
    if (plan->initial_next == peer_count)
        return false;
    *due = plan_due_at(plan, 0, PLAN_UP, plan->initial_next, 0);
    return true;
}

bool plan_next(struct plan *plan, uint64_t until_ns, struct plan_step *step)
{
    struct plan_queue *queue = &plan->queue;
    struct plan_due initial;
    bool has_initial = next_initial(plan, &initial);
    while (queue->count > 0 && (!has_initial || plan_due_before(&queue->items[0], &initial))) {
        struct plan_due due = queue->items[0];
        if (due.at_ns >= until_ns)
            return false;
        plan_queue_pop(queue);
        if (is_live(plan, &due)) {
            take(plan, &due, step);
            return true;
        }
    }
    if (!has_initial || until_ns == 0)
        return false;
    plan->initial_next++;
    plan->initial_known = false;
    take(plan, &initial, step);
    return true;
}
