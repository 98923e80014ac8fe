#include "reactor/base/bit_tree.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "reactor/base/assert.h"

/* A bit of levels[n + 1] says whether the word of levels[n] with its index has any bit set; the last level is one
 * word. 64^6 > 2^32, so six levels hold every 32-bit index. */
#define WORD_BITS 64

static uint32_t word_count(uint32_t bit_count)
{
    return bit_count == 0 ? 1 : (bit_count - 1) / WORD_BITS + 1;
}

static uint64_t bit_of(uint32_t index)
{
    return UINT64_C(1) << (index % WORD_BITS);
}

int base_bit_tree_init(struct base_bit_tree *tree, uint32_t size)
{
    *tree = (struct base_bit_tree){.size = size};
    size_t total_words = 0;
    for (uint32_t words = word_count(size);; words = word_count(words)) {
        total_words += words;
        tree->level_count++;
        if (words == 1)
            break;
    }
    uint64_t *block = calloc(total_words, sizeof(*block)); /* all levels: levels[0] is what to free */
    if (block == NULL)
        return -ENOMEM;
    uint32_t words = word_count(size);
    for (uint32_t level = 0; level < tree->level_count; level++) {
        tree->levels[level] = block;
        block += words;
        words = word_count(words);
    }
    return 0;
}

void base_bit_tree_done(struct base_bit_tree *tree)
{
    free(tree->levels[0]);
    *tree = (struct base_bit_tree){0};
}

bool base_bit_tree_has(const struct base_bit_tree *tree, uint32_t index)
{
    base_assert(index < tree->size);
    return (tree->levels[0][index / WORD_BITS] & bit_of(index)) != 0;
}

void base_bit_tree_add(struct base_bit_tree *tree, uint32_t index)
{
    if (base_bit_tree_has(tree, index))
        return;
    tree->count++;
    for (uint32_t level = 0; level < tree->level_count; level++) {
        uint64_t *word = &tree->levels[level][index / WORD_BITS];
        uint64_t before = *word;
        *word |= bit_of(index);
        if (before != 0)
            break; /* the levels above know already */
        index /= WORD_BITS;
    }
}

void base_bit_tree_remove(struct base_bit_tree *tree, uint32_t index)
{
    if (!base_bit_tree_has(tree, index))
        return;
    tree->count--;
    for (uint32_t level = 0; level < tree->level_count; level++) {
        uint64_t *word = &tree->levels[level][index / WORD_BITS];
        *word &= ~bit_of(index);
        if (*word != 0)
            break;
        index /= WORD_BITS;
    }
}

uint64_t base_bit_tree_take_word(struct base_bit_tree *tree, uint32_t *first)
{
    base_assert(tree->count);
    uint32_t member = base_bit_tree_next(tree, 0), word = member / WORD_BITS;
    uint64_t bits = tree->levels[0][word];
    *first = word * WORD_BITS;
    tree->count -= (uint32_t) __builtin_popcountll(bits) - 1;
    tree->levels[0][word] = bit_of(member);
    base_bit_tree_remove(tree, member);
    return bits;
}

uint32_t base_bit_tree_next(const struct base_bit_tree *tree, uint32_t index)
{
    uint32_t limit = tree->size; /* bits of this level */
    for (uint32_t level = 0; level < tree->level_count; level++) {
        if (index >= limit)
            return BASE_BIT_TREE_NONE;
        uint64_t word = tree->levels[level][index / WORD_BITS] & (~UINT64_C(0) << (index % WORD_BITS));
        if (word != 0) {
            index = index / WORD_BITS * WORD_BITS + (uint32_t) __builtin_ctzll(word);
            while (level-- > 0)
                index = index * WORD_BITS + (uint32_t) __builtin_ctzll(tree->levels[level][index]);
            return index;
        }
        index = index / WORD_BITS + 1;
        limit = word_count(limit);
    }
    return BASE_BIT_TREE_NONE;
}

uint32_t base_bit_tree_previous(const struct base_bit_tree *tree, uint32_t index)
{
    if (index >= tree->size) {
        if (tree->size == 0)
            return BASE_BIT_TREE_NONE;
        index = tree->size - 1;
    }
    for (uint32_t level = 0; level < tree->level_count; level++) {
        uint64_t word = tree->levels[level][index / WORD_BITS] & (~UINT64_C(0) >> (WORD_BITS - 1 - index % WORD_BITS));
        if (word != 0) {
            index = index / WORD_BITS * WORD_BITS + 63 - (uint32_t) __builtin_clzll(word);
            while (level-- > 0)
                index = index * WORD_BITS + 63 - (uint32_t) __builtin_clzll(tree->levels[level][index]);
            return index;
        }
        if (index < WORD_BITS)
            return BASE_BIT_TREE_NONE;
        index = index / WORD_BITS - 1;
    }
    return BASE_BIT_TREE_NONE;
}
