#include "reactor/queue_parts.h"

#include <errno.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"

#define PART_TARGET 512u /* entries: what is sorted next, and small enough to grow before it is */

int queue_parts_init(struct queue_parts *parts, size_t entries_max)
{
    *parts = (struct queue_parts){.capacity = entries_max / 256 + 4096};
    parts->items = base_reserve(parts->capacity * sizeof parts->items[0]);
    return parts->items ? 0 : -ENOMEM;
}

void queue_parts_done(struct queue_parts *parts)
{
    if (parts->items)
        base_unreserve(parts->items, parts->capacity * sizeof parts->items[0]);
    *parts = (struct queue_parts){0};
}

void queue_parts_add(struct queue_parts *parts, struct queue_list list, const struct reactor_entry *first)
{
    base_assert(parts->count < parts->capacity);
    parts->items[parts->count++] = (struct queue_part){.first = *first, .list = list};
    parts->entries += list.count;
}

struct queue_part queue_parts_take(struct queue_parts *parts)
{
    struct queue_part part = parts->items[--parts->count];
    parts->entries -= part.list.count;
    return part;
}

bool queue_parts_push(struct queue_parts *parts, struct queue_store *store, const struct reactor_entry *entry)
{
    size_t low = 0, high = parts->count; /* the lowest index (the highest part) that does not begin behind entry */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (queue_entry_before(entry, &parts->items[middle].first))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == parts->count)
        return false;
    queue_list_append(store, &parts->items[low].list, entry);
    parts->entries++;
    return true;
}

static bool is_sorted(const struct queue_store *store, struct queue_list list)
{
    const struct reactor_entry *following = NULL;
    uint32_t chunk = list.head, here = queue_list_last(list.count);
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES, chunk = store->next[chunk]) {
        const struct reactor_entry *entries = queue_store_chunk(store, chunk);
        for (uint32_t i = here; i-- > 0; following = &entries[i]) {
            if (following && queue_entry_before(following, &entries[i]))
                return false;
        }
    }
    return true;
}

/* A sorted list is cut between chunks, the last part first, without touching the entries. */
static void cut_sorted(struct queue_parts *parts, const struct queue_store *store, struct queue_list list)
{
    uint32_t chunk = list.head, left = list.count;
    while (left) {
        struct queue_list part = {.head = chunk, .count = (left - 1) % PART_TARGET + 1};
        uint32_t first = chunk;
        for (uint32_t at = queue_list_last(part.count); at < part.count; at += QUEUE_CHUNK_ENTRIES)
            first = store->next[first];
        left -= part.count;
        chunk = store->next[first];
        queue_parts_add(parts, part, queue_store_chunk(store, first));
    }
}

/* Takes ways - 1 keys that split the list about evenly. */
static void choose_splitters(struct queue_sorter *sorter, const struct queue_store *store, struct queue_list list,
                             uint32_t ways, struct reactor_entry *splitters)
{
    struct reactor_entry samples[QUEUE_SPLIT_WAYS * QUEUE_SPLIT_OVERSAMPLING];
    uint32_t wanted = ways * QUEUE_SPLIT_OVERSAMPLING, taken = 0;
    uint32_t chunks = (list.count - 1) / QUEUE_CHUNK_ENTRIES + 1, chunk = list.head;
    for (uint32_t i = 0; i < chunks && taken < wanted; i++, chunk = store->next[chunk]) {
        if ((uint64_t) taken * chunks > (uint64_t) i * wanted)
            continue;
        uint32_t here = i ? QUEUE_CHUNK_ENTRIES : queue_list_last(list.count);
        samples[taken] = queue_store_chunk(store, chunk)[taken * 7 % here];
        taken++;
    }
    queue_sort_array(sorter, samples, taken);
    for (uint32_t i = 1; i < ways; i++)
        splitters[i - 1] = samples[(uint64_t) i * taken / ways];
}

/* How many of the splitters do not leave after entry; without branches to mispredict. */
static uint32_t way_of(const struct reactor_entry *splitters, const struct reactor_entry *entry)
{
    uint32_t way = 0;
    for (uint32_t step = QUEUE_SPLIT_WAYS / 2; step; step /= 2)
        way += queue_entry_before(entry, &splitters[way + step - 1]) ? 0 : step;
    return way;
}

void queue_parts_split(struct queue_parts *parts, struct queue_sorter *sorter, struct queue_store *store,
                       struct queue_list list, const struct reactor_entry *first)
{
    if (is_sorted(store, list)) {
        cut_sorted(parts, store, list);
        return;
    }
    uint32_t ways = list.count / PART_TARGET + 1;
    ways = ways < QUEUE_SPLIT_WAYS ? ways : QUEUE_SPLIT_WAYS;
    struct reactor_entry splitters[QUEUE_SPLIT_WAYS - 1];
    memset(splitters, 0xff, sizeof splitters); /* beyond the ways: later than anything */
    struct queue_list lists[QUEUE_SPLIT_WAYS] = {0};
    choose_splitters(sorter, store, list, ways, splitters);
    uint32_t chunk = list.head, here = queue_list_last(list.count);
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES) {
        const struct reactor_entry *entries = queue_store_chunk(store, chunk);
        for (uint32_t i = 0; i < here; i++)
            queue_list_append(store, &lists[way_of(splitters, &entries[i])], &entries[i]);
        chunk = queue_store_give(store, chunk);
    }
    for (uint32_t way = QUEUE_SPLIT_WAYS; way-- > 0;) {
        base_assert(lists[way].count < list.count); /* else entries tie: their counts are not unique */
        if (lists[way].count)
            queue_parts_add(parts, lists[way], way ? &splitters[way - 1] : first);
    }
}
