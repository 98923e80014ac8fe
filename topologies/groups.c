#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topologies/loader.h"

static int compare_names(const void *a, const void *b)
{
    const struct topology_group_name *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order ? order : (int) left->ordinal - (int) right->ordinal;
}

/* A name must be told from an index and a path in --set. A group may be called `all`: the name then means that one. */
static bool is_good_name(const char *name)
{
    bool digits_only = true;
    for (const char *c = name; *c; c++) {
        unsigned char byte = (unsigned char) *c;
        bool is_digit = byte >= '0' && byte <= '9';
        bool is_letter = (byte | 32) >= 'a' && (byte | 32) <= 'z';
        if (!is_digit && !is_letter && byte < 0x80 && byte != '-' && byte != '_')
            return false;
        digits_only = digits_only && is_digit;
    }
    return !digits_only;
}

static void decode_group(struct topology_loader *loader, struct topology_node *node, struct topology_group *group)
{
    struct topology_view view;
    struct topology_group_keys keys = {0};
    struct base_place places[TOPOLOGY_GROUP_ROWS] = {{0}};
    group->name = "";
    group->place = node->place;
    if (topology_view_open(loader, &view, "a group of peers", node) < 0) {
        loader->groups_known = false;
        return;
    }
    topology_decode_table(loader, &view, topology_group_section.parameters, topology_group_section.parameter_count,
                          &keys, places);
    struct topology_pair *overlay = topology_view_optional(loader, &view, "overlay");
    if (overlay)
        topology_decode_overlay(loader, overlay->value, &group->overlay);
    topology_view_unbuilt(loader, &view, "access");
    topology_view_close(loader, &view);
    if (keys.name && !is_good_name(keys.name))
        topology_error(loader, places[TOPOLOGY_GROUP_NAME], "letters, digits, - and _, not digits alone",
                       "\"%.60s\" cannot be a group's name", keys.name);
    loader->groups_known = loader->groups_known && keys.name;
    group->name = keys.name ? keys.name : "";
    group->count = (uint32_t) (keys.count <= TOPOLOGY_PEERS_MAX ? keys.count : 0);
    group->region = keys.region;
    group->place = places[TOPOLOGY_GROUP_NAME].line ? places[TOPOLOGY_GROUP_NAME] : node->place;
    group->region_place = places[TOPOLOGY_GROUP_REGION];
}

static void index_names(struct topology_loader *loader, const struct topology_group *groups, uint32_t count)
{
    loader->group_count = count;
    loader->group_names = base_arena_array(loader->arena, struct topology_group_name, count);
    loader->group_marks = base_arena_array(loader->arena, bool, count);
    uint16_t *all = base_arena_array(loader->arena, uint16_t, count);
    for (uint32_t i = 0; i < count; i++) {
        loader->group_names[i] = (struct topology_group_name) {groups[i].name, (uint16_t) i};
        all[i] = (uint16_t) i;
    }
    loader->all_groups = all;
    qsort(loader->group_names, count, sizeof *loader->group_names, compare_names);
    for (uint32_t i = 1; i < count; i++) {
        const struct topology_group_name *name = &loader->group_names[i];
        if (!name->name[0] || strcmp(name[-1].name, name->name) != 0)
            continue;
        char hint[64];
        snprintf(hint, sizeof hint, "the other is at line %u", groups[name[-1].ordinal].place.line);
        topology_error(loader, groups[name->ordinal].place, hint, "a second group of the name \"%.60s\"", name->name);
    }
}

void topology_decode_groups(struct topology_loader *loader, struct topology_node *node)
{
    struct scenario *scenario = loader->scenario;
    loader->groups_known = node->kind == TOPOLOGY_SEQUENCE;
    if (node->kind != TOPOLOGY_SEQUENCE) {
        char word[TOPOLOGY_WORD_BYTES];
        topology_error(loader, node->place, "[{name: NAME, count: N}]", "\"peers\" must be a list of groups, not %s",
                       topology_tree_word(node, word));
        return;
    }
    if (node->count > TOPOLOGY_GROUPS_MAX) {
        topology_error(loader, node->items[TOPOLOGY_GROUPS_MAX]->place, NULL, "more than %u groups",
                       TOPOLOGY_GROUPS_MAX);
        loader->groups_known = false;
        return;
    }
    struct topology_group *groups = base_arena_array(loader->arena, struct topology_group, node->count);
    uint64_t peers = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        decode_group(loader, node->items[i], &groups[i]);
        groups[i].first = (uint32_t) peers;
        peers += groups[i].count;
        if (peers > TOPOLOGY_PEERS_MAX) {
            topology_error(loader, groups[i].place, NULL, "more than %" PRIu64 " peers", TOPOLOGY_PEERS_MAX);
            peers = 0;
        }
    }
    scenario->groups = groups;
    scenario->group_count = node->count;
    scenario->peer_count = (uint32_t) peers;
    index_names(loader, groups, node->count);
}
