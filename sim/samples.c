#include "sim/samples.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "sim/effects.h"

#define REAL_SPEED_PPM UINT64_C(1000000)
#define PERIOD_NS_LEAST UINT64_C(100000000)
#define PERIOD_NS_MOST UINT64_C(1000000000)
#define SAMPLES_A_RUN 1000u

struct samples {
    uint64_t period_ns; /* of the run's clock */
    struct reactor_statistics before, now, since; /* since: what came between them */
};

/* Since the sample before, where it is not a gauge. */
struct metric_of_loop {
    const char *name;
    enum { COUNTER, GAUGE, MEAN, QUANTILE, MOST } what;
    size_t offset; /* in struct reactor_statistics */
    uint32_t ppm;
    double unit;   /* that many to one of the metric's */
};

#define AT(field) offsetof(struct reactor_statistics, field)
#define US 1e3

static const struct metric_of_loop metrics[] = {
    {"loop.turns", COUNTER, AT(turns), 0, 1},
    {"loop.waits", COUNTER, AT(waits), 0, 1},
    {"loop.descriptor_events", COUNTER, AT(descriptor_events), 0, 1},
    {"loop.entries", COUNTER, AT(entries), 0, 1},
    {"loop.stale_events", COUNTER, AT(stale_events), 0, 1},
    {"loop.handlers", GAUGE, AT(handlers), 0, 1},
    {"loop.queue_depth", GAUGE, AT(entries_pending), 0, 1},
    {"loop.events_a_turn", MEAN, AT(events_a_turn), 0, 1},
    {"loop.events_a_turn_p99", QUANTILE, AT(events_a_turn), 990000, 1},
    {"loop.lag_us_p50", QUANTILE, AT(entry_lag_ns), 500000, US},
    {"loop.lag_us_p99", QUANTILE, AT(entry_lag_ns), 990000, US},
    {"loop.lag_us_max", MOST, AT(entry_lag_ns), 0, US},
    {"loop.handler_us_p99", QUANTILE, AT(handler_ns), 990000, US},
    {"loop.handler_us_max", MOST, AT(handler_ns), 0, US},
};
_Static_assert(sizeof metrics / sizeof *metrics == SAMPLES_METRICS, "a name each");

bool samples_wanted(const struct run *run)
{
    return run->waits && run->options.trace_path && (run->scenario->record & TOPOLOGY_RECORD_SAMPLES);
}

void samples_names(const char *names[SAMPLES_METRICS])
{
    for (uint32_t i = 0; i < SAMPLES_METRICS; i++)
        names[i] = metrics[i].name;
}

static void push_next(struct shard *shard, uint64_t due_ns)
{
    if (due_ns >= shard->run->scenario->duration_ns)
        return;
    struct reactor_entry entry = {.due_ns = due_ns, .source = UINT32_MAX, .order = REACTOR_USER};
    if (reactor_queue_push(shard->queue, &entry) < 0)
        run_fail(shard, -ENOBUFS, UINT32_MAX, "too many pending events");
}

static uint64_t period_ns(const struct run *run)
{
    uint64_t scale_ppm = reactor_loop_clock(run->shards[0].loop)->scale_ppm;
    uint64_t real_ns = (uint64_t) ((unsigned __int128) run->scenario->duration_ns * REAL_SPEED_PPM / scale_ppm);
    uint64_t wanted_ns = real_ns / SAMPLES_A_RUN;
    wanted_ns = wanted_ns < PERIOD_NS_LEAST ? PERIOD_NS_LEAST : wanted_ns < PERIOD_NS_MOST ? wanted_ns : PERIOD_NS_MOST;
    return (uint64_t) ((unsigned __int128) wanted_ns * scale_ppm / REAL_SPEED_PPM) + 1;
}

void samples_begin(struct run *run)
{
    if (!samples_wanted(run))
        return;
    run->samples = calloc(1, sizeof *run->samples);
    base_assert(run->samples);
    run->samples->period_ns = period_ns(run);
    reactor_loop_statistics_read(run->shards[0].loop, &run->samples->now);
    push_next(&run->shards[0], run->samples->period_ns);
}

void samples_end(struct run *run)
{
    free(run->samples);
    run->samples = NULL;
}

static double value_of(const struct samples *samples, const struct metric_of_loop *metric)
{
    const uint8_t *now = (const uint8_t *) &samples->now, *before = (const uint8_t *) &samples->before;
    const struct reactor_histogram *since =
        (const struct reactor_histogram *) (const void *) ((const uint8_t *) &samples->since + metric->offset);
    uint64_t count, earlier;
    switch (metric->what) {
    case MEAN: return reactor_histogram_mean(since) / metric->unit;
    case QUANTILE: return (double) reactor_histogram_quantile(since, metric->ppm) / metric->unit;
    case MOST: return (double) since->most / metric->unit;
    default:
        memcpy(&count, now + metric->offset, sizeof count);
        memcpy(&earlier, before + metric->offset, sizeof earlier);
        return (double) (metric->what == COUNTER ? count - earlier : count) / metric->unit;
    }
}

void samples_take(void *context, struct reactor_entry *entry)
{
    struct shard *shard = context;
    struct run *run = shard->run;
    struct samples *samples = run->samples;
    samples->before = samples->now;
    reactor_loop_statistics_read(shard->loop, &samples->now);
    samples->since = samples->now;
    reactor_histogram_since(&samples->since.events_a_turn, &samples->before.events_a_turn);
    reactor_histogram_since(&samples->since.entry_lag_ns, &samples->before.entry_lag_ns);
    reactor_histogram_since(&samples->since.handler_ns, &samples->before.handler_ns);
    uint64_t now_ns = reactor_loop_now(shard->loop);
    for (uint32_t i = 0; i < SAMPLES_METRICS; i++) {
        struct trace_sample row = {.at_ns = now_ns, .peer = TRACE_NONE_U32, .metric = (uint8_t) (run->metric_count + i),
                                   .value = value_of(samples, &metrics[i])};
        effect(shard, EFFECT_SAMPLE, &row, sizeof row);
    }
    uint64_t next_ns = entry->due_ns + samples->period_ns;
    push_next(shard, next_ns > now_ns ? next_ns : now_ns + samples->period_ns); /* what was missed is not made up for */
}
