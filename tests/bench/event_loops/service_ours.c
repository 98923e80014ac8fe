/* The service by our readiness handlers. */
#include <stdlib.h>
#include <unistd.h>

#include "reactor/handler.h"
#include "tests/bench/event_loops/service.h"

struct server {
    struct reactor_handler listener;
    struct service *service;
    struct connection {
        struct reactor_handler handler;
        struct server *server;
    } connections[SERVICE_DESCRIPTORS]; /* by descriptor */
};

static void end(struct connection *connection)
{
    struct reactor_loop *loop = connection->server->listener.loop;
    reactor_handler_detach(&connection->handler);
    close(connection->handler.descriptor);
    if (service_count(connection->server->service))
        reactor_loop_stop(loop);
}

static void serve(struct reactor_handler *handler)
{
    if (service_answer(handler->descriptor))
        end((struct connection *) handler);
}

static void disconnected(struct reactor_handler *handler, int reason)
{
    (void) handler;
    bench_fail("a connection was lost", reason);
}

static const struct reactor_handler_ops connection_ops = {
    .name = "connection", .input_ready = serve, .disconnected = disconnected};

static void take(struct reactor_handler *handler)
{
    struct server *server = (struct server *) handler;
    for (unsigned i = 0; i < SERVICE_ACCEPTS; i++) {
        int descriptor = service_accept(server->service);
        if (descriptor < 0)
            return;
        struct connection *connection = &server->connections[descriptor];
        connection->handler.ops = &connection_ops;
        connection->handler.descriptor = descriptor;
        connection->server = server;
        int result = reactor_handler_attach(&connection->handler, handler->loop, REACTOR_READ);
        if (result < 0)
            bench_fail("attach", result);
    }
}

static const struct reactor_handler_ops listener_ops = {
    .name = "listener", .input_ready = take, .disconnected = disconnected};

static void run(struct service *service, const void *argument)
{
    struct server *server = calloc(1, sizeof *server);
    struct reactor_loop *loop;
    int result = reactor_loop_create(&loop, &(struct reactor_loop_options){.demultiplexer = argument});
    if (result < 0 || !server)
        bench_fail("a loop", result);
    server->service = service;
    server->listener.ops = &listener_ops;
    server->listener.descriptor = service->listener;
    result = reactor_handler_attach(&server->listener, loop, REACTOR_READ);
    if (result == 0)
        result = reactor_loop_run(loop, UINT64_MAX);
    if (result < 0)
        bench_fail("a loop", result);
}

const struct service_subject services_ours[] = {
    {.name = "epoll", .run = run, .argument = "epoll", .demultiplexer = "epoll", .goal = 1.03},
    {.name = "io_uring", .run = run, .argument = "io_uring", .demultiplexer = "io_uring"},
    {0},
};
