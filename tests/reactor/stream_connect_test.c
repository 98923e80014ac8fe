/* Streams that connect, and their time-outs. */
#include "reactor/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/reactor/stream_probe.h"

static void refuse_connection(struct reactor_loop *loop)
{
    uint16_t port;
    struct probe probe;
    close(listen_local(&port));
    open_over(&probe, loop, connect_local(port, SOCK_NONBLOCK), -1, &(struct reactor_stream_options){.connecting = true});
    assert_int_equal(reactor_stream_write(&probe.stream, "early", 5), 0);
    RUN_UNTIL(loop, probe.disconnects);
    assert_int_equal(probe.connects, 0);
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(probe.reason, -ECONNREFUSED);
}

static void a_refused_connect_is_told_as_the_reason(void **state)
{
    (void) state;
    each(refuse_connection);
}

static void connect_and_write(struct reactor_loop *loop)
{
    uint16_t port;
    struct probe probe;
    int listener = listen_local(&port);
    open_over(&probe, loop, connect_local(port, SOCK_NONBLOCK), -1,
              &(struct reactor_stream_options){.connecting = true, .connect_timeout_ns = 20 * MS});
    assert_int_equal(reactor_stream_write(&probe.stream, "early", 5), 0);
    probe.other = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    put(&probe, "hello", 5);
    run_for(loop, 40 * MS);
    RUN_UNTIL(loop, probe.consumed_bytes == 5);
    assert_int_equal(probe.connects, 1);
    assert_int_equal(probe.disconnects, 0);
    assert_int_equal(probe.consumed_bytes, 5);
    assert_int_equal(drain(&probe), 5);
    close(listener);
    done(&probe);
}

static void what_is_written_while_connecting_goes_out_once_connected(void **state)
{
    (void) state;
    each(connect_and_write);
}

/* A listener whose backlog is full does not answer: the connect hangs. */
static void connect_for_ever(struct reactor_loop *loop)
{
    uint16_t port;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fillers[4];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *) &address, &(socklen_t){sizeof address}), 0);
    port = address.sin_port;
    for (unsigned i = 0; i < 4; i++)
        fillers[i] = connect_local(port, SOCK_NONBLOCK);
    struct probe probe;
    uint64_t begun_ns = reactor_loop_now(loop);
    open_over(&probe, loop, connect_local(port, SOCK_NONBLOCK), -1,
              &(struct reactor_stream_options){.connecting = true, .connect_timeout_ns = 20 * MS});
    RUN_UNTIL(loop, probe.disconnects);
    assert_true(reactor_loop_now(loop) >= begun_ns + 20 * MS);
    assert_int_equal(probe.connects, 0);
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(probe.reason, -ETIMEDOUT);
    assert_int_equal(reactor_loop_statistics(loop)->timed_out, 1);
    for (unsigned i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}

static void a_connect_that_hangs_times_out(void **state)
{
    (void) state;
    each(connect_for_ever);
}

/* In virtual time: in real time a machine that stands still makes anybody idle. */
static void idle(struct reactor_loop *loop)
{
    struct probe quiet, busy, slow, paused;
    open_pair(&quiet, loop, &(struct reactor_stream_options){.idle_timeout_ns = 20 * MS});
    open_pair(&busy, loop, &(struct reactor_stream_options){.idle_timeout_ns = 20 * MS});
    open_pair(&slow, loop, &(struct reactor_stream_options){.idle_timeout_ns = 20 * MS, .idle_bytes_min = 1000});
    open_pair(&paused, loop, &(struct reactor_stream_options){.idle_timeout_ns = 20 * MS});
    reactor_stream_pause(&paused.stream);
    for (unsigned i = 0; i < 12; i++) { /* a byte now and then is not 1000 in 20 ms */
        put(&busy, "x", 1);
        if (!slow.disconnects)
            put(&slow, "x", 1);
        run_for(loop, 5 * MS);
    }
    assert_int_equal(quiet.disconnects, 1);
    assert_int_equal(quiet.reason, -ETIMEDOUT);
    assert_int_equal(slow.disconnects, 1);
    assert_int_equal(slow.reason, -ETIMEDOUT);
    assert_int_equal(busy.disconnects, 0);
    assert_int_equal(paused.disconnects, 0);
    assert_int_equal(reactor_loop_statistics(loop)->timed_out, 2);
    reactor_stream_resume(&paused.stream);
    run_for(loop, 60 * MS);
    assert_int_equal(busy.disconnects, 1);
    assert_int_equal(paused.disconnects, 1);
    done(&quiet);
    done(&busy);
    done(&slow);
    done(&paused);
}

static void an_idle_or_too_slow_peer_is_disconnected(void **state)
{
    (void) state;
    each_loop_with(&(struct reactor_loop_options){.clock = "virtual"}, idle);
}

static void own_timer(struct reactor_loop *loop)
{
    struct probe probe;
    uint64_t begun_ns = reactor_loop_now(loop);
    open_pair(&probe, loop, &(struct reactor_stream_options){.idle_timeout_ns = 30 * MS});
    assert_int_equal(reactor_handler_timer_arm(&probe.stream.handler, 5 * MS), 0);
    RUN_UNTIL(loop, probe.timeouts);
    assert_true(reactor_loop_now(loop) >= begun_ns + 5 * MS);
    assert_true(probe.disconnects == 0 || reactor_loop_now(loop) >= begun_ns + 30 * MS);
    RUN_UNTIL(loop, probe.disconnects);
    assert_true(reactor_loop_now(loop) >= begun_ns + 30 * MS);
    assert_int_equal(probe.timeouts, 1);
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(probe.reason, -ETIMEDOUT);
    done(&probe);
}

static void the_owners_timer_and_the_idle_time_out_are_two(void **state)
{
    (void) state;
    each(own_timer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_connect_is_told_as_the_reason),
        cmocka_unit_test(what_is_written_while_connecting_goes_out_once_connected),
        cmocka_unit_test(a_connect_that_hangs_times_out),
        cmocka_unit_test(an_idle_or_too_slow_peer_is_disconnected),
        cmocka_unit_test(the_owners_timer_and_the_idle_time_out_are_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
