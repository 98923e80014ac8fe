#include "reactor/queue_ladder.h"

#include <errno.h>
#include <string.h>

#include "reactor/base/reserve.h"
#include "reactor/queue_compact.h"

#define SHIFT_START 20u /* 1 ms, until the density is known */
#define BUCKET_COUNT (QUEUE_WINDOW + (QUEUE_LEVELS_MAX - 1) * QUEUE_COARSE)
#define TAILS_BYTES (QUEUE_KINDS * BUCKET_COUNT * sizeof(uint32_t))
#define MOVED_BYTES (BUCKET_COUNT * sizeof(struct queue_bucket))

void queue_ladder_lay_out(struct queue_ladder *ladder, unsigned shift, uint64_t begin_ns)
{
    uint64_t position = begin_ns >> shift;
    unsigned k = 0;
    for (;; k++, shift += QUEUE_SPREAD_BITS) {
        struct queue_level *level = &ladder->levels[k];
        level->shift = shift;
        level->position = position;
        uint64_t size = k ? QUEUE_COARSE : queue_ladder_window(ladder);
        level->limit = ((position >> QUEUE_SPREAD_BITS) + size / QUEUE_SPREAD) << QUEUE_SPREAD_BITS;
        if (level->limit >= UINT64_C(1) << (64 - shift)) { /* the end of time */
            level->limit = UINT64_C(1) << (64 - shift);
            break;
        }
        position = level->limit >> QUEUE_SPREAD_BITS;
    }
    ladder->level_count = k + 1;
}

static int init_level(struct queue_ladder *ladder, unsigned k)
{
    struct queue_level *level = &ladder->levels[k];
    uint32_t size = k ? QUEUE_COARSE : QUEUE_WINDOW;
    uint32_t *tails = ladder->tails + QUEUE_KINDS * (k ? QUEUE_WINDOW + (k - 1) * QUEUE_COARSE : 0);
    level->mask = size - 1;
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++)
        level->tails[kind] = tails + kind * size;
    return base_bit_tree_init(&level->occupied, size);
}

int queue_ladder_init(struct queue_ladder *ladder, size_t entries_max)
{
    *ladder = (struct queue_ladder){0};
    /* Twice what entries that carry would fill: what was popped out of an opened bucket lies there until its end. */
    uint64_t chunks = (uint64_t) entries_max / 8 + QUEUE_KINDS * BUCKET_COUNT;
    ladder->tails = base_reserve(TAILS_BYTES);
    ladder->moved = base_reserve(MOVED_BYTES);
    int result = ladder->tails && ladder->moved ? queue_store_init(&ladder->store, chunks) : -ENOMEM;
    for (unsigned k = 0; k < QUEUE_LEVELS_MAX && result == 0; k++)
        result = init_level(ladder, k);
    if (result < 0)
        queue_ladder_done(ladder);
    else
        queue_ladder_lay_out(ladder, SHIFT_START, 0);
    return result;
}

void queue_ladder_done(struct queue_ladder *ladder)
{
    for (unsigned k = 0; k < QUEUE_LEVELS_MAX; k++)
        base_bit_tree_done(&ladder->levels[k].occupied);
    queue_store_done(&ladder->store);
    if (ladder->tails)
        base_unreserve(ladder->tails, TAILS_BYTES);
    if (ladder->moved)
        base_unreserve(ladder->moved, MOVED_BYTES);
    *ladder = (struct queue_ladder){0};
}

size_t queue_ladder_bytes(const struct queue_ladder *ladder)
{
    return queue_store_bytes(&ladder->store) + TAILS_BYTES + MOVED_BYTES;
}

uint64_t queue_ladder_begin_ns(const struct queue_ladder *ladder)
{
    const struct queue_level *level = &ladder->levels[0];
    return level->position > UINT64_MAX >> level->shift ? UINT64_MAX : level->position << level->shift;
}

/* Where an item of that kind, due at due_ns, goes; *at is its bucket's number in its level. */
static inline struct queue_level *level_of(struct queue_ladder *ladder, uint64_t due_ns, uint64_t *at)
{
    struct queue_level *level = ladder->levels;
    *at = due_ns >> level->shift;
    while (*at >= level->limit) {
        level++;
        *at = due_ns >> level->shift;
    }
    return level;
}

static inline uint32_t *tail_of(struct queue_level *level, uint64_t at, enum queue_kind kind)
{
    uint32_t index = (uint32_t) at & level->mask;
    if (!level->tails[kind][index])
        base_bit_tree_add(&level->occupied, index);
    return &level->tails[kind][index];
}

static inline struct reactor_entry *append(struct queue_ladder *ladder, struct queue_level *level, uint64_t at,
                                           enum queue_kind kind, uint64_t due_ns)
{
    return queue_tail_append_entry(&ladder->store, tail_of(level, at, kind), kind, due_ns);
}

static inline struct queue_compact *append_compact(struct queue_ladder *ladder, struct queue_level *level, uint64_t at)
{
    return queue_tail_append(&ladder->store, tail_of(level, at, QUEUE_COMPACT), QUEUE_COMPACT);
}

void queue_ladder_place(struct queue_ladder *ladder, const struct reactor_entry *entry)
{
    uint64_t at;
    struct queue_level *level = level_of(ladder, entry->due_ns, &at);
    bool is_near = level == ladder->levels && at - level->position < queue_ladder_near(ladder);
    if (entry->order & REACTOR_CARRIES)
        memcpy(append(ladder, level, at, QUEUE_CARRYING, entry->due_ns), entry, sizeof *entry + REACTOR_CARRIED_BYTES);
    else if (!is_near && level->shift <= QUEUE_COMPACT_BITS && queue_compact_fits(entry))
        *append_compact(ladder, level, at) = queue_compact_of(entry, at << level->shift);
    else
        *append(ladder, level, at, QUEUE_PLAIN, entry->due_ns) = *entry;
}

struct reactor_entry *queue_ladder_reserve(struct queue_ladder *ladder, uint64_t due_ns, bool carries)
{
    struct queue_level *level = &ladder->levels[0];
    uint64_t at = due_ns >> level->shift;
    if (at >= level->limit || (!carries && at - level->position >= queue_ladder_near(ladder)))
        return NULL;
    return append(ladder, level, at, carries ? QUEUE_CARRYING : QUEUE_PLAIN, due_ns);
}

struct reactor_entry *queue_ladder_reserve_unpacked(struct queue_ladder *ladder, uint64_t due_ns)
{
    uint64_t at;
    struct queue_level *level = level_of(ladder, due_ns, &at);
    return append(ladder, level, at, QUEUE_PLAIN, due_ns);
}

static inline void place_compact(struct queue_ladder *ladder, const struct queue_compact *compact, uint64_t begin_ns)
{
    uint64_t due_ns = begin_ns + compact->offset_ns, at;
    struct queue_level *level = level_of(ladder, due_ns, &at);
    if (level->shift > QUEUE_COMPACT_BITS) { /* all was laid out wider */
        struct reactor_entry entry = queue_compact_expand(compact, begin_ns);
        *append(ladder, level, at, QUEUE_PLAIN, due_ns) = entry;
        return;
    }
    struct queue_compact *placed = append_compact(ladder, level, at);
    *placed = *compact;
    placed->offset_ns = (uint32_t) (due_ns - (at << level->shift));
}

void queue_ladder_spread(struct queue_ladder *ladder, const struct queue_bucket *bucket)
{
    struct queue_store *store = &ladder->store;
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++) {
        struct queue_walk walk = queue_walk_turned(store, queue_bucket_list(store, bucket, kind), kind);
        for (; walk.left; queue_walk_give(store, &walk)) {
            const char *item = queue_walk_items(store, &walk);
            queue_prefetch_lines(queue_store_at(store, store->links[walk.chunk].previous * QUEUE_CHUNK_UNITS),
                                 QUEUE_CHUNK_BYTES);
            for (uint32_t i = 0; i < walk.here; i++, item += QUEUE_UNIT_BYTES << kind) {
                if (kind == QUEUE_COMPACT)
                    place_compact(ladder, (const void *) item, bucket->begin_ns);
                else
                    queue_ladder_place(ladder, (const void *) item);
            }
        }
    }
}

uint32_t queue_bucket_count(const struct queue_store *store, const struct queue_bucket *bucket)
{
    uint32_t count = 0;
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++)
        count += queue_bucket_list(store, bucket, kind).count;
    return count;
}

struct queue_bucket queue_bucket_take(struct queue_level *level, uint64_t at)
{
    struct queue_bucket bucket = queue_bucket_at(level, at);
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++)
        level->tails[kind][at & level->mask] = 0;
    base_bit_tree_remove(&level->occupied, (uint32_t) at & level->mask);
    return bucket;
}

/* Spreads the first bucket of level k over level k - 1, which has room for it; false at the end of time. */
static bool pull(struct queue_ladder *ladder, unsigned k)
{
    struct queue_level *level = &ladder->levels[k];
    while (level->limit - level->position + QUEUE_SPREAD <= QUEUE_COARSE && k + 1 < ladder->level_count &&
           pull(ladder, k + 1))
        ;
    if (level->position == level->limit)
        return false;
    struct queue_bucket bucket = queue_bucket_take(level, level->position);
    level->position++;
    ladder->levels[k - 1].limit += QUEUE_SPREAD;
    queue_ladder_spread(ladder, &bucket);
    return true;
}

void queue_ladder_fill(struct queue_ladder *ladder)
{
    struct queue_level *level = &ladder->levels[0];
    uint64_t window = queue_ladder_window(ladder);
    while (level->limit - level->position + QUEUE_SPREAD <= window && pull(ladder, 1))
        ;
}

static uint64_t number_of(const struct queue_level *level, uint32_t index)
{
    return level->position + ((index - (uint32_t) level->position) & level->mask);
}

static bool first_occupied(const struct queue_level *level, uint64_t *at)
{
    if (level->occupied.count == 0)
        return false;
    uint32_t index = base_bit_tree_next(&level->occupied, (uint32_t) level->position & level->mask);
    if (index == BASE_BIT_TREE_NONE) /* the window wraps around */
        index = base_bit_tree_next(&level->occupied, 0);
    *at = number_of(level, index);
    return true;
}

/* The lowest level that has an entry; its first bucket has the least. False: none. */
static bool first_level(const struct queue_ladder *ladder, unsigned *k, uint64_t *at)
{
    for (*k = 0; *k < ladder->level_count; ++*k) {
        if (first_occupied(&ladder->levels[*k], at))
            return true;
    }
    return false;
}

/* All levels below k are empty: moves them to where bucket `at` of level k begins. */
static void jump(struct queue_ladder *ladder, unsigned k, uint64_t at)
{
    ladder->levels[k].position = at;
    for (; k; k--) {
        struct queue_level *below = &ladder->levels[k - 1];
        below->position = below->limit = ladder->levels[k].position << QUEUE_SPREAD_BITS;
    }
}

bool queue_ladder_next(struct queue_ladder *ladder, uint64_t limit_ns, struct queue_bucket *bucket)
{
    unsigned k;
    uint64_t at;
    for (;;) {
        if (!first_level(ladder, &k, &at) || at << ladder->levels[k].shift >= limit_ns)
            return false;
        if (k == 0)
            break;
        jump(ladder, k, at);
        pull(ladder, k);
    }
    struct queue_level *level = &ladder->levels[0];
    *bucket = queue_bucket_take(level, at);
    level->position = at + 1;
    queue_ladder_fill(ladder);
    return true;
}

void queue_ladder_prefetch(const struct queue_ladder *ladder)
{
    const struct queue_level *level = &ladder->levels[0];
    struct queue_bucket bucket = queue_bucket_at(level, level->position);
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++) {
        struct queue_walk walk = queue_walk_begin(queue_bucket_list(&ladder->store, &bucket, kind), kind);
        for (; walk.left; queue_walk_next(&ladder->store, &walk)) {
            queue_prefetch_lines(queue_walk_items(&ladder->store, &walk), walk.here * QUEUE_UNIT_BYTES << kind);
            if (kind != QUEUE_COMPACT)
                queue_prefetch_lines(queue_store_due(&ladder->store, walk.chunk * QUEUE_CHUNK_UNITS),
                                     (walk.here << kind) * sizeof(uint32_t) / 2);
        }
    }
}

uint64_t queue_ladder_least_due(const struct queue_ladder *ladder)
{
    unsigned k;
    uint64_t at, least = UINT64_MAX;
    if (!first_level(ladder, &k, &at))
        return least;
    struct queue_bucket bucket = queue_bucket_at(&ladder->levels[k], at);
    const struct queue_store *store = &ladder->store;
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++) {
        struct queue_walk walk = queue_walk_begin(queue_bucket_list(store, &bucket, kind), kind);
        for (; walk.left; queue_walk_next(store, &walk)) {
            const char *item = queue_walk_items(store, &walk);
            for (uint32_t i = 0; i < walk.here; i++, item += QUEUE_UNIT_BYTES << kind) {
                const struct queue_compact *compact = (const void *) item;
                const struct reactor_entry *entry = (const void *) item;
                uint64_t due_ns = kind == QUEUE_COMPACT ? bucket.begin_ns + compact->offset_ns : entry->due_ns;
                least = due_ns < least ? due_ns : least;
            }
        }
    }
    return least;
}

void queue_ladder_each_bucket(const struct queue_ladder *ladder,
                              void (*visit)(void *context, struct queue_level *level, uint64_t at), void *context)
{
    for (unsigned k = 0; k < ladder->level_count; k++) {
        struct queue_level *level = (struct queue_level *) &ladder->levels[k];
        uint32_t index = base_bit_tree_next(&level->occupied, 0);
        for (; index != BASE_BIT_TREE_NONE; index = base_bit_tree_next(&level->occupied, index + 1))
            visit(context, level, number_of(level, index));
    }
}
