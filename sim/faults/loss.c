/* loss: more messages are lost, on all links, on those of some peers, or between two sets. Several add up. */
#include "sim/faults/faults.h"
#include "sim/faults/text.h"

#define PPB_ALL UINT32_C(1000000000)

static int loss_bind(const struct topology_fault *fault, const struct scenario *scenario,
                     struct base_diagnostics *diagnostics)
{
    const struct fault_loss *loss = fault->action.parameters;
    (void) scenario;
    return fault_links_bind(&loss->links, fault, diagnostics);
}

static void loss_link(const void *parameters, const struct network_ends *ends, struct network_effect *effect)
{
    const struct fault_loss *loss = parameters;
    if (!fault_links_match(&loss->links, ends))
        return;
    uint32_t room = PPB_ALL - effect->loss_ppb;
    effect->loss_ppb += loss->add_ppb < room ? loss->add_ppb : room;
}

static void loss_describe(const void *parameters, const struct scenario *scenario, char *text, size_t bytes)
{
    const struct fault_loss *loss = parameters;
    struct fault_text out = fault_text_start(text, bytes);
    fault_text_share(&out, loss->add_ppb);
    fault_text_add(&out, " more lost");
    fault_text_links(&out, &loss->links, scenario);
}

static const struct fault_ops loss_ops = {
    .bind = loss_bind,
    .link = loss_link,
    .describe = loss_describe,
};

static const struct topology_parameter loss_parameters[] = {
    {
        .key = "add",
        .type = TOPOLOGY_SHARE,
        .offset = offsetof(struct fault_loss, add_ppb),
        .about = "Share of messages lost beside what the network loses anyway.",
    },
    {
        .key = "of",
        .type = TOPOLOGY_PEERS,
        .offset = offsetof(struct fault_loss, links.of),
        .optional = true,
        .about = "Peers whose links are struck, in both directions; all when neither this nor between is given.",
    },
    {
        .key = "between",
        .type = TOPOLOGY_PEER_SETS,
        .offset = offsetof(struct fault_loss, links.between),
        .optional = true,
        .about = "Two sets of peers: the links between them are struck, in both directions.",
    },
};

const struct topology_kind fault_loss = {
    .name = "loss",
    .summary = "more messages are lost for a while",
    .source = "",
    .parameters = loss_parameters,
    .parameter_count = sizeof loss_parameters / sizeof *loss_parameters,
    .parameters_bytes = sizeof(struct fault_loss),
    .bare = "add",
    .ops = &loss_ops,
};
