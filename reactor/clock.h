/* Clocks: where `now` comes from and whether waiting takes time. Any clock goes with any demultiplexer.
 *
 * virtual: time stands still until nothing is ready and nothing was posted, then jumps to the next due entry.
 * real:    CLOCK_MONOTONIC since the loop's start.   scaled: k times as fast as real. All count ns from 0. */
#ifndef REACTOR_CLOCK_H
#define REACTOR_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "reactor/api.h"

REACTOR_API_BEGIN

struct reactor_clock;

struct reactor_clock_ops {
    const char *name;
    const char *summary;
    bool waits; /* false: virtual, the wait never sleeps */
    uint64_t (*now)(const struct reactor_clock *clock);
    /* How long of real time until at_ns of this clock, in ns; 0 when it is past. */
    uint64_t (*until)(const struct reactor_clock *clock, uint64_t at_ns);
};

struct reactor_clock {
    const struct reactor_clock_ops *ops;
    uint64_t virtual_now_ns; /* virtual: now. Others: unused */
    uint64_t origin_ns;      /* CLOCK_MONOTONIC at start */
    uint64_t scale_ppm;      /* 1000000: real speed */
};

extern const struct reactor_clock_ops *const reactor_clocks[]; /* NULL-terminated: virtual real scaled */
/* name: "virtual", "real", or "scaled" with scale_ppm > 0. 0 or -EINVAL. Starts at 0 now. */
int reactor_clock_init(struct reactor_clock *clock, const char *name, uint64_t scale_ppm);
/* Starts (again) from at_ns now: for what should not count set-up, and for reopening a parked run. */
void reactor_clock_restart(struct reactor_clock *clock, uint64_t at_ns);

static inline uint64_t reactor_clock_now(const struct reactor_clock *clock)
{
    return clock->ops->waits ? clock->ops->now(clock) : clock->virtual_now_ns;
}

REACTOR_API_END

#endif
