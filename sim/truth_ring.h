/* The members of an instance that are up, in order of their ids, and whom a key belongs to (internal to truth.c).
 *
 * A set of places in the instance's order, and beside it where each prefix of the ids begins: ids are uniform, so a
 * prefix as long as the binary logarithm of the ids less three leaves about eight places to search. */
#ifndef SIM_TRUTH_RING_H
#define SIM_TRUTH_RING_H

#include "reactor/base/bit_tree.h"
#include "sim/identity.h"

struct truth_ring {
    const struct identity_instance *instance;
    struct base_bit_tree up;  /* places of the ids of members that are up */
    uint32_t *place_of;       /* by id number */
    uint32_t *prefix_first;   /* by prefix, and one behind the last: the first place of the ids that begin with it */
    uint32_t prefix_bits;
};

int truth_ring_init(struct truth_ring *ring, const struct identity_instance *instance); /* nobody is up; 0 or -ENOMEM */
void truth_ring_done(struct truth_ring *ring);
void truth_ring_change(struct truth_ring *ring, uint32_t member, bool up);
/* Members; somebody must be up. */
uint32_t truth_ring_successor(const struct truth_ring *ring, const uint8_t *key);
uint32_t truth_ring_xor_closest(const struct truth_ring *ring, const uint8_t *key);

#endif
