/* libuv: uv_poll tells readiness, uv_stream reads and writes by itself. */
#include <stdlib.h>

#include "tests/bench/event_loops/world.h"

#ifndef WITH_LIBUV
const struct world_subject world_libuv[] = {
    {.name = "libuv poll", .missing = "not installed"},
    {.name = "libuv stream", .missing = "not installed"},
    {0},
};
#else
#include <uv.h>

struct polled {
    uv_poll_t poll;
    struct world *world;
    uint32_t end;
};

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct polled *peer = poll->data;
    (void) events;
    if (status < 0)
        bench_fail("uv_poll", status);
    if (world_forward(peer->world, peer->end))
        uv_stop(poll->loop);
}

static void run_poll(struct world *world, const void *argument)
{
    (void) argument;
    uv_loop_t *loop = uv_default_loop();
    struct polled *peers = calloc(world_watched_count(world), sizeof *peers);
    for (uint32_t k = 0; peers && k < world_watched_count(world); k++) {
        uint32_t end = world_watched(world, k);
        peers[k].world = world;
        peers[k].end = end;
        peers[k].poll.data = &peers[k];
        if (uv_poll_init(loop, &peers[k].poll, world->ends[end]) < 0 ||
            uv_poll_start(&peers[k].poll, UV_READABLE, on_poll) < 0)
            bench_fail("uv_poll_start", 0);
    }
    world_start(world);
    uv_run(loop, UV_RUN_DEFAULT);
}

/* Each end is a stream, that of a chain that is only written to as well. */
struct streamed {
    uv_pipe_t pipe;
    struct world *world;
    struct streamed *target;
};

static char shared_bytes[WORLD_READ_BYTES]; /* of the one thread's one read at a time */

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void) handle;
    (void) suggested;
    *buffer = uv_buf_init(shared_bytes, sizeof shared_bytes);
}

/* uv_try_write: without a request that lives until its callback, and at once. */
static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    struct streamed *peer = stream->data, *target = peer->target;
    if (got == 0)
        return;
    if (got < 0)
        bench_fail("uv_read", (int) got);
    uv_buf_t bytes = uv_buf_init(buffer->base, (unsigned) got);
    if (uv_try_write((uv_stream_t *) &target->pipe, &bytes, 1) != got)
        bench_fail("uv_try_write", 0);
    if (world_count(peer->world, (size_t) got))
        uv_stop(stream->loop);
}

static void run_stream(struct world *world, const void *argument)
{
    (void) argument;
    uv_loop_t *loop = uv_default_loop();
    struct streamed *peers = calloc(2 * (size_t) world->pairs, sizeof *peers);
    for (uint32_t end = 0; peers && end < 2 * world->pairs; end++) {
        peers[end].pipe.data = &peers[end];
        peers[end].world = world;
        peers[end].target = &peers[world_target(world, end)];
        if (uv_pipe_init(loop, &peers[end].pipe, 0) < 0 || uv_pipe_open(&peers[end].pipe, world->ends[end]) < 0)
            bench_fail("uv_pipe_open", 0);
    }
    for (uint32_t k = 0; peers && k < world_watched_count(world); k++)
        if (uv_read_start((uv_stream_t *) &peers[world_watched(world, k)].pipe, lend, on_read) < 0)
            bench_fail("uv_read_start", 0);
    world_start(world);
    uv_run(loop, UV_RUN_DEFAULT);
}

const struct world_subject world_libuv[] = {
    {.name = "libuv poll", .run = run_poll},
    {.name = "libuv stream", .run = run_stream},
    {0},
};
#endif
