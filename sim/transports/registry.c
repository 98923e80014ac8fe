#include "sim/transports/registry.h"

#include "sim/vocabulary.h"

static const struct topology_kind *const kinds[] = {
    &memory_kind,
    &socketpair_kind,
    &localhost_kind,
};

const struct topology_registry sim_transports = {
    .name = "transports", .singular = "transport", .kinds = kinds, .kind_count = sizeof kinds / sizeof *kinds};
