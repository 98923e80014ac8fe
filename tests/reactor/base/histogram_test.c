#include "reactor/base/histogram.h"

#include "reactor/base/random.h"
#include "support.h"

/* Spread over all octaves, or a cluster, as latencies are. */
static uint64_t value_at(uint64_t key, uint64_t i)
{
    uint64_t bits = base_random_at(key, 2 * i), kind = base_random_at(key, 2 * i + 1);
    return kind % 4 == 0 ? bits >> (kind >> 8) % 64 : 50000000 + base_random_below(bits, 30000000);
}

static int compare_values(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return x < y ? -1 : x > y;
}

static void small_values_are_kept_exactly(void **state)
{
    (void) state;
    for (uint64_t value = 0; value < 2048; value++) {
        struct base_histogram histogram = {0};
        base_histogram_add(&histogram, 0);
        base_histogram_add(&histogram, value);
        base_histogram_add(&histogram, UINT64_MAX);
        assert_int_equal(base_histogram_quantile(&histogram, 500000), value);
        base_histogram_done(&histogram);
        base_histogram_add(&histogram, value);
        assert_int_equal(base_histogram_max(&histogram), value);
        base_histogram_done(&histogram);
    }
}

static void quantiles_are_within_half_a_cell_of_the_nearest_rank(void **state)
{
    (void) state;
    enum { COUNT = 20000 };
    static const uint32_t ppms[] = {0, 1, 1000, 10000, 250000, 500000, 900000, 990000, 999000, 999999, 1000000};
    uint64_t key = base_random_key(test_seed(), "histogram", "");
    uint64_t *values = malloc(COUNT * sizeof(*values));
    struct base_histogram histogram = {0};
    for (uint64_t i = 0; i < COUNT; i++)
        base_histogram_add(&histogram, values[i] = value_at(key, i));
    qsort(values, COUNT, sizeof(*values), compare_values);
    for (size_t i = 0; i < sizeof(ppms) / sizeof(ppms[0]); i++) {
        uint64_t rank = ((uint64_t) COUNT * ppms[i] + 999999) / 1000000;
        uint64_t expected = values[rank == 0 ? 0 : rank - 1];
        uint64_t got = base_histogram_quantile(&histogram, ppms[i]);
        uint64_t error = got > expected ? got - expected : expected - got;
        assert_true(error <= expected / 2048);
    }
    assert_int_equal(base_histogram_count(&histogram), COUNT);
    assert_int_equal(base_histogram_max(&histogram), values[COUNT - 1]);
    uint64_t first_large = 0;
    while (values[first_large] < 2048)
        first_large++;
    assert_int_equal(histogram.large_min, values[first_large]);
    assert_int_equal(histogram.large_count, COUNT - first_large);
    base_histogram_done(&histogram);
    free(values);
}

static void median_of_an_even_count_is_the_lower_one(void **state)
{
    (void) state;
    struct base_histogram histogram = {0};
    for (uint64_t value = 1; value <= 4; value++)
        base_histogram_add(&histogram, value);
    assert_int_equal(base_histogram_quantile(&histogram, 500000), 2);
    assert_int_equal(base_histogram_quantile(&histogram, 500001), 3);
    assert_int_equal(base_histogram_quantile(&histogram, 0), 1);
    assert_int_equal(base_histogram_quantile(&histogram, 1000000), 4);
    assert_true(base_histogram_mean(&histogram) == 2.5);
    base_histogram_done(&histogram);
}

static void one_value_is_its_own_quantile(void **state)
{
    (void) state;
    struct base_histogram histogram = {0};
    base_histogram_add(&histogram, 123456789); /* the middle of its cell is another number */
    assert_int_equal(base_histogram_quantile(&histogram, 500000), 123456789);
    base_histogram_done(&histogram);
}

static void merging_in_any_order_is_adding_all_to_one(void **state)
{
    (void) state;
    uint64_t key = base_random_key(test_seed(), "histogram", "merge");
    struct base_histogram all = {0}, parts[3] = {0}, forward = {0}, backward = {0}, empty = {0};
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t value = value_at(key, i) >> (i % 3 * 20); /* parts of unlike ranges */
        base_histogram_add(&all, value);
        base_histogram_add(&parts[i % 3], value);
    }
    for (int i = 0; i < 3; i++) {
        base_histogram_merge(&forward, &parts[i]);
        base_histogram_merge(&backward, &parts[2 - i]);
        base_histogram_merge(&forward, &empty);
    }
    const struct base_histogram *merged[] = {&forward, &backward};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(merged[i]->cell_count, all.cell_count);
        assert_memory_equal(merged[i]->cells, all.cells, all.cell_count * sizeof(*all.cells));
        assert_int_equal(base_histogram_count(merged[i]), base_histogram_count(&all));
        assert_int_equal(merged[i]->large_min, all.large_min);
        assert_int_equal(merged[i]->large_max, all.large_max);
        assert_true(merged[i]->large_sum == all.large_sum);
        assert_true(base_histogram_mean(merged[i]) == base_histogram_mean(&all));
    }
    for (int i = 0; i < 3; i++)
        base_histogram_done(&parts[i]);
    base_histogram_done(&forward);
    base_histogram_done(&backward);
    base_histogram_done(&all);
}

static void sums_beyond_64_bits_do_not_wrap(void **state)
{
    (void) state;
    struct base_histogram histogram = {0};
    for (int i = 0; i < 1000; i++)
        base_histogram_add(&histogram, UINT64_MAX);
    assert_true(base_histogram_mean(&histogram) == (double) UINT64_MAX);
    assert_true(base_histogram_quantile(&histogram, 500000) == UINT64_MAX);
    base_histogram_done(&histogram);
}

static void ask_an_empty_one(void)
{
    struct base_histogram histogram = {0};
    base_histogram_quantile(&histogram, 500000);
}

static void quantile_of_nothing_is_our_mistake(void **state)
{
    (void) state;
    char output[512];
    assert_int_equal(run_in_child(ask_an_empty_one, output, sizeof(output)), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_values_are_kept_exactly),
        cmocka_unit_test(quantiles_are_within_half_a_cell_of_the_nearest_rank),
        cmocka_unit_test(median_of_an_even_count_is_the_lower_one),
        cmocka_unit_test(one_value_is_its_own_quantile),
        cmocka_unit_test(merging_in_any_order_is_adding_all_to_one),
        cmocka_unit_test(sums_beyond_64_bits_do_not_wrap),
        cmocka_unit_test(quantile_of_nothing_is_our_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
