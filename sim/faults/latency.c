/* latency: delays grow or shrink, on all links, on those of some peers, or between two sets. Acts on what is sent while
 * it lasts, after jitter; several multiply first and add then. */
#include <errno.h>

#include "sim/faults/faults.h"
#include "sim/faults/schedule.h"
#include "sim/faults/text.h"

static uint64_t times_ppm(const struct fault_latency *latency)
{
    return (uint64_t) (latency->times * 1e6 + 0.5);
}

static int latency_bind(const struct topology_fault *fault, const struct scenario *scenario,
                        struct base_diagnostics *diagnostics)
{
    const struct fault_latency *latency = fault->action.parameters;
    (void) scenario;
    if (!latency->has_times && !latency->has_add) {
        base_diagnose(diagnostics, BASE_ERROR, fault->action.place, "as in \"latency: {times: 3}\"",
                      "a latency fault needs \"times\" or \"add\"");
        return -EINVAL;
    }
    return fault_links_bind(&latency->links, fault, diagnostics);
}

static void latency_link(const void *parameters, const struct network_ends *ends, struct network_effect *effect)
{
    const struct fault_latency *latency = parameters;
    if (!fault_links_match(&latency->links, ends))
        return;
    effect->delay_ppm = fault_scale(effect->delay_ppm, times_ppm(latency));
    uint64_t room_ns = INT64_MAX - effect->delay_add_ns;
    effect->delay_add_ns += latency->add_ns < room_ns ? latency->add_ns : room_ns;
}

static uint64_t latency_least_delay_ppm(const void *parameters)
{
    return times_ppm(parameters);
}

static void latency_describe(const void *parameters, const struct scenario *scenario, char *text, size_t bytes)
{
    const struct fault_latency *latency = parameters;
    struct fault_text out = fault_text_start(text, bytes);
    fault_text_add(&out, "delays");
    if (latency->has_times)
        fault_text_add(&out, " x %g", latency->times);
    if (latency->has_add) {
        fault_text_add(&out, " + ");
        fault_text_span(&out, latency->add_ns);
    }
    fault_text_links(&out, &latency->links, scenario);
}

static const struct fault_ops latency_ops = {
    .bind = latency_bind,
    .link = latency_link,
    .least_delay_ppm = latency_least_delay_ppm,
    .describe = latency_describe,
};

static const struct topology_parameter latency_parameters[] = {
    {
        .key = "times",
        .type = TOPOLOGY_REAL,
        .offset = offsetof(struct fault_latency, times),
        .set_offset = offsetof(struct fault_latency, has_times),
        .default_text = "1",
        .minimum = "0.001",
        .maximum = "1000000",
        .about = "What delays are multiplied by, to a millionth.",
    },
    {
        .key = "add",
        .type = TOPOLOGY_DURATION,
        .offset = offsetof(struct fault_latency, add_ns),
        .set_offset = offsetof(struct fault_latency, has_add),
        .default_text = "0 ms",
        .about = "What is added to delays, after the multiplication.",
    },
    {
        .key = "of",
        .type = TOPOLOGY_PEERS,
        .offset = offsetof(struct fault_latency, links.of),
        .optional = true,
        .about = "Peers whose links are struck, in both directions; all when neither this nor between is given.",
    },
    {
        .key = "between",
        .type = TOPOLOGY_PEER_SETS,
        .offset = offsetof(struct fault_latency, links.between),
        .optional = true,
        .about = "Two sets of peers: the links between them are struck, in both directions.",
    },
};

const struct topology_kind fault_latency = {
    .name = "latency",
    .summary = "delays grow or shrink for a while",
    .source = "",
    .parameters = latency_parameters,
    .parameter_count = sizeof latency_parameters / sizeof *latency_parameters,
    .parameters_bytes = sizeof(struct fault_latency),
    .bare = "times",
    .ops = &latency_ops,
};
