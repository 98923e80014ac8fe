/* The faults: one row each, listed in registry.c. What a fault is: struct fault_ops in sim/network.h.
 *
 * Parameters are plain structs that the loader fills from each row's table. */
#ifndef SIM_FAULTS_FAULTS_H
#define SIM_FAULTS_FAULTS_H

#include "sim/network.h"

extern const struct topology_kind fault_crash, fault_partition, fault_loss, fault_latency;

/* Which links a fault acts on: those with an end in `of`, or those between a peer of the first set and one of the second,
 * both ways; with neither, all. */
struct fault_links {
    struct topology_peers of;      /* count 0: not given */
    struct topology_sets between;  /* count 0: not given */
};

struct fault_crash {
    struct topology_peers of;
    uint64_t count, restart_after_ns;
    uint32_t fraction_ppb;
    bool has_fraction, has_count, has_restart_after;
};

struct fault_partition {
    struct topology_sets sets;
    bool one_way;
};

struct fault_loss {
    struct fault_links links;
    uint32_t add_ppb;
};

struct fault_latency {
    struct fault_links links;
    double times;
    uint64_t add_ns;
    bool has_times, has_add;
};

/* Whether a group is among the chosen. O(log groups). */
bool fault_peers_have(const struct topology_peers *peers, uint32_t group);
bool fault_links_match(const struct fault_links *links, const struct network_ends *ends);
/* Refuses `of` beside `between`, and a `between` of other than two sets. */
int fault_links_bind(const struct fault_links *links, const struct topology_fault *fault,
                     struct base_diagnostics *diagnostics);

#endif
