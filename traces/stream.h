/* Stores past the caches, where the processor has them. Nobody reads a row again but the writer, a good deal later: lines
 * fetched in order to be written would only push out what the simulating thread works on. Worth it where a line is filled
 * from its beginning to its end. */
#ifndef TRACES_STREAM_H
#define TRACES_STREAM_H

#include <stdint.h>

#if defined __x86_64__
#include <emmintrin.h>
#define STREAM_STORES 1

/* to: aligned to 8. */
static inline void stream_64(void *to, uint64_t value)
{
    _mm_stream_si64(to, (long long) value);
}

/* Two neighbours. */
static inline void stream_32(void *to, uint32_t first, uint32_t second)
{
    stream_64(to, first | (uint64_t) second << 32);
}
#endif

/* Before another thread may be told of what was stored. */
static inline void stream_end(void)
{
#if defined STREAM_STORES
    _mm_sfence();
#endif
}

#endif
