/* What the owner may do inside a call: close, open, write to others, free the loop. */
#include "reactor/stream.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/reactor/stream_probe.h"

/* As a child that was forked has it, too. */
static void close_one_of_two(struct reactor_loop *loop)
{
    struct probe probe;
    open_pair(&probe, loop, NULL);
    run_for(loop, MS);
    int copy = dup(probe.stream.handler.descriptor);
    reactor_stream_close(&probe.stream);
    run_for(loop, MS);
    const struct reactor_statistics *statistics = reactor_loop_statistics(loop);
    uint64_t stale_events = statistics->stale_events;
    for (unsigned i = 0; i < 3; i++) {
        put(&probe, "x", 1);
        run_for(loop, MS);
    }
    assert_int_equal(statistics->stale_events, stale_events);
    assert_int_equal(close(copy), 0);
    done(&probe);
}

static void a_stream_that_was_closed_is_not_reported_while_a_copy_of_its_descriptor_lives(void **state)
{
    (void) state;
    each(close_one_of_two);
}

static void close_it(struct probe *probe)
{
    reactor_stream_close(&probe->stream);
    memset(&probe->stream, 0xa5, sizeof probe->stream); /* the struct is the owner's again: nobody looks */
    probe->stream.backend = NULL;
}

static void write_then_close(struct probe *probe)
{
    assert_int_equal(reactor_stream_write(&probe->stream, "bye", 3), 0);
    close_it(probe);
}

static void close_inside(struct reactor_loop *loop)
{
    static const uint8_t bytes[600000];
    struct probe probe;
    open_pair(&probe, loop, NULL); /* in input_ready */
    probe.act = write_then_close;
    put(&probe, "x", 1);
    run_for(loop, 2 * MS);
    assert_int_equal(probe.inputs, 1);
    assert_int_equal(drain(&probe), 3);
    assert_int_equal(drain(&probe), -1);
    close(probe.other);
    open_pair(&probe, loop, NULL); /* at the peer's end */
    probe.act = close_it;
    close(probe.other);
    probe.other = -1;
    run_for(loop, 2 * MS);
    assert_int_equal(probe.inputs, 1);
    assert_int_equal(probe.disconnects, 0);
    open_pair(&probe, loop, &(struct reactor_stream_options){.output_high = 1}); /* in output_ready */
    probe.act = close_it;
    assert_int_equal(reactor_stream_write(&probe.stream, bytes, sizeof bytes), 1);
    for (unsigned i = 0; i < 100 && probe.outputs == 0; i++) {
        run_for(loop, MS);
        (void) drain(&probe);
    }
    assert_int_equal(probe.outputs, 1);
    close(probe.other);
    open_pair(&probe, loop, NULL); /* in timed_out */
    probe.act = close_it;
    assert_int_equal(reactor_handler_timer_arm(&probe.stream.handler, 1), 0);
    run_for(loop, 2 * MS);
    assert_int_equal(probe.timeouts, 1);
    close(probe.other);
    uint16_t port; /* in connected */
    int listener = listen_local(&port);
    open_over(&probe, loop, connect_local(port, SOCK_NONBLOCK), -1, &(struct reactor_stream_options){.connecting = true});
    probe.act = write_then_close;
    run_for(loop, 5 * MS);
    assert_int_equal(probe.connects, 1);
    close(listener);
}

static void a_stream_may_be_closed_in_any_of_its_calls(void **state)
{
    (void) state;
    each(close_inside);
}

static void close_victim(struct probe *probe)
{
    if (probe->victim)
        reactor_stream_close(&probe->victim->stream);
    probe->victim = NULL;
}

static void close_another(struct reactor_loop *loop)
{
    struct probe a, b;
    open_pair(&a, loop, NULL);
    open_pair(&b, loop, NULL);
    a.victim = &b;
    b.victim = &a;
    a.act = b.act = close_victim;
    put(&a, "x", 1);
    put(&b, "x", 1);
    run_for(loop, 5 * MS);
    assert_int_equal(a.inputs + b.inputs, 1);
    assert_int_equal(a.disconnects + b.disconnects, 0);
    done(&a);
    done(&b);
}

static void a_stream_closed_by_another_hears_nothing_more(void **state)
{
    (void) state;
    each(close_another);
}

static struct reactor_loop *loop_of_reopen;

static void reopen(struct probe *probe)
{
    if (probe->stream.backend)
        return;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    struct probe *fresh = probe->victim;
    open_over(fresh, loop_of_reopen, ends[0], ends[1], NULL);
    fresh->echoes = true;
    assert_int_equal(reactor_stream_write(&fresh->stream, "hi", 2), 0);
}

static void open_inside(struct reactor_loop *loop)
{
    struct probe probe, fresh;
    loop_of_reopen = loop;
    open_pair(&probe, loop, NULL);
    probe.act = reopen;
    probe.victim = &fresh;
    close(probe.other);
    probe.other = -1;
    run_for(loop, 5 * MS);
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(drain(&fresh), 2);
    put(&fresh, "abc", 3);
    run_for(loop, 5 * MS);
    assert_int_equal(drain(&fresh), 3);
    done(&fresh);
}

static void a_stream_may_be_opened_inside_disconnected(void **state)
{
    (void) state;
    each(open_inside);
}

static void write_to_victim(struct probe *probe)
{
    if (probe->victim->stream.backend)
        assert_int_equal(reactor_stream_write(&probe->victim->stream, "told", 4), 0);
}

static void tell_others(struct reactor_loop *loop)
{
    struct probe leaver, stayer;
    open_pair(&leaver, loop, NULL);
    open_pair(&stayer, loop, NULL);
    leaver.act = write_to_victim;
    leaver.victim = &stayer;
    close(leaver.other);
    leaver.other = -1;
    run_for(loop, 5 * MS);
    assert_int_equal(leaver.disconnects, 1);
    assert_int_equal(drain(&stayer), 8); /* at its end, and inside disconnected */
    done(&leaver);
    done(&stayer);
}

static void writing_to_another_inside_disconnected_goes_out(void **state)
{
    (void) state;
    each(tell_others);
}

static void free_loop(struct reactor_loop *given)
{
    struct reactor_loop *loop;
    assert_int_equal(reactor_loop_create(&loop, &(struct reactor_loop_options){
                                                    .demultiplexer = given->demultiplexer->name}), 0);
    struct probe probes[3];
    for (unsigned i = 0; i < 3; i++)
        open_pair(&probes[i], loop, &(struct reactor_stream_options){.idle_timeout_ns = 50 * MS});
    run_for(loop, MS);
    probes[1].leaves = true;
    put(&probes[1], "kept", 4);
    run_for(loop, MS);
    assert_int_equal(reactor_stream_write(&probes[0].stream, "bye", 3), 0);
    assert_int_equal(reactor_stream_write(&probes[2].stream, "bye", 3), 0);
    reactor_stream_close(&probes[2].stream);
    reactor_loop_free(loop);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(probes[i].disconnects, i < 2);
        assert_int_equal(probes[i].reason, 0);
        assert_int_equal(drain(&probes[i]), i == 1 ? -1 : 3);
        assert_int_equal(drain(&probes[i]), -1);
        close(probes[i].other);
    }
}

static void freeing_the_loop_tells_each_stream_and_offers_what_is_pending(void **state)
{
    (void) state;
    each(free_loop);
}

static void free_unrun(struct reactor_loop *given)
{
    struct reactor_loop *loop;
    struct probe probe, closed;
    assert_int_equal(reactor_loop_create(&loop, &(struct reactor_loop_options){
                                                    .demultiplexer = given->demultiplexer->name}), 0);
    open_pair(&probe, loop, NULL);
    open_pair(&closed, loop, NULL);
    assert_int_equal(reactor_stream_write(&probe.stream, "bye", 3), 0);
    assert_int_equal(reactor_stream_write(&closed.stream, "closed", 6), 0);
    reactor_stream_close(&closed.stream);
    reactor_loop_free(loop);
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(drain(&probe), 3);
    assert_int_equal(drain(&probe), -1);
    assert_int_equal(drain(&closed), 6);
    assert_int_equal(drain(&closed), -1);
    close(probe.other);
    close(closed.other);
}

static void freeing_a_loop_that_never_ran_offers_what_is_pending_too(void **state)
{
    (void) state;
    each(free_unrun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_may_be_closed_in_any_of_its_calls),
        cmocka_unit_test(a_stream_closed_by_another_hears_nothing_more),
        cmocka_unit_test(a_stream_may_be_opened_inside_disconnected),
        cmocka_unit_test(writing_to_another_inside_disconnected_goes_out),
        cmocka_unit_test(freeing_the_loop_tells_each_stream_and_offers_what_is_pending),
        cmocka_unit_test(freeing_a_loop_that_never_ran_offers_what_is_pending_too),
        cmocka_unit_test(a_stream_that_was_closed_is_not_reported_while_a_copy_of_its_descriptor_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
