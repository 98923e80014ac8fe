#include "sim/overlays/registry.h"

static const struct topology_kind *const overlays[] = {
    &averaging_kind,
    &broadcast_kind,
    &chord_kind,
    &epidemic_kind,
    &kademlia_kind,
    &phold_kind,
};

const struct topology_registry sim_overlays = {
    .name = "overlays",
    .singular = "overlay",
    .kinds = overlays,
    .kind_count = sizeof overlays / sizeof *overlays,
};
