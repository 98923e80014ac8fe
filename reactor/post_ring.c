#include "reactor/post_ring.h"

#include <errno.h>

#include "reactor/base/reserve.h"

int post_ring_init(struct post_ring *ring, uint32_t entries_max)
{
    uint64_t cells = 2;
    while (cells < entries_max)
        cells *= 2;
    memset(ring, 0, sizeof *ring);
    ring->cells = base_reserve(cells * sizeof ring->cells[0]); /* zeros: no position was written yet */
    if (!ring->cells)
        return -ENOMEM;
    ring->mask = cells - 1;
    return 0;
}

void post_ring_done(struct post_ring *ring)
{
    if (ring->cells)
        base_unreserve(ring->cells, (ring->mask + 1) * sizeof ring->cells[0]);
    ring->cells = NULL;
}

/* What the reader did to the cells before its head must be over for whoever acts on the copy, too: hence release. Two
 * writers may set it in either order; an older head only means looking again. */
bool post_ring_has_room(struct post_ring *ring, uint64_t position)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    atomic_store_explicit(&ring->head_seen, head, memory_order_release);
    return (int64_t) (position - head) <= (int64_t) ring->mask;
}
