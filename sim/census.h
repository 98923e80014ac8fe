/* The census of a converged start: at time 0 only, each instance's members that are up, in the order of their ids. */
#ifndef SIM_CENSUS_H
#define SIM_CENSUS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/peer.h"

struct run;
struct identity_instance;

/* One instance's. Where all are up it is the identity's own order; else those who are stand in it without gaps. */
struct census {
    const uint32_t *id_numbers; /* in order of the ids; NULL: this instance does not start converged */
    uint32_t *leading;          /* the first 32 bits of each of these ids */
    uint32_t count;
    uint32_t *numbers_taken;    /* id_numbers, where they are not the identity's; NULL and those below: all are up */
    uint64_t *up;               /* a bit a place in the identity's order */
    uint32_t *up_before;        /* by 64 places: how many of those before are up */
};

bool census_wanted(const struct identity_instance *instance); /* it starts converged */

void census_id(const struct census *census, const struct identity_instance *instance, uint32_t rank,
               struct overlay_id *id);
/* The first rank whose id is >= id; count: there is none. */
uint32_t census_at_least(const struct census *census, const struct identity_instance *instance,
                         const struct overlay_id *id);
/* The same, without a miss of the cache where that is `near` or one of the next few ranks. */
uint32_t census_at_least_near(const struct census *census, const struct identity_instance *instance,
                              const struct overlay_id *id, uint32_t near);

int census_take(struct run *run);  /* 0 or -ENOMEM; nothing is taken when no overlay starts converged */
void census_drop(struct run *run);

#endif
