/* libevent: an event tells readiness, a bufferevent reads and writes by itself. */
#include <stdlib.h>

#include "tests/bench/event_loops/world.h"

#ifndef WITH_LIBEVENT
const struct world_subject world_libevent[] = {
    {.name = "libevent event", .missing = "not installed"},
    {.name = "libevent bufferevent", .missing = "not installed"},
    {0},
};
#else
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

struct peer {
    struct event *event;
    struct bufferevent *stream;
    struct event_base *base;
    struct world *world;
    uint32_t end;
    struct peer *target;
};

static struct peer *make_peers(struct world *world, struct event_base **base)
{
    struct peer *peers = calloc(2 * (size_t) world->pairs, sizeof *peers);
    *base = event_base_new();
    if (!peers || !*base)
        bench_fail("event_base_new", 0);
    for (uint32_t end = 0; end < 2 * world->pairs; end++)
        peers[end] = (struct peer){.base = *base, .world = world, .end = end,
                                   .target = &peers[world_target(world, end)]};
    return peers;
}

static void on_event(evutil_socket_t descriptor, short what, void *context)
{
    struct peer *peer = context;
    (void) descriptor;
    (void) what;
    if (world_forward(peer->world, peer->end))
        event_base_loopbreak(peer->base);
}

static void run_event(struct world *world, const void *argument)
{
    (void) argument;
    struct event_base *base;
    struct peer *peers = make_peers(world, &base);
    for (uint32_t k = 0; k < world_watched_count(world); k++) {
        struct peer *peer = &peers[world_watched(world, k)];
        peer->event = event_new(base, world->ends[peer->end], EV_READ | EV_PERSIST, on_event, peer);
        if (!peer->event || event_add(peer->event, NULL) < 0)
            bench_fail("event_add", 0);
    }
    world_start(world);
    event_base_dispatch(base);
}

static void on_input(struct bufferevent *stream, void *context)
{
    struct peer *peer = context;
    struct evbuffer *input = bufferevent_get_input(stream);
    size_t length = evbuffer_get_length(input);
    if (evbuffer_add_buffer(bufferevent_get_output(peer->target->stream), input) < 0)
        bench_fail("evbuffer_add_buffer", 0);
    if (world_count(peer->world, length))
        event_base_loopbreak(peer->base);
}

static void run_bufferevent(struct world *world, const void *argument)
{
    (void) argument;
    struct event_base *base;
    struct peer *peers = make_peers(world, &base);
    for (uint32_t end = 0; end < 2 * world->pairs; end++) {
        peers[end].stream = bufferevent_socket_new(base, world->ends[end], 0);
        if (!peers[end].stream)
            bench_fail("bufferevent_socket_new", 0);
        bufferevent_setcb(peers[end].stream, on_input, NULL, NULL, &peers[end]);
        bool reads = !world->is_chain || end % 2 == 0;
        bufferevent_disable(peers[end].stream, reads ? 0 : EV_READ);
        bufferevent_enable(peers[end].stream, (short) (reads ? EV_READ | EV_WRITE : EV_WRITE));
    }
    world_start(world);
    event_base_dispatch(base);
}

const struct world_subject world_libevent[] = {
    {.name = "libevent event", .run = run_event},
    {.name = "libevent bufferevent", .run = run_bufferevent},
    {0},
};
#endif
