#ifndef SIM_TRANSPORTS_REGISTRY_H
#define SIM_TRANSPORTS_REGISTRY_H

#include "topologies/parameter.h"

extern const struct topology_kind memory_kind;
extern const struct topology_kind socketpair_kind;
extern const struct topology_kind localhost_kind;

#endif
