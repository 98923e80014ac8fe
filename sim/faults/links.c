/* Which links a fault acts on. */
#include <errno.h>

#include "sim/faults/faults.h"

bool fault_peers_have(const struct topology_peers *peers, uint32_t group)
{
    uint32_t low = 0, high = peers->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (peers->groups[middle] < group)
            low = middle + 1;
        else
            high = middle;
    }
    return low < peers->count && peers->groups[low] == group;
}

static bool is_between(const struct topology_peers *one, const struct topology_peers *other,
                       const struct network_ends *ends)
{
    return fault_peers_have(one, ends->from_group) && fault_peers_have(other, ends->to_group);
}

bool fault_links_match(const struct fault_links *links, const struct network_ends *ends)
{
    if (links->of.count > 0)
        return fault_peers_have(&links->of, ends->from_group) || fault_peers_have(&links->of, ends->to_group);
    if (links->between.count == 0)
        return true;
    const struct topology_peers *sets = links->between.sets;
    return is_between(&sets[0], &sets[1], ends) || is_between(&sets[1], &sets[0], ends);
}

int fault_links_bind(const struct fault_links *links, const struct topology_fault *fault,
                     struct base_diagnostics *diagnostics)
{
    const char *name = fault->action.kind->name;
    if (links->of.count > 0 && links->between.count > 0) {
        base_diagnose(diagnostics, BASE_ERROR, links->between.place, "keep one of them",
                      "\"of\" and \"between\" of a %s fault exclude each other", name);
        return -EINVAL;
    }
    if (links->between.count != 0 && links->between.count != 2) {
        base_diagnose(diagnostics, BASE_ERROR, links->between.place, "as in \"between: [home, server]\"",
                      "\"between\" of a %s fault takes two sets of peers, not %u", name, links->between.count);
        return -EINVAL;
    }
    return 0;
}
