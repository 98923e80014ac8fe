/* Our streams on each demultiplexer that they gain from; once more with all that may be switched on. */
#include "reactor/stream.h"

#include <stdlib.h>

#include "tests/bench/event_loops/world.h"

struct setting {
    const char *demultiplexer;
    bool with_all; /* a handler budget, and on each stream an idle time-out */
};

#define IDLE_NS UINT64_C(30000000000)

struct peer {
    struct reactor_stream stream;
    struct world *world;
    struct peer *target;
};

static void forward(struct reactor_handler *handler)
{
    struct peer *peer = (struct peer *) handler;
    size_t length;
    const uint8_t *bytes = reactor_stream_input(&peer->stream, &length);
    if (length == 0)
        return;
    if (reactor_stream_write(&peer->target->stream, bytes, length) < 0)
        bench_fail("a stream takes no more", 0);
    reactor_stream_consume(&peer->stream, length);
    if (world_count(peer->world, length))
        reactor_loop_stop(handler->loop);
}

static void disconnected(struct reactor_handler *handler, int reason)
{
    (void) handler;
    bench_fail("a stream was disconnected", reason);
}

static const struct reactor_handler_ops ops = {.name = "forward", .input_ready = forward, .disconnected = disconnected};

static void run(struct world *world, const void *argument)
{
    const struct setting *setting = argument;
    struct reactor_loop *loop;
    int result = reactor_loop_create(&loop, &(struct reactor_loop_options){
        .demultiplexer = setting->demultiplexer, .handler_budget_ns = setting->with_all ? 10000000 : 0});
    if (result < 0)
        bench_fail(setting->demultiplexer, result);
    const struct reactor_stream_options options = {.idle_timeout_ns = setting->with_all ? IDLE_NS : 0};
    struct peer *peers = calloc(2 * (size_t) world->pairs, sizeof *peers);
    for (uint32_t end = 0; peers && end < 2 * world->pairs; end++) {
        peers[end].world = world;
        peers[end].target = &peers[world_target(world, end)];
        peers[end].stream.handler.ops = &ops;
        peers[end].stream.handler.descriptor = world->ends[end];
        result = reactor_stream_open(&peers[end].stream, loop, &options);
        if (result < 0)
            bench_fail("reactor_stream_open", result);
    }
    world_start(world);
    result = reactor_loop_run(loop, UINT64_MAX);
    if (result < 0)
        bench_fail("a loop", result);
}

#define ON(demultiplexer_name, all)                                                       \
    .run = run, .demultiplexer = (demultiplexer_name),                                    \
    .argument = &(const struct setting) {.demultiplexer = (demultiplexer_name), .with_all = (all)}
#define EPOLL_GOALS {.small = 1.04, .large = 1.04, .user_ns = 150}
#define URING_GOALS {.small = .65, .large = .78, .user_ns = 150, .calls = .03}

const struct world_subject world_streams[] = {
    {.name = "streams", ON("epoll", false), .goals = EPOLL_GOALS},
    {.name = "streams with all", ON("epoll", true), .goals = EPOLL_GOALS},
    {.name = "streams on io_uring", ON("io_uring", false), .goals = URING_GOALS},
    {.name = "on io_uring with all", ON("io_uring", true), .goals = URING_GOALS},
    {0},
};
