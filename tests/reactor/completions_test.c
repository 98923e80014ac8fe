/* Completions: the promises of struct reactor_completion_ops, for each row of the table that has them. */
#include "reactor/demultiplexer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/reactor/completions_bed.h"

static void receive_all(struct bed *bed)
{
    struct reactor_ready ready[2];
    const uint64_t token = UINT64_C(0xfedcba9876543210);
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], token), 0);
    assert_int_equal(look(bed, ready, 2), 0);
    peer_writes(bed, "one");
    expect_received(bed, token, "one");
    peer_writes(bed, "two");
    expect_received(bed, token, "two");
    assert_int_equal(look(bed, ready, 2), 0);
    peer_writes(bed, "last");
    assert_int_equal(shutdown(bed->ends[1], SHUT_WR), 0);
    expect_received(bed, token, "last");
    struct reactor_ready end = next(bed);
    assert_true(end.readiness == REACTOR_RECEIVED && end.result == 0);
    assert_int_equal(look(bed, ready, 2), 0); /* told once */
}

static void what_comes_is_received_again_and_again_until_the_end(void **state)
{
    (void) state;
    each(receive_all);
}

/* More than a socket buffer holds: the kernel sends on as the peer reads. */
static void send_much(struct bed *bed)
{
    enum { LENGTH = 3000000 };
    uint8_t *bytes = malloc(LENGTH), *copy = malloc(LENGTH);
    struct reactor_ready ready;
    assert_true(bytes && copy);
    for (uint32_t i = 0; i < LENGTH; i++)
        bytes[i] = (uint8_t) (i * 2654435761u >> 24);
    assert_int_equal(bed->completions->send(bed->state, bed->ends[0], 7, bytes, LENGTH), 0);
    assert_int_equal(bed->completions->send(bed->state, bed->ends[0], 7, bytes, 1), -EBUSY);
    assert_int_equal(look(bed, &ready, 1), 0);
    assert_int_equal(bed->completions->send(bed->state, bed->ends[0], 7, bytes, 1), -EBUSY);
    size_t got = 0;
    int reports = 0;
    while (got < LENGTH) {
        ssize_t length = read(bed->ends[1], copy + got, LENGTH - got);
        assert_true(length > 0 || errno == EAGAIN);
        got += length > 0 ? (size_t) length : 0;
        reports += look(bed, &ready, 1);
    }
    if (!reports)
        ready = next(bed);
    assert_true(reports <= 1 && ready.token == 7 && ready.readiness == REACTOR_SENT && ready.result == LENGTH);
    assert_memory_equal(copy, bytes, LENGTH);
    free(bytes);
    free(copy);
}

static void a_send_is_reported_when_all_of_it_is_out(void **state)
{
    (void) state;
    each(send_much);
}

static void send_to_nobody(struct bed *bed)
{
    close(bed->ends[1]);
    assert_int_equal(bed->completions->send(bed->state, bed->ends[0], 1, "x", 1), 0);
    struct reactor_ready ready = next(bed);
    assert_true(ready.readiness == REACTOR_SENT && ready.result == -EPIPE); /* and no signal */
    bed->ends[1] = dup(bed->ends[0]);
    assert_int_equal(bed->completions->receive(bed->state, 1 << 20, 2), 0);
    ready = next(bed);
    assert_true(ready.token == 2 && ready.readiness == REACTOR_RECEIVED && ready.result == -EBADF);
    assert_int_equal(bed->completions->receive(bed->state, -1, 2), -EBADF);
    assert_int_equal(bed->completions->send(bed->state, -1, 2, "x", 1), -EBADF);
    assert_int_equal(bed->completions->accept(bed->state, -1, 2), -EBADF);
}

static void failures_are_reported_by_number(void **state)
{
    (void) state;
    each(send_to_nobody);
}

static void accept_three(struct bed *bed)
{
    assert_int_equal(bed->completions->accept(bed->state, bed->listener, 5), 0);
    for (unsigned i = 0; i < 3; i++) {
        int client = connect_one(bed);
        struct reactor_ready ready = next(bed);
        assert_true(ready.token == 5 && ready.readiness == REACTOR_ACCEPTED && ready.result >= 0);
        assert_true(fcntl(ready.result, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(ready.result, F_GETFD) & FD_CLOEXEC);
        close(ready.result);
        close(client);
    }
}

static void connections_are_accepted_again_and_again(void **state)
{
    (void) state;
    each(accept_three);
}

/* Whether the kernel's limit is what was set: under Valgrind it is not. */
static bool is_limited_to(rlim_t descriptors)
{
    char line[256];
    unsigned long long limit = 0;
    FILE *file = fopen("/proc/self/limits", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "Max open files %llu", &limit) != 1)
        ;
    if (file)
        fclose(file);
    return limit == descriptors;
}

static void accept_at_the_limit(struct bed *bed)
{
    struct rlimit before, tight;
    int client = connect_one(bed);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t) client + 2; /* (one to read the limit itself) */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    bool limited = is_limited_to(tight.rlim_cur);
    tight.rlim_cur--;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    if (!limited) {
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        printf("  left out: the limit on descriptors is not the kernel's\n");
        close(client);
        return;
    }
    assert_int_equal(bed->completions->accept(bed->state, bed->listener, 5), 0);
    struct reactor_ready ready = next(bed), nothing;
    int more = look(bed, &nothing, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(ready.readiness == REACTOR_ACCEPTED && ready.result == -EMFILE);
    assert_int_equal(more, 0); /* over, not again and again */
    assert_int_equal(bed->completions->accept(bed->state, bed->listener, 5), 0);
    ready = next(bed);
    assert_true(ready.result >= 0);
    close(ready.result);
    close(client);
}

static void out_of_descriptors_accepting_ends_and_may_be_asked_for_again(void **state)
{
    (void) state;
    each(accept_at_the_limit);
}

/* Holding what is received, until no buffer is left; then giving them back. */
static void exhaust(struct bed *bed)
{
    enum { BYTES = 6 << 20 };
    struct reactor_completion_statistics statistics;
    uint32_t *held = calloc(100000, sizeof *held), held_count = 0;
    uint8_t sent = 0, seen = 0;
    size_t written = 0, received = 0;
    assert_non_null(held);
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], 1), 0);
    bool holding = true;
    while (received < BYTES) {
        for (uint8_t block[997]; written < BYTES && written < received + 65536; written += sizeof block) {
            for (size_t i = 0; i < sizeof block; i++)
                block[i] = sent++;
            if (write(bed->ends[1], block, sizeof block) != sizeof block) {
                sent = (uint8_t) (sent - sizeof block);
                break;
            }
        }
        struct reactor_ready ready[64];
        int count = look(bed, ready, 64);
        for (int i = 0; i < count; i++) {
            assert_true(ready[i].readiness == REACTOR_RECEIVED && ready[i].result > 0);
            for (int32_t k = 0; k < ready[i].result; k++)
                assert_int_equal(ready[i].bytes[k], seen++);
            received += (size_t) ready[i].result;
            held[held_count++] = ready[i].buffer;
        }
        bed->completions->statistics(bed->state, &statistics);
        if (holding && statistics.exhausted) {
            for (unsigned i = 0; i < 50; i++) /* nothing is given back: nothing is tried */
                assert_int_equal(look(bed, ready, 64), 0);
            bed->completions->statistics(bed->state, &statistics);
            assert_true(statistics.exhausted == 1);
            holding = false;
        }
        while (!holding && held_count)
            bed->completions->give(bed->state, held[--held_count]);
        if (written >= BYTES && received >= written)
            break;
    }
    assert_true(!holding && statistics.exhausted > 0 && statistics.exhausted < 1000);
    assert_true(received >= BYTES);
    free(held);
}

static void receiving_stands_still_without_buffers_and_goes_on_with_them(void **state)
{
    (void) state;
    each(exhaust);
}

static void mix_with_readiness(struct bed *bed)
{
    struct reactor_ready ready[4];
    int pipe_ends[2];
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(bed->ops->add(bed->state, pipe_ends[0], REACTOR_READ, 10), 0);
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], 11), 0);
    assert_int_equal(look(bed, ready, 4), 0);
    assert_int_equal(write(pipe_ends[1], "x", 1), 1);
    peer_writes(bed, "y");
    unsigned readable = 0, received = 0;
    for (unsigned i = 0; i < 4; i++) {
        int count = look(bed, ready, 4);
        for (int k = 0; k < count; k++) {
            readable += ready[k].token == 10 && ready[k].readiness == REACTOR_READABLE;
            received += ready[k].token == 11 && ready[k].readiness == REACTOR_RECEIVED;
            if (ready[k].readiness == REACTOR_RECEIVED)
                bed->completions->give(bed->state, ready[k].buffer);
        }
    }
    assert_true(readable == 4 && received == 1);
    assert_int_equal(bed->ops->remove(bed->state, pipe_ends[0]), 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void readiness_and_completions_come_from_one_wait(void **state)
{
    (void) state;
    each(mix_with_readiness);
}

/* One file under so many numbers that what is ready does not fit the queue of completions. */
static void overflow(struct bed *bed)
{
    enum { MANY = 17000 };
    struct reactor_completion_statistics statistics;
    struct reactor_ready ready[64];
    static int copies[MANY];
    static bool seen[MANY];
    peer_writes(bed, "x");
    for (unsigned i = 0; i < MANY; i++) {
        copies[i] = dup(bed->ends[0]);
        assert_true(copies[i] >= 0);
        assert_int_equal(bed->ops->add(bed->state, copies[i], REACTOR_READ, i), 0);
        seen[i] = false;
    }
    unsigned missing = MANY;
    for (unsigned looks = 0; missing && looks < MANY; looks++) {
        int count = look(bed, ready, 64);
        assert_true(count >= 0);
        for (int k = 0; k < count; k++) {
            assert_int_equal(ready[k].readiness, REACTOR_READABLE);
            missing -= !seen[ready[k].token];
            seen[ready[k].token] = true;
        }
    }
    bed->completions->statistics(bed->state, &statistics);
    for (unsigned i = 0; i < MANY; i++)
        bed->completions->close(bed->state, copies[i]);
    assert_int_equal(missing, 0);
    assert_true(statistics.overflowed > 0);
}

static void more_than_the_queue_of_completions_holds_arrives_all_the_same(void **state)
{
    struct rlimit before, wide;
    (void) state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    wide = (struct rlimit){before.rlim_max, before.rlim_max};
    if (before.rlim_max < 18000 || setrlimit(RLIMIT_NOFILE, &wide)) {
        printf("  left out: 18,000 descriptors are needed (ulimit -Hn)\n");
        skip();
    }
    each(overflow);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static uint64_t enters(struct bed *bed)
{
    struct reactor_completion_statistics statistics;
    bed->completions->statistics(bed->state, &statistics);
    return statistics.enters;
}

static void count_calls(struct bed *bed)
{
    struct reactor_ready ready[4];
    assert_int_equal(bed->completions->receive(bed->state, bed->ends[0], 1), 0);
    assert_int_equal(look(bed, ready, 4), 0);
    uint64_t before = enters(bed);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(look(bed, ready, 4), 0);
    assert_true(enters(bed) == before); /* nothing happened: nobody is asked */
    for (unsigned i = 0; i < 100; i++) {
        peer_writes(bed, "x");
        expect_received(bed, 1, "x");
    }
    assert_true(enters(bed) <= before + 100);
}

static void a_look_at_nothing_needs_no_system_call_and_a_message_one(void **state)
{
    (void) state;
    each(count_calls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_is_received_again_and_again_until_the_end),
        cmocka_unit_test(a_send_is_reported_when_all_of_it_is_out),
        cmocka_unit_test(failures_are_reported_by_number),
        cmocka_unit_test(connections_are_accepted_again_and_again),
        cmocka_unit_test(out_of_descriptors_accepting_ends_and_may_be_asked_for_again),
        cmocka_unit_test(receiving_stands_still_without_buffers_and_goes_on_with_them),
        cmocka_unit_test(readiness_and_completions_come_from_one_wait),
        cmocka_unit_test(more_than_the_queue_of_completions_holds_arrives_all_the_same),
        cmocka_unit_test(a_look_at_nothing_needs_no_system_call_and_a_message_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
