/* Several loops: connections reach all of them, nothing is left behind. On each demultiplexer that watches. */
#include "reactor/loops.h"

#include <stdio.h>

#include "tests/reactor/each_loop.h"
#include "tests/reactor/service.h"

#define LOOPS 4
#define CLIENTS 40

struct world {
    struct reactor_loops *loops;
    struct service service;
    struct sockaddr_storage address;
    socklen_t address_bytes;
    pthread_t threads[LOOPS];
    atomic_uint begun, ended, posts;
    int begin_result[LOOPS];
    atomic_bool held;
    int held_loop; /* whose beginning waits until `held` is false; -1: none */
    int clients[CLIENTS];
};

static struct world *world_of(void *context)
{
    return context;
}

static void note_post(void *context, struct reactor_entry *entry)
{
    struct world *world = context;
    assert_true(pthread_equal(world->threads[entry->target], pthread_self()));
    atomic_fetch_add(&world->posts, 1);
}

static int begin(void *context, struct reactor_loop *loop, uint32_t index)
{
    struct world *world = world_of(context);
    world->threads[index] = pthread_self();
    atomic_fetch_add(&world->begun, 1);
    reactor_loop_dispatch_set(loop, &(struct reactor_dispatch){.context = world, .handle[REACTOR_USER] = note_post});
    while (world->held_loop == (int) index && atomic_load(&world->held))
        doze();
    return world->begin_result[index];
}

static void end(void *context, struct reactor_loop *loop, uint32_t index)
{
    struct world *world = world_of(context);
    assert_ptr_equal(loop, reactor_loops_at(world->loops, index));
    assert_true(pthread_equal(world->threads[index], pthread_self()));
    atomic_fetch_add(&world->ended, 1);
}

static void accepted(void *context, struct reactor_loop *loop, uint32_t index, int descriptor)
{
    struct world *world = world_of(context);
    assert_true(pthread_equal(world->threads[index], pthread_self()));
    struct connection *connection = service_connection(&world->service, descriptor, (uint8_t) index);
    assert_int_equal(reactor_stream_open(&connection->stream, loop, NULL), 0);
}

static struct world *create(const char *demultiplexer, uint32_t posted_max)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->held_loop = -1;
    struct reactor_loops_options options = {.count = LOOPS, .pin = true, .begin = begin, .end = end, .context = world,
                                            .loop = {.demultiplexer = demultiplexer, .posted_max = posted_max}};
    struct base_diagnostics diagnostics = {0};
    assert_int_equal(reactor_loops_create(&world->loops, &options, &diagnostics), 0);
    assert_int_equal(reactor_loops_count(world->loops), LOOPS);
    return world;
}

static void listen_and_start(struct world *world, enum reactor_spread spread, uint32_t handlers_max)
{
    struct sockaddr_in address = loopback();
    struct base_diagnostics diagnostics = {0};
    struct reactor_loops_listen_options options = {
        .address = (const struct sockaddr *) &address, .address_bytes = sizeof address, .spread = spread,
        .handlers_max = handlers_max, .accepted = accepted, .context = world,
    };
    assert_int_equal(reactor_loops_listen(world->loops, &options, &diagnostics), 0);
    assert_int_equal(reactor_loops_address(world->loops, &world->address, &world->address_bytes), 0);
    assert_int_equal(reactor_loops_start(world->loops, &diagnostics), 0);
}

static void stop(struct world *world)
{
    struct base_diagnostics diagnostics = {0};
    reactor_loops_stop(world->loops);
    assert_int_equal(reactor_loops_join(world->loops, &diagnostics), 0);
    assert_int_equal(diagnostics.count, 0);
    assert_int_equal(world->begun, LOOPS);
    assert_int_equal(world->ended, LOOPS);
}

static void destroy(struct world *world)
{
    reactor_loops_free(world->loops);
    assert_int_equal(world->service.opened, world->service.over); /* each was told its end */
    assert_int_equal(world->service.failed, 0);
    free(world);
}

/* Connects and asks one client after another; how many each loop has. */
static void ask_all(struct world *world, uint32_t counts[LOOPS])
{
    memset(counts, 0, LOOPS * sizeof counts[0]);
    for (int i = 0; i < CLIENTS; i++) {
        world->clients[i] = client_connect(&world->address, world->address_bytes);
        int who = client_ask(world->clients[i]);
        assert_in_range(who, 0, LOOPS - 1);
        counts[who]++;
        assert_int_equal(client_ask(world->clients[i]), who);
    }
}

static void hang_up(struct world *world)
{
    for (int i = 0; i < CLIENTS; i++)
        if (world->clients[i] > 0)
            close(world->clients[i]);
}

static void spread_on(const char *demultiplexer, enum reactor_spread spread)
{
    int threads = count_threads(), descriptors = count_descriptors();
    struct world *world = create(demultiplexer, 0);
    uint32_t counts[LOOPS];
    listen_and_start(world, spread, 0);
    ask_all(world, counts);
    for (uint32_t i = 0; i < LOOPS; i++) {
        if (spread == REACTOR_ROUND_ROBIN)
            assert_int_equal(counts[i], CLIENTS / LOOPS);
        else if (spread == REACTOR_LEAST)
            assert_in_range(counts[i], CLIENTS / LOOPS - 4, CLIENTS / LOOPS + 4);
    }
    assert_int_equal(reactor_loops_statistics(world->loops).accepted, CLIENTS);
    hang_up(world);
    for (int i = 0; i < 5000 && world->service.over < CLIENTS; i++)
        doze();
    assert_int_equal(world->service.over, CLIENTS);
    stop(world);
    destroy(world);
    assert_threads_become(threads);
    assert_int_equal(count_descriptors(), descriptors);
}

static void spread_each_way(const char *demultiplexer)
{
    spread_on(demultiplexer, REACTOR_ROUND_ROBIN);
    spread_on(demultiplexer, REACTOR_LEAST);
    spread_on(demultiplexer, REACTOR_REUSEPORT);
}

static void connections_are_spread_and_served_by_the_loop_that_got_them(void **state)
{
    (void) state;
    each_demultiplexer(spread_each_way);
}

static void the_loop_with_the_fewest_gets_the_next(void **state)
{
    (void) state;
    struct world *world = create(NULL, 0);
    uint32_t counts[LOOPS];
    int who[CLIENTS];
    listen_and_start(world, REACTOR_LEAST, 0);
    ask_all(world, counts);
    uint32_t left = 0;
    for (int i = 0; i < CLIENTS; i++) { /* all of loop 2 hang up */
        who[i] = client_ask(world->clients[i]);
        if (who[i] == 2) {
            close(world->clients[i]);
            left++;
        }
    }
    while (world->service.over < left)
        doze();
    for (int tries = 0; tries < 100; tries++) /* until that loop's turn is over */
        doze();
    for (uint32_t i = 0; i + 1 < left; i++) {
        int client = client_connect(&world->address, world->address_bytes);
        assert_int_equal(client_ask(client), 2);
        for (int j = 0; j < CLIENTS; j++) {
            if (who[j] == 2) {
                world->clients[j] = client;
                who[j] = -1;
                break;
            }
        }
        for (int j = 0; j < 5; j++)
            doze();
    }
    stop(world);
    destroy(world);
}

static void connections_beyond_the_bound_of_all_loops_are_reset(void **state)
{
    (void) state;
    struct world *world = create(NULL, 0);
    listen_and_start(world, REACTOR_ROUND_ROBIN, 2); /* on the first loop the listener is one of them */
    int clients[16], served = 0, refused = 0;
    for (int i = 0; i < 16; i++) {
        clients[i] = client_connect(&world->address, world->address_bytes);
        int answer = client_ask(clients[i]);
        assert_true(answer >= 0 || answer == -ECONNRESET || answer == -EPIPE);
        served += answer >= 0;
        refused += answer < 0;
    }
    assert_int_equal(served, 2 * LOOPS - 1);
    assert_int_equal(reactor_loops_statistics(world->loops).refused, refused);
    stop(world);
    destroy(world);
    for (int i = 0; i < 16; i++)
        close(clients[i]);
}

static void one_that_was_handed_over_and_never_taken_is_reset(void **state)
{
    (void) state;
    int descriptors = count_descriptors();
    struct world *world = create(NULL, 0);
    world->held_loop = 1;
    atomic_store(&world->held, true);
    listen_and_start(world, REACTOR_ROUND_ROBIN, 0);
    int first = client_connect(&world->address, world->address_bytes);
    assert_int_equal(client_ask(first), 0);
    int second = client_connect(&world->address, world->address_bytes);
    int third = client_connect(&world->address, world->address_bytes);
    assert_int_equal(client_ask(third), 2); /* so the second one was handed over */
    reactor_loops_stop(world->loops);
    atomic_store(&world->held, false);
    stop(world);
    destroy(world);
    assert_true(client_ask(second) < 0);
    close(first);
    close(second);
    close(third);
    assert_int_equal(count_descriptors(), descriptors);
}

static void a_loop_whose_posts_are_full_is_passed_over(void **state)
{
    (void) state;
    struct world *world = create(NULL, 2);
    world->held_loop = 1;
    atomic_store(&world->held, true);
    listen_and_start(world, REACTOR_ROUND_ROBIN, 0);
    int others = 0, clients[16];
    for (int i = 0; i < 16; i++) /* each fourth is loop 1's turn: two wait for it, two go to the next */
        clients[i] = client_connect(&world->address, world->address_bytes);
    for (int i = 0; i < 5000 && world->service.opened < 14; i++)
        doze();
    assert_int_equal(world->service.opened, 14);
    atomic_store(&world->held, false);
    for (int i = 0; i < 16; i++) {
        int who = client_ask(clients[i]);
        assert_true(who >= 0);
        others += who != 1;
        close(clients[i]);
    }
    assert_int_equal(others, 14);
    assert_int_equal(reactor_loops_statistics(world->loops).refused, 0);
    stop(world);
    destroy(world);
}

static void a_loop_that_fails_at_its_beginning_stops_all_and_is_named(void **state)
{
    (void) state;
    int threads = count_threads();
    struct world *world = create(NULL, 0);
    world->begin_result[2] = -EPROTO;
    struct base_diagnostics diagnostics = {0};
    assert_int_equal(reactor_loops_start(world->loops, &diagnostics), 0);
    assert_int_equal(reactor_loops_join(world->loops, &diagnostics), -EPROTO);
    assert_int_equal(diagnostics.count, 1);
    assert_string_equal(diagnostics.items[0].message, "loop 2: its beginning: Protocol error");
    assert_int_equal(world->ended, LOOPS - 1);
    destroy(world);
    assert_threads_become(threads);
}

static void bad_options_are_errors_with_their_place(void **state)
{
    (void) state;
    struct reactor_loops *loops;
    struct base_diagnostics diagnostics = {0};
    struct reactor_loops_options many = {.count = 1025};
    assert_int_equal(reactor_loops_create(&loops, &many, &diagnostics), -EINVAL);
    assert_null(loops);
    assert_string_equal(diagnostics.items[0].message, "1025 loops: at most 1024");
    struct reactor_loops_options unknown = {.count = 2, .loop.demultiplexer = "wishful"};
    assert_int_equal(reactor_loops_create(&loops, &unknown, &diagnostics), -EINVAL);
    assert_string_equal(diagnostics.items[1].message, "demultiplexer: there is no wishful");

    struct world *world = create(NULL, 0);
    struct sockaddr_in address = loopback();
    struct reactor_loops_listen_options options = {.address = (const struct sockaddr *) &address,
                                                   .address_bytes = sizeof address, .accepted = accepted};
    assert_int_equal(reactor_loops_listen(world->loops, &options, &diagnostics), 0);
    assert_int_equal(reactor_loops_address(world->loops, &world->address, &world->address_bytes), 0);
    address.sin_port = ((struct sockaddr_in *) &world->address)->sin_port;
    assert_int_equal(reactor_loops_listen(world->loops, &options, &diagnostics), -EADDRINUSE);
    assert_string_equal(diagnostics.items[2].message, "loop 0: listening: Address already in use");
    destroy(world);
}

static void listening_to_nothing_for_nobody_is_refused_in_words(void **state)
{
    (void) state;
    struct world *world = create(NULL, 0);
    struct sockaddr_in address = loopback();
    const struct reactor_loops_listen_options good = {.address = (const struct sockaddr *) &address,
                                                      .address_bytes = sizeof address, .accepted = accepted};
    struct reactor_loops_listen_options bad[] = {good, good, good, good};
    const char *said[] = {"address: there is none to listen at", "address_bytes: 100000 are more than any address has",
                          "accepted: there is none, so nobody would serve a connection",
                          "spread: 3 is none of enum reactor_spread"};
    bad[0].address = NULL;
    bad[1].address_bytes = 100000;
    bad[2].accepted = NULL;
    bad[3].spread = (enum reactor_spread) 3;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct base_diagnostics diagnostics = {0};
        assert_int_equal(reactor_loops_listen(world->loops, &bad[i], &diagnostics), -EINVAL);
        assert_int_equal(diagnostics.count, 1);
        assert_string_equal(diagnostics.items[0].message, said[i]);
    }
    assert_int_equal(reactor_loops_address(world->loops, &world->address, &world->address_bytes), -ENOTCONN);
    destroy(world);
}

static void loops_that_run_or_have_run_are_not_started_again(void **state)
{
    (void) state;
    int threads = count_threads();
    struct world *world = create(NULL, 0);
    struct sockaddr_in address = loopback();
    const struct reactor_loops_listen_options listen = {.address = (const struct sockaddr *) &address,
                                                        .address_bytes = sizeof address, .accepted = accepted};
    struct base_diagnostics diagnostics = {0};
    assert_int_equal(reactor_loops_start(world->loops, &diagnostics), 0);
    assert_int_equal(reactor_loops_start(world->loops, &diagnostics), -EALREADY);
    assert_string_equal(diagnostics.items[0].message, "starting: the loops run already");
    assert_int_equal(reactor_loops_listen(world->loops, &listen, &diagnostics), -EALREADY);
    stop(world);
    assert_int_equal(reactor_loops_start(world->loops, &diagnostics), -ESHUTDOWN);
    assert_int_equal(reactor_loops_listen(world->loops, &listen, &diagnostics), -ESHUTDOWN);
    assert_int_equal(diagnostics.count, 4);
    assert_string_equal(diagnostics.items[3].message, "listening: the loops have run, and are closed");
    assert_int_equal(reactor_loops_start(world->loops, NULL), -ESHUTDOWN);
    assert_int_equal(world->begun, LOOPS);
    destroy(world);
    assert_threads_become(threads);
}

static void loops_post_to_each_other_and_without_work_they_sleep(void **state)
{
    (void) state;
    struct world *world = create(NULL, 0);
    struct base_diagnostics diagnostics = {0};
    assert_int_equal(reactor_loops_start(world->loops, &diagnostics), 0);
    while (world->begun < LOOPS)
        doze();
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t i = 0; i < LOOPS; i++) {
            struct reactor_entry entry = {.target = i, .order = REACTOR_USER};
            assert_int_equal(reactor_loop_post(reactor_loops_at(world->loops, i), &entry), 0);
        }
    }
    for (int i = 0; i < 5000 && world->posts < 100 * LOOPS; i++)
        doze();
    assert_int_equal(world->posts, 100 * LOOPS);
    stop(world);
    for (uint32_t i = 0; i < LOOPS; i++) /* a turn a post at most, and a few */
        assert_in_range(reactor_loop_statistics(reactor_loops_at(world->loops, i))->turns, 1, 2 * 100 + 10);
    destroy(world);
}

static void loops_never_started_and_listening_twice_are_freed(void **state)
{
    (void) state;
    int descriptors = count_descriptors();
    struct world *world = create(NULL, 0);
    struct sockaddr_in address = loopback();
    struct reactor_loops_listen_options options = {.address = (const struct sockaddr *) &address,
                                                   .address_bytes = sizeof address, .accepted = accepted};
    assert_int_equal(reactor_loops_address(world->loops, &world->address, &world->address_bytes), -ENOTCONN);
    assert_int_equal(reactor_loops_listen(world->loops, &options, NULL), 0);
    options.spread = REACTOR_REUSEPORT;
    assert_int_equal(reactor_loops_listen(world->loops, &options, NULL), 0);
    destroy(world);
    reactor_loops_free(NULL);
    assert_int_equal(count_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_spread_and_served_by_the_loop_that_got_them),
        cmocka_unit_test(the_loop_with_the_fewest_gets_the_next),
        cmocka_unit_test(connections_beyond_the_bound_of_all_loops_are_reset),
        cmocka_unit_test(one_that_was_handed_over_and_never_taken_is_reset),
        cmocka_unit_test(a_loop_whose_posts_are_full_is_passed_over),
        cmocka_unit_test(a_loop_that_fails_at_its_beginning_stops_all_and_is_named),
        cmocka_unit_test(bad_options_are_errors_with_their_place),
        cmocka_unit_test(listening_to_nothing_for_nobody_is_refused_in_words),
        cmocka_unit_test(loops_that_run_or_have_run_are_not_started_again),
        cmocka_unit_test(loops_post_to_each_other_and_without_work_they_sleep),
        cmocka_unit_test(loops_never_started_and_listening_twice_are_freed),
    };
    return cmocka_run_group_tests(tests, settle_threads, NULL);
}
