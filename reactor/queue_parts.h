/* What a crowded bucket of the timed queue is split into (internal): a stack of unsorted parts, divided by keys.
 *
 * A bucket that holds too much to be sorted at once (all at one instant, say) becomes a list of records, which is split
 * by sampled ones as in sample sort, up to 64 ways, and only the lowest part is split or sorted next. The entries stay
 * where they are. What is pushed meanwhile is recorded in the part it belongs to. So a burst costs O(log n) an entry,
 * in long sequential passes. */
#ifndef REACTOR_QUEUE_PARTS_H
#define REACTOR_QUEUE_PARTS_H

#include "reactor/queue_sort.h"

#define QUEUE_SPLIT_WAYS 64u
#define QUEUE_SPLIT_OVERSAMPLING 4u

struct queue_part {
    struct reactor_entry first; /* no entry of the part leaves before it */
    struct queue_list list;     /* of records */
};

struct queue_parts {
    struct queue_part *items; /* the last one leaves first */
    size_t count, capacity;
    size_t entries;           /* in all parts */
};

int queue_parts_init(struct queue_parts *parts, size_t entries_max); /* 0 or -ENOMEM */
void queue_parts_done(struct queue_parts *parts);

static inline void queue_records_add(struct queue_store *store, struct queue_list *list, struct queue_record record)
{
    *(struct queue_record *) queue_tail_append(store, &list->tail, QUEUE_COMPACT) = record;
    list->count++;
}

void queue_parts_add(struct queue_parts *parts, struct queue_list list, const struct reactor_entry *first);
struct queue_part queue_parts_take(struct queue_parts *parts); /* the lowest; count > 0 */
/* Adds the records of a list of more than QUEUE_SORT_MAX as parts; none leaves before first. */
void queue_parts_split(struct queue_parts *parts, struct queue_store *store, struct queue_list list,
                       const struct reactor_entry *first);
/* False when the entry leaves before all parts. */
bool queue_parts_push(struct queue_parts *parts, struct queue_store *store, const struct reactor_entry *entry,
                      struct queue_record record);

#endif
