#include "reactor/base/decimal.h"

#include <errno.h>
#include <inttypes.h>

#include "reactor/base/random.h"
#include "support.h"

static void assert_reads(const char *text, uint64_t numerator, uint64_t denominator, int bytes, uint64_t expected)
{
    uint64_t value = 77;
    int result = base_decimal_read(text, strlen(text), numerator, denominator, &value);
    if (result != bytes || value != expected)
        fail_msg("\"%.60s\" * %" PRIu64 " / %" PRIu64 ": %d bytes, %" PRIu64 "; not %d, %" PRIu64, text, numerator,
                 denominator, result, value, bytes, expected);
}

static void decimals_are_scaled_exactly(void **state)
{
    (void) state;
    assert_reads("12.5", 1000000, 1, 4, 12500000);
    assert_reads("0", 1, 1, 1, 0);
    assert_reads("007", 1, 1, 3, 7);
    assert_reads("0.1", 1000000000, 1, 3, 100000000); /* what 0.1 as a double would miss at a larger scale */
    assert_reads("0.000000001", 1000000000, 1, 11, 1);
    assert_reads("169.5", UINT64_C(60000000000), 1, 5, UINT64_C(10170000000000));
    assert_reads("1e3", 1, 1, 3, 1000);
    assert_reads("1.25E+2", 1, 1, 7, 125);
    assert_reads("1250e-3", 100, 1, 7, 125);
    assert_reads("123456e-9", 1000000000, 1, 9, 123456);
    assert_reads("10", 1, 8, 2, 1);
    assert_reads("18446744073709551615", 1, 1, 20, UINT64_MAX);
    assert_reads("18446744073.709551615", 1000000000, 1, 21, UINT64_MAX);
    assert_reads("18446744073709551615", UINT64_MAX, UINT64_MAX, 20, UINT64_MAX);
}

static void halves_round_up(void **state)
{
    (void) state;
    assert_reads("0.5", 1, 1, 3, 1);
    assert_reads("0.4999999999999999999999999999999999999999999", 1, 1, 45, 0);
    assert_reads("2.5", 1, 1, 3, 3);
    assert_reads("1", 1, 2, 1, 1);
    assert_reads("1", 1, 3, 1, 0);
    assert_reads("2", 1, 3, 1, 1);
    assert_reads("1.4999", 1, 3, 6, 0);
    assert_reads("1.5", 1, 3, 3, 1);
    assert_reads("0.5", 1, 1, 3, 1);
    assert_reads("18446744073709551615.4", 1, 1, 22, UINT64_MAX);
}

static void a_thousand_digits_decide_a_half(void **state)
{
    (void) state;
    char text[1100] = "0.4";
    memset(text + 3, '9', 1000);
    assert_reads(text, 1, 1, 1003, 0);
    memset(text + 3, '0', 1000);
    text[2] = '5';
    assert_reads(text, 1, 1, 1003, 1);
    memset(text, '0', 1000); /* 000...0001.5 */
    strcpy(text + 1000, "1.5");
    assert_reads(text, 1, 1, 1003, 2);
}

static void only_the_number_is_read(void **state)
{
    (void) state;
    assert_reads("50 ms", 1, 1, 2, 50);
    assert_reads("50ms", 1, 1, 2, 50);
    assert_reads("1.", 1, 1, 1, 1);
    assert_reads("1..2", 1, 1, 1, 1);
    assert_reads("1.5.2", 10, 1, 3, 15);
    assert_reads("12e", 1, 1, 2, 12);
    assert_reads("12e+", 1, 1, 2, 12);
    assert_reads("12em", 1, 1, 2, 12);
    assert_reads("3,5", 1, 1, 1, 3);
    uint64_t value;
    assert_int_equal(base_decimal_read("1234", 2, 1, 1, &value), 2); /* no farther than length */
    assert_int_equal(value, 12);
}

static void what_is_no_number_is_refused(void **state)
{
    (void) state;
    static const char *const bad[] = {"", " 1", "-1", "+1", ".5", "e5", "x", "nan", "inf"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value = 77;
        assert_int_equal(base_decimal_read(bad[i], strlen(bad[i]), 1, 1, &value), -EINVAL);
        assert_int_equal(value, 77);
    }
}

static void what_exceeds_64_bits_is_out_of_range(void **state)
{
    (void) state;
    static const char *const large[] = {"18446744073709551616", "18446744073709551615.5", "1e20", "1e39", "1e400",
                                        "1e99999999999999999999", "340282366920938463463374607431768211456"};
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        uint64_t value = 77;
        assert_int_equal(base_decimal_read(large[i], strlen(large[i]), 1, 1, &value), -ERANGE);
        assert_int_equal(base_decimal_read(large[i], strlen(large[i]), UINT64_MAX, UINT64_MAX, &value), -ERANGE);
        assert_int_equal(value, 77);
    }
    assert_reads("0e99999999999999999999", 1, 1, 22, 0);
    assert_reads("1e-99999999999999999999", UINT64_MAX, 1, 23, 0);
}

static void fractions_agree_with_integer_arithmetic(void **state)
{
    (void) state;
    uint64_t key = base_random_key(test_seed(), "decimal", "");
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t draws[4];
        for (uint64_t j = 0; j < 4; j++)
            draws[j] = base_random_at(key, 4 * i + j);
        uint64_t whole = draws[0] >> (40 + draws[0] % 24), part = base_random_below(draws[1], 1000000);
        uint64_t numerator = (draws[2] >> (32 + draws[2] % 31)) + 1;
        uint64_t denominator = (draws[3] >> (32 + draws[3] % 31)) + 1;
        char text[64];
        int bytes = snprintf(text, sizeof(text), "%" PRIu64 ".%06" PRIu64, whole, part);
        unsigned __int128 product = ((unsigned __int128) whole * 1000000 + part) * numerator;
        unsigned __int128 divisor = (unsigned __int128) denominator * 1000000;
        assert_reads(text, numerator, denominator, bytes, (uint64_t) ((2 * product + divisor) / (2 * divisor)));
    }
}

static void reals_people_write_are_correctly_rounded(void **state)
{
    (void) state;
    static const char *const texts[] = {"0.615", "0.476", "-2.5", "+1", "1e22", "1e-22", "0.1", "3.14159265358979",
                                        "9007199254740991", "0", "-0.0", "1.5e3"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        double value = 77;
        assert_int_equal(base_decimal_read_real(texts[i], strlen(texts[i]), &value), strlen(texts[i]));
        assert_true(value == strtod(texts[i], NULL));
    }
}

static void any_real_is_read_to_a_few_units_of_its_last_place(void **state)
{
    (void) state;
    uint64_t key = base_random_key(test_seed(), "decimal", "real");
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t bits = base_random_at(key, i);
        char text[64];
        int bytes = snprintf(text, sizeof(text), "%" PRIu64 ".%" PRIu64 "e%d", bits >> (bits & 63), bits,
                             (int) base_random_below(base_random_mix(bits), 500) - 250);
        double value = 77, expected = strtod(text, NULL);
        assert_int_equal(base_decimal_read_real(text, (size_t) bytes, &value), bytes);
        double error = value > expected ? value - expected : expected - value;
        assert_true(error <= expected * 4e-15);
    }
}

static void reals_beyond_all_doubles_are_out_of_range(void **state)
{
    (void) state;
    double value = 77;
    assert_int_equal(base_decimal_read_real("1e309", 5, &value), -ERANGE);
    assert_int_equal(base_decimal_read_real("-1e9999999999999999999", 22, &value), -ERANGE);
    assert_int_equal(base_decimal_read_real("-", 1, &value), -EINVAL);
    assert_int_equal(base_decimal_read_real("--1", 3, &value), -EINVAL);
    assert_int_equal(base_decimal_read_real("", 0, &value), -EINVAL);
    assert_true(value == 77);
    assert_int_equal(base_decimal_read_real("1e-9999999999999999999", 22, &value), 22);
    assert_true(value == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_scaled_exactly),
        cmocka_unit_test(halves_round_up),
        cmocka_unit_test(a_thousand_digits_decide_a_half),
        cmocka_unit_test(only_the_number_is_read),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(what_exceeds_64_bits_is_out_of_range),
        cmocka_unit_test(fractions_agree_with_integer_arithmetic),
        cmocka_unit_test(reals_people_write_are_correctly_rounded),
        cmocka_unit_test(any_real_is_read_to_a_few_units_of_its_last_place),
        cmocka_unit_test(reals_beyond_all_doubles_are_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
