/* What can be seen of a run in its trace while it goes on: what a killed one leaves. */
#include "tests/contract/scenario_run.h"

#include <signal.h>

/* Few lookups at first; and then the ring looks after itself, for longer than anybody waits. */
#define FEW_LOOKUPS                                                                                                   \
    "name: recorded\nduration: 100 h\npeers: [{name: home, count: 300}]\nnetwork: {latency: {constant: 20 ms}}\n"      \
    "overlay: {protocol: chord, stabilise: 1 s, start: converged}\n"                                             \
    "workload: [{lookup: {every: 1 s, count: 5}}]\ntrace: {record: [lookups], index: false}\n"

#define TOLD_MOST 300 /* times that progress is told of, each 100 ms at least: half a minute */

struct watch {
    const char *path;
    volatile sig_atomic_t stop;
    long lookups, right;
    unsigned told;
};

static void look_into_trace(void *context, const struct engine_progress *progress)
{
    struct watch *watch = context;
    if (strcmp(progress->what, "running") != 0 || watch->stop || progress->now_ns < UINT64_C(10000000000))
        return;
    watch->lookups = trace_number(watch->path, "SELECT count(*) FROM lookup");
    watch->right = trace_number(watch->path, "SELECT count(*) FROM lookup WHERE correct");
    watch->stop = watch->lookups > 0 || ++watch->told == TOLD_MOST;
}

static void lookups_that_have_ended_are_in_the_trace_while_the_run_goes_on(void **state)
{
    (void) state;
    char path[64];
    trace_path(path);
    struct watch watch = {.path = path};
    struct engine_options options = {.trace_path = path, .progress = look_into_trace, .progress_context = &watch,
                                     .stop = &watch.stop};
    struct scenario_run run = scenario_run_with(FEW_LOOKUPS, NULL, &sim_vocabulary, options, NULL, NULL);
    print_diagnostics(&run.diagnostics);
    assert_int_equal(run.result, 1);
    assert_int_equal(watch.lookups, 5);
    assert_int_equal(watch.right, 5);
    assert_int_equal(trace_number(path, "SELECT count(*) FROM lookup"), 5);
    scenario_run_done(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups_that_have_ended_are_in_the_trace_while_the_run_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
