/* All churn models, in the order in which they are listed. */
#include "sim/churn/churn.h"
#include "sim/vocabulary.h"

static const struct topology_kind *const kinds[] = {
    &churn_session,
    &churn_trace,
};

const struct topology_registry sim_churns = {
    .name = "churns",
    .singular = "churn",
    .kinds = kinds,
    .kind_count = sizeof kinds / sizeof *kinds,
};
