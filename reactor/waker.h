/* Ends a loop's sleep from another thread or a signal handler (internal).
 *
 * The flag `sleeping` says whether that is necessary, so that a post to a loop that is awake costs no system call. The
 * demultiplexer watches an eventfd; where it watches nothing ("none") the flag itself is the futex slept on. */
#ifndef REACTOR_WAKER_H
#define REACTOR_WAKER_H

#include <stdatomic.h>

#include "reactor/demultiplexer.h"

struct waker {
    _Atomic uint32_t sleeping;
    int descriptor; /* -1: sleeps on the flag */
};

/* Adds itself to the demultiplexer under token. 0 or -errno. */
int waker_init(struct waker *waker, const struct reactor_demultiplexer_ops *ops, void *state, uint64_t token);
void waker_done(struct waker *waker);

/* To be announced before the last look at what could have come; then sleep or wait; then risen. */
static inline void waker_lie_down(struct waker *waker)
{
    atomic_store(&waker->sleeping, 1);
}
static inline void waker_rise(struct waker *waker)
{
    atomic_store_explicit(&waker->sleeping, 0, memory_order_relaxed);
}

void waker_sleep(struct waker *waker, uint64_t timeout_ns); /* without a descriptor */
void waker_drain(struct waker *waker);                      /* when the descriptor is ready */
void waker_wake(struct waker *waker);                       /* from anywhere; errno is kept */

#endif
