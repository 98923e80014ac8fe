#include "reactor/post_ring.h"

#include <errno.h>
#include <string.h>

#include "reactor/base/reserve.h"

int post_ring_init(struct post_ring *ring, uint32_t entries_max)
{
    uint64_t cells = 2;
    while (cells < entries_max)
        cells *= 2;
    memset(ring, 0, sizeof *ring);
    ring->cells = base_reserve(cells * sizeof ring->cells[0]);
    if (!ring->cells)
        return -ENOMEM;
    ring->mask = cells - 1;
    for (uint64_t i = 0; i < cells; i++)
        atomic_init(&ring->cells[i].turn, i);
    return 0;
}

void post_ring_done(struct post_ring *ring)
{
    if (ring->cells)
        base_unreserve(ring->cells, (ring->mask + 1) * sizeof ring->cells[0]);
    ring->cells = NULL;
}

bool post_ring_push(struct post_ring *ring, const struct reactor_entry *entry)
{
    uint64_t position = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    for (;;) {
        struct post_cell *cell = &ring->cells[position & ring->mask];
        uint64_t turn = atomic_load_explicit(&cell->turn, memory_order_acquire);
        if (turn == position) {
            if (!atomic_compare_exchange_weak_explicit(&ring->tail, &position, position + 1, memory_order_relaxed,
                                                       memory_order_relaxed))
                continue;
            cell->entry = *entry;
            atomic_store(&cell->turn, position + 1);
            return true;
        }
        if ((int64_t) (turn - position) < 0)
            return false;
        position = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    }
}

bool post_ring_take(struct post_ring *ring, struct reactor_entry *entry)
{
    struct post_cell *cell = &ring->cells[ring->head & ring->mask];
    if (atomic_load_explicit(&cell->turn, memory_order_acquire) != ring->head + 1)
        return false;
    *entry = cell->entry;
    atomic_store_explicit(&cell->turn, ring->head + ring->mask + 1, memory_order_release);
    ring->head++;
    return true;
}
