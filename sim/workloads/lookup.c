/* Workload `lookup`: a peer looks a key up, uniform over the overlay's id space or one of the run's first `keys` keys (peer_key). */
#include "sim/run.h"
#include "sim/workloads/registry.h"

static bool lookup_offered(const struct overlay_ops *overlay)
{
    return overlay->lookup;
}

static void lookup_act(struct peer *peer, uint32_t workload, uint64_t number, uint64_t draw)
{
    (void) number;
    struct run *run = peer->shard->run;
    const struct topology_workload *entry = &run->scenario->workloads[workload];
    struct overlay_id key;
    if (entry->keys)
        peer_key(peer, base_random_below(draw, entry->keys), &key);
    else
        run_key(draw, peer->instance->id_bits, &key);
    lookups_begin(peer, &key);
}

static const struct workload_ops lookup_ops = {
    .event_kind = "lookup", .offered = lookup_offered, .act = lookup_act,
};

const struct topology_kind lookup_kind = {
    .name = "lookup",
    .summary = "each peer looks up keys",
    .source = "",
    .ops = &lookup_ops,
};
