#include "tests/sim/scenario_fixture.h"

/* A copy of KAD's churn (Steiner, En-Najjary & Biersack 2007), in minutes. */
static const struct base_distribution kad_session = {.kind = BASE_WEIBULL, .a = 169.5 * 60e9, .b = 0.615};
static const struct base_distribution kad_downtime = {.kind = BASE_WEIBULL, .a = 413.7 * 60e9, .b = 0.476};

static uint32_t order_of(const struct plan_step *step)
{
    return step->what <= PLAN_FAULT_END ? step->fault : step->peer;
}

static void assert_ordered(const struct fixture_steps *all)
{
    for (size_t i = 1; i < all->count; i++) {
        const struct plan_step *a = &all->steps[i - 1], *b = &all->steps[i];
        assert_true(a->at_ns <= b->at_ns);
        if (a->at_ns == b->at_ns)
            assert_true(a->what < b->what || (a->what == b->what && order_of(a) <= order_of(b)));
    }
}

/* Each peer's comings and goings alternate, its incarnations count from 1, bootstraps are up and of the instance. */
static void assert_lives_are_sound(const struct fixture *fixture, const struct fixture_steps *all)
{
    uint32_t peer_count = fixture->scenario.peer_count;
    uint32_t *ended = calloc(peer_count, sizeof *ended), up_count = 0;
    bool *up = calloc(peer_count, 1);
    for (size_t i = 0; i < all->count; i++) {
        const struct plan_step *step = &all->steps[i];
        if (step->what <= PLAN_FAULT_END)
            continue;
        bool comes = step->what == PLAN_UP || step->what == PLAN_RESTART;
        assert_int_equal(up[step->peer], !comes);
        assert_int_equal(step->incarnation, ended[step->peer] + 1);
        if (step->what == PLAN_ACTION)
            continue;
        if (comes && up_count == 0)
            assert_int_equal(step->bootstrap, UINT32_MAX);
        if (comes && step->bootstrap != UINT32_MAX)
            assert_true(step->bootstrap != step->peer && up[step->bootstrap]);
        ended[step->peer] += !comes;
        up[step->peer] = comes;
        up_count += comes ? 1 : UINT32_MAX;
    }
    free(ended);
    free(up);
}

static void a_peer_without_churn_is_up_from_the_start_to_the_end(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(HOUR);
    fixture_group(fixture, "home", 100);
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    assert_int_equal(all.count, 100);
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(all.steps[i].peer, i);
        assert_int_equal(all.steps[i].at_ns, 0);
        assert_int_equal(all.steps[i].what, PLAN_UP);
        assert_int_equal(all.steps[i].incarnation, 1);
        if (i == 0)
            assert_int_equal(all.steps[i].bootstrap, UINT32_MAX);
        else
            assert_in_range(all.steps[i].bootstrap, 0, i - 1);
    }
    char name[100];
    plan_step_name(fixture->identity, &all.steps[17], name, sizeof name);
    assert_string_equal(name, "home.17#1 up");
    free(all.steps);
    fixture_free(fixture);
}

static void a_stationary_start_keeps_its_availability(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(24 * HOUR);
    fixture_group(fixture, "home", 40000);
    fixture_churn(fixture, "kad", 1, kad_session, kad_downtime);
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    assert_ordered(&all);
    assert_lives_are_sound(fixture, &all);
    double session = base_distribution_mean(&kad_session), downtime = base_distribution_mean(&kad_downtime);
    double expected = 40000 * session / (session + downtime);
    int64_t up = 0;
    size_t i = 0;
    for (uint64_t at_ns = 0; at_ns <= 23 * HOUR; at_ns += HOUR) {
        for (; i < all.count && all.steps[i].at_ns <= at_ns; i++)
            up += all.steps[i].what == PLAN_UP ? 1 : -1;
        /* sqrt(40000 * .21 * .79) is 82: five standard deviations */
        assert_true((double) up > expected - 410 && (double) up < expected + 410);
    }
    free(all.steps);
    fixture_free(fixture);
}

static void a_stationary_start_without_a_mean_is_refused_at_its_place(void **state)
{
    (void) state;
    struct base_distribution heavy = {.kind = BASE_PARETO, .a = 60e9, .b = 1};
    struct fixture *fixture = fixture_new(HOUR);
    fixture_group(fixture, "home", 10);
    fixture_churn(fixture, "heavy", 1, fixture_constant(MINUTE), heavy);
    fixture_refused(fixture, "test.yaml:31:1: error: a stationary start needs a downtime with a finite mean\n");
    fixture_free(fixture);
    fixture = fixture_new(HOUR);
    fixture_group(fixture, "home", 10);
    fixture_churn(fixture, "heavy", 1, fixture_constant(MINUTE), heavy)->start = TOPOLOGY_START_UP;
    fixture_plan(fixture);
    fixture_free(fixture);
}

static void a_session_that_never_lasts_is_refused(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(HOUR);
    fixture_group(fixture, "home", 10);
    fixture_churn(fixture, "none", 1, fixture_constant(0), fixture_constant(MINUTE));
    fixture_refused(fixture, "test.yaml:30:1: error: a session must last some time\n");
    fixture_free(fixture);
}

static void a_peer_in_two_churn_entries_is_an_error_at_the_second(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(HOUR);
    fixture_group(fixture, "home", 10);
    fixture_group(fixture, "server", 10);
    fixture_churn(fixture, "first", 3, fixture_constant(MINUTE), fixture_constant(MINUTE));
    fixture_churn(fixture, "second", 2, fixture_constant(MINUTE), fixture_constant(MINUTE));
    fixture_refused(fixture, "test.yaml:22:5: error: server is in two churn entries\n");
    fixture_free(fixture);
}

static void assert_step(const struct plan_step *step, uint64_t at_ns, enum plan_what what, uint32_t peer,
                        uint32_t incarnation)
{
    assert_int_equal(step->at_ns, at_ns);
    assert_string_equal(plan_what_name(step->what), plan_what_name(what));
    assert_int_equal(step->peer, peer);
    assert_int_equal(step->incarnation, incarnation);
}

static void constant_spans_begin_as_the_start_says_and_end_at_the_duration(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(50 * SECOND);
    fixture_group(fixture, "a", 1);
    fixture_group(fixture, "b", 1);
    fixture_churn(fixture, "up", 1, fixture_constant(10 * SECOND), fixture_constant(10 * SECOND))->start =
        TOPOLOGY_START_UP;
    struct topology_churn *down = fixture_churn(fixture, "down", 2, fixture_constant(10 * SECOND),
                                                fixture_constant(10 * SECOND));
    down->start = TOPOLOGY_START_DOWN;
    down->leave = TOPOLOGY_LEAVE_GRACEFUL;
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    assert_int_equal(all.count, 10);
    assert_step(&all.steps[0], 0, PLAN_UP, 0, 1);
    assert_step(&all.steps[1], 10 * SECOND, PLAN_DOWN, 0, 1);
    assert_step(&all.steps[2], 10 * SECOND, PLAN_UP, 1, 1);
    assert_step(&all.steps[3], 20 * SECOND, PLAN_DOWN, 1, 1);
    assert_step(&all.steps[4], 20 * SECOND, PLAN_UP, 0, 2);
    assert_step(&all.steps[9], 50 * SECOND, PLAN_DOWN, 0, 3); /* and b's, due up then, never comes */
    assert_false(all.steps[1].graceful);
    assert_true(all.steps[3].graceful);
    free(all.steps);
    fixture_free(fixture);
}

static void what_is_due_at_the_limit_waits_for_the_next_call(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(50 * SECOND);
    fixture_group(fixture, "a", 1);
    fixture_churn(fixture, "up", 1, fixture_constant(50 * SECOND), fixture_constant(0))->start = TOPOLOGY_START_UP;
    fixture_plan(fixture);
    struct plan_step step;
    assert_false(plan_next(fixture->plan, 0, &step));
    assert_true(plan_next(fixture->plan, 1, &step));
    assert_false(plan_next(fixture->plan, 50 * SECOND, &step));
    assert_true(plan_next(fixture->plan, 50 * SECOND + 1, &step));
    assert_step(&step, 50 * SECOND, PLAN_DOWN, 0, 1);
    assert_false(plan_next(fixture->plan, UINT64_MAX, &step));
    fixture_free(fixture);
}

static void down_and_up_at_one_instant_come_in_that_order(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(31 * SECOND);
    fixture_group(fixture, "a", 2);
    fixture_churn(fixture, "up", 1, fixture_constant(10 * SECOND), fixture_constant(0))->start = TOPOLOGY_START_UP;
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    assert_int_equal(all.count, 2 + 3 * 4);
    assert_ordered(&all);
    assert_lives_are_sound(fixture, &all);
    assert_step(&all.steps[2], 10 * SECOND, PLAN_DOWN, 0, 1);
    assert_step(&all.steps[4], 10 * SECOND, PLAN_UP, 0, 2);
    free(all.steps);
    fixture_free(fixture);
}

static void a_crash_overrides_churn_and_a_fresh_session_follows(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(100 * SECOND);
    fixture_group(fixture, "churning", 1);
    fixture_group(fixture, "stable", 1);
    fixture_churn(fixture, "up", 1, fixture_constant(30 * SECOND), fixture_constant(5 * SECOND))->start =
        TOPOLOGY_START_UP;
    fixture_crash_at(fixture, "strike", 20 * SECOND, 1000000000, 15 * SECOND);
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    static const struct plan_step expected[] = {
        {.at_ns = 0, .what = PLAN_UP, .peer = 0, .incarnation = 1},
        {.at_ns = 0, .what = PLAN_UP, .peer = 1, .incarnation = 1},
        {.at_ns = 20, .what = PLAN_FAULT_BEGIN},
        {.at_ns = 20, .what = PLAN_CRASH, .peer = 0, .incarnation = 1},
        {.at_ns = 20, .what = PLAN_CRASH, .peer = 1, .incarnation = 1},
        {.at_ns = 35, .what = PLAN_RESTART, .peer = 0, .incarnation = 2}, /* not down at 30 */
        {.at_ns = 35, .what = PLAN_RESTART, .peer = 1, .incarnation = 2},
        {.at_ns = 65, .what = PLAN_DOWN, .peer = 0, .incarnation = 2}, /* a session of 30 s, not of what was left */
        {.at_ns = 70, .what = PLAN_UP, .peer = 0, .incarnation = 3},
        {.at_ns = 100, .what = PLAN_DOWN, .peer = 0, .incarnation = 3},
    };
    assert_int_equal(all.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < all.count; i++)
        assert_step(&all.steps[i], expected[i].at_ns * SECOND, expected[i].what, expected[i].peer,
                    expected[i].incarnation);
    assert_int_equal(all.steps[3].fault, 0);
    assert_int_equal(all.steps[5].fault, 0);
    free(all.steps);
    fixture_free(fixture);
}

static void a_crash_without_restart_lasts_to_the_end(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(100 * SECOND);
    fixture_group(fixture, "churning", 5);
    fixture_churn(fixture, "up", 1, fixture_constant(30 * SECOND), fixture_constant(5 * SECOND))->start =
        TOPOLOGY_START_UP;
    fixture_crash_at(fixture, "strike", 20 * SECOND, 1000000000, UINT64_MAX);
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    assert_int_equal(all.count, 5 + 1 + 5);
    free(all.steps);
    fixture_free(fixture);
}

static void two_crashes_at_one_instant_strike_a_peer_once(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(100 * SECOND);
    fixture_group(fixture, "stable", 50);
    fixture_crash_at(fixture, "one", 20 * SECOND, 500000000, 10 * SECOND);
    fixture_crash_at(fixture, "two", 20 * SECOND, 1000000000, 20 * SECOND);
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    assert_ordered(&all);
    assert_lives_are_sound(fixture, &all);
    uint32_t crashes = 0, by_one = 0;
    for (size_t i = 0; i < all.count; i++) {
        crashes += all.steps[i].what == PLAN_CRASH;
        by_one += all.steps[i].what == PLAN_CRASH && all.steps[i].fault == 0;
        if (all.steps[i].what == PLAN_RESTART)
            assert_int_equal(all.steps[i].at_ns, (all.steps[i].fault ? 40 : 30) * SECOND);
    }
    assert_int_equal(crashes, 50);
    assert_in_range(by_one, 10, 40);
    free(all.steps);
    fixture_free(fixture);
}

static void crashes_of_two_names_strike_independently(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(100 * SECOND);
    fixture_group(fixture, "stable", 1000);
    fixture_crash_at(fixture, "one", 20 * SECOND, 500000000, 10 * SECOND);
    fixture_crash_at(fixture, "two", 40 * SECOND, 500000000, 10 * SECOND);
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    uint32_t struck[1000] = {0}, by_both = 0;
    for (size_t i = 0; i < all.count; i++)
        if (all.steps[i].what == PLAN_CRASH)
            struck[all.steps[i].peer]++;
    for (uint32_t peer = 0; peer < 1000; peer++)
        by_both += struck[peer] == 2;
    assert_in_range(by_both, 180, 320); /* a quarter; a standard deviation is 14 */
    free(all.steps);
    fixture_free(fixture);
}

static void faults_begin_and_end_inside_the_run(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(100 * SECOND);
    fixture_group(fixture, "a", 1);
    fixture_link_fault(fixture, "late", 60 * SECOND, 40 * SECOND);
    fixture_link_fault(fixture, "early", 10 * SECOND, 50 * SECOND);
    fixture_link_fault(fixture, "never", 100 * SECOND, SECOND);
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    static const char *const names[] = {"a.0#1 up", "early begin", "late begin", "early end"};
    assert_int_equal(all.count, 4);
    for (size_t i = 0; i < 4; i++) {
        char name[100];
        plan_step_name(fixture->identity, &all.steps[i], name, sizeof name);
        assert_string_equal(name, names[i]);
    }
    free(all.steps);
    fixture_free(fixture);
}

static void bootstraps_are_uniform_over_the_peers_that_are_up(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(10000 * SECOND);
    fixture_group(fixture, "stable", 10);
    fixture_group(fixture, "churning", 20);
    fixture_churn(fixture, "on-off", 2, fixture_exponential(SECOND), fixture_exponential(19 * SECOND));
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    uint32_t counts[30] = {0}, total = 0;
    for (size_t i = 30; i < all.count; i++)
        if (all.steps[i].what == PLAN_UP && all.steps[i].bootstrap != UINT32_MAX)
            counts[all.steps[i].bootstrap]++, total += all.steps[i].bootstrap < 10;
    assert_true(total > 8000);
    for (uint32_t peer = 0; peer < 10; peer++) /* sqrt(900) is 30 */
        assert_in_range(counts[peer], total / 10 - 150, total / 10 + 150);
    free(all.steps);
    fixture_free(fixture);
}

/* --- workloads --- */

static void a_constant_workload_keeps_to_its_grid_over_incarnations(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(1000 * SECOND);
    fixture_group(fixture, "a", 20);
    fixture_churn(fixture, "on-off", 1, fixture_exponential(20 * SECOND), fixture_exponential(20 * SECOND));
    struct topology_workload *workload =
        fixture_workload(fixture, "ask", &fixture_publish, 1, fixture_constant(3 * SECOND));
    workload->start_ns = 100 * SECOND;
    workload->stop_ns = 900 * SECOND;
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture);
    assert_ordered(&all);
    assert_lives_are_sound(fixture, &all);
    uint64_t phase_ns[20] = {0}, number = 0, up_at_ns[20] = {0}, expected = 0;
    for (size_t i = 0; i < all.count; i++) {
        const struct plan_step *step = &all.steps[i];
        if (step->what == PLAN_UP)
            up_at_ns[step->peer] = step->at_ns;
        if (step->what == PLAN_DOWN) { /* a grid of 3 s has that many points in the overlap, give or take one */
            uint64_t from_ns = up_at_ns[step->peer] > 100 * SECOND ? up_at_ns[step->peer] : 100 * SECOND;
            uint64_t to_ns = step->at_ns < 900 * SECOND ? step->at_ns : 900 * SECOND;
            expected += to_ns > from_ns ? to_ns - from_ns : 0;
        }
        if (step->what != PLAN_ACTION)
            continue;
        assert_in_range(step->at_ns, 100 * SECOND, 900 * SECOND - 1);
        assert_int_equal(step->number, number++);
        if (phase_ns[step->peer] == 0)
            phase_ns[step->peer] = step->at_ns % (3 * SECOND);
        assert_int_equal(step->at_ns % (3 * SECOND), phase_ns[step->peer]);
    }
    assert_in_range(number, expected / (3 * SECOND) * 9 / 10, expected / (3 * SECOND) * 12 / 10);
    free(all.steps);
    fixture_free(fixture);
}

static void a_counted_workload_stops_at_its_count(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(1000 * SECOND);
    fixture_group(fixture, "a", 5);
    fixture_group(fixture, "b", 5);
    struct topology_workload *workload =
        fixture_workload(fixture, "ask", &fixture_lookup, 2, fixture_exponential(10 * SECOND));
    workload->has_count = true;
    workload->count = 37;
    fixture_workload(fixture, "own", &fixture_lookup, 3, fixture_exponential(10 * SECOND));
    fixture_plan(fixture);
    assert_true(plan_issues(&fixture->scenario, 0));
    assert_false(plan_issues(&fixture->scenario, 1));
    struct fixture_steps all = fixture_run(fixture);
    assert_int_equal(all.count, 10 + 37);
    assert_ordered(&all);
    for (size_t i = 10; i < all.count; i++) {
        assert_int_equal(all.steps[i].what, PLAN_ACTION);
        assert_int_equal(all.steps[i].workload, 0);
        assert_int_equal(all.steps[i].number, i - 10);
        assert_in_range(all.steps[i].peer, 5, 9);
    }
    free(all.steps);
    fixture_free(fixture);
}

static void gaps_of_a_workload_have_their_mean(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(1000 * SECOND);
    fixture_group(fixture, "a", 100);
    fixture_workload(fixture, "ask", &fixture_lookup, 1, fixture_exponential(SECOND));
    fixture_plan(fixture);
    uint64_t actions = 0;
    for (uint32_t peer = 0; peer < 100; peer++) {
        uint32_t draw = plan_workload_first_draw(1);
        uint64_t at_ns = plan_workload_next(fixture->identity, 0, peer, 0, &draw);
        for (; at_ns != UINT64_MAX; actions++)
            at_ns = plan_workload_next(fixture->identity, 0, peer, at_ns + 1, &draw);
    }
    assert_in_range(actions, 98500, 101500); /* sqrt(100000) is 316 */
    fixture_free(fixture);
}

/* --- adding and permuting --- */

/* A whole scenario: what is not in `without` (a bit an item), with items of a kind reversed on demand. */
enum { NO_GROUP = 1, NO_FAULT = 2, NO_WORKLOAD = 4, REVERSED = 8 };

static void crash_of_whole(struct fixture *fixture, unsigned options)
{
    if (!(options & NO_FAULT) && !(options & REVERSED))
        fixture_link_fault(fixture, "cut", 1000 * SECOND, 50 * SECOND);
    fixture_crash_at(fixture, "strike", 2000 * SECOND, 300000000, 100 * SECOND);
    if (!(options & NO_FAULT) && options & REVERSED)
        fixture_link_fault(fixture, "cut", 1000 * SECOND, 50 * SECOND);
}

static struct fixture *whole(unsigned options)
{
    static const struct fixture_overlay own = {.bits = 64};
    struct fixture *fixture = fixture_new(4000 * SECOND);
    if (!(options & NO_GROUP)) { /* in front of all, so that peer numbers move; an instance of its own */
        fixture_group(fixture, "extra", 30);
        fixture->groups[0].overlay = (struct topology_choice){.kind = &fixture_ring, .parameters = &own};
    }
    uint32_t home = fixture_group(fixture, "home", 100), server = fixture_group(fixture, "server", 20);
    if (!(options & NO_GROUP))
        fixture_churn(fixture, "extra-churn", 1, fixture_exponential(100 * SECOND), fixture_exponential(100 * SECOND));
    fixture_churn(fixture, "home-churn", 1u << home, kad_session, kad_downtime);
    crash_of_whole(fixture, options);
    if (!(options & NO_WORKLOAD) && !(options & REVERSED))
        fixture_workload(fixture, "tell", &fixture_publish, 1u << server, fixture_constant(60 * SECOND));
    fixture_workload(fixture, "ask", &fixture_publish, 1u << home | 1u << server, fixture_exponential(60 * SECOND));
    if (!(options & NO_WORKLOAD) && options & REVERSED)
        fixture_workload(fixture, "tell", &fixture_publish, 1u << server, fixture_constant(60 * SECOND));
    fixture_plan(fixture);
    return fixture;
}

/* All steps of home, server, strike and ask, a line each, with their bootstraps. */
static char *common_steps(struct fixture *fixture)
{
    struct fixture_steps all = fixture_run(fixture);
    char *text = malloc(all.count * 200 + 1), *at = text, name[100], bootstrap[64];
    for (size_t i = 0; i < all.count; i++) {
        plan_step_name(fixture->identity, &all.steps[i], name, sizeof name);
        if (strncmp(name, "extra", 5) == 0 || strncmp(name, "cut", 3) == 0 || strstr(name, " tell"))
            continue;
        strcpy(bootstrap, "none");
        if (all.steps[i].bootstrap != UINT32_MAX)
            identity_name(fixture->identity, all.steps[i].bootstrap, bootstrap);
        at += sprintf(at, "%llu %s %s\n", (unsigned long long) all.steps[i].at_ns, name, bootstrap);
    }
    free(all.steps);
    fixture_free(fixture);
    return text;
}

static void adding_or_permuting_entries_leaves_the_other_steps_as_they_were(void **state)
{
    (void) state;
    char *expected = common_steps(whole(0));
    assert_non_null(strstr(expected, " crash "));
    static const unsigned variants[] = {NO_GROUP, NO_FAULT, NO_WORKLOAD, NO_GROUP | NO_FAULT | NO_WORKLOAD, REVERSED};
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        char *other = common_steps(whole(variants[i]));
        assert_string_equal(other, expected);
        free(other);
    }
    free(expected);
}

static void flapping_peers_leave_no_pile_of_dead_actions(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(20000 * SECOND);
    fixture_group(fixture, "flapping", 2);
    fixture_churn(fixture, "on-off", 1, fixture_constant(500000000), fixture_constant(500000000));
    fixture_workload(fixture, "tell", &fixture_publish, 1, fixture_constant(20000 * SECOND));
    fixture_plan(fixture);
    struct fixture_steps all = fixture_run(fixture); /* 40,000 incarnations; the queue asserts its bound */
    assert_in_range(all.count, 80000 - 4, 80000 + 4);
    assert_ordered(&all);
    free(all.steps);
    fixture_free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_without_churn_is_up_from_the_start_to_the_end),
        cmocka_unit_test(a_stationary_start_keeps_its_availability),
        cmocka_unit_test(a_stationary_start_without_a_mean_is_refused_at_its_place),
        cmocka_unit_test(a_session_that_never_lasts_is_refused),
        cmocka_unit_test(a_peer_in_two_churn_entries_is_an_error_at_the_second),
        cmocka_unit_test(constant_spans_begin_as_the_start_says_and_end_at_the_duration),
        cmocka_unit_test(what_is_due_at_the_limit_waits_for_the_next_call),
        cmocka_unit_test(down_and_up_at_one_instant_come_in_that_order),
        cmocka_unit_test(a_crash_overrides_churn_and_a_fresh_session_follows),
        cmocka_unit_test(a_crash_without_restart_lasts_to_the_end),
        cmocka_unit_test(two_crashes_at_one_instant_strike_a_peer_once),
        cmocka_unit_test(crashes_of_two_names_strike_independently),
        cmocka_unit_test(faults_begin_and_end_inside_the_run),
        cmocka_unit_test(bootstraps_are_uniform_over_the_peers_that_are_up),
        cmocka_unit_test(a_constant_workload_keeps_to_its_grid_over_incarnations),
        cmocka_unit_test(a_counted_workload_stops_at_its_count),
        cmocka_unit_test(gaps_of_a_workload_have_their_mean),
        cmocka_unit_test(adding_or_permuting_entries_leaves_the_other_steps_as_they_were),
        cmocka_unit_test(flapping_peers_leave_no_pile_of_dead_actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
