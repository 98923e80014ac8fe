#include "reactor/queue_lists.h"

#include <errno.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"

#define HUGE_FROM_CHUNKS 8192u   /* 8 MiB: a queue of 200,000 entries may take up to 2 MiB more than it needs */
#define CHUNKS_MAX (UINT32_C(1) << 26) /* as many as 32-bit units can tell apart: 64 GiB */
/* What moving entries may need before it frees what they leave: a chunk for each bucket that a coarser one is spread
 * over, and the ways that parts are split into. */
#define MARGIN_CHUNKS 32768u

static size_t units_bytes(uint32_t chunks)
{
    return (size_t) chunks * QUEUE_CHUNK_BYTES;
}

static size_t dues_bytes(uint32_t chunks)
{
    return (size_t) chunks * (QUEUE_CHUNK_UNITS >> QUEUE_PLAIN) * sizeof(uint32_t);
}

int queue_store_init(struct queue_store *store, uint64_t chunks)
{
    chunks += MARGIN_CHUNKS + 1;
    *store = (struct queue_store){.used_end = 1, .capacity = (uint32_t) (chunks < CHUNKS_MAX ? chunks : CHUNKS_MAX)};
    store->units = base_reserve(units_bytes(store->capacity));
    store->links = base_reserve(store->capacity * sizeof store->links[0]);
    store->dues = base_reserve(dues_bytes(store->capacity));
    if (store->units && store->links && store->dues)
        return 0;
    queue_store_done(store);
    return -ENOMEM;
}

void queue_store_done(struct queue_store *store)
{
    if (store->units)
        base_unreserve(store->units, units_bytes(store->capacity));
    if (store->links)
        base_unreserve(store->links, store->capacity * sizeof store->links[0]);
    if (store->dues)
        base_unreserve(store->dues, dues_bytes(store->capacity));
    *store = (struct queue_store){0};
}

/* Each time the memory in use has doubled, as much again is asked for in huge pages: a push goes to any bucket, so at
 * millions of entries it mostly misses the translation of its address. */
static void ask_for_huge_pages(const struct queue_store *store)
{
    uint32_t used = store->used_end, left = store->capacity - used, more = used < left ? used : left;
    base_reserve_huge(queue_store_at(store, used * QUEUE_CHUNK_UNITS), units_bytes(more));
    base_reserve_huge(queue_store_due(store, used * QUEUE_CHUNK_UNITS), dues_bytes(more));
}

uint32_t queue_store_take_fresh(struct queue_store *store)
{
    base_assert(store->used_end < store->capacity);
    if (store->used_end >= HUGE_FROM_CHUNKS && (store->used_end & (store->used_end - 1)) == 0)
        ask_for_huge_pages(store);
    return store->used_end++;
}

bool queue_store_has_room(const struct queue_store *store)
{
    return store->free_head || store->capacity - store->used_end > MARGIN_CHUNKS;
}

size_t queue_store_bytes(const struct queue_store *store)
{
    return store->used_end * (QUEUE_CHUNK_BYTES + sizeof store->links[0]) + dues_bytes(store->dues_end);
}

struct queue_walk queue_walk_turned(struct queue_store *store, struct queue_list list, enum queue_kind kind)
{
    uint32_t following = 0;
    for (struct queue_walk walk = queue_walk_begin(list, kind); walk.left;) {
        uint32_t chunk = walk.chunk;
        queue_walk_next(store, &walk);
        store->links[chunk].previous = following;
        following = chunk;
    }
    uint32_t full = QUEUE_CHUNK_UNITS >> kind;
    return (struct queue_walk){following, list.count < full ? list.count : full, list.count, full};
}
