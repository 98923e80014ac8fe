/* Buffers that are held only while something is in them (internal): powers of two from 512 bytes, the freed ones kept
 * in lists by size, up to a bound, and handed out again last in, first out. One thread. */
#ifndef REACTOR_BUFFER_POOL_H
#define REACTOR_BUFFER_POOL_H

#include <stddef.h>
#include <stdint.h>

#define BUFFER_BYTES_LEAST 512u
#define BUFFER_SIZES 12u /* 512 bytes ... 1 MiB are kept, larger ones are freed */

struct buffer_pool {
    void *free[BUFFER_SIZES];
    size_t kept_bytes, kept_bytes_max; /* in the lists */
    size_t taken_bytes;                /* handed out */
};

void buffer_pool_init(struct buffer_pool *pool, size_t kept_bytes_max);
void buffer_pool_done(struct buffer_pool *pool); /* frees what is kept; what is handed out must be back */
/* At least `least` bytes, at most 2^31; *bytes is how many. NULL: no memory. */
uint8_t *buffer_pool_take(struct buffer_pool *pool, uint32_t least, uint32_t *bytes);
void buffer_pool_give(struct buffer_pool *pool, uint8_t *buffer, uint32_t bytes); /* NULL: ignored */

#endif
