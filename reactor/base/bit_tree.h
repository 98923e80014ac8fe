/* A set of 32-bit indices with the next and previous member in O(log64 n): a bitmap under a tree of summaries. */
#ifndef REACTOR_BASE_BIT_TREE_H
#define REACTOR_BASE_BIT_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "reactor/api.h"

REACTOR_API_BEGIN

#define BASE_BIT_TREE_NONE UINT32_MAX

struct base_bit_tree {
    uint64_t *levels[6]; /* levels[0]: a bit an index */
    uint32_t size, level_count;
    uint32_t count;      /* members */
};

int base_bit_tree_init(struct base_bit_tree *tree, uint32_t size); /* empty; 0 or -ENOMEM */
void base_bit_tree_done(struct base_bit_tree *tree);
bool base_bit_tree_has(const struct base_bit_tree *tree, uint32_t index);
void base_bit_tree_add(struct base_bit_tree *tree, uint32_t index);    /* no-op when a member */
void base_bit_tree_remove(struct base_bit_tree *tree, uint32_t index); /* no-op when none */
/* Removes the lowest members, up to 64, and returns them as bits from *first on; the tree must not be empty. */
uint64_t base_bit_tree_take_word(struct base_bit_tree *tree, uint32_t *first);
/* The least member >= index, the greatest <= index; BASE_BIT_TREE_NONE when there is none. index may be >= size. */
uint32_t base_bit_tree_next(const struct base_bit_tree *tree, uint32_t index);
uint32_t base_bit_tree_previous(const struct base_bit_tree *tree, uint32_t index);

REACTOR_API_END

#endif
