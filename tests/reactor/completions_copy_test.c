/* What is sent by copy: no report where the kernel takes it at once, nothing lost or out of order where it does not. */
#include <errno.h>

#include "tests/reactor/completions_bed.h"

#define TOKEN 9
#define BLOCK 3000

static int copy(struct bed *bed, int descriptor, const void *bytes, uint32_t length)
{
    return bed->completions->send_copy(bed->state, descriptor, TOKEN, bytes, length);
}

static void expect_at_peer(int peer, const char *text)
{
    char bytes[64] = "";
    ssize_t got = read(peer, bytes, sizeof bytes);
    assert_int_equal(got, (ssize_t) strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static void copy_short_ones(struct bed *bed)
{
    struct reactor_ready ready;
    for (unsigned i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", i);
        assert_int_equal(copy(bed, bed->ends[0], text, (uint32_t) strlen(text)), 0);
        memset(text, 'x', sizeof text - 1); /* it was copied */
        assert_int_equal(look(bed, &ready, 1), 0);
        snprintf(text, sizeof text, "%u", i);
        expect_at_peer(bed->ends[1], text);
        assert_true(bed->completions->all_sent(bed->state, bed->ends[0]));
    }
}

static void what_the_kernel_takes_is_not_reported(void **state)
{
    (void) state;
    each(copy_short_ones);
}

static uint8_t octet(size_t place)
{
    return (uint8_t) (place * 2654435761u >> 24);
}

static void fill_block(uint8_t *block, uint32_t length, size_t from)
{
    for (uint32_t i = 0; i < length; i++)
        block[i] = octet(from + i);
}

static size_t read_all(int peer, size_t from)
{
    uint8_t bytes[8192];
    ssize_t got;
    while ((got = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        for (ssize_t i = 0; i < got; i++, from++)
            assert_int_equal(bytes[i], octet(from));
    assert_true(got < 0 && errno == EAGAIN);
    return from;
}

/* Copies until the kernel does not take one; returns how many bytes were copied. */
static size_t copy_until_delayed(struct bed *bed, int descriptor, struct reactor_ready *ready)
{
    uint8_t block[BLOCK];
    for (size_t sent = 0;;) {
        fill_block(block, BLOCK, sent);
        assert_int_equal(copy(bed, descriptor, block, BLOCK), 0);
        sent += BLOCK;
        assert_true(sent < 100u << 20);
        if (look(bed, ready, 1))
            return sent;
    }
}

static void delay(struct bed *bed, int descriptor, int peer)
{
    struct reactor_ready ready;
    uint8_t block[BLOCK], behind[BLOCK];
    size_t sent = copy_until_delayed(bed, descriptor, &ready), got = 0;
    assert_true(ready.token == TOKEN && ready.readiness == REACTOR_DELAYED);
    assert_true(ready.result > 0 && ready.result <= BLOCK);
    int32_t left = ready.result;
    assert_int_equal(copy(bed, descriptor, block, BLOCK), -EBUSY);
    assert_false(bed->completions->all_sent(bed->state, descriptor));
    fill_block(behind, BLOCK, sent);
    assert_int_equal(bed->completions->send(bed->state, descriptor, TOKEN, behind, BLOCK), 0);
    assert_int_equal(bed->completions->send(bed->state, descriptor, TOKEN, behind, BLOCK), -EBUSY);
    sent += BLOCK;
    int32_t expected[] = {left, BLOCK};
    unsigned reports = 0;
    for (unsigned turns = 0; reports < 2 || got < sent; turns++) {
        assert_true(turns < 100000);
        got = read_all(peer, got);
        if (look(bed, &ready, 1) == 0)
            continue;
        assert_true(reports < 2 && ready.token == TOKEN && ready.readiness == REACTOR_SENT);
        assert_int_equal(ready.result, expected[reports++]);
    }
    assert_int_equal(got, sent);
    assert_int_equal(copy(bed, descriptor, "x", 1), 0);
    assert_int_equal(look(bed, &ready, 1), 0);
}

static void delay_each(struct bed *bed)
{
    delay(bed, bed->ends[0], bed->ends[1]);
    int client = connect_one(bed), server = accept(bed->listener, NULL, NULL); /* (TCP takes parts) */
    assert_true(server >= 0);
    delay(bed, server, client);
    (void) bed->ops->remove(bed->state, server);
    close(server);
    close(client);
}

static void what_it_does_not_take_goes_out_later_in_order(void **state)
{
    (void) state;
    each(delay_each);
}

/* Its report waits behind others that the caller has no room for. */
static void fail_unseen(struct bed *bed)
{
    struct reactor_ready ready;
    uint8_t block[BLOCK];
    size_t sent = 0, got = 0;
    for (;; sent += BLOCK) {
        fill_block(block, BLOCK, sent);
        if (write(bed->ends[0], block, BLOCK) < 0)
            break;
    }
    int extra[4][2];
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, extra[i]), 0);
        assert_int_equal(bed->completions->receive(bed->state, extra[i][0], 1), 0);
        assert_int_equal(write(extra[i][1], "x", 1), 1);
    }
    assert_int_equal(look(bed, &ready, 1), 1); /* three are left */
    assert_int_equal(copy(bed, bed->ends[0], block, BLOCK), 0);
    bool seen = false, ordinary = false;
    fill_block(block, BLOCK, sent + BLOCK);
    for (unsigned turns = 0; !seen || got < sent + 2 * BLOCK; turns++) {
        assert_true(turns < 10000);
        if (ready.readiness == REACTOR_RECEIVED)
            bed->completions->give(bed->state, ready.buffer);
        ready.readiness = 0;
        (void) look(bed, &ready, 1);
        seen |= ready.readiness == REACTOR_DELAYED;
        if (!seen)
            assert_false(bed->completions->all_sent(bed->state, bed->ends[0]));
        if (!ordinary)
            assert_int_equal(bed->completions->send(bed->state, bed->ends[0], TOKEN, block, BLOCK), 0);
        ordinary = true;
        if (seen)
            got = read_all(bed->ends[1], got);
    }
    for (unsigned i = 0; i < 4; i++) {
        bed->completions->close(bed->state, extra[i][0]);
        close(extra[i][1]);
    }
    (void) look(bed, &ready, 1);
}

static void one_that_fails_unseen_lets_nothing_pass(void **state)
{
    (void) state;
    each(fail_unseen);
}

static void copy_to_nobody(struct bed *bed)
{
    close(bed->ends[1]);
    assert_int_equal(copy(bed, bed->ends[0], "x", 1), 0);
    struct reactor_ready ready = next(bed);
    assert_true(ready.token == TOKEN && ready.readiness == REACTOR_SENT && ready.result == -EPIPE);
    assert_int_equal(look(bed, &ready, 1), 0);
    bed->ends[1] = dup(bed->ends[0]);
    assert_int_equal(copy(bed, -1, "x", 1), -EBADF);
}

static void what_fails_for_good_is_reported_by_number(void **state)
{
    (void) state;
    each(copy_to_nobody);
}

/* Not looked at: the kernel has nothing, until it is asked whether it has. */
static void ask(struct bed *bed)
{
    struct reactor_ready ready;
    char nothing;
    assert_int_equal(look(bed, &ready, 1), 0);
    assert_int_equal(copy(bed, bed->ends[0], "first", 5), 0);
    assert_true(recv(bed->ends[1], &nothing, 1, 0) < 0);
    assert_true(bed->completions->all_sent(bed->state, bed->ends[0]));
    expect_at_peer(bed->ends[1], "first");
    assert_int_equal(copy(bed, bed->ends[0], "second", 6), 0);
    assert_int_equal(copy(bed, bed->ends[0], "third", 5), 0); /* asks by itself */
    expect_at_peer(bed->ends[1], "second");
    assert_int_equal(look(bed, &ready, 1), 0);
    expect_at_peer(bed->ends[1], "third");
}

static void whether_all_is_sent_is_known_without_a_wait(void **state)
{
    (void) state;
    each(ask);
}

static void stop_and_close(struct bed *bed)
{
    struct reactor_ready ready;
    char end;
    int closed = dup(bed->ends[0]);
    assert_int_equal(look(bed, &ready, 1), 0);
    assert_int_equal(copy(bed, bed->ends[0], "stopped", 7), 0);
    bed->completions->stop(bed->state, bed->ends[0]);
    assert_int_equal(look(bed, &ready, 1), 0);
    assert_true(recv(bed->ends[1], &end, 1, 0) < 0 && errno == EAGAIN);
    assert_int_equal(copy(bed, closed, "closed", 6), 0);
    bed->completions->close(bed->state, closed);
    assert_int_equal(look(bed, &ready, 1), 0);
    expect_at_peer(bed->ends[1], "closed");
    assert_int_equal(fcntl(closed, F_GETFD), -1);
    copy_until_delayed(bed, bed->ends[0], &ready); /* what is left of it is not leaked */
    bed->completions->stop(bed->state, bed->ends[0]);
}

static void a_stop_takes_it_back_a_close_comes_behind_it(void **state)
{
    (void) state;
    each(stop_and_close);
}

static void bounds(struct bed *bed)
{
    struct reactor_ready ready;
    static const uint8_t bytes[1 << 16];
    assert_int_equal(look(bed, &ready, 1), 0);
    assert_int_equal(copy(bed, bed->ends[0], bytes, sizeof bytes), -ENOBUFS);
    for (unsigned round = 0; round < 3; round++) {
        unsigned count = 0;
        int result;
        while ((result = copy(bed, bed->ends[0], bytes, 4000)) == 0)
            assert_true(++count < 100);
        assert_int_equal(result, -ENOBUFS);
        assert_true(count > 10);
        assert_int_equal(look(bed, &ready, 1), 0);
        for (; count; count--) {
            uint8_t got[4000];
            assert_int_equal(recv(bed->ends[1], got, sizeof got, MSG_WAITALL), 4000);
        }
    }
}

static void what_does_not_fit_is_refused_until_there_is_room(void **state)
{
    (void) state;
    each(bounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_kernel_takes_is_not_reported),
        cmocka_unit_test(what_it_does_not_take_goes_out_later_in_order),
        cmocka_unit_test(one_that_fails_unseen_lets_nothing_pass),
        cmocka_unit_test(what_fails_for_good_is_reported_by_number),
        cmocka_unit_test(whether_all_is_sent_is_known_without_a_wait),
        cmocka_unit_test(a_stop_takes_it_back_a_close_comes_behind_it),
        cmocka_unit_test(what_does_not_fit_is_refused_until_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
