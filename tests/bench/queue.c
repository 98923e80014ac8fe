/* What an entry costs in the timed queue, beside a binary heap (what it has to beat) and a FIFO (the floor).
 *
 * Hold model: N entries pending; one is popped, another pushed a while later, and in some mixes a timer is touched. All
 * get the same delays, drawn beforehand, in the same run, in turn; medians are printed. Fails where what the queue is
 * for is missed. Usage: bench_queue [MIX|all [N_MAX]] [--json] */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "reactor/base/random.h"
#include "tests/bench/queue_subjects.h"

#define DELAYS 65536u /* drawn beforehand */
#define REPETITIONS 3
#define COMPARED 100000u /* holds after which queue and heap must have popped the same */

enum touch { TOUCH_NOTHING, TOUCH_TIMERS, TOUCH_IDLE };

struct mix {
    const char *name, *summary;
    uint64_t (*delay_ns)(uint64_t bits, uint64_t index);
    enum touch touch;     /* what a message does to timers: half of what is pending */
    uint64_t instants_ns; /* half of the entries are due at a multiple of it; 0: none */
    bool is_message_mix;  /* the goals are for these */
};

static uint64_t below(uint64_t bits, uint64_t bound)
{
    return base_random_below(bits, bound);
}

static uint64_t messages(uint64_t bits, uint64_t index)
{
    (void) index;
    return 20000000 + below(bits, 180000000);
}

static uint64_t constant(uint64_t bits, uint64_t index)
{
    (void) bits;
    (void) index;
    return 100000000;
}

static uint64_t one_instant(uint64_t bits, uint64_t index)
{
    (void) bits;
    (void) index;
    return UINT64_MAX; /* replaced: all meet at the next full second */
}

static uint64_t one_far(uint64_t bits, uint64_t index)
{
    return index == 0 ? UINT64_C(86400000000000) : messages(bits, index);
}

static uint64_t sub_microsecond(uint64_t bits, uint64_t index)
{
    (void) index;
    return 100 + below(bits, 800);
}

static uint64_t cascade(uint64_t bits, uint64_t index)
{
    return index % 16 ? 1 : 1 + below(bits, 1000000);
}

static uint64_t wild(uint64_t bits, uint64_t index)
{
    (void) index;
    return 1 + (below(bits, UINT64_C(1) << 30) >> (__builtin_ctzll(bits | 1u << 20)));
}

static uint64_t timer_delay_ns(uint64_t bits)
{
    return UINT64_C(5000000000) + below(bits, UINT64_C(115000000000));
}

static const struct mix mixes[] = {
    {"messages", "20-200 ms uniform", messages, TOUCH_NOTHING, 0, true},
    {"constant", "100 ms", constant, TOUCH_NOTHING, 0, true},
    {"timers", "half messages; of four one re-arms, one cancels and arms one of as many timers of 5-120 s", messages,
     TOUCH_TIMERS, 0, true},
    {"idle", "half messages; each re-arms one of as many timers of 30 s", messages, TOUCH_IDLE, 0, true},
    {"one-far", "20-200 ms, one in 65,536 a day", one_far, TOUCH_NOTHING, 0, false},
    {"bursts", "20-200 ms, half of them at full tenths of a second", messages, TOUCH_NOTHING, 100000000, false},
    {"rounds", "all at the next full second", one_instant, TOUCH_NOTHING, 0, false},
    {"sub-us", "100-900 ns", sub_microsecond, TOUCH_NOTHING, 0, false},
    {"cascade", "1 ns, one in 16 up to 1 ms", cascade, TOUCH_NOTHING, 0, false},
    {"wild", "1 ns to 1 s over the magnitudes", wild, TOUCH_NOTHING, 0, false},
};

struct bench {
    const struct mix *mix;
    uint64_t pending, now_ns, index, check;
    uint32_t timers;
    uint64_t delays_ns[DELAYS], timer_delays_ns[DELAYS];
};

struct result {
    double ns, bytes;
    uint64_t check; /* folds what was popped: the same for queue and heap */
};

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e9 * (double) now.tv_sec + (double) now.tv_nsec;
}

static inline uint64_t due_ns(const struct bench *bench)
{
    uint64_t delay_ns = bench->delays_ns[bench->index % DELAYS], instants_ns = bench->mix->instants_ns;
    if (delay_ns == UINT64_MAX)
        return (bench->now_ns / 1000000000 + 1) * 1000000000;
    if (instants_ns && bench->index % 2)
        return (bench->now_ns / instants_ns + 1) * instants_ns;
    return bench->now_ns + delay_ns;
}

static inline uint32_t target_of(uint64_t index)
{
    return (uint32_t) index * 2654435761u;
}

static inline struct reactor_entry timer_entry(const struct bench *bench, uint32_t number)
{
    uint64_t delay_ns = bench->mix->touch == TOUCH_IDLE ? UINT64_C(30000000000)
                                                        : bench->timer_delays_ns[bench->index % DELAYS];
    return (struct reactor_entry){.due_ns = bench->now_ns + delay_ns, .target = number, .source = 1,
                                  .count = (uint32_t) bench->index, .order = REACTOR_TIMER};
}

/* What a message does to some timer. */
static inline __attribute__((always_inline)) void touch(struct bench *bench, struct subject *subject,
                                                        enum subject_kind kind)
{
    uint32_t number = (uint32_t) ((uint64_t) target_of(bench->index) * bench->timers >> 32);
    struct reactor_entry entry = timer_entry(bench, number);
    if (bench->mix->touch == TOUCH_IDLE || bench->index % 4 == 0) {
        subject_rearm(subject, kind, number, &entry);
    } else if (bench->index % 4 == 1) {
        subject_disarm(subject, kind, number);
        subject_arm(subject, kind, number, &entry);
    }
}

/* Pops until something leaves that is not dead, and pushes another. */
static inline __attribute__((always_inline)) void hold(struct bench *bench, struct subject *subject,
                                                       enum subject_kind kind)
{
    for (;;) {
        const struct reactor_entry *popped = subject_pop(subject, kind);
        uint32_t number;
        bool is_timer = popped->order == REACTOR_TIMER;
        bench->now_ns = popped->due_ns;
        if (is_timer && !subject_fires(subject, kind, popped, &number))
            continue;
        bench->index++;
        bench->check = bench->check * 31 + bench->now_ns + (is_timer ? number : popped->count);
        if (is_timer) {
            struct reactor_entry again = timer_entry(bench, number);
            subject_arm(subject, kind, number, &again);
            return;
        }
        subject_push(subject, kind, due_ns(bench), target_of(bench->index), (uint32_t) bench->index);
        if (bench->timers) {
            bench->index++;
            touch(bench, subject, kind);
        }
        return;
    }
}

/* The first messages of a constant delay are pushed as if over that delay, else all would be due at one instant. */
static void fill(struct bench *bench, struct subject *subject, enum subject_kind kind)
{
    for (bench->index = 1; bench->index <= bench->pending - bench->timers; bench->index++) {
        bench->now_ns = bench->mix->delay_ns == constant ? bench->index * 100000000 / bench->pending : 0;
        subject_push(subject, kind, due_ns(bench), target_of(bench->index), (uint32_t) bench->index);
    }
    bench->now_ns = 0;
    for (uint32_t number = 0; number < bench->timers; number++, bench->index++) {
        struct reactor_entry entry = timer_entry(bench, number);
        subject_arm(subject, kind, number, &entry);
    }
}

static inline __attribute__((always_inline)) struct result run(struct bench *bench, enum subject_kind kind,
                                                               uint64_t warm, uint64_t holds)
{
    struct subject subject;
    struct result result = {0};
    bench->check = 0;
    bench->timers = bench->mix->touch != TOUCH_NOTHING && kind != SUBJECT_FIFO ? (uint32_t) (bench->pending / 2) : 0;
    subject_init(&subject, kind, bench->pending, bench->timers);
    fill(bench, &subject, kind);
    for (uint64_t i = 0; i < COMPARED; i++)
        hold(bench, &subject, kind);
    result.check = bench->check;
    for (uint64_t i = 0; i < warm; i++)
        hold(bench, &subject, kind);
    double start = cpu_ns();
    for (uint64_t i = 0; i < holds; i++)
        hold(bench, &subject, kind);
    result.ns = (cpu_ns() - start) / (double) holds;
    if (kind == SUBJECT_QUEUE)
        result.bytes = (double) reactor_queue_bytes(&subject.queue) / (double) bench->pending;
    subject_done(&subject, kind);
    return result;
}

static struct result run_queue(struct bench *bench)
{
    return run(bench, SUBJECT_QUEUE, 2 * bench->pending, bench->pending > 1000000 ? bench->pending : 1000000);
}

static struct result run_heap(struct bench *bench)
{
    return run(bench, SUBJECT_HEAP, 0, 200000);
}

static struct result run_fifo(struct bench *bench)
{
    return run(bench, SUBJECT_FIFO, 0, 1000000);
}

static double median(double a, double b, double c)
{
    double low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

/* Prints a row; false when the queue misses what it is for, or pops in another order than the heap. */
static bool measure(struct bench *bench, bool json, bool first)
{
    double ns[SUBJECTS][REPETITIONS], bytes = 0;
    bool agrees = true;
    for (unsigned i = 0; i < REPETITIONS; i++) {
        struct result queue = run_queue(bench), heap = run_heap(bench);
        agrees &= queue.check == heap.check;
        bytes = queue.bytes;
        ns[SUBJECT_QUEUE][i] = queue.ns;
        ns[SUBJECT_HEAP][i] = heap.ns;
        ns[SUBJECT_FIFO][i] = run_fifo(bench).ns;
    }
    double middle[SUBJECTS];
    for (unsigned kind = 0; kind < SUBJECTS; kind++)
        middle[kind] = median(ns[kind][0], ns[kind][1], ns[kind][2]);
    double ratio = middle[SUBJECT_HEAP] / middle[SUBJECT_QUEUE];
    double goal = bench->mix->is_message_mix ? (bench->pending >= 1000000 ? 4 : bench->pending >= 1000 ? 1.5 : 1) : 1;
    printf(json ? "%s{\"name\": \"%s\", \"n\": %llu, \"ns\": %.1f, \"heap_ns\": %.1f, \"fifo_ns\": %.1f, "
                  "\"bytes_an_entry\": %.1f}"
                : "%s%-9s %9llu %9.1f %9.1f %9.1f %8.1f",
           json ? (first ? "[" : ",\n") : "", bench->mix->name, (unsigned long long) bench->pending,
           middle[SUBJECT_QUEUE], middle[SUBJECT_HEAP], middle[SUBJECT_FIFO], json ? bytes : ratio);
    if (!json)
        printf(" %9.1f%s%s\n", bytes, ratio < goal ? "  MISSED" : "", agrees ? "" : "  ORDER DIFFERS");
    fflush(stdout);
    return ratio >= goal && agrees;
}

static int bench_queue(const char *only, uint64_t pending_max, bool json)
{
    static struct bench bench;
    bool good = true, first = true;
    if (!json)
        printf("%-9s %9s %9s %9s %9s %8s %9s\n", "mix", "pending", "queue ns", "heap ns", "fifo ns", "ratio",
               "B/entry");
    for (size_t m = 0; m < sizeof mixes / sizeof mixes[0]; m++) {
        if (only && strcmp(only, "all") != 0 && strcmp(only, mixes[m].name) != 0)
            continue;
        bench.mix = &mixes[m];
        for (uint64_t i = 0; i < DELAYS; i++) {
            bench.delays_ns[i] = mixes[m].delay_ns(base_random_at(7, i), i);
            bench.timer_delays_ns[i] = timer_delay_ns(base_random_at(8, i));
        }
        for (bench.pending = 1000; bench.pending <= pending_max; bench.pending *= 10, first = false)
            good &= measure(&bench, json, first);
    }
    if (json)
        puts(first ? "[]" : "]");
    return good ? 0 : 1;
}

int main(int argument_count, char **arguments)
{
    bool json = argument_count > 1 && strcmp(arguments[argument_count - 1], "--json") == 0;
    argument_count -= json;
    const char *only = argument_count > 1 ? arguments[1] : NULL;
    uint64_t pending_max = argument_count > 2 ? strtoull(arguments[2], NULL, 0) : 1000000;
    return bench_queue(only, pending_max, json);
}
