#include <errno.h>
#include <stdio.h>

#include "reactor/base/assert.h"
#include "sim/plan_internal.h"

static int claim_group(struct plan *plan, uint32_t churn, uint32_t group, uint32_t ordinal,
                       struct base_diagnostics *diagnostics)
{
    const struct scenario *scenario = plan->scenario;
    if (plan->group_churn[group] != PLAN_NO_CHURN) {
        const struct topology_churn *earlier = &scenario->churns[plan->group_churn[group]];
        char hint[120];
        snprintf(hint, sizeof hint, "the first is %.40s, in line %u", earlier->name, earlier->place.line);
        base_diagnose(diagnostics, BASE_ERROR, scenario->churns[churn].peers.place, hint,
                      "%s is in two churn entries", scenario->groups[group].name);
        return -EINVAL;
    }
    plan->group_churn[group] = churn;
    plan->group_ordinal[group] = ordinal;
    return 0;
}

static int bind_churn(struct plan *plan, uint32_t ordinal, struct base_diagnostics *diagnostics)
{
    const struct topology_churn *entry = &plan->scenario->churns[ordinal];
    struct plan_churn *churn = &plan->churns[ordinal];
    *churn = (struct plan_churn){
        .entry = entry, .ops = entry->model.kind->ops,
        .key = base_random_key(plan->scenario->seed, "churn", entry->name),
    };
    uint32_t peer_count = 0;
    int result = 0;
    for (uint32_t i = 0; i < entry->peers.count; i++) {
        uint32_t group = entry->peers.groups[i];
        if (claim_group(plan, ordinal, group, peer_count, diagnostics) < 0)
            result = -EINVAL;
        peer_count += plan->scenario->groups[group].count;
    }
    int bound = churn->ops->bind(entry, peer_count, plan->arena, &churn->model, diagnostics);
    return bound < 0 ? bound : result;
}

int plan_churn_bind(struct plan *plan, struct base_diagnostics *diagnostics)
{
    uint32_t group_count = plan->identity->group_count;
    plan->churns = base_arena_array(plan->arena, struct plan_churn, plan->scenario->churn_count);
    plan->group_churn = base_arena_array(plan->arena, uint32_t, group_count);
    plan->group_ordinal = base_arena_array(plan->arena, uint32_t, group_count);
    plan->bootstrap_key = base_arena_array(plan->arena, uint64_t, group_count);
    for (uint32_t group = 0; group < group_count; group++) {
        plan->group_churn[group] = PLAN_NO_CHURN;
        plan->bootstrap_key[group] =
            base_random_key(plan->scenario->seed, "bootstrap", plan->scenario->groups[group].name);
    }
    int result = 0;
    for (uint32_t churn = 0; churn < plan->scenario->churn_count; churn++) {
        int bound = bind_churn(plan, churn, diagnostics);
        if (bound < 0)
            result = bound;
    }
    return result;
}

static const struct plan_churn *churn_of(const struct plan *plan, uint32_t group)
{
    uint32_t churn = plan->group_churn[group];
    return churn == PLAN_NO_CHURN ? NULL : &plan->churns[churn];
}

static uint32_t member_of(const struct plan *plan, uint32_t group, uint32_t peer)
{
    return plan->identity->group_member[group] + (peer - plan->scenario->groups[group].first);
}

static struct churn_span span_of(const struct plan *plan, uint32_t group, uint32_t peer, uint32_t number)
{
    const struct plan_churn *churn = churn_of(plan, group);
    struct churn_peer as_seen = {
        .key = base_random_subkey(churn->key, identity_key(plan->identity, group, peer)),
        .ordinal = plan->group_ordinal[group] + (peer - plan->scenario->groups[group].first),
    };
    return churn->ops->span(churn->model, &as_seen, number);
}

static uint64_t later(uint64_t at_ns, uint64_t span_ns)
{
    return span_ns > UINT64_MAX - at_ns ? UINT64_MAX : at_ns + span_ns;
}

/* A session may end at the very end of the run; what would begin there is not run. */
static void schedule(struct plan *plan, uint32_t peer, uint64_t at_ns, enum plan_what what, uint32_t ordinal)
{
    if (at_ns < plan->scenario->duration_ns || (what == PLAN_DOWN && at_ns == plan->scenario->duration_ns)) {
        struct plan_due due = plan_due_at(plan, at_ns, what, peer, ordinal);
        plan_push(plan, &due);
    }
}

/* Has the peer spend span `number` of its churn from now on. */
static void enter_span(struct plan *plan, uint32_t peer, uint64_t now_ns, uint32_t number, struct churn_span span)
{
    base_assert(!span.up || span.length_ns > 0);
    plan->peers[peer].span = number;
    plan->peers[peer].due_ns = later(now_ns, span.length_ns);
    schedule(plan, peer, plan->peers[peer].due_ns, span.up ? PLAN_DOWN : PLAN_UP, 0);
}

bool plan_starts_up(struct plan *plan, uint32_t peer)
{
    uint32_t group = identity_group_of(plan->identity, peer);
    if (!churn_of(plan, group))
        return true;
    uint32_t number = 0;
    struct churn_span span = span_of(plan, group, peer, number);
    if (!span.up && span.length_ns == 0)
        span = span_of(plan, group, peer, ++number);
    enter_span(plan, peer, 0, number, span);
    return span.up;
}

static uint32_t pick_bootstrap(const struct plan *plan, uint32_t group, uint32_t peer, uint32_t incarnation)
{
    uint32_t instance = plan->identity->group_instance[group];
    const struct up_set *up = &plan->up[instance];
    uint32_t up_count = plan->moves ? up->count : member_of(plan, group, peer); /* they come up one by one */
    if (up_count == 0)
        return UINT32_MAX;
    uint64_t key = base_random_subkey(plan->bootstrap_key[group], peer - plan->scenario->groups[group].first);
    uint32_t pick = (uint32_t) base_random_below(base_random_at(key, incarnation), up_count);
    uint32_t member = plan->moves ? up_set_select(up, pick) : pick;
    return identity_peer(&plan->identity->instances[instance], plan->identity, member);
}

/* What churn has in mind for a peer that comes up, unless it is settled already (time 0). */
static void begin_session(struct plan *plan, uint32_t group, const struct plan_step *step)
{
    const struct plan_churn *churn = churn_of(plan, group);
    struct plan_peer *peer = &plan->peers[step->peer];
    if (!churn || step->at_ns == 0)
        return;
    if (step->what == PLAN_UP) {
        enter_span(plan, step->peer, step->at_ns, peer->span + 1, span_of(plan, group, step->peer, peer->span + 1));
    } else if (churn->ops->resumes) {
        enter_span(plan, step->peer, step->at_ns, peer->span, (struct churn_span){peer->due_ns, true});
    } else {
        enter_span(plan, step->peer, step->at_ns, peer->span + 2, span_of(plan, group, step->peer, peer->span + 2));
    }
}

void plan_come_up(struct plan *plan, uint32_t group, struct plan_step *step)
{
    struct up_set *up = &plan->up[plan->identity->group_instance[group]];
    step->incarnation = plan->peers[step->peer].ended + 1;
    step->bootstrap = pick_bootstrap(plan, group, step->peer, step->incarnation);
    if (plan->moves)
        up_set_add(up, member_of(plan, group, step->peer));
    begin_session(plan, group, step);
    plan_workload_arm(plan, group, step->peer, step->at_ns);
}

static void end_incarnation(struct plan *plan, uint32_t group, struct plan_step *step)
{
    up_set_remove(&plan->up[plan->identity->group_instance[group]], member_of(plan, group, step->peer));
    step->incarnation = ++plan->peers[step->peer].ended;
}

void plan_go_down(struct plan *plan, uint32_t group, struct plan_step *step)
{
    end_incarnation(plan, group, step);
    step->graceful = churn_of(plan, group)->entry->leave == TOPOLOGY_LEAVE_GRACEFUL;
    uint32_t number = plan->peers[step->peer].span + 1;
    enter_span(plan, step->peer, step->at_ns, number, span_of(plan, group, step->peer, number));
}

void plan_crash(struct plan *plan, uint32_t group, struct plan_step *step)
{
    end_incarnation(plan, group, step);
    uint64_t restart_at_ns = later(step->at_ns, plan_restart_after_ns(&plan->scenario->faults[step->fault]));
    const struct plan_churn *churn = churn_of(plan, group);
    struct plan_peer *peer = &plan->peers[step->peer];
    if (restart_at_ns >= plan->scenario->duration_ns)
        return;
    if (churn && churn->ops->resumes) {
        peer->due_ns -= step->at_ns;
        if (peer->due_ns == 0) { /* struck as it was about to leave: the outage comes before the gap */
            uint32_t number = peer->span + 1;
            enter_span(plan, step->peer, restart_at_ns, number, span_of(plan, group, step->peer, number));
            return;
        }
    }
    schedule(plan, step->peer, restart_at_ns, PLAN_RESTART, step->fault);
}

bool plan_is_up(const struct plan *plan, uint32_t peer)
{
    if (!plan->moves)
        return peer < plan->initial_next;
    uint32_t group = identity_group_of(plan->identity, peer);
    return up_set_has(&plan->up[plan->identity->group_instance[group]], member_of(plan, group, peer));
}
