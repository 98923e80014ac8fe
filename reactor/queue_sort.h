/* Sorting the keys of an opened bucket of the timed queue into the total order (internal).
 *
 * A key is an instant, as 32 bits behind the bucket's begin, above the unit where its entry lies: eight bytes are moved
 * in place of an entry, and entries are only looked at where their instants tie. A record is a key and what orders the
 * entries of one instant, for where so many tie that looking at them would be slow. */
#ifndef REACTOR_QUEUE_SORT_H
#define REACTOR_QUEUE_SORT_H

#include "reactor/queue_lists.h"

#define QUEUE_SORT_MAX 4096u /* keys that are sorted at once; more are split first */
#define QUEUE_SLOTS_MAX 8192u

struct queue_record {
    uint64_t key, order;
};
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "keys are written and read by halves");
_Static_assert(sizeof(struct queue_record) == QUEUE_UNIT_BYTES, "lists of kind QUEUE_COMPACT hold it");

/* What the keys of a bucket are relative to. Monotone: instants that it cannot tell apart have one key's upper half. */
struct queue_measure {
    uint64_t begin_ns;
    unsigned reduce;    /* a bucket wider than 2^32 ns loses this many low bits */
    unsigned span_bits; /* of what remains */
};

struct queue_sorter {
    _Alignas(64) uint16_t slots[QUEUE_SLOTS_MAX]; /* of a counting sort: how many each has, then where each ends */
    uint64_t keys[QUEUE_SORT_MAX + 4]; /* to be sorted; and room for what is written four at a time */
    uint64_t scratch[QUEUE_SORT_MAX];
    struct queue_record records[2][QUEUE_SORT_MAX];
};

/* What follows the instant in the order, up to the class; source and count remain. */
static inline uint64_t queue_order_of(const struct reactor_entry *entry)
{
    return (uint64_t) entry->step << 35 | (uint64_t) entry->target << 3 | (entry->order & REACTOR_CLASS_MASK);
}

/* reactor_entry_before with fewer branches. */
static inline bool queue_entry_before(const struct reactor_entry *a, const struct reactor_entry *b)
{
    if (a->due_ns != b->due_ns)
        return a->due_ns < b->due_ns;
    uint64_t order_a = queue_order_of(a), order_b = queue_order_of(b);
    if (order_a != order_b)
        return order_a < order_b;
    return ((uint64_t) a->source << 32 | a->count) < ((uint64_t) b->source << 32 | b->count);
}

static inline uint64_t queue_key_of(const struct queue_measure *measure, const struct reactor_entry *entry,
                                    uint32_t unit)
{
    uint64_t offset = entry->due_ns > measure->begin_ns ? (entry->due_ns - measure->begin_ns) >> measure->reduce : 0;
    return offset << 32 | unit;
}

static inline struct queue_record queue_record_of(const struct queue_measure *measure,
                                                  const struct reactor_entry *entry, uint32_t unit)
{
    bool is_exact = measure->reduce == 0 && entry->due_ns >= measure->begin_ns; /* else equal keys may differ in due */
    return (struct queue_record){queue_key_of(measure, entry, unit), is_exact ? queue_order_of(entry) : 0};
}

static inline bool queue_record_before(const struct queue_store *store, const struct queue_record *a,
                                       const struct queue_record *b)
{
    uint64_t due_a = a->key >> 32, due_b = b->key >> 32;
    if (__builtin_expect(due_a == due_b && a->order == b->order, 0))
        return queue_entry_before(queue_store_entry(store, a->key), queue_store_entry(store, b->key));
    return (due_a < due_b) | ((due_a == due_b) & (a->order < b->order));
}

/* Sorts the count (1 to QUEUE_SORT_MAX) keys of the sorter, whose instants have span_bits bits. The last `listed` ones
 * may be in order by themselves: where all messages take one time they are. How many instants there are. */
uint32_t queue_sort(struct queue_sorter *sorter, const struct queue_store *store, uint32_t count, uint32_t listed,
                    unsigned span_bits, uint64_t *sorted);

/* Insertion: for few. */
void queue_sort_records(const struct queue_store *store, struct queue_record *records, uint32_t count);

#endif
