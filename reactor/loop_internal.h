/* What a loop is made of, shared by loop.c, turn.c and handler.c (internal). */
#ifndef REACTOR_LOOP_INTERNAL_H
#define REACTOR_LOOP_INTERNAL_H

#include "reactor/base/slab.h"
#include "reactor/clocks/clocks.h"
#include "reactor/handler.h"
#include "reactor/post_ring.h"
#include "reactor/task.h"
#include "reactor/waker.h"

#define LOOP_WAKER_TOKEN 0 /* no handler has it: slots and serials begin at 1 */
#define LOOP_INTERNAL_SOURCE UINT32_MAX

/* An attached handler. The token that the demultiplexer knows is (serial, slot): an event under an earlier token of the
 * slot is stale. */
struct loop_slot {
    uint32_t chain;  /* the slab's, while it is free */
    uint32_t serial; /* 0: free */
    struct reactor_handler *handler;
};

struct loop_call {
    void (*handle)(void *context, struct reactor_entry *entry);
    void *context;
};

struct reactor_loop {
    /* what each entry touches first */
    struct reactor_queue queue;
    struct reactor_clock clock;
    struct loop_call calls[REACTOR_CLASSES];
    atomic_bool stopping;
    uint32_t handler_count;
    uint64_t handler_budget_ns; /* 0: off */
    struct reactor_dispatch dispatch;

    struct reactor_timers timers;
    const struct reactor_demultiplexer_ops *demultiplexer;
    void *demultiplexer_state;
    struct reactor_ready *ready;
    uint32_t entries_a_turn, descriptors_a_turn;
    struct base_slab slots; /* of struct loop_slot */
    uint32_t slot_serial;
    uint32_t internal_count; /* of the loop's own entries */
    bool closing;
    bool more_due;           /* the last turn left due entries */
    uint32_t hold_count;     /* somebody elsewhere will post or submit */
    struct reactor_statistics statistics;
    _Atomic uint64_t posts_refused;
    struct waker waker;
    struct post_ring posts;
    _Alignas(64) struct reactor_task *_Atomic tasks; /* the newest first */
};

/* handler.c */
void loop_handle_ready(struct reactor_loop *loop, const struct reactor_ready *ready);
void loop_handle_internal(void *context, struct reactor_entry *entry); /* handlers' time-outs */
void loop_detach_all(struct reactor_loop *loop);

/* task.c */
uint32_t loop_run_tasks(struct reactor_loop *loop); /* those submitted so far; how many */
static inline bool loop_has_tasks(const struct reactor_loop *loop)
{
    return atomic_load(&loop->tasks) != NULL; /* sequentially consistent, for the reason that post_ring_is_empty is */
}

/* turn.c: one turn. Negative: -errno of the demultiplexer. TURN_QUIET: it found nothing to do before until_ns. */
enum loop_turn { TURN_BUSY, TURN_QUIET };
int loop_turn(struct reactor_loop *loop, uint64_t until_ns);

/* Around each call out of the loop: counts those over the budget. */
static inline uint64_t loop_call_begin(const struct reactor_loop *loop)
{
    return loop->handler_budget_ns ? clock_monotonic_ns() : 0;
}
void loop_call_over_budget(struct reactor_loop *loop, uint64_t took_ns, const char *name);
static inline void loop_call_end(struct reactor_loop *loop, uint64_t begun_ns, const char *name)
{
    if (!loop->handler_budget_ns)
        return;
    uint64_t took_ns = clock_monotonic_ns() - begun_ns;
    if (took_ns > loop->handler_budget_ns)
        loop_call_over_budget(loop, took_ns, name);
}

#endif
