#include <errno.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"
#include "sim/network.h"
#include "sim/plan_internal.h"

/* Candidates, their keys and the victims' positions, for the time of one choice: address space for all peers, whose
 * pages are given back after each choice. */
struct strike {
    const struct plan *plan;
    uint32_t group;
    uint64_t fault_key;
    uint64_t *keys;
    uint32_t *candidates, *victims;
    uint32_t candidate_count;
};

static size_t scratch_bytes(const struct plan *plan)
{
    return (size_t) plan->identity->peer_count * (sizeof(uint64_t) + 2 * sizeof(uint32_t));
}

static const struct fault_ops *ops_of(const struct topology_fault *fault)
{
    return fault->action.kind->ops;
}

bool plan_strikes(const struct topology_fault *fault)
{
    return ops_of(fault)->victims != NULL;
}

bool plan_moves(const struct scenario *scenario)
{
    bool moves = scenario->churn_count > 0;
    for (uint32_t fault = 0; fault < scenario->fault_count; fault++)
        moves |= plan_strikes(&scenario->faults[fault]);
    return moves;
}

uint64_t plan_restart_after_ns(const struct topology_fault *fault)
{
    return ops_of(fault)->restart_after_ns(fault->action.parameters);
}

int plan_strike_init(struct plan *plan)
{
    plan->strike_scratch = base_reserve(scratch_bytes(plan));
    return plan->strike_scratch ? 0 : -ENOMEM;
}

void plan_strike_done(struct plan *plan)
{
    if (plan->strike_scratch)
        base_unreserve(plan->strike_scratch, scratch_bytes(plan));
}

static void add_candidate(void *context, uint32_t member)
{
    struct strike *strike = context;
    const struct identity *identity = strike->plan->identity;
    uint32_t index = member - identity->group_member[strike->group];
    uint32_t peer = identity->scenario->groups[strike->group].first + index;
    strike->keys[strike->candidate_count] =
        base_random_at(base_random_subkey(strike->fault_key, identity_key(identity, strike->group, peer)), 0);
    strike->candidates[strike->candidate_count++] = peer;
}

static void gather_candidates(struct strike *strike)
{
    const struct plan *plan = strike->plan;
    const struct identity *identity = plan->identity;
    for (strike->group = 0; strike->group < identity->group_count; strike->group++)
        up_set_each(&plan->up[identity->group_instance[strike->group]], identity->group_member[strike->group],
                    plan->scenario->groups[strike->group].count, add_candidate, strike);
}

void plan_strike(struct plan *plan, uint32_t ordinal)
{
    const struct topology_fault *fault = &plan->scenario->faults[ordinal];
    uint32_t peer_count = plan->identity->peer_count;
    struct strike strike = {.plan = plan, .keys = (uint64_t *) (void *) plan->strike_scratch,
                            .fault_key = base_random_key(plan->scenario->seed, "fault", fault->name)};
    strike.candidates = (uint32_t *) (strike.keys + peer_count);
    strike.victims = strike.candidates + peer_count;
    gather_candidates(&strike);
    uint32_t victim_count = ops_of(fault)->victims(fault->action.parameters, plan->identity, strike.candidates,
                                                   strike.keys, strike.candidate_count, strike.victims);
    base_assert(victim_count <= strike.candidate_count);
    for (uint32_t i = 0; i < victim_count; i++) {
        uint32_t victim = strike.candidates[strike.victims[i]];
        struct plan_due due = plan_due_at(plan, fault->at_ns, PLAN_CRASH, victim, ordinal);
        plan_push(plan, &due);
    }
    base_reserve_discard(plan->strike_scratch, scratch_bytes(plan));
}
