/* A loop: one thread's reactor. A turn is prepare -> wait -> dispatch (descriptors, posted entries, due entries).
 *
 * Two kinds of work meet here. Handlers own a descriptor and are called when it is ready (handler.h). Entries of the
 * timed queue are dispatched through a table by class, in their total order. Under the virtual clock the wait never
 * sleeps: time moves to the next due entry when no descriptor is ready and nothing was posted.
 *
 * Life: create; attach handlers, push entries; run (as often as wanted, to one instant after another: between two runs
 * the loop is parked, no handler is active); free. Everything but post and stop belongs to the loop's thread. */
#ifndef REACTOR_LOOP_H
#define REACTOR_LOOP_H

#include "reactor/api.h"
#include "reactor/clock.h"
#include "reactor/demultiplexer.h"
#include "reactor/statistics.h"
#include "reactor/timed_queue.h"
#include "reactor/timers.h"

REACTOR_API_BEGIN

struct reactor_loop; /* opaque */

/* By class: called with a copy of the entry that the callee may change. NULL: entries of that class are a mistake. */
struct reactor_dispatch {
    void *context; /* borrowed, handed to each call */
    void (*handle[REACTOR_CLASSES])(void *context, struct reactor_entry *entry);
    /* In place of handle, under the virtual clock while no handler is attached: takes at most `most` entries due before
     * until_ns from the queue, in order, handles each with *now_ns set to its due instant, and returns how many. For
     * callers to whom a call through a table for each entry is too slow. NULL: handle is called. */
    uint32_t (*batch)(void *context, struct reactor_queue *queue, uint64_t until_ns, uint32_t most, uint64_t *now_ns);
    /* Called once a turn, in between handlers: progress, signals. May be NULL. */
    void (*turn)(void *context);
};

/* What each is for, and its measured effect: README, "Knobs". 0: the default. Other values out of [..] are -EINVAL, see
 * options.h. */
struct reactor_loop_options {
    const char *demultiplexer;    /* NULL: "epoll" */
    const char *clock;            /* NULL: "real" */
    uint64_t scale_ppm;           /* of a scaled clock */
    /* Turns: what is left comes with the next one. */
    uint32_t entries_a_turn;      /* due entries, and as many posts, before descriptors are looked at again; 0: 1024;
                                   * [1, 2^24] */
    uint32_t descriptors_a_turn;  /* events collected; 0: 256; [1, 2^20] */
    uint32_t bytes_a_turn;        /* a stream reads, or writes, about so many bytes; 0: 64 KiB; [4 KiB, 16 MiB] */
    /* Bounds: address space is reserved, memory used as needed. */
    uint32_t handlers_max;        /* attached at once: attaching, opening says -ENOBUFS (counted); 0: 2^22; [1, 2^22] */
    size_t entries_max;           /* pending: pushing, arming fails (-ENOBUFS); 0: 2^26; [1, 2^31] */
    uint32_t timers_max;          /* armed at once: arming fails (-ENOBUFS); 0: 2^28; [1, 2^30] */
    uint32_t posted_max;          /* posted, not yet taken, rounded up to a power of two: posting says -ENOBUFS
                                   * (counted); 0: 65536; [1, 2^26] */
    /* Clock reads, two a call. */
    uint64_t handler_budget_ns;   /* a call that takes longer is counted and named; 0: off; [1 us, 1 h] */
    bool measure_times;           /* statistics.handler_ns and post_lag_ns */
};

/* options: NULL: all defaults. 0, or -errno: -EINVAL an unknown name or a value that makes no sense, -EMFILE/-ENFILE no
 * descriptors, -ENOMEM. */
int reactor_loop_create(struct reactor_loop **loop, const struct reactor_loop_options *options)
    __attribute__((warn_unused_result));
void reactor_loop_free(struct reactor_loop *loop); /* detaches what is still attached, telling it disconnected */

void reactor_loop_dispatch_set(struct reactor_loop *loop, const struct reactor_dispatch *dispatch); /* copied */
struct reactor_queue *reactor_loop_queue(struct reactor_loop *loop);
struct reactor_timers *reactor_loop_timers(struct reactor_loop *loop);
struct reactor_clock *reactor_loop_clock(struct reactor_loop *loop);

enum reactor_run_result { REACTOR_REACHED = 0, REACTOR_STOPPED = 1, REACTOR_IDLE = 2 };
/* Dispatches all that is due before until_ns, then sets the clock to until_ns (virtual) or has waited for it (real).
 * REACTOR_IDLE: until_ns is UINT64_MAX and nothing can happen any more (no entry, no handler). Negative: -errno of the
 * demultiplexer. What keeps coming (streams always busy, posts without end) holds up the end in real time for 64 turns at
 * most, and goes on in the next run. While an entry is dispatched, now is its due instant under the virtual clock. */
int reactor_loop_run(struct reactor_loop *loop, uint64_t until_ns);

/* Ends the present or next run after the handler that is active. From any thread and from signal handlers. */
void reactor_loop_stop(struct reactor_loop *loop);

/* From any thread: has entry dispatched by the loop's thread as soon as possible (due_ns is set to its now), in the order
 * of posting for one poster. 0, or -ENOBUFS at posted_max. Wakes the loop only when it sleeps. */
int reactor_loop_post(struct reactor_loop *loop, const struct reactor_entry *entry) __attribute__((warn_unused_result));

static inline uint64_t reactor_loop_now(struct reactor_loop *loop)
{
    return reactor_clock_now(reactor_loop_clock(loop));
}

REACTOR_API_END

#endif
