#include "reactor/buffer_pool.h"

#include <stdlib.h>

#include "reactor/base/assert.h"

/* 0: 512 bytes, 1: 1 KiB, ... */
static unsigned size_of(uint32_t bytes)
{
    return bytes <= BUFFER_BYTES_LEAST ? 0 : 32 - (unsigned) __builtin_clz((bytes - 1) / BUFFER_BYTES_LEAST);
}

void buffer_pool_init(struct buffer_pool *pool, size_t kept_bytes_max)
{
    *pool = (struct buffer_pool){.kept_bytes_max = kept_bytes_max};
}

void buffer_pool_done(struct buffer_pool *pool)
{
    for (unsigned size = 0; size < BUFFER_SIZES; size++) {
        for (void *buffer = pool->free[size], *next; buffer; buffer = next) {
            memcpy(&next, buffer, sizeof next);
            free(buffer);
        }
    }
    *pool = (struct buffer_pool){0};
}

uint8_t *buffer_pool_take_slowly(struct buffer_pool *pool, uint32_t least, uint32_t *bytes)
{
    base_assert(least <= 1u << 31);
    unsigned size = size_of(least);
    *bytes = BUFFER_BYTES_LEAST << size;
    uint8_t *buffer = size < BUFFER_SIZES ? pool->free[size] : NULL;
    if (buffer) {
        memcpy(&pool->free[size], buffer, sizeof pool->free[size]);
        pool->kept_bytes -= *bytes;
    } else {
        buffer = malloc(*bytes);
        if (!buffer)
            return NULL;
    }
    pool->taken_bytes += *bytes;
    return buffer;
}

void buffer_pool_give_slowly(struct buffer_pool *pool, uint8_t *buffer, uint32_t bytes)
{
    if (!buffer)
        return;
    unsigned size = size_of(bytes);
    pool->taken_bytes -= bytes;
    if (size >= BUFFER_SIZES || pool->kept_bytes + bytes > pool->kept_bytes_max) {
        free(buffer);
        return;
    }
    memcpy(buffer, &pool->free[size], sizeof pool->free[size]);
    pool->free[size] = buffer;
    pool->kept_bytes += bytes;
}
