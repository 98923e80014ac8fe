#include "sim/plan_internal.h"
#include "sim/workload.h"

bool plan_issues(const struct scenario *scenario, uint32_t workload)
{
    const struct topology_workload *of = &scenario->workloads[workload];
    const struct workload_ops *ops = of->action.kind->ops;
    return of->has_count || ops->numbered;
}

/* The first instant of the grid first, first + period, ... that is >= from_ns and before stop_ns. */
static uint64_t on_grid(uint64_t first_ns, uint64_t period_ns, uint64_t from_ns, uint64_t stop_ns)
{
    uint64_t steps = from_ns <= first_ns ? 0 : (from_ns - first_ns - 1) / period_ns + 1;
    if (first_ns >= stop_ns || steps > (stop_ns - 1 - first_ns) / period_ns)
        return UINT64_MAX;
    return first_ns + steps * period_ns;
}

uint64_t plan_workload_next(const struct identity *identity, uint32_t workload, uint32_t peer, uint64_t from_ns,
                            uint32_t *draw)
{
    const struct scenario *scenario = identity->scenario;
    const struct topology_workload *of = &scenario->workloads[workload];
    uint64_t stop_ns = of->stop_ns < scenario->duration_ns ? of->stop_ns : scenario->duration_ns;
    uint64_t peer_key = identity_key(identity, identity_group_of(identity, peer), peer);
    uint64_t key = base_random_subkey(identity->workload_key[workload], peer_key);
    if (of->every.kind == BASE_CONSTANT) {
        uint64_t period_ns = base_distribution_at(&of->every, 0);
        period_ns += period_ns == 0;
        uint64_t phase_ns = base_random_below(base_random_at(key, 0), period_ns);
        return on_grid(of->start_ns + phase_ns, period_ns, from_ns, stop_ns);
    }
    if (from_ns < of->start_ns)
        from_ns = of->start_ns;
    uint64_t gap_ns = base_distribution_at(&of->every, base_random_at(key, (uint64_t) (*draw)++ + 1));
    return from_ns < stop_ns && gap_ns < stop_ns - from_ns ? from_ns + gap_ns : UINT64_MAX;
}

uint64_t plan_workload_following(const struct identity *identity, uint32_t workload, uint32_t peer, uint64_t at_ns,
                                 uint32_t *draw)
{
    const struct topology_workload *of = &identity->scenario->workloads[workload];
    if (of->every.kind != BASE_CONSTANT)
        return plan_workload_next(identity, workload, peer, at_ns + 1, draw);
    uint64_t period_ns = base_distribution_at(&of->every, 0), stop_ns = of->stop_ns;
    period_ns += period_ns == 0;
    stop_ns = stop_ns < identity->scenario->duration_ns ? stop_ns : identity->scenario->duration_ns;
    return period_ns < stop_ns - at_ns ? at_ns + period_ns : UINT64_MAX;
}

static const bool *groups_that_act(struct plan *plan, const struct topology_peers *from)
{
    bool *acts = base_arena_array(plan->arena, bool, plan->identity->group_count);
    for (uint32_t i = 0; i < from->count; i++)
        acts[from->groups[i]] = true;
    return acts;
}

void plan_workload_bind(struct plan *plan)
{
    const struct scenario *scenario = plan->scenario;
    plan->workloads = base_arena_array(plan->arena, struct plan_workload, scenario->workload_count);
    for (uint32_t workload = 0; workload < scenario->workload_count; workload++) {
        const struct topology_workload *of = &scenario->workloads[workload];
        plan->workloads[workload] = (struct plan_workload){.count = of->has_count ? of->count : UINT64_MAX};
        if (plan_issues(scenario, workload)) {
            plan->workloads[workload].acts = groups_that_act(plan, &of->from);
            plan->issues = true;
        }
    }
}

bool plan_workload_open(const struct plan *plan, uint32_t workload)
{
    return plan->workloads[workload].issued < plan->workloads[workload].count;
}

static void arm_one(struct plan *plan, uint32_t workload, uint32_t peer, uint64_t from_ns, uint32_t draw)
{
    uint64_t at_ns = plan_workload_next(plan->identity, workload, peer, from_ns, &draw);
    if (at_ns == UINT64_MAX || !plan_workload_open(plan, workload))
        return;
    struct plan_due due = plan_due_at(plan, at_ns, PLAN_ACTION, peer, workload);
    due.draw = draw;
    plan_push(plan, &due);
}

void plan_workload_arm(struct plan *plan, uint32_t group, uint32_t peer, uint64_t up_at_ns)
{
    if (!plan->issues)
        return;
    uint32_t draw = plan_workload_first_draw(plan->peers[peer].ended + 1);
    for (uint32_t workload = 0; workload < plan->scenario->workload_count; workload++)
        if (plan->workloads[workload].acts && plan->workloads[workload].acts[group])
            arm_one(plan, workload, peer, up_at_ns, draw);
}

void plan_act(struct plan *plan, const struct plan_due *due, struct plan_step *step)
{
    uint32_t workload = plan_due_ordinal(due);
    step->workload = workload;
    step->incarnation = due->incarnation;
    step->number = plan->workloads[workload].issued++;
    arm_one(plan, workload, step->peer, step->at_ns + 1, due->draw);
}
