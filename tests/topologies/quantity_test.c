#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "topologies/quantity.h"

static void quantities_are_exact_and_halves_round_up(void **state)
{
    (void) state;
    static const struct {
        enum topology_type type;
        const char *text;
        uint64_t value;
    } cases[] = {
        {TOPOLOGY_DURATION, "50 ms", 50000000},
        {TOPOLOGY_DURATION, "50ms", 50000000},
        {TOPOLOGY_DURATION, "0.0000000005 s", 1},
        {TOPOLOGY_DURATION, "0.4 ns", 0},
        {TOPOLOGY_DURATION, "0.5 ns", 1},
        {TOPOLOGY_DURATION, "169.5 min", UINT64_C(10170000000000)},
        {TOPOLOGY_DURATION, "1e3 us", 1000000},
        {TOPOLOGY_DURATION, "1.5 d", UINT64_C(129600000000000)},
        {TOPOLOGY_DURATION, "2 h", UINT64_C(7200000000000)},
        {TOPOLOGY_DURATION, "9223372036854775807 ns", INT64_MAX},
        {TOPOLOGY_DURATION, "-0 s", 0},
        {TOPOLOGY_BYTES, "128 KiB", 131072},
        {TOPOLOGY_BYTES, "1.5 kB", 1500},
        {TOPOLOGY_BYTES, "3 B", 3},
        {TOPOLOGY_RATE, "10 Mbit/s", 10000000},
        {TOPOLOGY_RATE, "0.5 kbit/s", 500},
        {TOPOLOGY_SHARE, "0.1 %", 1000000},
        {TOPOLOGY_SHARE, "100 %", 1000000000},
        {TOPOLOGY_SHARE, "33.3333333%", 333333333},
        {TOPOLOGY_SHARE, "0.00000005 %", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 0;
        const char *unit;
        assert_int_equal(topology_quantity_read(cases[i].type, cases[i].text, &value, &unit), TOPOLOGY_QUANTITY_GOOD);
        assert_int_equal(value, cases[i].value);
    }
}

static void what_is_no_quantity_is_told_apart(void **state)
{
    (void) state;
    static const struct {
        enum topology_type type;
        const char *text;
        enum topology_quantity_error error;
    } cases[] = {
        {TOPOLOGY_DURATION, "", TOPOLOGY_QUANTITY_NO_NUMBER},
        {TOPOLOGY_DURATION, "ms", TOPOLOGY_QUANTITY_NO_NUMBER},
        {TOPOLOGY_DURATION, "1.2.3 ms", TOPOLOGY_QUANTITY_NO_NUMBER},
        {TOPOLOGY_DURATION, "1 2 ms", TOPOLOGY_QUANTITY_NO_NUMBER},
        {TOPOLOGY_DURATION, "-", TOPOLOGY_QUANTITY_NO_NUMBER},
        {TOPOLOGY_DURATION, "+1 s", TOPOLOGY_QUANTITY_NO_NUMBER},
        {TOPOLOGY_DURATION, "0x10 s", TOPOLOGY_QUANTITY_NO_NUMBER},
        {TOPOLOGY_DURATION, "nan s", TOPOLOGY_QUANTITY_NO_NUMBER},
        {TOPOLOGY_DURATION, "0", TOPOLOGY_QUANTITY_NO_UNIT},
        {TOPOLOGY_DURATION, "1e3", TOPOLOGY_QUANTITY_NO_UNIT},
        {TOPOLOGY_DURATION, "1 S", TOPOLOGY_QUANTITY_UNKNOWN_UNIT},
        {TOPOLOGY_DURATION, "1 %", TOPOLOGY_QUANTITY_UNKNOWN_UNIT},
        {TOPOLOGY_RATE, "1 Mbps", TOPOLOGY_QUANTITY_UNKNOWN_UNIT},
        {TOPOLOGY_BYTES, "1 KB", TOPOLOGY_QUANTITY_UNKNOWN_UNIT},
        {TOPOLOGY_DURATION, "-1 ms", TOPOLOGY_QUANTITY_NEGATIVE},
        {TOPOLOGY_DURATION, "-1e30 d", TOPOLOGY_QUANTITY_NEGATIVE},
        {TOPOLOGY_DURATION, "9223372036854775808 ns", TOPOLOGY_QUANTITY_TOO_LARGE},
        {TOPOLOGY_DURATION, "1e30 ns", TOPOLOGY_QUANTITY_TOO_LARGE},
        {TOPOLOGY_SHARE, "100.0000001 %", TOPOLOGY_QUANTITY_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 0;
        const char *unit;
        enum topology_quantity_error error = topology_quantity_read(cases[i].type, cases[i].text, &value, &unit);
        if (error != cases[i].error)
            fail_msg("\"%s\": %d, not %d", cases[i].text, (int) error, (int) cases[i].error);
    }
}

static void texts_of_quantities_read_back_as_the_same(void **state)
{
    (void) state;
    static const enum topology_type types[] = {TOPOLOGY_DURATION, TOPOLOGY_BYTES, TOPOLOGY_RATE, TOPOLOGY_SHARE};
    static const uint64_t values[] = {0, 1, 999, 1000, 1024, 1500000, 10000000, 123456789, 1000000000};
    struct base_arena *arena = base_arena_create();
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) {
            uint64_t value = 7;
            const char *unit, *text = topology_quantity_text(arena, types[i], values[k]);
            assert_int_equal(topology_quantity_read(types[i], text, &value, &unit), TOPOLOGY_QUANTITY_GOOD);
            assert_int_equal(value, values[k]);
        }
    }
    assert_string_equal(topology_quantity_text(arena, TOPOLOGY_DURATION, UINT64_C(7200000000000)), "2 h");
    assert_string_equal(topology_quantity_text(arena, TOPOLOGY_SHARE, 1000000), "0.1 %");
    assert_string_equal(topology_quantity_text(arena, TOPOLOGY_BYTES, 131072), "128 KiB");
    assert_string_equal(topology_real_text(arena, 0.615), "0.615");
    assert_string_equal(topology_real_text(arena, -0.25), "-0.25");
    base_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_exact_and_halves_round_up),
        cmocka_unit_test(what_is_no_quantity_is_told_apart),
        cmocka_unit_test(texts_of_quantities_read_back_as_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
