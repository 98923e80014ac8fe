#include "reactor/queue_lists.h"

#include <errno.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"

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

uint32_t queue_store_take_fresh(struct queue_store *store)
{
    base_assert(store->used_end < store->capacity);
    return store->used_end++;
}
