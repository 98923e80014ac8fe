/* Arithmetic on the ring, against plain integers and at the places where it wraps. */
#include "tests/sim/chord_world.h"

static struct chord_id small(uint32_t value)
{
    return chord_narrow_id(value);
}

static void distances_and_sums_of_narrow_ids_are_those_of_32_bit_integers(void **unused)
{
    (void) unused;
    uint64_t state = seed();
    for (int round = 0; round < 100000; round++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t a = (uint32_t) (state >> 32), b = round % 3 == 0 ? a + (uint32_t) (state % 3) - 1 : (uint32_t) state;
        struct chord_id one = small(a), other = small(b), distance = chord_distance(&one, &other);
        struct chord_id back = chord_sum(&one, &distance), expected = small(b - a);
        assert_true(chord_id_equal(&distance, &expected));
        assert_true(chord_id_equal(&back, &other));
        assert_int_equal(chord_id_less(&one, &other), a < b);
    }
}

static void distances_carry_and_borrow_between_the_words_of_a_wide_id(void **unused)
{
    (void) unused;
    struct chord_id last = {UINT64_MAX, UINT64_MAX, UINT32_MAX}, zero = {0}, one = chord_power(160, 0);
    struct chord_id sum = chord_sum(&last, &one), distance = chord_distance(&last, &zero);
    assert_true(chord_id_is_zero(&sum));
    assert_true(chord_id_equal(&distance, &one));
    struct chord_id below = {1, 0, 0}, top = chord_distance(&one, &below), expected = {0, UINT64_MAX, UINT32_MAX};
    assert_true(chord_id_equal(&top, &expected));
    struct chord_id restored = chord_sum(&top, &one);
    assert_true(chord_id_equal(&restored, &below));
}

static void intervals_wrap_and_an_interval_with_equal_ends_is_the_whole_ring(void **unused)
{
    (void) unused;
    struct chord_id low = small(10), high = small(UINT32_MAX - 10), zero = small(0), middle = small(1000);
    assert_true(chord_in_half_open(&high, &zero, &low));
    assert_true(chord_in_half_open(&high, &low, &low));
    assert_false(chord_in_half_open(&high, &high, &low));
    assert_false(chord_in_half_open(&high, &middle, &low));
    assert_true(chord_in_half_open(&low, &middle, &high));
    assert_true(chord_in_half_open(&low, &low, &low));
    assert_true(chord_in_half_open(&low, &middle, &low));
    assert_false(chord_in_open(&low, &low, &low));
    assert_true(chord_in_open(&low, &middle, &low));
    assert_false(chord_in_open(&high, &low, &low));
}

static void powers_of_two_are_counted_from_the_least_bit_of_the_id(void **unused)
{
    (void) unused;
    struct chord_id unit = chord_power(24, 0), top = chord_power(24, 23), wide = chord_power(160, 96);
    assert_true(unit.high == UINT64_C(1) << 40 && unit.middle == 0 && unit.low == 0);
    assert_true(top.high == UINT64_C(1) << 63);
    assert_true(wide.high == UINT64_C(1) && wide.middle == 0 && wide.low == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_and_sums_of_narrow_ids_are_those_of_32_bit_integers),
        cmocka_unit_test(distances_carry_and_borrow_between_the_words_of_a_wide_id),
        cmocka_unit_test(intervals_wrap_and_an_interval_with_equal_ends_is_the_whole_ring),
        cmocka_unit_test(powers_of_two_are_counted_from_the_least_bit_of_the_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
