/* What tests of datagrams share: a socket that notes what came and does what it is told. Every case runs over the
 * kernel's loopback, on every demultiplexer that watches descriptors. */
#ifndef TESTS_REACTOR_DATAGRAM_END_H
#define TESTS_REACTOR_DATAGRAM_END_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "reactor/datagram.h"
#include "tests/reactor/each_loop.h"

#define SEEN_MAX 8192

/* A socket that notes what came and does what its fields say. */
struct end {
    struct reactor_datagrams datagrams;
    struct sockaddr_in name;
    uint32_t count, failures, rooms, disconnects, timeouts;
    uint16_t lengths[SEEN_MAX];
    uint32_t sums[SEEN_MAX];
    int reason, error;
    struct sockaddr_in failed_to, from;
    uint32_t closes_at;      /* closes itself in the call of so many received */
    bool frees;              /* and gives its memory back */
    bool closes_when_failed;
    bool resends;            /* in failed, to the same address */
    uint32_t awaited;        /* stops the loop when so many have come */
};

static inline uint32_t sum_of(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 1;
    for (size_t i = 0; i < length; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

static inline struct end *end_of(struct reactor_datagrams *datagrams)
{
    return (struct end *) (void *) datagrams;
}

static inline void on_received(struct reactor_datagrams *datagrams, const struct sockaddr *from, const uint8_t *bytes,
                        size_t length)
{
    struct end *end = end_of(datagrams);
    struct reactor_loop *loop = datagrams->handler.loop;
    assert_true(end->count < SEEN_MAX);
    end->lengths[end->count] = (uint16_t) length;
    end->sums[end->count++] = sum_of(bytes, length);
    if (from && from->sa_family == AF_INET)
        memcpy(&end->from, from, sizeof end->from);
    if (end->count == end->awaited)
        reactor_loop_stop(loop);
    if (end->count != end->closes_at)
        return;
    reactor_loop_stop(loop);
    reactor_datagrams_close(datagrams);
    if (end->frees)
        free(end);
}

static inline void on_failed(struct reactor_datagrams *datagrams, const struct sockaddr *to, int error)
{
    struct end *end = end_of(datagrams);
    end->failures++;
    end->error = error;
    if (to)
        memcpy(&end->failed_to, to, sizeof end->failed_to);
    if (end->resends)
        assert_int_equal(reactor_datagrams_send(datagrams, to, "again", 5), 0);
    if (end->closes_when_failed)
        reactor_datagrams_close(datagrams);
}

static inline void on_room(struct reactor_handler *handler)
{
    ((struct end *) (void *) handler)->rooms++;
}

static inline void on_time_out(struct reactor_handler *handler)
{
    ((struct end *) (void *) handler)->timeouts++;
    reactor_loop_stop(handler->loop);
}

static inline void on_disconnected(struct reactor_handler *handler, int reason)
{
    struct end *end = (struct end *) (void *) handler;
    assert_null(handler->loop);
    assert_int_equal(handler->descriptor, -1);
    end->disconnects++;
    end->reason = reason;
}

#define HANDLER                                                                                                     \
    {.name = "end", .output_ready = on_room, .timed_out = on_time_out, .disconnected = on_disconnected}
static const struct reactor_datagrams_ops end_ops = {
    .handler = HANDLER, .received = on_received, .failed = on_failed,
};
static const struct reactor_datagrams_ops deaf_ops = {.handler = HANDLER, .received = on_received};

static const struct sockaddr *name_of(const struct end *end)
{
    return (const struct sockaddr *) (const void *) &end->name;
}

static inline int bound_socket(struct sockaddr_in *name)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM, 0), bytes = 4 << 20;
    socklen_t length = sizeof *name;
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_true(descriptor >= 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *) name, sizeof *name), 0);
    assert_int_equal(getsockname(descriptor, (struct sockaddr *) name, &length), 0);
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return descriptor;
}

static inline struct end *open_end(struct reactor_loop *loop, int descriptor, const struct reactor_datagrams_ops *ops,
                            const struct reactor_datagrams_options *options)
{
    struct end *end = calloc(1, sizeof *end);
    assert_non_null(end);
    end->datagrams.handler.ops = &ops->handler;
    end->datagrams.handler.descriptor = descriptor;
    assert_int_equal(reactor_datagrams_open(&end->datagrams, loop, options), 0);
    return end;
}

static inline struct end *bound_end(struct reactor_loop *loop, const struct reactor_datagrams_options *options)
{
    struct sockaddr_in name;
    struct end *end = open_end(loop, bound_socket(&name), &end_ops, options);
    end->name = name;
    return end;
}

/* Also where `await` left a stop behind. */
static inline void run_some(struct reactor_loop *loop, uint64_t span_ns)
{
    assert_true(reactor_loop_run(loop, reactor_loop_now(loop) + span_ns) >= 0);
}

static inline void await(struct reactor_loop *loop, struct end *end, uint32_t count)
{
    end->awaited = count;
    for (int tries = 0; end->count < count && tries < 20; tries++)
        run_some(loop, 100 * MS);
    assert_int_equal(end->count, count);
}

static inline void end_free(struct end *end)
{
    reactor_datagrams_close(&end->datagrams);
    assert_int_equal(end->datagrams.handler.descriptor, -1);
    free(end);
}

static inline void each(void (*test)(struct reactor_loop *loop))
{
    each_loop_with(&(struct reactor_loop_options){.entries_max = 1000, .timers_max = 1000}, test);
}

#endif
