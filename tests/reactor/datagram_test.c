/* Datagrams: runs, and random traffic. */
#include "reactor/datagram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "reactor/base/random.h"
#include "tests/reactor/datagram_end.h"

/* --- runs --- */

static void run_to_one_destination(struct reactor_loop *loop)
{
    struct end *from = bound_end(loop, NULL), *to = bound_end(loop, NULL);
    uint8_t bytes[100];
    for (uint32_t i = 0; i < 200; i++) {
        memset(bytes, (int) i, sizeof bytes);
        assert_int_equal(reactor_datagrams_send(&from->datagrams, name_of(to), bytes, sizeof bytes), 0);
    }
    assert_int_equal(from->datagrams.statistics.sent, 0); /* until the turn's end */
    await(loop, to, 200);
    for (uint32_t i = 0; i < 200; i++) {
        memset(bytes, (int) i, sizeof bytes);
        assert_int_equal(to->lengths[i], 100);
        assert_int_equal(to->sums[i], sum_of(bytes, sizeof bytes));
    }
    assert_int_equal(to->from.sin_port, from->name.sin_port);
    assert_int_equal(from->datagrams.statistics.sent, 200);
    assert_int_equal(to->datagrams.statistics.received, 200);
    if (from->datagrams.segment_max) {
        assert_int_equal(from->datagrams.statistics.send_calls, 1);
        assert_true(to->datagrams.statistics.receive_calls <= 5);
    }
    end_free(from);
    end_free(to);
}

static void a_run_to_one_destination_is_one_call_and_comes_out_as_it_went_in(void **state)
{
    (void) state;
    each(run_to_one_destination);
}

static void answer_over_ipv6(struct reactor_loop *loop)
{
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t length = sizeof name;
    int descriptor = socket(AF_INET6, SOCK_DGRAM, 0);
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *) &name, sizeof name) < 0) {
        print_message("  no IPv6 here\n");
        close(descriptor);
        return;
    }
    assert_int_equal(getsockname(descriptor, (struct sockaddr *) &name, &length), 0);
    struct end *end = open_end(loop, descriptor, &end_ops, NULL);
    for (int i = 0; i < 100; i++)
        assert_int_equal(reactor_datagrams_send(&end->datagrams, (struct sockaddr *) &name, "to myself", 9), 0);
    await(loop, end, 100);
    assert_int_equal(end->sums[99], sum_of((const uint8_t *) "to myself", 9));
    name.sin6_port = htons(1); /* nobody's */
    assert_int_equal(reactor_datagrams_send(&end->datagrams, (struct sockaddr *) &name, "?", 1), 0);
    run_some(loop, 20 * MS);
    assert_int_equal(end->failures, 1);
    assert_int_equal(end->error, ECONNREFUSED);
    end_free(end);
}

static void it_works_over_ipv6(void **state)
{
    (void) state;
    each(answer_over_ipv6);
}

/* --- random traffic --- */

#define RECEIVERS 3

struct traffic {
    uint64_t seed, draws;
    struct end *from, *to[RECEIVERS];
    uint32_t sent[RECEIVERS], bytes_a_round;
    uint16_t lengths[RECEIVERS][SEEN_MAX];
    uint32_t sums[RECEIVERS][SEEN_MAX];
};

static uint32_t draw(struct traffic *traffic, uint32_t below)
{
    return (uint32_t) base_random_below(base_random_at(traffic->seed, traffic->draws++), below);
}

/* Some runs of one size, some with a shorter or longer one between, empty ones, large ones. */
static void send_some(struct traffic *traffic, uint32_t receiver)
{
    static uint8_t bytes[65536];
    static const uint32_t bounds[] = {1, 3, 100, 1500, 9000, 65508};
    uint32_t size = draw(traffic, bounds[draw(traffic, 6)]), count = 1 + draw(traffic, size > 3000 ? 4 : 90);
    for (uint32_t i = 0; i < count && traffic->sent[receiver] < SEEN_MAX; i++) {
        uint32_t length = draw(traffic, 20) ? size : draw(traffic, size + 2 < 65507 ? size + 2 : 65507);
        uint32_t at = traffic->sent[receiver];
        for (uint32_t b = 0; b < length; b += 1 + length / 16)
            bytes[b] = (uint8_t) draw(traffic, 256);
        int result = reactor_datagrams_send(&traffic->from->datagrams, name_of(traffic->to[receiver]), bytes, length);
        assert_true(result == 0 || result == -ENOBUFS);
        if (result < 0)
            return;
        traffic->lengths[receiver][at] = (uint16_t) length;
        traffic->sums[receiver][at] = sum_of(bytes, length);
        traffic->sent[receiver]++;
        traffic->bytes_a_round += length + 1000; /* the kernel charges more than the bytes */
    }
}

static void exchange_at_random(struct reactor_loop *loop)
{
    struct traffic *traffic = calloc(1, sizeof *traffic);
    const char *given = getenv("DATAGRAM_TEST_SEED");
    assert_non_null(traffic);
    traffic->seed = given ? strtoull(given, NULL, 10) : (uint64_t) time(NULL) ^ (uint64_t) (uintptr_t) traffic;
    print_message("  DATAGRAM_TEST_SEED=%llu\n", (unsigned long long) traffic->seed);
    static const uint32_t maxima[] = {0, 70000, 140000};
    traffic->from = bound_end(loop, &(struct reactor_datagrams_options){.output_max = maxima[draw(traffic, 3)]});
    for (int r = 0; r < RECEIVERS; r++)
        traffic->to[r] = bound_end(loop, &(struct reactor_datagrams_options){.datagrams_a_turn = r ? 0 : 5});
    for (int round = 0; round < 60; round++) {
        traffic->bytes_a_round = 0;
        for (uint32_t i = draw(traffic, 12); i && traffic->bytes_a_round < (1u << 19); i--)
            send_some(traffic, draw(traffic, RECEIVERS));
        for (int r = 0; r < RECEIVERS; r++)
            await(loop, traffic->to[r], traffic->sent[r]);
    }
    for (int r = 0; r < RECEIVERS; r++) {
        assert_memory_equal(traffic->to[r]->lengths, traffic->lengths[r], traffic->sent[r] * sizeof(uint16_t));
        assert_memory_equal(traffic->to[r]->sums, traffic->sums[r], traffic->sent[r] * sizeof(uint32_t));
        end_free(traffic->to[r]);
    }
    assert_int_equal(traffic->from->datagrams.statistics.lost, 0);
    assert_int_equal(traffic->from->datagrams.statistics.errors, 0);
    end_free(traffic->from);
    free(traffic);
}

static void random_lengths_to_several_destinations_arrive_whole_and_in_order(void **state)
{
    (void) state;
    each(exchange_at_random);
}

/* What other programs' runs are split into, whatever the segment's length; and what other programs get of ours. */
static void split_others_runs(struct reactor_loop *loop)
{
    static uint8_t bytes[60000];
    struct sockaddr_in name;
    struct end *end = bound_end(loop, NULL);
    int other = bound_socket(&name);
    uint64_t seed = (uint64_t) time(NULL);
    print_message("  seed %llu\n", (unsigned long long) seed);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) (i * i >> 3);
    for (uint32_t round = 0; round < 100; round++) {
        int segment = 1 + (int) base_random_below(base_random_at(seed, 2 * round), round % 2 ? 2000 : 40);
        uint32_t longest = 64 * (uint32_t) segment < sizeof bytes ? 64 * (uint32_t) segment : sizeof bytes;
        uint32_t length = 1 + (uint32_t) base_random_below(base_random_at(seed, 2 * round + 1), longest), at = 0;
        if (setsockopt(other, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) < 0)
            break;
        end->count = 0;
        assert_int_equal(sendto(other, bytes, length, 0, name_of(end), sizeof end->name), length);
        await(loop, end, (length + (uint32_t) segment - 1) / (uint32_t) segment);
        for (uint32_t i = 0; i < end->count; at += end->lengths[i++]) {
            assert_int_equal(end->lengths[i], i + 1 < end->count ? (uint32_t) segment : length - at);
            assert_int_equal(end->sums[i], sum_of(bytes + at, end->lengths[i]));
        }
        assert_int_equal(at, length);
    }
    for (int i = 0; i < 10; i++)
        assert_int_equal(reactor_datagrams_send(&end->datagrams, (struct sockaddr *) &name, bytes, i < 9 ? 50 : 20), 0);
    run_some(loop, MS);
    for (int i = 0; i < 10; i++)
        assert_int_equal(recv(other, bytes, sizeof bytes, MSG_DONTWAIT), i < 9 ? 50 : 20);
    close(other);
    end_free(end);
}

static void runs_of_other_programs_are_split_and_ours_are_plain_datagrams_to_them(void **state)
{
    (void) state;
    each(split_others_runs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_to_one_destination_is_one_call_and_comes_out_as_it_went_in),
        cmocka_unit_test(it_works_over_ipv6),
        cmocka_unit_test(random_lengths_to_several_destinations_arrive_whole_and_in_order),
        cmocka_unit_test(runs_of_other_programs_are_split_and_ours_are_plain_datagrams_to_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
