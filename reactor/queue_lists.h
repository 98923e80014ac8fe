/* Storage of the timed queue (internal): lists of items in chunks of 1 KiB, out of one pool of reserved address space.
 *
 * A place is counted in units of 16 bytes. A list holds items of one size, so none of them ever straddles a cache line
 * without need, and is known by its tail: the unit behind its last item. Chunks are chained backwards; a chunk knows
 * how many stand before it, so the tail says the number of items, too. Freed chunks are taken again first, while they
 * are still in the cache. */
#ifndef REACTOR_QUEUE_LISTS_H
#define REACTOR_QUEUE_LISTS_H

#include "reactor/timed_queue.h"

#define QUEUE_UNIT_BYTES 16u
/* 1 KiB: a bucket of 1000 packed timers wastes 3 % in its last chunk. (512 bytes: 10 % slower at 10^6 entries.) */
#define QUEUE_CHUNK_UNITS REACTOR_QUEUE_CHUNK
#define QUEUE_CHUNK_BYTES (QUEUE_CHUNK_UNITS * QUEUE_UNIT_BYTES)

enum queue_kind { /* of items: 1 << kind units each */
    QUEUE_COMPACT,  /* struct queue_compact, or a record */
    QUEUE_PLAIN,    /* struct reactor_entry */
    QUEUE_CARRYING, /* struct reactor_entry and the bytes that it carries */
    QUEUE_KINDS,
};

struct queue_link {
    uint32_t previous; /* the chunk before it in its list, or the next free one; 0: none */
    uint32_t depth;    /* chunks of its list up to it */
};

struct queue_store {
    uint8_t *units;
    uint8_t *dues; /* low halves of the instants of entries, chunk by chunk */
    struct queue_link *links; /* by chunk */
    uint32_t free_head;       /* 0: none; chunk 0 is never used */
    uint32_t used_end;        /* chunks below it were touched */
    uint32_t dues_end;        /* and the dues of those below it */
    uint32_t capacity;
};

int queue_store_init(struct queue_store *store, uint64_t chunks); /* 0 or -ENOMEM */
void queue_store_done(struct queue_store *store);
uint32_t queue_store_take_fresh(struct queue_store *store); /* slow path of queue_store_take */
bool queue_store_has_room(const struct queue_store *store); /* for an entry, and what moving others takes */
size_t queue_store_bytes(const struct queue_store *store);

static inline void *queue_store_at(const struct queue_store *store, uint32_t unit)
{
    return store->units + (size_t) unit * QUEUE_UNIT_BYTES;
}

static inline struct reactor_entry *queue_store_entry(const struct queue_store *store, uint64_t key)
{
    return queue_store_at(store, (uint32_t) key);
}

/* The due instant's low half of an entry that lies in a list, apart from it. */
static inline uint32_t *queue_store_due(const struct queue_store *store, uint32_t unit)
{
    return reactor_queue_due_at(store->dues, unit);
}

static inline uint32_t queue_store_take(struct queue_store *store)
{
    uint32_t chunk = store->free_head;
    if (!chunk)
        return queue_store_take_fresh(store);
    store->free_head = store->links[chunk].previous;
    return chunk;
}

/* Frees a chunk and returns the one that stands before it in its list. */
static inline uint32_t queue_store_give(struct queue_store *store, uint32_t chunk)
{
    uint32_t previous = store->links[chunk].previous;
    store->links[chunk].previous = store->free_head;
    store->free_head = chunk;
    return previous;
}

static inline uint32_t queue_tail_chunk(uint32_t tail)
{
    return (tail - 1) / QUEUE_CHUNK_UNITS;
}

/* Asks the cache for the begin of a chunk that will soon be written to. */
static inline __attribute__((always_inline)) void queue_store_expect(const struct queue_store *store, uint32_t chunk)
{
    const char *units = queue_store_at(store, chunk * QUEUE_CHUNK_UNITS);
    const char *dues = (const char *) queue_store_due(store, chunk * QUEUE_CHUNK_UNITS);
    __builtin_prefetch(units, 1);
    __builtin_prefetch(units + 64, 1);
    __builtin_prefetch(dues, 1);
    __builtin_prefetch(dues + 64, 1);
    __builtin_prefetch(&store->links[chunk], 1);
}

/* Gives a list whose last chunk is full (or that has none: 0) another one. */
static inline void queue_tail_grow(struct queue_store *store, uint32_t *tail)
{
    uint32_t chunk = queue_store_take(store), previous = *tail ? queue_tail_chunk(*tail) : 0;
    queue_store_expect(store, store->free_head);
    store->links[chunk] = (struct queue_link){previous, store->links[previous].depth + 1};
    *tail = chunk * QUEUE_CHUNK_UNITS;
}

/* The place of a new item. */
static inline void *queue_tail_append(struct queue_store *store, uint32_t *tail, enum queue_kind kind)
{
    if (*tail % QUEUE_CHUNK_UNITS == 0)
        queue_tail_grow(store, tail);
    char *item = queue_store_at(store, *tail);
    *tail += 1u << kind;
    __builtin_prefetch(item + 64, 1); /* where the list goes on: lists are many, and appended to in turns */
    return item;
}

/* The place of a new entry. */
static inline struct reactor_entry *queue_tail_append_entry(struct queue_store *store, uint32_t *tail,
                                                            enum queue_kind kind, uint64_t due_ns)
{
    struct reactor_entry *entry = queue_tail_append(store, tail, kind);
    uint32_t unit = *tail - (1u << kind);
    *queue_store_due(store, unit) = (uint32_t) due_ns;
    if (unit % QUEUE_CHUNK_UNITS == 0 && store->dues_end <= unit / QUEUE_CHUNK_UNITS)
        store->dues_end = unit / QUEUE_CHUNK_UNITS + 1;
    return entry;
}

/* A list with its number of items: also of a part cut out of a longer one. */
struct queue_list {
    uint32_t tail, count;
};

static inline uint32_t queue_list_last(uint32_t count, enum queue_kind kind) /* items in the last chunk; count > 0 */
{
    return (count - 1) % (QUEUE_CHUNK_UNITS >> kind) + 1;
}

static inline struct queue_list queue_list_of(const struct queue_store *store, uint32_t tail, enum queue_kind kind)
{
    if (!tail)
        return (struct queue_list){0};
    uint32_t chunk = queue_tail_chunk(tail), here = (tail - chunk * QUEUE_CHUNK_UNITS) >> kind;
    return (struct queue_list){tail, (store->links[chunk].depth - 1) * (QUEUE_CHUNK_UNITS >> kind) + here};
}

/* Walks the chunks of a list from the last to the first; each has `here` items. */
struct queue_walk {
    uint32_t chunk, here, left, full;
};

static inline struct queue_walk queue_walk_begin(struct queue_list list, enum queue_kind kind)
{
    if (!list.count)
        return (struct queue_walk){0};
    return (struct queue_walk){queue_tail_chunk(list.tail), queue_list_last(list.count, kind), list.count,
                               QUEUE_CHUNK_UNITS >> kind};
}

static inline void *queue_walk_items(const struct queue_store *store, const struct queue_walk *walk)
{
    return queue_store_at(store, walk->chunk * QUEUE_CHUNK_UNITS);
}

static inline void queue_walk_next(const struct queue_store *store, struct queue_walk *walk)
{
    walk->chunk = store->links[walk->chunk].previous;
    walk->left -= walk->here;
    walk->here = walk->left < walk->full ? walk->left : walk->full;
}

/* As next, and frees the chunk that it leaves. */
static inline void queue_walk_give(struct queue_store *store, struct queue_walk *walk)
{
    walk->chunk = queue_store_give(store, walk->chunk);
    walk->left -= walk->here;
    walk->here = walk->left < walk->full ? walk->left : walk->full;
}

static inline __attribute__((always_inline)) void queue_prefetch_lines(const void *from, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch((const char *) from + at, 0, 2);
}

/* Turns the chain of a list and begins a walk from its first chunk to its last. */
struct queue_walk queue_walk_turned(struct queue_store *store, struct queue_list list, enum queue_kind kind);

#endif
