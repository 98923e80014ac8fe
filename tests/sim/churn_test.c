#include "tests/sim/scenario_fixture.h"

#include <unistd.h>

#include "sim/churn/churn.h"

#define SKYPE_TRACE PEERLAB_SOURCE_DIR "/../shared/data/skype-superpeers-avt/SKYPE.avt"

static struct fixture *traced(const char *text, uint32_t peer_count, uint64_t duration_ns)
{
    struct fixture *fixture = fixture_new(duration_ns);
    fixture_group(fixture, "home", peer_count);
    fixture_trace(fixture, 1, text, strlen(text));
    return fixture;
}

static void assert_refused(const char *text, const char *expected)
{
    struct fixture *fixture = traced(text, 1, HOUR);
    fixture_refused(fixture, expected);
    fixture_free(fixture);
}

static void a_malformed_trace_is_refused_at_its_place(void **state)
{
    (void) state;
    static const char *const cases[][2] = {
        {"", "test.yaml:12:7: error: peers.avt has 0 lines for 1 peers"},
        {"\n", "peers.avt:1:1: error: a node's name and its number of intervals are expected"},
        {"node\n", "peers.avt:1:5: error: a node's name and its number of intervals are expected"},
        {"node\tone\n", "peers.avt:1:6: error: the number of intervals is not a whole number"},
        {"node\t1.5\t 0 1\n", "peers.avt:1:6: error: the number of intervals is not a whole number"},
        {"node\t2\t 0 1\n", "peers.avt:1:6: error: 2 intervals are announced and 1 given"},
        {"node\t0\t 0 1\n", "peers.avt:1:6: error: 0 intervals are announced and 1 given"},
        {"node\t99999999999999999999999\t0 1", "peers.avt:1:6: error: the number of intervals is not a whole number"},
        {"node\t1\t 0\n", "peers.avt:1:10: error: an interval's end is missing"},
        {"node\t1\t 0 x\n", "peers.avt:1:11: error: an interval's end is not a number of seconds"},
        {"node\t1\t 0 1x\n", "peers.avt:1:11: error: an interval's end is not a number of seconds"},
        {"node\t1\t -1 1\n", "peers.avt:1:9: error: an interval's start is not a number of seconds"},
        {"node\t1\t 0 99999999999999\n", "peers.avt:1:11: error: an interval's end is too large"},
        {"node\t1\t 5 5\n", "peers.avt:1:11: error: the interval ends no later than it starts"},
        {"node\t1\t 5 4\n", "peers.avt:1:11: error: the interval ends no later than it starts"},
        {"a\t0\nb\t2\t 5 9 8 12\n", "peers.avt:2:10: error: the interval starts before the one before it ends"},
        {"a\t0\nb\t2\t 5 9 1 2\n", "peers.avt:2:10: error: the interval starts before the one before it ends"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i][0], cases[i][1]);
}

static void several_mistakes_of_a_trace_are_reported_at_once(void **state)
{
    (void) state;
    struct fixture *fixture = traced("a 1 5 4\nb 1 1 2\nc x\n", 4, HOUR);
    assert_int_equal(fixture_identity(fixture), 0);
    assert_true(plan_create(&fixture->plan, fixture->identity, &fixture->diagnostics) < 0);
    assert_int_equal(fixture->diagnostics.error_count, 3); /* line 1, line 3, and too few lines */
    fixture_free(fixture);
}

static void a_trace_refuses_a_start_of_its_own(void **state)
{
    (void) state;
    struct fixture *fixture = traced("a 1 1 2\n", 1, HOUR);
    fixture->churns[0].start = TOPOLOGY_START_UP;
    fixture->churns[0].place = (struct base_place){&fixture->source, 4, 2};
    fixture_refused(fixture, "test.yaml:4:2: error: a trace says itself who is up at the start");
    fixture_free(fixture);
}

static void assert_steps(struct fixture *fixture, const char *expected)
{
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    char *text = calloc(1, all.count * 120 + 1), name[100];
    for (size_t i = 0; i < all.count; i++) {
        plan_step_name(fixture->identity, &all.steps[i], name, sizeof name);
        sprintf(text + strlen(text), "%g %s\n", (double) all.steps[i].at_ns / 1e9, name);
    }
    assert_string_equal(text, expected);
    free(text);
    free(all.steps);
    fixture_free(fixture);
}

static void intervals_are_sessions_to_the_nanosecond(void **state)
{
    (void) state;
    assert_steps(traced("a 2 0 10.5 10.5 20\r\nb 3\t1e1 20 25 30 30 40\nc 0\nd 1 50 60", 4, 30 * SECOND),
                 "0 home.0#1 up\n10 home.1#1 up\n10.5 home.0#1 down\n10.5 home.0#2 up\n20 home.0#2 down\n"
                 "20 home.1#1 down\n25 home.1#2 up\n30 home.1#2 down\n");
}

static void lines_go_on_over_the_groups_of_an_entry(void **state)
{
    (void) state;
    static const char text[] = "a 1 1 2\nb 1 2 3\nc 1 3 4\n";
    struct fixture *fixture = fixture_new(10 * SECOND);
    fixture_group(fixture, "one", 1);
    fixture_group(fixture, "other", 1);
    fixture_group(fixture, "two", 2);
    fixture_trace(fixture, 5, text, strlen(text));
    assert_steps(fixture, "0 other.0#1 up\n1 one.0#1 up\n2 one.0#1 down\n2 two.0#1 up\n3 two.0#1 down\n3 two.1#1 up\n"
                          "4 two.1#1 down\n");
}

static void a_crash_stands_the_traces_clock_still(void **state)
{
    (void) state;
    struct fixture *fixture = traced("a 2 0 30 40 50\n", 1, 100 * SECOND);
    fixture_crash_at(fixture, "strike", 20 * SECOND, 1000000000, 5 * SECOND);
    assert_steps(fixture, "0 home.0#1 up\n20 strike begin\n20 home.0#1 crash\n25 home.0#2 restart\n35 home.0#2 down\n"
                          "45 home.0#3 up\n55 home.0#3 down\n");
}

static void a_crash_at_an_intervals_end_delays_the_gap(void **state)
{
    (void) state;
    struct fixture *fixture = traced("a 2 0 20 40 50\n", 1, 100 * SECOND);
    fixture_crash_at(fixture, "strike", 20 * SECOND, 1000000000, 5 * SECOND);
    assert_steps(fixture, "0 home.0#1 up\n20 strike begin\n20 home.0#1 crash\n45 home.0#2 up\n55 home.0#2 down\n");
}

static char *read_whole(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *length = (size_t) ftell(file);
    rewind(file);
    char *text = malloc(*length + 1);
    assert_int_equal(fread(text, 1, *length, file), *length);
    text[*length] = '\0';
    fclose(file);
    return text;
}

/* Reads the file in another way than the model does: numbers by strtoull, in order. */
static void assert_intervals_are(const char *text, const struct fixture_steps *all, uint32_t peer_count)
{
    uint64_t **instants = calloc(peer_count, sizeof *instants);
    size_t *taken = calloc(peer_count, sizeof *taken), *given = calloc(peer_count, sizeof *given);
    const char *at = text;
    char *end;
    for (uint32_t peer = 0; peer < peer_count; peer++, at++) {
        given[peer] = 2 * strtoull(strchr(at, '\t'), &end, 10);
        instants[peer] = calloc(given[peer] + 1, sizeof(uint64_t));
        for (size_t i = 0; i < given[peer]; i++)
            instants[peer][i] = strtoull(end, &end, 10) * SECOND;
        at = text + (strchr(end, '\n') - text);
    }
    for (size_t i = 0; i < all->count; i++) {
        uint32_t peer = all->steps[i].peer;
        assert_in_range(taken[peer], 0, given[peer] - 1);
        assert_int_equal(all->steps[i].what, taken[peer] % 2 ? PLAN_DOWN : PLAN_UP);
        assert_int_equal(all->steps[i].at_ns, instants[peer][taken[peer]++]);
    }
    for (uint32_t peer = 0; peer < peer_count; peer++) {
        assert_int_equal(taken[peer], given[peer]);
        free(instants[peer]);
    }
    free(instants);
    free(taken);
    free(given);
}

static void the_skype_trace_gives_all_its_intervals(void **state)
{
    (void) state;
    if (access(SKYPE_TRACE, R_OK) != 0) {
        print_message("skipped: %s is absent\n", SKYPE_TRACE);
        skip();
    }
    size_t length;
    char *text = read_whole(SKYPE_TRACE, &length);
    struct fixture *fixture = traced(text, 2081, 2478200 * SECOND);
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    uint32_t ups = 0, at_start = 0, at_end = 0;
    for (size_t i = 0; i < all.count; i++) {
        ups += all.steps[i].what == PLAN_UP;
        at_start += all.steps[i].at_ns == 0;
        at_end += all.steps[i].at_ns == 2478200 * SECOND;
    }
    assert_int_equal(ups, 29217);
    assert_int_equal(all.count, 2 * 29217);
    assert_int_equal(at_start, 133);
    assert_int_equal(at_end, 682);
    assert_intervals_are(text, &all, 2081);
    free(all.steps);
    free(text);
    fixture_free(fixture);
}

static void both_models_are_registered_with_their_parameters(void **state)
{
    (void) state;
    const struct topology_kind *session = topology_kind_find(&sim_churns, "session");
    assert_non_null(session);
    assert_int_equal(session->parameter_count, 2);
    assert_string_equal(session->parameters[1].key, "downtime");
    assert_false(session->parameters[0].distributions & 1u << BASE_NORMAL);
    assert_non_null(topology_kind_find(&sim_churns, "trace"));
    for (uint32_t i = 0; i < sim_churns.kind_count; i++)
        assert_non_null(((const struct churn_ops *) sim_churns.kinds[i]->ops)->span);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_malformed_trace_is_refused_at_its_place),
        cmocka_unit_test(several_mistakes_of_a_trace_are_reported_at_once),
        cmocka_unit_test(a_trace_refuses_a_start_of_its_own),
        cmocka_unit_test(intervals_are_sessions_to_the_nanosecond),
        cmocka_unit_test(lines_go_on_over_the_groups_of_an_entry),
        cmocka_unit_test(a_crash_stands_the_traces_clock_still),
        cmocka_unit_test(a_crash_at_an_intervals_end_delays_the_gap),
        cmocka_unit_test(the_skype_trace_gives_all_its_intervals),
        cmocka_unit_test(both_models_are_registered_with_their_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
