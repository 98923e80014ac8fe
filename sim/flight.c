#include "sim/flight.h"

#include <errno.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"

_Static_assert(offsetof(struct flight_cell, bytes) == 16, "a cell's head is one unit");

/* Units of 16 bytes a class: two classes an octave above 64 bytes, so at most a third of a large cell is unused. */
static const uint16_t class_units[FLIGHT_CLASSES] = {
    2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 2560, 3072, 3584, 4096,
};

int flight_init(struct flight_pool *pool, uint64_t bytes)
{
    memset(pool, 0, sizeof *pool);
    pool->units = bytes / 16 < UINT32_MAX ? (uint32_t) (bytes / 16) : UINT32_MAX;
    pool->reserved_bytes = (size_t) pool->units * 16;
    pool->cells = base_reserve(pool->reserved_bytes);
    pool->used_units = 1; /* handle 0 is nobody's */
    return pool->cells ? 0 : -ENOMEM;
}

void flight_done(struct flight_pool *pool)
{
    if (pool->cells)
        base_unreserve(pool->cells, pool->reserved_bytes);
    pool->cells = NULL;
}

static unsigned class_for(size_t length)
{
    size_t units = (length + 16 + 15) / 16;
    unsigned c = units <= 6 ? (units < 2 ? 0 : (unsigned) units - 2) : 5;
    while (class_units[c] < units)
        c++;
    return c;
}

uint32_t flight_take(struct flight_pool *pool, const void *bytes, size_t length, uint64_t sent_at_ns)
{
    base_assert(length <= FLIGHT_LENGTH_MAX);
    unsigned c = class_for(length);
    uint32_t handle = pool->free_heads[c];
    struct flight_cell *cell = flight_at(pool, handle);
    if (handle) {
        pool->free_heads[c] = cell->references;
    } else {
        if (pool->used_units > pool->units - class_units[c])
            return 0;
        handle = pool->used_units;
        pool->used_units += class_units[c];
        cell = flight_at(pool, handle);
    }
    cell->references = 1;
    cell->length = (uint16_t) length;
    cell->size_class = (uint8_t) c;
    cell->sent_at_ns = sent_at_ns;
    memcpy(cell->bytes, bytes, length);
    pool->live++;
    return handle;
}

void flight_give(struct flight_pool *pool, uint32_t handle)
{
    struct flight_cell *cell = flight_at(pool, handle);
    if (--cell->references)
        return;
    cell->references = pool->free_heads[cell->size_class];
    pool->free_heads[cell->size_class] = handle;
    pool->live--;
}
