/* The arguments of distributions that take two by name; the others are written as one span or a list of two. */
#ifndef TOPOLOGIES_DISTRIBUTIONS_H
#define TOPOLOGIES_DISTRIBUTIONS_H

#include "topologies/parameter.h"

struct topology_spans {
    uint64_t span_ns, second_ns;
    double pure;
};

/* The table of two rows into struct topology_spans; NULL for constant, uniform and exponential. */
const struct topology_parameter *topology_distribution_arguments(enum base_distribution_kind kind);

#endif
