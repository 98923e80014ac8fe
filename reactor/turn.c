#include "reactor/base/assert.h"
#include "reactor/loop_internal.h"

static const char *const class_names[REACTOR_CLASSES] = {
    "fault", "lifecycle", "workload", "stream", "message", "timer", "user", "internal",
};

void loop_call_timed(struct reactor_loop *loop, uint64_t took_ns, const char *name)
{
    loop_histogram_add(&loop->statistics.handler_ns, took_ns);
    if (took_ns <= loop->handler_budget_ns)
        return;
    loop_count(loop->statistics.over_budget, 1);
    if (took_ns > loop->statistics.over_budget_longest_ns) {
        loop_set(loop->statistics.over_budget_longest_ns, took_ns);
        loop_set(loop->statistics.over_budget_name, name);
    }
}

static inline void dispatch_entry(struct reactor_loop *loop, struct reactor_entry *entry)
{
    unsigned class = entry->order & REACTOR_CLASS_MASK;
    const struct loop_call *call = &loop->calls[class];
    base_assert(call->handle); /* an entry of a class that nobody handles */
    if (__builtin_expect(loop->handler_budget_ns == 0, 1)) {
        call->handle(call->context, entry);
        return;
    }
    uint64_t begun_ns = loop_call_begin(loop);
    call->handle(call->context, entry);
    if (class != REACTOR_INTERNAL) /* that is a handler's, counted under its name */
        loop_call_end(loop, begun_ns, class_names[class]);
}

#define TIMERS_AHEAD 8 /* entries whose timers are asked of the cache before they are dispatched */

/* With a million of them a timer is in no cache. (Always inlined, as all that only asks the cache: gcc takes such a
 * function for one without effects, and its calls away.) */
static inline __attribute__((always_inline)) void look_ahead_due(const struct reactor_loop *loop)
{
    const struct reactor_queue *queue = &loop->queue;
    const struct reactor_entry *upcoming = reactor_queue_upcoming(queue, TIMERS_AHEAD);
    __builtin_prefetch(reactor_queue_at(queue, (uint32_t) queue->keys[queue->cursor + REACTOR_QUEUE_AHEAD]));
    if (upcoming)
        reactor_timer_prefetch(&loop->timers, upcoming); /* of what is no timer: asking is harmless */
}

/* Takes and dispatches the entry that was peeked at. */
static inline void dispatch_next(struct reactor_loop *loop, const struct reactor_entry *next)
{
    struct reactor_entry entry = *next; /* what the callee pushes may move the original */
    look_ahead_due(loop);
    loop->queue.cursor++;
    dispatch_entry(loop, &entry);
}

static inline bool is_stopping(const struct reactor_loop *loop)
{
    return atomic_load_explicit(&loop->stopping, memory_order_relaxed);
}

/* Time may move on while no descriptor is ready and nothing was posted. Where handlers are attached that means to look
 * at their descriptors before each step of time, else time runs on through the turn. */
static uint32_t dispatch_due_virtual(struct reactor_loop *loop, uint64_t until_ns, bool may_advance)
{
    if (loop->dispatch.batch && may_advance && loop->handler_count == 0 && loop->handler_budget_ns == 0)
        return loop->dispatch.batch(loop->dispatch.context, &loop->queue, until_ns, loop->entries_a_turn,
                                    &loop->clock.virtual_now_ns);
    uint32_t left = loop->entries_a_turn;
    for (; left && !is_stopping(loop); left--) {
        const struct reactor_entry *next = reactor_queue_peek(&loop->queue, until_ns);
        if (!next)
            break;
        if (next->due_ns > loop->clock.virtual_now_ns) {
            if (!may_advance || !post_ring_is_empty(&loop->posts) || loop_has_tasks(loop))
                break;
            loop->clock.virtual_now_ns = next->due_ns;
        }
        dispatch_next(loop, next);
        may_advance = may_advance && loop->handler_count == 0;
    }
    return loop->entries_a_turn - left;
}

static uint32_t dispatch_due_real(struct reactor_loop *loop, uint64_t until_ns)
{
    uint64_t now_ns = reactor_clock_now(&loop->clock);
    uint64_t limit_ns = now_ns < until_ns ? now_ns + 1 : until_ns;
    loop->until_has_come = now_ns >= until_ns;
    uint32_t left = loop->entries_a_turn;
    for (; left && !is_stopping(loop); left--) {
        const struct reactor_entry *next = reactor_queue_peek(&loop->queue, limit_ns);
        if (!next)
            break;
        loop_histogram_add(&loop->statistics.entry_lag_ns, now_ns > next->due_ns ? now_ns - next->due_ns : 0);
        dispatch_next(loop, next);
    }
    loop->more_due = left == 0;
    return loop->entries_a_turn - left;
}

/* Of so many posts in a row the first one's instant is told: reading a clock costs more than a post. */
#define POSTS_AN_INSTANT 16

static void note_post_lag(struct reactor_loop *loop)
{
    uint64_t posted_at_ns = atomic_exchange_explicit(&loop->posted_at_ns, 0, memory_order_relaxed);
    uint64_t now_ns = clock_monotonic_ns();
    if (posted_at_ns)
        loop_histogram_add(&loop->statistics.post_lag_ns, now_ns > posted_at_ns ? now_ns - posted_at_ns : 0);
}

/* Posts are bounded a turn, too: two threads that post all the time must not starve what is due. */
static uint32_t dispatch_posts(struct reactor_loop *loop)
{
    struct reactor_entry entry;
    uint32_t left = loop->entries_a_turn;
    uint64_t now_ns = 0;
    if (loop->measures_posts && post_ring_look(&loop->posts) == POSTS_THERE)
        note_post_lag(loop);
    for (; left && !is_stopping(loop) && post_ring_take(&loop->posts, &entry); left--) {
        if (left % POSTS_AN_INSTANT == 0 || now_ns == 0)
            now_ns = reactor_clock_now(&loop->clock);
        entry.due_ns = now_ns;
        dispatch_entry(loop, &entry);
    }
    return loop->entries_a_turn - left;
}

/* How long may be slept now. Under the virtual clock time never waits; only when no entry is left at all and handlers
 * are, what comes next can only come from outside, and spinning for it would help nobody. */
static uint64_t sleep_span(struct reactor_loop *loop, uint64_t until_ns)
{
    if (loop->more_due || loop->flush_first || loop->owes_look)
        return 0;
    uint64_t next_ns = reactor_queue_next_due(&loop->queue);
    if (next_ns > until_ns)
        next_ns = until_ns;
    if (next_ns == UINT64_MAX)
        return loop->handler_count || loop->hold_count ? REACTOR_WAIT_FOREVER : 0;
    return loop->clock.ops->until(&loop->clock, next_ns);
}

static int look(struct reactor_loop *loop, uint64_t timeout_ns)
{
    loop->owes_look = loop->owes_sends = false;
    return loop->demultiplexer->wait(loop->demultiplexer_state, loop->ready, (int) loop->descriptors_a_turn,
                                     timeout_ns);
}

/* For how long a loop sleeps at most when a post's writer has its place in the ring and has not filled it: it does so
 * within nanoseconds, unless it lost its processor, and may already have seen that this loop was awake. */
#define COMING_NS 50000u

/* How many descriptors are ready, or -errno. */
static int wait(struct reactor_loop *loop, uint64_t span_ns)
{
    if (span_ns == 0)
        return loop->handler_count || loop->owes_look ? look(loop, 0) : 0;
    int count = 0;
    waker_lie_down(&loop->waker);
    enum post_ring_state posts = post_ring_look(&loop->posts);
    if (posts == POSTS_THERE || loop_has_tasks(loop) || atomic_load(&loop->stopping))
        span_ns = 0;
    else if (posts == POSTS_COMING && span_ns > COMING_NS)
        span_ns = COMING_NS;
    loop_count(loop->statistics.waits, span_ns != 0);
    if (loop->waker.descriptor >= 0)
        count = look(loop, span_ns);
    else if (span_ns)
        waker_sleep(&loop->waker, span_ns);
    waker_rise(&loop->waker);
    return count;
}

#define AHEAD 4 /* events whose handlers are asked of the cache before they are dispatched */

/* With thousands of descriptors a handler is in no cache; its slot is asked for twice as early. */
static inline __attribute__((always_inline)) void look_ahead(const struct reactor_loop *loop, uint32_t next)
{
    uint32_t last = loop->ready_count - 1;
    uint32_t slot = (uint32_t) loop->ready[next + 2 * AHEAD < last ? next + 2 * AHEAD : last].token;
    uint32_t soon = (uint32_t) loop->ready[next + AHEAD < last ? next + AHEAD : last].token;
    __builtin_prefetch(base_slab_at(&loop->slots, slot));
    const uint8_t *handler = (const uint8_t *) ((struct loop_slot *) base_slab_at(&loop->slots, soon))->handler;
    __builtin_prefetch(handler, 1); /* NULL, or gone: asking is harmless */
    __builtin_prefetch(handler + 64, 1);
}

/* What is left when the loop is stopped comes first in its next run: an edge or a completion is not told again. */
static uint32_t dispatch_ready(struct reactor_loop *loop)
{
    uint32_t events = 0;
    while (loop->ready_next < loop->ready_count && !is_stopping(loop)) {
        look_ahead(loop, loop->ready_next);
        const struct reactor_ready *ready = &loop->ready[loop->ready_next++];
        if (ready->token == LOOP_WAKER_TOKEN) {
            loop_calls_in_a_row(loop, false);
            waker_drain(&loop->waker);
        } else {
            loop_handle_ready(loop, ready);
            events++;
        }
    }
    return events;
}

/* Collects what is ready, unless some of it is left. 0 or -errno. */
static int collect_ready(struct reactor_loop *loop, uint64_t span_ns)
{
    if (loop->ready_next < loop->ready_count)
        return 0;
    int count = wait(loop, span_ns);
    loop->ready_next = 0;
    loop->ready_count = count > 0 ? (uint32_t) count : 0;
    return count < 0 ? count : 0;
}

int loop_turn(struct reactor_loop *loop, uint64_t until_ns)
{
    bool waits = loop->clock.ops->waits;
    /* Under the virtual clock the next entry is not asked for unless nothing is left to do: that would be slow. */
    uint64_t span_ns = waits || loop->queue.cursor == loop->queue.end ? sleep_span(loop, until_ns) : 0;
    int result = collect_ready(loop, span_ns);
    if (result < 0)
        return result;
    uint32_t events = dispatch_ready(loop);
    loop_calls_in_a_row(loop, false);
    uint32_t tasks = loop_has_tasks(loop) ? loop_run_tasks(loop) : 0;
    uint32_t posts = dispatch_posts(loop);
    uint32_t entries = waits ? dispatch_due_real(loop, until_ns)
                             : dispatch_due_virtual(loop, until_ns, events == 0 && tasks == 0 && posts == 0);
    uint32_t flushed = loop->flush_first ? loop_flush_all(loop) : 0;
    atomic_store_explicit(&loop->handlers_told, loop->handler_count, memory_order_relaxed);
    loop_statistics_turn(loop, &(struct loop_turn_counts){events, tasks, posts, entries});
    if (loop->dispatch.turn)
        loop->dispatch.turn(loop->dispatch.context);
    return events || tasks || posts || entries || flushed ? TURN_BUSY : TURN_QUIET;
}
