/* The first difference of two traces, with what led to it. */
#include "tests/traces/fixture.h"

struct pair {
    char *paths[2];
    struct trace_reader *readers[2];
    struct trace_difference difference;
};

static void compare(struct pair *pair)
{
    struct base_diagnostics diagnostics = {0};
    for (int i = 0; i < 2; i++)
        pair->readers[i] = fixture_reader(pair->paths[i]);
    if (trace_compare(pair->readers[0], pair->readers[1], &pair->difference, &diagnostics) < 0)
        fail_msg("%s", diagnostics.items[0].message);
}

static struct pair pair_named(void **state)
{
    return (struct pair) {.paths = {fixture_path(state, "a.db"), fixture_path(state, "b.db")}};
}

static void done(struct pair *pair)
{
    trace_difference_done(&pair->difference);
    for (int i = 0; i < 2; i++) {
        trace_reader_close(pair->readers[i]);
        free(pair->paths[i]);
    }
}

static void equal_traces_are_equal(void **state)
{
    struct pair pair = pair_named(state);
    fixture_write(pair.paths[0], true, false);
    fixture_write(pair.paths[1], false, false);
    compare(&pair);
    assert_false(pair.difference.differs);
    assert_int_equal(pair.difference.compared, 17);
    assert_null(pair.difference.a);
    assert_null(pair.difference.note);
    done(&pair);
}

static void check_first_difference(void **state, bool index)
{
    struct pair pair = pair_named(state);
    fixture_write(pair.paths[0], index, false);
    fixture_write(pair.paths[1], index, true);
    compare(&pair);
    assert_true(pair.difference.differs);
    assert_int_equal(pair.difference.compared, 5);
    assert_string_equal(pair.difference.a,
                        "1.110000000 s  a-0 #3  nodes delivered from b-0, 100 bytes, 60.000000 ms on the way");
    assert_string_equal(pair.difference.b,
                        "1.110000000 s  a-0 #3  nodes delivered from b-0, 101 bytes, 60.000000 ms on the way");
    assert_string_equal(pair.difference.a_path,
                        "1.000000000 s  a-0 #2  lookup\n"
                        "1.050000000 s  b-0 #2  find_node delivered from a-0, 30 bytes, 50.000000 ms on the way\n");
    assert_string_equal(pair.difference.b_path, pair.difference.a_path);
    done(&pair);
}

static void the_first_difference_comes_with_what_led_to_it(void **state)
{
    check_first_difference(state, true);
}

static void it_does_so_without_indexes(void **state)
{
    check_first_difference(state, false);
}

static void a_trace_that_goes_on_longer_differs_at_its_next_event(void **state)
{
    struct pair pair = pair_named(state);
    fixture_write(pair.paths[0], true, false);
    struct trace_options options = fixture_options(pair.paths[1]);
    struct trace *trace = fixture_open(&options);
    fixture_rows(trace, false);
    fixture_event(trace, 200 * S, A1, 5, TIMER, 4);
    fixture_finish(trace);
    compare(&pair);
    assert_true(pair.difference.differs);
    assert_null(pair.difference.a);
    assert_string_equal(pair.difference.a_path, "");
    assert_string_equal(pair.difference.b, "200.000000000 s  a-1 #5  timer");
    assert_non_null(strstr(pair.difference.b_path, "a-1 #4  find_node delivered from a-0, 30 bytes, 15.000000 ms"));
    done(&pair);
}

static void other_settings_of_what_is_recorded_are_noted(void **state)
{
    struct pair pair = pair_named(state);
    for (int i = 0; i < 2; i++) {
        struct trace_options options = fixture_options(pair.paths[i]);
        struct trace *trace = fixture_open(&options);
        trace_run_value(trace, "record", i ? "lifecycle" : "lifecycle messages");
        fixture_event(trace, 0, A0, 1, JOIN, 0);
        if (i == 0)
            fixture_message(trace, (struct trace_message) {.sent_at_ns = S, .delay_ns = MS, .target = B0, .target_seq = 1});
        fixture_finish(trace);
    }
    compare(&pair);
    assert_true(pair.difference.differs);
    assert_string_equal(pair.difference.note, "they recorded different things: [lifecycle messages] and [lifecycle]");
    assert_null(pair.difference.b);
    done(&pair);
}

static void a_trace_without_messages_is_noted(void **state)
{
    struct pair pair = pair_named(state);
    fixture_write(pair.paths[0], true, false);
    struct trace_options options = fixture_options(pair.paths[1]);
    struct trace *trace = fixture_open(&options);
    fixture_event(trace, 0, A0, 1, JOIN, 0);
    fixture_finish(trace);
    compare(&pair);
    assert_string_equal(pair.difference.note, "only the first trace holds messages");
    done(&pair);
}

/* Kinds numbered otherwise are the same kinds. */
static void names_count_and_not_their_numbers(void **state)
{
    static const char *const fates[] = {"in_flight", "delivered"};
    struct pair pair = pair_named(state);
    for (int i = 0; i < 2; i++) {
        struct trace_options options = fixture_options(pair.paths[i]);
        if (i)
            options.names.fates = (struct trace_name_list) {fates, 2};
        struct trace *trace = fixture_open(&options);
        fixture_message(trace, (struct trace_message) {.sent_at_ns = S, .delay_ns = MS, .target = B0, .target_seq = 1,
                                                       .fate = i ? 1 : DELIVERED});
        fixture_finish(trace);
    }
    compare(&pair);
    assert_false(pair.difference.differs);
    assert_int_equal(pair.difference.compared, 1);
    done(&pair);
}

/* A chain of a thousand causes is told in its last steps, and quickly, with no index. */
static void a_long_path_is_cut(void **state)
{
    struct pair pair = pair_named(state);
    for (int i = 0; i < 2; i++) {
        struct trace_options options = fixture_options(pair.paths[i]);
        options.index = false;
        struct trace *trace = fixture_open(&options);
        for (uint32_t seq = 1; seq <= 20000; seq++)
            fixture_event(trace, seq, A0, seq, seq == 20000 && i ? LEAVE : TIMER, seq - 1);
        fixture_finish(trace);
    }
    compare(&pair);
    assert_int_equal(pair.difference.compared, 19999);
    assert_string_equal(pair.difference.b, "0.000020000 s  a-0 #20000  leave");
    int lines = 0;
    for (const char *at = pair.difference.a_path; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 24);
    done(&pair);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(equal_traces_are_equal),
        CASE(the_first_difference_comes_with_what_led_to_it),
        CASE(it_does_so_without_indexes),
        CASE(a_trace_that_goes_on_longer_differs_at_its_next_event),
        CASE(other_settings_of_what_is_recorded_are_noted),
        CASE(a_trace_without_messages_is_noted),
        CASE(names_count_and_not_their_numbers),
        CASE(a_long_path_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
