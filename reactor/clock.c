#include "reactor/clock.h"

#include <errno.h>
#include <string.h>

#include "reactor/clocks/clocks.h"

const struct reactor_clock_ops *const reactor_clocks[] = {
    &reactor_clock_virtual,
    &reactor_clock_real,
    &reactor_clock_scaled,
    NULL,
};

int reactor_clock_init(struct reactor_clock *clock, const char *name, uint64_t scale_ppm)
{
    for (size_t i = 0; reactor_clocks[i]; i++) {
        if (strcmp(reactor_clocks[i]->name, name) != 0)
            continue;
        bool scaled = reactor_clocks[i] == &reactor_clock_scaled;
        if (scaled && scale_ppm == 0)
            return -EINVAL;
        *clock = (struct reactor_clock){
            .ops = reactor_clocks[i],
            .scale_ppm = scaled ? scale_ppm : CLOCK_REAL_SPEED_PPM,
        };
        reactor_clock_restart(clock, 0);
        return 0;
    }
    return -EINVAL;
}

void reactor_clock_restart(struct reactor_clock *clock, uint64_t at_ns)
{
    clock->virtual_now_ns = at_ns;
    /* Modulo 2^64 on purpose: only differences to it are taken. */
    clock->origin_ns = clock_monotonic_ns() - clock_scale(at_ns, CLOCK_REAL_SPEED_PPM, clock->scale_ppm);
}
