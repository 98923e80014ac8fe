/* All faults, in the order in which they are listed. */
#include "sim/faults/faults.h"
#include "sim/vocabulary.h"

static const struct topology_kind *const kinds[] = {&fault_crash, &fault_partition, &fault_loss, &fault_latency};

const struct topology_registry sim_faults = {
    .name = "faults",
    .singular = "fault",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof *kinds,
};
