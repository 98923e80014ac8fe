#include "reactor/clocks/clocks.h"

static uint64_t real_now(const struct reactor_clock *clock)
{
    return clock_monotonic_ns() - clock->origin_ns;
}

static uint64_t real_until(const struct reactor_clock *clock, uint64_t at_ns)
{
    uint64_t now = real_now(clock);
    return at_ns > now ? at_ns - now : 0;
}

const struct reactor_clock_ops reactor_clock_real = {
    .name = "real",
    .summary = "CLOCK_MONOTONIC since the start",
    .waits = true,
    .now = real_now,
    .until = real_until,
};
