/* Storage of the timed queue (internal): lists of entries in chunks of 16, out of one pool of reserved address space.
 *
 * A list is (last chunk, count): chunks are chained backwards, which is the order in which a stable counting sort
 * scatters them. Every chunk but the last is full, so the count says all. Freed chunks are taken again first, while
 * they are still in the cache. */
#ifndef REACTOR_QUEUE_LISTS_H
#define REACTOR_QUEUE_LISTS_H

#include "reactor/timed_queue.h"

/* 512 bytes: eight cache lines, so a bucket of 200 entries wastes 4 % in its last chunk. */
#define QUEUE_CHUNK_ENTRIES 16u

struct queue_list {
    uint32_t head; /* the last chunk; meaningless when count is 0 */
    uint32_t count;
};

struct queue_store {
    struct reactor_entry *entries; /* chunk i at [16 i, 16 i + 16) */
    uint32_t *next;                /* by chunk: the one before it in its list, or the next free one */
    uint32_t free_head;            /* 0: none; chunk 0 is never used */
    uint32_t used_end;             /* chunks below it were touched */
    uint32_t capacity;
};

int queue_store_init(struct queue_store *store, uint64_t chunks); /* 0 or -ENOMEM */
void queue_store_done(struct queue_store *store);
uint32_t queue_store_take_fresh(struct queue_store *store); /* slow path of queue_store_take */

static inline struct reactor_entry *queue_store_chunk(const struct queue_store *store, uint32_t chunk)
{
    return store->entries + (size_t) chunk * QUEUE_CHUNK_ENTRIES;
}

static inline uint32_t queue_store_take(struct queue_store *store)
{
    uint32_t chunk = store->free_head;
    if (!chunk)
        return queue_store_take_fresh(store);
    store->free_head = store->next[chunk];
    return chunk;
}

/* Frees a chunk and returns the one that stands before it in its list. */
static inline uint32_t queue_store_give(struct queue_store *store, uint32_t chunk)
{
    uint32_t previous = store->next[chunk];
    store->next[chunk] = store->free_head;
    store->free_head = chunk;
    return previous;
}

/* How many entries the last chunk of a list of count entries holds; count > 0. */
static inline uint32_t queue_list_last(uint32_t count)
{
    return (count - 1) % QUEUE_CHUNK_ENTRIES + 1;
}

static inline void queue_list_append(struct queue_store *store, struct queue_list *list,
                                     const struct reactor_entry *entry)
{
    uint32_t slot = list->count % QUEUE_CHUNK_ENTRIES;
    if (slot == 0) {
        uint32_t chunk = queue_store_take(store);
        store->next[chunk] = list->head;
        list->head = chunk;
    }
    queue_store_chunk(store, list->head)[slot] = *entry;
    list->count++;
}

#endif
