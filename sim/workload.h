/* Workload kinds: what peers are asked to do. One file and one row in workloads/registry.c each. */
#ifndef SIM_WORKLOAD_H
#define SIM_WORKLOAD_H

#include "sim/overlay.h"

struct run;

struct workload_ops {
    bool numbered;   /* the plan issues it: its actions carry a number that the whole run shares (broadcasts) */
    const char *event_kind; /* of the action's event row */
    bool (*offered)(const struct overlay_ops *overlay); /* whether the overlay has this action */
    /* The key that a lookup is going to ask for: drawn again by act. NULL: none, or not to be told ahead. */
    void (*key)(const struct run *run, uint32_t workload, uint32_t instance, uint64_t draw, struct overlay_id *key);
    /* Acts at peer. workload: ordinal; number: of a numbered action; draw: 64 bits of the action's own randomness. */
    void (*act)(struct peer *peer, uint32_t workload, uint64_t number, uint64_t draw);
};

#endif
