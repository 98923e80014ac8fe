/* Sorting an opened bucket of the timed queue into the total order (internal). */
#ifndef REACTOR_QUEUE_SORT_H
#define REACTOR_QUEUE_SORT_H

#include "reactor/queue_lists.h"

#define QUEUE_SORT_MAX 1024u /* entries that are sorted at once; more are split first */

struct queue_sorter {
    uint32_t by_due[2 * QUEUE_SORT_MAX], by_key[2 * QUEUE_SORT_MAX]; /* of a counting sort's slots: their ends */
    struct reactor_entry scratch[QUEUE_SORT_MAX];
};

/* reactor_entry_before with fewer branches: what follows the instant is two numbers. */
static inline bool queue_entry_before(const struct reactor_entry *a, const struct reactor_entry *b)
{
    if (a->due_ns != b->due_ns)
        return a->due_ns < b->due_ns;
    uint64_t high_a = (uint64_t) a->step << 35 | (uint64_t) a->target << 3 | (a->order & REACTOR_CLASS_MASK);
    uint64_t high_b = (uint64_t) b->step << 35 | (uint64_t) b->target << 3 | (b->order & REACTOR_CLASS_MASK);
    if (high_a != high_b)
        return high_a < high_b;
    return ((uint64_t) a->source << 32 | a->count) < ((uint64_t) b->source << 32 | b->count);
}

/* Moves a list of 1 to QUEUE_SORT_MAX entries to sorted[0 .. count) in order and frees its chunks. */
void queue_sort_list(struct queue_sorter *sorter, struct queue_store *store, struct queue_list list,
                     struct reactor_entry *sorted);
/* Sorts in place; count <= QUEUE_SORT_MAX. */
void queue_sort_array(struct queue_sorter *sorter, struct reactor_entry *entries, uint32_t count);

#endif
