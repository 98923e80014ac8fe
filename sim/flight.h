/* Messages in flight: pooled, reference-counted copies of their bytes behind 32-bit handles.
 *
 * A cell is a 16-byte head and the bytes; cells come from size classes with free lists in reserved address space, so a
 * message costs no allocation and no system call. A fan-out shares one cell. Handles are in units of 16 bytes. */
#ifndef SIM_FLIGHT_H
#define SIM_FLIGHT_H

#include <stddef.h>
#include <stdint.h>

#define FLIGHT_LENGTH_MAX 65507u
#define FLIGHT_CLASSES 28

struct flight_cell {
    uint32_t references;
    uint16_t length;
    uint8_t size_class;
    uint64_t sent_at_ns;
    uint8_t bytes[];
};

struct flight_pool {
    uint8_t *cells;
    size_t reserved_bytes;
    uint32_t used_units, units;
    uint32_t free_heads[FLIGHT_CLASSES];
    uint32_t live;
};

/* bytes: what can be in flight at most, of address space; up to 64 GiB. */
int flight_init(struct flight_pool *pool, uint64_t bytes);
void flight_done(struct flight_pool *pool);
/* A cell with one reference holding a copy of bytes; 0 when the pool is exhausted. length <= FLIGHT_LENGTH_MAX. */
uint32_t flight_take(struct flight_pool *pool, const void *bytes, size_t length, uint64_t sent_at_ns);
void flight_give(struct flight_pool *pool, uint32_t handle); /* drops one reference */

static inline struct flight_cell *flight_at(const struct flight_pool *pool, uint32_t handle)
{
    return (struct flight_cell *) (void *) (pool->cells + (size_t) handle * 16);
}

#endif
