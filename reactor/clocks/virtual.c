#include "reactor/clocks/clocks.h"

static uint64_t virtual_now(const struct reactor_clock *clock)
{
    return clock->virtual_now_ns;
}

static uint64_t virtual_until(const struct reactor_clock *clock, uint64_t at_ns)
{
    (void) clock;
    (void) at_ns;
    return 0; /* any instant is a jump away */
}

const struct reactor_clock_ops reactor_clock_virtual = {
    .name = "virtual",
    .summary = "stands still while there is work, then jumps to the next instant that has some",
    .waits = false,
    .now = virtual_now,
    .until = virtual_until,
};
