/* Several loops: synchronous conservative windows (Chandy & Misra 1979; Fujimoto, Parallel discrete event simulation, CACM
 * 33(10), 1990; the windows of Nicol, The cost of conservative synchronization, JACM 40(2), 1993).
 *
 * A window begins with the earliest pending event of all shards and is as long as the least delay between two peers, so
 * nothing that happens in it at one shard can reach another before it ends. In it each shard dispatches on a thread of
 * its own; what it sends to others' peers goes to outboxes, what concerns the whole run to its tape. Then each shard takes
 * in what was sent to it, and one thread replays the tapes and prepares the next window. The order of events is total and
 * says nothing of threads, so each peer handles what it would handle with one loop, in that order.
 *
 * Windows also end where the faults on links change, and where the plan has been generated to. */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/effects.h"

/* A wait is short where the shards are evenly busy: it spins first, then sleeps. */
#define SPINS 4000

struct barrier {
    atomic_uint arrived;
    atomic_uint generation;
    atomic_uint sleeping;
    atomic_uint count;
};

struct windows {
    struct barrier barrier;
    uint64_t end_ns; /* of the present window */
    bool closing;
    struct worker {
        struct shard *shard;
        struct windows *windows;
        pthread_t thread;
        int result;
    } workers[];     /* the first one's thread is the caller's */
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

static void wait_for_all(struct barrier *barrier)
{
    unsigned generation = atomic_load(&barrier->generation);
    if (atomic_fetch_add(&barrier->arrived, 1) + 1 == barrier->count) {
        atomic_store(&barrier->arrived, 0);
        atomic_fetch_add(&barrier->generation, 1);
        if (atomic_load(&barrier->sleeping))
            syscall(SYS_futex, &barrier->generation, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
        return;
    }
    for (unsigned i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&barrier->generation, memory_order_acquire) != generation)
            return;
        relax();
    }
    sleep_through(barrier, generation);
}

/* One shard's part of a window, and then of the exchange. */
static void run_window(struct worker *worker)
{
    struct shard *shard = worker->shard;
    shard->taping = true;
    worker->result = reactor_loop_run(shard->loop, worker->windows->end_ns);
    shard->taping = false;
    wait_for_all(&worker->windows->barrier);
    shard_take_in(shard);
    wait_for_all(&worker->windows->barrier);
}

static void *work(void *context)
{
    struct worker *worker = context;
    const struct run *run = worker->shard->run;
    struct base_assert_context assert_context = run->assert_context;
    assert_context.now_ns = &worker->shard->active.now_ns;
    base_assert_context_set(&assert_context);
    for (;;) {
        wait_for_all(&worker->windows->barrier);
        if (worker->windows->closing)
            return NULL;
        run_window(worker);
    }
}

/* Frees the threads that wait for a window; their count is what was started. */
static void end_threads(struct windows *windows, uint32_t started)
{
    windows->closing = true;
    windows->barrier.count = started;
    if (started > 1)
        wait_for_all(&windows->barrier);
    for (uint32_t i = 1; i < started; i++)
        pthread_join(windows->workers[i].thread, NULL);
}

int windows_open(struct run *run)
{
    struct windows *windows = calloc(1, sizeof *windows + run->shard_count * sizeof windows->workers[0]);
    if (!windows)
        return -ENOMEM;
    windows->barrier.count = run->shard_count;
    int error = 0;
    uint32_t started = 0;
    for (; started < run->shard_count && !error; started += !error) {
        struct worker *worker = &windows->workers[started];
        *worker = (struct worker){.shard = &run->shards[started], .windows = windows};
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
    uint64_t boundary_ns = network_boundary_ns(run->network), end_ns = begin_ns + run->lookahead_ns;
    end_ns = end_ns < boundary_ns ? end_ns : boundary_ns;
    return end_ns < until_ns ? end_ns : until_ns;
}

int windows_run(struct run *run, uint64_t until_ns)
{
    struct windows *windows = run->windows;
    int result = 0;
    for (bool more = true; more && result >= 0 && !run->interrupted && !run_failed(run);) {
        uint64_t begin_ns = earliest_ns(run);
        more = begin_ns < until_ns;
        windows->end_ns = more ? window_end(run, begin_ns, until_ns) : until_ns; /* else only the clocks move on */
        wait_for_all(&windows->barrier);
        run_window(&windows->workers[0]);
        effects_replay(run);
        for (uint32_t i = 0; i < run->shard_count; i++)
            result = windows->workers[i].result < result ? windows->workers[i].result : result;
        if (more)
            run_turn(&run->shards[0]);
    }
    return result;
}
