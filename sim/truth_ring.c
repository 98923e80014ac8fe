#include "sim/truth_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_A_PREFIX_BITS 3

static uint32_t prefix_of(const struct truth_ring *ring, const uint8_t *id)
{
    uint32_t leading = 0;
    for (uint32_t i = 0; i < 4; i++)
        leading = leading << 8 | (i < ring->instance->id_octets ? id[i] : 0);
    return leading >> (32 - ring->prefix_bits);
}

static void find_prefixes(struct truth_ring *ring)
{
    const struct identity_instance *instance = ring->instance;
    for (uint32_t id = 0; id < instance->id_count; id++)
        ring->prefix_first[prefix_of(ring, instance->ids + (size_t) id * instance->id_octets) + 1]++;
    for (uint32_t prefix = 0; prefix < UINT32_C(1) << ring->prefix_bits; prefix++)
        ring->prefix_first[prefix + 1] += ring->prefix_first[prefix];
}

int truth_ring_init(struct truth_ring *ring, const struct identity_instance *instance)
{
    *ring = (struct truth_ring){.instance = instance, .prefix_bits = 1};
    while (ring->prefix_bits < instance->id_bits &&
           instance->id_count >> (ring->prefix_bits + PLACES_A_PREFIX_BITS) > 0)
        ring->prefix_bits++;
    int result = base_bit_tree_init(&ring->up, instance->id_count);
    if (result < 0)
        return result;
    ring->place_of = malloc(instance->id_count * sizeof *ring->place_of);
    ring->prefix_first = calloc((UINT32_C(1) << ring->prefix_bits) + 1, sizeof *ring->prefix_first);
    if (!ring->place_of || !ring->prefix_first)
        return -ENOMEM;
    for (uint32_t place = 0; place < instance->id_count; place++)
        ring->place_of[instance->order[place]] = place;
    find_prefixes(ring);
    return 0;
}

void truth_ring_done(struct truth_ring *ring)
{
    base_bit_tree_done(&ring->up);
    free(ring->place_of);
    free(ring->prefix_first);
}

void truth_ring_change(struct truth_ring *ring, uint32_t member, bool up)
{
    uint32_t each = ring->instance->ids_a_peer;
    for (uint32_t id = member * each; id < (member + 1) * each; id++) {
        if (up)
            base_bit_tree_add(&ring->up, ring->place_of[id]);
        else
            base_bit_tree_remove(&ring->up, ring->place_of[id]);
    }
}

static const uint8_t *id_at(const struct identity_instance *instance, uint32_t place)
{
    return instance->ids + (size_t) instance->order[place] * instance->id_octets;
}

/* The first place whose id is >= key; the count when there is none. */
static uint32_t lower_bound(const struct truth_ring *ring, const uint8_t *key)
{
    uint32_t prefix = prefix_of(ring, key);
    uint32_t low = ring->prefix_first[prefix], high = ring->prefix_first[prefix + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(id_at(ring->instance, middle), key, ring->instance->id_octets) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t truth_ring_successor(const struct truth_ring *ring, const uint8_t *key)
{
    uint32_t place = base_bit_tree_next(&ring->up, lower_bound(ring, key));
    if (place == BASE_BIT_TREE_NONE)
        place = base_bit_tree_next(&ring->up, 0);
    return ring->instance->order[place] / ring->instance->ids_a_peer;
}

/* How many leading bits two ids that differ share. */
static uint32_t shared_bits(const uint8_t *a, const uint8_t *b)
{
    uint32_t i = 0;
    while (a[i] == b[i])
        i++;
    return i * 8 + (uint32_t) __builtin_clz((unsigned) (a[i] ^ b[i])) - 24;
}

static bool bit_of(const uint8_t *id, uint32_t bit)
{
    return id[bit / 8] >> (7 - bit % 8) & 1;
}

/* The first place in [low, high), whose ids agree before `bit`, that has it set. */
static uint32_t split(const struct identity_instance *instance, uint32_t low, uint32_t high, uint32_t bit)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bit_of(id_at(instance, middle), bit))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The places [*low, *last] of the least subtree, of those that the key's prefix and its beginnings name, in which
 * somebody is up; both ends are up. */
static void nearest_subtree(const struct truth_ring *ring, const uint8_t *key, uint32_t *low, uint32_t *last)
{
    uint32_t prefix = prefix_of(ring, key);
    for (uint32_t cut = 0;; cut++) {
        uint32_t first = ring->prefix_first[prefix >> cut << cut];
        uint32_t end = ring->prefix_first[((prefix >> cut) + 1) << cut];
        *low = base_bit_tree_next(&ring->up, first);
        if (*low < end) { /* BASE_BIT_TREE_NONE is not */
            *last = base_bit_tree_previous(&ring->up, end - 1);
            return;
        }
    }
}

/* Descends the trie that the sorted ids are: at each turn the ends are up, and the first bit in which these two differ
 * is the next that can tell. */
uint32_t truth_ring_xor_closest(const struct truth_ring *ring, const uint8_t *key)
{
    const struct identity_instance *instance = ring->instance;
    uint32_t low, last;
    nearest_subtree(ring, key, &low, &last);
    while (low != last) {
        uint32_t bit = shared_bits(id_at(instance, low), id_at(instance, last));
        uint32_t middle = split(instance, low, last + 1, bit);
        if (bit_of(key, bit))
            low = base_bit_tree_next(&ring->up, middle);
        else
            last = base_bit_tree_previous(&ring->up, middle - 1);
    }
    return instance->order[low] / instance->ids_a_peer;
}
