#include "topologies/parameter.h"

#include <string.h>

#include "topologies/load.h"

const struct topology_kind *topology_kind_find(const struct topology_registry *registry, const char *name)
{
    for (uint32_t i = 0; i < registry->kind_count; i++)
        if (strcmp(registry->kinds[i]->name, name) == 0)
            return registry->kinds[i];
    return NULL;
}

const char *topology_type_name(enum topology_type type)
{
    static const char *const names[] = {
        [TOPOLOGY_BOOLEAN] = "true or false",
        [TOPOLOGY_INTEGER] = "whole number",
        [TOPOLOGY_REAL] = "number",
        [TOPOLOGY_DURATION] = "duration",
        [TOPOLOGY_BYTES] = "size",
        [TOPOLOGY_RATE] = "rate",
        [TOPOLOGY_SHARE] = "percentage",
        [TOPOLOGY_NAME] = "name",
        [TOPOLOGY_TEXT] = "text",
        [TOPOLOGY_DISTRIBUTION] = "distribution",
        [TOPOLOGY_PEERS] = "peers",
        [TOPOLOGY_PEER_SETS] = "sets of peers",
        [TOPOLOGY_FILE] = "file",
    };
    return names[type];
}
