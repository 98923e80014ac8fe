/* Two loops on two cores beside one: ping-pong over pairs of their own, nothing shared; messages a second of wall time.
 * And what would be reached at most: two raw loops. */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "reactor/handler.h"
#include "tests/bench/event_loops/world.h"

#define PAIRS 100u
#define LOOPS 2u
#define MESSAGES_EACH 100000u

struct job {
    const struct world_subject *subject;
    uint32_t loops;
    pthread_barrier_t barrier;
};

struct thread {
    struct job *job;
    uint32_t core; /* of those that this process may use */
    struct bench_figures figures;
    pthread_t thread;
};

static void settle(uint32_t core)
{
    cpu_set_t allowed, one;
    CPU_ZERO(&one);
    if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        return;
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &allowed) && core-- == 0)
            CPU_SET(i, &one);
    (void) sched_setaffinity(0, sizeof one, &one); /* fails with fewer cores than loops; then they share */
}

static void *run_thread(void *context)
{
    struct thread *thread = context;
    struct world world = {.pairs = PAIRS, .active = PAIRS, .messages = MESSAGES_EACH, .figures = &thread->figures};
    settle(thread->core);
    world_open(&world);
    pthread_barrier_wait(&thread->job->barrier);
    thread->job->subject->run(&world, thread->job->subject->argument);
    return NULL;
}

/* The slower thread counts: both began at once. */
static void run_job(void *context, struct bench_figures *figures)
{
    struct job *job = context;
    struct thread threads[LOOPS];
    pthread_barrier_init(&job->barrier, NULL, job->loops);
    for (uint32_t i = 0; i < job->loops; i++) {
        threads[i] = (struct thread){.job = job, .core = i};
        if (pthread_create(&threads[i].thread, NULL, run_thread, &threads[i]) != 0)
            bench_fail("a thread", 0);
    }
    for (uint32_t i = 0; i < job->loops; i++) {
        pthread_join(threads[i].thread, NULL);
        figures->wall_ns = fmax(figures->wall_ns, threads[i].figures.wall_ns);
    }
    figures->done = (double) job->loops * MESSAGES_EACH;
}

static bool measure(const struct world_subject *subject, uint32_t loops, double *rate)
{
    struct job job = {.subject = subject, .loops = loops};
    struct bench_figures figures;
    if (!bench_in_child(run_job, &job, &figures))
        return false;
    *rate = figures.done / figures.wall_ns;
    return true;
}

static bool run_subject(struct bench *bench, const struct world_subject *subject, double goal)
{
    struct bench_row row = {.part = "loops", .subject = subject->name, .unit = "ns of wall time a message",
                            .beside = "one loop", .user_ns = NAN, .calls = NAN, .has_ratio = true,
                            .goal = {goal > 0 ? BENCH_AT_LEAST : BENCH_NOTHING, goal}};
    double ns[BENCH_REPETITIONS_MAX], ratios[BENCH_REPETITIONS_MAX], rates[LOOPS + 1] = {1, 1, 1};
    bool good = true;
    for (uint32_t i = 0; good && i < bench->repetitions; i++) {
        for (unsigned turn = 0; good && turn < 2; turn++) {
            uint32_t loops = (turn + i) % 2 ? 1 : LOOPS;
            good = measure(subject, loops, &rates[loops]);
        }
        ns[i] = 1 / rates[LOOPS];
        ratios[i] = rates[LOOPS] / rates[1];
    }
    row.reason = good ? NULL : "failed";
    if (good) {
        row.figure = bench_median(ns, bench->repetitions);
        row.ratio = bench_interval_of(ratios, bench->repetitions);
    }
    bench_report_row(bench, &row);
    return good;
}

bool bench_two_loops(struct bench *bench)
{
    bench_report_head(bench, "two loops on two cores: ping-pong, 100 pairs each; throughput beside one", "ns", "one");
    bool good = run_subject(bench, &world_bare[0], 0);
    for (const struct world_subject *subject = world_handlers; subject->name; subject++)
        if (subject->goals.small > 0 && bench_is_chosen(bench, subject->name))
            good &= run_subject(bench, subject, 1.7);
    for (const struct world_subject *subject = world_streams; subject->name; subject++)
        if (bench_is_chosen(bench, subject->name))
            good &= run_subject(bench, subject, 1.7);
    return good;
}
