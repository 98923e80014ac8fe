/* What a trace has of a run that goes on, as a killed one leaves it; and of one that has little room. */
#include "tests/contract/scenario_run.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

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

/* Lets this process have `more` bytes of address space beyond what it has; back: what it may have else. */
static void bound_address_space(uint64_t more, struct rlimit *back)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    assert_int_equal(getrlimit(RLIMIT_AS, back), 0);
    rlim_t bound = pages * (uint64_t) sysconf(_SC_PAGESIZE) + more;
    assert_int_equal(setrlimit(RLIMIT_AS, &(struct rlimit){bound, back->rlim_max}), 0);
}

#define CONVERGED                                                                                                     \
    "name: recorded\nduration: 10 s\npeers: [{name: home, count: 300}]\nnetwork: {latency: {constant: 20 ms}}\n"       \
    "overlay: {protocol: chord}\nworkload: [{lookup: {every: 2 s}}]\ntrace: {record: [neighbours, lifecycle]}\n"
#define NEIGHBOURS "SELECT count(*) || ' ' || sum((peer * 7919 + other * 31 + rowid) % 1000003 * rowid) FROM neighbour"

/* To join in the order of their ids, recorded ones take 64 GiB of address space, which Valgrind and ulimit -v lack. */
static void peers_are_recorded_joining_alike_where_address_space_is_short(void **state)
{
    (void) state;
    char wide[64], narrow[64], neighbours[96];
    struct rlimit back;
    trace_path(wide);
    trace_path(narrow);
    struct scenario_run expected = scenario_run(CONVERGED, NULL, wide);
    bound_address_space(UINT64_C(60) << 30, &back);
    struct scenario_run run = scenario_run(CONVERGED, NULL, narrow);
    setrlimit(RLIMIT_AS, &back);
    print_diagnostics(&run.diagnostics);
    assert_int_equal(expected.result, 0);
    assert_int_equal(run.result, 0);
    assert_string_equal(run.digest, expected.digest);
    snprintf(neighbours, sizeof neighbours, "%s", trace_text(wide, NEIGHBOURS));
    assert_true(atol(neighbours) > 300);
    assert_string_equal(trace_text(narrow, NEIGHBOURS), neighbours);
    scenario_run_done(&run);
    scenario_run_done(&expected);
}

static void a_run_that_could_not_begin_is_not_called_complete(void **state)
{
    (void) state;
    char path[64], status[128];
    struct base_diagnostics diagnostics = {0};
    struct topology_reader reader = {.read = text_reader, .context = (void *) CONVERGED};
    const char *const sets[] = {"peers.home.count=600000"};
    struct topology_load_options load = {.path = "test.yaml", .reader = &reader, .sets = sets, .set_count = 1};
    struct scenario *scenario;
    struct engine *engine;
    struct rlimit back;
    trace_path(path);
    assert_int_equal(topology_load(&scenario, &load, &sim_vocabulary, &diagnostics), 0);
    struct engine_options options = {.scenario = scenario, .trace_path = path};
    assert_int_equal(engine_create(&engine, &options, &diagnostics), 0);
    bound_address_space(UINT64_C(2) << 20, &back); /* less than a list of all takes */
    int result = engine_run(engine, &diagnostics);
    setrlimit(RLIMIT_AS, &back);
    snprintf(status, sizeof status, "%s", summary_find(engine_summary(engine), "status")->text);
    engine_free(engine);
    topology_scenario_free(scenario);
    assert_int_equal(result, -ENOMEM);
    assert_string_equal(status, "interrupted");
    assert_string_equal(trace_text(path, "SELECT value FROM run WHERE key = 'status'"), "interrupted");
    assert_int_equal(diagnostics.count, 1);
    assert_non_null(strstr(diagnostics.items[0].message, "could not begin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookups_that_have_ended_are_in_the_trace_while_the_run_goes_on),
        cmocka_unit_test(peers_are_recorded_joining_alike_where_address_space_is_short),
        cmocka_unit_test(a_run_that_could_not_begin_is_not_called_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
