/* The overlays that peerlab has: one row each. */
#ifndef SIM_OVERLAYS_REGISTRY_H
#define SIM_OVERLAYS_REGISTRY_H

#include "topologies/parameter.h"

extern const struct topology_registry sim_overlays; /* ops: struct overlay_ops */

extern const struct topology_kind averaging_kind;
extern const struct topology_kind broadcast_kind;
extern const struct topology_kind chord_kind;
extern const struct topology_kind epidemic_kind;
extern const struct topology_kind kademlia_kind;
extern const struct topology_kind phold_kind;

#endif
