/* Walking all that the ladder holds: for reports, and to sweep out what is dead. */
#include "reactor/queue_ladder.h"

#include <string.h>

#include "reactor/queue_compact.h"

struct visiting {
    struct queue_ladder *ladder;
    queue_visit *visit;
    queue_keep *keep;
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

/* Keeps some of a list: the list of them, in chunks that the others leave. */
static uint32_t sweep_list(struct visiting *visiting, struct queue_list list, enum queue_kind kind, uint64_t begin_ns)
{
    struct queue_store *store = &visiting->ladder->store;
    uint32_t kept = 0;
    struct queue_walk walk = queue_walk_begin(list, kind);
    for (; walk.left; queue_walk_give(store, &walk)) {
        const char *item = queue_walk_items(store, &walk);
        for (uint32_t i = 0; i < walk.here; i++, item += QUEUE_UNIT_BYTES << kind) {
            struct reactor_entry expanded;
            if (kind == QUEUE_COMPACT)
                expanded = queue_compact_expand((const void *) item, begin_ns);
            const struct reactor_entry *entry = kind == QUEUE_COMPACT ? &expanded : (const void *) item;
            if (!visiting->keep(visiting->context, entry))
                continue;
            void *place = kind == QUEUE_COMPACT ? queue_tail_append(store, &kept, kind)
                                                : queue_tail_append_entry(store, &kept, kind, entry->due_ns);
            memcpy(place, item, QUEUE_UNIT_BYTES << kind);
        }
    }
    visiting->removed += list.count - queue_list_of(store, kept, kind).count;
    return kept;
}

static void sweep_bucket(void *context, struct queue_level *level, uint64_t at)
{
    struct visiting *visiting = context;
    struct queue_bucket bucket = queue_bucket_at(level, at);
    uint32_t index = (uint32_t) at & level->mask, any = 0;
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++) {
        struct queue_list list = queue_bucket_list(&visiting->ladder->store, &bucket, kind);
        any |= level->tails[kind][index] = sweep_list(visiting, list, kind, bucket.begin_ns);
    }
    if (!any)
        base_bit_tree_remove(&level->occupied, index);
}

void queue_ladder_each(const struct queue_ladder *ladder, queue_visit *visit, void *context)
{
    struct visiting visiting = {.ladder = (struct queue_ladder *) ladder, .visit = visit, .context = context};
    queue_ladder_each_bucket(ladder, visit_bucket, &visiting);
}

size_t queue_ladder_sweep(struct queue_ladder *ladder, queue_keep *keep, void *context)
{
    struct visiting visiting = {.ladder = ladder, .keep = keep, .context = context};
    queue_ladder_each_bucket(ladder, sweep_bucket, &visiting);
    ladder->count -= visiting.removed;
    return visiting.removed;
}
