/* Workload `lookup`: a peer looks a key up, uniform over the overlay's id space or one of `keys` fixed ones. */
#include "sim/run.h"
#include "sim/workloads/registry.h"

static bool lookup_offered(const struct overlay_ops *overlay)
{
    return overlay->lookup;
}

/* 160 uniform bits from 64, cut to the id's length. */
static void key_from(uint64_t bits, uint32_t id_bits, struct overlay_id *key)
{
    for (uint32_t i = 0; i < sizeof key->octets; i++)
        key->octets[i] = (uint8_t) (base_random_at(bits, i / 8) >> (i % 8 * 8));
    for (uint32_t bit = id_bits; bit < 8 * sizeof key->octets; bit = (bit / 8 + 1) * 8)
        key->octets[bit / 8] &= (uint8_t) ~(0xff >> bit % 8);
}

static void lookup_act(struct peer *peer, uint32_t workload, uint64_t number, uint64_t draw)
{
    (void) number;
    struct run *run = peer->shard->run;
    const struct topology_workload *entry = &run->scenario->workloads[workload];
    struct overlay_id key;
    if (entry->keys) /* the n-th key of this workload's name */
        draw = base_random_at(base_random_key(run->scenario->seed, "keys", entry->name),
                              base_random_below(draw, entry->keys));
    key_from(draw, peer->instance->id_bits, &key);
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
