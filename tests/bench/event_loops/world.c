#include "tests/bench/event_loops/world.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

void world_open(struct world *world)
{
    world->ends = calloc(2 * (size_t) world->pairs, sizeof *world->ends);
    if (!world->ends)
        bench_fail("no memory", 0);
    for (uint32_t i = 0; i < world->pairs; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, &world->ends[2 * i]) < 0)
            bench_fail("socketpair", errno);
    world->phase = 0;
    world->left = world->messages / 4 + world->active; /* warms up: each message has been somewhere */
}

void world_start(struct world *world)
{
    static const char bytes[WORLD_MESSAGE_BYTES];
    for (uint32_t i = 0; i < world->active; i++) {
        uint32_t pair = (uint32_t) ((uint64_t) i * world->pairs / world->active);
        if (write(world->ends[2 * pair + 1], bytes, sizeof bytes) != sizeof bytes)
            bench_fail("a pair takes nothing", errno);
    }
}

bool world_next_phase(struct world *world)
{
    if (world->phase == 0) {
        world->phase = 1;
        world->left = world->messages;
        world->reads = 0;
        bench_begin(world->figures);
    } else if (world->phase == 1) {
        bench_end(world->figures);
        world->phase = 2;
        world->left = UINT64_MAX;
        world->figures->done = (double) world->messages;
        world->figures->values[0] = (double) world->reads / (double) world->messages;
    }
    return world->phase == 2;
}
