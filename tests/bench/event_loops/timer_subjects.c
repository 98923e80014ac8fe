/* Timers of the reactor and of the other libraries, behind one table of functions. */
#include <stdlib.h>

#include "reactor/loop.h"
#include "tests/bench/event_loops/timer_subjects.h"

static void *allocate(size_t bytes)
{
    void *memory = calloc(1, bytes);
    if (!memory)
        bench_fail("no memory", 0);
    return memory;
}

struct ours {
    struct reactor_loop *loop;
    uint64_t *fired, now_ns;
    uint32_t made;
    uint32_t handles[];
};

static void fire_ours(void *context, struct reactor_entry *entry)
{
    struct ours *ours = context;
    uint32_t number;
    *ours->fired += reactor_timer_fire(reactor_loop_timers(ours->loop), entry, &number);
}

static void *create_ours(uint32_t count, uint64_t *fired)
{
    struct ours *ours = allocate(sizeof *ours + count * sizeof ours->handles[0]);
    int result = reactor_loop_create(&ours->loop, &(struct reactor_loop_options){.timers_max = count});
    if (result < 0)
        bench_fail("a loop", result);
    ours->fired = fired;
    reactor_loop_dispatch_set(ours->loop, &(struct reactor_dispatch){
        .context = ours, .handle = {[REACTOR_TIMER] = fire_ours}});
    return ours;
}

static struct reactor_entry entry_of(struct ours *ours, uint32_t number, uint64_t delay_ns)
{
    return (struct reactor_entry){.due_ns = ours->now_ns + delay_ns, .target = number, .source = number + 1,
                                  .count = ++ours->made, .order = REACTOR_TIMER};
}

static void arm_ours(void *state, uint32_t number, uint64_t delay_ns)
{
    struct ours *ours = state;
    struct reactor_entry entry = entry_of(ours, number, delay_ns);
    ours->handles[number] = reactor_timer_arm(reactor_loop_timers(ours->loop), &entry, number);
}

static void rearm_ours(void *state, uint32_t number, uint64_t delay_ns)
{
    struct ours *ours = state;
    struct reactor_entry entry = entry_of(ours, number, delay_ns);
    if (!reactor_timer_rearm(reactor_loop_timers(ours->loop), ours->handles[number], &entry))
        bench_fail("a timer that is armed is not", 0);
}

static void cancel_ours(void *state, uint32_t number)
{
    struct ours *ours = state;
    if (!reactor_timer_disarm(reactor_loop_timers(ours->loop), ours->handles[number], number))
        bench_fail("a timer that is armed is not", 0);
}

static void refresh_ours(void *state)
{
    struct ours *ours = state;
    ours->now_ns = reactor_loop_now(ours->loop);
}

static void run_ours(void *state)
{
    struct ours *ours = state;
    int result = reactor_loop_run(ours->loop, reactor_loop_now(ours->loop));
    if (result < 0)
        bench_fail("a loop", result);
}

const struct timer_subject timers_ours = {
    .name = "reactor", .create = create_ours, .arm = arm_ours, .rearm = rearm_ours, .cancel = cancel_ours,
    .refresh = refresh_ours, .run = run_ours,
};

#ifndef WITH_LIBUV
const struct timer_subject timers_libuv = {.name = "libuv", .missing = "not installed"};
#else
#include <uv.h>

struct of_libuv {
    uv_loop_t loop;
    uint64_t *fired;
    uv_timer_t timers[];
};

static void fire_libuv(uv_timer_t *timer)
{
    ++*(uint64_t *) timer->data;
}

static void *create_libuv(uint32_t count, uint64_t *fired)
{
    struct of_libuv *uv = allocate(sizeof *uv + count * sizeof uv->timers[0]);
    uv_loop_init(&uv->loop);
    for (uint32_t i = 0; i < count; i++) {
        uv_timer_init(&uv->loop, &uv->timers[i]);
        uv->timers[i].data = fired;
    }
    return uv;
}

static void arm_libuv(void *state, uint32_t number, uint64_t delay_ns)
{
    uv_timer_start(&((struct of_libuv *) state)->timers[number], fire_libuv, delay_ns / 1000000, 0);
}

static void cancel_libuv(void *state, uint32_t number)
{
    uv_timer_stop(&((struct of_libuv *) state)->timers[number]);
}

static void refresh_libuv(void *state)
{
    uv_update_time(&((struct of_libuv *) state)->loop);
}

static void run_libuv(void *state)
{
    uv_run(&((struct of_libuv *) state)->loop, UV_RUN_NOWAIT);
}

const struct timer_subject timers_libuv = {
    .name = "libuv", .create = create_libuv, .arm = arm_libuv, .rearm = arm_libuv, .cancel = cancel_libuv,
    .refresh = refresh_libuv, .run = run_libuv,
};
#endif

#ifndef WITH_LIBEVENT
const struct timer_subject timers_libevent = {.name = "libevent", .missing = "not installed"};
#else
#include <event2/event.h>
#include <event2/event_struct.h>

struct of_libevent {
    struct event_base *base;
    struct event timers[];
};

static void fire_libevent(evutil_socket_t descriptor, short what, void *context)
{
    (void) descriptor;
    (void) what;
    ++*(uint64_t *) context;
}

static void *create_libevent(uint32_t count, uint64_t *fired)
{
    struct of_libevent *event = allocate(sizeof *event + count * sizeof event->timers[0]);
    event->base = event_base_new();
    for (uint32_t i = 0; i < count; i++)
        evtimer_assign(&event->timers[i], event->base, fire_libevent, fired);
    return event;
}

static void arm_libevent(void *state, uint32_t number, uint64_t delay_ns)
{
    struct timeval delay = {(time_t) (delay_ns / 1000000000), (suseconds_t) (delay_ns / 1000 % 1000000)};
    evtimer_add(&((struct of_libevent *) state)->timers[number], &delay);
}

static void cancel_libevent(void *state, uint32_t number)
{
    evtimer_del(&((struct of_libevent *) state)->timers[number]);
}

static void refresh_libevent(void *state)
{
    event_base_update_cache_time(((struct of_libevent *) state)->base);
}

static void run_libevent(void *state)
{
    event_base_loop(((struct of_libevent *) state)->base, EVLOOP_NONBLOCK);
}

const struct timer_subject timers_libevent = {
    .name = "libevent", .create = create_libevent, .arm = arm_libevent, .rearm = arm_libevent,
    .cancel = cancel_libevent, .refresh = refresh_libevent, .run = run_libevent,
};
#endif
