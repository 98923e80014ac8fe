#include "reactor/queue_ladder.h"

#include <errno.h>

#include "reactor/base/reserve.h"

#define WINDOW_BITS 15u /* level 0: at 256 entries a bucket, a window of 8 M entries */
#define SPREAD_BITS 10u
#define SHIFT_START 20u /* 1 ms, until the density is known */
#define SHIFT_LEAST 1u  /* so that the number of level 0's buckets fits in 64 bits */
#define SHIFT_MOST 44u  /* 5 h */
#define WINDOW (1u << WINDOW_BITS)
#define SPREAD (1u << SPREAD_BITS)
#define LIST_COUNT (WINDOW + (QUEUE_LEVELS_MAX - 1) * SPREAD)

/* Lays the empty levels out from begin_ns on, rounded down. */
static void lay_out(struct queue_ladder *ladder, unsigned shift, uint64_t begin_ns)
{
    uint64_t position = begin_ns >> shift;
    unsigned k = 0;
    for (;; k++, shift += SPREAD_BITS) {
        struct queue_level *level = &ladder->levels[k];
        level->shift = shift;
        level->position = position;
        level->limit = ((position >> SPREAD_BITS) + 1) << SPREAD_BITS;
        if (shift + SPREAD_BITS >= 64) {
            level->limit = UINT64_C(1) << (64 - shift);
            break;
        }
        position = level->limit >> SPREAD_BITS;
    }
    ladder->level_count = k + 1;
}

int queue_ladder_init(struct queue_ladder *ladder, size_t entries_max)
{
    *ladder = (struct queue_ladder){0};
    /* Each bucket, and each of the parts that a crowded one is split into, may have a last chunk to itself. */
    uint64_t chunks = (uint64_t) entries_max / 12 + LIST_COUNT + 4096;
    ladder->lists = base_reserve(2 * LIST_COUNT * sizeof ladder->lists[0]);
    if (!ladder->lists || queue_store_init(&ladder->store, chunks) < 0) {
        queue_ladder_done(ladder);
        return -ENOMEM;
    }
    ladder->moved = ladder->lists + LIST_COUNT;
    for (unsigned k = 0; k < QUEUE_LEVELS_MAX; k++) {
        struct queue_level *level = &ladder->levels[k];
        uint32_t size = k ? SPREAD : WINDOW;
        level->mask = size - 1;
        level->buckets = ladder->lists + (k ? WINDOW + (k - 1) * SPREAD : 0);
        if (base_bit_tree_init(&level->occupied, size) < 0) {
            queue_ladder_done(ladder);
            return -ENOMEM;
        }
    }
    lay_out(ladder, SHIFT_START, 0);
    return 0;
}

void queue_ladder_done(struct queue_ladder *ladder)
{
    for (unsigned k = 0; k < QUEUE_LEVELS_MAX; k++)
        base_bit_tree_done(&ladder->levels[k].occupied);
    queue_store_done(&ladder->store);
    if (ladder->lists)
        base_unreserve(ladder->lists, 2 * LIST_COUNT * sizeof ladder->lists[0]);
    *ladder = (struct queue_ladder){0};
}

size_t queue_ladder_bytes(const struct queue_ladder *ladder)
{
    size_t a_chunk = QUEUE_CHUNK_ENTRIES * sizeof(struct reactor_entry) + sizeof ladder->store.next[0];
    return ladder->store.used_end * a_chunk + 2 * LIST_COUNT * sizeof ladder->lists[0];
}

uint64_t queue_ladder_begin_ns(const struct queue_ladder *ladder)
{
    const struct queue_level *level = &ladder->levels[0];
    return level->position > UINT64_MAX >> level->shift ? UINT64_MAX : level->position << level->shift;
}

static inline void place(struct queue_ladder *ladder, const struct reactor_entry *entry)
{
    struct queue_level *level = ladder->levels;
    uint64_t at = entry->due_ns >> level->shift;
    while (at >= level->limit) {
        level++;
        at = entry->due_ns >> level->shift;
    }
    uint32_t index = (uint32_t) at & level->mask;
    if (level->buckets[index].count == 0)
        base_bit_tree_add(&level->occupied, index);
    queue_list_append(&ladder->store, &level->buckets[index], entry);
}

void queue_ladder_push(struct queue_ladder *ladder, const struct reactor_entry *entry)
{
    place(ladder, entry);
    ladder->count++;
}

/* Places the entries of a list in order and frees its chunks. */
static void spread(struct queue_ladder *ladder, struct queue_list list)
{
    uint32_t chunk = list.head, following = 0, left = list.count;
    uint32_t here = left ? queue_list_last(left) : 0, full = QUEUE_CHUNK_ENTRIES;
    for (uint32_t walk = left; walk;) { /* turns the chain: first chunk first */
        uint32_t previous = ladder->store.next[chunk];
        ladder->store.next[chunk] = following;
        following = chunk;
        walk -= walk == left ? here : full;
        chunk = previous;
    }
    for (chunk = following; left;) {
        uint32_t count = left < full ? left : full;
        const struct reactor_entry *entries = queue_store_chunk(&ladder->store, chunk);
        for (uint32_t i = 0; i < count; i++)
            place(ladder, &entries[i]);
        left -= count;
        chunk = queue_store_give(&ladder->store, chunk);
    }
}

static struct queue_list take_bucket(struct queue_level *level, uint64_t at)
{
    uint32_t index = (uint32_t) at & level->mask;
    struct queue_list list = level->buckets[index];
    if (list.count) {
        level->buckets[index] = (struct queue_list){0};
        base_bit_tree_remove(&level->occupied, index);
    }
    return list;
}

/* Spreads the first bucket of level k over level k - 1, which has room for it; false at the end of time. */
static bool pull(struct queue_ladder *ladder, unsigned k)
{
    struct queue_level *level = &ladder->levels[k];
    if (level->position == level->limit && (k + 1 == ladder->level_count || !pull(ladder, k + 1)))
        return false;
    struct queue_list list = take_bucket(level, level->position);
    level->position++;
    ladder->levels[k - 1].limit += SPREAD;
    spread(ladder, list);
    return true;
}

static bool first_occupied(const struct queue_level *level, uint64_t *at)
{
    if (level->occupied.count == 0)
        return false;
    uint32_t from = (uint32_t) level->position & level->mask;
    uint32_t index = base_bit_tree_next(&level->occupied, from);
    if (index == BASE_BIT_TREE_NONE) /* the window wraps around */
        index = base_bit_tree_next(&level->occupied, 0);
    *at = level->position + ((index - from) & level->mask);
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
        below->position = below->limit = ladder->levels[k].position << SPREAD_BITS;
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
    *bucket = (struct queue_bucket){take_bucket(level, at), at << level->shift};
    ladder->count -= bucket->list.count;
    level->position = at + 1;
    while (level->limit - level->position + SPREAD <= WINDOW && pull(ladder, 1))
        ;
    return true;
}

uint64_t queue_ladder_least_due(const struct queue_ladder *ladder)
{
    unsigned k;
    uint64_t at, least = UINT64_MAX;
    if (!first_level(ladder, &k, &at))
        return least;
    struct queue_list list = ladder->levels[k].buckets[at & ladder->levels[k].mask];
    uint32_t chunk = list.head, here = queue_list_last(list.count);
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES) {
        const struct reactor_entry *entries = queue_store_chunk(&ladder->store, chunk);
        for (uint32_t i = 0; i < here; i++)
            least = entries[i].due_ns < least ? entries[i].due_ns : least;
        chunk = ladder->store.next[chunk];
    }
    return least;
}

/* Calls for each bucket that is not empty. */
static void each_bucket(const struct queue_ladder *ladder,
                        void (*visit)(void *context, struct queue_level *level, uint32_t index), void *context)
{
    for (unsigned k = 0; k < ladder->level_count; k++) {
        struct queue_level *level = (struct queue_level *) &ladder->levels[k];
        uint32_t index = base_bit_tree_next(&level->occupied, 0);
        for (; index != BASE_BIT_TREE_NONE; index = base_bit_tree_next(&level->occupied, index + 1))
            visit(context, level, index);
    }
}

struct collecting {
    struct queue_list *moved;
    size_t count;
};

static void collect(void *context, struct queue_level *level, uint32_t index)
{
    struct collecting *collecting = context;
    collecting->moved[collecting->count++] = take_bucket(level, index);
}

static void lay_out_anew(struct queue_ladder *ladder, unsigned shift)
{
    struct collecting collecting = {.moved = ladder->moved};
    uint64_t begin_ns = queue_ladder_begin_ns(ladder);
    each_bucket(ladder, collect, &collecting);
    lay_out(ladder, shift, begin_ns);
    while (ladder->levels[0].limit - ladder->levels[0].position + SPREAD <= WINDOW && pull(ladder, 1))
        ;
    for (size_t i = 0; i < collecting.count; i++)
        spread(ladder, ladder->moved[i]);
}

static unsigned log2_of(uint64_t ratio)
{
    return ratio ? 63u - (unsigned) __builtin_clzll(ratio) : 0;
}

void queue_ladder_judge(struct queue_ladder *ladder, uint64_t entries)
{
    struct queue_density *density = &ladder->density;
    uint32_t target = queue_ladder_target(ladder);
    density->buckets++;
    density->entries += entries;
    if (entries > 4 * target) {
        density->crowded_buckets++;
        density->crowded_entries += entries;
    }
    /* Laying out anew costs about four times as much an entry as opening does, and as eight buckets opened. */
    if (4 * density->entries + 32 * density->buckets < ladder->count + 4096)
        return;
    unsigned shift = ladder->levels[0].shift;
    if (2 * density->crowded_entries > density->entries) {
        unsigned narrower = log2_of(density->crowded_entries / density->crowded_buckets / target);
        shift = shift > SHIFT_LEAST + narrower ? shift - narrower : SHIFT_LEAST;
    } else if (density->entries < density->buckets * (target / 4)) {
        unsigned wider = log2_of(density->buckets * target / (density->entries + 1));
        shift = shift + wider < SHIFT_MOST ? shift + wider : SHIFT_MOST;
    }
    *density = (struct queue_density){0};
    if (shift != ladder->levels[0].shift)
        lay_out_anew(ladder, shift);
}

void queue_list_each(const struct queue_store *store, struct queue_list list,
                     void (*visit)(void *context, const struct reactor_entry *entry), void *context)
{
    uint32_t chunk = list.head, here = list.count ? queue_list_last(list.count) : 0;
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES, chunk = store->next[chunk]) {
        for (uint32_t i = 0; i < here; i++)
            visit(context, queue_store_chunk(store, chunk) + i);
    }
}

struct queue_list queue_list_sweep(struct queue_store *store, struct queue_list list,
                                   bool (*keep)(void *context, const struct reactor_entry *entry), void *context)
{
    struct queue_list kept = {0};
    uint32_t chunk = list.head, here = list.count ? queue_list_last(list.count) : 0;
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES) {
        const struct reactor_entry *entries = queue_store_chunk(store, chunk);
        for (uint32_t i = 0; i < here; i++) {
            if (keep(context, &entries[i]))
                queue_list_append(store, &kept, &entries[i]);
        }
        chunk = queue_store_give(store, chunk);
    }
    return kept;
}

struct visiting {
    struct queue_ladder *ladder;
    void (*visit)(void *context, const struct reactor_entry *entry);
    bool (*keep)(void *context, const struct reactor_entry *entry);
    void *context;
    size_t removed;
};

static void visit_bucket(void *context, struct queue_level *level, uint32_t index)
{
    const struct visiting *visiting = context;
    queue_list_each(&visiting->ladder->store, level->buckets[index], visiting->visit, visiting->context);
}

static void sweep_bucket(void *context, struct queue_level *level, uint32_t index)
{
    struct visiting *visiting = context;
    uint32_t before = level->buckets[index].count;
    struct queue_list kept =
        queue_list_sweep(&visiting->ladder->store, level->buckets[index], visiting->keep, visiting->context);
    level->buckets[index] = kept;
    visiting->removed += before - kept.count;
    if (!kept.count)
        base_bit_tree_remove(&level->occupied, index);
}

void queue_ladder_each(const struct queue_ladder *ladder,
                       void (*visit)(void *context, const struct reactor_entry *entry), void *context)
{
    struct visiting visiting = {.ladder = (struct queue_ladder *) ladder, .visit = visit, .context = context};
    each_bucket(ladder, visit_bucket, &visiting);
}

size_t queue_ladder_sweep(struct queue_ladder *ladder, bool (*keep)(void *context, const struct reactor_entry *entry),
                          void *context)
{
    struct visiting visiting = {.ladder = ladder, .keep = keep, .context = context};
    each_bucket(ladder, sweep_bucket, &visiting);
    ladder->count -= visiting.removed;
    return visiting.removed;
}
