#include "reactor/base/slab.h"

#include <errno.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"

/* Behind this many bytes a slab asks for huge pages. It is filled from its start on, so at most 2 MiB of them are not
 * used yet. Not sooner: a huge page is dear to get (measured: 5 times the time of filling small ones, 2 ms a MiB where
 * memory is in pieces), and below this the processor's caches hold the page tables anyway. */
#define HUGE_FROM_BYTES ((size_t) 4 << 20)

static size_t reserved_bytes(const struct base_slab *slab)
{
    return ((size_t) slab->capacity + 1) * slab->item_bytes; /* one more: handle 0 has a place and no use */
}

int base_slab_init(struct base_slab *slab, uint32_t item_bytes, uint32_t capacity)
{
    base_assert(item_bytes >= 4 && item_bytes % 4 == 0 && capacity < UINT32_MAX);
    *slab = (struct base_slab){.item_bytes = item_bytes, .capacity = capacity, .used_end = 1};
    slab->items = base_reserve(reserved_bytes(slab));
    return slab->items != NULL ? 0 : -ENOMEM;
}

void base_slab_done(struct base_slab *slab)
{
    if (slab->items != NULL)
        base_unreserve(slab->items, reserved_bytes(slab));
    *slab = (struct base_slab){0};
}

/* A handle that was never given out: its item was never touched, so it is zero. */
static uint32_t take_untouched(struct base_slab *slab)
{
    uint32_t handle = slab->used_end++;
    size_t start = (size_t) handle * slab->item_bytes;
    if (start >= HUGE_FROM_BYTES && start - slab->item_bytes < HUGE_FROM_BYTES) /* the first such item */
        base_reserve_huge(slab->items + start, reserved_bytes(slab) - start);
    return handle;
}

uint32_t base_slab_take(struct base_slab *slab)
{
    uint32_t handle = slab->free_head;
    if (handle != 0) {
        uint32_t *item = base_slab_at(slab, handle);
        slab->free_head = *item;
        memset(item, 0, slab->item_bytes);
    } else if (slab->used_end <= slab->capacity) {
        handle = take_untouched(slab);
    } else {
        return 0;
    }
    slab->live++;
    return handle;
}

void base_slab_give(struct base_slab *slab, uint32_t handle)
{
    base_assert(handle != 0 && handle < slab->used_end && slab->live > 0);
    uint32_t *item = base_slab_at(slab, handle);
    *item = slab->free_head;
    slab->free_head = handle;
    slab->live--;
}
