/* Datagrams over the kernel's loopback, on every demultiplexer that watches descriptors. */
#include "reactor/datagram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "reactor/base/random.h"
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

static uint32_t sum_of(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 1;
    for (size_t i = 0; i < length; i++)
        sum = sum * 31 + bytes[i];
    return sum;
}

static struct end *end_of(struct reactor_datagrams *datagrams)
{
    return (struct end *) (void *) datagrams;
}

static void on_received(struct reactor_datagrams *datagrams, const struct sockaddr *from, const uint8_t *bytes,
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

static void on_failed(struct reactor_datagrams *datagrams, const struct sockaddr *to, int error)
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

static void on_room(struct reactor_handler *handler)
{
    ((struct end *) (void *) handler)->rooms++;
}

static void on_time_out(struct reactor_handler *handler)
{
    ((struct end *) (void *) handler)->timeouts++;
    reactor_loop_stop(handler->loop);
}

static void on_disconnected(struct reactor_handler *handler, int reason)
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

static int bound_socket(struct sockaddr_in *name)
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

static struct end *open_end(struct reactor_loop *loop, int descriptor, const struct reactor_datagrams_ops *ops,
                            const struct reactor_datagrams_options *options)
{
    struct end *end = calloc(1, sizeof *end);
    assert_non_null(end);
    end->datagrams.handler.ops = &ops->handler;
    end->datagrams.handler.descriptor = descriptor;
    assert_int_equal(reactor_datagrams_open(&end->datagrams, loop, options), 0);
    return end;
}

static struct end *bound_end(struct reactor_loop *loop, const struct reactor_datagrams_options *options)
{
    struct sockaddr_in name;
    struct end *end = open_end(loop, bound_socket(&name), &end_ops, options);
    end->name = name;
    return end;
}

static void run_for(struct reactor_loop *loop, uint64_t span_ns)
{
    assert_true(reactor_loop_run(loop, reactor_loop_now(loop) + span_ns) >= 0);
}

static void await(struct reactor_loop *loop, struct end *end, uint32_t count)
{
    end->awaited = count;
    for (int tries = 0; end->count < count && tries < 20; tries++)
        run_for(loop, 100 * MS);
    assert_int_equal(end->count, count);
}

static void end_free(struct end *end)
{
    reactor_datagrams_close(&end->datagrams);
    assert_int_equal(end->datagrams.handler.descriptor, -1);
    free(end);
}

static void each(void (*test)(struct reactor_loop *loop))
{
    each_loop_with(&(struct reactor_loop_options){.entries_max = 1000, .timers_max = 1000}, test);
}

/* --- runs --- */

static void run_to_one_destination(struct reactor_loop *loop)
{
    struct end *from = bound_end(loop, NULL), *to = bound_end(loop, NULL);
    uint8_t bytes[100];
    for (uint32_t i = 0; i < 200; i++) {
        memset(bytes, (int) i, sizeof bytes);
        assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(to), bytes, sizeof bytes), 0);
    }
    assert_int_equal(from->datagrams.statistics.sent, 0); /* until the turn's end */
    await(loop, to, 200);
    for (uint32_t i = 0; i < 200; i++) {
        memset(bytes, (int) i, sizeof bytes);
        assert_int_equal(to->lengths[i], 100);
        assert_int_equal(to->sums[i], sum_of(bytes, sizeof bytes));
    }
    assert_int_equal(to->from.sin_port, from->name.sin_port);
    assert_int_equal(from->datagrams.statistics.sent, 200);
    assert_int_equal(to->datagrams.statistics.received, 200);
    if (from->datagrams.segment_max) {
        assert_int_equal(from->datagrams.statistics.send_calls, 1);
        assert_true(to->datagrams.statistics.receive_calls <= 5);
    }
    end_free(from);
    end_free(to);
}

static void a_run_to_one_destination_is_one_call_and_comes_out_as_it_went_in(void **state)
{
    (void) state;
    each(run_to_one_destination);
}

static void answer_over_ipv6(struct reactor_loop *loop)
{
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof name;
    int descriptor = socket(AF_INET6, SOCK_DGRAM, 0);
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *) &name, sizeof name) < 0) {
        print_message("  no IPv6 here\n");
        close(descriptor);
        return;
    }
    assert_int_equal(getsockname(descriptor, (struct sockaddr *) &name, &length), 0);
    struct end *end = open_end(loop, descriptor, &end_ops, NULL);
    for (int i = 0; i < 100; i++)
        assert_int_equal(reactor_datagrams_send(&end->datagrams, (struct sockaddr *) &name, "to myself", 9), 0);
    await(loop, end, 100);
    assert_int_equal(end->sums[99], sum_of((const uint8_t *) "to myself", 9));
    name.sin6_port = htons(1); /* nobody's */
    assert_int_equal(reactor_datagrams_send(&end->datagrams, (struct sockaddr *) &name, "?", 1), 0);
    run_for(loop, 20 * MS);
    assert_int_equal(end->failures, 1);
    assert_int_equal(end->error, ECONNREFUSED);
    end_free(end);
}

static void it_works_over_ipv6(void **state)
{
    (void) state;
    each(answer_over_ipv6);
}

/* --- random traffic --- */

#define RECEIVERS 3

struct traffic {
    uint64_t seed, draws;
    struct end *from, *to[RECEIVERS];
    uint32_t sent[RECEIVERS], bytes_a_round;
    uint16_t lengths[RECEIVERS][SEEN_MAX];
    uint32_t sums[RECEIVERS][SEEN_MAX];
};

static uint32_t draw(struct traffic *traffic, uint32_t below)
{
    return (uint32_t) base_random_below(base_random_at(traffic->seed, traffic->draws++), below);
}

/* Some runs of one size, some with a shorter or longer one between, empty ones, large ones. */
static void send_some(struct traffic *traffic, uint32_t receiver)
{
    static uint8_t bytes[65536];
    static const uint32_t bounds[] = {1, 3, 100, 1500, 9000, 65508};
    uint32_t size = draw(traffic, bounds[draw(traffic, 6)]), count = 1 + draw(traffic, size > 3000 ? 4 : 90);
    for (uint32_t i = 0; i < count && traffic->sent[receiver] < SEEN_MAX; i++) {
        uint32_t length = draw(traffic, 20) ? size : draw(traffic, size + 2 < 65507 ? size + 2 : 65507);
        uint32_t at = traffic->sent[receiver];
        for (uint32_t b = 0; b < length; b += 1 + length / 16)
            bytes[b] = (uint8_t) draw(traffic, 256);
        int result = reactor_datagrams_send(&traffic->from->datagrams, name_of(traffic->to[receiver]), bytes, length);
        assert_true(result == 0 || result == -ENOBUFS);
        if (result < 0)
            return;
        traffic->lengths[receiver][at] = (uint16_t) length;
        traffic->sums[receiver][at] = sum_of(bytes, length);
        traffic->sent[receiver]++;
        traffic->bytes_a_round += length + 1000; /* the kernel charges more than the bytes */
    }
}

static void exchange_at_random(struct reactor_loop *loop)
{
    struct traffic *traffic = calloc(1, sizeof *traffic);
    const char *given = getenv("DATAGRAM_TEST_SEED");
    assert_non_null(traffic);
    traffic->seed = given ? strtoull(given, NULL, 10) : (uint64_t) time(NULL) ^ (uint64_t) (uintptr_t) traffic;
    print_message("  DATAGRAM_TEST_SEED=%llu\n", (unsigned long long) traffic->seed);
    static const uint32_t maxima[] = {0, 70000, 140000};
    traffic->from = bound_end(loop, &(struct reactor_datagrams_options){.output_max = maxima[draw(traffic, 3)]});
    for (int r = 0; r < RECEIVERS; r++)
        traffic->to[r] = bound_end(loop, &(struct reactor_datagrams_options){.datagrams_a_turn = r ? 0 : 5});
    for (int round = 0; round < 60; round++) {
        traffic->bytes_a_round = 0;
        for (uint32_t i = draw(traffic, 12); i && traffic->bytes_a_round < (1u << 19); i--)
            send_some(traffic, draw(traffic, RECEIVERS));
        for (int r = 0; r < RECEIVERS; r++)
            await(loop, traffic->to[r], traffic->sent[r]);
    }
    for (int r = 0; r < RECEIVERS; r++) {
        assert_memory_equal(traffic->to[r]->lengths, traffic->lengths[r], traffic->sent[r] * sizeof(uint16_t));
        assert_memory_equal(traffic->to[r]->sums, traffic->sums[r], traffic->sent[r] * sizeof(uint32_t));
        end_free(traffic->to[r]);
    }
    assert_int_equal(traffic->from->datagrams.statistics.lost, 0);
    assert_int_equal(traffic->from->datagrams.statistics.errors, 0);
    end_free(traffic->from);
    free(traffic);
}

static void random_lengths_to_several_destinations_arrive_whole_and_in_order(void **state)
{
    (void) state;
    each(exchange_at_random);
}

/* What other programs' runs are split into, whatever the segment's length; and what other programs get of ours. */
static void split_others_runs(struct reactor_loop *loop)
{
    static uint8_t bytes[60000];
    struct sockaddr_in name;
    struct end *end = bound_end(loop, NULL);
    int other = bound_socket(&name);
    uint64_t seed = (uint64_t) time(NULL);
    print_message("  seed %llu\n", (unsigned long long) seed);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) (i * i >> 3);
    for (uint32_t round = 0; round < 100; round++) {
        int segment = 1 + (int) base_random_below(base_random_at(seed, 2 * round), round % 2 ? 2000 : 40);
        uint32_t longest = 64 * (uint32_t) segment < sizeof bytes ? 64 * (uint32_t) segment : sizeof bytes;
        uint32_t length = 1 + (uint32_t) base_random_below(base_random_at(seed, 2 * round + 1), longest), at = 0;
        if (setsockopt(other, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) < 0)
            break;
        end->count = 0;
        assert_int_equal(sendto(other, bytes, length, 0, name_of(end), sizeof end->name), length);
        await(loop, end, (length + (uint32_t) segment - 1) / (uint32_t) segment);
        for (uint32_t i = 0; i < end->count; at += end->lengths[i++]) {
            assert_int_equal(end->lengths[i], i + 1 < end->count ? (uint32_t) segment : length - at);
            assert_int_equal(end->sums[i], sum_of(bytes + at, end->lengths[i]));
        }
        assert_int_equal(at, length);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(reactor_datagrams_send(&end->datagrams, (struct sockaddr *) &name, bytes, i < 9 ? 50 : 20), 0);
    run_for(loop, MS);
    for (int i = 0; i < 10; i++)
        assert_int_equal(recv(other, bytes, sizeof bytes, MSG_DONTWAIT), i < 9 ? 50 : 20);
    close(other);
    end_free(end);
}

static void runs_of_other_programs_are_split_and_ours_are_plain_datagrams_to_them(void **state)
{
    (void) state;
    each(split_others_runs);
}

/* --- refusals of the kernel --- */

/* Without checksums the kernel does not segment (EINVAL). */
static void refuse_to_segment(struct reactor_loop *loop)
{
    struct end *from = bound_end(loop, NULL), *to = bound_end(loop, NULL);
    int on = 1;
    assert_int_equal(setsockopt(from->datagrams.handler.descriptor, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(to), "0123456789", i < 70 ? 10 : 5), 0);
    await(loop, to, 100);
    assert_int_equal(to->lengths[69], 10);
    assert_int_equal(to->lengths[70], 5);
    assert_true(from->datagrams.segment_max < 10);
    uint64_t calls = from->datagrams.statistics.send_calls;
    for (int i = 0; i < 64; i++)
        assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(to), "0123456789", 10), 0);
    await(loop, to, 164);
    assert_int_equal(from->datagrams.statistics.send_calls, calls + 1); /* that is not tried again */
    assert_int_equal(from->datagrams.statistics.lost + from->datagrams.statistics.errors, 0);
    end_free(from);
    end_free(to);
}

static void where_the_kernel_does_not_segment_datagrams_leave_one_by_one(void **state)
{
    (void) state;
    each(refuse_to_segment);
}

/* The broadcast address is refused with EACCES, more than fits an IPv4 packet with EMSGSIZE. */
static void refuse_some(struct reactor_loop *loop)
{
    static uint8_t much[65530];
    struct end *from = bound_end(loop, NULL), *to = bound_end(loop, NULL);
    struct sockaddr_in everybody = {.sin_family = AF_INET, .sin_port = to->name.sin_port,
                                    .sin_addr = {htonl(INADDR_BROADCAST)}};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(to), "fine", 4), 0);
        assert_int_equal(reactor_datagrams_send(&from->datagrams, (struct sockaddr *) &everybody, "bad", 3), 0);
        assert_int_equal(reactor_datagrams_send(&from->datagrams, (struct sockaddr *) &everybody, "bad", 3), 0);
    }
    assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(to), much, sizeof much), 0);
    assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(to), "also fine", 9), 0);
    await(loop, to, 4);
    assert_int_equal(to->lengths[3], 9);
    assert_int_equal(from->failures, 7);
    assert_int_equal(from->datagrams.statistics.errors, 7);
    assert_int_equal(from->datagrams.statistics.lost, 7);
    assert_int_equal(from->datagrams.statistics.sent, 4);
    assert_int_equal(from->error, EMSGSIZE);
    assert_int_equal(from->failed_to.sin_port, to->name.sin_port);
    assert_true(from->datagrams.segment_max == 0 || from->datagrams.segment_max > 100); /* not the segments' fault */
    end_free(from);
    end_free(to);
}

static void what_the_kernel_refuses_is_lost_and_told_and_the_rest_goes_out(void **state)
{
    (void) state;
    each(refuse_some);
}

/* Sending the same again from failed must not keep the loop in the flush. */
static void resend_in_failed(struct reactor_loop *loop)
{
    struct end *from = bound_end(loop, NULL);
    struct sockaddr_in everybody = {.sin_family = AF_INET, .sin_port = 9, .sin_addr = {htonl(INADDR_BROADCAST)}};
    from->resends = true;
    uint64_t turns = reactor_loop_statistics(loop)->turns;
    assert_int_equal(reactor_datagrams_send(&from->datagrams, (struct sockaddr *) &everybody, "bad", 3), 0);
    assert_int_equal(reactor_handler_timer_arm(&from->datagrams.handler, 5 * MS), 0);
    assert_int_equal(reactor_loop_run(loop, UINT64_MAX), REACTOR_STOPPED);
    assert_int_equal(from->timeouts, 1);
    assert_true(from->failures <= 64 * (reactor_loop_statistics(loop)->turns - turns));
    from->resends = false;
    from->closes_when_failed = true;
    run_for(loop, MS);
    assert_null(from->datagrams.handler.loop);
    assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(from), "late", 4), -EPIPE);
    end_free(from);
}

static void an_owner_who_sends_again_what_failed_leaves_others_their_turn_and_may_close_then(void **state)
{
    (void) state;
    each(resend_in_failed);
}

/* --- errors of the network --- */

static void knock_where_nobody_is(struct reactor_loop *loop)
{
    struct end *from = bound_end(loop, NULL), *to = bound_end(loop, NULL);
    struct sockaddr_in nobody;
    close(bound_socket(&nobody));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(reactor_datagrams_send(&from->datagrams, (struct sockaddr *) &nobody, "anybody", 7), 0);
        assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(to), "somebody", 8), 0);
    }
    await(loop, to, 5); /* the pending error of one must not cost the other */
    run_for(loop, 5 * MS);
    assert_int_equal(from->failures, 5);
    assert_int_equal(from->error, ECONNREFUSED);
    assert_int_equal(from->failed_to.sin_port, nobody.sin_port);
    assert_int_equal(from->datagrams.statistics.errors, 5);
    assert_int_equal(from->datagrams.statistics.lost, 0);
    assert_int_equal(from->disconnects, 0);
    uint64_t turns = reactor_loop_statistics(loop)->turns;
    run_for(loop, 20 * MS);
    assert_true(reactor_loop_statistics(loop)->turns < turns + 10); /* nothing spins */
    end_free(from);
    end_free(to);
}

static void a_refused_datagram_is_told_with_its_address_and_ends_nothing(void **state)
{
    (void) state;
    each(knock_where_nobody_is);
}

/* Connected and without `failed`: the error is the socket's, and met in sending or in receiving. */
static void count_refused(struct reactor_loop *loop)
{
    struct sockaddr_in name, nobody;
    int descriptor = bound_socket(&name);
    close(bound_socket(&nobody));
    assert_int_equal(connect(descriptor, (struct sockaddr *) &nobody, sizeof nobody), 0);
    struct end *end = open_end(loop, descriptor, &deaf_ops, NULL);
    for (uint32_t i = 1; i <= 4; i++) {
        assert_int_equal(reactor_datagrams_send(&end->datagrams, NULL, "anybody", 7), 0);
        run_for(loop, 5 * MS);
        assert_int_equal(end->datagrams.statistics.errors, i);
    }
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(reactor_datagrams_send(&end->datagrams, NULL, "ever longer", 7 + i), 0);
    run_for(loop, 5 * MS);
    assert_true(end->datagrams.statistics.errors > 4);
    assert_int_equal(end->datagrams.statistics.lost, 0);
    assert_int_equal(end->datagrams.statistics.sent, 7);
    assert_int_equal(end->disconnects, 0);
    assert_int_equal(shutdown(descriptor, SHUT_RDWR), 0);
    run_for(loop, 20 * MS);
    assert_int_equal(end->disconnects, 1);
    assert_int_equal(end->reason, -EPIPE);
    free(end);
}

static void errors_of_a_connected_socket_are_counted_and_its_shutdown_is_its_end(void **state)
{
    (void) state;
    each(count_refused);
}

static void receive_from_a_pipe(struct reactor_loop *loop)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    struct end *end = open_end(loop, pipes[0], &end_ops, NULL);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    run_for(loop, 20 * MS);
    assert_int_equal(end->disconnects, 1);
    assert_int_equal(end->reason, -ENOTSOCK);
    close(pipes[1]);
    free(end);
}

static void what_is_no_socket_is_told_disconnected(void **state)
{
    (void) state;
    each(receive_from_a_pipe);
}

/* --- bounds --- */

/* A peer that does not read: of AF_UNIX datagrams the kernel takes a few and then no more. */
static void send_to_who_does_not_read(struct reactor_loop *loop)
{
    int pair[2], taken = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
    struct end *end = open_end(loop, pair[0], &end_ops, &(struct reactor_datagrams_options){.output_max = 20000});
    uint8_t bytes[100] = {0};
    for (int refusals = 0; refusals < 3;) {
        bytes[0] = (uint8_t) taken;
        int result = reactor_datagrams_send(&end->datagrams, NULL, bytes, sizeof bytes);
        assert_true(result == 0 || result == -ENOBUFS);
        taken += result == 0;
        refusals += result < 0;
        assert_true(reactor_datagrams_pending(&end->datagrams) <= 20000);
        if (taken % 50 == 0)
            run_for(loop, MS);
    }
    assert_true(end->datagrams.blocked);
    assert_int_equal(end->datagrams.statistics.refused, 3);
    uint64_t turns = reactor_loop_statistics(loop)->turns;
    run_for(loop, 20 * MS);
    assert_true(reactor_loop_statistics(loop)->turns < turns + 10); /* nothing spins */
    assert_int_equal(end->rooms, 0);
    for (int got = 0; got < taken; got++) {
        run_for(loop, MS / 10);
        assert_int_equal(recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT), 100);
        assert_int_equal(bytes[0], (uint8_t) got);
    }
    run_for(loop, MS);
    assert_int_equal(end->rooms, 1);
    assert_int_equal(reactor_datagrams_pending(&end->datagrams), 0);
    assert_int_equal(end->datagrams.statistics.sent, taken);
    assert_false(end->datagrams.blocked);
    close(pair[1]);
    end_free(end);
}

static void a_peer_that_does_not_read_fills_the_batch_and_room_is_told(void **state)
{
    (void) state;
    each(send_to_who_does_not_read);
}

static void send_what_is_too_long(struct reactor_loop *loop)
{
    static uint8_t bytes[65536];
    struct sockaddr local = {.sa_family = AF_UNIX};
    struct end *end = bound_end(loop, &(struct reactor_datagrams_options){.output_max = 1000, .length_max = 100});
    assert_int_equal(reactor_datagrams_send(&end->datagrams, name_of(end), bytes, 65536), -EMSGSIZE);
    assert_int_equal(reactor_datagrams_send(&end->datagrams, name_of(end), bytes, 960), -EMSGSIZE);
    assert_int_equal(reactor_datagrams_send(&end->datagrams, &local, bytes, 1), -EAFNOSUPPORT);
    assert_int_equal(reactor_datagrams_send(&end->datagrams, NULL, bytes, 1), 0); /* connected to nobody: lost */
    for (int i = 0; i < 3; i++)
        assert_int_equal(reactor_datagrams_send(&end->datagrams, name_of(end), bytes, 101), 0); /* a run, all too long */
    assert_int_equal(reactor_datagrams_send(&end->datagrams, name_of(end), bytes, 100), 0);
    assert_int_equal(reactor_datagrams_send(&end->datagrams, name_of(end), bytes, 0), 0);
    await(loop, end, 2);
    assert_int_equal(end->datagrams.statistics.truncated, 3);
    assert_int_equal(end->datagrams.statistics.lost, 1);
    assert_int_equal(end->error, EDESTADDRREQ);
    assert_int_equal(end->lengths[0], 100);
    assert_int_equal(end->lengths[1], 0);
    end_free(end);
}

static void longer_ones_than_the_bounds_are_refused_or_counted_as_truncated(void **state)
{
    (void) state;
    each(send_what_is_too_long);
}

static void receive_within_bounds(struct reactor_loop *loop)
{
    struct sockaddr_in name;
    int other = bound_socket(&name);
    struct end *end = bound_end(loop, &(struct reactor_datagrams_options){.datagrams_a_turn = 1});
    for (int i = 0; i < 640; i++)
        assert_int_equal(sendto(other, "x", 1, 0, name_of(end), sizeof end->name), 1);
    uint64_t turns = reactor_loop_statistics(loop)->turns;
    await(loop, end, 640);
    assert_true(reactor_loop_statistics(loop)->turns >= turns + 10);
    close(other);
    end_free(end);
}

static void a_flood_is_received_over_several_turns(void **state)
{
    (void) state;
    each(receive_within_bounds);
}

/* --- ends --- */

static void close_while_receiving(struct reactor_loop *loop)
{
    struct end *from = bound_end(loop, NULL), *to = bound_end(loop, NULL);
    for (int i = 0; i < 200; i++)
        assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(to), i % 2 ? "ab" : "abc", i % 2 ? 2 : 3), 0);
    to->closes_at = 7;
    to->frees = true;
    run_for(loop, 100 * MS);
    run_for(loop, 5 * MS);
    struct end *other = bound_end(loop, NULL); /* what is shared must have been left in order */
    for (int i = 0; i < 70; i++)
        assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(other), "ab", (size_t) i % 2), 0);
    await(loop, other, 70);
    assert_int_equal(other->from.sin_port, from->name.sin_port);
    end_free(other);
    end_free(from);
}

static void a_socket_closed_and_freed_in_the_midst_of_a_run_gets_no_more(void **state)
{
    (void) state;
    each(close_while_receiving);
}

static void closing_offers_the_batch_once_and_a_going_loop_tells(void **state)
{
    (void) state;
    struct reactor_loop *loop;
    struct sockaddr_in name;
    int other = bound_socket(&name);
    char bytes[10];
    assert_int_equal(reactor_loop_create(&loop, &(struct reactor_loop_options){.entries_max = 1000, .timers_max = 1000}), 0);
    struct end *closed = bound_end(loop, NULL), *going = bound_end(loop, NULL);
    assert_int_equal(reactor_datagrams_send(&closed->datagrams, (struct sockaddr *) &name, "bye", 3), 0);
    assert_int_equal(reactor_datagrams_send(&going->datagrams, (struct sockaddr *) &name, "so long", 7), 0);
    reactor_datagrams_close(&closed->datagrams);
    reactor_datagrams_close(&closed->datagrams);
    assert_int_equal(recv(other, bytes, sizeof bytes, MSG_DONTWAIT), 3);
    reactor_loop_free(loop);
    assert_int_equal(recv(other, bytes, sizeof bytes, MSG_DONTWAIT), 7);
    assert_int_equal(closed->disconnects, 0);
    assert_int_equal(going->disconnects, 1);
    assert_int_equal(going->reason, 0);
    close(other);
    end_free(closed);
    free(going);
}

static void opening_fails_without_a_trace(void **state)
{
    (void) state;
    struct reactor_loop *loop;
    struct sockaddr_in name;
    assert_int_equal(reactor_loop_create(&loop, &(struct reactor_loop_options){.demultiplexer = "none", .entries_max = 1000,
                                                                           .timers_max = 1000}), 0);
    struct end *end = calloc(1, sizeof *end);
    end->datagrams.handler.ops = &end_ops.handler;
    int descriptor = end->datagrams.handler.descriptor = bound_socket(&name);
    assert_int_equal(reactor_datagrams_open(&end->datagrams, loop, NULL), -EOPNOTSUPP);
    assert_int_equal(end->datagrams.handler.descriptor, descriptor);
    assert_int_equal(reactor_datagrams_send(&end->datagrams, (struct sockaddr *) &name, "x", 1), -EPIPE);
    assert_int_equal(close(descriptor), 0);
    reactor_loop_free(loop);
    free(end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_to_one_destination_is_one_call_and_comes_out_as_it_went_in),
        cmocka_unit_test(it_works_over_ipv6),
        cmocka_unit_test(random_lengths_to_several_destinations_arrive_whole_and_in_order),
        cmocka_unit_test(runs_of_other_programs_are_split_and_ours_are_plain_datagrams_to_them),
        cmocka_unit_test(where_the_kernel_does_not_segment_datagrams_leave_one_by_one),
        cmocka_unit_test(what_the_kernel_refuses_is_lost_and_told_and_the_rest_goes_out),
        cmocka_unit_test(an_owner_who_sends_again_what_failed_leaves_others_their_turn_and_may_close_then),
        cmocka_unit_test(a_refused_datagram_is_told_with_its_address_and_ends_nothing),
        cmocka_unit_test(errors_of_a_connected_socket_are_counted_and_its_shutdown_is_its_end),
        cmocka_unit_test(what_is_no_socket_is_told_disconnected),
        cmocka_unit_test(a_peer_that_does_not_read_fills_the_batch_and_room_is_told),
        cmocka_unit_test(longer_ones_than_the_bounds_are_refused_or_counted_as_truncated),
        cmocka_unit_test(a_flood_is_received_over_several_turns),
        cmocka_unit_test(a_socket_closed_and_freed_in_the_midst_of_a_run_gets_no_more),
        cmocka_unit_test(closing_offers_the_batch_once_and_a_going_loop_tells),
        cmocka_unit_test(opening_fails_without_a_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
