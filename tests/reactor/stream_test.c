/* Streams: what is read and written, pressure both ways, pauses, turns. */
#include "reactor/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/reactor/stream_probe.h"

static void echo(struct reactor_loop *loop)
{
    struct probe probe;
    open_pair(&probe, loop, NULL);
    probe.echoes = true;
    run_for(loop, MS);
    assert_int_equal(probe.inputs, 0);
    assert_int_equal(loop->buffers.taken_bytes, 0); /* idle: no buffer */
    put(&probe, "hello", 5);
    run_for(loop, 5 * MS);
    assert_int_equal(probe.inputs, 1);
    assert_int_equal(probe.consumed_bytes, 5);
    assert_memory_equal(probe.last, "hello", 5);
    assert_int_equal(drain(&probe), 5);
    assert_int_equal(loop->buffers.taken_bytes, 0);
    assert_int_equal(reactor_loop_statistics(loop)->bytes_received, 5);
    assert_int_equal(reactor_loop_statistics(loop)->bytes_sent, 5);
    done(&probe);
}

static void what_is_read_can_be_answered_and_no_buffer_is_kept(void **state)
{
    (void) state;
    each(echo);
}

static void write_ten(struct probe *probe)
{
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(reactor_stream_write(&probe->stream, "0123456789", 10), 0);
    assert_int_equal(drain(probe), 0); /* nothing has gone yet */
    assert_int_equal(reactor_stream_pending(&probe->stream), 100);
}

static void coalesce(struct reactor_loop *loop)
{
    int ends[2];
    struct probe probe; /* each send is one packet: what goes out together is seen */
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    open_over(&probe, loop, ends[0], ends[1], NULL);
    probe.act = write_ten;
    put(&probe, "x", 1);
    run_for(loop, 5 * MS);
    char bytes[200];
    assert_int_equal(read(probe.other, bytes, sizeof bytes), 100);
    assert_int_equal(reactor_stream_pending(&probe.stream), 0);
    done(&probe);
}

static void what_a_turn_wrote_goes_out_together(void **state)
{
    (void) state;
    each(coalesce);
}

static void leave_and_take(struct reactor_loop *loop)
{
    struct probe probe;
    open_pair(&probe, loop, NULL);
    probe.leaves = true;
    put(&probe, "abc", 3);
    run_for(loop, 2 * MS);
    assert_int_equal(probe.inputs, 1); /* not again for what it knows */
    put(&probe, "def", 3);
    run_for(loop, 2 * MS);
    assert_int_equal(probe.inputs, 2);
    assert_int_equal(probe.shown_bytes, 6);
    assert_memory_equal(probe.last, "abcdef", 6);
    assert_true(loop->buffers.taken_bytes > 0);
    probe.leaves = false;
    probe.consume_most = 4;
    put(&probe, "g", 1);
    run_for(loop, 2 * MS);
    assert_int_equal(probe.consumed_bytes, 4);
    put(&probe, "h", 1);
    run_for(loop, 2 * MS);
    assert_memory_equal(probe.last, "efgh", 4);
    assert_int_equal(loop->buffers.taken_bytes, 0);
    done(&probe);
}

static void what_is_not_consumed_is_shown_again_with_what_follows(void **state)
{
    (void) state;
    each(leave_and_take);
}

/* Bytes by their offset, in odd portions, through an owner that consumes odd portions, both ways, with blocking. */
static void bulk(struct reactor_loop *loop)
{
    const size_t total = 3 << 20;
    struct probe probe;
    open_pair(&probe, loop, NULL);
    probe.echoes = true;
    size_t put_bytes = 0, got_bytes = 0;
    static uint8_t bytes[100000];
    for (unsigned turns = 0; got_bytes < total && turns < 20000; turns++) {
        size_t length = 1 + (put_bytes * 7 + 13) % sizeof bytes;
        length = length < total - put_bytes ? length : total - put_bytes;
        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t) ((put_bytes + i) * 31 >> 3);
        ssize_t count = length ? write(probe.other, bytes, length) : 0;
        put_bytes += count > 0 ? (size_t) count : 0;
        run_for(loop, MS / 10);
        if (turns % 3 == 0)
            continue; /* it reads less often: output is blocked at times */
        while ((count = read(probe.other, bytes, 1 + got_bytes % sizeof bytes)) > 0) {
            for (ssize_t i = 0; i < count; i++)
                assert_int_equal(bytes[i], (uint8_t) ((got_bytes + (size_t) i) * 31 >> 3));
            got_bytes += (size_t) count;
        }
    }
    assert_int_equal(got_bytes, total);
    assert_int_equal(loop->buffers.taken_bytes, 0);
    done(&probe);
}

static void bulk_passes_whole_and_in_order(void **state)
{
    (void) state;
    each(bulk);
}

static void press_back(struct reactor_loop *loop)
{
    static const uint8_t bytes[50000];
    struct probe probe;
    open_pair(&probe, loop, &(struct reactor_stream_options){.output_high = 100000, .output_low = 60000,
                                                             .output_max = 1200000});
    size_t written = 0;
    int result = 0;
    for (unsigned i = 0; i < 100 && result != -ENOBUFS; i++) { /* a peer that never reads */
        result = reactor_stream_write(&probe.stream, bytes, sizeof bytes);
        written += result >= 0 ? sizeof bytes : 0;
        assert_int_equal(result, result == -ENOBUFS ? -ENOBUFS
                                                    : reactor_stream_pending(&probe.stream) > 100000);
        run_for(loop, MS / 5);
    }
    assert_int_equal(result, -ENOBUFS);
    assert_true(reactor_stream_pending(&probe.stream) <= 1200000);
    assert_true(reactor_stream_pending(&probe.stream) > 1200000 - sizeof bytes);
    assert_int_equal(probe.outputs, 0);
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    run_for(loop, 50 * MS);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 < 25);
    size_t got = 0;
    for (unsigned i = 0; i < 1000 && got < written; i++) {
        ssize_t count = drain(&probe);
        got += count > 0 ? (size_t) count : 0;
        run_for(loop, MS / 5);
        if (probe.outputs == 0)
            assert_true(reactor_stream_pending(&probe.stream) > 60000);
    }
    assert_int_equal(got, written);
    assert_int_equal(probe.outputs, 1);
    done(&probe);
}

static void a_peer_that_never_reads_presses_back_and_costs_no_time(void **state)
{
    (void) state;
    each(press_back);
}

/* Taken without a word about the mark, then refused: the owner waits for output_ready all the same. */
static void refuse_below_the_mark(struct reactor_loop *loop)
{
    static const uint8_t bytes[50001];
    struct probe probe;
    open_pair(&probe, loop, &(struct reactor_stream_options){.output_high = 40000, .output_max = 50000});
    assert_int_equal(reactor_stream_write(&probe.stream, bytes, 50001), -ENOBUFS);
    run_for(loop, 2 * MS);
    assert_int_equal(probe.outputs, 0); /* nothing was pending, and it would never fit */
    assert_int_equal(reactor_stream_write(&probe.stream, bytes, 30000), 0);
    assert_int_equal(reactor_stream_write(&probe.stream, bytes, 30000), -ENOBUFS);
    for (unsigned i = 0; i < 100 && probe.outputs == 0; i++) {
        (void) drain(&probe);
        run_for(loop, MS / 5);
    }
    assert_int_equal(probe.outputs, 1);
    done(&probe);
}

static void a_refused_write_is_followed_by_output_ready(void **state)
{
    (void) state;
    each(refuse_below_the_mark);
}

/* Before its first turn: paused, and with more to write than the kernel takes. */
#define FULL 8192u

/* Half of what may be pending, then as much as may be. */
static void write_to_victim(struct probe *probe)
{
    static const uint8_t bytes[FULL];
    struct probe *victim = probe->victim;
    size_t pending = reactor_stream_pending(&victim->stream), length = victim->outputs ? FULL - pending : FULL / 2;
    victim->outputs = 1;
    assert_true(reactor_stream_write(&victim->stream, bytes, length) >= 0);
    victim->consumed_bytes += length;
}

static size_t fill_kernel(int descriptor)
{
    static const uint8_t bytes[4096];
    size_t total = 0;
    for (ssize_t count; (count = send(descriptor, bytes, sizeof bytes, MSG_DONTWAIT)) > 0;)
        total += (size_t) count;
    return total;
}

/* The second write comes when over io_uring the first is thought to be out: that it is not is heard after it. */
static void give_back(struct reactor_loop *loop)
{
    struct probe full, others[2];
    open_pair(&full, loop, &(struct reactor_stream_options){.output_max = FULL});
    size_t before = fill_kernel(full.stream.handler.descriptor), got = 0;
    for (unsigned i = 0; i < 2; i++) {
        open_pair(&others[i], loop, NULL);
        others[i].victim = &full;
        others[i].act = write_to_victim;
        put(&others[i], "x", 1);
    }
    for (unsigned i = 0; i < 1000 && others[0].inputs + others[1].inputs < 2; i++)
        run_for(loop, MS);
    run_for(loop, MS);
    assert_true(reactor_stream_pending(&full.stream) >= FULL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(reactor_stream_write(&full.stream, "x", 1), -ENOBUFS);
    for (unsigned i = 0; i < 1000 && got < before + full.consumed_bytes; i++) {
        ssize_t count = drain(&full);
        got += count > 0 ? (size_t) count : 0;
        run_for(loop, MS);
    }
    assert_int_equal(got, before + full.consumed_bytes);
    reactor_stream_fail(&full.stream, -EPROTO);
    assert_int_equal(reactor_stream_pending(&full.stream), 0);
    for (unsigned i = 0; i < 2; i++)
        done(&others[i]);
    done(&full);
}

static void the_bound_of_output_holds_when_the_kernel_takes_less_than_was_thought(void **state)
{
    (void) state;
    each_loop_with(&(struct reactor_loop_options){.descriptors_a_turn = 1}, give_back);
}

static void pause_at_once(struct reactor_loop *loop)
{
    static const uint8_t bytes[1 << 20];
    struct probe probe;
    open_pair(&probe, loop, NULL);
    put(&probe, "early", 5);
    reactor_stream_pause(&probe.stream);
    assert_int_equal(reactor_stream_write(&probe.stream, bytes, sizeof bytes), 1);
    size_t got = 0;
    for (unsigned i = 0; i < 1000 && got < sizeof bytes; i++) {
        run_for(loop, MS / 5);
        ssize_t count = drain(&probe);
        got += count > 0 ? (size_t) count : 0;
    }
    assert_int_equal(got, sizeof bytes);
    assert_int_equal(probe.inputs, 0);
    reactor_stream_resume(&probe.stream);
    run_for(loop, 2 * MS);
    assert_int_equal(probe.consumed_bytes, 5);
    done(&probe);
}

static void a_stream_paused_before_its_first_turn_writes_and_then_reads(void **state)
{
    (void) state;
    each(pause_at_once);
}

static void pause_and_resume(struct reactor_loop *loop)
{
    struct probe probe;
    open_pair(&probe, loop, &(struct reactor_stream_options){.half_open = true});
    probe.act = pause_it;
    put(&probe, "one", 3);
    run_for(loop, 2 * MS);
    put(&probe, "two", 3);
    shutdown(probe.other, SHUT_WR);
    run_for(loop, 2 * MS);
    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    run_for(loop, 50 * MS);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    assert_true((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 < 25);
    assert_int_equal(probe.inputs, 1);
    probe.act = NULL;
    reactor_stream_resume(&probe.stream);
    run_for(loop, 5 * MS);
    assert_int_equal(probe.consumed_bytes, 6);
    assert_true(probe.ended);
    assert_int_equal(probe.disconnects, 0);
    done(&probe);
}

static void a_paused_stream_hears_nothing_until_resumed_and_does_not_spin(void **state)
{
    (void) state;
    each(pause_and_resume);
}

static void resume_what_was_left(struct reactor_loop *loop)
{
    struct probe probe;
    open_pair(&probe, loop, NULL);
    probe.act = pause_it;
    probe.leaves = true;
    put(&probe, "left", 4);
    run_for(loop, 2 * MS);
    assert_int_equal(probe.inputs, 1);
    probe.act = NULL;
    probe.leaves = false;
    reactor_stream_resume(&probe.stream);
    reactor_stream_resume(&probe.stream); /* once is enough */
    run_for(loop, 2 * MS);
    assert_int_equal(probe.inputs, 2);
    assert_int_equal(probe.consumed_bytes, 4);
    done(&probe);
}

static void resuming_shows_what_was_left_unconsumed(void **state)
{
    (void) state;
    each(resume_what_was_left);
}

static void share_fairly(struct reactor_loop *loop)
{
    static const uint8_t bytes[150000];
    struct probe flood, polite;
    open_pair(&flood, loop, NULL);
    open_pair(&polite, loop, NULL);
    ssize_t sent = write(flood.other, bytes, sizeof bytes);
    assert_true(sent > 100000);
    put(&polite, "x", 1);
    for (unsigned turn = 0; turn < 4 && !polite.inputs; turn++)
        assert_true(loop_turn(loop, UINT64_MAX) >= 0);
    assert_int_equal(polite.inputs, 1);
    if (!loop->demultiplexer->completions) /* there the demultiplexer's buffers bound a turn */
        assert_true(flood.consumed_bytes <= 4 * 16384);
    run_for(loop, 5 * MS);
    assert_int_equal(flood.consumed_bytes, sent);
    done(&flood);
    done(&polite);
}

static void one_that_sends_much_takes_its_bytes_a_turn_and_no_more(void **state)
{
    (void) state;
    each(share_fairly);
}

static void stop_it(struct probe *probe)
{
    reactor_loop_stop(probe->stream.handler.loop);
}

static void stop_in_between(struct reactor_loop *loop)
{
    struct probe probes[4];
    for (unsigned i = 0; i < 4; i++) {
        open_pair(&probes[i], loop, NULL);
        probes[i].act = stop_it;
    }
    run_for(loop, MS);
    for (unsigned i = 0; i < 4; i++)
        put(&probes[i], "x", 1);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop) + 100 * MS), REACTOR_STOPPED);
        assert_int_equal(probes[0].inputs + probes[1].inputs + probes[2].inputs + probes[3].inputs, i + 1);
    }
    for (unsigned i = 0; i < 4; i++)
        done(&probes[i]);
}

static void stopping_the_loop_loses_no_input(void **state)
{
    (void) state;
    each(stop_in_between);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_can_be_answered_and_no_buffer_is_kept),
        cmocka_unit_test(what_a_turn_wrote_goes_out_together),
        cmocka_unit_test(what_is_not_consumed_is_shown_again_with_what_follows),
        cmocka_unit_test(bulk_passes_whole_and_in_order),
        cmocka_unit_test(a_peer_that_never_reads_presses_back_and_costs_no_time),
        cmocka_unit_test(a_refused_write_is_followed_by_output_ready),
        cmocka_unit_test(a_paused_stream_hears_nothing_until_resumed_and_does_not_spin),
        cmocka_unit_test(the_bound_of_output_holds_when_the_kernel_takes_less_than_was_thought),
        cmocka_unit_test(a_stream_paused_before_its_first_turn_writes_and_then_reads),
        cmocka_unit_test(resuming_shows_what_was_left_unconsumed),
        cmocka_unit_test(one_that_sends_much_takes_its_bytes_a_turn_and_no_more),
        cmocka_unit_test(stopping_the_loop_loses_no_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
