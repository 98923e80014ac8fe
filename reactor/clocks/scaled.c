#include "reactor/clocks/clocks.h"

static uint64_t scaled_now(const struct reactor_clock *clock)
{
    unsigned __int128 elapsed = clock_monotonic_ns() - clock->origin_ns;
    return (uint64_t) (elapsed * clock->scale_ppm / CLOCK_REAL_SPEED_PPM);
}

static uint64_t scaled_until(const struct reactor_clock *clock, uint64_t at_ns)
{
    uint64_t now = scaled_now(clock);
    return at_ns > now ? clock_scale(at_ns - now, CLOCK_REAL_SPEED_PPM, clock->scale_ppm) : 0;
}

const struct reactor_clock_ops reactor_clock_scaled = {
    .name = "scaled",
    .summary = "k times as fast as real",
    .waits = true,
    .now = scaled_now,
    .until = scaled_until,
};
