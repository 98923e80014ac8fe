/* Our readiness handlers on each demultiplexer; once more with all that may be switched on. */
#include <stdlib.h>

#include "reactor/handler.h"
#include "tests/bench/event_loops/world.h"

struct setting {
    const char *demultiplexer;
    bool with_all; /* a handler budget, and on each handler an idle time-out that each message puts off */
};

#define IDLE_NS UINT64_C(30000000000)

struct peer {
    struct reactor_handler handler;
    struct world *world;
    uint32_t end;
};

static void forward(struct reactor_handler *handler)
{
    struct peer *peer = (struct peer *) handler;
    do {
        if (world_forward(peer->world, peer->end))
            reactor_loop_stop(handler->loop);
    } while (!peer->world->drained);
}

static void forward_idle(struct reactor_handler *handler)
{
    if (reactor_handler_timer_arm(handler, IDLE_NS) < 0)
        bench_fail("a time-out", 0);
    forward(handler);
}

static void idle(struct reactor_handler *handler)
{
    (void) handler;
    bench_fail("half a minute without a message", 0);
}

static void disconnected(struct reactor_handler *handler, int reason)
{
    (void) handler;
    bench_fail("a handler was disconnected", reason);
}

static const struct reactor_handler_ops plain_ops = {
    .name = "forward", .input_ready = forward, .disconnected = disconnected};
static const struct reactor_handler_ops all_ops = {
    .name = "forward", .input_ready = forward_idle, .timed_out = idle, .disconnected = disconnected};

static void run(struct world *world, const void *argument)
{
    const struct setting *setting = argument;
    struct reactor_loop *loop;
    int result = reactor_loop_create(&loop, &(struct reactor_loop_options){
        .demultiplexer = setting->demultiplexer, .handler_budget_ns = setting->with_all ? 10000000 : 0});
    if (result < 0)
        bench_fail(setting->demultiplexer, result);
    uint32_t count = world_watched_count(world);
    struct peer *peers = calloc(count, sizeof *peers);
    for (uint32_t k = 0; peers && k < count; k++) {
        uint32_t end = world_watched(world, k);
        peers[k] = (struct peer){.world = world, .end = end, .handler = {
            .ops = setting->with_all ? &all_ops : &plain_ops, .descriptor = world->ends[end]}};
        result = reactor_handler_attach(&peers[k].handler, loop, REACTOR_READ | REACTOR_EDGE);
        if (result < 0)
            bench_fail("attach", result);
    }
    world_start(world);
    result = reactor_loop_run(loop, UINT64_MAX);
    if (result < 0)
        bench_fail("a loop", result);
}

#define ON(demultiplexer_name, all)                                                       \
    .run = run, .demultiplexer = (demultiplexer_name),                                    \
    .argument = &(const struct setting) {.demultiplexer = (demultiplexer_name), .with_all = (all)}
#define GOALS {.small = 1.03, .large = 1.03, .large_active = .92, .user_ns = 150}

const struct world_subject world_handlers[] = {
    {.name = "epoll", ON("epoll", false), .goals = GOALS},
    {.name = "epoll with all", ON("epoll", true), .goals = GOALS},
    {.name = "poll", ON("poll", false), .pairs_max = 1000},
    {.name = "select", ON("select", false), .descriptors_max = 1023},
    {.name = "io_uring", ON("io_uring", false)},
    {0},
};
