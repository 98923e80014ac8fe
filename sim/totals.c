/* The totals of a run as the figures of its summary. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "sim/run.h"

uint64_t run_wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

uint64_t run_cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t) usage.ru_utime.tv_sec * 1000000000u + (uint64_t) usage.ru_utime.tv_usec * 1000u;
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole ? (double) part / (double) whole : NAN;
}

static double quantile(const struct base_histogram *histogram, uint32_t ppm, double unit)
{
    return base_histogram_count(histogram) ? (double) base_histogram_quantile(histogram, ppm) / unit : NAN;
}

static double mean(const struct base_histogram *histogram)
{
    return base_histogram_count(histogram) ? base_histogram_mean(histogram) : NAN;
}

/* In real time the last events may have been handled, and questions asked, after the end: the truth does not go back. */
static double up_mean(struct run *run)
{
    uint64_t until_ns = run->ended_at_ns;
    if (run->clock_runs && until_ns < run_now_ns(run))
        until_ns = run_now_ns(run);
    return until_ns ? truth_up_mean(run->truth, until_ns) : NAN;
}

static void identity_figures(struct run *run, struct summary *summary)
{
    static const char *const clocks[] = {"virtual", "real", "scaled"};
    const struct scenario *scenario = run->scenario;
    char clock[32];
    snprintf(clock, sizeof clock, "%s", clocks[scenario->clock]);
    if (scenario->clock == TOPOLOGY_CLOCK_SCALED)
        snprintf(clock, sizeof clock, "scaled:%.15g", (double) scenario->clock_scale_ppm / 1e6);
    summary_text(summary, "version", PEERLAB_VERSION);
    summary_text(summary, "scenario", scenario->name);
    summary_integer(summary, "seed", scenario->seed);
    summary_text(summary, "status", run->interrupted || run_failed(run) ? "interrupted" : "complete");
    summary_text(summary, "clock", clock);
    summary_text(summary, "transport", scenario->transport.kind->name);
    summary_integer(summary, "threads", run->shard_count);
    summary_integer(summary, "peers", run->identity->peer_count);
    summary_real(summary, "peers_up_mean", up_mean(run));
    if (run->waits)
        summary_null(summary, "digest");
    else
        summary_text(summary, "digest", run->digest);
}

static void speed_figures(struct run *run, struct summary *summary)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double wall_s = (double) (run_wall_ns() - run->started_wall_ns) / 1e9;
    double setup_s = (double) (run->setup_wall_ns - run->started_wall_ns) / 1e9;
    summary_integer(summary, "events", run->shards[0].totals.events);
    summary_real(summary, "wall_s", wall_s);
    summary_real(summary, "user_cpu_s", (double) run_cpu_ns() / 1e9);
    summary_real(summary, "setup_s", setup_s);
    summary_real(summary, "setup_user_cpu_s", (double) run->setup_cpu_ns / 1e9);
    summary_real(summary, "virtual_s", (double) run->ended_at_ns / 1e9);
    summary_real(summary, "events_per_s",
                 wall_s > setup_s ? (double) run->shards[0].totals.events / (wall_s - setup_s) : NAN);
    summary_integer(summary, "peak_rss_bytes", (uint64_t) usage.ru_maxrss * 1024);
}

static void message_figures(const struct run_totals *totals, struct summary *summary)
{
    uint64_t dropped = 0;
    for (uint32_t fate = NETWORK_LOSS; fate < NETWORK_FATES; fate++)
        dropped += totals->dropped[fate];
    summary_integer(summary, "messages.sent", totals->sent);
    summary_integer(summary, "messages.delivered", totals->delivered);
    summary_integer(summary, "messages.dropped", dropped);
    summary_integer(summary, "messages.in_flight", totals->dropped[NETWORK_IN_FLIGHT]);
    summary_integer(summary, "messages.bytes", totals->bytes);
    for (uint32_t fate = NETWORK_LOSS; fate < NETWORK_FATES; fate++) {
        char path[64];
        snprintf(path, sizeof path, "drops.%s", network_fate_names[fate]);
        summary_integer(summary, path, totals->dropped[fate]);
    }
}

/* An integer figure that is null where the scenario asks for no such thing. */
static void integer_if(struct summary *summary, bool applies, const char *path, uint64_t value)
{
    if (applies)
        summary_integer(summary, path, value);
    else
        summary_null(summary, path);
}

static bool has_workload(const struct scenario *scenario, const char *kind)
{
    for (uint32_t i = 0; i < scenario->workload_count; i++)
        if (strcmp(scenario->workloads[i].action.kind->name, kind) == 0)
            return true;
    return false;
}

static void lookup_figures(const struct run *run, struct summary *summary)
{
    const struct run_totals *totals = &run->shards[0].totals;
    bool applies = has_workload(run->scenario, "lookup");
    uint64_t ended = totals->lookups_issued - totals->lookups_unfinished;
    integer_if(summary, applies, "lookups.issued", totals->lookups_issued);
    integer_if(summary, applies, "lookups.succeeded", totals->lookups_succeeded);
    integer_if(summary, applies, "lookups.unfinished", totals->lookups_unfinished);
    integer_if(summary, applies, "lookups.correct", totals->lookups_correct);
    summary_real(summary, "lookups.success_ratio", ratio(totals->lookups_succeeded, ended));
    summary_real(summary, "lookups.correct_ratio", ratio(totals->lookups_correct, ended));
    summary_real(summary, "lookups.hops_mean", mean(&totals->hops));
    summary_real(summary, "lookups.hops_p50", quantile(&totals->hops, 500000, 1));
    summary_real(summary, "lookups.latency_ms_p50", quantile(&totals->lookup_latency_ns, 500000, 1e6));
    summary_real(summary, "lookups.latency_ms_p99", quantile(&totals->lookup_latency_ns, 990000, 1e6));
    summary_real(summary, "lookups.messages_mean", mean(&totals->lookup_messages));
    summary_real(summary, "lookups.timeouts_mean", mean(&totals->lookup_timeouts));
}

static void broadcast_figures(const struct run *run, struct summary *summary)
{
    const struct run_totals *totals = &run->shards[0].totals;
    bool applies = has_workload(run->scenario, "publish");
    integer_if(summary, applies, "broadcasts.published", totals->broadcasts);
    summary_real(summary, "broadcasts.delivery_ratio", ratio(totals->reached, totals->eligible));
    summary_real(summary, "broadcasts.rounds_mean",
                 totals->rounds_known ? (double) totals->rounds_sum / (double) totals->rounds_known : NAN);
    integer_if(summary, base_histogram_count(&totals->broadcast_latency_ns) > 0, "broadcasts.last_hop_max", totals->last_hop_max);
    summary_real(summary, "broadcasts.latency_ms_p50", quantile(&totals->broadcast_latency_ns, 500000, 1e6));
    summary_real(summary, "broadcasts.latency_ms_p99", quantile(&totals->broadcast_latency_ns, 990000, 1e6));
    summary_real(summary, "broadcasts.duplicates_mean", ratio(totals->duplicates, totals->reached));
}

/* One metric of all instances that have it. */
static void metric_figures(struct run *run, struct summary *summary)
{
    struct metric *metrics = run->shards[0].metrics;
    if (!run->metric_count)
        summary_object(summary, "metrics");
    for (uint32_t i = 0; i < run->metric_count; i++) {
        struct base_histogram all = {0};
        bool first = true;
        for (uint32_t j = 0; j < run->metric_count; j++) {
            if (strcmp(metrics[j].name, metrics[i].name) != 0)
                continue;
            first &= j >= i;
            base_histogram_merge(&all, &metrics[j].values);
        }
        char path[96];
#define PATH(figure) (snprintf(path, sizeof path, "metrics.%s.%s", metrics[i].name, figure), path)
        if (first) {
            summary_integer(summary, PATH("count"), base_histogram_count(&all));
            summary_real(summary, PATH("mean"), mean(&all));
            summary_real(summary, PATH("p50"), quantile(&all, 500000, 1));
            summary_real(summary, PATH("p99"), quantile(&all, 990000, 1));
            integer_if(summary, base_histogram_count(&all) > 0, PATH("max"), base_histogram_max(&all));
        }
#undef PATH
        base_histogram_done(&all);
    }
}

void run_summarize(struct run *run, bool trace_good)
{
    const struct base_histogram *lag_ns = &run->shards[0].totals.lag_ns;
    struct summary *summary = &run->summary;
    summary_done(summary);
    identity_figures(run, summary);
    speed_figures(run, summary);
    message_figures(&run->shards[0].totals, summary);
    lookup_figures(run, summary);
    broadcast_figures(run, summary);
    metric_figures(run, summary);
    bool kept = run->options.trace_path && trace_good;
    integer_if(summary, kept, "trace.rows", run->trace_totals.rows);
    integer_if(summary, kept, "trace.bytes", run->trace_totals.bytes);
    integer_if(summary, kept, "trace.left_out", run->trace_totals.left_out);
    integer_if(summary, run->captured, "pcap.packets", run->capture_totals.rows);
    integer_if(summary, run->captured, "pcap.bytes", run->capture_totals.bytes);
    integer_if(summary, run->captured, "pcap.left_out", run->capture_totals.left_out);
    summary_integer(summary, "violations", run->violations);
    summary_real(summary, "lag_ms_p99", run->waits ? quantile(lag_ns, 990000, 1e6) : NAN);
    summary_real(summary, "lag_ms_max",
                 run->waits && base_histogram_count(lag_ns) ? (double) base_histogram_max(lag_ns) / 1e6 : NAN);
}

void totals_add(struct run_totals *into, const struct run_totals *from)
{
    into->events += from->events;
    into->sent += from->sent;
    into->delivered += from->delivered;
    into->bytes += from->bytes;
    for (uint32_t fate = 0; fate < NETWORK_FATES; fate++)
        into->dropped[fate] += from->dropped[fate];
    into->lookups_issued += from->lookups_issued;
    into->lookups_succeeded += from->lookups_succeeded;
    into->lookups_unfinished += from->lookups_unfinished;
    into->lookups_correct += from->lookups_correct;
    base_histogram_merge(&into->hops, &from->hops);
    base_histogram_merge(&into->lookup_latency_ns, &from->lookup_latency_ns);
    base_histogram_merge(&into->lookup_messages, &from->lookup_messages);
    base_histogram_merge(&into->lookup_timeouts, &from->lookup_timeouts);
    base_histogram_merge(&into->lag_ns, &from->lag_ns);
}

void totals_done(struct run_totals *totals)
{
    base_histogram_done(&totals->hops);
    base_histogram_done(&totals->lookup_latency_ns);
    base_histogram_done(&totals->lookup_messages);
    base_histogram_done(&totals->lookup_timeouts);
    base_histogram_done(&totals->broadcast_latency_ns);
    base_histogram_done(&totals->lag_ns);
}
