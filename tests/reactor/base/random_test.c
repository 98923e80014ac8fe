#include "reactor/base/random.h"

#include "support.h"

static void draws_are_those_of_splitmix64(void **state)
{
    (void) state;
    /* The reference generator's first five outputs for the seed 1234567, as published with it. */
    static const uint64_t expected[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                        UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                        UINT64_C(16408922859458223821)};
    for (uint64_t draw = 0; draw < 5; draw++)
        assert_int_equal(base_random_at(1234567, draw), expected[draw]);
}

static void keys_never_change(void **state)
{
    (void) state;
    /* Pinned: another value would reshuffle every run that was ever recorded. */
    assert_int_equal(base_random_key(42, "churn", "home"), UINT64_C(11206931493694593191));
    assert_int_equal(base_random_key(0, "", ""), UINT64_C(4696993233866070003));
    assert_int_equal(base_random_subkey(42, 0), UINT64_C(5006236285904387910));
    assert_int_equal(base_random_subkey(42, 1), UINT64_C(12234890524640051791));
}

static void keys_depend_on_each_part_and_on_where_parts_end(void **state)
{
    (void) state;
    uint64_t key = base_random_key(1, "ab", "c");
    assert_int_not_equal(key, base_random_key(2, "ab", "c"));
    assert_int_not_equal(key, base_random_key(1, "a", "bc"));
    assert_int_not_equal(key, base_random_key(1, "abc", ""));
    assert_int_not_equal(key, base_random_key(1, "", "abc"));
    assert_int_not_equal(key, base_random_key(1, "c", "ab"));
}

static void draws_below_a_bound_are_spread_evenly(void **state)
{
    (void) state;
    enum { BINS = 10, DRAWS = 100000 };
    uint32_t counts[BINS] = {0};
    uint64_t key = base_random_key(42, "random_test", "");
    for (uint64_t draw = 0; draw < DRAWS; draw++)
        counts[base_random_below(base_random_at(key, draw), BINS)]++;
    double chi_square = 0, expected = (double) DRAWS / BINS;
    for (int i = 0; i < BINS; i++)
        chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
    assert_true(chi_square < 27.9); /* 0.1 % of even ones with 9 degrees of freedom lie above */
}

static void streams_of_neighbouring_keys_are_unrelated(void **state)
{
    (void) state;
    enum { DRAWS = 100000 };
    uint64_t key = base_random_key(42, "random_test", "pair"), equal_bits = 0;
    for (uint64_t i = 0; i < DRAWS; i++)
        equal_bits += (uint64_t) __builtin_popcountll(~(base_random_at(base_random_subkey(key, i), 0) ^
                                                        base_random_at(base_random_subkey(key, i + 1), 0)));
    double share = (double) equal_bits / (64.0 * DRAWS);
    assert_true(share > 0.4992 && share < 0.5008); /* four standard deviations: 4 * 0.5 / sqrt(6.4 M) */
}

static void ends_of_the_range_keep_their_promises(void **state)
{
    (void) state;
    assert_int_equal(base_random_below(0, 7), 0);
    assert_int_equal(base_random_below(UINT64_MAX, 7), 6);
    assert_int_equal(base_random_below(UINT64_MAX, UINT64_MAX), UINT64_MAX - 1);
    assert_true(base_random_unit(0) == 0x1p-53);
    assert_true(base_random_unit(UINT64_MAX) == 1 - 0x1p-53);
    assert_false(base_random_chance(0, 0));
    assert_true(base_random_chance(UINT64_MAX, 1000000000));
    assert_false(base_random_chance(UINT64_MAX, 999999999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_those_of_splitmix64),
        cmocka_unit_test(keys_never_change),
        cmocka_unit_test(keys_depend_on_each_part_and_on_where_parts_end),
        cmocka_unit_test(draws_below_a_bound_are_spread_evenly),
        cmocka_unit_test(streams_of_neighbouring_keys_are_unrelated),
        cmocka_unit_test(ends_of_the_range_keep_their_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
