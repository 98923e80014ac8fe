/* What a loop is made of, shared by loop.c, turn.c and handler.c (internal). */
#ifndef REACTOR_LOOP_INTERNAL_H
#define REACTOR_LOOP_INTERNAL_H

#include "reactor/base/slab.h"
#include "reactor/clocks/clocks.h"
#include "reactor/buffer_pool.h"
#include "reactor/handler.h"
#include "reactor/post_ring.h"
#include "reactor/statistics_internal.h"
#include "reactor/task.h"
#include "reactor/waker.h"

#define LOOP_WAKER_TOKEN 0 /* no handler has it: slots and serials begin at 1 */
#define LOOP_INTERNAL_SOURCE UINT32_MAX
#define LOOP_HANDED 255 /* an internal entry's kind: a connection that another loop has accepted, see loops.c */

/* An attached handler. The token that the demultiplexer knows is (serial, slot): an event under an earlier token of the
 * slot is stale. */
struct loop_slot {
    uint32_t chain;  /* the slab's, while it is free */
    uint32_t serial; /* 0: free */
    struct reactor_handler *handler;
};

/* Who stands between the loop and a handler's ops. Calls the owner by loop_tell alone, and looks by loop_handler_at
 * whether the handler is still there after each such call. */
struct loop_driver {
    void (*ready)(struct reactor_handler *handler, uint32_t readiness);
    void (*completed)(struct reactor_handler *handler, const struct reactor_ready *ready); /* REACTOR_COMPLETIONS */
    void (*timed_out)(struct reactor_handler *handler);            /* the driver's timer, see loop_driver_timer_arm */
    void (*flush)(struct reactor_handler *handler);                /* at the turn's end, after loop_flush_later */
    void (*disconnect)(struct reactor_handler *handler, int reason); /* the loop is going: detach, tell the owner */
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
    uint64_t handler_budget_ns; /* 0: calls are not timed; UINT64_MAX: they are, without a budget */
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
    bool until_has_come;     /* in real time: the run's end, in the last turn */
    struct reactor_handler *flush_first, **flush_end; /* to be flushed at this turn's end, or the next one's */
    uint32_t bytes_a_turn;
    uint32_t ready_next, ready_count; /* of ready: what was collected and not dispatched yet */
    bool owes_sends;         /* what a turn wrote waits in the demultiplexer for a look: a run does not end before */
    bool owes_look;          /* the demultiplexer has something to tell the kernel, even if nobody is attached */
    uint8_t *scratch;        /* of bytes_a_turn: what is being read goes here first */
    struct buffer_pool buffers;
    struct datagram_scratch *datagrams; /* what datagrams are received into; NULL: none was opened yet */
    struct reactor_listener *starved; /* accepting waits for a descriptor */
    bool calls_in_a_row;
    uint64_t call_ended_ns;  /* the last timed one, by the monotonic clock, where they come in a row; 0 */
    uint64_t turn_now_ns;    /* the clock as it was read in the turn turn_now_of */
    uint64_t turn_now_of;
    struct loop_call handed; /* entries of LOOP_HANDED */
    _Atomic uint32_t handlers_told; /* handler_count as of the last turn's end, for other threads */
    uint32_t hold_count;     /* somebody elsewhere will post or submit */
    struct reactor_statistics statistics;
    _Atomic uint64_t posts_refused;
    _Alignas(64) struct waker waker; /* apart from what the loop writes each turn: each post reads it */
    struct reactor_task *tasks_taken; /* off the list below and not run yet, the oldest first */
    bool measures_posts;
    _Atomic uint64_t posted_at_ns; /* of the first post that was not taken yet, where measured; 0: none */
    struct post_ring posts;
    _Alignas(64) struct reactor_task *_Atomic tasks; /* the newest first */
};

/* handler.c */
void loop_handle_ready(struct reactor_loop *loop, const struct reactor_ready *ready);
void loop_handle_internal(void *context, struct reactor_entry *entry); /* handlers' time-outs */
void loop_detach_all(struct reactor_loop *loop);

/* reactor_handler_attach with a driver. LOOP_UNWATCHED: the demultiplexer is not told (its completions are used). */
#define LOOP_UNWATCHED 16u
int loop_attach(struct reactor_handler *handler, struct reactor_loop *loop, uint32_t interest,
                const struct loop_driver *driver);
void loop_detach(struct reactor_handler *handler); /* the descriptor is still open */
int loop_watch(struct reactor_handler *handler);    /* tells the demultiplexer of it (again). 0 or -errno */
int loop_rewatch(struct reactor_handler *handler);  /* where it follows edges: those that are there are told again */
void loop_unwatch(struct reactor_handler *handler); /* it is not to hear of it until then */
int loop_connected(struct reactor_handler *handler, uint32_t readiness); /* connecting is over: 0 or why it failed */
/* Calls of the owner, counted against the budget. event may be NULL. */
static inline void loop_tell(struct reactor_loop *loop, struct reactor_handler *handler,
                             void (*event)(struct reactor_handler *));
void loop_tell_disconnected(struct reactor_loop *loop, struct reactor_handler *handler, int reason); /* detached */
/* A second timer of a handler, the driver's. *timer: 0 or its handle. 0 or -ENOBUFS. */
int loop_driver_timer_arm(struct reactor_handler *handler, uint32_t *timer, uint64_t delay_ns);
void loop_driver_timer_disarm(struct reactor_handler *handler, uint32_t *timer);
int loop_socket_error(int descriptor, int otherwise); /* what the kernel holds for it: 0 or negative */
/* Has driver->flush called once, at the end of this turn; from inside a flush, of the next one, which does not wait. */
void loop_flush_later(struct reactor_handler *handler);
uint32_t loop_flush_all(struct reactor_loop *loop); /* how many */

/* loop.c: as reactor_loop_post, of any class. */
int loop_post(struct reactor_loop *loop, const struct reactor_entry *entry);
/* Detaches all for good, and lets the demultiplexer tell the kernel: io_uring hears its loop's own thread only, so a loop
 * that another thread will free is wound down by the one that ran it. */
void loop_wind_down(struct reactor_loop *loop);

/* task.c */
uint32_t loop_run_tasks(struct reactor_loop *loop); /* those submitted so far, also from inside one; how many */
static inline bool loop_has_tasks(const struct reactor_loop *loop)
{
    return atomic_load(&loop->tasks) != NULL; /* sequentially consistent, for the reason that post_ring_is_empty is */
}

/* turn.c: one turn. Negative: -errno of the demultiplexer. TURN_QUIET: it found nothing to do before until_ns. */
enum loop_turn { TURN_BUSY, TURN_QUIET };
int loop_turn(struct reactor_loop *loop, uint64_t until_ns);

static inline uint64_t loop_token(const struct reactor_handler *handler)
{
    const struct loop_slot *slot = base_slab_at(&handler->loop->slots, handler->slot);
    return (uint64_t) slot->serial << 32 | handler->slot;
}

/* Whose token that is. NULL: detached meanwhile, as each call may do, and perhaps another has the slot. */
static inline struct reactor_handler *loop_handler_at(const struct reactor_loop *loop, uint64_t token)
{
    uint32_t number = (uint32_t) token;
    if (number == 0 || number >= loop->slots.used_end)
        return NULL;
    const struct loop_slot *slot = base_slab_at(&loop->slots, number);
    return slot->serial == (uint32_t) (token >> 32) ? slot->handler : NULL;
}

/* Now, read at most once a turn: for what need not be exact. */
static inline uint64_t loop_turn_now(struct reactor_loop *loop)
{
    if (loop->turn_now_of != loop->statistics.turns + 1) {
        loop->turn_now_of = loop->statistics.turns + 1;
        loop->turn_now_ns = reactor_clock_now(&loop->clock);
    }
    return loop->turn_now_ns;
}

/* Around each call out of the loop: where they are timed. One that follows another at once begins when that ended: each
 * read of the clock is a hundredth of an event. */
static inline uint64_t loop_call_begin(const struct reactor_loop *loop)
{
    if (loop->handler_budget_ns == 0)
        return 0;
    return loop->call_ended_ns ? loop->call_ended_ns : clock_monotonic_ns();
}
/* Whether only the loop's own dispatching lies between the calls from now on; no system call does. */
static inline void loop_calls_in_a_row(struct reactor_loop *loop, bool in_a_row)
{
    loop->calls_in_a_row = in_a_row;
    if (!in_a_row)
        loop->call_ended_ns = 0;
}
void loop_call_timed(struct reactor_loop *loop, uint64_t took_ns, const char *name);
static inline void loop_call_end(struct reactor_loop *loop, uint64_t begun_ns, const char *name)
{
    if (loop->handler_budget_ns == 0)
        return;
    uint64_t now_ns = clock_monotonic_ns();
    loop->call_ended_ns = loop->calls_in_a_row ? now_ns : 0;
    loop_call_timed(loop, now_ns - begun_ns, name);
}

void loop_tell_measured(struct reactor_loop *loop, struct reactor_handler *handler,
                        void (*event)(struct reactor_handler *));
static inline void loop_tell(struct reactor_loop *loop, struct reactor_handler *handler,
                             void (*event)(struct reactor_handler *))
{
    if (event && loop->handler_budget_ns)
        loop_tell_measured(loop, handler, event);
    else if (event)
        event(handler);
}

#endif
