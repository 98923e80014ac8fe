#include <stdlib.h>

#include "tests/bench/event_loops/timer_subjects.h"
#include "tests/bench/event_loops/world.h"

#ifndef WITH_LIBEV
const struct world_subject world_libev[] = {{.name = "libev", .missing = "not installed"}, {0}};
const struct timer_subject timers_libev = {.name = "libev", .missing = "not installed"};
#else
#pragma GCC diagnostic ignored "-Wstrict-aliasing" /* its macros */
#include <ev.h>

struct watched {
    ev_io io;
    struct world *world;
    uint32_t end;
};

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    struct watched *peer = (struct watched *) io;
    (void) events;
    if (world_forward(peer->world, peer->end))
        ev_break(loop, EVBREAK_ALL);
}

static void run(struct world *world, const void *argument)
{
    (void) argument;
    struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL);
    struct watched *peers = calloc(world_watched_count(world), sizeof *peers);
    if (!loop)
        bench_fail("ev_loop_new", 0);
    for (uint32_t k = 0; peers && k < world_watched_count(world); k++) {
        uint32_t end = world_watched(world, k);
        peers[k].world = world;
        peers[k].end = end;
        ev_io_init(&peers[k].io, on_readable, world->ends[end], EV_READ);
        ev_io_start(loop, &peers[k].io);
    }
    world_start(world);
    ev_run(loop, 0);
}

const struct world_subject world_libev[] = {{.name = "libev", .run = run}, {0}};

struct timed {
    struct ev_loop *loop;
    ev_timer timers[];
};

static void on_due(struct ev_loop *loop, ev_timer *timer, int events)
{
    (void) loop;
    (void) events;
    ++*(uint64_t *) timer->data;
}

static void *create(uint32_t count, uint64_t *fired)
{
    struct timed *timed = calloc(1, sizeof *timed + count * sizeof timed->timers[0]);
    if (!timed || !(timed->loop = ev_loop_new(EVBACKEND_EPOLL)))
        bench_fail("ev_loop_new", 0);
    for (uint32_t i = 0; i < count; i++) {
        ev_timer_init(&timed->timers[i], on_due, 0., 0.);
        timed->timers[i].data = fired;
    }
    return timed;
}

static void arm(void *state, uint32_t number, uint64_t delay_ns)
{
    struct timed *timed = state;
    ev_timer_set(&timed->timers[number], 1e-9 * (double) delay_ns, 0.);
    ev_timer_start(timed->loop, &timed->timers[number]);
}

/* Its repeat is how libev re-arms, when it is stopped as it fires. */
static void rearm(void *state, uint32_t number, uint64_t delay_ns)
{
    struct timed *timed = state;
    timed->timers[number].repeat = 1e-9 * (double) delay_ns;
    ev_timer_again(timed->loop, &timed->timers[number]);
}

static void cancel(void *state, uint32_t number)
{
    struct timed *timed = state;
    ev_timer_stop(timed->loop, &timed->timers[number]);
}

static void refresh(void *state)
{
    ev_now_update(((struct timed *) state)->loop);
}

static void run_due(void *state)
{
    ev_run(((struct timed *) state)->loop, EVRUN_NOWAIT);
}

const struct timer_subject timers_libev = {
    .name = "libev", .create = create, .arm = arm, .rearm = rearm, .cancel = cancel, .refresh = refresh, .run = run_due,
};
#endif
