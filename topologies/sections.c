/* The scenario's own keys, network, trace and addresses; sections with files of their own are called from here. */
#include "topologies/sections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "reactor/base/decimal.h"
#include "topologies/loader.h"

const char *const topology_record_names[] = {"lifecycle",  "messages",   "timers", "streams", "lookups",
                                             "broadcasts", "neighbours", "faults", "log",     "samples",
                                             NULL};

static const char *const clock_names[] = {"virtual", "real", NULL};

static void decode_scale(struct topology_loader *loader, struct scenario *scenario, const struct topology_node *node)
{
    const char *text = node->kind == TOPOLOGY_SCALAR ? node->text : "";
    int read = node->quoted ? -EINVAL : base_decimal_read(text, strlen(text), 1000000, 1, &scenario->clock_scale_ppm);
    scenario->clock = TOPOLOGY_CLOCK_SCALED;
    if (read > 0 && (size_t) read == strlen(text) && scenario->clock_scale_ppm >= 1000 &&
        scenario->clock_scale_ppm <= UINT64_C(1000000000000))
        return;
    char word[TOPOLOGY_WORD_BYTES];
    topology_error(loader, node->place, "{scaled: 10} is ten times as fast as real time",
                   "\"scaled\" must be a number from 0.001 to 1000000, not %s", topology_tree_word(node, word));
}

static void decode_clock(struct topology_loader *loader, struct scenario *scenario, struct topology_node *node)
{
    static const struct topology_parameter name = {.key = "clock", .type = TOPOLOGY_NAME, .names = clock_names};
    uint32_t index = 0;
    scenario->clock_scale_ppm = 1000000;
    if (node->kind == TOPOLOGY_MAPPING) {
        struct topology_view view;
        topology_view_open(loader, &view, "the clock", node);
        const struct topology_pair *pair = topology_view_require(loader, &view, "scaled");
        if (pair)
            decode_scale(loader, scenario, pair->value);
        topology_view_close(loader, &view);
    } else if (topology_decode_value(loader, &name, node, &index) == 0) {
        scenario->clock = index == 0 ? TOPOLOGY_CLOCK_VIRTUAL : TOPOLOGY_CLOCK_REAL;
    }
}

static void decode_transport(struct topology_loader *loader, struct scenario *scenario, struct topology_node *node)
{
    struct topology_view view = {.owner = "the transport", .place = node->place};
    if (node->kind == TOPOLOGY_MAPPING) {
        topology_view_merge(loader, &view, node);
        topology_choose(loader, &view, loader->vocabulary->transports, NULL, &scenario->transport);
        topology_view_close(loader, &view);
    } else {
        topology_choose_named(loader, &view, loader->vocabulary->transports, node, &scenario->transport);
    }
}

static void check_address_plan(struct topology_loader *loader, struct base_place place)
{
    const struct scenario *scenario = loader->scenario;
    uint64_t steps = scenario->peer_count ? scenario->peer_count - 1 : 0;
    if (scenario->address_first + steps * scenario->address_stride > UINT32_MAX)
        topology_error(loader, place, "a smaller stride or first address makes room",
                       "%u peers do not fit in IPv4 from here on", scenario->peer_count);
}

/* `{watts_strogatz: {degree: 10, rewire: 0.1}}`, or the bare name of a kind that needs no parameter: `ring`. */
static void decode_initial_graph(struct topology_loader *loader, struct topology_node *node)
{
    struct topology_view view = {.owner = "the initial graph", .place = node->place};
    struct topology_choice *choice = &loader->scenario->initial_graph;
    if (node->kind == TOPOLOGY_MAPPING) {
        topology_view_merge(loader, &view, node);
        topology_choose(loader, &view, loader->vocabulary->graphs, NULL, choice);
    } else {
        topology_choose_named(loader, &view, loader->vocabulary->graphs, node, choice);
    }
    topology_view_close(loader, &view);
}

static void decode_addresses(struct topology_loader *loader, struct topology_node *node)
{
    struct topology_view view;
    struct topology_address_keys keys = {0};
    struct scenario *scenario = loader->scenario;
    struct base_place places[3] = {{0}};
    if (topology_view_open(loader, &view, "addresses", node) < 0)
        return;
    int result = topology_decode_table(loader, &view, topology_address_section.parameters,
                                       topology_address_section.parameter_count, &keys, places);
    topology_view_close(loader, &view);
    struct in_addr address = {0};
    if (result < 0)
        return;
    if (inet_pton(AF_INET, keys.first, &address) != 1) {
        topology_error(loader, places[0], NULL, "\"%.60s\" is not an IPv4 address", keys.first);
        return;
    }
    scenario->address_first = ntohl(address.s_addr);
    scenario->address_stride = (uint32_t) keys.stride;
    scenario->address_port = (uint16_t) keys.port;
    check_address_plan(loader, places[0].line ? places[0] : node->place);
}

static void decode_network(struct topology_loader *loader, struct topology_node *node)
{
    static const char *const per_names[] = {"pair", "message", NULL};
    static const struct topology_parameter per = {.key = "per", .type = TOPOLOGY_NAME, .names = per_names};
    struct topology_network *network = &loader->scenario->network;
    struct topology_view view, latency;
    if (topology_view_open(loader, &view, "the network", node) < 0)
        return;
    struct topology_pair *pair = topology_view_require(loader, &view, "latency");
    if (pair && topology_view_open(loader, &latency, "latency", pair->value) == 0) {
        uint32_t index = 0;
        const struct topology_pair *chosen = topology_view_optional(loader, &latency, "per");
        if (chosen)
            topology_decode_value(loader, &per, chosen->value, &index);
        network->latency_per_message = index == 1;
        topology_choose(loader, &latency, loader->vocabulary->latencies, NULL, &network->latency);
        topology_view_close(loader, &latency);
    }
    topology_decode_table(loader, &view, topology_network_section.parameters, topology_network_section.parameter_count,
                          network, NULL);
    topology_view_close(loader, &view);
}

static void decode_record(struct topology_loader *loader, const struct topology_node *node)
{
    static const struct topology_parameter record = {
        .key = "record", .type = TOPOLOGY_NAME, .names = topology_record_names};
    loader->scenario->record = 0;
    if (node->kind != TOPOLOGY_SEQUENCE) {
        char word[TOPOLOGY_WORD_BYTES];
        topology_error(loader, node->place, "[lifecycle, messages]", "\"record\" must be a list, not %s",
                       topology_tree_word(node, word));
        return;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        uint32_t bit = 0;
        if (topology_decode_value(loader, &record, node->items[i], &bit) == 0)
            loader->scenario->record |= 1u << bit;
    }
}

static void decode_trace(struct topology_loader *loader, struct topology_node *node)
{
    struct topology_view view;
    if (topology_view_open(loader, &view, "the trace", node) < 0)
        return;
    const struct topology_pair *record = topology_view_optional(loader, &view, "record");
    if (record)
        decode_record(loader, record->value);
    topology_decode_table(loader, &view, topology_trace_section.parameters, topology_trace_section.parameter_count,
                          loader->scenario, NULL);
    topology_view_close(loader, &view);
}

void topology_decode_overlay(struct topology_loader *loader, struct topology_node *node,
                             struct topology_choice *choice)
{
    struct topology_view view;
    if (topology_view_open(loader, &view, "the overlay", node) < 0)
        return;
    const struct topology_pair *protocol = topology_view_require(loader, &view, "protocol");
    if (!protocol)
        return;
    topology_choose_named(loader, &view, loader->vocabulary->overlays, protocol->value, choice);
    topology_view_close(loader, &view);
}

static void decode_own_keys(struct topology_loader *loader, struct topology_view *view)
{
    struct scenario *scenario = loader->scenario;
    struct base_place places[5] = {{0}};
    topology_decode_table(loader, view, topology_own_section.parameters, topology_own_section.parameter_count, scenario,
                          places);
    if (scenario->duration_ns && scenario->warm_up_ns > scenario->duration_ns)
        topology_error(loader, places[TOPOLOGY_OWN_WARM_UP], NULL, "the warm-up is longer than the run");
    if (scenario->name && !scenario->name[0])
        topology_error(loader, places[TOPOLOGY_OWN_NAME], NULL, "\"name\" is empty");
}

static struct topology_node *value_of(const struct topology_pair *pair, struct topology_node *otherwise)
{
    return pair ? pair->value : otherwise;
}

void topology_decode_scenario(struct topology_loader *loader, struct topology_node *root)
{
    struct topology_view view;
    struct scenario *scenario = loader->scenario;
    struct base_arena *arena = loader->arena;
    struct topology_node *empty = topology_tree_mapping(arena), *none = topology_tree_sequence(arena);
    if (topology_view_open(loader, &view, "the scenario", root) < 0)
        return;
    scenario->record = TOPOLOGY_RECORD_DEFAULT;
    decode_own_keys(loader, &view);
    decode_clock(loader, scenario, value_of(topology_view_optional(loader, &view, "clock"),
                                            topology_tree_scalar(arena, "virtual", false)));
    decode_transport(loader, scenario, value_of(topology_view_optional(loader, &view, "transport"),
                                                topology_tree_scalar(arena, "memory", false)));
    const struct topology_pair *pair = topology_view_require(loader, &view, "peers");
    if (pair)
        topology_decode_groups(loader, pair->value);
    empty->place = pair ? pair->key->place : view.place;
    decode_addresses(loader, value_of(topology_view_optional(loader, &view, "addresses"), empty));
    if ((pair = topology_view_require(loader, &view, "network")))
        decode_network(loader, pair->value);
    if ((pair = topology_view_require(loader, &view, "overlay")))
        topology_decode_overlay(loader, pair->value, &scenario->overlay);
    if ((pair = topology_view_optional(loader, &view, "initial_graph")))
        decode_initial_graph(loader, pair->value);
    topology_decode_workloads(loader, value_of(topology_view_optional(loader, &view, "workload"), none));
    topology_decode_churns(loader, value_of(topology_view_optional(loader, &view, "churn"), none));
    topology_decode_faults(loader, value_of(topology_view_optional(loader, &view, "faults"), none));
    decode_trace(loader, value_of(topology_view_optional(loader, &view, "trace"), empty));
    topology_decode_expectations(loader, value_of(topology_view_optional(loader, &view, "expect"), none));
    topology_view_close(loader, &view);
}
