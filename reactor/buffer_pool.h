/* Buffers that are held only while something is in them (internal): powers of two from 512 bytes, the freed ones kept
 * in lists by size, up to a bound, and handed out again last in, first out. One thread. */
#ifndef REACTOR_BUFFER_POOL_H
#define REACTOR_BUFFER_POOL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BUFFER_BYTES_LEAST 512u
#define BUFFER_SIZES 12u /* 512 bytes ... 1 MiB are kept, larger ones are freed */

struct buffer_pool {
    void *free[BUFFER_SIZES];
    size_t kept_bytes, kept_bytes_max; /* in the lists */
    size_t taken_bytes;                /* handed out */
};

void buffer_pool_init(struct buffer_pool *pool, size_t kept_bytes_max);
void buffer_pool_done(struct buffer_pool *pool); /* frees what is kept; what is handed out must be back */
uint8_t *buffer_pool_take_slowly(struct buffer_pool *pool, uint32_t least, uint32_t *bytes);
void buffer_pool_give_slowly(struct buffer_pool *pool, uint8_t *buffer, uint32_t bytes);

/* At least `least` bytes, at most 2^31; *bytes is how many. NULL: no memory. */
static inline uint8_t *buffer_pool_take(struct buffer_pool *pool, uint32_t least, uint32_t *bytes)
{
    uint8_t *buffer = pool->free[0];
    if (least > BUFFER_BYTES_LEAST || !buffer)
        return buffer_pool_take_slowly(pool, least, bytes);
    memcpy(&pool->free[0], buffer, sizeof pool->free[0]);
    pool->kept_bytes -= BUFFER_BYTES_LEAST;
    pool->taken_bytes += BUFFER_BYTES_LEAST;
    *bytes = BUFFER_BYTES_LEAST;
    return buffer;
}

static inline void buffer_pool_give(struct buffer_pool *pool, uint8_t *buffer, uint32_t bytes) /* NULL: ignored */
{
    if (bytes != BUFFER_BYTES_LEAST || !buffer || pool->kept_bytes + bytes > pool->kept_bytes_max) {
        buffer_pool_give_slowly(pool, buffer, bytes);
        return;
    }
    memcpy(buffer, &pool->free[0], sizeof pool->free[0]);
    pool->free[0] = buffer;
    pool->kept_bytes += BUFFER_BYTES_LEAST;
    pool->taken_bytes -= BUFFER_BYTES_LEAST;
}

#endif
