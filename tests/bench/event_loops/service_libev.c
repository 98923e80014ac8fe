#include "tests/bench/event_loops/service.h"

#ifndef WITH_LIBEV
const struct service_subject services_libev[] = {{.name = "libev", .missing = "not installed"}, {0}};
#else
#include <ev.h>
#include <stdlib.h>
#include <unistd.h>

struct server {
    ev_io listener;
    struct service *service;
    ev_io connections[SERVICE_DESCRIPTORS]; /* by descriptor; data: the server */
};

static void serve(struct ev_loop *loop, ev_io *io, int events)
{
    struct server *server = io->data;
    (void) events;
    if (!service_answer(io->fd))
        return;
    ev_io_stop(loop, io);
    close(io->fd);
    if (service_count(server->service))
        ev_break(loop, EVBREAK_ALL);
}

static void take(struct ev_loop *loop, ev_io *io, int events)
{
    struct server *server = io->data;
    (void) events;
    for (unsigned i = 0; i < SERVICE_ACCEPTS; i++) {
        int descriptor = service_accept(server->service);
        if (descriptor < 0)
            return;
        ev_io *connection = &server->connections[descriptor];
        ev_io_init(connection, serve, descriptor, EV_READ);
        connection->data = server;
        ev_io_start(loop, connection);
    }
}

static void run(struct service *service, const void *argument)
{
    (void) argument;
    struct ev_loop *loop = ev_loop_new(EVBACKEND_EPOLL);
    struct server *server = calloc(1, sizeof *server);
    if (!loop || !server)
        bench_fail("ev_loop_new", 0);
    server->service = service;
    ev_io_init(&server->listener, take, service->listener, EV_READ);
    server->listener.data = server;
    ev_io_start(loop, &server->listener);
    ev_run(loop, 0);
}

const struct service_subject services_libev[] = {{.name = "libev", .run = run}, {0}};
#endif
