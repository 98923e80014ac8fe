/* Completions: the promises of struct reactor_completion_ops, for each row of the table that has them: pauses,
 * stops and closes. */
#include "reactor/demultiplexer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/reactor/completions_bed.h"

static void pause_and_go_on(struct bed *bed)
{
    struct reactor_ready ready[4];
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], 1), 0);
    assert_int_equal(look(bed, ready, 4), 0);
    peer_writes(bed, "taken");
    bed->completions->pause(bed->state, bed->ends[0]);
    char seen[64] = "";
    for (unsigned tries = 0; tries < 3; tries++) { /* what was taken before is reported, what comes later not */
        int count = look(bed, ready, 4);
        for (int i = 0; i < count; i++) {
            strncat(seen, (const char *) ready[i].bytes, (size_t) ready[i].result);
            bed->completions->give(bed->state, ready[i].buffer);
        }
        if (tries == 0)
            peer_writes(bed, ", left");
    }
    assert_true(strcmp(seen, "taken") == 0 || strcmp(seen, "") == 0);
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], 2), 0);
    expect_received(bed, 2, *seen ? ", left" : "taken, left");
    bed->completions->pause(bed->state, bed->ends[0]); /* and at once on again */
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], 3), 0);
    peer_writes(bed, "more");
    expect_received(bed, 3, "more");
}

static void a_pause_loses_nothing(void **state)
{
    (void) state;
    each(pause_and_go_on);
}

static void pause_what_waits(struct bed *bed)
{
    struct reactor_ready ready[2];
    unsigned seen = 0;
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], 1), 0);
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[1], 2), 0);
    assert_int_equal(look(bed, ready, 2), 0);
    peer_writes(bed, "x");
    assert_int_equal(write(bed->ends[0], "x", 1), 1);
    assert_int_equal(look(bed, ready, 1), 1); /* both were received, one is reported */
    seen |= 1u << ready[0].token;
    bed->completions->give(bed->state, ready[0].buffer);
    bed->completions->pause(bed->state, bed->ends[0]);
    bed->completions->pause(bed->state, bed->ends[1]);
    assert_int_equal(look(bed, ready, 2), 1);
    seen |= 1u << ready[0].token;
    bed->completions->give(bed->state, ready[0].buffer);
    assert_int_equal(seen, 6);
}

static void what_was_received_before_a_pause_is_reported_after_it(void **state)
{
    (void) state;
    each(pause_what_waits);
}

/* The same, but what waits to be reported is dropped: its buffers are not lost, an accepted descriptor is closed. */
static void stop_what_waits(struct bed *bed)
{
    struct reactor_ready ready[2];
    for (unsigned round = 0; round < 3000; round++) { /* more than there are buffers */
        assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], 1), 0);
        assert_int_equal(bed->completions->receive(bed->state, bed->ends[1], 2), 0);
        assert_int_equal(look(bed, ready, 2), 0);
        peer_writes(bed, "x");
        assert_int_equal(write(bed->ends[0], "x", 1), 1);
        assert_int_equal(look(bed, ready, 1), 1);
        assert_int_equal(ready[0].result, 1);
        bed->completions->give(bed->state, ready[0].buffer);
        bed->completions->stop(bed->state, bed->ends[0]);
        bed->completions->stop(bed->state, bed->ends[1]);
        assert_int_equal(look(bed, ready, 2), 0);
    }
    int descriptors = count_descriptors();
    int clients[2] = {connect_one(bed), connect_one(bed)};
    assert_int_equal(bed->completions->accept(bed->state, bed->listener, 3), 0);
    assert_int_equal(look(bed, ready, 1), 1);
    close(ready[0].result);
    bed->completions->stop(bed->state, bed->listener);
    assert_int_equal(look(bed, ready, 2), 0);
    close(clients[0]);
    close(clients[1]);
    assert_int_equal(count_descriptors(), descriptors);
}

static void what_waits_at_a_stop_is_dropped_and_not_lost(void **state)
{
    (void) state;
    each(stop_what_waits);
}

static void stop_and_drop(struct bed *bed)
{
    struct reactor_ready ready[4];
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], 1), 0);
    assert_int_equal(bed->completions->accept(bed->state, bed->listener, 2), 0);
    assert_int_equal(look(bed, ready, 4), 0);
    peer_writes(bed, "dropped");
    int client = connect_one(bed);
    assert_int_equal(bed->completions->send(bed->state, bed->ends[0], 1, "never", 5), 0);
    bed->completions->stop(bed->state, bed->ends[0]);
    bed->completions->stop(bed->state, bed->listener);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(look(bed, ready, 4), 0);
    char byte;
    assert_int_equal(read(bed->ends[1], &byte, 1), -1);
    close(client);
}

static void nothing_is_reported_or_sent_after_a_stop(void **state)
{
    (void) state;
    each(stop_and_drop);
}

/* A send that the kernel has begun: after stop its bytes may go. */
static void stop_a_send(struct bed *bed)
{
    enum { LENGTH = 1000000 };
    struct reactor_ready ready;
    char *bytes = malloc(LENGTH), drain[65536];
    assert_non_null(bytes);
    memset(bytes, 'a', LENGTH);
    assert_int_equal(bed->completions->send(bed->state, bed->ends[0], 1, bytes, LENGTH), 0);
    assert_int_equal(look(bed, &ready, 1), 0);
    while (read(bed->ends[1], drain, sizeof drain) > 0)
        ; /* there is room again, and the kernel knows */
    bed->completions->stop(bed->state, bed->ends[0]);
    free(bytes);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(look(bed, &ready, 1), 0);
    assert_int_equal(read(bed->ends[1], drain, sizeof drain), -1);
}

static void the_bytes_of_a_stopped_send_are_the_callers_again(void **state)
{
    (void) state;
    each(stop_a_send);
}

static void close_later(struct bed *bed)
{
    struct reactor_ready ready;
    char byte;
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], 1), 0);
    assert_int_equal(bed->ops->add(bed->state, bed->ends[0], 0, 1), 0);
    assert_int_equal(look(bed, &ready, 1), 0);
    bed->completions->close(bed->state, bed->ends[0]);
    assert_int_equal(look(bed, &ready, 1), 0);
    assert_int_equal(fcntl(bed->ends[0], F_GETFD), -1);
    assert_int_equal(read(bed->ends[1], &byte, 1), 0); /* the peer heard of it */
    bed->ends[0] = dup(bed->ends[1]);
}

static void a_closed_descriptor_is_gone_with_the_next_wait(void **state)
{
    (void) state;
    each(close_later);
}

static void *wait_there(void *context)
{
    struct bed *bed = context;
    struct reactor_ready ready;
    bool good = bed->completions->receive(bed->state, bed->ends[0], 1) == 0 && look(bed, &ready, 1) == 0;
    return good ? bed : NULL;
}

static void close_elsewhere(struct bed *bed)
{
    pthread_t thread;
    void *result;
    int descriptors = count_descriptors();
    struct reactor_ready ready;
    assert_int_equal(pthread_create(&thread, NULL, wait_there, bed), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_non_null(result);
    assert_int_equal(bed->ops->wait(bed->state, &ready, 1, 1000), -EEXIST); /* it is that thread's */
    bed->completions->close(bed->state, bed->ends[0]); /* and no wait behind it */
    bed->ops->close(bed->state);
    assert_true(count_descriptors() < descriptors - 1); /* the stream's end and the backend's own */
    bed->ends[0] = dup(bed->ends[1]);
    memset(bed->state, 0, bed->ops->state_bytes);
    assert_int_equal(bed->ops->open(bed->state), 0);
}

static void a_backend_closed_from_another_thread_closes_what_was_to_be_closed(void **state)
{
    (void) state;
    each(close_elsewhere);
}

static void port_is_free(struct bed *bed)
{
    struct reactor_ready ready;
    assert_int_equal(bed->completions->accept(bed->state, bed->listener, 1), 0);
    assert_int_equal(look(bed, &ready, 1), 0);
    bed->ops->close(bed->state); /* with the accept going on */
    close(bed->listener);
    bed->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(bed->listener, (struct sockaddr *) &bed->address, sizeof bed->address), 0);
    memset(bed->state, 0, bed->ops->state_bytes);
    assert_int_equal(bed->ops->open(bed->state), 0);
}

static void a_closed_backend_holds_nothing_open(void **state)
{
    (void) state;
    each(port_is_free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_loses_nothing),
        cmocka_unit_test(what_was_received_before_a_pause_is_reported_after_it),
        cmocka_unit_test(what_waits_at_a_stop_is_dropped_and_not_lost),
        cmocka_unit_test(nothing_is_reported_or_sent_after_a_stop),
        cmocka_unit_test(the_bytes_of_a_stopped_send_are_the_callers_again),
        cmocka_unit_test(a_closed_descriptor_is_gone_with_the_next_wait),
        cmocka_unit_test(a_backend_closed_from_another_thread_closes_what_was_to_be_closed),
        cmocka_unit_test(a_closed_backend_holds_nothing_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
