#include "sim/truth_ring.h"

#include <endian.h>
#include <string.h>

#define NOBODY BASE_BIT_TREE_NONE
#define AHEAD 16 /* places whose members' bits are asked of the cache meanwhile */

int truth_ring_init(struct base_bit_tree *ring, const struct identity_instance *instance, const struct up_set *up)
{
    int result = base_bit_tree_init(ring, instance->id_count);
    for (uint32_t place = 0; place < instance->id_count && result == 0; place++) {
        if (place + AHEAD < instance->id_count)
            __builtin_prefetch(&up->words[instance->order[place + AHEAD] / instance->ids_a_peer / 64]);
        if (up_set_has(up, instance->order[place] / instance->ids_a_peer))
            base_bit_tree_add(ring, place);
    }
    return result;
}

void truth_ring_change(struct base_bit_tree *ring, const struct identity_instance *instance, uint32_t member, bool up)
{
    uint32_t each = instance->ids_a_peer;
    for (uint32_t number = member * each; number < (member + 1) * each; number++) {
        struct overlay_id id;
        identity_id_of(instance, number, &id);
        if (up)
            base_bit_tree_add(ring, identity_place(instance, &id));
        else
            base_bit_tree_remove(ring, identity_place(instance, &id));
    }
}

/* The first place from this one on whose member is up. */
static uint32_t next_up(const struct base_bit_tree *ring, const struct identity_instance *instance, uint32_t place)
{
    if (ring)
        return base_bit_tree_next(ring, place);
    return place < instance->id_count ? place : NOBODY;
}

static uint32_t successor(const struct base_bit_tree *ring, const struct identity_instance *instance,
                          const struct overlay_id *key)
{
    uint32_t place = next_up(ring, instance, identity_place(instance, key));
    return place == NOBODY ? next_up(ring, instance, 0) : place;
}

static uint64_t leading_of(const struct overlay_id *id)
{
    uint64_t leading;
    memcpy(&leading, id->octets, sizeof leading);
    return be64toh(leading);
}

/* Whether the id at place a is nearer to the key than that at place b, where the first 64 bits are the same. */
static bool nearer_behind(const struct identity_instance *instance, uint32_t a, uint32_t b,
                          const struct overlay_id *key)
{
    struct overlay_id id_a, id_b;
    uint32_t i = 0;
    identity_id_of(instance, instance->order[a], &id_a);
    identity_id_of(instance, instance->order[b], &id_b);
    while (i + 1 < sizeof id_a.octets && id_a.octets[i] == id_b.octets[i])
        i++;
    return (id_a.octets[i] ^ key->octets[i]) < (id_b.octets[i] ^ key->octets[i]);
}

/* The nearest of those that are up from this place, itself up, to before end. */
static uint32_t nearest_of(const struct base_bit_tree *ring, const struct identity_instance *instance, uint32_t place,
                           uint32_t end, const struct overlay_id *key)
{
    uint32_t best = place;
    uint64_t leading = leading_of(key), best_distance = UINT64_MAX;
    for (; place < end; place = next_up(ring, instance, place + 1)) { /* NOBODY is behind every end */
        uint64_t distance = identity_leading(instance, instance->order[place]) ^ leading;
        if (distance < best_distance || (distance == best_distance && nearer_behind(instance, place, best, key))) {
            best_distance = distance;
            best = place;
        }
    }
    return best;
}

/* Ids that share more leading bits with the key are nearer, so the nearest is in the least subtree, of those that the
 * key's prefix and its beginnings name, in which somebody is up. These are few: a subtree as large, of which the key is
 * part, is empty. */
static uint32_t xor_closest(const struct base_bit_tree *ring, const struct identity_instance *instance,
                            const struct overlay_id *key)
{
    uint32_t prefix = (uint32_t) (leading_of(key) >> (64 - instance->place_bits));
    for (uint32_t cut = 0;; cut++) {
        uint32_t end = instance->place_first[((prefix >> cut) + 1) << cut];
        uint32_t place = next_up(ring, instance, instance->place_first[prefix >> cut << cut]);
        if (place < end)
            return nearest_of(ring, instance, place, end, key);
    }
}

uint32_t truth_ring_place(const struct base_bit_tree *ring, const struct identity_instance *instance,
                          const struct overlay_id *key)
{
    if (instance->ops->closeness == OVERLAY_XOR)
        return xor_closest(ring, instance, key);
    return successor(ring, instance, key);
}
