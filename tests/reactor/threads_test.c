/* Thread-per-connection: the handlers of streams, unchanged; bounds that hold; nothing left behind. */
#include "reactor/threads.h"

#include "reactor/options.h"
#include "tests/reactor/service.h"

#define MS UINT64_C(1000000)

struct world {
    struct reactor_threads *threads;
    struct service service;
    struct sockaddr_storage address;
    socklen_t address_bytes;
    atomic_uint refusals;
    bool takes_none; /* accepted says no */
    int thread_count, descriptor_count;
};

static struct reactor_stream *accepted(void *context, int descriptor)
{
    struct world *world = context;
    return world->takes_none ? NULL : &service_connection(&world->service, descriptor, 7)->stream;
}

static struct world *begin(struct reactor_threads_options options)
{
    int thread_count = count_threads(), descriptor_count = count_descriptors();
    struct world *world = calloc(1, sizeof *world);
    struct sockaddr_in address = loopback();
    assert_non_null(world);
    world->thread_count = thread_count;
    world->descriptor_count = descriptor_count;
    options.address = (const struct sockaddr *) &address;
    options.address_bytes = sizeof address;
    options.context = world;
    if (!options.accepted)
        options.accepted = accepted;
    assert_int_equal(reactor_threads_create(&world->threads, &options), 0);
    assert_int_equal(reactor_threads_address(world->threads, &world->address, &world->address_bytes), 0);
    assert_int_equal(reactor_threads_start(world->threads), 0);
    return world;
}

static void stop(struct world *world)
{
    reactor_threads_stop(world->threads);
    assert_int_equal(reactor_threads_join(world->threads), 0);
}

static void end(struct world *world)
{
    int thread_count = world->thread_count, descriptor_count = world->descriptor_count;
    reactor_threads_free(world->threads);
    assert_int_equal(world->service.opened, world->service.over); /* each was told its end */
    assert_int_equal(world->service.failed, 0);
    free(world);
    assert_threads_become(thread_count);
    assert_int_equal(count_descriptors(), descriptor_count);
}

static int connect_client(const struct world *world)
{
    return client_connect(&world->address, world->address_bytes);
}

static void await_over(struct world *world, uint32_t count)
{
    for (int i = 0; i < 5000 && world->service.over < count; i++)
        doze();
    assert_int_equal(world->service.over, count);
}

static void each_connection_is_served_until_its_peer_ends(void **state)
{
    (void) state;
    struct world *world = begin((struct reactor_threads_options){.threads_max = 8});
    int clients[8];
    for (int i = 0; i < 8; i++)
        clients[i] = connect_client(world);
    for (int round = 0; round < 20; round++)
        for (int i = 0; i < 8; i++)
            assert_int_equal(client_ask(clients[i]), 7);
    for (int i = 0; i < 8; i++) {
        shutdown(clients[i], SHUT_WR);
        uint8_t nothing;
        assert_int_equal(recv(clients[i], &nothing, 1, 0), 0);
        close(clients[i]);
    }
    await_over(world, 8);
    assert_int_equal(world->service.ended, 8);
    assert_int_equal(world->service.reason_last, REACTOR_ENDED);
    stop(world);
    assert_int_equal(reactor_threads_statistics(world->threads).served, 8);
    assert_int_equal(reactor_threads_statistics(world->threads).accepted, 8);
    end(world);
}

static void those_beyond_workers_and_queue_are_reset_and_the_queued_served_later(void **state)
{
    (void) state;
    struct world *world = begin((struct reactor_threads_options){.threads_max = 2, .queue_max = 3});
    int clients[9];
    for (int i = 0; i < 2; i++) { /* two workers are busy */
        clients[i] = connect_client(world);
        assert_int_equal(client_ask(clients[i]), 7);
    }
    for (int i = 2; i < 9; i++)
        clients[i] = connect_client(world);
    for (int i = 5; i < 9; i++)
        assert_in_range(-client_ask(clients[i]), 1, 200);
    struct reactor_threads_statistics statistics = reactor_threads_statistics(world->threads);
    assert_int_equal(statistics.refused, 4);
    assert_int_equal(statistics.queued, 3);
    assert_int_equal(statistics.threads, 2);
    assert_int_equal(count_threads(), world->thread_count + 3);
    assert_int_equal(client_ask(clients[0]), 7); /* those admitted go on */
    close(clients[0]);
    assert_int_equal(client_ask(clients[2]), 7);
    close(clients[1]);
    assert_int_equal(client_ask(clients[3]), 7);
    stop(world);
    assert_true(client_ask(clients[4]) < 0); /* was queued */
    for (int i = 2; i < 9; i++)
        close(clients[i]);
    end(world);
}

static void say_no(void *context, int descriptor)
{
    struct world *world = context;
    atomic_fetch_add(&world->refusals, 1);
    assert_int_equal(send(descriptor, "N", 1, MSG_DONTWAIT | MSG_NOSIGNAL), 1);
}

static void a_refusal_may_say_why(void **state)
{
    (void) state;
    struct world *world = begin((struct reactor_threads_options){.threads_max = 1, .queue_max = 1, .refused = say_no});
    int first = connect_client(world), second, third;
    assert_int_equal(client_ask(first), 7);
    second = connect_client(world);
    third = connect_client(world);
    uint8_t answer = 0;
    assert_int_equal(recv(third, &answer, 1, 0), 1);
    assert_int_equal(answer, 'N');
    assert_int_equal(recv(third, &answer, 1, 0), 0);
    assert_int_equal(world->refusals, 1);
    close(first);
    close(second);
    close(third);
    stop(world);
    end(world);
}

static void one_that_says_nothing_or_next_to_nothing_is_timed_out(void **state)
{
    (void) state;
    struct world *world = begin((struct reactor_threads_options){
        .threads_max = 2, .stream = {.idle_timeout_ns = 60 * MS, .idle_bytes_min = 100}});
    int silent = connect_client(world), slow = connect_client(world);
    assert_int_equal(client_ask(slow), 7);
    int answer = 7;
    for (int i = 0; i < 100 && answer == 7; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10 * (long) MS}, NULL);
        answer = client_ask(slow);
    }
    assert_true(answer < 0);
    await_over(world, 2);
    assert_int_equal(world->service.reason_last, -ETIMEDOUT);
    assert_int_equal(reactor_threads_statistics(world->threads).timed_out, 2);
    close(silent);
    close(slow);
    stop(world);
    end(world);
}

static void a_violation_and_a_reset_end_the_connection_with_their_reason(void **state)
{
    (void) state;
    struct world *world = begin((struct reactor_threads_options){.threads_max = 1});
    int client = connect_client(world);
    assert_int_equal(client_ask(client), 7);
    assert_int_equal(send(client, "!", 1, 0), 1);
    await_over(world, 1);
    assert_int_equal(world->service.reason_last, -EPROTO);
    assert_int_equal(reactor_threads_statistics(world->threads).violations, 1);
    close(client);
    client = connect_client(world);
    assert_int_equal(client_ask(client), 7);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    close(client);
    await_over(world, 2);
    assert_int_equal(world->service.reason_last, -ECONNRESET);
    assert_int_equal(reactor_threads_statistics(world->threads).violations, 1);
    stop(world);
    end(world);
}

static void stopping_ends_what_is_served_with_reason_0(void **state)
{
    (void) state;
    struct world *world = begin((struct reactor_threads_options){.threads_max = 4});
    int clients[4];
    for (int i = 0; i < 4; i++) {
        clients[i] = connect_client(world);
        assert_int_equal(client_ask(clients[i]), 7);
    }
    stop(world);
    assert_int_equal(world->service.over, 4);
    assert_int_equal(world->service.reason_last, 0);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    end(world);
}

static void one_that_is_not_taken_is_closed(void **state)
{
    (void) state;
    struct world *world = begin((struct reactor_threads_options){.threads_max = 1});
    world->takes_none = true;
    int client = connect_client(world);
    assert_true(client_ask(client) < 0);
    close(client);
    stop(world);
    end(world);
}

/* Collects all that comes, pauses at the first, writes much more than the kernel takes, resumes when it is gone. */
#define FLOOD_BYTES (14u << 20) /* more than the kernel holds of a connection over loopback, 10 MiB */

struct flood {
    struct reactor_stream stream; /* first */
    atomic_uint outputs, over;
    atomic_int reason;
    atomic_uint most_shown, seen;
};

static struct flood *flood_of(struct reactor_handler *handler)
{
    return (struct flood *) (void *) handler;
}

static void flood_input(struct reactor_handler *handler)
{
    struct flood *flood = flood_of(handler);
    static const uint8_t zeros[65536];
    size_t length;
    (void) reactor_stream_input(&flood->stream, &length);
    if (length > flood->most_shown)
        atomic_store(&flood->most_shown, (unsigned) length);
    if (length < 3)
        return; /* the end, or: what is left is shown again with what comes behind it */
    reactor_stream_consume(&flood->stream, length);
    atomic_fetch_add(&flood->seen, (unsigned) length);
    if (flood->seen == 3) {
        reactor_stream_pause(&flood->stream);
        for (uint32_t sent = 0; sent < FLOOD_BYTES; sent += sizeof zeros)
            assert_true(reactor_stream_write(&flood->stream, zeros, sizeof zeros) >= 0);
    }
    if (flood->seen == 6) {
        assert_int_equal(reactor_stream_write(&flood->stream, "bye", 3), 0);
        reactor_stream_shutdown(&flood->stream);
        assert_int_equal(reactor_stream_write(&flood->stream, "x", 1), -EPIPE);
    }
}

static void flood_output(struct reactor_handler *handler)
{
    struct flood *flood = flood_of(handler);
    atomic_fetch_add(&flood->outputs, 1);
    reactor_stream_resume(&flood->stream);
}

static void flood_over(struct reactor_handler *handler, int reason)
{
    atomic_store(&flood_of(handler)->reason, reason);
    atomic_fetch_add(&flood_of(handler)->over, 1);
}

static const struct reactor_handler_ops flood_ops = {
    .name = "flood", .input_ready = flood_input, .output_ready = flood_output, .disconnected = flood_over};

static struct flood flood;

static struct reactor_stream *accept_flood(void *context, int descriptor)
{
    (void) context;
    flood.stream.handler.ops = &flood_ops;
    flood.stream.handler.descriptor = descriptor;
    return &flood.stream;
}

static void receive_all(int client, size_t length)
{
    uint8_t buffer[65536];
    while (length) {
        ssize_t count = recv(client, buffer, length < sizeof buffer ? length : sizeof buffer, 0);
        assert_true(count > 0);
        length -= (size_t) count;
    }
}

static void pieces_are_put_together_output_held_back_and_the_end_comes_behind_it(void **state)
{
    (void) state;
    memset(&flood, 0, sizeof flood);
    struct world *world = begin((struct reactor_threads_options){.threads_max = 1, .accepted = accept_flood});
    int client = connect_client(world);
    for (int i = 0; i < 3; i++) { /* an octet at a time */
        assert_int_equal(send(client, "x", 1, 0), 1);
        for (int tries = 0; tries < 5000 && flood.most_shown <= (unsigned) i; tries++)
            doze();
    }
    for (int i = 0; i < 5000 && flood.seen < 3; i++)
        doze();
    assert_int_equal(send(client, "yyy", 3, 0), 3); /* waits until input is resumed */
    for (int i = 0; i < 50; i++)
        doze();
    assert_int_equal(flood.seen, 3);
    receive_all(client, FLOOD_BYTES + 3);
    uint8_t nothing;
    assert_int_equal(recv(client, &nothing, 1, 0), 0);
    assert_int_equal(flood.outputs, 1);
    assert_int_equal(flood.seen, 6);
    assert_int_equal(flood.most_shown, 3);
    close(client);
    for (int i = 0; i < 5000 && !flood.over; i++)
        doze();
    assert_int_equal(flood.over, 1);
    assert_int_equal(flood.reason, REACTOR_ENDED);
    stop(world);
    end(world);
}

static void one_that_never_reads_is_stopped_in_the_middle_of_its_output(void **state)
{
    (void) state;
    memset(&flood, 0, sizeof flood);
    struct world *world = begin((struct reactor_threads_options){.threads_max = 1, .accepted = accept_flood});
    int client = connect_client(world);
    assert_int_equal(send(client, "xxx", 3, 0), 3);
    while (flood.seen < 3)
        doze();
    stop(world);
    assert_int_equal(flood.over, 1);
    close(client);
    end(world);
}

static void a_listening_address_in_use_is_an_error(void **state)
{
    (void) state;
    struct world *world = begin((struct reactor_threads_options){.threads_max = 1});
    struct reactor_threads *second;
    struct reactor_threads_options options = {.address = (const struct sockaddr *) &world->address,
                                              .address_bytes = world->address_bytes, .accepted = accepted};
    assert_int_equal(reactor_threads_create(&second, &options), -EADDRINUSE);
    assert_null(second);
    reactor_threads_free(NULL);
    end(world); /* free stops what runs */
}

static void options_out_of_bounds_are_refused_in_words(void **state)
{
    (void) state;
    struct sockaddr_in address = loopback();
    const struct reactor_threads_options good = {.address = (const struct sockaddr *) &address,
                                                 .address_bytes = sizeof address, .accepted = accepted};
    struct reactor_threads_options bad[] = {good, good, good, good, good, good, good};
    const char *said[] = {"threads_max: 65537 is not between 1 and 65536 threads",
                          "queue_max: 1048577 is not between 1 and 1048576 connections",
                          "stack_bytes: 16384 is not between 65536 and 1073741824 bytes",
                          "stack_bytes: 4294967295 is not between 65536 and 1073741824 bytes",
                          "output_low: 11 bytes are more than output_high, 10",
                          "address: there is none to listen at",
                          "accepted: there is none, so nobody would serve a connection"};
    bad[0].threads_max = 65537;
    bad[1].queue_max = (1u << 20) + 1;
    bad[2].stack_bytes = 16384;
    bad[3].stack_bytes = UINT32_MAX;
    bad[4].stream = (struct reactor_stream_options){.output_high = 10, .output_low = 11};
    bad[5].address = NULL;
    bad[6].accepted = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct base_diagnostics diagnostics = {0};
        struct reactor_threads *threads;
        assert_int_equal(reactor_threads_options_check(&bad[i], &diagnostics), -EINVAL);
        assert_int_equal(diagnostics.count, 1);
        assert_string_equal(diagnostics.items[0].message, said[i]);
        assert_int_equal(reactor_threads_create(&threads, &bad[i]), -EINVAL);
        assert_null(threads);
    }
}

static void threads_that_run_or_were_stopped_are_not_started_again(void **state)
{
    (void) state;
    struct world *world = begin((struct reactor_threads_options){.threads_max = 1});
    assert_int_equal(reactor_threads_start(world->threads), -EALREADY);
    stop(world);
    assert_int_equal(reactor_threads_start(world->threads), -ESHUTDOWN);
    end(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_connection_is_served_until_its_peer_ends),
        cmocka_unit_test(those_beyond_workers_and_queue_are_reset_and_the_queued_served_later),
        cmocka_unit_test(a_refusal_may_say_why),
        cmocka_unit_test(one_that_says_nothing_or_next_to_nothing_is_timed_out),
        cmocka_unit_test(a_violation_and_a_reset_end_the_connection_with_their_reason),
        cmocka_unit_test(stopping_ends_what_is_served_with_reason_0),
        cmocka_unit_test(one_that_is_not_taken_is_closed),
        cmocka_unit_test(pieces_are_put_together_output_held_back_and_the_end_comes_behind_it),
        cmocka_unit_test(one_that_never_reads_is_stopped_in_the_middle_of_its_output),
        cmocka_unit_test(a_listening_address_in_use_is_an_error),
        cmocka_unit_test(options_out_of_bounds_are_refused_in_words),
        cmocka_unit_test(threads_that_run_or_were_stopped_are_not_started_again),
    };
    return cmocka_run_group_tests(tests, settle_threads, NULL);
}
