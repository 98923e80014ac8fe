/* How streams end: by the peer, by the owner, by an error, by a violation. */
#include "reactor/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/reactor/stream_probe.h"

static void peer_closes(struct reactor_loop *loop)
{
    struct probe probe;
    for (unsigned tcp = 0; tcp < 2; tcp++) {
        (tcp ? open_tcp : open_pair)(&probe, loop, NULL);
        put(&probe, "last words", 10);
        close(probe.other);
        probe.other = -1;
        RUN_UNTIL(loop, probe.disconnects);
        assert_int_equal(probe.consumed_bytes, 10);
        assert_true(probe.ended);
        assert_int_equal(probe.disconnects, 1);
        assert_int_equal(probe.reason, REACTOR_ENDED);
        assert_int_equal(reactor_stream_write(&probe.stream, "x", 1), -EPIPE);
        reactor_stream_close(&probe.stream); /* no-op */
        done(&probe);
    }
}

static void a_peer_that_closes_ends_the_stream_behind_its_last_bytes(void **state)
{
    (void) state;
    each(peer_closes);
}

static void answer_when_ended(struct probe *probe)
{
    if (reactor_stream_ended(&probe->stream) && probe->stream.backend)
        assert_int_equal(reactor_stream_write(&probe->stream, "answer", 6), 0);
}

static void half_close(struct reactor_loop *loop)
{
    struct probe probe;
    for (unsigned tcp = 0; tcp < 2; tcp++) {
        (tcp ? open_tcp : open_pair)(&probe, loop, NULL);
        probe.act = answer_when_ended;
        put(&probe, "question", 8);
        shutdown(probe.other, SHUT_WR);
        RUN_UNTIL(loop, probe.disconnects);
        assert_int_equal(probe.disconnects, 1);
        assert_int_equal(drain(&probe), 6); /* and behind it the end */
        assert_int_equal(drain(&probe), -1);
        assert_int_equal(probe.reason, REACTOR_ENDED);
        done(&probe);
    }
}

static void an_answer_written_at_the_peers_end_still_goes_out(void **state)
{
    (void) state;
    each(half_close);
}

static void keep_half_open(struct reactor_loop *loop)
{
    struct probe probe;
    for (unsigned tcp = 0; tcp < 2; tcp++) {
        (tcp ? open_tcp : open_pair)(&probe, loop, &(struct reactor_stream_options){.half_open = true});
        shutdown(probe.other, SHUT_WR);
        RUN_UNTIL(loop, probe.inputs);
        assert_int_equal(probe.inputs, 1);
        assert_true(probe.ended);
        assert_int_equal(probe.disconnects, 0);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(reactor_stream_write(&probe.stream, "more", 4), 0);
            run_for(loop, 2 * MS);
            assert_int_equal(drain(&probe), 4);
        }
        reactor_stream_shutdown(&probe.stream);
        assert_int_equal(reactor_stream_write(&probe.stream, "x", 1), -EPIPE);
        RUN_UNTIL(loop, probe.disconnects);
        assert_int_equal(probe.disconnects, 1);
        assert_int_equal(probe.reason, REACTOR_ENDED);
        assert_int_equal(probe.inputs, 1);
        done(&probe);
    }
}

static void a_half_open_stream_writes_until_it_is_shut_down(void **state)
{
    (void) state;
    each(keep_half_open);
}

static void shut_down_first(struct reactor_loop *loop)
{
    static const uint8_t bytes[1 << 20];
    struct probe probe;
    for (unsigned tcp = 0; tcp < 2; tcp++) {
        (tcp ? open_tcp : open_pair)(&probe, loop, NULL);
        assert_int_equal(reactor_stream_write(&probe.stream, bytes, sizeof bytes), 1);
        reactor_stream_shutdown(&probe.stream);
        reactor_stream_shutdown(&probe.stream);
        size_t got = 0;
        ssize_t count = 0;
        for (unsigned i = 0; i < 1000 && count >= 0; i++) {
            run_for(loop, MS / 5);
            count = drain(&probe);
            got += count > 0 ? (size_t) count : 0;
        }
        assert_int_equal(got, sizeof bytes);
        assert_int_equal(count, -1); /* the end, behind all of it */
        assert_int_equal(probe.disconnects, 0);
        put(&probe, "still", 5); /* the other direction is open */
        RUN_UNTIL(loop, probe.consumed_bytes == 5);
        assert_int_equal(probe.consumed_bytes, 5);
        close(probe.other);
        probe.other = -1;
        RUN_UNTIL(loop, probe.disconnects);
        assert_int_equal(probe.disconnects, 1);
        assert_int_equal(probe.reason, REACTOR_ENDED);
        done(&probe);
    }
}

static void shutting_down_waits_for_what_is_pending_and_leaves_input_open(void **state)
{
    (void) state;
    each(shut_down_first);
}

static void reset(struct reactor_loop *loop)
{
    struct probe probe;
    open_tcp(&probe, loop, NULL);
    run_for(loop, MS);
    setsockopt(probe.other, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    close(probe.other);
    probe.other = -1;
    RUN_UNTIL(loop, probe.disconnects);
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(probe.reason, -ECONNRESET);
    open_tcp(&probe, loop, NULL); /* while it is paused, too */
    probe.act = pause_it;
    put(&probe, "x", 1);
    run_for(loop, 2 * MS);
    setsockopt(probe.other, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    close(probe.other);
    probe.other = -1;
    probe.act = NULL;
    run_for(loop, 5 * MS);
    reactor_stream_resume(&probe.stream);
    RUN_UNTIL(loop, probe.disconnects);
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(probe.reason, -ECONNRESET);
}

static void a_reset_is_told_as_the_reason(void **state)
{
    (void) state;
    each(reset);
}

static void broken_pipe(struct reactor_loop *loop)
{
    struct probe probe;
    open_pair(&probe, loop, NULL);
    shutdown(probe.other, SHUT_RD); /* takes no more, and says nothing */
    assert_int_equal(reactor_stream_write(&probe.stream, "x", 1), 0);
    RUN_UNTIL(loop, probe.disconnects);
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(probe.reason, -EPIPE);
    done(&probe);
}

static void a_broken_pipe_is_told_as_the_reason(void **state)
{
    (void) state;
    each(broken_pipe);
}

static void too_long(struct reactor_loop *loop)
{
    static const uint8_t bytes[100000];
    struct probe probe;
    open_pair(&probe, loop, &(struct reactor_stream_options){.input_max = 40000});
    probe.leaves = true;
    for (unsigned i = 0; i < 10 && !probe.disconnects; i++) {
        (void) !write(probe.other, bytes, 10000);
        run_for(loop, 2 * MS);
    }
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(probe.reason, -EMSGSIZE);
    done(&probe);
}

static void input_beyond_its_bound_that_nobody_consumes_ends_the_stream(void **state)
{
    (void) state;
    each(too_long);
}

static void fail_it(struct probe *probe)
{
    if (!probe->stream.backend)
        return;
    assert_int_equal(reactor_stream_write(&probe->stream, "bad", 3), 0);
    reactor_stream_fail(&probe->stream, -EPROTO);
    reactor_stream_fail(&probe->stream, -EBADMSG); /* the first counts */
    assert_int_equal(reactor_stream_write(&probe->stream, "more", 4), -EPIPE);
}

static void violate(struct reactor_loop *loop)
{
    struct probe probe;
    open_pair(&probe, loop, NULL);
    probe.act = fail_it;
    put(&probe, "nonsense", 8);
    run_for(loop, 5 * MS);
    assert_int_equal(probe.inputs, 1);
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(probe.reason, -EPROTO);
    assert_int_equal(drain(&probe), 3);
    assert_int_equal(reactor_loop_statistics(loop)->violations, 1);
    done(&probe);
}

static void a_violation_is_counted_answered_and_ends_the_stream(void **state)
{
    (void) state;
    each(violate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_closes_ends_the_stream_behind_its_last_bytes),
        cmocka_unit_test(an_answer_written_at_the_peers_end_still_goes_out),
        cmocka_unit_test(a_half_open_stream_writes_until_it_is_shut_down),
        cmocka_unit_test(shutting_down_waits_for_what_is_pending_and_leaves_input_open),
        cmocka_unit_test(a_reset_is_told_as_the_reason),
        cmocka_unit_test(a_broken_pipe_is_told_as_the_reason),
        cmocka_unit_test(input_beyond_its_bound_that_nobody_consumes_ends_the_stream),
        cmocka_unit_test(a_violation_is_counted_answered_and_ends_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
