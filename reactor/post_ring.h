/* Entries on their way from any thread to a loop (internal): a bounded ring, many writers, one reader, without locks.
 *
 * After Dmitry Vyukov's bounded queue: each cell carries the position that was written to it last. What differs is for
 * the writers' sake, who pay one locked instruction a post and miss no cache line that the reader writes: the number
 * stands where the entry's due_ns would (which a post does not have), so two cells fill a cache line; that there is
 * room is known from a copy of the reader's head, which is looked at again only when by that copy the ring is full. */
#ifndef REACTOR_POST_RING_H
#define REACTOR_POST_RING_H

#include <stdatomic.h>
#include <string.h>

#include "reactor/timed_queue.h"

#define POST_BYTES (sizeof(struct reactor_entry) - sizeof(uint64_t))
_Static_assert(offsetof(struct reactor_entry, target) == sizeof(uint64_t), "a cell's number takes due_ns' place");

struct post_cell {
    _Atomic uint64_t turn;     /* == position + 1: written, may be read */
    uint8_t entry[POST_BYTES]; /* from target on */
};

struct post_ring {
    struct post_cell *cells;
    uint64_t mask;
    _Alignas(64) _Atomic uint64_t tail; /* the writers': the next position */
    _Atomic uint64_t head_seen;         /* at most head */
    _Alignas(64) _Atomic uint64_t head; /* the reader's */
};

enum post_ring_state { POSTS_NONE, POSTS_COMING, POSTS_THERE }; /* coming: a writer has its place, but is not ready */

int post_ring_init(struct post_ring *ring, uint32_t entries_max); /* 0 or -ENOMEM */
void post_ring_done(struct post_ring *ring);
bool post_ring_has_room(struct post_ring *ring, uint64_t position); /* slow path of push: looks at the head again */

/* Any thread; false: full. */
static inline bool post_ring_push(struct post_ring *ring, const struct reactor_entry *entry)
{
    uint64_t position = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    do {
        uint64_t head = atomic_load_explicit(&ring->head_seen, memory_order_acquire);
        /* (another writer may have seen a head beyond a position that is stale here) */
        if ((int64_t) (position - head) > (int64_t) ring->mask && !post_ring_has_room(ring, position))
            return false;
    } while (!atomic_compare_exchange_weak(&ring->tail, &position, position + 1));
    struct post_cell *cell = &ring->cells[position & ring->mask];
    memcpy(cell->entry, &entry->target, POST_BYTES);
    atomic_store_explicit(&cell->turn, position + 1, memory_order_release);
    return true;
}

/* The reader's; false: nothing is there. Sets all but due_ns. */
static inline bool post_ring_take(struct post_ring *ring, struct reactor_entry *entry)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    const struct post_cell *cell = &ring->cells[head & ring->mask];
    if (atomic_load_explicit(&cell->turn, memory_order_acquire) != head + 1)
        return false;
    memcpy(&entry->target, cell->entry, POST_BYTES);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

/* The reader's. Sequentially consistent, as taking a position is: together with the loop's flag that it sleeps, one of
 * the two sees the other. That is why a position taken counts although nothing can be read there yet. */
static inline enum post_ring_state post_ring_look(const struct post_ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (atomic_load(&ring->tail) == head)
        return POSTS_NONE;
    const struct post_cell *cell = &ring->cells[head & ring->mask];
    return atomic_load_explicit(&cell->turn, memory_order_acquire) == head + 1 ? POSTS_THERE : POSTS_COMING;
}

static inline bool post_ring_is_empty(const struct post_ring *ring)
{
    return post_ring_look(ring) == POSTS_NONE;
}

#endif
