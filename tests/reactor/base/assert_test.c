#include "reactor/base/assert.h"

#include "support.h"

static void fail_without_context(void)
{
    base_assert(1 + 1 == 3);
}

static void failed_assertion_prints_condition_and_place_and_exits_70(void **state)
{
    (void) state;
    char output[1024];
    assert_int_equal(run_in_child(fail_without_context, output, sizeof(output)), 70);
    assert_contains(output, "assertion failed: 1 + 1 == 3");
    assert_contains(output, "assert_test.c:7: fail_without_context");
    assert_null(strstr(output, "seed"));
}

static void fail_in_a_run(void)
{
    uint64_t now_ns = 1;
    struct base_assert_context context = {.replay = "peerlab run a.yaml --seed 7", .seed = 7, .now_ns = &now_ns};
    base_assert_context_set(&context);
    now_ns = UINT64_C(61000000005); /* read at the failure, not when it was set */
    base_assert(now_ns == 0);
}

static void failed_assertion_names_seed_virtual_time_and_replay_command(void **state)
{
    (void) state;
    char output[1024];
    assert_int_equal(run_in_child(fail_in_a_run, output, sizeof(output)), 70);
    assert_contains(output, "seed: 7\n");
    assert_contains(output, "virtual time: 61.000000005 s\n");
    assert_contains(output, "peerlab run a.yaml --seed 7\n");
}

static void fail_after_the_run(void)
{
    struct base_assert_context context = {.seed = 7};
    base_assert_context_set(&context);
    base_assert_context_set(NULL);
    base_assert(0);
}

static void cleared_context_is_not_printed(void **state)
{
    (void) state;
    char output[1024];
    assert_int_equal(run_in_child(fail_after_the_run, output, sizeof(output)), 70);
    assert_null(strstr(output, "seed"));
}

static void print_then_fail(void)
{
    fputs("half a row", stdout); /* a pipe: buffered */
    base_never("reached");
}

static void failed_assertion_flushes_nothing(void **state)
{
    (void) state;
    char output[1024];
    assert_int_equal(run_in_child(print_then_fail, output, sizeof(output)), 70);
    assert_null(strstr(output, "half a row"));
    assert_contains(output, "never: reached");
}

static void held_assertion_evaluates_its_condition_once(void **state)
{
    (void) state;
    int count = 0;
    base_assert(++count == 1);
    assert_int_equal(count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_assertion_prints_condition_and_place_and_exits_70),
        cmocka_unit_test(failed_assertion_names_seed_virtual_time_and_replay_command),
        cmocka_unit_test(cleared_context_is_not_printed),
        cmocka_unit_test(failed_assertion_flushes_nothing),
        cmocka_unit_test(held_assertion_evaluates_its_condition_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
