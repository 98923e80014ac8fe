/* Walking all that the ladder holds: for reports, and to sweep out what is dead. */
#include "reactor/queue_ladder.h"

#include <string.h>

#include "reactor/queue_compact.h"

struct visiting {
    struct queue_ladder *ladder;
    queue_visit *visit;
    queue_choose *choose;
    void *context;
    size_t removed;
};

static void visit_bucket(void *context, struct queue_level *level, uint64_t at)
{
    const struct visiting *visiting = context;
    const struct queue_store *store = &visiting->ladder->store;
    struct queue_bucket bucket = queue_bucket_at(level, at);
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++) {
        struct queue_walk walk = queue_walk_begin(queue_bucket_list(store, &bucket, kind), kind);
        for (; walk.left; queue_walk_next(store, &walk)) {
            const char *item = queue_walk_items(store, &walk);
            for (uint32_t i = 0; i < walk.here; i++, item += QUEUE_UNIT_BYTES << kind) {
                struct reactor_entry expanded;
                if (kind == QUEUE_COMPACT)
                    expanded = queue_compact_expand((const void *) item, bucket.begin_ns);
                visiting->visit(visiting->context, kind == QUEUE_COMPACT ? &expanded : (const void *) item);
            }
        }
    }
}

struct chunk {
    const struct reactor_entry *entries[QUEUE_CHUNK_UNITS];
    struct reactor_entry expanded[QUEUE_CHUNK_UNITS]; /* of packed timers */
    bool keep[QUEUE_CHUNK_UNITS];
    uint8_t kept[QUEUE_CHUNK_UNITS];
};

/* Which of a chunk's items are kept: how many. Without branches on what nobody can guess. */
static inline uint32_t choose_items(const struct visiting *visiting, struct chunk *chunk, const char *items,
                                    uint32_t count, enum queue_kind kind, uint64_t begin_ns)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const char *item = items + ((size_t) i * QUEUE_UNIT_BYTES << kind);
        if (kind == QUEUE_COMPACT)
            chunk->expanded[i] = queue_compact_expand((const void *) item, begin_ns);
        chunk->entries[i] = kind == QUEUE_COMPACT ? &chunk->expanded[i] : (const void *) item;
    }
    visiting->choose(visiting->context, chunk->entries, count, chunk->keep);
    for (uint32_t i = 0; i < count; i++) {
        chunk->kept[kept] = (uint8_t) i;
        kept += chunk->keep[i];
    }
    return kept;
}

static inline void move_item(struct queue_store *store, uint32_t *tail, const char *item, enum queue_kind kind)
{
    if (kind == QUEUE_COMPACT) {
        memcpy(queue_tail_append(store, tail, kind), item, sizeof(struct queue_compact));
        return;
    }
    const struct reactor_entry *entry = (const void *) item;
    void *place = queue_tail_append_entry(store, tail, kind, entry->due_ns);
    if (kind == QUEUE_PLAIN)
        memcpy(place, item, sizeof *entry);
    else
        memcpy(place, item, sizeof *entry + REACTOR_CARRIED_BYTES);
}

/* Keeps some of a list: the list of them, in chunks that the others leave. */
static inline __attribute__((always_inline)) uint32_t sweep_list(struct visiting *visiting, struct queue_list list,
                                                                 enum queue_kind kind, uint64_t begin_ns)
{
    struct queue_store *store = &visiting->ladder->store;
    struct chunk chunk;
    uint32_t tail = 0;
    struct queue_walk walk = queue_walk_begin(list, kind);
    for (; walk.left; queue_walk_give(store, &walk)) {
        const char *items = queue_walk_items(store, &walk);
        uint32_t next = store->links[walk.chunk].previous;
        __builtin_prefetch(&store->links[next], 1);
        queue_prefetch_lines(queue_store_at(store, next * QUEUE_CHUNK_UNITS), QUEUE_CHUNK_BYTES);
        uint32_t kept = choose_items(visiting, &chunk, items, walk.here, kind, begin_ns);
        for (uint32_t i = 0; i < kept; i++)
            move_item(store, &tail, items + ((size_t) chunk.kept[i] * QUEUE_UNIT_BYTES << kind), kind);
    }
    visiting->removed += list.count - queue_list_of(store, tail, kind).count;
    return tail;
}

static uint32_t sweep_list_of(struct visiting *visiting, const struct queue_bucket *bucket, enum queue_kind kind)
{
    struct queue_list list = queue_bucket_list(&visiting->ladder->store, bucket, kind);
    switch (kind) { /* for the compiler: an item's size is known then */
    case QUEUE_COMPACT:
        return sweep_list(visiting, list, QUEUE_COMPACT, bucket->begin_ns);
    case QUEUE_PLAIN:
        return sweep_list(visiting, list, QUEUE_PLAIN, bucket->begin_ns);
    default:
        return sweep_list(visiting, list, QUEUE_CARRYING, bucket->begin_ns);
    }
}

static void sweep_bucket(void *context, struct queue_level *level, uint64_t at)
{
    struct visiting *visiting = context;
    struct queue_bucket bucket = queue_bucket_at(level, at);
    uint32_t index = (uint32_t) at & level->mask, any = 0;
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++)
        any |= level->tails[kind][index] = sweep_list_of(visiting, &bucket, kind);
    if (!any)
        base_bit_tree_remove(&level->occupied, index);
}

void queue_ladder_each(const struct queue_ladder *ladder, queue_visit *visit, void *context)
{
    struct visiting visiting = {.ladder = (struct queue_ladder *) ladder, .visit = visit, .context = context};
    queue_ladder_each_bucket(ladder, visit_bucket, &visiting);
}

size_t queue_ladder_sweep(struct queue_ladder *ladder, queue_choose *choose, void *context)
{
    struct visiting visiting = {.ladder = ladder, .choose = choose, .context = context};
    queue_ladder_each_bucket(ladder, sweep_bucket, &visiting);
    ladder->count -= visiting.removed;
    return visiting.removed;
}
