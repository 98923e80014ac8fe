#include "tests/bench/event_loops/service.h"

#ifndef WITH_LIBEVENT
const struct service_subject services_libevent[] = {
    {.name = "libevent event", .missing = "not installed"},
    {0},
};
#else
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <unistd.h>

struct server {
    struct event_base *base;
    struct event listener;
    struct service *service;
    struct connection {
        struct event event;
        struct server *server;
    } connections[SERVICE_DESCRIPTORS]; /* by descriptor */
};

static void ended(struct server *server)
{
    if (service_count(server->service))
        event_base_loopbreak(server->base);
}

static void serve(evutil_socket_t descriptor, short what, void *context)
{
    struct connection *connection = context;
    (void) what;
    if (!service_answer(descriptor))
        return;
    event_del(&connection->event);
    close(descriptor);
    ended(connection->server);
}

static void take(evutil_socket_t listener, short what, void *context)
{
    struct server *server = context;
    (void) listener;
    (void) what;
    for (unsigned i = 0; i < SERVICE_ACCEPTS; i++) {
        int descriptor = service_accept(server->service);
        if (descriptor < 0)
            return;
        struct connection *connection = &server->connections[descriptor];
        connection->server = server;
        event_assign(&connection->event, server->base, descriptor, EV_READ | EV_PERSIST, serve, connection);
        event_add(&connection->event, NULL);
    }
}

static struct server *create(struct service *service)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server || !(server->base = event_base_new()))
        bench_fail("event_base_new", 0);
    server->service = service;
    return server;
}

static void run(struct service *service, const void *argument)
{
    (void) argument;
    struct server *server = create(service);
    event_assign(&server->listener, server->base, service->listener, EV_READ | EV_PERSIST, take, server);
    event_add(&server->listener, NULL);
    errno = 0;
    int result = event_base_dispatch(server->base);
    if (service->phase != 2)
        bench_fail(result < 0 ? "event_base_dispatch" : "event_base_dispatch has nothing to watch", errno);
}

const struct service_subject services_libevent[] = {
    {.name = "libevent event", .run = run},
    {0},
};
#endif
