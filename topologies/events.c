/* Workloads, churn and faults: lists of entries, each of one kind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "topologies/loader.h"

struct named {
    const char *name;
    struct base_place place;
};

static bool open_list(struct topology_loader *loader, const char *key, const struct topology_node *node)
{
    char word[TOPOLOGY_WORD_BYTES];
    if (node->kind == TOPOLOGY_SEQUENCE)
        return true;
    topology_error(loader, node->place, NULL, "\"%s\" must be a list, not %s", key, topology_tree_word(node, word));
    return false;
}

/* "crash-1" is the second crash, named or not, so that naming one leaves the others' draws as they were. */
static const char *default_name(struct topology_loader *loader, const struct topology_registry *registry,
                                const struct topology_kind *kind, uint32_t *ordinals)
{
    for (uint32_t i = 0; i < registry->kind_count; i++)
        if (registry->kinds[i] == kind)
            return base_arena_printf(loader->arena, "%s-%u", kind->name, ordinals[i]++);
    return "";
}

static int compare_named(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    if (order == 0)
        order = (left->place.line > right->place.line) - (left->place.line < right->place.line);
    return order ? order : (left->place.column > right->place.column) - (left->place.column < right->place.column);
}

/* A name keys the entry's randomness: two of the same would draw the same. */
static void check_names(struct topology_loader *loader, const char *what, struct named *items, uint32_t count)
{
    qsort(items, count, sizeof *items, compare_named);
    for (uint32_t i = 1; i < count; i++)
        if (items[i].name[0] && strcmp(items[i - 1].name, items[i].name) == 0)
            topology_error(loader, items[i].place, NULL, "a second %s of the name \"%.60s\"", what, items[i].name);
}

static void warn_if_after_the_end(struct topology_loader *loader, struct base_place place, const char *what,
                                  uint64_t at_ns)
{
    uint64_t duration_ns = loader->scenario->duration_ns;
    if (duration_ns && at_ns >= duration_ns)
        base_diagnose(loader->diagnostics, BASE_WARNING, place, NULL, "this %s begins only after the end of the run",
                      what);
}

static void decode_workload(struct topology_loader *loader, struct topology_node *node,
                            struct topology_workload *workload)
{
    struct topology_view view;
    struct base_place places[TOPOLOGY_WORKLOAD_ROWS] = {{0}};
    const struct topology_section *section = &topology_workload_section;
    workload->place = node->place;
    if (topology_view_open(loader, &view, "a workload", node) < 0)
        return;
    topology_choose(loader, &view, loader->vocabulary->workloads, section, &workload->action);
    if (!workload->action.kind)
        return;
    workload->place = workload->action.place;
    view.place = workload->place;
    topology_decode_table(loader, &view, section->parameters, section->parameter_count, workload, places);
    topology_view_close(loader, &view);
    if (!places[TOPOLOGY_WORKLOAD_STOP].line)
        workload->stop_ns = loader->scenario->duration_ns;
    else if (workload->stop_ns <= workload->start_ns)
        topology_error(loader, places[TOPOLOGY_WORKLOAD_STOP], NULL, "\"stop\" must be after \"start\"");
    if (places[TOPOLOGY_WORKLOAD_START].line)
        warn_if_after_the_end(loader, places[TOPOLOGY_WORKLOAD_START], "workload", workload->start_ns);
}

void topology_decode_workloads(struct topology_loader *loader, struct topology_node *node)
{
    const struct topology_registry *registry = loader->vocabulary->workloads;
    if (!open_list(loader, "workload", node))
        return;
    struct topology_workload *workloads = base_arena_array(loader->arena, struct topology_workload, node->count);
    struct named *names = base_arena_array(loader->arena, struct named, node->count);
    uint32_t *ordinals = base_arena_array(loader->arena, uint32_t, registry->kind_count);
    for (uint32_t i = 0; i < node->count; i++) {
        decode_workload(loader, node->items[i], &workloads[i]);
        const char *name = default_name(loader, registry, workloads[i].action.kind, ordinals);
        if (!workloads[i].name || !*workloads[i].name)
            workloads[i].name = name;
        names[i] = (struct named) {workloads[i].name, workloads[i].place};
    }
    check_names(loader, "workload", names, node->count);
    loader->scenario->workloads = workloads;
    loader->scenario->workload_count = node->count;
}

/* A stationary start needs the share of time that a peer is up, and so finite means. */
static void check_means(struct topology_loader *loader, const struct topology_churn *churn)
{
    const struct topology_kind *kind = churn->model.kind;
    for (uint32_t i = 0; kind && i < kind->parameter_count; i++) {
        const struct topology_parameter *parameter = &kind->parameters[i];
        const struct base_distribution *distribution =
            (const void *) ((const char *) churn->model.parameters + parameter->offset);
        if (parameter->type == TOPOLOGY_DISTRIBUTION && churn->model.parameter_places[i].line &&
            distribution->kind == BASE_PARETO && isinf(base_distribution_mean(distribution)))
            topology_error(loader, churn->model.parameter_places[i], "start: up or start: down, or a shape above 1",
                           "\"%s\" has no finite mean, which a stationary start needs", parameter->key);
    }
}

static void decode_churn(struct topology_loader *loader, struct topology_node *node, struct topology_churn *churn)
{
    struct topology_view view;
    struct topology_churn_keys keys = {0};
    uint32_t errors = loader->diagnostics->error_count;
    churn->place = node->place;
    if (topology_view_open(loader, &view, "a churn entry", node) < 0)
        return;
    topology_decode_table(loader, &view, topology_churn_section.parameters, topology_churn_section.parameter_count,
                          &keys, NULL);
    topology_choose_by_parameter(loader, &view, loader->vocabulary->churns, &churn->model);
    topology_view_close(loader, &view);
    churn->name = keys.name;
    churn->peers = keys.peers;
    churn->leave = (enum topology_leave) keys.leave;
    churn->start = (enum topology_churn_start) keys.start;
    if (churn->start == TOPOLOGY_STATIONARY && loader->diagnostics->error_count == errors)
        check_means(loader, churn);
}

/* One peer follows one churn: two entries for a group would both drive its peers. */
static void check_one_churn_a_group(struct topology_loader *loader, const struct topology_churn *churns, uint32_t count)
{
    bool *taken = base_arena_array(loader->arena, bool, loader->scenario->group_count);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < churns[i].peers.count; k++) {
            uint16_t group = churns[i].peers.groups[k];
            if (taken[group])
                topology_error(loader, churns[i].peers.place, NULL, "group \"%.60s\" has churn already",
                               loader->scenario->groups[group].name);
            taken[group] = true;
        }
    }
}

void topology_decode_churns(struct topology_loader *loader, struct topology_node *node)
{
    if (!open_list(loader, "churn", node))
        return;
    struct topology_churn *churns = base_arena_array(loader->arena, struct topology_churn, node->count);
    struct named *names = base_arena_array(loader->arena, struct named, node->count);
    for (uint32_t i = 0; i < node->count; i++) {
        decode_churn(loader, node->items[i], &churns[i]);
        if (!churns[i].name || !*churns[i].name)
            churns[i].name = base_arena_printf(loader->arena, "churn-%u", i);
        names[i] = (struct named) {churns[i].name, churns[i].place};
    }
    check_names(loader, "churn entry", names, node->count);
    check_one_churn_a_group(loader, churns, node->count);
    loader->scenario->churns = churns;
    loader->scenario->churn_count = node->count;
}

static void decode_fault(struct topology_loader *loader, struct topology_node *node, struct topology_fault *fault)
{
    struct topology_view view;
    struct base_place places[TOPOLOGY_FAULT_ROWS] = {{0}};
    fault->place = node->place;
    if (topology_view_open(loader, &view, "a fault", node) < 0)
        return;
    topology_decode_table(loader, &view, topology_fault_section.parameters, topology_fault_section.parameter_count,
                          fault, places);
    topology_choose(loader, &view, loader->vocabulary->faults, NULL, &fault->action);
    topology_view_close(loader, &view);
    fault->for_place = places[TOPOLOGY_FAULT_FOR];
    warn_if_after_the_end(loader, places[TOPOLOGY_FAULT_AT], "fault", fault->at_ns);
}

void topology_decode_faults(struct topology_loader *loader, struct topology_node *node)
{
    const struct topology_registry *registry = loader->vocabulary->faults;
    if (!open_list(loader, "faults", node))
        return;
    struct topology_fault *faults = base_arena_array(loader->arena, struct topology_fault, node->count);
    struct named *names = base_arena_array(loader->arena, struct named, node->count);
    uint32_t *ordinals = base_arena_array(loader->arena, uint32_t, registry->kind_count);
    for (uint32_t i = 0; i < node->count; i++) {
        decode_fault(loader, node->items[i], &faults[i]);
        const char *name = default_name(loader, registry, faults[i].action.kind, ordinals);
        if (!faults[i].name || !*faults[i].name)
            faults[i].name = name;
        names[i] = (struct named) {faults[i].name, faults[i].place};
    }
    check_names(loader, "fault", names, node->count);
    loader->scenario->faults = faults;
    loader->scenario->fault_count = node->count;
}
