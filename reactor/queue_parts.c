#include "reactor/queue_parts.h"

#include <errno.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"

/* Records: what is sorted next, and small enough to grow before it is. Whole chunks. */
#define PART_TARGET 512u

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

bool queue_parts_push(struct queue_parts *parts, struct queue_store *store, const struct reactor_entry *entry,
                      struct queue_record record)
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
    queue_records_add(store, &parts->items[low].list, record);
    parts->entries++;
    return true;
}

static bool is_sorted(const struct queue_store *store, struct queue_list list)
{
    const struct queue_record *following = NULL;
    struct queue_walk walk = queue_walk_begin(list, QUEUE_COMPACT);
    for (; walk.left; queue_walk_next(store, &walk)) {
        const struct queue_record *records = queue_walk_items(store, &walk);
        for (uint32_t i = walk.here; i-- > 0; following = &records[i]) {
            if (following && queue_record_before(store, following, &records[i]))
                return false;
        }
    }
    return true;
}

/* A sorted list is cut between chunks, the last part first, without touching the records. */
static void cut_sorted(struct queue_parts *parts, const struct queue_store *store, struct queue_list list)
{
    while (list.count) {
        struct queue_list part = {list.tail, (list.count - 1) % PART_TARGET + 1};
        struct queue_walk walk = queue_walk_begin(part, QUEUE_COMPACT);
        while (walk.left > walk.here)
            queue_walk_next(store, &walk);
        const struct queue_record *first = queue_walk_items(store, &walk);
        queue_parts_add(parts, part, queue_store_entry(store, first->key));
        list.tail = (store->links[walk.chunk].previous + 1) * QUEUE_CHUNK_UNITS;
        list.count -= part.count;
    }
}

/* Takes ways - 1 records that split the list about evenly. */
static void choose_splitters(const struct queue_store *store, struct queue_list list, uint32_t ways,
                             struct queue_record *splitters)
{
    struct queue_record samples[QUEUE_SPLIT_WAYS * QUEUE_SPLIT_OVERSAMPLING];
    uint32_t wanted = ways * QUEUE_SPLIT_OVERSAMPLING, taken = 0, number = 0;
    struct queue_walk walk = queue_walk_begin(list, QUEUE_COMPACT);
    uint32_t chunks = (list.count - 1) / walk.full + 1;
    for (; walk.left && taken < wanted; queue_walk_next(store, &walk), number++) {
        if ((uint64_t) taken * chunks > (uint64_t) number * wanted)
            continue;
        const struct queue_record *records = queue_walk_items(store, &walk);
        samples[taken] = records[taken * 7 % walk.here];
        taken++;
    }
    queue_sort_records(store, samples, taken);
    for (uint32_t i = 1; i < ways; i++)
        splitters[i - 1] = samples[(uint64_t) i * taken / ways];
}

/* How many of the splitters do not leave after record; without branches to mispredict. */
static uint32_t way_of(const struct queue_store *store, const struct queue_record *splitters, uint32_t ways,
                       const struct queue_record *record)
{
    uint32_t way = 0;
    for (uint32_t left = ways; left > 1; left -= left / 2)
        way += queue_record_before(store, record, &splitters[way + left / 2 - 1]) ? 0 : left / 2;
    return way;
}

void queue_parts_split(struct queue_parts *parts, struct queue_store *store, struct queue_list list,
                       const struct reactor_entry *first)
{
    if (is_sorted(store, list)) {
        cut_sorted(parts, store, list);
        return;
    }
    uint32_t ways = list.count / PART_TARGET + 1;
    ways = ways < QUEUE_SPLIT_WAYS ? ways : QUEUE_SPLIT_WAYS;
    struct queue_record splitters[QUEUE_SPLIT_WAYS - 1];
    struct queue_list lists[QUEUE_SPLIT_WAYS] = {0};
    choose_splitters(store, list, ways, splitters);
    struct queue_walk walk = queue_walk_begin(list, QUEUE_COMPACT);
    for (; walk.left; queue_walk_give(store, &walk)) {
        const struct queue_record *records = queue_walk_items(store, &walk);
        for (uint32_t i = 0; i < walk.here; i++)
            queue_records_add(store, &lists[way_of(store, splitters, ways, &records[i])], records[i]);
    }
    for (uint32_t way = ways; way-- > 0;) {
        base_assert(lists[way].count < list.count); /* else entries tie: their counts are not unique */
        if (lists[way].count)
            queue_parts_add(parts, lists[way], way ? queue_store_entry(store, splitters[way - 1].key) : first);
    }
}
