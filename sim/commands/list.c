/* peerlab list: everything that a scenario can name, from the same tables that decode it. */
#include <stdio.h>
#include <string.h>

#include "reactor/base/arena.h"
#include "reactor/clock.h"
#include "reactor/demultiplexer.h"
#include "sim/commands/command.h"
#include "sim/commands/print.h"
#include "sim/overlay.h"
#include "sim/vocabulary.h"
#include "topologies/load.h"
#include "traces/query.h"

/* A thing with a name, of whatever kind. */
struct item {
    const char *name, *summary, *source;
    const struct topology_kind *kind;  /* with a table of parameters; NULL: none */
    const struct trace_query *query;   /* likewise */
};

struct kind {
    const char *name, *summary;
    const struct topology_registry *registry;              /* NULL: item_at knows */
    bool (*item_at)(uint32_t ordinal, struct item *item);  /* false: there are no more */
};

static bool clock_at(uint32_t ordinal, struct item *item)
{
    if (!reactor_clocks[ordinal])
        return false;
    *item = (struct item){.name = reactor_clocks[ordinal]->name, .summary = reactor_clocks[ordinal]->summary};
    return true;
}

static uint32_t demultiplexer_count(void)
{
    uint32_t count = 0;
    while (reactor_demultiplexers[count])
        count++;
    return count;
}

/* Those of the table, then auto. */
static bool demultiplexer_at(uint32_t ordinal, struct item *item)
{
    uint32_t count = demultiplexer_count();
    if (ordinal > count)
        return false;
    bool chooses_uring = reactor_demultiplexer_find("auto") == reactor_demultiplexer_find("io_uring");
    *item = ordinal < count ? (struct item){.name = reactor_demultiplexers[ordinal]->name,
                                            .summary = reactor_demultiplexers[ordinal]->summary}
                            : (struct item){.name = "auto",
                                            .summary = chooses_uring ? "the best that the kernel offers: here io_uring"
                                                                     : "the best that the kernel offers: here epoll"};
    return true;
}

static bool query_at(uint32_t ordinal, struct item *item)
{
    if (!trace_queries[ordinal])
        return false;
    *item = (struct item){.name = trace_queries[ordinal]->name, .summary = trace_queries[ordinal]->purpose,
                          .query = trace_queries[ordinal]};
    return true;
}

/* What overlays measure; the summary names the overlay. */
static bool metric_at(uint32_t ordinal, struct item *item)
{
    for (uint32_t i = 0; i < sim_overlays.kind_count; i++) {
        const struct overlay_ops *ops = sim_overlays.kinds[i]->ops;
        if (ordinal < ops->metric_count) {
            *item = (struct item){.name = ops->metrics[ordinal], .summary = sim_overlays.kinds[i]->name};
            return true;
        }
        ordinal -= ops->metric_count;
    }
    return false;
}

static const struct kind kinds[] = {
    {"overlays", "what peers run: `overlay`", &sim_overlays, NULL},
    {"latencies", "how long messages take: `network.latency`", &sim_latencies, NULL},
    {"churns", "how peers come and go: `churn`", &sim_churns, NULL},
    {"faults", "what breaks: `faults`", &sim_faults, NULL},
    {"graphs", "who knows whom at the start: `initial_graph`", &sim_graphs, NULL},
    {"workloads", "what peers are asked to do: `workload`", &sim_workloads, NULL},
    {"transports", "what carries messages: `transport`", &sim_transports, NULL},
    {"clocks", "where time comes from: `clock`", NULL, clock_at},
    {"demultiplexers", "how descriptors are watched: run --demultiplexer", NULL, demultiplexer_at},
    {"metrics", "what overlays measure: `metrics` of the summary", NULL, metric_at},
    {"queries", "questions to a trace: peerlab query", NULL, query_at},
};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static bool item_at(const struct kind *kind, uint32_t ordinal, struct item *item)
{
    if (!kind->registry)
        return kind->item_at(ordinal, item);
    if (ordinal >= kind->registry->kind_count)
        return false;
    const struct topology_kind *row = kind->registry->kinds[ordinal];
    *item = (struct item){.name = row->name, .summary = row->summary, .source = row->source, .kind = row};
    return true;
}

static uint32_t item_count(const struct kind *kind)
{
    struct item item;
    uint32_t count = 0;
    while (item_at(kind, count, &item))
        count++;
    return count;
}

/* --- a parameter's columns --- */

static const char *range_of(struct base_arena *arena, const struct topology_parameter *parameter)
{
    if (parameter->type == TOPOLOGY_NAME) {
        const char *all = "";
        for (uint32_t i = 0; parameter->names[i]; i++)
            all = base_arena_printf(arena, "%s%s%s", all, i ? " | " : "", parameter->names[i]);
        return all;
    }
    if (parameter->minimum && parameter->maximum)
        return base_arena_printf(arena, "%s to %s", parameter->minimum, parameter->maximum);
    if (parameter->minimum)
        return base_arena_printf(arena, "from %s", parameter->minimum);
    return parameter->maximum ? base_arena_printf(arena, "to %s", parameter->maximum) : NULL;
}

static const char *default_of(const struct topology_parameter *parameter)
{
    return parameter->default_text ? parameter->default_text : parameter->optional ? "none" : "required";
}

/* --- for people --- */

#define NAME_COLUMNS 22

static void print_kinds(void)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s (%u)", kinds[i].summary, item_count(&kinds[i]));
        print_term(kinds[i].name, NAME_COLUMNS, text);
    }
}

static void print_items(const struct kind *kind)
{
    struct item item;
    for (uint32_t i = 0; item_at(kind, i, &item); i++)
        print_term(item.name, NAME_COLUMNS, item.summary);
}

/* One block a parameter: a sentence fits no column of 80. */
static void print_parameters(const struct topology_kind *kind)
{
    struct base_arena *arena = base_arena_create();
    for (uint32_t i = 0; i < kind->parameter_count; i++) {
        const struct topology_parameter *parameter = &kind->parameters[i];
        const char *range = range_of(arena, parameter);
        print_in(PRINT_BOLD, "\n%s", parameter->key);
        printf("  %s%s%s, %s%s\n", topology_type_name(parameter->type), range ? ", " : "", range ? range : "",
               parameter->default_text ? "default " : "", default_of(parameter));
        print_term("", 4, parameter->about);
    }
    if (kind->bare)
        printf("\na bare value sets %s: %s: VALUE\n", kind->bare, kind->name);
    base_arena_free(arena);
}

static void print_item(const struct item *item)
{
    print_term(item->name, (uint32_t) strlen(item->name) + 2, item->summary);
    if (item->source && item->source[0])
        print_term("source:", 9, item->source);
    if (item->kind)
        print_parameters(item->kind);
    for (uint32_t i = 0; item->query && i < item->query->parameter_count; i++) {
        const struct trace_query_parameter *parameter = &item->query->parameters[i];
        print_in(PRINT_BOLD, "\n%s", parameter->name);
        printf("  %s, %s%s\n", parameter->type, parameter->default_text ? "default " : "required",
               parameter->default_text ? parameter->default_text : "");
        print_term("", 4, parameter->about);
    }
    if (item->query)
        printf("\nexample: %s\n", item->query->example);
}

/* --- JSON --- */

static void put_member(const char *before, const char *key, const char *value)
{
    printf("%s\"%s\":", before, key);
    base_json_put_text(stdout, value);
}

static void put_parameters(const struct item *item)
{
    struct base_arena *arena = base_arena_create();
    for (uint32_t i = 0; item->kind && i < item->kind->parameter_count; i++) {
        const struct topology_parameter *parameter = &item->kind->parameters[i];
        put_member(i ? ",{" : "{", "key", parameter->key);
        put_member(",", "type", topology_type_name(parameter->type));
        put_member(",", "range", range_of(arena, parameter));
        put_member(",", "default", parameter->default_text);
        printf(",\"required\":%s", parameter->default_text || parameter->optional ? "false" : "true");
        put_member(",", "about", parameter->about);
        putchar('}');
    }
    for (uint32_t i = 0; item->query && i < item->query->parameter_count; i++) {
        const struct trace_query_parameter *parameter = &item->query->parameters[i];
        put_member(i ? ",{" : "{", "key", parameter->name);
        put_member(",", "type", parameter->type);
        put_member(",", "range", NULL);
        put_member(",", "default", parameter->default_text);
        printf(",\"required\":%s", parameter->default_text ? "false" : "true");
        put_member(",", "about", parameter->about);
        putchar('}');
    }
    base_arena_free(arena);
}

static void put_item(const struct kind *kind, const struct item *item)
{
    put_member("{", "kind", kind->name);
    put_member(",", "name", item->name);
    put_member(",", "summary", item->summary);
    put_member(",", "source", item->source && item->source[0] ? item->source : NULL);
    fputs(",\"parameters\":[", stdout);
    put_parameters(item);
    fputs("]}", stdout);
}

/* All items of one kind, or of all kinds (NULL), as an array. */
static void put_items(const struct kind *only)
{
    bool first = true;
    for (size_t k = 0; k < KIND_COUNT; k++) {
        struct item item;
        for (uint32_t i = 0; (!only || only == &kinds[k]) && item_at(&kinds[k], i, &item); i++, first = false) {
            fputs(first ? "[" : ",\n", stdout);
            put_item(&kinds[k], &item);
        }
    }
    fputs(first ? "[]\n" : "]\n", stdout);
}

/* --- finding --- */

static const char *kind_name_at(const void *context, size_t i)
{
    (void) context;
    return kinds[i].name;
}

static const struct kind *find_kind(const struct arguments *arguments, const char *name)
{
    for (size_t i = 0; i < KIND_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0 ||
            (kinds[i].registry && strcmp(kinds[i].registry->singular, name) == 0))
            return &kinds[i];
    const char *nearest = base_nearest_name(name, KIND_COUNT, kind_name_at, NULL);
    command_refuse(arguments->command, "there is no kind %s; %s%s%s", name,
                   nearest ? "did you mean " : "see peerlab list", nearest ? nearest : "", nearest ? "?" : "");
    return NULL;
}

static const char *item_name_at(const void *kind, size_t i)
{
    struct item item = {0};
    item_at(kind, (uint32_t) i, &item);
    return item.name;
}

static int show_item(const struct arguments *arguments, const struct kind *kind, const char *name)
{
    struct item item;
    for (uint32_t i = 0; item_at(kind, i, &item); i++) {
        if (strcmp(item.name, name) != 0)
            continue;
        if (arguments_has(arguments, "json")) {
            put_item(kind, &item);
            putchar('\n');
        } else {
            print_item(&item);
        }
        return EXIT_GOOD;
    }
    const char *nearest = base_nearest_name(name, item_count(kind), item_name_at, kind);
    return command_refuse(arguments->command, "none of the %s is %s; %s%s%s", kind->name, name,
                          nearest ? "did you mean " : "see peerlab list ", nearest ? nearest : kind->name,
                          nearest ? "?" : "");
}

static int show_schema(void)
{
    struct base_arena *arena = base_arena_create();
    puts(topology_schema(arena, &sim_vocabulary));
    base_arena_free(arena);
    return EXIT_GOOD;
}

static int run_list(const struct arguments *arguments)
{
    if (arguments_has(arguments, "schema"))
        return show_schema();
    const struct kind *kind = arguments->operand_count ? find_kind(arguments, arguments->operands[0]) : NULL;
    if (arguments->operand_count && !kind)
        return EXIT_INPUT;
    if (arguments->operand_count == 2)
        return show_item(arguments, kind, arguments->operands[1]);
    if (arguments_has(arguments, "json"))
        put_items(kind);
    else if (kind)
        print_items(kind);
    else
        print_kinds();
    return EXIT_GOOD;
}

static const struct command_option options[] = {
    {"schema", 0, NULL, "the JSON Schema of scenarios, for editors"},
    {"json", 0, NULL, "{kind name summary source parameters[{key type range default\n"
                      "required about}]}, or an array of them"},
};

const struct command list_command = {
    .name = "list",
    .operands = "[KIND [NAME]]",
    .summary = "overlays, latencies, faults, queries and more, with their parameters",
    .about = "",
    .examples = "peerlab list\n"
                "peerlab list overlays\n"
                "peerlab list overlays kademlia\n"
                "peerlab list --schema > scenario.schema.json",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 0,
    .operands_max = 2,
    .run = run_list,
};
