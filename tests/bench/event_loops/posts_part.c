/* What a post from another thread costs the one who posts: while the loop is busy with something else, and while it
 * takes what comes; and how often a loop that sleeps is woken. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "reactor/loop.h"
#include "tests/bench/event_loops/bench.h"

#define RING 65536u
#define BUSY_POSTS 50000u   /* fit into the ring, which nobody empties */
#define TAKEN_POSTS 2000000u
#define SLEEPING_POSTS 200u /* one a millisecond */

enum { COST, WAKES }; /* of bench_figures' values */

struct job {
    struct reactor_loop *loop;
    struct bench_figures *figures;
    uint32_t posts;
    uint64_t taken;
};

static double thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e9 * (double) now.tv_sec + (double) now.tv_nsec;
}

static void take(void *context, struct reactor_entry *entry)
{
    struct job *job = context;
    (void) entry;
    if (++job->taken == job->posts)
        reactor_loop_stop(job->loop);
}

static void create(struct job *job, struct bench_figures *figures)
{
    int result = reactor_loop_create(&job->loop, &(struct reactor_loop_options){.posted_max = RING});
    if (result < 0)
        bench_fail("a loop", result);
    job->figures = figures;
    reactor_loop_dispatch_set(job->loop, &(struct reactor_dispatch){
        .context = job, .handle = {[REACTOR_USER] = take}});
}

/* A minute: the loop sleeps in its demultiplexer until it is stopped. */
static void run_loop(struct job *job)
{
    int result = reactor_loop_run(job->loop, UINT64_C(60000000000));
    if (result != REACTOR_STOPPED)
        bench_fail("a loop", result);
}

static bool post(struct job *job, uint32_t count)
{
    struct reactor_entry entry = {.count = count, .order = REACTOR_USER};
    return reactor_loop_post(job->loop, &entry) == 0;
}

/* Refused posts cost nothing that is told: the clock stands while the ring empties. */
static void *post_all(void *context)
{
    struct job *job = context;
    double spent_ns = 0, begun_ns = thread_ns();
    for (uint32_t i = 0; i < job->posts; i++) {
        if (post(job, i))
            continue;
        spent_ns += thread_ns() - begun_ns;
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        i--;
        begun_ns = thread_ns();
    }
    job->figures->values[COST] = (spent_ns + thread_ns() - begun_ns) / job->posts;
    return NULL;
}

static void in_thread(struct job *job, void *body(void *context), pthread_t *thread)
{
    if (pthread_create(thread, NULL, body, job) != 0)
        bench_fail("a thread", 0);
}

/* write calls of this process so far, as the kernel accounts them; negative: it does not. */
static long long writes_so_far(void)
{
    char line[128];
    long long writes = -1;
    FILE *file = fopen("/proc/self/io", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "syscw: %lld", &writes) == 1)
            break;
    if (file)
        fclose(file);
    return writes;
}

/* The loop's thread does something else, and takes all of it afterwards. */
static void run_busy(void *context, struct bench_figures *figures)
{
    struct job *job = context;
    pthread_t poster;
    create(job, figures);
    job->posts = BUSY_POSTS;
    long long writes = 0;
    for (unsigned round = 0; round < 2; round++) { /* the first one takes the ring's memory from the system */
        job->taken = 0;
        writes = writes_so_far();
        in_thread(job, post_all, &poster);
        pthread_join(poster, NULL);
        writes = writes_so_far() - writes;
        run_loop(job);
    }
    figures->values[WAKES] = (double) writes / job->posts;
}

static void run_taken(void *context, struct bench_figures *figures)
{
    struct job *job = context;
    pthread_t poster;
    create(job, figures);
    job->posts = TAKEN_POSTS;
    in_thread(job, post_all, &poster);
    run_loop(job);
    pthread_join(poster, NULL);
}

static void *post_slowly(void *context)
{
    struct job *job = context;
    for (uint32_t i = 0; i < job->posts; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        if (!post(job, i))
            bench_fail("a post was refused", 0);
    }
    return NULL;
}

static void run_sleeping(void *context, struct bench_figures *figures)
{
    struct job *job = context;
    pthread_t poster;
    create(job, figures);
    job->posts = SLEEPING_POSTS;
    long long writes = writes_so_far();
    in_thread(job, post_slowly, &poster);
    run_loop(job);
    pthread_join(poster, NULL);
    writes = writes_so_far() - writes;
    figures->values[WAKES] = (double) writes / job->posts;
}

static bool measure(struct bench *bench, void job_function(void *context, struct bench_figures *figures),
                    unsigned value, double *median)
{
    double values[BENCH_REPETITIONS_MAX];
    for (uint32_t i = 0; i < bench->repetitions; i++) {
        struct job job = {.posts = 0};
        struct bench_figures figures;
        if (!bench_in_child(job_function, &job, &figures))
            return false;
        values[i] = figures.values[value];
    }
    *median = bench_median(values, bench->repetitions);
    return true;
}

static bool report_cost(struct bench *bench, const char *subject,
                        void job_function(void *context, struct bench_figures *figures))
{
    struct bench_row row = {.part = "posts", .subject = subject, .unit = "ns of CPU a post", .user_ns = NAN,
                            .calls = NAN, .goal = {BENCH_AT_MOST, 10}};
    bool good = measure(bench, job_function, COST, &row.figure);
    row.reason = good ? NULL : "failed";
    bench_report_row(bench, &row);
    return good;
}

static bool report_wakes(struct bench *bench, const char *subject,
                         void job_function(void *context, struct bench_figures *figures), double wanted)
{
    struct bench_row row = {.part = "wakes", .subject = subject, .unit = "wake-ups a post", .user_ns = NAN,
                            .calls = NAN, .goal = {BENCH_AT_MOST, wanted}};
    bool counted = writes_so_far() >= 0, good = !counted || measure(bench, job_function, WAKES, &row.figure);
    row.reason = !counted ? "the kernel counts no writes (/proc/self/io)" : good ? NULL : "failed";
    bench_report_row(bench, &row);
    return good;
}

bool bench_posts(struct bench *bench)
{
    bench_report_head(bench, "posts from another thread", "ns a post", NULL);
    bool good = report_cost(bench, "loop busy", run_busy);
    good &= report_cost(bench, "loop takes them", run_taken);
    bench_report_head(bench, "posts from another thread", "wake-ups", NULL);
    good &= report_wakes(bench, "loop busy", run_busy, 0);
    good &= report_wakes(bench, "loop asleep", run_sleeping, 1);
    return good;
}
