/* Listeners: every case over every demultiplexer that watches descriptors. */
#include "reactor/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "reactor/stream.h"
#include "tests/reactor/each_loop.h"

#define CLIENTS 40

struct service {
    struct reactor_listener listener;
    struct reactor_loop *loop;
    struct reactor_stream streams[CLIENTS];
    struct sockaddr_in address;
    uint32_t accepted, disconnects;
    int reason;
    bool closes_itself, hands_back;
};

static void on_input(struct reactor_handler *handler)
{
    struct reactor_stream *stream = (struct reactor_stream *) handler;
    size_t length;
    const uint8_t *bytes = reactor_stream_input(stream, &length);
    if (length)
        assert_int_equal(reactor_stream_write(stream, bytes, length), 0);
    reactor_stream_consume(stream, length);
}

static const struct reactor_handler_ops echo_ops = {.name = "echo", .input_ready = on_input};

static void on_accepted(struct reactor_listener *listener, int descriptor)
{
    struct service *service = (struct service *) listener;
    struct reactor_stream *stream = &service->streams[service->accepted++];
    if (service->hands_back) {
        close(descriptor);
        reactor_listener_release(listener);
    } else {
        *stream = (struct reactor_stream){.handler = {.ops = &echo_ops, .descriptor = descriptor}};
        assert_int_equal(reactor_stream_open(stream, service->loop,
                                             &(struct reactor_stream_options){.listener = listener}), 0);
    }
    if (service->closes_itself)
        reactor_listener_close(listener);
}

static void on_disconnected(struct reactor_handler *handler, int reason)
{
    struct service *service = (struct service *) handler;
    assert_int_equal(handler->descriptor, -1);
    service->disconnects++;
    service->reason = reason;
}

static const struct reactor_handler_ops service_ops = {.name = "service", .disconnected = on_disconnected};

static void serve(struct service *service, struct reactor_loop *loop, const struct reactor_listener_options *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *service = (struct service){.listener = {.handler.ops = &service_ops, .accepted = on_accepted}, .loop = loop};
    int descriptor = reactor_listen((struct sockaddr *) &address, sizeof address, 64, false);
    assert_true(descriptor >= 0);
    service->listener.handler.descriptor = descriptor;
    assert_int_equal(getsockname(descriptor, (struct sockaddr *) &service->address,
                                 &(socklen_t){sizeof service->address}), 0);
    assert_int_equal(reactor_listener_open(&service->listener, loop, options), 0);
}

static int dial(const struct service *service)
{
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(client >= 0);
    assert_int_equal(connect(client, (const struct sockaddr *) &service->address, sizeof service->address), 0);
    struct timeval patience = {.tv_sec = 2};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return client;
}

static void ask(struct service *service, int client)
{
    char answer[8];
    ssize_t length;
    assert_int_equal(write(client, "hello", 5), 5);
    RUN_UNTIL(service->loop, (length = recv(client, answer, sizeof answer, MSG_DONTWAIT)) >= 0 || errno != EAGAIN);
    assert_int_equal(length, 5);
}

static void accept_all(struct reactor_loop *loop)
{
    static struct service service;
    int clients[CLIENTS];
    serve(&service, loop, &(struct reactor_listener_options){.accepts_a_turn = 7});
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i] = dial(&service);
    RUN_UNTIL(loop, service.accepted == CLIENTS);
    assert_int_equal(service.accepted, CLIENTS);
    assert_int_equal(reactor_listener_connections(&service.listener), CLIENTS);
    assert_int_equal(reactor_loop_statistics(loop)->accepted, CLIENTS);
    for (unsigned i = 0; i < CLIENTS; i++) {
        ask(&service, clients[i]);
        close(clients[i]);
    }
    RUN_UNTIL(loop, reactor_listener_connections(&service.listener) == 0);
    assert_int_equal(reactor_listener_connections(&service.listener), 0);
    assert_int_equal(reactor_loop_handler_count(loop), 1);
    reactor_listener_close(&service.listener);
    reactor_listener_close(&service.listener); /* no-op */
}

static void what_knocks_is_accepted_and_counted_out_again(void **state)
{
    (void) state;
    each_loop(accept_all);
}

static void leave_in_backlog(struct reactor_loop *loop)
{
    static struct service service;
    int clients[6];
    serve(&service, loop, &(struct reactor_listener_options){.connections_max = 2});
    for (unsigned i = 0; i < 6; i++) {
        clients[i] = dial(&service);
        run_for(loop, 2 * MS);
        RUN_UNTIL(loop, service.accepted > i || i >= 2);
    }
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(service.accepted, i + 2 < 6 ? i + 2 : 6);
        assert_int_equal(reactor_listener_connections(&service.listener), 6 - i < 2 ? 6 - i : 2);
        ask(&service, clients[i]);
        close(clients[i]);
        RUN_UNTIL(loop, reactor_listener_connections(&service.listener) == (5 - i < 2 ? 5 - i : 2) &&
                            service.accepted == (i + 3 < 6 ? i + 3 : 6));
    }
    assert_int_equal(reactor_loop_statistics(loop)->refused, 0);
    reactor_listener_close(&service.listener);
}

static void beyond_the_bound_they_wait_for_one_to_leave(void **state)
{
    (void) state;
    each_loop(leave_in_backlog);
}

static void all_at_once(struct reactor_loop *loop)
{
    static struct service service;
    int clients[CLIENTS];
    serve(&service, loop, &(struct reactor_listener_options){.connections_max = 3});
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i] = dial(&service);
    for (unsigned i = 0; i < CLIENTS; i++) {
        run_for(loop, 5 * MS);
        assert_true(reactor_listener_connections(&service.listener) <= 3);
        ask(&service, clients[i]); /* in the order of knocking */
        close(clients[i]);
    }
    run_for(loop, 5 * MS);
    assert_int_equal(service.accepted, CLIENTS);
    clients[0] = dial(&service); /* nothing is held for a listener that closes */
    for (unsigned i = 1; i < 10; i++)
        clients[i] = dial(&service);
    service.accepted = 0;
    run_for(loop, 5 * MS);
    reactor_listener_close(&service.listener);
    for (unsigned i = 0; i < 10; i++)
        close(clients[i]);
    run_for(loop, 5 * MS);
}

static void a_crowd_at_the_bound_is_served_in_order(void **state)
{
    (void) state;
    each_loop(all_at_once);
}

static void refuse(struct reactor_loop *loop)
{
    static struct service service;
    int clients[5];
    char byte;
    serve(&service, loop, &(struct reactor_listener_options){.connections_max = 2, .refuse = true});
    for (unsigned i = 0; i < 5; i++)
        clients[i] = dial(&service);
    RUN_UNTIL(loop, reactor_loop_statistics(loop)->refused == 3);
    assert_int_equal(service.accepted, 2);
    assert_int_equal(reactor_loop_statistics(loop)->refused, 3);
    for (unsigned i = 2; i < 5; i++) {
        assert_int_equal(recv(clients[i], &byte, 1, 0), -1);
        assert_int_equal(errno, ECONNRESET);
    }
    close(clients[0]);
    RUN_UNTIL(loop, reactor_listener_connections(&service.listener) == 1);
    close(clients[2]);
    clients[2] = dial(&service);
    RUN_UNTIL(loop, service.accepted == 3);
    assert_int_equal(service.accepted, 3);
    ask(&service, clients[2]);
    for (unsigned i = 1; i < 5; i++)
        close(clients[i]);
    run_for(loop, 5 * MS);
    reactor_listener_close(&service.listener);
}

static void beyond_the_bound_they_are_refused_where_that_is_asked_for(void **state)
{
    (void) state;
    each_loop(refuse);
}

static int cpu_ms(void)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (int) (spent.tv_sec * 1000 + spent.tv_nsec / 1000000);
}

#define DESCRIPTORS_MAX 100

/* Takes all descriptors that are left; how many. */
static int exhaust(int *taken)
{
    int count = 0, descriptor;
    while ((descriptor = dup(0)) >= 0)
        taken[count++] = descriptor;
    assert_int_equal(errno, EMFILE);
    return count;
}

static void starve(struct reactor_loop *loop)
{
    static struct service service;
    int taken[DESCRIPTORS_MAX];
    struct rlimit limit; /* first: io_uring notes it when it is asked to accept */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){DESCRIPTORS_MAX, limit.rlim_max}), 0);
    serve(&service, loop, &(struct reactor_listener_options){.retry_ns = 40 * MS});
    int first = dial(&service);
    RUN_UNTIL(loop, service.accepted == 1);
    assert_int_equal(service.accepted, 1);
    int second = dial(&service), third = dial(&service);
    int count = exhaust(taken);
    const struct reactor_statistics *statistics = reactor_loop_statistics(loop);
    int before = cpu_ms();
    uint64_t begun_ns = reactor_loop_now(loop);
    RUN_UNTIL(loop, statistics->accept_pauses >= 3);
    uint64_t span_ns = reactor_loop_now(loop) - begun_ns;
    assert_in_range(statistics->accept_pauses, 3, span_ns / (40 * MS) + 2); /* it does not spin */
    assert_true((uint64_t) (cpu_ms() - before) * MS < span_ns / 2);
    assert_int_equal(service.accepted, 1);
    reactor_stream_close(&service.streams[0]); /* one descriptor is free: at once one goes on */
    run_for(loop, 20 * MS); /* (less than until the timer) */
    assert_int_equal(service.accepted, 2);
    while (count) /* somebody else has freed some: found by the timer */
        close(taken[--count]);
    RUN_UNTIL(loop, service.accepted == 3);
    assert_int_equal(service.accepted, 3);
    ask(&service, second);
    ask(&service, third);
    close(first);
    close(second);
    close(third);
    run_for(loop, 5 * MS);
    reactor_listener_close(&service.listener);
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void without_descriptors_accepting_pauses_and_resumes(void **state)
{
    (void) state;
    each_loop(starve);
}

static void close_inside(struct reactor_loop *loop)
{
    static struct service service;
    serve(&service, loop, NULL);
    service.closes_itself = true;
    int clients[3];
    for (unsigned i = 0; i < 3; i++)
        clients[i] = dial(&service);
    run_for(loop, 5 * MS);
    assert_int_equal(service.accepted, 1);
    assert_int_equal(service.disconnects, 0);
    ask(&service, clients[0]); /* what was accepted lives on */
    for (unsigned i = 0; i < 3; i++)
        close(clients[i]);
    run_for(loop, 5 * MS);
}

static void a_listener_may_be_closed_inside_accepted(void **state)
{
    (void) state;
    each_loop(close_inside);
}

static void hand_back(struct reactor_loop *loop)
{
    static struct service service;
    serve(&service, loop, &(struct reactor_listener_options){.connections_max = 1});
    service.hands_back = true;
    int clients[10];
    for (unsigned i = 0; i < 10; i++)
        clients[i] = dial(&service);
    run_for(loop, 10 * MS);
    assert_int_equal(service.accepted, 10);
    assert_int_equal(reactor_listener_connections(&service.listener), 0);
    for (unsigned i = 0; i < 10; i++)
        close(clients[i]);
    reactor_listener_close(&service.listener);
}

static void what_is_released_inside_accepted_makes_room(void **state)
{
    (void) state;
    each_loop(hand_back);
}

static void listen_on_nothing(struct reactor_loop *loop)
{
    static struct service service;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    service = (struct service){.listener = {.handler = {.ops = &service_ops, .descriptor = descriptor},
                                            .accepted = on_accepted}, .loop = loop};
    assert_int_equal(reactor_listener_open(&service.listener, loop, NULL), 0);
    if (strcmp(loop->demultiplexer->name, "select") != 0) { /* select does not report it */
        run_for(loop, 5 * MS);
        assert_int_equal(service.disconnects, 1);
        assert_int_equal(service.reason, -EINVAL);
    }
    reactor_listener_close(&service.listener);
}

static void a_socket_that_does_not_listen_is_told(void **state)
{
    (void) state;
    each_loop(listen_on_nothing);
}

static void free_loop(struct reactor_loop *given)
{
    static struct service service;
    struct reactor_loop *loop;
    assert_int_equal(reactor_loop_create(&loop, &(struct reactor_loop_options){
                                                    .demultiplexer = given->demultiplexer->name}), 0);
    serve(&service, loop, &(struct reactor_listener_options){.connections_max = 1});
    int clients[3];
    for (unsigned i = 0; i < 3; i++)
        clients[i] = dial(&service);
    run_for(loop, 5 * MS);
    reactor_loop_free(loop);
    assert_int_equal(service.disconnects, 1);
    assert_int_equal(service.reason, 0);
    for (unsigned i = 0; i < 3; i++)
        close(clients[i]);
}

static void freeing_the_loop_closes_the_listener_and_what_it_holds(void **state)
{
    (void) state;
    each_loop(free_loop);
}

static void addresses_in_use_or_wrong_are_refused(void **state)
{
    (void) state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int first = reactor_listen((struct sockaddr *) &address, sizeof address, 4, false);
    assert_true(first >= 0);
    assert_int_equal(getsockname(first, (struct sockaddr *) &address, &(socklen_t){sizeof address}), 0);
    assert_int_equal(reactor_listen((struct sockaddr *) &address, sizeof address, 4, false), -EADDRINUSE);
    close(first);
    first = reactor_listen((struct sockaddr *) &address, sizeof address, 4, true);
    int second = reactor_listen((struct sockaddr *) &address, sizeof address, 4, true); /* shared */
    assert_true(first >= 0 && second >= 0);
    close(first);
    close(second);
    address.sin_family = 999;
    assert_int_equal(reactor_listen((struct sockaddr *) &address, sizeof address, 4, false), -EAFNOSUPPORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_knocks_is_accepted_and_counted_out_again),
        cmocka_unit_test(beyond_the_bound_they_wait_for_one_to_leave),
        cmocka_unit_test(a_crowd_at_the_bound_is_served_in_order),
        cmocka_unit_test(beyond_the_bound_they_are_refused_where_that_is_asked_for),
        cmocka_unit_test(without_descriptors_accepting_pauses_and_resumes),
        cmocka_unit_test(a_listener_may_be_closed_inside_accepted),
        cmocka_unit_test(what_is_released_inside_accepted_makes_room),
        cmocka_unit_test(a_socket_that_does_not_listen_is_told),
        cmocka_unit_test(freeing_the_loop_closes_the_listener_and_what_it_holds),
        cmocka_unit_test(addresses_in_use_or_wrong_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
