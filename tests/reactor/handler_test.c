/* Handlers: every case over every demultiplexer that watches descriptors, and every clock. */
#include "reactor/handler.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/reactor/each_loop.h"

/* A handler that counts its events and does what its fields say. */
struct probe {
    struct reactor_handler handler;
    struct probe *victim;                        /* detached, closed and replaced when input comes */
    struct probe *replacement;                   /* attached to the victim's descriptor number */
    uint32_t connects, inputs, outputs, timeouts, disconnects;
    int reason;
    bool reads, stops, detaches, rearms;
    uint64_t at_ns;
};

static void on_connected(struct reactor_handler *handler)
{
    ((struct probe *) handler)->connects++;
}

static void replace_victim(struct probe *probe)
{
    struct probe *victim = probe->victim;
    struct reactor_loop *loop = probe->handler.loop;
    probe->victim = NULL;
    reactor_handler_detach(&victim->handler);
    close(victim->handler.descriptor);
    int fresh[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fresh), 0);
    assert_int_equal(fresh[0], victim->handler.descriptor); /* the number is used again at once */
    probe->replacement->handler.descriptor = fresh[0];
    probe->replacement->reason = fresh[1]; /* for closing it */
    assert_int_equal(reactor_handler_attach(&probe->replacement->handler, loop, REACTOR_READ), 0);
}

static void on_input(struct reactor_handler *handler)
{
    struct probe *probe = (struct probe *) handler;
    struct reactor_loop *loop = handler->loop;
    probe->inputs++;
    char byte;
    if (probe->reads && read(handler->descriptor, &byte, 1) < 0)
        assert_int_equal(errno, EAGAIN);
    if (probe->stops)
        reactor_loop_stop(loop);
    if (probe->victim)
        replace_victim(probe);
    if (probe->detaches)
        reactor_handler_detach(handler);
}

static void on_output(struct reactor_handler *handler)
{
    struct probe *probe = (struct probe *) handler;
    probe->outputs++;
    assert_int_equal(reactor_handler_interest(handler, REACTOR_READ), 0);
}

static void on_time_out(struct reactor_handler *handler)
{
    struct probe *probe = (struct probe *) handler;
    probe->timeouts++;
    probe->at_ns = reactor_loop_now(handler->loop);
    if (probe->rearms && probe->timeouts < 3)
        assert_int_equal(reactor_handler_timer_arm(handler, MS), 0);
    if (probe->detaches)
        reactor_handler_detach(handler);
}

static void on_disconnected(struct reactor_handler *handler, int reason)
{
    struct probe *probe = (struct probe *) handler;
    assert_null(handler->loop);
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

struct pair {
    struct probe probe;
    int other;
};

static struct reactor_loop *create(const struct reactor_loop_options *options)
{
    struct reactor_loop *loop;
    assert_int_equal(reactor_loop_create(&loop, options), 0);
    return loop;
}

static void open_pair(struct pair *pair, struct reactor_loop *loop, uint32_t interest)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    *pair = (struct pair){.probe.handler = {.ops = &probe_ops, .descriptor = ends[0]}, .other = ends[1]};
    assert_int_equal(reactor_handler_attach(&pair->probe.handler, loop, interest), 0);
}

static void close_pair(struct pair *pair)
{
    reactor_handler_detach(&pair->probe.handler);
    close(pair->probe.handler.descriptor);
    if (pair->other >= 0)
        close(pair->other);
}

static void send_bytes(const struct pair *pair, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(write(pair->other, "x", 1), 1);
}

static void read_until_empty(const struct reactor_loop_options *options)
{
    struct reactor_loop *loop = create(options);
    struct pair pair;
    open_pair(&pair, loop, REACTOR_READ);
    pair.probe.reads = true;
    run_for(loop, MS);
    assert_int_equal(pair.probe.inputs, 0);
    send_bytes(&pair, 5); /* one is read each time */
    run_for(loop, 20 * MS);
    assert_int_equal(pair.probe.inputs, 5);
    assert_int_equal(pair.probe.outputs, 0);
    close_pair(&pair);
    assert_int_equal(reactor_loop_handler_count(loop), 0);
    reactor_loop_free(loop);
}

static void input_is_called_while_something_is_left(void **state)
{
    (void) state;
    each_pair(WATCHING_PAIRS, read_until_empty);
}

static void write_when_asked(const struct reactor_loop_options *options)
{
    struct reactor_loop *loop = create(options);
    struct pair pair;
    open_pair(&pair, loop, REACTOR_READ | REACTOR_WRITE);
    run_for(loop, 5 * MS);
    assert_int_equal(pair.probe.outputs, 1); /* it takes the interest back */
    assert_int_equal(reactor_handler_interest(&pair.probe.handler, REACTOR_WRITE), 0);
    run_for(loop, 5 * MS);
    assert_int_equal(pair.probe.outputs, 2);
    close_pair(&pair);
    reactor_loop_free(loop);
}

static void output_is_called_only_while_asked_for(void **state)
{
    (void) state;
    each_pair(WATCHING_PAIRS, write_when_asked);
}

/* Two descriptors are ready in one turn; whichever comes first closes the other, whose number a third gets at once. */
static void close_and_reuse(const struct reactor_loop_options *options)
{
    struct reactor_loop *loop = create(options);
    struct pair a, b;
    struct probe fresh = {.handler = {.ops = &probe_ops}, .reads = true};
    open_pair(&a, loop, REACTOR_READ);
    open_pair(&b, loop, REACTOR_READ);
    a.probe.victim = &b.probe;
    b.probe.victim = &a.probe;
    a.probe.replacement = b.probe.replacement = &fresh;
    a.probe.reads = b.probe.reads = true;
    send_bytes(&a, 1);
    send_bytes(&b, 1);
    run_for(loop, 2 * MS);
    bool a_was_first = a.probe.inputs == 1;
    assert_int_equal(a.probe.inputs + b.probe.inputs, 1);
    assert_int_equal(fresh.inputs, 0); /* the stale event did not reach it */
    assert_true(reactor_loop_statistics(loop)->stale_events <= 1);
    struct pair *left = a_was_first ? &a : &b, *gone = a_was_first ? &b : &a;
    reactor_handler_detach(&fresh.handler);
    close(fresh.handler.descriptor);
    close(fresh.reason);
    close(gone->other);
    left->probe.victim = NULL;
    close_pair(left);
    reactor_loop_free(loop);
}

static void a_descriptor_closed_in_a_handler_yields_no_stale_event(void **state)
{
    (void) state;
    each_pair(WATCHING_PAIRS, close_and_reuse);
}

#define BUSY 5

/* One event a turn: all five busy descriptors and the timer get theirs. */
static void share_fairly(const struct reactor_loop_options *given)
{
    struct reactor_loop_options options = *given;
    options.descriptors_a_turn = 1;
    struct reactor_loop *loop = create(&options);
    struct pair pairs[BUSY];
    for (unsigned i = 0; i < BUSY; i++) {
        open_pair(&pairs[i], loop, REACTOR_READ);
        send_bytes(&pairs[i], 1); /* never read: always ready */
    }
    bool waits = reactor_loop_clock(loop)->ops->waits;
    if (waits) {
        assert_int_equal(reactor_handler_timer_arm(&pairs[0].probe.handler, 5 * MS), 0);
        RUN_UNTIL(loop, pairs[0].probe.timeouts && pairs[BUSY - 1].probe.inputs >= 10);
        assert_int_equal(pairs[0].probe.timeouts, 1);
    } else { /* virtual time stands still while a descriptor is ready */
        pairs[BUSY - 1].probe.stops = true;
        for (unsigned i = 0; i < 10; i++)
            assert_int_equal(reactor_loop_run(loop, 1), REACTOR_STOPPED);
        assert_true(reactor_loop_now(loop) == 0);
    }
    uint32_t least = UINT32_MAX, most = 0;
    for (unsigned i = 0; i < BUSY; i++) {
        least = pairs[i].probe.inputs < least ? pairs[i].probe.inputs : least;
        most = pairs[i].probe.inputs > most ? pairs[i].probe.inputs : most;
        close_pair(&pairs[i]);
    }
    assert_true(least >= 9 && most - least <= 2);
    reactor_loop_free(loop);
}

/* Reads as REACTOR_EDGE asks for, once a call: what is short is all, except where an end lies behind it. */
struct drainer {
    struct reactor_handler handler;
    uint32_t bytes, ends, disconnects;
};

static void drain(struct reactor_handler *handler)
{
    struct drainer *drainer = (struct drainer *) handler;
    char bytes[100];
    ssize_t got;
    do {
        got = read(handler->descriptor, bytes, sizeof bytes);
        assert_true(got >= 0 || errno == EAGAIN);
        drainer->bytes += got > 0 ? (uint32_t) got : 0;
        drainer->ends += got == 0;
    } while (got == sizeof bytes);
    if (got == 0)
        reactor_handler_detach(handler);
}

static void on_drainer_disconnected(struct reactor_handler *handler, int reason)
{
    ((struct drainer *) handler)->disconnects++;
    assert_true(reason < 0);
}

static void drain_by_edges(struct reactor_loop *loop)
{
    static const struct reactor_handler_ops drainer_ops = {
        .name = "drainer", .input_ready = drain, .disconnected = on_drainer_disconnected};
    static const char bytes[250];
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    struct drainer drainer = {.handler = {.ops = &drainer_ops, .descriptor = ends[0]}};
    assert_int_equal(reactor_handler_attach(&drainer.handler, loop, REACTOR_READ | REACTOR_EDGE), 0);
    for (unsigned i = 1; i <= 10; i++) {
        assert_int_equal(write(ends[1], bytes, sizeof bytes), sizeof bytes);
        (void) reactor_loop_run(loop, reactor_loop_now(loop) + 2 * MS);
        assert_int_equal(drainer.bytes, i * sizeof bytes);
    }
    assert_int_equal(write(ends[1], bytes, 150), 150); /* and the end, before anybody looks */
    close(ends[1]);
    for (unsigned tries = 0; tries < 100 && drainer.handler.loop; tries++)
        (void) reactor_loop_run(loop, reactor_loop_now(loop) + 2 * MS);
    assert_int_equal(drainer.bytes, 10 * sizeof bytes + 150);
    assert_int_equal(drainer.ends + drainer.disconnects, 1);
    assert_int_equal(drainer.ends, 1);
    close(ends[0]);
}

static void by_edges_nothing_is_missed_and_the_end_is_seen(void **state)
{
    (void) state;
    each_loop(drain_by_edges);
}

static void a_busy_descriptor_starves_neither_others_nor_timers(void **state)
{
    (void) state;
    each_pair(WATCHING_PAIRS, share_fairly);
}

static void time_out(const struct reactor_loop_options *options)
{
    struct reactor_loop *loop = create(options);
    struct pair once, thrice, never, detached;
    open_pair(&once, loop, REACTOR_READ);
    open_pair(&thrice, loop, REACTOR_READ);
    open_pair(&never, loop, REACTOR_READ);
    open_pair(&detached, loop, REACTOR_READ);
    thrice.probe.rearms = true;
    detached.probe.detaches = true;
    uint64_t begun_ns = reactor_loop_now(loop);
    for (uint64_t delay_ns = 1; delay_ns <= 100; delay_ns++) /* armed again replaces, whether later or earlier */
        assert_int_equal(reactor_handler_timer_arm(&once.probe.handler, (delay_ns * 37 % 101) * MS), 0);
    assert_int_equal(reactor_handler_timer_arm(&once.probe.handler, 5 * MS), 0);
    assert_int_equal(reactor_handler_timer_arm(&thrice.probe.handler, MS), 0);
    assert_int_equal(reactor_handler_timer_arm(&never.probe.handler, 2 * MS), 0);
    assert_int_equal(reactor_handler_timer_arm(&detached.probe.handler, 2 * MS), 0);
    reactor_handler_timer_disarm(&never.probe.handler);
    run_for(loop, 10 * MS);
    RUN_UNTIL(loop, once.probe.timeouts && thrice.probe.timeouts == 3 && detached.probe.timeouts);
    run_for(loop, 10 * MS);
    assert_int_equal(once.probe.timeouts, 1);
    assert_true(once.probe.at_ns >= begun_ns + 5 * MS);
    assert_int_equal(thrice.probe.timeouts, 3);
    assert_int_equal(never.probe.timeouts, 0);
    assert_int_equal(detached.probe.timeouts, 1);
    assert_int_equal(reactor_loop_handler_count(loop), 3);
    close_pair(&once);
    close_pair(&thrice);
    close_pair(&never);
    close_pair(&detached);
    reactor_loop_free(loop);
}

static void a_handlers_timer_fires_once_and_not_after_disarming(void **state)
{
    (void) state;
    each_pair(WATCHING_PAIRS, time_out);
}

/* Both ends of a TCP connect: to a listener, and to a port where nobody listens. */
static int begin_connect(uint16_t port)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(descriptor >= 0);
    if (connect(descriptor, (struct sockaddr *) &address, sizeof address) < 0 && errno != EINPROGRESS) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static int open_listener(uint16_t *port)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(listener, 4), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *) &address, &(socklen_t){sizeof address}), 0);
    *port = address.sin_port;
    return listener;
}

static void connect_both_ways(const struct reactor_loop_options *options)
{
    uint16_t port;
    int listener = open_listener(&port);
    struct reactor_loop *loop = create(options);
    struct probe good = {.handler = {.ops = &probe_ops, .descriptor = begin_connect(port)}}, bad;
    assert_true(good.handler.descriptor >= 0);
    assert_int_equal(reactor_handler_attach(&good.handler, loop, REACTOR_READ | REACTOR_CONNECTING), 0);
    run_for(loop, 10 * MS);
    assert_int_equal(good.connects, 1);
    assert_int_equal(good.disconnects + good.inputs + good.outputs, 0);
    reactor_handler_detach(&good.handler);
    close(good.handler.descriptor);
    close(listener);
    bad = (struct probe){.handler = {.ops = &probe_ops, .descriptor = begin_connect(port)}};
    if (bad.handler.descriptor >= 0) { /* a kernel may refuse at once */
        assert_int_equal(reactor_handler_attach(&bad.handler, loop, REACTOR_READ | REACTOR_CONNECTING), 0);
        run_for(loop, 10 * MS);
        assert_int_equal(bad.connects, 0);
        assert_int_equal(bad.disconnects, 1);
        assert_int_equal(bad.reason, -ECONNREFUSED);
        close(bad.handler.descriptor);
    }
    reactor_loop_free(loop);
}

static void a_connect_ends_in_connected_or_disconnected(void **state)
{
    (void) state;
    each_pair(WATCHING_PAIRS, connect_both_ways);
}

/* The write end of a pipe whose reader has gone: nothing can be read from it, so the loop must tell. */
static void hang_up(const struct reactor_loop_options *options)
{
    struct reactor_loop *loop = create(options);
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    struct probe probe = {.handler = {.ops = &probe_ops, .descriptor = ends[1]}};
    assert_int_equal(reactor_handler_attach(&probe.handler, loop, 0), 0);
    run_for(loop, MS);
    assert_int_equal(probe.disconnects, 0);
    close(ends[0]);
    if (strcmp(options->demultiplexer, "select") != 0) { /* select sees nothing unless asked to read or write */
        run_for(loop, MS);
        assert_int_equal(probe.disconnects, 1);
        assert_int_equal(probe.reason, -EPIPE);
        assert_int_equal(reactor_loop_handler_count(loop), 0);
    }
    reactor_handler_detach(&probe.handler);
    close(ends[1]);
    reactor_loop_free(loop);
}

static void a_hang_up_that_cannot_be_read_is_told(void **state)
{
    (void) state;
    each_pair(WATCHING_PAIRS, hang_up);
}

static void shut_down(const struct reactor_loop_options *options)
{
    struct reactor_loop *loop = create(options);
    struct pair pairs[3];
    for (unsigned i = 0; i < 3; i++)
        open_pair(&pairs[i], loop, REACTOR_READ);
    assert_int_equal(reactor_handler_timer_arm(&pairs[1].probe.handler, MS), 0);
    reactor_handler_detach(&pairs[2].probe.handler); /* its owner's own doing: it is not told */
    reactor_loop_free(loop);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pairs[i].probe.disconnects, i < 2);
        assert_int_equal(pairs[i].probe.reason, 0);
        assert_int_equal(pairs[i].probe.timeouts + pairs[i].probe.inputs, 0);
        assert_null(pairs[i].probe.handler.loop);
        close(pairs[i].probe.handler.descriptor);
        close(pairs[i].other);
    }
}

static void freeing_the_loop_tells_each_handler_once(void **state)
{
    (void) state;
    each_pair(WATCHING_PAIRS, shut_down);
}

static void refuse(const struct reactor_loop_options *options)
{
    struct reactor_loop *loop = create(options);
    struct probe probe = {.handler = {.ops = &probe_ops, .descriptor = -1}};
    assert_int_equal(reactor_handler_attach(&probe.handler, loop, REACTOR_READ), -EBADF);
    assert_null(probe.handler.loop);
    reactor_handler_detach(&probe.handler); /* nothing to do */
    struct pair pair;
    open_pair(&pair, loop, REACTOR_READ);
    probe.handler.descriptor = pair.probe.handler.descriptor;
    assert_int_equal(reactor_handler_attach(&probe.handler, loop, REACTOR_READ), -EEXIST);
    assert_int_equal(reactor_loop_handler_count(loop), 1);
    close_pair(&pair);
    reactor_loop_free(loop);
}

static void what_cannot_be_watched_is_refused(void **state)
{
    (void) state;
    each_pair(WATCHING_PAIRS, refuse);
    struct reactor_loop *loop = create(&(struct reactor_loop_options){.demultiplexer = "none"});
    struct probe probe = {.handler = {.ops = &probe_ops, .descriptor = 0}};
    assert_int_equal(reactor_handler_attach(&probe.handler, loop, REACTOR_READ), -EOPNOTSUPP);
    reactor_loop_free(loop);
}

static void select_refuses_what_is_beyond_its_set(void **state)
{
    (void) state;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max <= 1100) {
        print_message("skipped: the hard limit on descriptors is %lu\n", (unsigned long) limit.rlim_max);
        skip();
    }
    struct rlimit raised = {limit.rlim_cur > 1100 ? limit.rlim_cur : 1100, limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &raised), 0);
    struct reactor_loop *loop = create(&(struct reactor_loop_options){.demultiplexer = "select"});
    int low = open("/dev/null", O_RDONLY), high = fcntl(low, F_DUPFD, 1024);
    assert_true(high >= 1024);
    struct probe probe = {.handler = {.ops = &probe_ops, .descriptor = high}};
    assert_int_equal(reactor_handler_attach(&probe.handler, loop, REACTOR_READ), -EMFILE);
    close(high);
    close(low);
    reactor_loop_free(loop);
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* The owner's mistake: one handler's descriptor is closed under the loop. Whether it is told depends on the kernel's way
 * (epoll forgets it); the others' events come in any case. */
static void close_under_the_loop(const struct reactor_loop_options *options)
{
    struct reactor_loop *loop = create(options);
    struct pair a, b;
    open_pair(&a, loop, REACTOR_READ);
    open_pair(&b, loop, REACTOR_READ);
    b.probe.reads = true;
    run_for(loop, MS);
    close(a.probe.handler.descriptor);
    for (uint32_t i = 1; i <= 3; i++) {
        send_bytes(&b, 1);
        for (unsigned tries = 0; tries < 100 && b.probe.inputs < i; tries++)
            run_for(loop, MS);
        assert_int_equal(b.probe.inputs, i);
    }
    bool tells = strcmp(options->demultiplexer, "select") == 0 || strcmp(options->demultiplexer, "poll") == 0;
    assert_true(a.probe.disconnects == 1 || (!tells && a.probe.disconnects == 0));
    assert_true(a.probe.disconnects == 0 || a.probe.reason < 0);
    reactor_handler_detach(&a.probe.handler);
    close(a.other);
    close_pair(&b);
    reactor_loop_free(loop);
}

static void a_descriptor_closed_under_the_loop_holds_up_nobody_else(void **state)
{
    (void) state;
    each_pair(WATCHING_PAIRS, close_under_the_loop);
}

static void spend(struct reactor_handler *handler)
{
    char byte;
    assert_int_equal(read(handler->descriptor, &byte, 1), 1);
    usleep(3000);
}

static void a_handler_over_its_budget_is_counted_under_its_name(void **state)
{
    (void) state;
    static const struct reactor_handler_ops slow_ops = {.name = "slow reader", .input_ready = spend};
    struct reactor_loop *loop = create(&(struct reactor_loop_options){.handler_budget_ns = 2 * MS});
    struct pair pair;
    open_pair(&pair, loop, REACTOR_READ);
    pair.probe.handler.ops = &slow_ops;
    send_bytes(&pair, 1);
    run_for(loop, 10 * MS);
    assert_int_equal(reactor_loop_statistics(loop)->over_budget, 1);
    assert_string_equal(reactor_loop_statistics(loop)->over_budget_name, "slow reader");
    close_pair(&pair);
    reactor_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_is_called_while_something_is_left),
        cmocka_unit_test(output_is_called_only_while_asked_for),
        cmocka_unit_test(a_descriptor_closed_in_a_handler_yields_no_stale_event),
        cmocka_unit_test(by_edges_nothing_is_missed_and_the_end_is_seen),
        cmocka_unit_test(a_busy_descriptor_starves_neither_others_nor_timers),
        cmocka_unit_test(a_handlers_timer_fires_once_and_not_after_disarming),
        cmocka_unit_test(a_connect_ends_in_connected_or_disconnected),
        cmocka_unit_test(a_hang_up_that_cannot_be_read_is_told),
        cmocka_unit_test(freeing_the_loop_tells_each_handler_once),
        cmocka_unit_test(what_cannot_be_watched_is_refused),
        cmocka_unit_test(select_refuses_what_is_beyond_its_set),
        cmocka_unit_test(a_descriptor_closed_under_the_loop_holds_up_nobody_else),
        cmocka_unit_test(a_handler_over_its_budget_is_counted_under_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
