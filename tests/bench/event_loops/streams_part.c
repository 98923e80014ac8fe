/* Chain and ping-pong: each subject and the raw loop in turns, so that what the machine lends to others meets both. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reactor/demultiplexer.h"
#include "tests/bench/event_loops/world.h"

#define TRACED_MESSAGES 4000u
#define SPARE_DESCRIPTORS 100u /* beside the pairs: standard streams, the loop's own */

struct job {
    struct world world;
    const struct world_subject *subject;
};

static const struct world_subject *const tables[] = {world_bare, world_uring, world_handlers, world_streams,
                                                     world_libuv, world_libev, world_libevent};

static void run_job(void *context, struct bench_figures *figures)
{
    struct job *job = context;
    job->world.figures = figures;
    world_open(&job->world);
    job->subject->run(&job->world, job->subject->argument);
    if (job->world.phase != 2)
        bench_fail(job->subject->name, 0);
}

static bool measure(const struct world *world, const struct world_subject *subject, struct bench_figures *figures)
{
    struct job job = {.world = *world, .subject = subject};
    return bench_in_child(run_job, &job, figures);
}

/* System calls a message, of fewer messages: being traced is slow. */
static double calls_a_message(const struct world *world, const struct world_subject *subject)
{
    struct job job = {.world = *world, .subject = subject};
    struct bench_figures figures;
    job.world.messages = TRACED_MESSAGES + 2 * world->active;
    return bench_in_traced_child(run_job, &job, &figures) ? figures.calls / figures.done : (double) NAN;
}

static const char *why_not(const struct world *world, const struct world_subject *subject)
{
    if (subject->missing)
        return subject->missing;
    if (subject->demultiplexer && !reactor_demultiplexer_find(subject->demultiplexer))
        return "not built in";
    if (subject->descriptors_max && 2 * world->pairs + SPARE_DESCRIPTORS > subject->descriptors_max)
        return "more descriptors than it takes";
    if (subject->pairs_max && world->pairs > subject->pairs_max)
        return "too slow with so many";
    return NULL;
}

static void set_goals(struct bench_row *row, const struct world *world, const struct world_goals *goals)
{
    double ratio = world->pairs <= 1000 ? goals->small : goals->large;
    if (world->pairs > 1000 && !world->is_chain && goals->large_active > 0)
        ratio = goals->large_active;
    if (ratio > 0)
        row->goal = (struct bench_goal){BENCH_AT_MOST, ratio};
    if (goals->user_ns > 0)
        row->user_goal = (struct bench_goal){BENCH_AT_MOST, goals->user_ns};
    /* A loop that asks the kernel once a turn asks once for what is under way: with less, nothing could reach it. */
    if (goals->calls > 0 && goals->calls * world->active >= 1)
        row->calls_goal = (struct bench_goal){BENCH_AT_MOST, goals->calls};
}

struct series {
    double ns[BENCH_REPETITIONS_MAX], ratio[BENCH_REPETITIONS_MAX];
    double user_ns, done, reads; /* user_ns, done: summed, for the clock of user time may be coarse */
};

static bool measure_pair(const struct world *world, const struct world_subject *subject,
                         const struct world_subject *beside, uint32_t i, struct series *series)
{
    struct bench_figures raw = {0}, own = {0};
    bool good = true;
    for (unsigned turn = 0; turn < 2; turn++) /* who goes first changes */
        good = good && ((turn + i) % 2 ? measure(world, subject, &own) : measure(world, beside, &raw));
    series->ns[i] = own.cpu_ns / own.done;
    series->ratio[i] = own.cpu_ns / own.done / (raw.cpu_ns / raw.done);
    series->user_ns += own.user_ns;
    series->done += own.done;
    series->reads = own.values[0];
    return good;
}

static bool run_subject(struct bench *bench, const struct world *world, const struct world_subject *subject)
{
    const struct world_subject *beside = bench->beside_uring ? &world_uring[0] : &world_bare[0];
    struct bench_row row = {.part = world->is_chain ? "chain" : "ping_pong", .subject = subject->name,
                            .unit = "ns of CPU a message", .reason = why_not(world, subject), .beside = beside->name};
    struct series series = {.done = 0};
    bool good = true;
    char remark[64];
    for (uint32_t i = 0; !row.reason && good && i < bench->repetitions; i++)
        good = measure_pair(world, subject, beside, i, &series);
    if (!good)
        row.reason = "failed";
    if (!row.reason) {
        row.figure = bench_median(series.ns, bench->repetitions);
        row.has_ratio = subject != beside;
        row.ratio = bench_interval_of(series.ratio, bench->repetitions);
        row.user_ns = series.user_ns / series.done;
        row.calls = calls_a_message(world, subject);
        if (!bench->beside_uring)
            set_goals(&row, world, &subject->goals);
        snprintf(remark, sizeof remark, "messages merged: %.3f reads each", series.reads);
        row.remark = series.reads < .98 ? remark : NULL;
    }
    row.pairs = world->pairs;
    bench_report_row(bench, &row);
    return good;
}

static bool run_shape(struct bench *bench, bool is_chain, uint32_t pairs)
{
    struct world world = {.is_chain = is_chain, .pairs = pairs, .active = is_chain ? (pairs + 9) / 10 : pairs,
                          .messages = bench->messages};
    char title[96];
    bool good = true;
    snprintf(title, sizeof title, "%s, %u pairs, %u messages of %u octets under way", is_chain ? "chain" : "ping-pong",
             pairs, world.active, WORLD_MESSAGE_BYTES);
    bench_report_head(bench, title, "ns", bench->beside_uring ? "raw uring" : "raw");
    if (!bench_descriptors(2 * pairs + SPARE_DESCRIPTORS)) {
        bench_report_row(bench, &(struct bench_row){.part = is_chain ? "chain" : "ping_pong", .subject = "all",
                         .pairs = pairs, .reason = "the hard limit on descriptors (ulimit -Hn) is too low"});
        return true;
    }
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct world_subject *subject = tables[t]; subject->name; subject++)
            if (bench_is_chosen(bench, subject->name))
                good &= run_subject(bench, &world, subject);
    return good;
}

static bool run_shapes(struct bench *bench, bool is_chain)
{
    bool good = true;
    for (uint32_t i = 0; i < bench->pairs_count; i++)
        good &= run_shape(bench, is_chain, bench->pairs[i]);
    return good;
}

bool bench_chain(struct bench *bench)
{
    return run_shapes(bench, true);
}

bool bench_ping_pong(struct bench *bench)
{
    return run_shapes(bench, false);
}
