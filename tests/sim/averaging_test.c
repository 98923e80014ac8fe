/* Gossip-based averaging in the harness: the published rate, the sum that nothing changes, and forged bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "sim/overlays/averaging.h"
#include "sim/overlays/registry.h"
#include "tests/sim/peer_harness.h"

#define SECOND HARNESS_SECOND_NS
#define MILLISECOND UINT64_C(1000000)

struct world {
    struct averaging_parameters parameters;
    struct harness *harness;
    uint32_t peers;
};

/* The bench's network unless the options say otherwise. */
static void open_world(struct world *world, uint32_t peers, struct harness_options options)
{
    world->peers = peers;
    world->parameters.period_ns = 10 * SECOND;
    if (world->parameters.neighbours == 0)
        world->parameters.neighbours = 20;
    options.ops = averaging_kind.ops;
    options.parameters = &world->parameters;
    options.peer_count = peers;
    options.seed = 7;
    if (options.delay_ns_max == 0) {
        options.delay_ns_min = 20 * MILLISECOND;
        options.delay_ns_max = 200 * MILLISECOND;
    }
    world->harness = harness_create(&options);
    harness_start_converged(world->harness);
}

static struct averaging_state *state_of(const struct world *world, uint32_t peer)
{
    return peer_state(harness_peer(world->harness, peer));
}

static void close_world(struct world *world)
{
    const struct overlay_ops *ops = averaging_kind.ops;
    for (uint32_t peer = 0; peer < world->peers; peer++)
        assert_null(harness_is_up(world->harness, peer) ? ops->check(harness_peer(world->harness, peer)) : NULL);
    assert_int_equal(harness_counts(world->harness)->malformed, 0);
    harness_free(world->harness);
}

static int64_t sum_of(const struct world *world)
{
    int64_t sum = 0;
    for (uint32_t peer = 0; peer < world->peers; peer++)
        sum += state_of(world, peer)->value;
    return sum;
}

static double variance_of(const struct world *world)
{
    double mean = (double) sum_of(world) / world->peers, sum = 0;
    for (uint32_t peer = 0; peer < world->peers; peer++)
        sum += ((double) state_of(world, peer)->value - mean) * ((double) state_of(world, peer)->value - mean);
    return sum / world->peers;
}

static void the_variance_falls_to_three_tenths_of_itself_a_cycle(void **state)
{
    (void) state;
    enum { CYCLES = 12 };
    struct world world = {0};
    open_world(&world, 10000, (struct harness_options){0});
    double first = variance_of(&world);
    assert_true(fabs(first / 1e18 - 1.0 / 12) < 0.002); /* uniform in [0, 1) */
    harness_run(world.harness, CYCLES * 10 * SECOND);
    double factor = pow(variance_of(&world) / first, 1.0 / CYCLES);
    print_message("the variance fell to %.4f of itself a cycle, seed 7\n", factor);
    assert_true(factor > 0.303 && factor < 0.313); /* .3095 at 100,000 peers; here +- .001 */
    close_world(&world);
}

static bool no_more_asks(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes,
                         size_t length)
{
    (void) context, (void) from, (void) to, (void) bytes, (void) length;
    return kind != AVERAGING_ASK;
}

static void exchanges_that_overlap_keep_the_sum_to_the_last_unit(void **state)
{
    (void) state;
    struct world world = {0};
    /* The slowest answer comes just before the next question, so most exchanges overlap. */
    open_world(&world, 500, (struct harness_options){.delay_ns_min = 1, .delay_ns_max = 4999 * MILLISECOND});
    int64_t sum = sum_of(&world);
    harness_run(world.harness, 200 * SECOND);
    assert_true(sum_of(&world) != sum); /* differences are in flight */
    harness_set_tap(world.harness, no_more_asks, NULL);
    harness_run(world.harness, 212 * SECOND);
    assert_true(sum_of(&world) == sum);
    assert_true(variance_of(&world) < 1e18 / 12 / 1e4);
    close_world(&world);
}

static void a_peak_is_one_peer_with_the_number_of_peers(void **state)
{
    (void) state;
    struct world world = {.parameters = {.initial = AVERAGING_PEAK}};
    open_world(&world, 300, (struct harness_options){.delay_ns_min = 1, .delay_ns_max = 1});
    uint32_t peaks = 0;
    for (uint32_t peer = 0; peer < 300; peer++)
        peaks += state_of(&world, peer)->value != 0;
    assert_int_equal(peaks, 1);
    assert_int_equal(sum_of(&world), 300 * AVERAGING_ONE);
    harness_run(world.harness, 300 * SECOND);
    for (uint32_t peer = 0; peer < 300; peer++)
        assert_in_range(state_of(&world, peer)->value, AVERAGING_ONE - 1000, AVERAGING_ONE + 1000);
    close_world(&world);
}

static void each_peer_asks_once_a_period_at_a_phase_of_its_own(void **state)
{
    (void) state;
    struct world world = {0};
    open_world(&world, 1000, (struct harness_options){0});
    const struct harness_counts *counts = harness_counts(world.harness);
    harness_run(world.harness, 5 * SECOND);
    assert_in_range(counts->sent[AVERAGING_ASK], 420, 580); /* 500, sd 16 */
    harness_run(world.harness, 10 * SECOND);
    for (uint32_t peer = 0; peer < 1000; peer++)
        assert_int_equal(state_of(&world, peer)->exchange, 1);
    harness_run(world.harness, 100 * SECOND);
    assert_int_equal(counts->sent[AVERAGING_ASK], 10000);
    assert_int_equal(counts->metric_count[0], 0);
    close_world(&world);
}

static void values_are_measured_at_the_start_and_at_each_multiple_of_the_interval(void **state)
{
    (void) state;
    struct world world = {.parameters = {.measure_ns = 7 * SECOND}};
    open_world(&world, 50, (struct harness_options){0});
    int64_t sum = sum_of(&world);
    assert_int_equal(harness_counts(world.harness)->metric_sum[0], sum);
    harness_run(world.harness, 70 * SECOND);
    assert_int_equal(harness_counts(world.harness)->metric_count[0], 50 * 10);
    harness_crash(world.harness, 3);
    harness_join(world.harness, 3, 1); /* at 70 s, too late for that instant */
    harness_run(world.harness, 77 * SECOND + 1);
    assert_int_equal(harness_counts(world.harness)->metric_count[0], 50 * 12 - 1);
    close_world(&world);
}

static bool only_neighbours_on_a_ring(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes,
                                      size_t length)
{
    (void) context, (void) kind, (void) bytes, (void) length;
    uint32_t distance = (to - 1 + 10 - from) % 10;
    assert_true(distance == 1 || distance == 9);
    return true;
}

static void where_there_is_a_graph_only_its_neighbours_are_asked(void **state)
{
    (void) state;
    uint32_t lists[10][3];
    const uint32_t *neighbours[10];
    for (uint32_t peer = 0; peer < 10; peer++) {
        lists[peer][0] = 2;
        lists[peer][1] = (peer + 9) % 10;
        lists[peer][2] = (peer + 1) % 10;
        neighbours[peer] = lists[peer];
    }
    struct world world = {0};
    open_world(&world, 10, (struct harness_options){.neighbours = neighbours});
    harness_set_tap(world.harness, only_neighbours_on_a_ring, NULL);
    int64_t sum = sum_of(&world);
    harness_run(world.harness, 1000 * SECOND);
    assert_true(harness_counts(world.harness)->sent[AVERAGING_ASK] == 1000);
    for (uint32_t peer = 0; peer < 10; peer++)
        assert_in_range(state_of(&world, peer)->value, sum / 10 - 1000, sum / 10 + 1000);
    close_world(&world);
}

static void a_question_to_nobody_changes_nothing_and_one_alone_asks_nobody(void **state)
{
    (void) state;
    struct world world = {.parameters = {.neighbours = 1}};
    open_world(&world, 2, (struct harness_options){0});
    int64_t value = state_of(&world, 0)->value;
    harness_crash(world.harness, 1);
    harness_run(world.harness, 60 * SECOND);
    assert_int_equal(state_of(&world, 0)->value, value);
    assert_int_equal(harness_counts(world.harness)->target_down, 6);
    close_world(&world);
    world = (struct world){0};
    open_world(&world, 1, (struct harness_options){0});
    harness_run(world.harness, 60 * SECOND);
    assert_int_equal(harness_counts(world.harness)->sent[AVERAGING_ASK], 0);
    close_world(&world);
}

/* --- forged bytes --- */

static void forge(uint8_t bytes[AVERAGING_MESSAGE_BYTES], uint8_t kind, uint16_t exchange, int64_t value)
{
    bytes[0] = AVERAGING_MAGIC;
    bytes[1] = kind;
    bytes[2] = (uint8_t) (exchange >> 8);
    bytes[3] = (uint8_t) exchange;
    for (int i = 0; i < 8; i++)
        bytes[4 + i] = (uint8_t) ((uint64_t) value >> (56 - 8 * i));
}

static void only_the_awaited_answer_counts_and_only_once(void **state)
{
    (void) state;
    struct world world = {0};
    open_world(&world, 100, (struct harness_options){.delay_ns_min = SECOND, .delay_ns_max = SECOND});
    struct averaging_state *own = state_of(&world, 5);
    while (own->asked == PEER_ADDRESS_NONE)
        harness_run(world.harness, harness_now(world.harness) + SECOND / 2);
    int64_t value = own->value;
    uint8_t bytes[AVERAGING_MESSAGE_BYTES];
    peer_address asked = own->asked, other = asked == 2 ? 3 : 2;
    forge(bytes, AVERAGING_ANSWER, own->exchange, 1000);
    assert_true(harness_deliver(world.harness, 5, other, bytes, sizeof bytes));
    assert_int_equal(own->value, value);
    forge(bytes, AVERAGING_ANSWER, (uint16_t) (own->exchange + 1), 1000);
    assert_true(harness_deliver(world.harness, 5, asked, bytes, sizeof bytes));
    assert_int_equal(own->value, value);
    forge(bytes, AVERAGING_ANSWER, own->exchange, 1000);
    assert_true(harness_deliver(world.harness, 5, asked, bytes, sizeof bytes));
    assert_int_equal(own->value, value - 1000);
    assert_true(harness_deliver(world.harness, 5, asked, bytes, sizeof bytes));
    assert_int_equal(own->value, value - 1000);
    close_world(&world);
}

static void what_is_no_message_of_ours_is_refused_and_no_sum_overflows(void **state)
{
    (void) state;
    struct world world = {0};
    open_world(&world, 10, (struct harness_options){0});
    struct averaging_state *own = state_of(&world, 5);
    uint8_t bytes[AVERAGING_MESSAGE_BYTES + 1] = {0};
    forge(bytes, AVERAGING_ASK, 1, 12345);
    int64_t value = own->value;
    for (size_t length = 0; length <= sizeof bytes; length++)
        if (length != AVERAGING_MESSAGE_BYTES)
            assert_false(harness_deliver(world.harness, 5, 2, bytes, length));
    bytes[0] ^= 1;
    assert_false(harness_deliver(world.harness, 5, 2, bytes, AVERAGING_MESSAGE_BYTES));
    forge(bytes, AVERAGING_MESSAGES, 1, 12345);
    assert_false(harness_deliver(world.harness, 5, 2, bytes, AVERAGING_MESSAGE_BYTES));
    static const int64_t beyond[] = {AVERAGING_MOST + 1, -AVERAGING_MOST - 1, INT64_MAX, INT64_MIN};
    for (int i = 0; i < 4; i++) {
        forge(bytes, AVERAGING_ASK, 1, beyond[i]);
        assert_false(harness_deliver(world.harness, 5, 2, bytes, AVERAGING_MESSAGE_BYTES));
    }
    assert_int_equal(own->value, value);
    for (int i = 0; i < 200; i++) { /* to one end of the range and to the other */
        forge(bytes, AVERAGING_ASK, 1, i < 100 ? AVERAGING_MOST : -AVERAGING_MOST);
        assert_true(harness_deliver(world.harness, 5, 2, bytes, AVERAGING_MESSAGE_BYTES));
    }
    assert_true(own->value < -AVERAGING_MOST + 10);
    own->asked = 2;
    forge(bytes, AVERAGING_ANSWER, own->exchange, AVERAGING_MOST);
    assert_false(harness_deliver(world.harness, 5, 2, bytes, AVERAGING_MESSAGE_BYTES));
    own->asked = PEER_ADDRESS_NONE;
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_variance_falls_to_three_tenths_of_itself_a_cycle),
        cmocka_unit_test(exchanges_that_overlap_keep_the_sum_to_the_last_unit),
        cmocka_unit_test(a_peak_is_one_peer_with_the_number_of_peers),
        cmocka_unit_test(each_peer_asks_once_a_period_at_a_phase_of_its_own),
        cmocka_unit_test(values_are_measured_at_the_start_and_at_each_multiple_of_the_interval),
        cmocka_unit_test(where_there_is_a_graph_only_its_neighbours_are_asked),
        cmocka_unit_test(a_question_to_nobody_changes_nothing_and_one_alone_asks_nobody),
        cmocka_unit_test(only_the_awaited_answer_counts_and_only_once),
        cmocka_unit_test(what_is_no_message_of_ours_is_refused_and_no_sum_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
