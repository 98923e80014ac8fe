/* Datagrams: bounds of the batch, of lengths and of turns; how a socket ends. */
#include "reactor/datagram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/reactor/datagram_end.h"

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
            run_some(loop, MS);
    }
    assert_true(end->datagrams.blocked);
    assert_int_equal(end->datagrams.statistics.refused, 3);
    uint64_t turns = reactor_loop_statistics(loop)->turns;
    run_some(loop, 20 * MS);
    assert_true(reactor_loop_statistics(loop)->turns < turns + 10); /* nothing spins */
    assert_int_equal(end->rooms, 0);
    for (int got = 0; got < taken; got++) {
        run_some(loop, MS / 10);
        assert_int_equal(recv(pair[1], bytes, sizeof bytes, MSG_DONTWAIT), 100);
        assert_int_equal(bytes[0], (uint8_t) got);
    }
    run_some(loop, MS);
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
    run_some(loop, 100 * MS);
    run_some(loop, 5 * MS);
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
        cmocka_unit_test(a_peer_that_does_not_read_fills_the_batch_and_room_is_told),
        cmocka_unit_test(longer_ones_than_the_bounds_are_refused_or_counted_as_truncated),
        cmocka_unit_test(a_flood_is_received_over_several_turns),
        cmocka_unit_test(a_socket_closed_and_freed_in_the_midst_of_a_run_gets_no_more),
        cmocka_unit_test(closing_offers_the_batch_once_and_a_going_loop_tells),
        cmocka_unit_test(opening_fails_without_a_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
