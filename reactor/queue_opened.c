#include "reactor/queue_opened.h"

#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/queue_compact.h"

static void add_spare(struct reactor_queue *queue, uint32_t unit)
{
    struct reactor_entry *entry = reactor_queue_at(queue, unit);
    uint32_t *spare = &opened_of(queue)->spare[(entry->order & REACTOR_CARRIES) != 0];
    *(uint32_t *) (void *) entry = *spare;
    *spare = unit;
}

void queue_opened_settle(struct reactor_queue *queue)
{
    struct queue_opened *opened = opened_of(queue);
    if (queue->cursor == opened->settled)
        return;
    if (opened->held)
        add_spare(queue, opened->held);
    for (size_t i = opened->settled; i + 1 < queue->cursor; i++)
        add_spare(queue, (uint32_t) opened->keys[i]);
    opened->held = (uint32_t) opened->keys[queue->cursor - 1];
    opened->floor_ns = reactor_queue_at(queue, opened->held)->due_ns;
    opened->settled = queue->cursor;
}

static void add_chain(struct reactor_queue *queue, uint32_t first, uint32_t last)
{
    struct queue_opened *opened = opened_of(queue);
    store_of(queue)->links[last].previous = opened->chunk_first;
    if (!opened->chunk_first)
        opened->chunk_last = last;
    opened->chunk_first = first;
}

uint32_t queue_opened_append(struct reactor_queue *queue, bool carries)
{
    uint32_t *tail = &opened_of(queue)->tails[carries];
    if (*tail % QUEUE_CHUNK_UNITS == 0) {
        uint32_t chunk = queue_store_take(store_of(queue));
        add_chain(queue, chunk, chunk);
        *tail = chunk * QUEUE_CHUNK_UNITS;
    }
    uint32_t unit = *tail;
    *tail += carries ? 4 : 2;
    return unit;
}

void queue_opened_close(struct reactor_queue *queue)
{
    struct queue_opened *opened = opened_of(queue);
    struct queue_store *store = store_of(queue);
    if (queue->cursor > opened->settled)
        opened->floor_ns = reactor_queue_at(queue, (uint32_t) opened->keys[queue->cursor - 1])->due_ns;
    if (opened->chunk_first) {
        store->links[opened->chunk_last].previous = store->free_head;
        store->free_head = opened->chunk_first;
    }
    opened->chunk_first = opened->chunk_last = opened->held = 0;
    opened->tails[0] = opened->tails[1] = opened->spare[0] = opened->spare[1] = 0;
    queue->cursor = queue->end = opened->settled = 0;
    opened->pushed = opened->inserted = opened->better_shift = 0;
}

/* So that the span from begin_ns to end_ns fits in a key; UINT64_MAX itself is in the last bucket of all time. */
static struct queue_measure measure_between(uint64_t begin_ns, uint64_t end_ns)
{
    uint64_t most = end_ns - begin_ns - (end_ns != UINT64_MAX && end_ns > begin_ns);
    unsigned bits = most ? 64u - (unsigned) __builtin_clzll(most) : 0;
    return (struct queue_measure){begin_ns, bits > 32 ? bits - 32 : 0, bits > 32 ? 32 : bits};
}

typedef uint64_t two __attribute__((vector_size(16)));

/* Keys of entries that carry and lie side by side, from a unit on, four at a time: writes up to three more than count.
 * What is noted of their dues stands in the low half of eight bytes each; what is above it is shifted out. */
static void key_carrying(uint64_t *keys, const uint32_t *dues, uint32_t begin, uint32_t unit, uint32_t count)
{
    uint64_t base = unit - ((uint64_t) begin << 32);
    two low = {base, base + 4}, high = {base + 8, base + 12};
    for (uint32_t i = 0; i < count; i += 4, low += 16, high += 16) {
        two keys_low = (*(const two *) (const void *) &dues[2 * i] << 32) + low;
        two keys_high = (*(const two *) (const void *) &dues[2 * i + 4] << 32) + high;
        memcpy(&keys[i], &keys_low, sizeof keys_low);
        memcpy(&keys[i + 2], &keys_high, sizeof keys_high);
    }
}

typedef uint32_t four __attribute__((vector_size(16)));

/* The same of entries that do not. */
static void key_plain(uint64_t *keys, const uint32_t *dues, uint32_t begin, uint32_t unit, uint32_t count)
{
    four units = {unit, unit + 2, unit + 4, unit + 6};
    for (uint32_t i = 0; i < count; i += 4, units += 8) {
        four offsets = *(const four *) (const void *) &dues[i] - begin;
        four low = __builtin_shufflevector(units, offsets, 0, 4, 1, 5);
        four high = __builtin_shufflevector(units, offsets, 2, 6, 3, 7);
        memcpy(&keys[i], &low, sizeof low);
        memcpy(&keys[i + 2], &high, sizeof high);
    }
}

/* Of a bucket wider than 2^32 ns. */
static void key_reduced(uint64_t *keys, const struct queue_store *store, const struct queue_measure *measure,
                        uint32_t unit, uint32_t step, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, unit += step)
        keys[i] = queue_key_of(measure, queue_store_at(store, unit), unit);
}

/* Keys of a bucket's entries without or with carried bytes, as they were pushed; where they end. From the last chunk to
 * the first, so what is written beyond a chunk's end is overwritten or belongs to no list yet. */
static uint64_t *gather(struct reactor_queue *queue, struct queue_list list, enum queue_kind kind, uint64_t *keys)
{
    struct queue_store *store = store_of(queue);
    const struct queue_measure *measure = &opened_of(queue)->measure;
    uint32_t last = 0;
    uint64_t *next = keys + list.count;
    for (struct queue_walk walk = queue_walk_begin(list, kind); walk.left; queue_walk_next(store, &walk)) {
        uint32_t unit = walk.chunk * QUEUE_CHUNK_UNITS, begin = (uint32_t) measure->begin_ns;
        last = walk.chunk;
        next -= walk.here;
        if (measure->reduce)
            key_reduced(next, store, measure, unit, 1u << kind, walk.here);
        else if (kind == QUEUE_CARRYING)
            key_carrying(next, queue_store_due(store, unit), begin, unit, walk.here);
        else
            key_plain(next, queue_store_due(store, unit), begin, unit, walk.here);
    }
    if (last)
        add_chain(queue, queue_tail_chunk(list.tail), last);
    return keys + list.count;
}

/* Makes entries of a bucket's packed timers, and their keys. */
static uint64_t *gather_packed(struct reactor_queue *queue, struct queue_list list, uint64_t begin_ns, uint64_t *keys)
{
    struct queue_store *store = store_of(queue);
    struct queue_walk walk = queue_walk_begin(list, QUEUE_COMPACT);
    uint64_t *next = keys + list.count;
    for (; walk.left; queue_walk_give(store, &walk)) {
        const struct queue_compact *packed = queue_walk_items(store, &walk);
        for (uint32_t i = walk.here; i-- > 0;) {
            uint32_t unit = queue_opened_append(queue, false);
            *reactor_queue_at(queue, unit) = queue_compact_expand(&packed[i], begin_ns);
            *--next = (uint64_t) packed[i].offset_ns << 32 | unit;
        }
    }
    return keys + list.count;
}

static void sort_opened(struct reactor_queue *queue, uint32_t count, uint32_t listed)
{
    struct queue_opened *opened = opened_of(queue);
    opened->instants += queue_sort(&opened->sorter, store_of(queue), count, listed, opened->measure.span_bits,
                                   opened->keys);
    opened->inserted = 0;
    queue->end = count;
    queue->opened++;
    for (uint32_t i = 0; i < REACTOR_QUEUE_AHEAD; i++)
        __builtin_prefetch(reactor_queue_at(queue, (uint32_t) opened->keys[i]));
}

/* The longer list's keys stand last. */
static void open_few(struct reactor_queue *queue, const struct queue_bucket *bucket, uint32_t count)
{
    const struct queue_store *store = store_of(queue);
    uint64_t *keys = opened_of(queue)->sorter.keys;
    struct queue_list packed = queue_bucket_list(store, bucket, QUEUE_COMPACT);
    struct queue_list plain = queue_bucket_list(store, bucket, QUEUE_PLAIN);
    struct queue_list carrying = queue_bucket_list(store, bucket, QUEUE_CARRYING);
    if (packed.count)
        keys = gather_packed(queue, packed, bucket->begin_ns, keys);
    if (plain.count < carrying.count)
        keys = gather(queue, plain, QUEUE_PLAIN, keys);
    keys = gather(queue, carrying, QUEUE_CARRYING, keys);
    if (plain.count >= carrying.count)
        gather(queue, plain, QUEUE_PLAIN, keys);
    sort_opened(queue, count, plain.count < carrying.count ? carrying.count : plain.count);
}

/* Adds records of a bucket's entries of one kind. */
static void record_list(struct reactor_queue *queue, const struct queue_bucket *bucket, enum queue_kind kind,
                        struct queue_list *records)
{
    struct queue_store *store = store_of(queue);
    struct queue_list list = queue_bucket_list(store, bucket, kind);
    struct queue_walk walk = queue_walk_turned(store, list, kind);
    uint32_t first = walk.chunk;
    while (walk.left) {
        for (uint32_t i = 0; i < walk.here; i++) {
            uint32_t unit = walk.chunk * QUEUE_CHUNK_UNITS + (i << kind);
            if (kind == QUEUE_COMPACT) {
                struct queue_compact packed = *(struct queue_compact *) queue_store_at(store, unit);
                unit = queue_opened_append(queue, false);
                *reactor_queue_at(queue, unit) = queue_compact_expand(&packed, bucket->begin_ns);
            }
            const struct reactor_entry *entry = reactor_queue_at(queue, unit);
            queue_records_add(store, records, queue_record_of(&opened_of(queue)->measure, entry, unit));
        }
        if (kind == QUEUE_COMPACT)
            queue_walk_give(store, &walk);
        else
            queue_walk_next(store, &walk);
    }
    if (list.count && kind != QUEUE_COMPACT)
        add_chain(queue, first, queue_tail_chunk(list.tail));
}

static void open_crowded(struct reactor_queue *queue, const struct queue_bucket *bucket)
{
    struct queue_opened *opened = opened_of(queue);
    struct queue_list records = {0};
    for (unsigned kind = QUEUE_KINDS; kind-- > 0;)
        record_list(queue, bucket, kind, &records);
    queue_parts_add(&opened->parts, records, &(struct reactor_entry){.due_ns = bucket->begin_ns});
    queue_opened_next_part(queue);
}

void queue_opened_begin(struct reactor_queue *queue, const struct queue_bucket *bucket, uint64_t end_ns)
{
    struct queue_opened *opened = opened_of(queue);
    uint32_t count = queue_bucket_count(store_of(queue), bucket);
    opened->measure = measure_between(bucket->begin_ns, end_ns);
    opened->entries = count;
    opened->instants = 0;
    if (count > QUEUE_SORT_MAX)
        open_crowded(queue, bucket);
    else if (count)
        open_few(queue, bucket, count);
}

void queue_opened_next_part(struct reactor_queue *queue)
{
    struct queue_opened *opened = opened_of(queue);
    struct queue_store *store = store_of(queue);
    queue_opened_settle(queue);
    struct queue_part part = queue_parts_take(&opened->parts);
    while (part.list.count > QUEUE_SORT_MAX) {
        queue_parts_split(&opened->parts, store, part.list, &part.first);
        part = queue_parts_take(&opened->parts);
    }
    uint64_t *next = opened->sorter.keys + part.list.count;
    struct queue_walk walk = queue_walk_begin(part.list, QUEUE_COMPACT);
    for (; walk.left; queue_walk_give(store, &walk)) {
        const struct queue_record *records = queue_walk_items(store, &walk);
        for (uint32_t i = walk.here; i-- > 0;)
            *--next = records[i].key;
    }
    queue->cursor = opened->settled = 0;
    sort_opened(queue, part.list.count, part.list.count);
}

void queue_opened_put_back(struct reactor_queue *queue)
{
    struct queue_opened *opened = opened_of(queue);
    struct queue_ladder *ladder = &queue->far->ladder;
    queue_opened_settle(queue);
    queue_ladder_lay_out_anew(ladder, opened->better_shift, opened->floor_ns);
    ladder->count += opened->parts.entries;
    while (opened->parts.count) {
        struct queue_walk walk = queue_walk_begin(queue_parts_take(&opened->parts).list, QUEUE_COMPACT);
        for (; walk.left; queue_walk_give(&ladder->store, &walk)) {
            const struct queue_record *records = queue_walk_items(&ladder->store, &walk);
            for (uint32_t i = 0; i < walk.here; i++)
                queue_ladder_place(ladder, queue_store_entry(&ladder->store, records[i].key));
        }
    }
    opened->entries = 0;
    queue_opened_close(queue);
}

void queue_opened_each(const struct reactor_queue *queue, queue_visit *visit, void *context)
{
    const struct queue_opened *opened = opened_of(queue);
    const struct queue_store *store = store_of(queue);
    for (size_t i = queue->cursor; i < queue->end; i++)
        visit(context, queue_store_entry(store, opened->keys[i]));
    for (size_t part = 0; part < opened->parts.count; part++) {
        struct queue_walk walk = queue_walk_begin(opened->parts.items[part].list, QUEUE_COMPACT);
        for (; walk.left; queue_walk_next(store, &walk)) {
            const struct queue_record *records = queue_walk_items(store, &walk);
            for (uint32_t i = 0; i < walk.here; i++)
                visit(context, queue_store_entry(store, records[i].key));
        }
    }
}

/* Asks about the entries of up to a chunk's keys: the number of keys kept, in front; the others' places are spare. */
static uint32_t sweep_keys(struct reactor_queue *queue, uint64_t *keys, uint32_t count, queue_choose *choose,
                           void *context)
{
    const struct reactor_entry *entries[QUEUE_CHUNK_UNITS] = {NULL};
    bool keep[QUEUE_CHUNK_UNITS];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        entries[i] = reactor_queue_at(queue, (uint32_t) keys[i]);
    choose(context, entries, count, keep);
    for (uint32_t i = 0; i < count; i++) {
        if (keep[i])
            keys[kept++] = keys[i];
        else
            add_spare(queue, (uint32_t) keys[i]);
    }
    return kept;
}

static void sweep_part(struct reactor_queue *queue, struct queue_list list, const struct reactor_entry *first,
                       queue_choose *choose, void *context)
{
    struct queue_store *store = store_of(queue);
    struct queue_list kept = {0};
    struct queue_walk walk = queue_walk_begin(list, QUEUE_COMPACT);
    for (; walk.left; queue_walk_give(store, &walk)) {
        const struct queue_record *records = queue_walk_items(store, &walk);
        uint64_t keys[QUEUE_CHUNK_UNITS];
        for (uint32_t i = 0; i < walk.here; i++)
            keys[i] = records[i].key;
        uint32_t count = sweep_keys(queue, keys, walk.here, choose, context);
        for (uint32_t i = 0, at = 0; at < count; i++) { /* a record whose key was kept */
            if (records[i].key == keys[at]) {
                queue_records_add(store, &kept, records[i]);
                at++;
            }
        }
    }
    if (kept.count)
        queue_parts_add(&opened_of(queue)->parts, kept, first);
}

static size_t sweep_parts(struct reactor_queue *queue, queue_choose *choose, void *context)
{
    struct queue_parts *parts = &opened_of(queue)->parts;
    size_t before = parts->entries, count = parts->count;
    parts->count = parts->entries = 0;
    for (size_t part = 0; part < count; part++) {
        struct queue_part swept = parts->items[part];
        sweep_part(queue, swept.list, &swept.first, choose, context);
    }
    return before - parts->entries;
}

size_t queue_opened_sweep(struct reactor_queue *queue, queue_choose *choose, void *context)
{
    struct queue_opened *opened = opened_of(queue);
    queue_opened_settle(queue);
    size_t to = queue->cursor, before = queue->end;
    for (size_t i = queue->cursor, count; i < before; i += count) {
        count = before - i < QUEUE_CHUNK_UNITS ? before - i : QUEUE_CHUNK_UNITS;
        uint32_t kept = sweep_keys(queue, &opened->keys[i], (uint32_t) count, choose, context);
        memmove(&opened->keys[to], &opened->keys[i], kept * sizeof opened->keys[0]);
        to += kept;
    }
    queue->end = to;
    return before - to + sweep_parts(queue, choose, context);
}
