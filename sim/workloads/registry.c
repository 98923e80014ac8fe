#include "sim/workloads/registry.h"

#include "sim/vocabulary.h"

static const struct topology_kind *const kinds[] = {
    &lookup_kind,
    &publish_kind,
};

const struct topology_registry sim_workloads = {
    .name = "workloads", .singular = "workload", .kinds = kinds, .kind_count = sizeof kinds / sizeof *kinds};
