/* The service by our listener and streams. */
#include <stdlib.h>

#include "reactor/listener.h"
#include "reactor/stream.h"
#include "tests/bench/event_loops/service.h"

struct server {
    struct reactor_listener listener;
    struct service *service;
    struct reactor_loop *loop;
    struct connection {
        struct reactor_stream stream;
        struct server *server;
    } connections[SERVICE_DESCRIPTORS]; /* by descriptor */
};

static void serve(struct reactor_handler *handler)
{
    struct connection *connection = (struct connection *) handler;
    struct server *server = connection->server;
    size_t length;
    const uint8_t *request = reactor_stream_input(&connection->stream, &length);
    if (length < SERVICE_BYTES)
        return;
    if (reactor_stream_write(&connection->stream, request, SERVICE_BYTES) < 0)
        bench_fail("a reply was not taken", 0);
    reactor_stream_consume(&connection->stream, length);
    reactor_stream_close(&connection->stream); /* offers the reply to the kernel */
    if (service_count(server->service))
        reactor_loop_stop(server->loop);
}

static void disconnected(struct reactor_handler *handler, int reason)
{
    (void) handler;
    bench_fail("a connection was lost", reason);
}

static const struct reactor_handler_ops connection_ops = {
    .name = "connection", .input_ready = serve, .disconnected = disconnected};
static const struct reactor_handler_ops listener_ops = {.name = "listener", .disconnected = disconnected};

static void take(struct reactor_listener *listener, int descriptor)
{
    struct server *server = (struct server *) listener;
    if (descriptor >= (int) SERVICE_DESCRIPTORS)
        bench_fail("more connections than were begun", 0);
    struct connection *connection = &server->connections[descriptor];
    connection->server = server;
    connection->stream.handler.ops = &connection_ops;
    connection->stream.handler.descriptor = descriptor;
    int result = reactor_stream_open(&connection->stream, server->loop, NULL);
    if (result < 0)
        bench_fail("reactor_stream_open", result);
}

static void run(struct service *service, const void *argument)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        bench_fail("no memory", 0);
    int result = reactor_loop_create(&server->loop, &(struct reactor_loop_options){.demultiplexer = argument});
    if (result < 0)
        bench_fail("a loop", result);
    server->service = service;
    server->listener.accepted = take;
    server->listener.handler.ops = &listener_ops;
    server->listener.handler.descriptor = service->listener;
    result = reactor_listener_open(&server->listener, server->loop, NULL);
    if (result == 0)
        result = reactor_loop_run(server->loop, UINT64_MAX);
    if (result < 0)
        bench_fail("a loop", result);
}

const struct service_subject services_streams[] = {
    {.name = "streams", .run = run, .argument = "epoll", .demultiplexer = "epoll", .goal = 1.03},
    {.name = "streams on io_uring", .run = run, .argument = "io_uring", .demultiplexer = "io_uring", .goal = .92},
    {0},
};
