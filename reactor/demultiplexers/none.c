#include <errno.h>
#include <unistd.h>

#include "reactor/demultiplexers/demultiplexers.h"

/* No descriptors at all: for loops that only have entries. The loop itself sleeps on a futex above it (a post can wake
 * that), so the wait here is for other callers. */
static int none_open(void *state)
{
    (void) state;
    return 0;
}

static void none_close(void *state)
{
    (void) state;
}

static int none_add(void *state, int descriptor, uint32_t interest, uint64_t token)
{
    (void) state;
    (void) descriptor;
    (void) interest;
    (void) token;
    return -EOPNOTSUPP;
}

static int none_remove(void *state, int descriptor)
{
    (void) state;
    (void) descriptor;
    return -ENOENT;
}

static int none_change(void *state, int descriptor, uint32_t interest, uint64_t token)
{
    (void) interest;
    (void) token;
    return none_remove(state, descriptor);
}

static int none_wait(void *state, struct reactor_ready *ready, int ready_max, uint64_t timeout_ns)
{
    (void) state;
    (void) ready;
    (void) ready_max;
    struct timespec span;
    if (!demultiplexer_timeout(timeout_ns, &span))
        pause();
    else if (timeout_ns)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
    return 0; /* a signal ends either early, as the contract allows */
}

const struct reactor_demultiplexer_ops reactor_demultiplexer_none = {
    .name = "none",
    .summary = "no descriptors: entries and posts only",
    .state_bytes = 0,
    .open = none_open,
    .close = none_close,
    .add = none_add,
    .change = none_change,
    .remove = none_remove,
    .wait = none_wait,
};
