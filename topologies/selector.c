/* Values that choose among the scenario's groups. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topologies/loader.h"

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct topology_group_name *) a)->name, ((const struct topology_group_name *) b)->name);
}

static const char *group_name_at(const void *names, size_t i)
{
    return ((const struct topology_group_name *) names)[i].name;
}

static const struct topology_group_name *group_named(const struct topology_loader *loader, const char *name)
{
    const struct topology_group_name wanted = {.name = name};
    if (!loader->group_count)
        return NULL;
    return bsearch(&wanted, loader->group_names, loader->group_count, sizeof wanted, compare_names);
}

static int find_group(struct topology_loader *loader, const char *key, const struct topology_node *node,
                      uint16_t *ordinal)
{
    char hint[TOPOLOGY_HINT_BYTES] = "", word[TOPOLOGY_WORD_BYTES];
    if (node->kind != TOPOLOGY_SCALAR || topology_tree_is_null(node)) {
        topology_error(loader, node->place, NULL, "\"%s\" must name groups of peers, not %s", key,
                       topology_tree_word(node, word));
        return -EINVAL;
    }
    const struct topology_group_name *found = group_named(loader, node->text);
    if (found) {
        *ordinal = found->ordinal;
        return 0;
    }
    if (!loader->groups_known)
        return -EINVAL; /* it may be one of those that could not be read; told already */
    const char *nearest = NULL;
    if (loader->diagnostics->error_count < BASE_DIAGNOSTIC_MAX) /* else nobody will read it */
        nearest = base_nearest_name(node->text, loader->group_count, group_name_at, loader->group_names);
    if (nearest)
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", nearest);
    topology_error(loader, node->place, hint, "no group of peers %s", topology_tree_word(node, word));
    return -EINVAL;
}

static int compare_ordinals(const void *a, const void *b)
{
    return (int) *(const uint16_t *) a - (int) *(const uint16_t *) b;
}

static int choose_list(struct topology_loader *loader, const char *key, const struct topology_node *node,
                       struct topology_peers *peers)
{
    int result = 0;
    uint32_t count = 0;
    uint16_t *groups = base_arena_array(loader->arena, uint16_t, node->count);
    if (node->count == 0) {
        topology_error(loader, node->place, NULL, "\"%s\" names no group of peers", key);
        return -EINVAL;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        if (find_group(loader, key, node->items[i], &groups[count]) < 0)
            result = -EINVAL;
        else
            count++;
    }
    qsort(groups, count, sizeof *groups, compare_ordinals);
    peers->groups = groups;
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || groups[i] != groups[peers->count - 1])
            groups[peers->count++] = groups[i];
    return result;
}

int topology_decode_peers(struct topology_loader *loader, const char *key, const struct topology_node *node,
                          struct topology_peers *peers)
{
    *peers = (struct topology_peers) {.place = node->place};
    if (node->kind == TOPOLOGY_SEQUENCE)
        return choose_list(loader, key, node, peers);
    /* A group may be called all, and is then what is meant where that is written; a default means everybody. */
    bool is_default = node->place.line == 0;
    if (node->kind == TOPOLOGY_SCALAR && strcmp(node->text, "all") == 0 &&
        (is_default || !group_named(loader, "all"))) {
        peers->groups = loader->all_groups;
        peers->count = loader->group_count;
        return 0;
    }
    uint16_t *group = base_arena_array(loader->arena, uint16_t, 1);
    if (find_group(loader, key, node, group) < 0)
        return -EINVAL;
    peers->groups = group;
    peers->count = 1;
    return 0;
}

/* A peer on both sides would make "between the sets" mean nothing. */
static int check_disjoint(struct topology_loader *loader, const struct topology_sets *sets)
{
    int result = 0;
    for (uint32_t i = 0; i < sets->count; i++) {
        for (uint32_t k = 0; k < sets->sets[i].count; k++) {
            uint16_t group = sets->sets[i].groups[k];
            if (loader->group_marks[group]) {
                topology_error(loader, sets->sets[i].place, NULL, "group \"%.60s\" is in two sets",
                               loader->scenario->groups[group].name);
                result = -EINVAL;
            }
            loader->group_marks[group] = true;
        }
    }
    for (uint32_t i = 0; i < sets->count; i++)
        for (uint32_t k = 0; k < sets->sets[i].count; k++)
            loader->group_marks[sets->sets[i].groups[k]] = false;
    return result;
}

int topology_decode_sets(struct topology_loader *loader, const char *key, const struct topology_node *node,
                         struct topology_sets *sets)
{
    int result = 0;
    if (node->kind != TOPOLOGY_SEQUENCE) {
        char word[TOPOLOGY_WORD_BYTES];
        topology_error(loader, node->place, "[[GROUP, ...], [GROUP, ...]]",
                       "\"%s\" must be a list of sets, not %s", key, topology_tree_word(node, word));
        return -EINVAL;
    }
    struct topology_peers *items = base_arena_array(loader->arena, struct topology_peers, node->count);
    for (uint32_t i = 0; i < node->count; i++)
        if (topology_decode_peers(loader, key, node->items[i], &items[i]) < 0)
            result = -EINVAL;
    *sets = (struct topology_sets) {items, node->count, node->place};
    return result < 0 ? result : check_disjoint(loader, sets);
}
