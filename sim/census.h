/* The census of a converged start: at time 0 only, each instance's members that are up, in the order of their ids. */
#ifndef SIM_CENSUS_H
#define SIM_CENSUS_H

#include <stdint.h>

#include "sim/peer.h"

struct run;
struct identity_instance;

/* One instance's. A search begins at the ids that share the key's leading prefix_bits (about four of them) and compares
 * the ids' leading 64 bits, which lie together in the order that is searched. */
struct census {
    uint32_t *id_numbers;   /* in order of the ids */
    uint64_t *leading;      /* the first 64 bits of each */
    uint32_t *prefix_first; /* by prefix, and one behind the last: the first rank */
    uint32_t count, prefix_bits;
};

/* The first rank whose id is >= id. */
uint32_t census_at_least(const struct census *census, const struct identity_instance *instance,
                         const struct overlay_id *id);

int census_take(struct run *run);  /* 0 or -ENOMEM; nothing is taken when no overlay starts converged */
void census_drop(struct run *run);

#endif
