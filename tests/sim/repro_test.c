/* Published results: judging replicates, and running jobs in processes of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reactor/base/diagnostic.h"
#include "sim/repro/repro.h"
#include "topologies/scenario.h"

#define NEAR(value, wanted, room) assert_true(fabs((value) - (wanted)) <= (room))

/* --- judging --- */

/* The half width over the standard error of the mean is the quantile. */
static void interval_is_students(void **state)
{
    (void) state;
    static const struct {
        uint32_t count;
        double quantile; /* of any table of Student's t */
    } cases[] = {{2, 12.7062}, {3, 4.3027}, {5, 2.7764}, {6, 2.5706}, {7, 2.4469}, {8, 2.3646}, {11, 2.2281}, {31, 2.0423}, {101, 1.9840}};
    struct repro_figure figure = {.published = 3, .tolerance = 0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double values[101], sum = 0, squares = 0;
        for (uint32_t j = 0; j < cases[i].count; j++)
            sum += values[j] = j % 3;
        for (uint32_t j = 0; j < cases[i].count; j++)
            squares += pow(values[j] - sum / cases[i].count, 2);
        struct repro_verdict verdict = repro_judge(&figure, values, cases[i].count);
        double error = sqrt(squares / (cases[i].count - 1) / cases[i].count);
        NEAR(verdict.mean, sum / cases[i].count, 1e-12);
        NEAR(verdict.half / error, cases[i].quantile, 2e-4);
    }
}

static void tolerance_is_absolute_or_a_share_of_the_published_value(void **state)
{
    (void) state;
    struct repro_figure absolute = {.published = 20, .tolerance = 0.5}, relative = absolute;
    relative.relative = true;
    relative.tolerance = 0.03;
    assert_true(repro_judge(&absolute, (double[]){20.5}, 1).pass);
    assert_false(repro_judge(&absolute, (double[]){20.51}, 1).pass);
    assert_true(repro_judge(&absolute, (double[]){19.5}, 1).pass);
    assert_false(repro_judge(&absolute, (double[]){19.49}, 1).pass);
    assert_true(repro_judge(&relative, (double[]){20.6, 19.4, 20.6}, 3).pass);
    assert_false(repro_judge(&relative, (double[]){20.61}, 1).pass);
    assert_true(isnan(repro_judge(&absolute, (double[]){20}, 1).half));
}

static void run_without_a_value_fails_the_figure(void **state)
{
    (void) state;
    struct repro_figure figure = {.published = 1, .tolerance = 10};
    struct repro_verdict verdict = repro_judge(&figure, (double[]){1, NAN, 3}, 3);
    assert_false(verdict.pass);
    assert_int_equal(verdict.count, 2);
    NEAR(verdict.mean, 2, 0);
    verdict = repro_judge(&figure, (double[]){NAN}, 1);
    assert_false(verdict.pass);
    assert_true(isnan(verdict.mean));
}

/* --- running --- */

static int peers(const struct scenario *scenario, double *numbers, struct base_diagnostics *diagnostics)
{
    (void) diagnostics;
    numbers[0] = (double) scenario->peer_count + (double) scenario->seed / 100;
    return 0;
}

static int dies(const struct scenario *scenario, double *numbers, struct base_diagnostics *diagnostics)
{
    (void) scenario, (void) numbers, (void) diagnostics;
    abort();
}

static int refuses(const struct scenario *scenario, double *numbers, struct base_diagnostics *diagnostics)
{
    (void) numbers;
    base_diagnose(diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "no %s for me", scenario->name);
    return -EINVAL;
}

#define PAPERS PEERLAB_SOURCE_DIR "/topologies/papers"

static const struct repro_row row = {.name = "T1", .scenario = "c9-epidemic-rounds.yaml"};
static const struct repro_figure measured[] = {{.name = "peers", .scale = 2, .offset = 1}};
static const struct repro_figure ran[] = {
    {.name = "published", .path = "broadcasts.published"},
    {.name = "sent a peer", .path = "messages.sent", .per = "peers"},
    {.name = "no such figure", .path = "messages.tasted"},
    {.name = "of the trace", .sql = "SELECT count(*) FROM delivery"},
    {.name = "not in the trace", .sql = "SELECT max(hops) FROM lookup"},
};
static const char *const few[] = {"peers.0.count=20", "duration=20 s", "trace.record=[broadcasts]", NULL};
static const char *const wrong[] = {"peers.0.count=none", NULL};

static const struct repro_condition conditions[] = {
    {.name = "measured", .sets = few, .measure = peers, .figures = measured, .figure_count = 1},
    {.name = "deadly", .sets = few, .measure = dies, .figures = measured, .figure_count = 1},
    {.name = "refused", .sets = few, .measure = refuses, .figures = measured, .figure_count = 1},
    {.name = "wrong", .sets = wrong, .measure = peers, .figures = measured, .figure_count = 1},
};

static int count_ended(void *context, uint32_t job)
{
    *(uint32_t *) context += job < 4;
    return 0;
}

static void each_job_has_a_process_and_its_own_end(void **state)
{
    (void) state;
    struct repro_job jobs[4];
    struct repro_result results[4];
    static const volatile sig_atomic_t stop;
    uint32_t ended = 0;
    for (uint32_t i = 0; i < 4; i++)
        jobs[i] = (struct repro_job){.row = &row, .condition = &conditions[i], .folder = PAPERS, .seed = 5 + i};
    struct repro_crew crew = {.jobs = jobs, .results = results, .job_count = 4, .workers = 3, .stop = &stop,
                              .ended = count_ended, .context = &ended};
    assert_int_equal(repro_crew_run(&crew), 0);
    assert_int_equal(ended, 4);
    assert_int_equal(results[0].status, REPRO_GOOD);
    NEAR(results[0].values[0], 1 + 2 * 20.05, 1e-12);
    assert_int_equal(results[1].status, REPRO_DIED);
    assert_non_null(strstr(results[1].message, "signal 6"));
    assert_int_equal(results[2].status, REPRO_INPUT_AT_FAULT);
    assert_non_null(strstr(results[2].message, "no c9-epidemic-rounds for me"));
    assert_int_equal(results[3].status, REPRO_INPUT_AT_FAULT);
    assert_non_null(strstr(results[3].message, "peers.0.count=none"));
}

static int stop_at_once(void *context, uint32_t job)
{
    (void) context, (void) job;
    return 1;
}

static void crew_that_is_stopped_leaves_nobody_behind(void **state)
{
    (void) state;
    struct repro_job jobs[8];
    struct repro_result results[8];
    static const volatile sig_atomic_t stop;
    for (uint32_t i = 0; i < 8; i++)
        jobs[i] = (struct repro_job){.row = &row, .condition = &conditions[0], .folder = PAPERS, .seed = 1};
    struct repro_crew crew = {.jobs = jobs, .results = results, .job_count = 8, .workers = 2, .stop = &stop,
                              .ended = stop_at_once};
    assert_int_equal(repro_crew_run(&crew), 1);
    errno = 0;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void figures_come_from_the_summary_and_from_the_trace(void **state)
{
    (void) state;
    struct repro_condition condition = {.name = "ran", .sets = few, .figures = ran,
                                        .figure_count = sizeof ran / sizeof *ran};
    char trace[] = "repro_test_XXXXXX";
    int descriptor = mkstemp(trace);
    assert_true(descriptor >= 0);
    close(descriptor);
    struct repro_job job = {.row = &row, .condition = &condition, .folder = PAPERS, .trace = trace, .seed = 1};
    struct repro_result result;
    assert_true(repro_condition_traces(&condition));
    repro_job_run(&job, &result);
    unlink(trace);
    assert_int_equal(result.status, REPRO_GOOD);
    NEAR(result.values[0], 1, 0);
    assert_true(result.values[1] > 1 && result.values[1] < 20);
    assert_true(isnan(result.values[2]));
    NEAR(result.values[3], 19, 0);
    assert_true(isnan(result.values[4]));
}

static void each_row_is_whole(void **state)
{
    (void) state;
    for (uint32_t i = 0; repro_rows[i]; i++) {
        for (uint32_t c = 0; c < repro_rows[i]->condition_count; c++) {
            const struct repro_condition *condition = &repro_rows[i]->conditions[c];
            assert_in_range(condition->figure_count, 1, REPRO_FIGURES_MAX);
            assert_true(condition->seconds > 0);
            for (uint32_t f = 0; f < condition->figure_count; f++) {
                const struct repro_figure *figure = &condition->figures[f];
                assert_int_equal((figure->path != NULL) + (figure->sql != NULL) + (condition->measure != NULL), 1);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interval_is_students),
        cmocka_unit_test(tolerance_is_absolute_or_a_share_of_the_published_value),
        cmocka_unit_test(run_without_a_value_fails_the_figure),
        cmocka_unit_test(each_job_has_a_process_and_its_own_end),
        cmocka_unit_test(crew_that_is_stopped_leaves_nobody_behind),
        cmocka_unit_test(figures_come_from_the_summary_and_from_the_trace),
        cmocka_unit_test(each_row_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
