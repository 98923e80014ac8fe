/* What a timer costs while N are pending: arming, re-arming, cancelling and firing one, as bench_timers does, but by
 * way of a whole loop under the real clock, which is what the other libraries have. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "reactor/base/random.h"
#include "tests/bench/event_loops/timer_subjects.h"

#define FAR_NS UINT64_C(60000000000)  /* none fires meanwhile */
#define SOON_NS UINT64_C(500000000)   /* those that are to fire are due within */

enum phase { ARM, REARM, CANCEL, FIRE, PHASES };
static const char *const phase_names[PHASES] = {"arm", "re-arm", "cancel", "fire"};
static const double wanted_ns[PHASES] = {30, 60, 30, 130};

struct job {
    const struct timer_subject *subject;
    uint32_t count;
    void *state;
    uint64_t draws;
};

static uint64_t delay_ns(struct job *job, uint64_t span_ns)
{
    return span_ns + base_random_below(base_random_at(11, job->draws++), span_ns);
}

static void each(struct job *job, void call(void *state, uint32_t number, uint64_t delay_ns), uint64_t span_ns)
{
    job->subject->refresh(job->state);
    for (uint32_t i = 0; i < job->count; i++)
        call(job->state, i, delay_ns(job, span_ns));
}

static void cancel_each(struct job *job)
{
    for (uint32_t i = 0; i < job->count; i++)
        job->subject->cancel(job->state, i);
}

static double lap(struct bench_figures *figures)
{
    bench_end(figures);
    double ns = figures->cpu_ns;
    bench_begin(figures);
    return ns;
}

/* The second round is measured: the first one takes its memory from the system. */
static void run_job(void *context, struct bench_figures *figures)
{
    struct job *job = context;
    uint64_t fired = 0;
    job->state = job->subject->create(job->count, &fired);
    each(job, job->subject->arm, FAR_NS);
    cancel_each(job);
    bench_begin(figures);
    each(job, job->subject->arm, FAR_NS);
    figures->values[ARM] = lap(figures);
    each(job, job->subject->rearm, FAR_NS);
    figures->values[REARM] = lap(figures);
    cancel_each(job);
    figures->values[CANCEL] = lap(figures);
    each(job, job->subject->arm, SOON_NS);
    struct timespec wait = {(time_t) (2 * SOON_NS / 1000000000), 10000000};
    while (nanosleep(&wait, &wait) < 0 && errno == EINTR)
        continue;
    lap(figures);
    while (fired < job->count)
        job->subject->run(job->state);
    figures->values[FIRE] = lap(figures);
}

static bool measure(struct bench *bench, const struct timer_subject *subject,
                    double ns[PHASES][BENCH_REPETITIONS_MAX], uint32_t repetition)
{
    struct job job = {.subject = subject, .count = bench->timers};
    struct bench_figures figures;
    if (!bench_in_child(run_job, &job, &figures))
        return false;
    for (unsigned phase = 0; phase < PHASES; phase++)
        ns[phase][repetition] = figures.values[phase] / bench->timers;
    return true;
}

#define SUBJECTS 4u
struct all_timers {
    const struct timer_subject *subjects[SUBJECTS];
    const char *reasons[SUBJECTS];
    double ns[SUBJECTS][PHASES][BENCH_REPETITIONS_MAX];
};

static void report(struct bench *bench, struct all_timers *all, unsigned phase)
{
    char title[64];
    snprintf(title, sizeof title, "timers, %u pending: %s", bench->timers, phase_names[phase]);
    bench_report_head(bench, title, "ns", all->reasons[0] ? NULL : "reactor");
    for (unsigned i = 0; i < SUBJECTS; i++) {
        struct bench_row row = {.part = phase_names[phase], .subject = all->subjects[i]->name, .beside = "reactor",
                                .unit = "ns of CPU a timer", .reason = all->reasons[i], .user_ns = NAN, .calls = NAN};
        double ratios[BENCH_REPETITIONS_MAX];
        for (uint32_t r = 0; r < bench->repetitions; r++)
            ratios[r] = all->ns[i][phase][r] / all->ns[0][phase][r];
        row.has_ratio = i && !all->reasons[0];
        if (!row.reason) {
            row.figure = bench_median(all->ns[i][phase], bench->repetitions);
            row.ratio = bench_interval_of(ratios, bench->repetitions);
        }
        if (i == 0)
            row.goal = (struct bench_goal){BENCH_AT_MOST, wanted_ns[phase]};
        bench_report_row(bench, &row);
    }
}

bool bench_timers(struct bench *bench)
{
    struct all_timers all = {.subjects = {&timers_ours, &timers_libev, &timers_libuv, &timers_libevent}};
    bool good = true;
    for (unsigned i = 0; i < SUBJECTS; i++)
        all.reasons[i] = bench_is_chosen(bench, all.subjects[i]->name) ? all.subjects[i]->missing : "not asked for";
    for (uint32_t r = 0; r < bench->repetitions; r++)
        for (unsigned i = 0; i < SUBJECTS; i++)
            if (!all.reasons[i] && !measure(bench, all.subjects[i], all.ns[i], r)) {
                all.reasons[i] = "failed";
                good = false;
            }
    for (unsigned phase = 0; phase < PHASES; phase++)
        report(bench, &all, phase);
    return good;
}
