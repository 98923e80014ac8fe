#ifndef SIM_WORKLOADS_REGISTRY_H
#define SIM_WORKLOADS_REGISTRY_H

#include "topologies/parameter.h"

extern const struct topology_kind lookup_kind;
extern const struct topology_kind publish_kind;

#endif
