/* What tests of streams share: a stream that counts its events and does what it is told; the other end is a plain
 * descriptor. Every case runs over every demultiplexer that watches descriptors. */
#ifndef TESTS_REACTOR_STREAM_PROBE_H
#define TESTS_REACTOR_STREAM_PROBE_H

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "reactor/stream.h"
#include "tests/reactor/each_loop.h"

static inline void each(void (*test)(struct reactor_loop *loop))
{
    each_loop_with(&(struct reactor_loop_options){.bytes_a_turn = 16 << 10}, test);
}

/* A stream that counts its events and does what its fields say; and the descriptor at its other end. */
struct probe {
    struct reactor_stream stream;
    int other;
    uint32_t connects, inputs, outputs, timeouts, disconnects;
    int reason;
    size_t consumed_bytes, shown_bytes;
    uint8_t last[16];
    bool ended;
    /* what to do, in any of the calls */
    void (*act)(struct probe *probe);
    bool echoes, leaves; /* leaves: consumes nothing */
    uint32_t consume_most;
    struct probe *victim;
};

static inline struct probe *probe_of(struct reactor_handler *handler)
{
    return (struct probe *) handler;
}

static inline void act(struct probe *probe)
{
    assert_int_equal(probe->disconnects, 0); /* nothing comes after it */
    if (probe->act)
        probe->act(probe);
}

static inline void on_connected(struct reactor_handler *handler)
{
    probe_of(handler)->connects++;
    act(probe_of(handler));
}

static inline void on_input(struct reactor_handler *handler)
{
    struct probe *probe = probe_of(handler);
    size_t length;
    const uint8_t *bytes = reactor_stream_input(&probe->stream, &length);
    probe->inputs++;
    probe->shown_bytes = length;
    probe->ended = reactor_stream_ended(&probe->stream);
    if (length)
        memcpy(probe->last, bytes, length < 16 ? length : 16);
    if (probe->echoes && length)
        assert_true(reactor_stream_write(&probe->stream, bytes, length) >= 0);
    if (probe->consume_most && length > probe->consume_most)
        length = probe->consume_most;
    if (!probe->leaves) {
        probe->consumed_bytes += length;
        reactor_stream_consume(&probe->stream, length);
    }
    act(probe);
}

static inline void on_output(struct reactor_handler *handler)
{
    probe_of(handler)->outputs++;
    act(probe_of(handler));
}

static inline void on_time_out(struct reactor_handler *handler)
{
    probe_of(handler)->timeouts++;
    act(probe_of(handler));
}

static inline void on_disconnected(struct reactor_handler *handler, int reason)
{
    struct probe *probe = probe_of(handler);
    assert_int_equal(probe->disconnects, 0);
    assert_int_equal(handler->descriptor, -1);
    assert_null(handler->loop);
    act(probe);
    probe->disconnects++;
    probe->reason = reason;
}

static const struct reactor_handler_ops probe_ops = {
    .name = "probe",
    .connected = on_connected,
    .input_ready = on_input,
    .output_ready = on_output,
    .timed_out = on_time_out,
    .disconnected = on_disconnected,
};

static inline void open_over(struct probe *probe, struct reactor_loop *loop, int descriptor, int other,
                      const struct reactor_stream_options *options)
{
    *probe = (struct probe){.stream.handler = {.ops = &probe_ops, .descriptor = descriptor}, .other = other};
    assert_int_equal(reactor_stream_open(&probe->stream, loop, options), 0);
}

static inline void open_pair(struct probe *probe, struct reactor_loop *loop, const struct reactor_stream_options *options)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    open_over(probe, loop, ends[0], ends[1], options);
}

static inline int listen_local(uint16_t *port)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *) &address, &(socklen_t){sizeof address}), 0);
    *port = address.sin_port;
    return listener;
}

static inline int connect_local(uint16_t port, int flags)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | flags, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(descriptor, (struct sockaddr *) &address, sizeof address) < 0)
        assert_int_equal(errno, EINPROGRESS);
    return descriptor;
}

static inline void open_tcp(struct probe *probe, struct reactor_loop *loop, const struct reactor_stream_options *options)
{
    uint16_t port;
    int listener = listen_local(&port);
    int descriptor = connect_local(port, 0);
    int other = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(other >= 0);
    close(listener);
    open_over(probe, loop, descriptor, other, options);
}

static inline void done(struct probe *probe)
{
    reactor_stream_close(&probe->stream);
    if (probe->other >= 0)
        close(probe->other);
}

/* How many bytes the other end gets within a little time; -1: the end, when nothing came before it. */
static inline ssize_t drain(struct probe *probe)
{
    char bytes[65536];
    ssize_t total = 0, count;
    while ((count = read(probe->other, bytes, sizeof bytes)) > 0)
        total += count;
    return count == 0 && total == 0 ? -1 : total;
}

static inline void put(const struct probe *probe, const void *bytes, size_t length)
{
    assert_int_equal(write(probe->other, bytes, length), length);
}

static inline void pause_it(struct probe *probe)
{
    reactor_stream_pause(&probe->stream);
}

#endif
