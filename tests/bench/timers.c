/* What a timer with a slot costs: ns of CPU to arm, re-arm, cancel and fire one of N that are pending.
 *
 * Dues are uniform over a minute, so half of what is re-armed moves to an earlier instant. Each round arms N, re-arms and
 * cancels them all, in order, then arms N again and lets them fire; medians over the rounds are printed, and the first
 * one, which takes its memory from the system. What fires is checked: all, in order.
 * Usage: bench_timers [N] [--json] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reactor/base/assert.h"
#include "reactor/base/random.h"
#include "reactor/timers.h"

#define ROUNDS 7
#define AHEAD 8 /* as the loops do: what fires soon is asked for */
#define SPAN_NS UINT64_C(60000000000)

enum phase { ARM, REARM, CANCEL, FIRE, PHASES };

static const char *const phase_names[PHASES] = {"arm", "rearm", "cancel", "fire"};

struct bench {
    struct reactor_queue queue;
    struct reactor_timers timers;
    uint32_t count, made; /* made: entries' counts */
    uint32_t *handles;
    uint64_t now_ns, draws;
    double ns[PHASES][ROUNDS];
};

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e9 * (double) now.tv_sec + (double) now.tv_nsec;
}

static struct reactor_entry next_entry(struct bench *bench, uint32_t number)
{
    uint64_t delay_ns = base_random_below(base_random_at(9, bench->draws++), SPAN_NS);
    return (struct reactor_entry){.due_ns = bench->now_ns + delay_ns, .target = number, .source = number + 1,
                                  .count = ++bench->made, .order = REACTOR_TIMER};
}

static void arm_all(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->count; i++) {
        struct reactor_entry entry = next_entry(bench, i);
        bench->handles[i] = reactor_timer_arm(&bench->timers, &entry, i);
    }
}

static void rearm_all(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->count; i++) {
        struct reactor_entry entry = next_entry(bench, i);
        base_assert(reactor_timer_rearm(&bench->timers, bench->handles[i], &entry));
    }
}

static void cancel_all(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->count; i++)
        base_assert(reactor_timer_disarm(&bench->timers, bench->handles[i], i));
}

static void fire_all(struct bench *bench)
{
    uint32_t fired = 0, number;
    const struct reactor_entry *entry, *upcoming;
    while ((entry = reactor_queue_pop(&bench->queue, UINT64_MAX))) {
        if ((upcoming = reactor_queue_upcoming(&bench->queue, AHEAD)))
            reactor_timer_prefetch(&bench->timers, upcoming);
        base_assert(entry->due_ns >= bench->now_ns);
        bench->now_ns = entry->due_ns;
        if (!reactor_timer_fire(&bench->timers, entry, &number))
            continue;
        base_assert(number == entry->target);
        fired++;
    }
    base_assert(fired == bench->count);
}

static void measure(struct bench *bench, void phase(struct bench *bench), double *ns)
{
    double start = cpu_ns();
    phase(bench);
    *ns = (cpu_ns() - start) / bench->count;
}

static void run_round(struct bench *bench, unsigned round)
{
    measure(bench, arm_all, &bench->ns[ARM][round]);
    measure(bench, rearm_all, &bench->ns[REARM][round]);
    measure(bench, cancel_all, &bench->ns[CANCEL][round]);
    arm_all(bench);
    measure(bench, fire_all, &bench->ns[FIRE][round]);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *) a, right = *(const double *) b;
    return (left > right) - (left < right);
}

int main(int argument_count, char **arguments)
{
    static struct bench bench;
    bool json = argument_count > 1 && strcmp(arguments[argument_count - 1], "--json") == 0;
    argument_count -= json;
    bench.count = argument_count > 1 ? (uint32_t) strtoul(arguments[1], NULL, 0) : 1000000;
    bench.handles = calloc((size_t) bench.count + 1, sizeof bench.handles[0]);
    base_assert(bench.count && bench.handles && reactor_queue_init(&bench.queue, 0) == 0 &&
                reactor_timers_init(&bench.timers, &bench.queue, bench.count) == 0);
    for (unsigned round = 0; round < ROUNDS; round++)
        run_round(&bench, round);
    for (unsigned phase = 0; phase < PHASES; phase++) {
        double first = bench.ns[phase][0];
        qsort(bench.ns[phase], ROUNDS, sizeof bench.ns[0][0], compare);
        printf(json ? "%s{\"name\": \"%s\", \"n\": %u, \"ns\": %.1f, \"first_ns\": %.1f}%s"
                    : "%s%-7s %9u %9.1f %9.1f%s",
               json ? (phase ? " " : "[") : phase ? "" : "timer     pending        ns  first ns\n", phase_names[phase],
               bench.count, bench.ns[phase][ROUNDS / 2], first, json ? (phase + 1 < PHASES ? ",\n" : "]\n") : "\n");
    }
    reactor_timers_done(&bench.timers);
    reactor_queue_done(&bench.queue);
    free(bench.handles);
    return 0;
}
