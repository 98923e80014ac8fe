/* Workload `lookup`: a peer looks a key up, uniform over the overlay's id space or one of the run's first `keys` keys (peer_key). */
#include "sim/run.h"
#include "sim/workloads/registry.h"

static bool lookup_offered(const struct overlay_ops *overlay)
{
    return overlay->lookup;
}

static void lookup_key(const struct run *run, uint32_t workload, uint32_t instance, uint64_t draw, struct overlay_id *key)
{
    uint64_t keys = run->scenario->workloads[workload].keys;
    uint64_t bits = keys ? base_random_at(run->keys_key, base_random_below(draw, keys)) : draw;
    run_key(bits, run->identity->instances[instance].id_bits, key);
}

static void lookup_act(struct peer *peer, uint32_t workload, uint64_t number, uint64_t draw)
{
    (void) number;
    struct overlay_id key;
    lookup_key(peer->shard->run, workload, peer->instance_ordinal, draw, &key);
    lookups_begin(peer, &key);
}

static const struct workload_ops lookup_ops = {
    .event_kind = "lookup", .offered = lookup_offered, .key = lookup_key, .act = lookup_act,
};

const struct topology_kind lookup_kind = {
    .name = "lookup",
    .summary = "each peer looks up keys",
    .source = "",
    .ops = &lookup_ops,
};
