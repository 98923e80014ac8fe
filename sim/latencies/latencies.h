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

#endif
