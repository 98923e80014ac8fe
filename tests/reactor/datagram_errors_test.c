/* Datagrams that the kernel or the network refuses. */
#include "reactor/datagram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/reactor/datagram_end.h"

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
    run_some(loop, MS);
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
    run_some(loop, 5 * MS);
    assert_int_equal(from->failures, 5);
    assert_int_equal(from->error, ECONNREFUSED);
    assert_int_equal(from->failed_to.sin_port, nobody.sin_port);
    assert_int_equal(from->datagrams.statistics.errors, 5);
    assert_int_equal(from->datagrams.statistics.lost, 0);
    assert_int_equal(from->disconnects, 0);
    uint64_t turns = reactor_loop_statistics(loop)->turns;
    run_some(loop, 20 * MS);
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
        run_some(loop, 5 * MS);
        assert_int_equal(end->datagrams.statistics.errors, i);
    }
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(reactor_datagrams_send(&end->datagrams, NULL, "ever longer", 7 + i), 0);
    run_some(loop, 5 * MS);
    assert_true(end->datagrams.statistics.errors > 4);
    assert_int_equal(end->datagrams.statistics.lost, 0);
    assert_int_equal(end->datagrams.statistics.sent, 7);
    assert_int_equal(end->disconnects, 0);
    assert_int_equal(shutdown(descriptor, SHUT_RDWR), 0);
    run_some(loop, 20 * MS);
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
    run_some(loop, 20 * MS);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_the_kernel_does_not_segment_datagrams_leave_one_by_one),
        cmocka_unit_test(what_the_kernel_refuses_is_lost_and_told_and_the_rest_goes_out),
        cmocka_unit_test(an_owner_who_sends_again_what_failed_leaves_others_their_turn_and_may_close_then),
        cmocka_unit_test(a_refused_datagram_is_told_with_its_address_and_ends_nothing),
        cmocka_unit_test(errors_of_a_connected_socket_are_counted_and_its_shutdown_is_its_end),
        cmocka_unit_test(what_is_no_socket_is_told_disconnected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
