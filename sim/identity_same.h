/* Whether two choices of a kind say the same (internal to identity.c). */
#ifndef SIM_IDENTITY_SAME_H
#define SIM_IDENTITY_SAME_H

#include <stdbool.h>

#include "topologies/parameter.h"

/* Same kind, and equal values in every parameter, however they were written. */
bool identity_same_choice(const struct topology_choice *a, const struct topology_choice *b);

#endif
