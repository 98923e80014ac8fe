/* Peers come and go: an incarnation's beginning and end. */
#include <string.h>

#include "sim/handle.h"

static bool chosen(const struct topology_peers *peers, uint32_t group)
{
    for (uint32_t i = 0; i < peers->count; i++)
        if (peers->groups[i] == group)
            return true;
    return false;
}

static void arm_workload(struct shard *shard, struct peer_hot *hot, uint32_t index, uint32_t workload, uint64_t from_ns,
                         uint32_t earlier)
{
    uint32_t draw = plan_workload_first_draw(earlier + 1);
    uint64_t at_ns = plan_workload_next(shard->run->identity, workload, index, from_ns, &draw);
    run_push_action(shard, hot, index, workload, at_ns, draw);
}

static void arm_workloads(struct shard *shard, struct peer_hot *hot, uint32_t index, uint64_t now_ns)
{
    const struct scenario *scenario = shard->run->scenario;
    uint32_t earlier = hot->seq > 1 ? shard->run->cold[index].earlier : 0;
    for (uint32_t w = 0; w < scenario->workload_count; w++)
        if (!plan_issues(scenario, w) && chosen(&scenario->workloads[w].from, hot->group))
            arm_workload(shard, hot, index, w, now_ns, earlier);
}

void run_session_end(struct shard *shard, uint32_t index, uint64_t down_at_ns, uint8_t ending)
{
    const struct run *run = shard->run;
    if (!(run->record & TOPOLOGY_RECORD_LIFECYCLE))
        return;
    struct trace_session row = {.up_at_ns = run->cold[index].up_at_ns, .down_at_ns = down_at_ns, .peer = index,
                                .incarnation = run->cold[index].earlier + 1, .ending = ending};
    struct overlay_id id;
    identity_id(run->identity, index, &id);
    const struct identity *identity = run->identity;
    row.id_octets = (uint8_t) identity->instances[identity->group_instance[run_hot(run, index)->group]].id_octets;
    memcpy(row.id, id.octets, sizeof row.id);
    effect(shard, EFFECT_SESSION, &row, sizeof row);
}

void run_release(struct shard *shard, uint32_t index)
{
    struct peer *peer = &shard->active;
    peer->index = index;
    peer->hot = run_hot(shard->run, index);
    run_set_instance(peer, shard->run->identity->group_instance[peer->hot->group]);
    if (peer->instance->ops->release)
        peer->instance->ops->release(peer);
}

static void go_up(struct shard *shard, struct peer *peer, const struct reactor_entry *entry)
{
    struct run *run = shard->run;
    struct peer_cold *cold = &run->cold[peer->index];
    base_assert(!peer->hot->up);
    bool again = peer->hot->seq > 1;
    if (again)
        cold->earlier++;
    if (peer->now_ns || again) /* else it is 0 as it stands: millions that come up at the start touch no page of it */
        cold->up_at_ns = peer->now_ns ? entry->due_ns : 0;
    peer->hot->up = 1;
    peer->hot->born = peer->hot->count;
    if (entry->count) /* else at 0, when the course has counted it */
        effect(shard, EFFECT_UP, &(struct effect_of_peer){.instance = peer->instance_ordinal}, sizeof(struct effect_of_peer));
    memset(peer_state(peer), 0, run->peer_bytes - sizeof(struct peer_hot));
    const struct overlay_ops *ops = peer->instance->ops;
    struct peer_start start = {
        .converged = run->census && ops->starts_converged && ops->starts_converged(peer->instance->choice->parameters),
        .bootstrap = entry->payload == UINT32_MAX ? PEER_ADDRESS_NONE : entry->payload + 1};
    ops->join(peer, &start);
    if (run->scenario->workload_count)
        arm_workloads(shard, peer->hot, peer->index, entry->due_ns);
}

static void go_down(struct shard *shard, struct peer *peer, const struct reactor_entry *entry, uint8_t ending)
{
    base_assert(peer->hot->up);
    if (ending == TRACE_ENDING_LEAVE && peer->instance->ops->leave)
        peer->instance->ops->leave(peer);
    run_release(shard, peer->index);
    lookups_abandon(shard, peer->index);
    peer->hot->up = 0;
    struct effect_of_peer of = effect_of(peer);
    effect(shard, EFFECT_DOWN, &of, sizeof of);
    run_session_end(shard, peer->index, entry->due_ns, ending);
}

void run_lifecycle(struct shard *shard, const struct reactor_entry *entry)
{
    static const uint8_t kinds[] = {[PLAN_CRASH] = RUN_CRASH, [PLAN_DOWN] = RUN_CRASH, [PLAN_RESTART] = RUN_RESTART,
                                    [PLAN_UP] = RUN_JOIN};
    struct run *run = shard->run;
    struct peer_hot *hot = run_hot(run, entry->target);
    struct peer *peer = begin(shard, hot, entry, 0, NULL, 0, false);
    bool up = entry->kind == PLAN_UP || entry->kind == PLAN_RESTART;
    bool graceful = entry->kind == PLAN_DOWN && entry->payload;
    peer->sampled = sample_root(run, hot, entry->target);
    if (run->record & TOPOLOGY_RECORD_LIFECYCLE)
        row_event(peer, graceful ? RUN_LEAVE : kinds[entry->kind],
                  up && entry->payload != UINT32_MAX ? entry->payload : TRACE_NONE_U32, 0, TRACE_NONE_U64);
    if (up)
        go_up(shard, peer, entry);
    else
        go_down(shard, peer, entry, graceful ? TRACE_ENDING_LEAVE : TRACE_ENDING_CRASH);
}
