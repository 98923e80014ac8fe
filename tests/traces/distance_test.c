/* How far two samples, and two traces, are apart. */
#include <math.h>

#include "reactor/base/random.h"
#include "tests/traces/fixture.h"
#include "traces/distance.h"

#define NEAR(value, wanted, room) assert_true(fabs((value) - (wanted)) <= (room))

static struct trace_measured sample_of(const double *values, uint64_t count)
{
    struct trace_measured sample = {0};
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal(trace_measured_add(&sample, (uint32_t) i, values[i]), 0);
    return sample;
}

static struct trace_distance distance_of(struct trace_measured a, struct trace_measured b)
{
    struct trace_distance distance = {.measure = "test"};
    assert_int_equal(trace_distance_between(&distance, &a, &b), 0);
    trace_measured_done(&a);
    trace_measured_done(&b);
    return distance;
}

/* 1 2 3 4 against 3 4 5 6: at 2 the first has half, the second nothing. */
static void distance_is_the_largest_difference_of_the_distribution_functions(void **state)
{
    (void) state;
    struct trace_distance distance = distance_of(sample_of((double[]) {4, 1, 3, 2}, 4),
                                                 sample_of((double[]) {3, 4, 6, 5}, 4));
    NEAR(distance.distance, 0.5, 0);
    NEAR(distance.mean[0], 2.5, 0);
    NEAR(distance.mean[1], 4.5, 0);
    distance = distance_of(sample_of((double[]) {1, 2}, 2), sample_of((double[]) {-1, -2, -3}, 3));
    NEAR(distance.distance, 1, 0);
    distance = distance_of(sample_of((double[]) {1, 1, 2}, 3), sample_of((double[]) {2, 1, 1, 1, 2, 1}, 6));
    NEAR(distance.distance, 0, 1e-15);
}

static void of_a_share_it_is_the_difference(void **state)
{
    (void) state;
    struct trace_distance distance = distance_of(sample_of((double[]) {1, 1, 1, 0}, 4),
                                                 sample_of((double[]) {0, 1, 0, 0, 0, 1, 0, 0}, 8));
    NEAR(distance.distance, 0.5, 1e-15);
}

static void nothing_on_one_side_is_no_distance(void **state)
{
    (void) state;
    struct trace_distance distance = distance_of(sample_of((double[]) {1}, 1), (struct trace_measured) {0});
    assert_true(isnan(distance.distance));
    assert_true(isnan(distance.mean[1]));
    assert_int_equal(distance.count[0], 1);
}

/* Shares of .3 and .5 in samples of 400 and 200: over many pairs the interval holds .2 in about 95 of 100. group_size
 * values of a group are the same, which makes the sample worth that much less. */
static uint32_t intervals_that_hold(uint32_t group_size)
{
    uint32_t holds = 0;
    for (uint32_t trial = 0; trial < 200; trial++) {
        struct trace_measured samples[2] = {{0}};
        uint64_t key = base_random_key(trial, "test", "shares");
        for (uint32_t i = 0; i < 600 / group_size; i++) {
            int side = i >= 400 / group_size;
            double value = base_random_unit(base_random_at(key, i)) < (side ? 0.5 : 0.3);
            for (uint32_t j = 0; j < group_size; j++)
                assert_int_equal(trace_measured_add(&samples[side], i, value), 0);
        }
        struct trace_distance distance = distance_of(samples[0], samples[1]);
        holds += distance.low <= 0.2 && 0.2 <= distance.high;
    }
    return holds;
}

static void interval_holds_the_true_distance_in_95_of_100(void **state)
{
    (void) state;
    assert_in_range(intervals_that_hold(1), 181, 197);
}

static void interval_knows_what_belongs_together(void **state)
{
    (void) state;
    assert_in_range(intervals_that_hold(5), 180, 199);
}

static void same_samples_give_the_same_numbers(void **state)
{
    (void) state;
    double values[50];
    for (uint32_t i = 0; i < 50; i++)
        values[i] = base_random_unit(base_random_at(7, i));
    struct trace_distance first = distance_of(sample_of(values, 30), sample_of(values + 30, 20));
    struct trace_distance second = distance_of(sample_of(values, 30), sample_of(values + 30, 20));
    NEAR(first.low, second.low, 0);
    NEAR(first.high, second.high, 0);
    assert_true(first.low < first.distance && first.distance < first.high);
}

/* --- traces --- */

static const struct trace_distance *find(const struct trace_distance *distances, uint32_t count, const char *measure)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(distances[i].measure, measure) == 0)
            return &distances[i];
    return NULL;
}

static void traces_are_compared_by_what_both_measured(void **state)
{
    char *path = fixture_path(state, "a.db");
    struct base_diagnostics diagnostics = {0};
    struct trace_distance *distances = NULL;
    uint32_t count = 0;
    fixture_write(path, true, false);
    struct trace_reader *a = fixture_reader(path), *b = fixture_reader(path);
    assert_int_equal(trace_distances(a, b, &distances, &count, &diagnostics), 0);
    assert_true(count > 2);
    for (uint32_t i = 0; i < count; i++) {
        NEAR(distances[i].distance, 0, 0);
        assert_true(distances[i].low <= 0 && distances[i].high >= 0);
    }
    const struct trace_distance *lookups = find(distances, count, "lookups.success");
    const struct trace_distance *messages = find(distances, count, "messages.find_node");
    assert_true(lookups && messages && find(distances, count, "broadcasts.latency"));
    assert_int_equal(lookups->count[0], 3); /* of four, one is unfinished */
    NEAR(lookups->mean[1], 2.0 / 3, 1e-15);
    assert_int_equal(messages->count[0], PEERS); /* the one that sent none counts too */
    NEAR(messages->mean[1], 5.0 / 3, 1e-15);
    assert_null(find(distances, count, "messages.ping"));
    free(distances);
    trace_reader_close(a);
    trace_reader_close(b);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distance_is_the_largest_difference_of_the_distribution_functions),
        cmocka_unit_test(of_a_share_it_is_the_difference),
        cmocka_unit_test(nothing_on_one_side_is_no_distance),
        cmocka_unit_test(interval_holds_the_true_distance_in_95_of_100),
        cmocka_unit_test(interval_knows_what_belongs_together),
        cmocka_unit_test(same_samples_give_the_same_numbers),
        cmocka_unit_test_setup_teardown(traces_are_compared_by_what_both_measured, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
