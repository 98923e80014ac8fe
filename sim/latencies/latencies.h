/* The latency models: one row each, listed in registry.c. What a model is: struct latency_ops in sim/network.h. */
#ifndef SIM_LATENCIES_LATENCIES_H
#define SIM_LATENCIES_LATENCIES_H

#include "sim/network.h"

extern const struct topology_kind latency_constant, latency_uniform, latency_normal, latency_lognormal, latency_pareto;
extern const struct topology_kind latency_matrix, latency_regions;

/* Parameters of the first five. */
struct latency_distribution {
    struct base_distribution delay;
};

enum { LATENCY_ROUND_TRIP, LATENCY_ONE_WAY };         /* `of`; indices in latency_senses (table.h) */
enum { LATENCY_NS, LATENCY_US, LATENCY_MS, LATENCY_S }; /* `unit` */
enum { LATENCY_ASSIGN_RANDOM, LATENCY_ASSIGN_IN_ORDER };

struct latency_matrix {
    const struct topology_file *file;
    uint32_t unit, sense, assign;
};

struct latency_regions {
    const struct topology_file *file;
    uint32_t unit, sense;
    uint64_t same_ns;
    bool has_same;
};

#endif
