#include "sim/up_set.h"

#include <errno.h>
#include <stdlib.h>

#include "reactor/base/assert.h"

#define BLOCK_WORDS 8u
#define BLOCK_BITS (64u * BLOCK_WORDS)

int up_set_init(struct up_set *set, uint32_t size)
{
    *set = (struct up_set){.size = size, .block_count = (uint32_t) (((uint64_t) size + BLOCK_BITS - 1) / BLOCK_BITS)};
    set->words = calloc((size_t) set->block_count * BLOCK_WORDS + 1, sizeof *set->words);
    set->tree = calloc((size_t) set->block_count + 1, sizeof *set->tree);
    if (set->words && set->tree)
        return 0;
    up_set_done(set);
    return -ENOMEM;
}

void up_set_done(struct up_set *set)
{
    free(set->words);
    free(set->tree);
    *set = (struct up_set){0};
}

static void count_change(struct up_set *set, uint32_t index, uint32_t change)
{
    set->count += change;
    for (uint32_t i = index / BLOCK_BITS + 1; i <= set->block_count; i += i & -i)
        set->tree[i] += change;
}

void up_set_add(struct up_set *set, uint32_t index)
{
    base_assert(index < set->size);
    if (up_set_has(set, index))
        return;
    set->words[index / 64] |= UINT64_C(1) << (index % 64);
    count_change(set, index, 1);
}

void up_set_remove(struct up_set *set, uint32_t index)
{
    base_assert(index < set->size);
    if (!up_set_has(set, index))
        return;
    set->words[index / 64] &= ~(UINT64_C(1) << (index % 64));
    count_change(set, index, UINT32_MAX); /* modulo 2^32: one less */
}

/* The place of the k-th set bit of a word that has more than k. */
static uint32_t word_select(uint64_t word, uint32_t k)
{
    while (k-- > 0)
        word &= word - 1;
    return (uint32_t) __builtin_ctzll(word);
}

uint32_t up_set_select(const struct up_set *set, uint32_t k)
{
    base_assert(k < set->count);
    uint32_t block = 0; /* blocks known to lie before the one sought */
    for (uint32_t step = UINT32_C(1) << (31 - __builtin_clz(set->block_count)); step; step >>= 1) {
        if (block + step <= set->block_count && set->tree[block + step] <= k) {
            block += step;
            k -= set->tree[block];
        }
    }
    uint32_t word = block * BLOCK_WORDS;
    for (uint32_t in_word; (in_word = (uint32_t) __builtin_popcountll(set->words[word])) <= k; word++)
        k -= in_word;
    return word * 64 + word_select(set->words[word], k);
}

void up_set_each(const struct up_set *set, uint32_t first, uint32_t count, void (*visit)(void *context, uint32_t index),
                 void *context)
{
    uint64_t end = (uint64_t) first + count;
    base_assert(end <= set->size);
    for (uint64_t at = first; at < end;) {
        uint64_t word = set->words[at / 64] >> (at % 64);
        if (word == 0) {
            at = (at / 64 + 1) * 64;
            continue;
        }
        at += (uint64_t) __builtin_ctzll(word);
        if (at < end)
            visit(context, (uint32_t) at);
        at++;
    }
}
