/* Workload `publish`: a peer publishes a message for everybody (broadcast, rumour). Numbered by the plan. */
#include "sim/run.h"
#include "sim/workloads/registry.h"

struct publish_parameters {
    uint64_t bytes, topic;
};

static bool publish_offered(const struct overlay_ops *overlay)
{
    return overlay->publish;
}

static void publish_act(struct peer *peer, uint32_t workload, uint64_t number, uint64_t draw)
{
    (void) draw;
    const struct publish_parameters *parameters =
        peer->shard->run->scenario->workloads[workload].action.parameters;
    broadcasts_begin(peer, (uint32_t) number, (uint32_t) parameters->topic, (uint32_t) parameters->bytes);
}

static const struct workload_ops publish_ops = {
    .numbered = true, .event_kind = "publish", .offered = publish_offered, .act = publish_act,
};

static const struct topology_parameter parameters[] = {
    {.key = "bytes", .type = TOPOLOGY_BYTES, .offset = offsetof(struct publish_parameters, bytes),
     .default_text = "256 B", .maximum = "60000 B", .about = "size of what is published"},
    {.key = "topic", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct publish_parameters, topic),
     .default_text = "0", .maximum = "4294967295", .about = "number that travels with it and is traced"},
};

const struct topology_kind publish_kind = {
    .name = "publish",
    .summary = "peers publish messages for everybody",
    .source = "",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct publish_parameters),
    .ops = &publish_ops,
};
