/* What the loop of an emulation says of itself in the trace. Port 26961. */
#include "tests/contract/scenario_run.h"

#define EMULATION                                                                                                   \
    "name: sampled\nduration: 1 s\nclock: real\ntransport: socketpair\n"                                           \
    "addresses: {first: 127.13.1.1, port: 26961}\npeers: [{name: home, count: 40}]\n"                              \
    "network: {latency: {uniform: [2 ms, 20 ms]}}\noverlay: {protocol: kademlia}\n"                                \
    "workload: [{lookup: {every: 200 ms}}]\ntrace: {record: [samples]}\n"

#define OF(metric, what) "SELECT " what " FROM sample WHERE metric = 'loop." metric "'"

static struct scenario_run run_traced(const char *const *sets, char path[64])
{
    trace_path(path);
    struct scenario_run run = scenario_run(EMULATION, sets, path);
    print_diagnostics(&run.diagnostics);
    assert_int_equal(run.result, 0);
    return run;
}

static void an_emulation_samples_its_loop_ten_times_a_second(void **state)
{
    (void) state;
    const char *const *const kinds[] = {(const char *const[]) {"transport=socketpair", NULL},
                                        (const char *const[]) {"transport=localhost", NULL},
                                        (const char *const[]) {"transport=memory", NULL}};
    for (size_t i = 0; i < 3; i++) {
        char path[64];
        struct scenario_run run = run_traced(kinds[i], path);
        long samples = trace_number(path, OF("turns", "count(*)"));
        assert_true(samples >= 3 && samples <= 9); /* one each 100 ms, fewer on a machine that is busy otherwise */
        assert_int_equal(trace_number(path, "SELECT count(DISTINCT metric) FROM sample WHERE metric LIKE 'loop.%'"), 14);
        assert_int_equal(trace_number(path, "SELECT count(*) FROM sample WHERE metric LIKE 'loop.%' AND peer IS NOT NULL"),
                         0);
        assert_int_equal(trace_number(path, "SELECT count(*) FROM sample WHERE metric LIKE 'loop.%' AND value < 0"), 0);
        assert_true(trace_number(path, OF("turns", "sum(value)")) > 100);
        long entries = trace_number(path, OF("entries", "sum(value)"));
        double events = scenario_figure(&run, "events");
        /* Each event is an entry's, and nearly all lie before the last sample; time-outs that were disarmed come too. */
        assert_true((double) entries > events / 3 && (double) entries < 3 * events + 100);
        assert_true((trace_number(path, OF("descriptor_events", "sum(value)")) > 0) == (i < 2));
        assert_true(trace_number(path, OF("queue_depth", "max(value)")) >= 40);
        assert_true(trace_number(path, OF("handler_us_max", "max(value * 1000)")) > 0);
        scenario_run_done(&run);
    }
}

static void lag_samples_agree_with_the_summary(void **state)
{
    (void) state;
    char path[64];
    struct scenario_run run = run_traced(NULL, path);
    double lag_ms = strtod(trace_text(path, OF("lag_us_max", "max(value)")), NULL) / 1000;
    double told_ms = scenario_figure(&run, "lag_ms_max"); /* of events, and at each handler's own beginning */
    assert_true(lag_ms > 0 && lag_ms < 1000);
    assert_true(told_ms > 0);
    assert_true(trace_number(path, "SELECT count(*) FROM sample a JOIN sample b USING (at_ns)"
                                   " WHERE a.metric = 'loop.lag_us_p50' AND b.metric = 'loop.lag_us_p99'"
                                   " AND a.value > b.value") == 0);
    scenario_run_done(&run);
}

static void a_scaled_clock_is_sampled_in_real_time(void **state)
{
    (void) state;
    char path[64];
    const char *const sets[] = {"clock={scaled: 10}", "duration=10 s", NULL};
    struct scenario_run run = run_traced(sets, path);
    long samples = trace_number(path, OF("turns", "count(*)"));
    assert_true(samples >= 3 && samples <= 9);
    assert_true(trace_number(path, "SELECT min(at_ns) / 1000000 FROM sample WHERE metric = 'loop.turns'") >= 1000);
    scenario_run_done(&run);
}

static void nothing_is_sampled_unless_asked_for_or_under_virtual_time(void **state)
{
    (void) state;
    char path[64];
    const char *const silent[] = {"trace.record=[lifecycle]", NULL};
    struct scenario_run run = run_traced(silent, path);
    assert_int_equal(trace_number(path, "SELECT count(*) FROM sample"), 0);
    scenario_run_done(&run);
    const char *const virtual[] = {"clock=virtual", NULL};
    run = run_traced(virtual, path);
    assert_int_equal(trace_number(path, "SELECT count(*) FROM sample WHERE metric LIKE 'loop.%'"), 0);
    char traced[96];
    snprintf(traced, sizeof traced, "%s", run.digest);
    scenario_run_done(&run);
    run = run_traced((const char *const[]) {"clock=virtual", "trace.record=[]", NULL}, path);
    assert_string_equal(run.digest, traced);
    scenario_run_done(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_emulation_samples_its_loop_ten_times_a_second),
        cmocka_unit_test(lag_samples_agree_with_the_summary),
        cmocka_unit_test(a_scaled_clock_is_sampled_in_real_time),
        cmocka_unit_test(nothing_is_sampled_unless_asked_for_or_under_virtual_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
