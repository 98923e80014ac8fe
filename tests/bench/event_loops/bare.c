/* What the others are held against: a level-triggered epoll loop written by hand; and reads and writes with no loop. */
#include <stdlib.h>
#include <sys/epoll.h>

#include "tests/bench/event_loops/world.h"

#define EVENTS_A_CALL 256

static void run_raw(struct world *world, const void *argument)
{
    (void) argument;
    struct epoll_event events[EVENTS_A_CALL];
    int poller = epoll_create1(EPOLL_CLOEXEC);
    for (uint32_t k = 0; k < world_watched_count(world); k++) {
        uint32_t end = world_watched(world, k);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = end};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, world->ends[end], &event) < 0)
            bench_fail("epoll_ctl", errno);
    }
    world_start(world);
    for (;;) {
        int count = epoll_wait(poller, events, EVENTS_A_CALL, -1);
        for (int i = 0; i < count; i++)
            if (world_forward(world, events[i].data.u32))
                return;
    }
}

/* Each message is read where it is known to be. */
static void run_no_loop(struct world *world, const void *argument)
{
    (void) argument;
    uint32_t *at = calloc(world->active, sizeof *at);
    if (!at)
        bench_fail("no memory", 0);
    for (uint32_t i = 0; i < world->active; i++)
        at[i] = 2 * (uint32_t) ((uint64_t) i * world->pairs / world->active);
    world_start(world);
    for (;;)
        for (uint32_t i = 0; i < world->active; i++) {
            if (world_forward(world, at[i]))
                return;
            at[i] = world->is_chain ? (at[i] + 2) % (2 * world->pairs) : at[i] ^ 1;
        }
}

const struct world_subject world_bare[] = {
    {.name = "raw epoll", .run = run_raw},
    {.name = "no loop", .run = run_no_loop},
    {0},
};
