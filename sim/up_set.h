/* A set of 32-bit indices from which the k-th member can be taken: for uniform choices among those that are up.
 *
 * A bitmap with a Fenwick tree (Fenwick 1994) over the counts of its blocks of 512, one cache line each: 1.06 bits an
 * index. Beside base/bit_tree.h, which answers "the next one", this answers "how many" and "the k-th". */
#ifndef SIM_UP_SET_H
#define SIM_UP_SET_H

#include <stdbool.h>
#include <stdint.h>

struct up_set {
    uint64_t *words;
    uint32_t *tree;  /* Fenwick: tree[i], i from 1, counts the members of (i & -i) blocks that end with block i - 1 */
    uint32_t size, block_count;
    uint32_t count;  /* members */
};

int up_set_init(struct up_set *set, uint32_t size); /* empty; 0 or -ENOMEM */
void up_set_done(struct up_set *set);
static inline bool up_set_has(const struct up_set *set, uint32_t index)
{
    return set->words[index / 64] >> (index % 64) & 1;
}
void up_set_add(struct up_set *set, uint32_t index);    /* no-op when a member; O(log n) */
void up_set_remove(struct up_set *set, uint32_t index); /* no-op when none; O(log n) */
uint32_t up_set_select(const struct up_set *set, uint32_t k); /* the k-th member from 0, k < count; O(log n) */

/* Calls visit for each member in [first, first + count), ascending. O(count / 64 + members). */
void up_set_each(const struct up_set *set, uint32_t first, uint32_t count, void (*visit)(void *context, uint32_t index),
                 void *context);

#endif
