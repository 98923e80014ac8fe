#include "sim/vocabulary.h"

const struct topology_vocabulary sim_vocabulary = {
    .overlays = &sim_overlays,
    .latencies = &sim_latencies,
    .faults = &sim_faults,
    .workloads = &sim_workloads,
    .churns = &sim_churns,
    .transports = &sim_transports,
    .graphs = &sim_graphs,
};
