#include "reactor/queue_lists.h"

#include <errno.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"

#define HUGE_FROM_CHUNKS 16384u /* 8 MiB: a queue of 200,000 entries may take up to 2 MiB more than it needs */

static size_t entries_bytes(uint32_t chunks)
{
    return (size_t) chunks * QUEUE_CHUNK_ENTRIES * sizeof(struct reactor_entry);
}

int queue_store_init(struct queue_store *store, uint64_t chunks)
{
    if (chunks >= UINT32_MAX)
        return -ENOMEM;
    *store = (struct queue_store){.used_end = 1, .capacity = (uint32_t) chunks + 1};
    store->entries = base_reserve(entries_bytes(store->capacity));
    store->next = base_reserve(store->capacity * sizeof store->next[0]);
    if (store->entries && store->next)
        return 0;
    queue_store_done(store);
    return -ENOMEM;
}

void queue_store_done(struct queue_store *store)
{
    if (store->entries)
        base_unreserve(store->entries, entries_bytes(store->capacity));
    if (store->next)
        base_unreserve(store->next, store->capacity * sizeof store->next[0]);
    *store = (struct queue_store){0};
}

/* Each time the memory in use has doubled, as much again is asked for in huge pages: a push goes to any bucket, so at
 * millions of entries it mostly misses the translation of its address. */
static void ask_for_huge_pages(const struct queue_store *store)
{
    uint32_t used = store->used_end, left = store->capacity - used;
    base_reserve_huge(queue_store_chunk(store, used), entries_bytes(used < left ? used : left));
}

uint32_t queue_store_take_fresh(struct queue_store *store)
{
    base_assert(store->used_end < store->capacity);
    if (store->used_end >= HUGE_FROM_CHUNKS && (store->used_end & (store->used_end - 1)) == 0)
        ask_for_huge_pages(store);
    return store->used_end++;
}
