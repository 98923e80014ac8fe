/* Items of one size behind 32-bit handles, free items chained through themselves. Handle 0 is never given out.
 *
 * Items never move (reserve.h), handles are relocatable, taking and giving are O(1) without a system call after the
 * pages were first touched. A taken item is zeroed. Behind the first 64 MiB of items huge pages are asked for.
 * Not thread-safe: one slab, one loop. */
#ifndef REACTOR_BASE_SLAB_H
#define REACTOR_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct base_slab {
    uint8_t *items;
    uint32_t item_bytes; /* a multiple of 4, at least 4 */
    uint32_t capacity;   /* items that the reservation holds */
    uint32_t used_end;   /* handles below it were given out at least once */
    uint32_t free_head;  /* 0: none */
    uint32_t live;       /* taken and not given back */
};

/* 0, or -ENOMEM. capacity is a bound on live items, not memory used. */
int base_slab_init(struct base_slab *slab, uint32_t item_bytes, uint32_t capacity);
void base_slab_done(struct base_slab *slab);

/* A zeroed item's handle, or 0 when capacity is reached. */
uint32_t base_slab_take(struct base_slab *slab);
void base_slab_give(struct base_slab *slab, uint32_t handle);

static inline void *base_slab_at(const struct base_slab *slab, uint32_t handle)
{
    return slab->items + (size_t) handle * slab->item_bytes;
}

#endif
