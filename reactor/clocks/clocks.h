/* The clocks of the table in clock.c, and what they share (internal). */
#ifndef REACTOR_CLOCKS_CLOCKS_H
#define REACTOR_CLOCKS_CLOCKS_H

#include <time.h>

#include "reactor/clock.h"

#define CLOCK_REAL_SPEED_PPM UINT64_C(1000000)

extern const struct reactor_clock_ops reactor_clock_virtual, reactor_clock_real, reactor_clock_scaled;

static inline uint64_t clock_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * UINT64_C(1000000000) + (uint64_t) now.tv_nsec;
}

/* span x times / by, rounded up, saturating. */
static inline uint64_t clock_scale(uint64_t span_ns, uint64_t times, uint64_t by)
{
    unsigned __int128 scaled = ((unsigned __int128) span_ns * times + by - 1) / by;
    return scaled > UINT64_MAX ? UINT64_MAX : (uint64_t) scaled;
}

#endif
