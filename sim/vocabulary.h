/* All registries of the simulator as the loader's vocabulary. */
#ifndef SIM_VOCABULARY_H
#define SIM_VOCABULARY_H

#include "topologies/parameter.h"

extern const struct topology_registry sim_overlays;   /* ops: struct overlay_ops (overlay.h) */
extern const struct topology_registry sim_latencies;  /* ops: struct latency_ops (network.h) */
extern const struct topology_registry sim_faults;     /* ops: struct fault_ops (network.h) */
extern const struct topology_registry sim_workloads;  /* ops: struct workload_ops (workload.h) */
extern const struct topology_registry sim_churns;     /* ops: struct churn_ops (churn.h) */
extern const struct topology_registry sim_transports; /* ops: struct transport_ops (transport.h) */
extern const struct topology_registry sim_graphs;     /* ops: struct graph_ops (graphs/graph.h) */

extern const struct topology_vocabulary sim_vocabulary;

#endif
