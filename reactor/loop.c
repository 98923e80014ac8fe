#include "reactor/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "reactor/base/assert.h"
#include "reactor/loop_internal.h"
#include "reactor/options.h"
#include "reactor/options_internal.h"

#define BUFFERS_KEPT_BYTES ((size_t) 16 << 20)

static int set_up(struct reactor_loop *loop, const struct reactor_loop_options *options)
{
    int result = reactor_queue_init(&loop->queue, options->entries_max);
    if (result == 0)
        result = reactor_timers_init(&loop->timers, &loop->queue, options->timers_max);
    if (result == 0)
        result = base_slab_init(&loop->slots, sizeof(struct loop_slot), options->handlers_max);
    if (result == 0)
        result = post_ring_init(&loop->posts, options->posted_max);
    if (result < 0)
        return result;
    const struct reactor_demultiplexer_ops *ops = loop->demultiplexer;
    loop->ready = calloc(loop->descriptors_a_turn, sizeof loop->ready[0]);
    loop->demultiplexer_state = calloc(1, ops->state_bytes + 1);
    result = loop->ready && loop->demultiplexer_state ? ops->open(loop->demultiplexer_state) : -ENOMEM;
    if (result < 0) {
        free(loop->demultiplexer_state);
        loop->demultiplexer_state = NULL;
        return result;
    }
    return waker_init(&loop->waker, ops, loop->demultiplexer_state, LOOP_WAKER_TOKEN);
}

int reactor_loop_create(struct reactor_loop **created, const struct reactor_loop_options *given)
{
    static const struct reactor_loop_options defaults;
    given = given ? given : &defaults;
    *created = NULL;
    if (reactor_loop_options_check(given, NULL) < 0)
        return -EINVAL;
    struct reactor_loop *loop = aligned_alloc(_Alignof(struct reactor_loop), sizeof *loop);
    if (!loop)
        return -ENOMEM;
    const struct reactor_loop_options filled = loop_options_filled(given), *options = &filled;
    *loop = (struct reactor_loop){
        .demultiplexer = reactor_demultiplexer_find(options->demultiplexer),
        .entries_a_turn = options->entries_a_turn,
        .descriptors_a_turn = options->descriptors_a_turn,
        .handler_budget_ns = options->handler_budget_ns ? options->handler_budget_ns :
                             options->measure_times ? UINT64_MAX : 0,
        .bytes_a_turn = options->bytes_a_turn,
        .measures_posts = options->measure_times,
        .waker.descriptor = -1,
    };
    loop->flush_end = &loop->flush_first;
    buffer_pool_init(&loop->buffers, BUFFERS_KEPT_BYTES);
    int result = set_up(loop, options);
    if (result == 0)
        result = reactor_clock_init(&loop->clock, options->clock, options->scale_ppm);
    if (result < 0) {
        reactor_loop_free(loop);
        return result;
    }
    reactor_loop_dispatch_set(loop, &(struct reactor_dispatch){0});
    *created = loop;
    return 0;
}

static void detach_all(struct reactor_loop *loop)
{
    loop->closing = true;
    loop_run_tasks(loop);
    if (loop->slots.items)
        loop_detach_all(loop);
}

void loop_wind_down(struct reactor_loop *loop)
{
    detach_all(loop);
    (void) loop->demultiplexer->wait(loop->demultiplexer_state, loop->ready, (int) loop->descriptors_a_turn, 0);
}

void reactor_loop_free(struct reactor_loop *loop)
{
    if (!loop)
        return;
    detach_all(loop);
    waker_done(&loop->waker);
    if (loop->demultiplexer_state)
        loop->demultiplexer->close(loop->demultiplexer_state);
    free(loop->demultiplexer_state);
    free(loop->ready);
    free(loop->scratch);
    free(loop->datagrams);
    buffer_pool_done(&loop->buffers);
    post_ring_done(&loop->posts);
    base_slab_done(&loop->slots);
    reactor_timers_done(&loop->timers);
    reactor_queue_done(&loop->queue);
    free(loop);
}

void reactor_loop_dispatch_set(struct reactor_loop *loop, const struct reactor_dispatch *dispatch)
{
    loop->dispatch = *dispatch;
    for (unsigned class = 0; class < REACTOR_CLASSES; class++)
        loop->calls[class] = (struct loop_call){dispatch->handle[class], dispatch->context};
    base_assert(!dispatch->handle[REACTOR_INTERNAL]);
    loop->calls[REACTOR_INTERNAL] = (struct loop_call){loop_handle_internal, loop};
}

struct reactor_queue *reactor_loop_queue(struct reactor_loop *loop)
{
    return &loop->queue;
}

struct reactor_timers *reactor_loop_timers(struct reactor_loop *loop)
{
    return &loop->timers;
}

struct reactor_clock *reactor_loop_clock(struct reactor_loop *loop)
{
    return &loop->clock;
}

uint32_t reactor_loop_handler_count(const struct reactor_loop *loop)
{
    return loop->handler_count;
}

/* Whether all that is due before until_ns was dispatched and that instant has come. */
static bool is_over(struct reactor_loop *loop, uint64_t until_ns, bool quiet)
{
    bool nothing_due = reactor_queue_next_due(&loop->queue) >= until_ns &&
                       post_ring_is_empty(&loop->posts) && !loop_has_tasks(loop) &&
                       !loop->flush_first && !loop->owes_look && !loop->owes_sends && loop->ready_next == loop->ready_count;
    if (until_ns == UINT64_MAX)
        return nothing_due && loop->handler_count == 0 && loop->hold_count == 0;
    if (loop->clock.ops->waits)
        return nothing_due && reactor_clock_now(&loop->clock) >= until_ns;
    return nothing_due && quiet;
}

/* What keeps coming (descriptors always ready, posts without end) does not hold up the end of a run in real time for more
 * turns than this; what is left then comes first in the next run. */
#define TURNS_BEYOND 64

/* In real time: the instant has come, all that was due before it was dispatched, and the rest had its chance. */
static bool is_overdue(struct reactor_loop *loop, uint64_t until_ns, uint32_t *turns_beyond)
{
    return loop->until_has_come && ++*turns_beyond > TURNS_BEYOND && reactor_queue_next_due(&loop->queue) >= until_ns;
}

static int run(struct reactor_loop *loop, uint64_t until_ns)
{
    uint32_t turns_beyond = 0;
    loop->more_due = loop->until_has_come = false;
    for (;;) {
        if (atomic_exchange(&loop->stopping, false))
            return REACTOR_STOPPED;
        int turn = loop_turn(loop, until_ns);
        if (turn < 0)
            return turn;
        if (atomic_load_explicit(&loop->stopping, memory_order_relaxed) || loop->more_due)
            continue;
        bool may_be_over = turn == TURN_QUIET || loop->clock.ops->waits;
        if (!may_be_over || !is_over(loop, until_ns, turn == TURN_QUIET)) {
            if (is_overdue(loop, until_ns, &turns_beyond))
                return REACTOR_REACHED;
            continue;
        }
        if (until_ns == UINT64_MAX)
            return REACTOR_IDLE;
        if (!loop->clock.ops->waits && loop->clock.virtual_now_ns < until_ns)
            loop->clock.virtual_now_ns = until_ns;
        return REACTOR_REACHED;
    }
}

/* The kernel may end a wait late by the thread's timer slack, 50 us unless told otherwise. */
int reactor_loop_run(struct reactor_loop *loop, uint64_t until_ns)
{
    if (!loop->clock.ops->waits)
        return run(loop, until_ns);
    int slack_ns = prctl(PR_GET_TIMERSLACK);
    prctl(PR_SET_TIMERSLACK, 1UL);
    int result = run(loop, until_ns);
    if (slack_ns > 0)
        prctl(PR_SET_TIMERSLACK, (unsigned long) slack_ns);
    return result;
}

void reactor_loop_stop(struct reactor_loop *loop)
{
    atomic_store(&loop->stopping, true);
    waker_wake(&loop->waker);
}

/* Only the first since the loop looked costs a clock read. Before the push: it may be dispatched at once. */
static void note_posting(struct reactor_loop *loop)
{
    uint64_t none = 0;
    if (atomic_load_explicit(&loop->posted_at_ns, memory_order_relaxed) == 0)
        atomic_compare_exchange_strong_explicit(&loop->posted_at_ns, &none, clock_monotonic_ns(), memory_order_relaxed,
                                                memory_order_relaxed);
}

int loop_post(struct reactor_loop *loop, const struct reactor_entry *entry)
{
    if (loop->measures_posts)
        note_posting(loop);
    if (!post_ring_push(&loop->posts, entry)) {
        atomic_fetch_add_explicit(&loop->posts_refused, 1, memory_order_relaxed);
        return -ENOBUFS;
    }
    waker_wake(&loop->waker);
    return 0;
}

int reactor_loop_post(struct reactor_loop *loop, const struct reactor_entry *entry)
{
    base_assert((entry->order & REACTOR_CLASS_MASK) != REACTOR_INTERNAL);
    return loop_post(loop, entry);
}
