/* The located tree: what YAML said, with the place of every node kept to the very end.
 *
 * Nodes live in the scenario's arena. An aliased node is shared, so nodes that were parsed are not changed: --set
 * copies the containers on its way (set.c). describe.c and schema.c build trees of their own by the same functions. */
#ifndef TOPOLOGIES_TREE_H
#define TOPOLOGIES_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/base/arena.h"
#include "reactor/base/diagnostic.h"

#define TOPOLOGY_DEPTH_MAX 64
#define TOPOLOGY_NODES_MAX 200000u
#define TOPOLOGY_EXPANDED_BYTES_MAX (16u << 20) /* of scalars, aliased ones counted as often as used */

enum topology_node_kind { TOPOLOGY_SCALAR, TOPOLOGY_SEQUENCE, TOPOLOGY_MAPPING };

struct topology_node {
    enum topology_node_kind kind;
    bool quoted;                  /* a scalar in quotes, a block scalar or one tagged !!str: never null or a number */
    bool flow;                    /* emitted on one line */
    struct base_place place;
    const char *text;             /* of a scalar, NUL-terminated; it contains no NUL */
    size_t length;
    struct topology_node **items; /* elements, or key, value, key, value ... (keys are scalars) */
    uint32_t count, capacity;     /* of items: a mapping's count is twice its keys */
    uint32_t height;              /* levels of containers below and including this one */
    uint32_t weight;              /* nodes, aliases expanded; 0 while a container is still open */
    uint64_t bytes;               /* of scalars, aliases expanded */
};

/* New nodes without a place. Texts are borrowed and must live as long as the tree. */
struct topology_node *topology_tree_scalar(struct base_arena *arena, const char *text, bool quoted);
struct topology_node *topology_tree_sequence(struct base_arena *arena);
struct topology_node *topology_tree_mapping(struct base_arena *arena);
void topology_tree_append(struct base_arena *arena, struct topology_node *sequence, struct topology_node *item);
/* Adds a key without looking whether there is one; the text is borrowed. */
void topology_tree_put(struct base_arena *arena, struct topology_node *mapping, const char *key,
                       struct topology_node *value);

/* The index in items of the key's value, or -1. O(keys). */
int64_t topology_tree_find(const struct topology_node *mapping, const char *key, size_t length);

/* A plain scalar that says nothing: empty, ~ or null. */
bool topology_tree_is_null(const struct topology_node *node);

/* "a list", "a mapping", "nothing" or the scalar's text in quotes, cut to a length that fits in a message. */
#define TOPOLOGY_WORD_BYTES 64
const char *topology_tree_word(const struct topology_node *node, char word[TOPOLOGY_WORD_BYTES]);

#endif
