/* Clocks: where they start, how fast they go, and what they refuse. */
#include "reactor/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static void every_clock_starts_where_it_is_told_to(void **state)
{
    (void) state;
    for (size_t i = 0; reactor_clocks[i]; i++) {
        struct reactor_clock clock;
        assert_int_equal(reactor_clock_init(&clock, reactor_clocks[i]->name, 10000000), 0);
        assert_true(reactor_clock_now(&clock) < 60000 * MS);
        static const uint64_t instants_ns[] = {0, 1, 7200000 * MS, UINT64_C(1) << 62};
        for (size_t k = 0; k < 4; k++) {
            reactor_clock_restart(&clock, instants_ns[k]);
            uint64_t now_ns = reactor_clock_now(&clock);
            assert_true(now_ns >= instants_ns[k] - (instants_ns[k] != 0) && now_ns < instants_ns[k] + 60000 * MS);
        }
    }
}

static void virtual_time_stands_still_and_is_never_waited_for(void **state)
{
    (void) state;
    struct reactor_clock clock;
    assert_int_equal(reactor_clock_init(&clock, "virtual", 0), 0);
    usleep(2000);
    assert_true(reactor_clock_now(&clock) == 0);
    assert_false(clock.ops->waits);
    assert_true(clock.ops->until(&clock, UINT64_C(1) << 60) == 0);
}

static void a_scaled_clock_goes_k_times_as_fast_and_waits_a_kth(void **state)
{
    (void) state;
    struct reactor_clock real, scaled;
    assert_int_equal(reactor_clock_init(&real, "real", 0), 0);
    assert_int_equal(reactor_clock_init(&scaled, "scaled", 10000000), 0);
    usleep(20000);
    uint64_t least_ns = reactor_clock_now(&real);
    uint64_t scaled_ns = reactor_clock_now(&scaled);
    uint64_t most_ns = reactor_clock_now(&real) + MS; /* the two were not started at one instant */
    assert_true(scaled_ns > 10 * (least_ns - MS) && scaled_ns < 10 * (most_ns + MS));
    uint64_t wait_ns = scaled.ops->until(&scaled, reactor_clock_now(&scaled) + 100000 * MS);
    assert_true(wait_ns > 9000 * MS && wait_ns <= 10000 * MS);
}

static void an_instant_in_the_past_is_not_waited_for(void **state)
{
    (void) state;
    for (size_t i = 0; reactor_clocks[i]; i++) {
        struct reactor_clock clock;
        assert_int_equal(reactor_clock_init(&clock, reactor_clocks[i]->name, 500000), 0);
        reactor_clock_restart(&clock, 1000 * MS);
        assert_true(clock.ops->until(&clock, 999 * MS) == 0);
    }
}

static void unknown_names_and_a_scale_of_nothing_are_refused(void **state)
{
    (void) state;
    struct reactor_clock clock;
    assert_int_equal(reactor_clock_init(&clock, "lunar", 1), -EINVAL);
    assert_int_equal(reactor_clock_init(&clock, "", 1), -EINVAL);
    assert_int_equal(reactor_clock_init(&clock, "scaled", 0), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_clock_starts_where_it_is_told_to),
        cmocka_unit_test(virtual_time_stands_still_and_is_never_waited_for),
        cmocka_unit_test(a_scaled_clock_goes_k_times_as_fast_and_waits_a_kth),
        cmocka_unit_test(an_instant_in_the_past_is_not_waited_for),
        cmocka_unit_test(unknown_names_and_a_scale_of_nothing_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
