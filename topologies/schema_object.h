/* Writers of the schema's objects: short, because each takes the arena with the node that it fills. */
#ifndef TOPOLOGIES_SCHEMA_OBJECT_H
#define TOPOLOGIES_SCHEMA_OBJECT_H

#include "topologies/tree.h"

struct object {
    struct base_arena *arena;
    struct topology_node *node;
};

static inline struct object new_object(struct base_arena *arena)
{
    return (struct object) {arena, topology_tree_mapping(arena)};
}

static inline void put(struct object object, const char *key, struct topology_node *value)
{
    topology_tree_put(object.arena, object.node, key, value);
}

static inline void put_text(struct object object, const char *key, const char *text)
{
    put(object, key, topology_tree_scalar(object.arena, text, true));
}

static inline void put_plain(struct object object, const char *key, const char *text)
{
    put(object, key, topology_tree_scalar(object.arena, text, false));
}

static inline struct topology_node *text_list(struct base_arena *arena, const char *const *texts)
{
    struct topology_node *list = topology_tree_sequence(arena);
    for (; *texts; texts++)
        topology_tree_append(arena, list, topology_tree_scalar(arena, *texts, true));
    return list;
}

static inline struct topology_node *reference(struct base_arena *arena, const char *definition)
{
    struct object object = new_object(arena);
    put_text(object, "$ref", base_arena_printf(arena, "#/$defs/%s", definition));
    return object.node;
}

#endif
