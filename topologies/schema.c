/* The JSON Schema of a scenario, from the same tables as its decoding. What no table says (the exact place of a kind's
 * parameters, names of groups) is left to `peerlab check`. */
#include <inttypes.h>
#include <string.h>

#include "topologies/distributions.h"
#include "topologies/load.h"
#include "topologies/loader.h"
#include "topologies/quantity.h"
#include "topologies/schema_object.h"
#include "topologies/yaml.h"

static void put_type(struct object object, enum topology_type type)
{
    static const char *const texts[] = {"string", "number", "boolean", NULL};
    static const char *const definitions[] = {
        [TOPOLOGY_DURATION] = "duration", [TOPOLOGY_BYTES] = "size", [TOPOLOGY_RATE] = "rate",
        [TOPOLOGY_SHARE] = "percentage", [TOPOLOGY_PEERS] = "peers", [TOPOLOGY_PEER_SETS] = "peer_sets",
    };
    switch (type) {
    case TOPOLOGY_BOOLEAN: put_text(object, "type", "boolean"); break;
    case TOPOLOGY_INTEGER: put_text(object, "type", "integer"); break;
    case TOPOLOGY_REAL: put_text(object, "type", "number"); break;
    case TOPOLOGY_TEXT:
    case TOPOLOGY_FILE: put(object, "type", text_list(object.arena, texts)); break;
    case TOPOLOGY_NAME:
    case TOPOLOGY_DISTRIBUTION: break; /* by the parameter */
    default: put_text(object, "$ref", base_arena_printf(object.arena, "#/$defs/%s", definitions[type]));
    }
}

static struct topology_node *describe_argument(struct base_arena *arena, enum base_distribution_kind kind);

static void put_distribution(struct object object, unsigned kinds)
{
    struct base_arena *arena = object.arena;
    struct topology_node *choices = topology_tree_sequence(arena);
    struct object mapping = new_object(arena), properties = new_object(arena);
    for (unsigned kind = 0; kind <= BASE_WEIBULL; kind++)
        if (kinds & (1u << kind))
            put(properties, base_distribution_name((enum base_distribution_kind) kind),
                describe_argument(arena, (enum base_distribution_kind) kind));
    put_text(mapping, "type", "object");
    put(mapping, "properties", properties.node);
    put_plain(mapping, "minProperties", "1");
    put_plain(mapping, "maxProperties", "1");
    put_plain(mapping, "additionalProperties", "false");
    topology_tree_append(arena, choices, mapping.node);
    if (kinds & (1u << BASE_CONSTANT))
        topology_tree_append(arena, choices, reference(arena, "duration"));
    put(object, "anyOf", choices);
}

static void put_default(struct object object, const struct topology_parameter *parameter)
{
    bool is_plain = parameter->type == TOPOLOGY_BOOLEAN || parameter->type == TOPOLOGY_INTEGER ||
                    parameter->type == TOPOLOGY_REAL;
    if (parameter->default_text)
        put(object, "default", topology_tree_scalar(object.arena, parameter->default_text, !is_plain));
}

static void put_range(struct object object, const struct topology_parameter *parameter)
{
    if (parameter->type != TOPOLOGY_INTEGER && parameter->type != TOPOLOGY_REAL)
        return; /* of a quantity: in the description */
    if (parameter->minimum || parameter->type == TOPOLOGY_INTEGER)
        put_plain(object, "minimum", parameter->minimum ? parameter->minimum : "0");
    if (parameter->maximum)
        put_plain(object, "maximum", parameter->maximum);
}

static const char *sentence(struct base_arena *arena, const struct topology_parameter *parameter)
{
    bool is_quantity = topology_units(parameter->type) || parameter->type == TOPOLOGY_DISTRIBUTION;
    if (!is_quantity || (!parameter->minimum && !parameter->maximum))
        return parameter->about;
    return base_arena_printf(arena, "%s%s%s%s%s", parameter->about, parameter->minimum ? " At least " : "",
                             parameter->minimum ? parameter->minimum : "", parameter->maximum ? " At most " : "",
                             parameter->maximum ? parameter->maximum : "");
}

static struct topology_node *describe_parameter(struct base_arena *arena, const struct topology_parameter *parameter)
{
    struct object object = new_object(arena);
    put_text(object, "description", sentence(arena, parameter));
    put_type(object, parameter->type);
    if (parameter->type == TOPOLOGY_NAME)
        put(object, "enum", text_list(arena, parameter->names));
    if (parameter->type == TOPOLOGY_DISTRIBUTION)
        put_distribution(object, parameter->distributions);
    put_range(object, parameter);
    put_default(object, parameter);
    return object.node;
}

static bool is_required(const struct topology_parameter *parameter)
{
    return !parameter->default_text && !parameter->optional;
}

static void put_parameters(struct object properties, struct topology_node *required,
                           const struct topology_parameter *parameters, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (topology_tree_find(properties.node, parameters[i].key, strlen(parameters[i].key)) < 0)
            put(properties, parameters[i].key, describe_parameter(properties.arena, &parameters[i]));
        if (required && is_required(&parameters[i]))
            topology_tree_append(properties.arena, required,
                                 topology_tree_scalar(properties.arena, parameters[i].key, true));
    }
}

static void put_section(struct object properties, struct topology_node *required,
                        const struct topology_section *section)
{
    put_parameters(properties, required, section->parameters, section->parameter_count);
}

/* Closes an object schema: no other keys. */
static struct topology_node *close_object(struct object object, struct object properties,
                                          struct topology_node *required)
{
    put_text(object, "type", "object");
    put(object, "properties", properties.node);
    if (required && required->count)
        put(object, "required", required);
    put_plain(object, "additionalProperties", "false");
    return object.node;
}

static struct topology_node *describe_argument(struct base_arena *arena, enum base_distribution_kind kind)
{
    const struct topology_parameter *arguments = topology_distribution_arguments(kind);
    struct topology_node *required = topology_tree_sequence(arena);
    struct object object = new_object(arena), properties = new_object(arena);
    if (kind == BASE_UNIFORM) {
        put_text(object, "type", "array");
        put(object, "items", reference(arena, "duration"));
        put_plain(object, "minItems", "2");
        put_plain(object, "maxItems", "2");
        return object.node;
    }
    if (!arguments)
        return reference(arena, "duration");
    put_parameters(properties, required, arguments, 2);
    struct topology_node *mapping = close_object(object, properties, required);
    if (kind != BASE_NORMAL)
        return mapping;
    struct object either = new_object(arena);
    struct topology_node *choices = topology_tree_sequence(arena);
    topology_tree_append(arena, choices, reference(arena, "duration"));
    topology_tree_append(arena, choices, mapping);
    put(either, "anyOf", choices);
    return either.node;
}

/* What stands under a kind's key: its bare value, or a mapping of its parameters (and of the entry's keys, where these
 * may stand there too). */
static struct topology_node *describe_kind_value(struct base_arena *arena, const struct topology_kind *kind,
                                                 const struct topology_section *inside)
{
    enum base_distribution_kind which;
    struct topology_node *choices = topology_tree_sequence(arena);
    struct object either = new_object(arena), mapping = new_object(arena), properties = new_object(arena);
    if (topology_kind_is_distribution(kind, &which)) {
        struct topology_node *argument = describe_argument(arena, which);
        put_text((struct object) {arena, argument}, "description", kind->summary);
        return argument;
    }
    for (uint32_t i = 0; kind->bare && i < kind->parameter_count; i++)
        if (strcmp(kind->parameters[i].key, kind->bare) == 0)
            topology_tree_append(arena, choices, describe_parameter(arena, &kind->parameters[i]));
    if (inside)
        put_section(properties, NULL, inside);
    put_parameters(properties, NULL, kind->parameters, kind->parameter_count);
    topology_tree_append(arena, choices, close_object(mapping, properties, NULL));
    put_text(either, "description", kind->summary);
    put(either, "anyOf", choices);
    return either.node;
}

/* {"anyOf": [{"required": [KEY]}, {"properties": {KIND: {"required": [KEY]}}}]}: at either level. */
static struct topology_node *require_at_either_level(struct base_arena *arena, const struct topology_kind *kind,
                                                     const char *key)
{
    struct object both = new_object(arena), beside = new_object(arena), inside = new_object(arena);
    struct object properties = new_object(arena), value = new_object(arena);
    struct topology_node *choices = topology_tree_sequence(arena);
    const char *const keys[] = {key, NULL};
    put(beside, "required", text_list(arena, keys));
    if (!kind->bare || strcmp(kind->bare, key) != 0)
        put_text(value, "type", "object");
    put(value, "required", text_list(arena, keys));
    put(properties, kind->name, value.node);
    put(inside, "properties", properties.node);
    topology_tree_append(arena, choices, beside.node);
    topology_tree_append(arena, choices, inside.node);
    put(both, "anyOf", choices);
    return both.node;
}

static void require_all(struct base_arena *arena, struct topology_node *all, const struct topology_kind *kind,
                        const struct topology_parameter *parameters, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (is_required(&parameters[i]))
            topology_tree_append(arena, all, require_at_either_level(arena, kind, parameters[i].key));
}

/* An entry with one kind's key; `beside` stands beside it, and with `either` inside too. */
static struct topology_node *describe_entry(struct base_arena *arena, const struct topology_kind *kind,
                                            const struct topology_section *beside, bool either)
{
    enum base_distribution_kind which;
    struct object object = new_object(arena), properties = new_object(arena);
    struct topology_node *required = topology_tree_sequence(arena), *all = topology_tree_sequence(arena);
    put_section(properties, either ? NULL : required, beside);
    put(properties, kind->name, describe_kind_value(arena, kind, either ? beside : NULL));
    topology_tree_append(arena, required, topology_tree_scalar(arena, kind->name, true));
    if (!topology_kind_is_distribution(kind, &which)) {
        put_parameters(properties, NULL, kind->parameters, kind->parameter_count);
        require_all(arena, all, kind, kind->parameters, kind->parameter_count);
    }
    if (either)
        require_all(arena, all, kind, beside->parameters, beside->parameter_count);
    if (all->count)
        put(object, "allOf", all);
    put_text(object, "description", kind->summary);
    return close_object(object, properties, required);
}

/* The parameters of the kind at the level of the entry, with `protocol: NAME` for an overlay. */
static struct topology_node *describe_flat(struct base_arena *arena, const struct topology_kind *kind,
                                           const char *name_key, const struct topology_section *beside)
{
    struct object object = new_object(arena), properties = new_object(arena), name = new_object(arena);
    struct topology_node *required = topology_tree_sequence(arena);
    if (name_key) {
        put_text(name, "const", kind->name);
        put_text(name, "description", kind->summary);
        put(properties, name_key, name.node);
        topology_tree_append(arena, required, topology_tree_scalar(arena, name_key, true));
    }
    if (beside)
        put_section(properties, required, beside);
    put_parameters(properties, required, kind->parameters, kind->parameter_count);
    put_text(object, "description", kind->summary);
    return close_object(object, properties, required);
}

enum shape { ENTRY, ENTRY_EITHER, FLAT };

static struct topology_node *describe_registry(struct base_arena *arena, const struct topology_registry *registry,
                                               const struct topology_section *beside, enum shape shape,
                                               const char *name_key)
{
    struct object object = new_object(arena);
    struct topology_node *choices = topology_tree_sequence(arena);
    for (uint32_t i = 0; i < registry->kind_count; i++)
        topology_tree_append(arena, choices,
                             shape == FLAT ? describe_flat(arena, registry->kinds[i], name_key, beside)
                                           : describe_entry(arena, registry->kinds[i], beside, shape == ENTRY_EITHER));
    put(object, "oneOf", choices);
    return object.node;
}

static struct topology_node *list_of(struct base_arena *arena, const char *about, struct topology_node *items)
{
    struct object object = new_object(arena);
    put_text(object, "description", about);
    put_text(object, "type", "array");
    put(object, "items", items);
    return object.node;
}

static void define_quantity(struct object definitions, const char *name, enum topology_type type)
{
    struct base_arena *arena = definitions.arena;
    const char *units = "";
    struct object object = new_object(arena);
    for (const struct topology_unit *unit = topology_units(type); unit->name; unit++)
        units = base_arena_printf(arena, "%s%s%s", units, *units ? "|" : "", unit->name);
    put_text(object, "type", "string");
    put_text(object, "pattern",
             base_arena_printf(arena, "^([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?[ \\t]*(%s)$", units));
    put(definitions, name, object.node);
}

static void define_selectors(struct object definitions)
{
    struct base_arena *arena = definitions.arena;
    struct object name = new_object(arena), peers = new_object(arena);
    struct topology_node *choices = topology_tree_sequence(arena);
    put_text(name, "type", "string");
    topology_tree_append(arena, choices, name.node);
    struct object names = {.arena = arena, .node = list_of(arena, "Names of groups.", name.node)};
    put_plain(names, "minItems", "1");
    topology_tree_append(arena, choices, names.node);
    put_text(peers, "description", "A group's name, a list of names, or all.");
    put(peers, "anyOf", choices);
    put(definitions, "peers", peers.node);
    put(definitions, "peer_sets", list_of(arena, "Sets of groups.", reference(arena, "peers")));
}

static struct topology_node *describe_definitions(struct base_arena *arena,
                                                  const struct topology_vocabulary *vocabulary)
{
    struct object definitions = new_object(arena);
    define_quantity(definitions, "duration", TOPOLOGY_DURATION);
    define_quantity(definitions, "size", TOPOLOGY_BYTES);
    define_quantity(definitions, "rate", TOPOLOGY_RATE);
    define_quantity(definitions, "percentage", TOPOLOGY_SHARE);
    define_selectors(definitions);
    put(definitions, "overlay", describe_registry(arena, vocabulary->overlays, NULL, FLAT, "protocol"));
    return definitions.node;
}

static struct topology_node *describe_section(struct base_arena *arena, const struct topology_section *section,
                                              const char *key, struct topology_node *value)
{
    struct object object = new_object(arena), properties = new_object(arena);
    struct topology_node *required = topology_tree_sequence(arena);
    if (key)
        put(properties, key, value);
    put_section(properties, required, section);
    return close_object(object, properties, required);
}

static struct topology_node *describe_clock(struct base_arena *arena)
{
    static const struct topology_parameter scaled[] = {
        {.key = "scaled", .type = TOPOLOGY_REAL, .minimum = "0.001", .maximum = "1000000",
         .about = "How many times as fast as real time."}};
    static const struct topology_section section = {scaled, 1};
    static const char *const names[] = {"virtual", "real", NULL};
    struct object object = new_object(arena), name = new_object(arena);
    struct topology_node *choices = topology_tree_sequence(arena);
    put(name, "enum", text_list(arena, names));
    topology_tree_append(arena, choices, name.node);
    topology_tree_append(arena, choices, describe_section(arena, &section, NULL, NULL));
    put(object, "anyOf", choices);
    put_text(object, "default", "virtual");
    return object.node;
}

static struct topology_node *describe_transports(struct base_arena *arena, const struct topology_registry *registry)
{
    struct object object = new_object(arena);
    struct topology_node *names = topology_tree_sequence(arena);
    for (uint32_t i = 0; i < registry->kind_count; i++)
        topology_tree_append(arena, names, topology_tree_scalar(arena, registry->kinds[i]->name, true));
    put(object, "enum", names);
    put_text(object, "default", "memory");
    put_text(object, "description", "What carries a message.");
    return object.node;
}

/* One kind's key with its parameters, or the bare name of a kind that needs none. */
static struct topology_node *describe_initial_graph(struct base_arena *arena, const struct topology_registry *graphs)
{
    static const struct topology_section nothing_beside = {NULL, 0};
    struct object object = new_object(arena), name = new_object(arena);
    struct topology_node *choices = topology_tree_sequence(arena), *names = topology_tree_sequence(arena);
    for (uint32_t i = 0; i < graphs->kind_count; i++) {
        uint32_t required = 0;
        for (uint32_t k = 0; k < graphs->kinds[i]->parameter_count; k++)
            required += is_required(&graphs->kinds[i]->parameters[k]);
        if (!required)
            topology_tree_append(arena, names, topology_tree_scalar(arena, graphs->kinds[i]->name, true));
    }
    put(name, "enum", names);
    topology_tree_append(arena, choices, describe_registry(arena, graphs, &nothing_beside, ENTRY, NULL));
    topology_tree_append(arena, choices, name.node);
    put(object, "anyOf", choices);
    put_text(object, "description", "Who knows whom at the start.");
    return object.node;
}

static struct topology_node *describe_network(struct base_arena *arena, const struct topology_registry *latencies)
{
    static const char *const names[] = {"pair", "message", NULL};
    static const struct topology_parameter per[] = {
        {.key = "per", .type = TOPOLOGY_NAME, .default_text = "pair", .names = names,
         .about = "Whether a delay is drawn once for an unordered pair or for each message."}};
    static const struct topology_section section = {per, 1};
    struct object network = new_object(arena), properties = new_object(arena);
    const char *const required[] = {"latency", NULL};
    put(properties, "latency", describe_registry(arena, latencies, &section, ENTRY, NULL));
    put_section(properties, NULL, &topology_network_section);
    return close_object(network, properties, text_list(arena, required));
}

static struct topology_node *describe_trace(struct base_arena *arena)
{
    struct object name = new_object(arena);
    put(name, "enum", text_list(arena, topology_record_names));
    return describe_section(arena, &topology_trace_section, "record",
                            list_of(arena, "What is recorded; [] records nothing.", name.node));
}

static struct topology_node *describe_expectations(struct base_arena *arena)
{
    struct object text = new_object(arena);
    put_text(text, "type", "string");
    put_text(text, "pattern",
             "^[ \\t]*[A-Za-z0-9_.-]+[ \\t]*(<=|>=|==|!=|<|>)"
             "[ \\t]*[+-]?[0-9.]+([eE][+-]?[0-9]+)?[ \\t]*%?[ \\t]*$");
    return list_of(arena, "Figures of the summary that must hold: FIGURE OPERATOR NUMBER.", text.node);
}

const char *topology_schema(struct base_arena *arena, const struct topology_vocabulary *vocabulary)
{
    static const char *const others[] = {"peers", "network", "overlay", NULL};
    struct object root = new_object(arena), properties = new_object(arena);
    struct topology_node *required = text_list(arena, others);
    put_text(root, "$schema", "https://json-schema.org/draft/2020-12/schema");
    put_text(root, "title", "A peerlab scenario");
    put_section(properties, required, &topology_own_section);
    put(properties, "clock", describe_clock(arena));
    put(properties, "transport", describe_transports(arena, vocabulary->transports));
    put(properties, "addresses", describe_section(arena, &topology_address_section, NULL, NULL));
    put(properties, "peers", list_of(arena, "Groups of peers.",
        describe_section(arena, &topology_group_section, "overlay", reference(arena, "overlay"))));
    put(properties, "network", describe_network(arena, vocabulary->latencies));
    put(properties, "overlay", reference(arena, "overlay"));
    put(properties, "initial_graph", describe_initial_graph(arena, vocabulary->graphs));
    put(properties, "workload", list_of(arena, "What peers are asked to do.",
        describe_registry(arena, vocabulary->workloads, &topology_workload_section, ENTRY_EITHER, NULL)));
    put(properties, "churn", list_of(arena, "Who comes and goes.",
        describe_registry(arena, vocabulary->churns, &topology_churn_section, FLAT, NULL)));
    put(properties, "faults", list_of(arena, "What breaks.",
        describe_registry(arena, vocabulary->faults, &topology_fault_section, ENTRY, NULL)));
    put(properties, "trace", describe_trace(arena));
    put(properties, "expect", describe_expectations(arena));
    put(root, "$defs", describe_definitions(arena, vocabulary));
    return topology_yaml_emit(arena, close_object(root, properties, required), TOPOLOGY_YAML_JSON);
}
