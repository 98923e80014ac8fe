/* The scenario as the loader understood it, every default filled in. Loading the description again gives the same. */
#include <inttypes.h>
#include <string.h>

#include "topologies/distributions.h"
#include "topologies/load.h"
#include "topologies/loader.h"
#include "topologies/quantity.h"
#include "topologies/yaml.h"

static struct topology_node *plain(struct base_arena *arena, const char *text)
{
    return topology_tree_scalar(arena, text, false);
}

/* A text in quotes where it would read as nothing. */
static struct topology_node *text_node(struct base_arena *arena, const char *text)
{
    struct topology_node *node = plain(arena, text);
    node->quoted = topology_tree_is_null(node);
    return node;
}

static struct topology_node *span(struct base_arena *arena, double span_ns)
{
    return plain(arena, topology_quantity_text(arena, TOPOLOGY_DURATION, (uint64_t) span_ns));
}

static struct topology_node *describe_argument(struct base_arena *arena, const struct base_distribution *distribution)
{
    const struct topology_parameter *arguments = topology_distribution_arguments(distribution->kind);
    struct topology_node *node;
    if (arguments) {
        node = topology_tree_mapping(arena);
        for (int i = 0; i < 2; i++) {
            bool is_real = arguments[i].type == TOPOLOGY_REAL;
            bool is_second = is_real || arguments[i].offset == offsetof(struct topology_spans, second_ns);
            double value = is_second ? distribution->b : distribution->a;
            topology_tree_put(arena, node, arguments[i].key,
                              is_real ? plain(arena, topology_real_text(arena, value)) : span(arena, value));
        }
    } else if (distribution->kind == BASE_UNIFORM) {
        node = topology_tree_sequence(arena);
        topology_tree_append(arena, node, span(arena, distribution->a));
        topology_tree_append(arena, node, span(arena, distribution->b));
    } else {
        node = span(arena, distribution->a);
    }
    node->flow = true;
    return node;
}

static struct topology_node *describe_distribution(struct base_arena *arena,
                                                   const struct base_distribution *distribution)
{
    struct topology_node *argument = describe_argument(arena, distribution);
    if (distribution->kind == BASE_CONSTANT)
        return argument;
    struct topology_node *node = topology_tree_mapping(arena);
    topology_tree_put(arena, node, base_distribution_name(distribution->kind), argument);
    node->flow = true;
    return node;
}

/* Whether `all` means everybody: not where one group of several is called so. */
static bool all_means_all(const struct scenario *scenario)
{
    for (uint32_t i = 0; i < scenario->group_count && scenario->group_count > 1; i++)
        if (strcmp(scenario->groups[i].name, "all") == 0)
            return false;
    return true;
}

static struct topology_node *describe_peers(const struct scenario *scenario, const struct topology_peers *peers)
{
    if (peers->count == scenario->group_count && all_means_all(scenario))
        return plain(scenario->arena, "all");
    struct topology_node *node = topology_tree_sequence(scenario->arena);
    node->flow = true;
    for (uint32_t i = 0; i < peers->count; i++)
        topology_tree_append(scenario->arena, node,
                             text_node(scenario->arena, scenario->groups[peers->groups[i]].name));
    return node;
}

static struct topology_node *describe_sets(const struct scenario *scenario, const struct topology_sets *sets)
{
    struct topology_node *node = topology_tree_sequence(scenario->arena);
    node->flow = true;
    for (uint32_t i = 0; i < sets->count; i++)
        topology_tree_append(scenario->arena, node, describe_peers(scenario, &sets->sets[i]));
    return node;
}

static struct topology_node *describe_value(const struct scenario *scenario,
                                            const struct topology_parameter *parameter, const void *value)
{
    struct base_arena *arena = scenario->arena;
    switch (parameter->type) {
    case TOPOLOGY_BOOLEAN: return plain(arena, *(const bool *) value ? "true" : "false");
    case TOPOLOGY_INTEGER: return plain(arena, base_arena_printf(arena, "%" PRIu64, *(const uint64_t *) value));
    case TOPOLOGY_REAL: return plain(arena, topology_real_text(arena, *(const double *) value));
    case TOPOLOGY_DURATION:
    case TOPOLOGY_BYTES:
    case TOPOLOGY_RATE: return plain(arena, topology_quantity_text(arena, parameter->type, *(const uint64_t *) value));
    case TOPOLOGY_SHARE: return plain(arena, topology_quantity_text(arena, TOPOLOGY_SHARE, *(const uint32_t *) value));
    case TOPOLOGY_NAME: return plain(arena, parameter->names[*(const uint32_t *) value]);
    case TOPOLOGY_TEXT: return text_node(arena, *(const char *const *) value);
    case TOPOLOGY_DISTRIBUTION: return describe_distribution(arena, value);
    case TOPOLOGY_PEERS: return describe_peers(scenario, value);
    case TOPOLOGY_PEER_SETS: return describe_sets(scenario, value);
    case TOPOLOGY_FILE: return text_node(arena, (*(const struct topology_file *const *) value)->name);
    }
    return NULL;
}

/* Whether an optional parameter was left out, where no place says so: absent ones are zero. */
static bool is_absent(const struct topology_parameter *parameter, const char *base)
{
    static const struct base_distribution none;
    const char *value = base + parameter->offset;
    if (!parameter->optional)
        return false;
    if (parameter->set_offset)
        return !*(const bool *) (base + parameter->set_offset);
    switch (parameter->type) {
    case TOPOLOGY_INTEGER:
    case TOPOLOGY_DURATION: return *(const uint64_t *) (const void *) value == 0;
    case TOPOLOGY_TEXT: return !*(const char *const *) (const void *) value;
    case TOPOLOGY_DISTRIBUTION: return memcmp(value, &none, sizeof none) == 0;
    default: return false;
    }
}

static void describe_table(const struct scenario *scenario, struct topology_node *mapping,
                           const struct topology_parameter *parameters, uint32_t count, const void *base,
                           const struct base_place *places)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *value = (const char *) base + parameters[i].offset;
        bool absent = places && parameters[i].optional ? places[i].line == 0 : is_absent(&parameters[i], base);
        if (!absent)
            topology_tree_put(scenario->arena, mapping, parameters[i].key,
                              describe_value(scenario, &parameters[i], value));
    }
}

static void describe_section(const struct scenario *scenario, struct topology_node *mapping,
                             const struct topology_section *section, const void *base)
{
    describe_table(scenario, mapping, section->parameters, section->parameter_count, base, NULL);
}

static void describe_parameters(const struct scenario *scenario, struct topology_node *mapping,
                                const struct topology_choice *choice)
{
    describe_table(scenario, mapping, choice->kind->parameters, choice->kind->parameter_count, choice->parameters,
                   choice->parameter_places);
}

/* KIND: {PARAMETERS}, or KIND: ARGUMENT of a distribution. */
static void describe_choice(const struct scenario *scenario, struct topology_node *mapping,
                            const struct topology_choice *choice)
{
    enum base_distribution_kind which;
    struct topology_node *value;
    if (topology_kind_is_distribution(choice->kind, &which)) {
        const char *parameters = choice->parameters;
        value = describe_argument(scenario->arena, (const void *) (parameters + choice->kind->parameters[0].offset));
    } else {
        value = topology_tree_mapping(scenario->arena);
        describe_parameters(scenario, value, choice);
    }
    topology_tree_put(scenario->arena, mapping, choice->kind->name, value);
}

static struct topology_node *describe_overlay(const struct scenario *scenario, const struct topology_choice *overlay)
{
    struct topology_node *node = topology_tree_mapping(scenario->arena);
    topology_tree_put(scenario->arena, node, "protocol", plain(scenario->arena, overlay->kind->name));
    describe_parameters(scenario, node, overlay);
    return node;
}

static void describe_clock(const struct scenario *scenario, struct topology_node *root)
{
    struct base_arena *arena = scenario->arena;
    struct topology_node *scaled = topology_tree_mapping(arena);
    if (scenario->clock != TOPOLOGY_CLOCK_SCALED) {
        topology_tree_put(arena, root, "clock",
                          plain(arena, scenario->clock == TOPOLOGY_CLOCK_REAL ? "real" : "virtual"));
        return;
    }
    topology_tree_put(arena, scaled, "scaled",
                      plain(arena, base_arena_printf(arena, "%" PRIu64 ".%06" PRIu64,
                                                     scenario->clock_scale_ppm / 1000000,
                                                     scenario->clock_scale_ppm % 1000000)));
    scaled->flow = true;
    topology_tree_put(arena, root, "clock", scaled);
}

static void describe_transport(const struct scenario *scenario, struct topology_node *root)
{
    struct topology_node *node = plain(scenario->arena, scenario->transport.kind->name);
    if (scenario->transport.kind->parameter_count) {
        node = topology_tree_mapping(scenario->arena);
        describe_choice(scenario, node, &scenario->transport);
    }
    topology_tree_put(scenario->arena, root, "transport", node);
}

static void describe_addresses(const struct scenario *scenario, struct topology_node *root)
{
    uint32_t first = scenario->address_first;
    struct topology_node *node = topology_tree_mapping(scenario->arena);
    const struct topology_address_keys keys = {
        base_arena_printf(scenario->arena, "%u.%u.%u.%u", first >> 24, first >> 16 & 255, first >> 8 & 255,
                          first & 255),
        scenario->address_stride, scenario->address_port};
    describe_section(scenario, node, &topology_address_section, &keys);
    topology_tree_put(scenario->arena, root, "addresses", node);
}

static struct topology_node *describe_group(const struct scenario *scenario, const struct topology_group *group)
{
    struct topology_node *node = topology_tree_mapping(scenario->arena);
    const struct topology_group_keys keys = {group->name, group->region, group->count};
    describe_section(scenario, node, &topology_group_section, &keys);
    if (group->overlay.kind)
        topology_tree_put(scenario->arena, node, "overlay", describe_overlay(scenario, &group->overlay));
    return node;
}

static struct topology_node *describe_network(const struct scenario *scenario)
{
    struct base_arena *arena = scenario->arena;
    struct topology_node *node = topology_tree_mapping(arena), *latency = topology_tree_mapping(arena);
    describe_choice(scenario, latency, &scenario->network.latency);
    topology_tree_put(arena, latency, "per", plain(arena, scenario->network.latency_per_message ? "message" : "pair"));
    topology_tree_put(arena, node, "latency", latency);
    describe_section(scenario, node, &topology_network_section, &scenario->network);
    return node;
}

static struct topology_node *describe_workload(const struct scenario *scenario,
                                               const struct topology_workload *workload)
{
    struct topology_node *node = topology_tree_mapping(scenario->arena);
    struct topology_node *action = topology_tree_mapping(scenario->arena);
    describe_section(scenario, action, &topology_workload_section, workload);
    describe_parameters(scenario, action, &workload->action);
    topology_tree_put(scenario->arena, node, workload->action.kind->name, action);
    return node;
}

static struct topology_node *describe_churn(const struct scenario *scenario, const struct topology_churn *churn)
{
    struct topology_node *node = topology_tree_mapping(scenario->arena);
    const struct topology_churn_keys keys = {churn->name, churn->peers, churn->leave, churn->start};
    describe_section(scenario, node, &topology_churn_section, &keys);
    describe_parameters(scenario, node, &churn->model);
    return node;
}

static struct topology_node *describe_fault(const struct scenario *scenario, const struct topology_fault *fault)
{
    struct topology_node *node = topology_tree_mapping(scenario->arena);
    describe_section(scenario, node, &topology_fault_section, fault);
    describe_choice(scenario, node, &fault->action);
    return node;
}

static struct topology_node *describe_trace(const struct scenario *scenario)
{
    struct topology_node *node = topology_tree_mapping(scenario->arena);
    struct topology_node *record = topology_tree_sequence(scenario->arena);
    record->flow = true;
    for (uint32_t i = 0; topology_record_names[i]; i++)
        if (scenario->record & 1u << i)
            topology_tree_append(scenario->arena, record, plain(scenario->arena, topology_record_names[i]));
    topology_tree_put(scenario->arena, node, "record", record);
    describe_section(scenario, node, &topology_trace_section, scenario);
    return node;
}

#define DESCRIBE_LIST(root, key, items, count, describe_item) \
    do { \
        struct topology_node *list = topology_tree_sequence(scenario->arena); \
        for (uint32_t i = 0; i < (count); i++) \
            topology_tree_append(scenario->arena, list, describe_item(scenario, &(items)[i])); \
        topology_tree_put(scenario->arena, root, key, list); \
    } while (0)

static struct topology_node *describe_expectation(const struct scenario *scenario,
                                                  const struct topology_expectation *expectation)
{
    return text_node(scenario->arena, expectation->text);
}

const char *topology_describe(const struct scenario *scenario)
{
    struct base_arena *arena = scenario->arena;
    struct topology_node *root = topology_tree_mapping(arena);
    describe_section(scenario, root, &topology_own_section, scenario);
    describe_clock(scenario, root);
    describe_transport(scenario, root);
    describe_addresses(scenario, root);
    DESCRIBE_LIST(root, "peers", scenario->groups, scenario->group_count, describe_group);
    topology_tree_put(arena, root, "network", describe_network(scenario));
    topology_tree_put(arena, root, "overlay", describe_overlay(scenario, &scenario->overlay));
    if (scenario->initial_graph.kind) {
        struct topology_node *graph = topology_tree_mapping(arena);
        describe_choice(scenario, graph, &scenario->initial_graph);
        topology_tree_put(arena, root, "initial_graph", graph);
    }
    DESCRIBE_LIST(root, "workload", scenario->workloads, scenario->workload_count, describe_workload);
    DESCRIBE_LIST(root, "churn", scenario->churns, scenario->churn_count, describe_churn);
    DESCRIBE_LIST(root, "faults", scenario->faults, scenario->fault_count, describe_fault);
    topology_tree_put(arena, root, "trace", describe_trace(scenario));
    DESCRIBE_LIST(root, "expect", scenario->expectations, scenario->expectation_count, describe_expectation);
    return topology_yaml_emit(arena, root, TOPOLOGY_YAML_BLOCK);
}
