/* Transport `memory`: a message is an entry in the timed queue, nothing else. */
#include "sim/transport.h"
#include "sim/transports/registry.h"

static const struct transport_ops memory_ops = {.direct = true};

const struct topology_kind memory_kind = {
    .name = "memory",
    .summary = "a message is an entry of the event queue: the fastest, for any clock",
    .source = "",
    .ops = &memory_ops,
};
