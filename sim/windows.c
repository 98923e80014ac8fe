/* Several loops: synchronous conservative windows (Chandy & Misra 1979; Fujimoto, Parallel discrete event simulation, CACM
 * 33(10), 1990; the windows of Nicol, The cost of conservative synchronization, JACM 40(2), 1993).
 *
 * A window begins with the earliest pending event of all shards and is as long as the least delay between two peers, so
 * nothing that happens in it at one shard can reach another before it ends. In it each shard dispatches on a thread of
 * its own; what it sends to others' peers goes to outboxes, what concerns the whole run to its tape. Then each shard takes
 * in what was sent to it, and one thread replays the tapes and prepares the next window. The order of events is total and
 * says nothing of threads, so each peer handles what it would handle with one loop, in that order.
 *
 * Windows also end where the faults on links change, and where the plan has been generated to. They are shorter where
 * they would be crowded, so that tapes and outboxes stay small and a signal is heeded; and where little happens in one,
 * a single thread runs all shards: neither shows in what comes out. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/effects.h"

/* A wait is short where the shards are evenly busy, so it spins before it sleeps: as long as that has been of use lately,
 * some 20 us at most. */
#define SPINS_LEAST 16u
#define SPINS_MOST 1000u

/* Events of all shards: with fewer in a window waking a thread costs more than its help brings; with more the window is
 * shortened. */
#define EVENTS_WORTH_DIVIDING 1024u
#define EVENTS_MOST 65536u

struct barrier {
    atomic_uint arrived;
    atomic_uint generation;
    atomic_uint sleeping;
    atomic_uint count;
};

struct windows {
    struct barrier barrier;
    windows_part *part; /* what each shard does next, with context */
    const void *context;
    uint64_t end_ns;    /* of the present window */
    uint64_t span_ns;   /* how long the next one may be: the lookahead, or less where it would be crowded */
    uint64_t crowd;     /* events of all shards in the last one, or not much fewer than in one shortly before */
    unsigned spins_most;
    bool closing;
    struct worker {
        _Alignas(64) struct shard *shard;
        struct windows *windows;
        pthread_t thread;
        unsigned spins; /* worth trying */
        int result;
    } workers[];        /* the first one's thread is the caller's */
};

static void relax(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

static void sleep_through(struct barrier *barrier, unsigned generation)
{
    atomic_fetch_add(&barrier->sleeping, 1);
    while (atomic_load(&barrier->generation) == generation)
        syscall(SYS_futex, &barrier->generation, FUTEX_WAIT_PRIVATE, generation, NULL, NULL, 0);
    atomic_fetch_sub(&barrier->sleeping, 1);
}

/* Whether the others came meanwhile; how long it was worth waiting is learnt. */
static bool spin(struct worker *worker, unsigned generation)
{
    unsigned spins = worker->spins, most = worker->windows->spins_most;
    for (unsigned i = 0; i < spins; i++) {
        if (atomic_load_explicit(&worker->windows->barrier.generation, memory_order_acquire) != generation) {
            worker->spins = 2 * spins < most ? 2 * spins : most;
            return true;
        }
        relax();
    }
    worker->spins = spins / 2 > SPINS_LEAST ? spins / 2 : spins;
    return false;
}

static void wait_for_all(struct worker *worker)
{
    struct barrier *barrier = &worker->windows->barrier;
    unsigned generation = atomic_load(&barrier->generation);
    if (atomic_fetch_add(&barrier->arrived, 1) + 1 == barrier->count) {
        atomic_store(&barrier->arrived, 0);
        atomic_fetch_add(&barrier->generation, 1);
        if (atomic_load(&barrier->sleeping))
            syscall(SYS_futex, &barrier->generation, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
    } else if (!spin(worker, generation)) {
        sleep_through(barrier, generation);
    }
}

static void do_part(struct worker *worker)
{
    struct shard *shard = worker->shard;
    shard->taping = true;
    worker->result = worker->windows->part(shard, worker->windows->context);
    shard->taping = false;
}

/* One shard's part of a window, and then of the exchange. */
static void do_and_exchange(struct worker *worker)
{
    do_part(worker);
    wait_for_all(worker);
    shard_take_in(worker->shard);
    wait_for_all(worker);
}

/* All shards' parts, on this thread: the others wait for the next window that is worth their help. */
static void do_alone(struct windows *windows, uint32_t shards)
{
    for (uint32_t i = 0; i < shards; i++)
        do_part(&windows->workers[i]);
    for (uint32_t i = 0; i < shards; i++)
        shard_take_in(windows->workers[i].shard);
}

static void do_together(struct windows *windows)
{
    wait_for_all(&windows->workers[0]); /* they begin */
    do_and_exchange(&windows->workers[0]);
}

static void *work(void *context)
{
    struct worker *worker = context;
    const struct run *run = worker->shard->run;
    struct base_assert_context assert_context = run->assert_context;
    assert_context.now_ns = &worker->shard->active.now_ns;
    base_assert_context_set(&assert_context);
    for (;;) {
        wait_for_all(worker);
        if (worker->windows->closing)
            return NULL;
        do_and_exchange(worker);
    }
}

/* Frees the threads that wait for a window; their count is what was started. */
static void end_threads(struct windows *windows, uint32_t started)
{
    windows->closing = true;
    windows->barrier.count = started;
    if (started > 1)
        wait_for_all(&windows->workers[0]);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(windows->workers[i].thread, NULL);
}

/* Where threads must share a processor, whoever spins keeps the one that it waits for from running. */
static unsigned choose_spins(uint32_t threads)
{
    cpu_set_t allowed;
    bool known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    return known && (uint32_t) CPU_COUNT(&allowed) >= threads ? SPINS_MOST : 0;
}

int windows_open(struct run *run)
{
    size_t bytes = sizeof(struct windows) + run->shard_count * sizeof(struct worker);
    struct windows *windows = aligned_alloc(_Alignof(struct windows), bytes);
    if (!windows)
        return -ENOMEM;
    *windows = (struct windows){.barrier.count = run->shard_count, .span_ns = run->lookahead_ns,
                                .spins_most = choose_spins(run->shard_count)};
    int error = 0;
    uint32_t started = 0;
    for (; started < run->shard_count && !error; started += !error) {
        struct worker *worker = &windows->workers[started];
        *worker = (struct worker){.shard = &run->shards[started], .windows = windows,
                                  .spins = windows->spins_most};
        if (started > 0)
            error = -pthread_create(&worker->thread, NULL, work, worker);
    }
    if (!error) {
        run->windows = windows;
        return 0;
    }
    end_threads(windows, started);
    free(windows);
    return error;
}

void windows_close(struct run *run)
{
    if (!run->windows)
        return;
    end_threads(run->windows, run->shard_count);
    free(run->windows);
    run->windows = NULL;
}

static void set_part(struct windows *windows, windows_part *part, const void *context)
{
    windows->part = part;
    windows->context = context;
}

void windows_do(struct run *run, windows_part *part, const void *context)
{
    set_part(run->windows, part, context);
    do_together(run->windows);
}

/* --- windows --- */

static int dispatch(struct shard *shard, const void *end_ns)
{
    return reactor_loop_run(shard->loop, *(const uint64_t *) end_ns);
}

static uint64_t earliest_ns(const struct run *run)
{
    uint64_t earliest = UINT64_MAX;
    for (uint32_t i = 0; i < run->shard_count; i++) {
        uint64_t due_ns = reactor_queue_next_due(run->shards[i].queue);
        earliest = due_ns < earliest ? due_ns : earliest;
    }
    return earliest;
}

static uint64_t window_end(struct run *run, uint64_t begin_ns, uint64_t until_ns)
{
    if (begin_ns >= network_boundary_ns(run->network))
        network_advance(run->network, begin_ns);
    uint64_t boundary_ns = network_boundary_ns(run->network), end_ns = begin_ns + run->windows->span_ns;
    end_ns = end_ns < boundary_ns ? end_ns : boundary_ns;
    return end_ns < until_ns ? end_ns : until_ns;
}

static void run_all(struct run *run)
{
    struct windows *windows = run->windows;
    uint64_t before = run_events(run);
    if (windows->crowd < EVENTS_WORTH_DIVIDING && !run->options.divides_always) {
        do_alone(windows, run->shard_count);
    } else {
        do_together(windows);
    }
    uint64_t events = run_events(run) - before, fading = windows->crowd - windows->crowd / 4;
    windows->crowd = events > fading ? events : fading;
    if (events > EVENTS_MOST)
        windows->span_ns = windows->span_ns / 2 + 1;
    else if (events < EVENTS_MOST / 4)
        windows->span_ns = windows->span_ns < run->lookahead_ns / 2 ? 2 * windows->span_ns : run->lookahead_ns;
}

static int worst_result(const struct run *run)
{
    int result = 0;
    for (uint32_t i = 0; i < run->shard_count; i++)
        result = run->windows->workers[i].result < result ? run->windows->workers[i].result : result;
    return result;
}

int windows_run(struct run *run, uint64_t until_ns)
{
    struct windows *windows = run->windows;
    int result = 0;
    set_part(windows, dispatch, &windows->end_ns);
    while (result >= 0 && !run->interrupted && !run_failed(run)) {
        uint64_t begin_ns = earliest_ns(run);
        if (begin_ns >= until_ns) {
            windows->end_ns = until_ns;
            do_alone(windows, run->shard_count); /* only the clocks move on */
            return worst_result(run);
        }
        windows->end_ns = window_end(run, begin_ns, until_ns);
        run_all(run);
        effects_replay(run);
        result = worst_result(run);
        run_turn(&run->shards[0]);
    }
    return result;
}
