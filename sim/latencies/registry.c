/* All latency models, in the order in which they are listed. */
#include "sim/latencies/latencies.h"
#include "sim/vocabulary.h"

static const struct topology_kind *const kinds[] = {
    &latency_constant, &latency_uniform, &latency_normal, &latency_lognormal, &latency_pareto, &latency_matrix,
    &latency_regions,
};

const struct topology_registry sim_latencies = {
    .name = "latencies",
    .singular = "latency",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof *kinds,
};
