/* Streams: every case over every demultiplexer that watches descriptors; the other end is a plain socket. */
#include "reactor/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/reactor/each_loop.h"

static void each(void (*test)(struct reactor_loop *loop))
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

static struct probe *probe_of(struct reactor_handler *handler)
{
    return (struct probe *) handler;
}

static void act(struct probe *probe)
{
    assert_int_equal(probe->disconnects, 0); /* nothing comes after it */
    if (probe->act)
        probe->act(probe);
}

static void on_connected(struct reactor_handler *handler)
{
    probe_of(handler)->connects++;
    act(probe_of(handler));
}

static void on_input(struct reactor_handler *handler)
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

static void on_output(struct reactor_handler *handler)
{
    probe_of(handler)->outputs++;
    act(probe_of(handler));
}

static void on_time_out(struct reactor_handler *handler)
{
    probe_of(handler)->timeouts++;
    act(probe_of(handler));
}

static void on_disconnected(struct reactor_handler *handler, int reason)
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

static void open_over(struct probe *probe, struct reactor_loop *loop, int descriptor, int other,
                      const struct reactor_stream_options *options)
{
    *probe = (struct probe){.stream.handler = {.ops = &probe_ops, .descriptor = descriptor}, .other = other};
    assert_int_equal(reactor_stream_open(&probe->stream, loop, options), 0);
}

static void open_pair(struct probe *probe, struct reactor_loop *loop, const struct reactor_stream_options *options)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    open_over(probe, loop, ends[0], ends[1], options);
}

static int listen_local(uint16_t *port)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *) &address, &(socklen_t){sizeof address}), 0);
    *port = address.sin_port;
    return listener;
}

static int connect_local(uint16_t port, int flags)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | flags, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(descriptor, (struct sockaddr *) &address, sizeof address) < 0)
        assert_int_equal(errno, EINPROGRESS);
    return descriptor;
}

static void open_tcp(struct probe *probe, struct reactor_loop *loop, const struct reactor_stream_options *options)
{
    uint16_t port;
    int listener = listen_local(&port);
    int descriptor = connect_local(port, 0);
    int other = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_true(other >= 0);
    close(listener);
    open_over(probe, loop, descriptor, other, options);
}

static void done(struct probe *probe)
{
    reactor_stream_close(&probe->stream);
    if (probe->other >= 0)
        close(probe->other);
}

static void run_for(struct reactor_loop *loop, uint64_t span_ns)
{
    assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop) + span_ns), REACTOR_REACHED);
}

/* How many bytes the other end gets within a little time; -1: the end, when nothing came before it. */
static ssize_t drain(struct probe *probe)
{
    char bytes[65536];
    ssize_t total = 0, count;
    while ((count = read(probe->other, bytes, sizeof bytes)) > 0)
        total += count;
    return count == 0 && total == 0 ? -1 : total;
}

static void put(const struct probe *probe, const void *bytes, size_t length)
{
    assert_int_equal(write(probe->other, bytes, length), length);
}

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

static void pause_it(struct probe *probe)
{
    reactor_stream_pause(&probe->stream);
}

/* Before its first turn: paused, and with more to write than the kernel takes. */
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

static void peer_closes(struct reactor_loop *loop)
{
    struct probe probe;
    for (unsigned tcp = 0; tcp < 2; tcp++) {
        (tcp ? open_tcp : open_pair)(&probe, loop, NULL);
        put(&probe, "last words", 10);
        close(probe.other);
        probe.other = -1;
        run_for(loop, 5 * MS);
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
        run_for(loop, 5 * MS);
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
        run_for(loop, 5 * MS);
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
        run_for(loop, 2 * MS);
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
        run_for(loop, 2 * MS);
        assert_int_equal(probe.consumed_bytes, 5);
        close(probe.other);
        probe.other = -1;
        run_for(loop, 2 * MS);
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
    run_for(loop, 5 * MS);
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
    run_for(loop, 5 * MS);
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
    run_for(loop, 5 * MS);
    assert_int_equal(probe.disconnects, 1);
    assert_int_equal(probe.reason, -EPIPE);
    done(&probe);
}

static void a_broken_pipe_is_told_as_the_reason(void **state)
{
    (void) state;
    each(broken_pipe);
}

static void refuse_connection(struct reactor_loop *loop)
{
    uint16_t port;
    struct probe probe;
    close(listen_local(&port));
    open_over(&probe, loop, connect_local(port, SOCK_NONBLOCK), -1, &(struct reactor_stream_options){.connecting = true});
    assert_int_equal(reactor_stream_write(&probe.stream, "early", 5), 0);
    run_for(loop, 10 * MS);
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
    open_over(&probe, loop, connect_local(port, SOCK_NONBLOCK), -1,
              &(struct reactor_stream_options){.connecting = true, .connect_timeout_ns = 20 * MS});
    uint64_t begun_ns = reactor_loop_now(loop);
    run_for(loop, 10 * MS);
    assert_int_equal(probe.disconnects, 0);
    run_for(loop, 30 * MS);
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
    each(idle);
}

static void own_timer(struct reactor_loop *loop)
{
    struct probe probe;
    open_pair(&probe, loop, &(struct reactor_stream_options){.idle_timeout_ns = 30 * MS});
    assert_int_equal(reactor_handler_timer_arm(&probe.stream.handler, 5 * MS), 0);
    run_for(loop, 15 * MS);
    assert_int_equal(probe.timeouts, 1);
    assert_int_equal(probe.disconnects, 0);
    run_for(loop, 30 * MS);
    assert_int_equal(probe.disconnects, 1);
    done(&probe);
}

static void the_owners_timer_and_the_idle_time_out_are_two(void **state)
{
    (void) state;
    each(own_timer);
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

/* Random peers: whatever they and their owners do, no call comes after the end, nothing leaks. */
#define RANDOM_STREAMS 16
static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t) (random_state >> 33) % below;
}

static void act_at_random(struct probe *probe)
{
    static const uint8_t bytes[70000];
    struct reactor_stream *stream = &probe->stream;
    uint32_t choice = draw(24);
    if (!stream->backend)
        return;
    if (choice < 8)
        (void) !reactor_stream_write(stream, bytes, draw(2) ? draw(100) : draw(sizeof bytes));
    else if (choice == 8)
        reactor_stream_close(stream);
    else if (choice == 9)
        reactor_stream_shutdown(stream);
    else if (choice == 10)
        reactor_stream_fail(stream, -EPROTO);
    else if (choice < 13)
        reactor_stream_pause(stream);
    else if (choice < 16)
        reactor_stream_resume(stream);
    else if (choice == 16 && stream->handler.loop)
        assert_int_equal(reactor_handler_timer_arm(&stream->handler, draw(1000000)), 0);
    if (probe->victim && draw(4) == 0) {
        struct probe *victim = probe->victim;
        if (victim->stream.backend && victim->disconnects == 0)
            act_at_random(victim);
    }
}

static void at_random(struct reactor_loop *loop)
{
    static struct probe probes[RANDOM_STREAMS];
    static const uint8_t bytes[50000];
    memset(probes, 0, sizeof probes);
    for (unsigned i = 0; i < RANDOM_STREAMS; i++)
        probes[i].other = -1;
    for (unsigned round = 0; round < 3000; round++) {
        struct probe *probe = &probes[draw(RANDOM_STREAMS)];
        uint32_t choice = draw(10);
        if (!probe->stream.backend) {
            if (probe->other >= 0)
                close(probe->other);
            struct reactor_stream_options options = {
                .half_open = draw(2), .idle_timeout_ns = draw(2) ? 2 * MS : 0, .output_high = 1 + draw(99999),
                .output_max = 100000 + draw(1000000), .input_max = 20000 + draw(100000),
            };
            (draw(4) ? open_pair : open_tcp)(probe, loop, &options);
            probe->act = act_at_random;
            probe->victim = &probes[draw(RANDOM_STREAMS)];
            probe->consume_most = draw(2) ? 1 + draw(1000) : 0;
        } else if (choice < 4 && probe->other >= 0) {
            (void) !send(probe->other, bytes, draw(sizeof bytes), MSG_NOSIGNAL);
        } else if (choice < 7 && probe->other >= 0) {
            (void) !drain(probe);
        } else if (choice == 7 && probe->other >= 0) {
            close(probe->other);
            probe->other = -1;
        } else if (choice == 8 && probe->other >= 0) {
            shutdown(probe->other, draw(2) ? SHUT_WR : SHUT_RDWR);
        } else {
            act_at_random(probe);
        }
        if (draw(4) == 0)
            assert_true(loop_turn(loop, reactor_loop_now(loop) + MS / 20) >= 0);
    }
    for (unsigned i = 0; i < RANDOM_STREAMS; i++)
        done(&probes[i]);
}

static void at_random_nothing_is_called_after_the_end_and_nothing_leaks(void **state)
{
    (void) state;
    const char *given = getenv("PEERLAB_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t) time(NULL);
    printf("  seed %llu (PEERLAB_TEST_SEED)\n", (unsigned long long) seed);
    random_state = seed;
    each(at_random);
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
        cmocka_unit_test(a_stream_paused_before_its_first_turn_writes_and_then_reads),
        cmocka_unit_test(resuming_shows_what_was_left_unconsumed),
        cmocka_unit_test(a_peer_that_closes_ends_the_stream_behind_its_last_bytes),
        cmocka_unit_test(an_answer_written_at_the_peers_end_still_goes_out),
        cmocka_unit_test(a_half_open_stream_writes_until_it_is_shut_down),
        cmocka_unit_test(shutting_down_waits_for_what_is_pending_and_leaves_input_open),
        cmocka_unit_test(a_reset_is_told_as_the_reason),
        cmocka_unit_test(a_broken_pipe_is_told_as_the_reason),
        cmocka_unit_test(a_refused_connect_is_told_as_the_reason),
        cmocka_unit_test(what_is_written_while_connecting_goes_out_once_connected),
        cmocka_unit_test(a_connect_that_hangs_times_out),
        cmocka_unit_test(an_idle_or_too_slow_peer_is_disconnected),
        cmocka_unit_test(the_owners_timer_and_the_idle_time_out_are_two),
        cmocka_unit_test(input_beyond_its_bound_that_nobody_consumes_ends_the_stream),
        cmocka_unit_test(a_violation_is_counted_answered_and_ends_the_stream),
        cmocka_unit_test(a_stream_may_be_closed_in_any_of_its_calls),
        cmocka_unit_test(a_stream_closed_by_another_hears_nothing_more),
        cmocka_unit_test(a_stream_may_be_opened_inside_disconnected),
        cmocka_unit_test(writing_to_another_inside_disconnected_goes_out),
        cmocka_unit_test(freeing_the_loop_tells_each_stream_and_offers_what_is_pending),
        cmocka_unit_test(one_that_sends_much_takes_its_bytes_a_turn_and_no_more),
        cmocka_unit_test(stopping_the_loop_loses_no_input),
        cmocka_unit_test(a_stream_that_was_closed_is_not_reported_while_a_copy_of_its_descriptor_lives),
        cmocka_unit_test(at_random_nothing_is_called_after_the_end_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
