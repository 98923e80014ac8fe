#include "tests/bench/event_loops/service.h"

#ifndef WITH_LIBUV
const struct service_subject services_libuv[] = {{.name = "libuv stream", .missing = "not installed"}, {0}};
#else
#include <stdlib.h>
#include <uv.h>

static void free_connection(uv_handle_t *handle)
{
    struct service *service = handle->data;
    uv_loop_t *loop = handle->loop;
    free(handle);
    if (service_count(service))
        uv_stop(loop);
}

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    static char bytes[2 * SERVICE_BYTES]; /* of the one thread's one read at a time */
    (void) handle;
    (void) suggested;
    *buffer = uv_buf_init(bytes, sizeof bytes);
}

static void on_request(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    if (got == 0)
        return;
    uv_buf_t reply = uv_buf_init(buffer->base, SERVICE_BYTES);
    if (got != SERVICE_BYTES || uv_try_write(stream, &reply, 1) != SERVICE_BYTES)
        bench_fail("a request is not whole", 0);
    uv_close((uv_handle_t *) stream, free_connection);
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_tcp_t *connection = malloc(sizeof *connection);
    if (status < 0 || !connection || uv_tcp_init(listener->loop, connection) < 0 ||
        uv_accept(listener, (uv_stream_t *) connection) < 0 ||
        uv_read_start((uv_stream_t *) connection, lend, on_request) < 0)
        bench_fail("uv_accept", status);
    connection->data = listener->data;
}

static void run(struct service *service, const void *argument)
{
    (void) argument;
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    if (uv_tcp_init(loop, &listener) < 0 || uv_tcp_open(&listener, service->listener) < 0)
        bench_fail("uv_tcp_open", 0);
    listener.data = service;
    if (uv_listen((uv_stream_t *) &listener, 1024, on_connection) < 0)
        bench_fail("uv_listen", 0);
    uv_run(loop, UV_RUN_DEFAULT);
}

const struct service_subject services_libuv[] = {{.name = "libuv stream", .run = run}, {0}};
#endif
