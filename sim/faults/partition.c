/* partition: the network falls apart into sets of peers.
 *
 * Who is in no set is cut off from everybody. With one_way, messages from a set to a later one are dropped and those the
 * other way pass. A message is checked when it is sent and again when it arrives: what is under way when a partition
 * begins is lost, and so is what was sent before it healed. */
#include <errno.h>

#include "sim/faults/faults.h"
#include "sim/faults/text.h"

#define NO_SET UINT32_MAX

static uint32_t set_of(const struct topology_sets *sets, uint32_t group)
{
    for (uint32_t i = 0; i < sets->count; i++) {
        if (fault_peers_have(&sets->sets[i], group))
            return i;
    }
    return NO_SET;
}

static int partition_bind(const struct topology_fault *fault, const struct scenario *scenario,
                          struct base_diagnostics *diagnostics)
{
    const struct fault_partition *partition = fault->action.parameters;
    (void) scenario;
    if (partition->sets.count == 0) {
        base_diagnose(diagnostics, BASE_ERROR, partition->sets.place, "as in \"partition: [[home], [server]]\"",
                      "a partition needs a set of peers");
        return -EINVAL;
    }
    return 0;
}

static void partition_link(const void *parameters, const struct network_ends *ends, struct network_effect *effect)
{
    const struct fault_partition *partition = parameters;
    uint32_t from = set_of(&partition->sets, ends->from_group), to = set_of(&partition->sets, ends->to_group);
    if (from == NO_SET || to == NO_SET || (partition->one_way ? from < to : from != to))
        effect->blocked = true;
}

static void partition_describe(const void *parameters, const struct scenario *scenario, char *text, size_t bytes)
{
    const struct fault_partition *partition = parameters;
    struct fault_text out = fault_text_start(text, bytes);
    for (uint32_t i = 0; i < partition->sets.count; i++) {
        fault_text_add(&out, i == 0 ? "" : partition->one_way ? " -/-> " : " | ");
        fault_text_peers(&out, &partition->sets.sets[i], scenario);
    }
}

static const struct fault_ops partition_ops = {
    .bind = partition_bind,
    .link = partition_link,
    .describe = partition_describe,
};

static const struct topology_parameter partition_parameters[] = {
    {
        .key = "sets",
        .type = TOPOLOGY_PEER_SETS,
        .offset = offsetof(struct fault_partition, sets),
        .about = "Sets of peers that reach only their own members; peers in no set reach nobody.",
    },
    {
        .key = "one_way",
        .type = TOPOLOGY_BOOLEAN,
        .offset = offsetof(struct fault_partition, one_way),
        .default_text = "false",
        .about = "Drops only messages from a set to a later one; those the other way pass.",
    },
};

const struct topology_kind fault_partition = {
    .name = "partition",
    .summary = "the network falls apart into sets of peers for a while",
    .source = "",
    .parameters = partition_parameters,
    .parameter_count = sizeof partition_parameters / sizeof *partition_parameters,
    .parameters_bytes = sizeof(struct fault_partition),
    .bare = "sets",
    .ops = &partition_ops,
};
