/* Entries on their way from any thread to a loop (internal): a bounded ring, many writers, one reader, without locks.
 *
 * Dmitry Vyukov's bounded queue: each cell carries the number of the round in which it may be written or read next. */
#ifndef REACTOR_POST_RING_H
#define REACTOR_POST_RING_H

#include <stdatomic.h>

#include "reactor/timed_queue.h"

struct post_cell {
    _Atomic uint64_t turn; /* == position: may be written; == position + 1: may be read */
    struct reactor_entry entry;
};

struct post_ring {
    struct post_cell *cells;
    uint64_t mask;
    _Alignas(64) _Atomic uint64_t tail; /* the writers' */
    _Alignas(64) uint64_t head;         /* the reader's */
};

int post_ring_init(struct post_ring *ring, uint32_t entries_max); /* 0 or -ENOMEM */
void post_ring_done(struct post_ring *ring);
bool post_ring_push(struct post_ring *ring, const struct reactor_entry *entry); /* any thread; false: full */
bool post_ring_take(struct post_ring *ring, struct reactor_entry *entry);       /* the reader's; false: empty */

/* Sequentially consistent, as the push is: together with the loop's flag that it sleeps, one of the two sees the
 * other. */
static inline bool post_ring_is_empty(const struct post_ring *ring)
{
    return atomic_load(&ring->cells[ring->head & ring->mask].turn) != ring->head + 1;
}

#endif
