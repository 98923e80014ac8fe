/* Which member's a key is (internal to truth.c).
 *
 * Where a key stands in the order of the ids the identity knows; what is kept here is a set of places, those of the ids
 * of members that are up. So a ring is a bit a peer, and each of several loops can have its own; where all are up, none
 * is needed: NULL. */
#ifndef SIM_TRUTH_RING_H
#define SIM_TRUTH_RING_H

#include "reactor/base/bit_tree.h"
#include "sim/identity.h"
#include "sim/up_set.h"

/* The places of the members that are up. 0 or -ENOMEM; base_bit_tree_done ends it. */
int truth_ring_init(struct base_bit_tree *ring, const struct identity_instance *instance, const struct up_set *up);
void truth_ring_change(struct base_bit_tree *ring, const struct identity_instance *instance, uint32_t member, bool up);
/* The place of the id that a key belongs to by the instance's closeness; somebody must be up. */
uint32_t truth_ring_place(const struct base_bit_tree *ring, const struct identity_instance *instance,
                          const struct overlay_id *key);

#endif
