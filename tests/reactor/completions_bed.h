/* What tests of completions share: a backend that has them, with a stream and a listener to try them on. */
#ifndef TESTS_REACTOR_COMPLETIONS_BED_H
#define TESTS_REACTOR_COMPLETIONS_BED_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "reactor/demultiplexer.h"
#include "tests/reactor/each_loop.h" /* is_offered */
#include "tests/reactor/service.h"   /* count_descriptors */

#define SECOND_NS UINT64_C(1000000000)

struct bed {
    const struct reactor_demultiplexer_ops *ops;
    const struct reactor_completion_ops *completions;
    void *state;
    int ends[2]; /* of a stream: ours, the peer's */
    int listener;
    struct sockaddr_in address;
};

static inline void listen_somewhere(struct bed *bed)
{
    bed->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bed->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(bed->listener >= 0);
    assert_int_equal(bind(bed->listener, (struct sockaddr *) &bed->address, sizeof bed->address), 0);
    assert_int_equal(listen(bed->listener, 100), 0);
    socklen_t length = sizeof bed->address;
    assert_int_equal(getsockname(bed->listener, (struct sockaddr *) &bed->address, &length), 0);
}

static inline void each(void (*test)(struct bed *bed))
{
    for (size_t i = 0; reactor_demultiplexers[i]; i++) {
        struct bed bed = {.ops = reactor_demultiplexers[i], .completions = reactor_demultiplexers[i]->completions};
        if (!bed.completions || !is_offered(bed.ops))
            continue;
        int descriptors = count_descriptors();
        bed.state = calloc(1, bed.ops->state_bytes);
        assert_non_null(bed.state);
        assert_int_equal(bed.ops->open(bed.state), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, bed.ends), 0);
        listen_somewhere(&bed);
        test(&bed);
        bed.ops->close(bed.state);
        free(bed.state);
        close(bed.ends[0]);
        close(bed.ends[1]);
        close(bed.listener);
        assert_int_equal(count_descriptors(), descriptors);
    }
}

static inline int look(struct bed *bed, struct reactor_ready *ready, int ready_max)
{
    return bed->ops->wait(bed->state, ready, ready_max, 0);
}

/* One completion, within a second. */
static inline struct reactor_ready next(struct bed *bed)
{
    struct reactor_ready ready;
    for (unsigned tries = 0; tries < 10; tries++) {
        int count = bed->ops->wait(bed->state, &ready, 1, SECOND_NS / 10);
        assert_true(count >= 0);
        if (count)
            return ready;
    }
    fail_msg("nothing came for a second");
    return ready;
}

static inline void expect_received(struct bed *bed, uint64_t token, const char *text)
{
    struct reactor_ready ready = next(bed);
    assert_true(ready.token == token);
    assert_int_equal(ready.readiness, REACTOR_RECEIVED);
    assert_int_equal(ready.result, (int) strlen(text));
    assert_memory_equal(ready.bytes, text, strlen(text));
    bed->completions->give(bed->state, ready.buffer);
}

static inline void peer_writes(struct bed *bed, const char *text)
{
    assert_int_equal(write(bed->ends[1], text, strlen(text)), (int) strlen(text));
}

static inline int connect_one(struct bed *bed)
{
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client >= 0);
    assert_int_equal(connect(client, (struct sockaddr *) &bed->address, sizeof bed->address), 0);
    return client;
}

#endif
