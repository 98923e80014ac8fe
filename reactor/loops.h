/* Several loops, each on a thread of its own, usually one a core. They share nothing: what goes from one to another is
 * posted (reactor_loop_post, reactor_loop_submit), and a connection belongs to one loop from its acceptance to its end,
 * so no lock lies on a message's path.
 *
 * Connections come either through one acceptor, which runs on the first loop and posts each descriptor to one loop after
 * another or to that with the fewest handlers; or each loop accepts for itself from a socket of its own under the same
 * address (SO_REUSEPORT), where the kernel divides by a hash of the addresses: nothing is handed over, but a loop that
 * is busy gets as many as one that is not.
 *
 * Life: create; listen, as often as wanted; start; stop from any thread; join; free. */
#ifndef REACTOR_LOOPS_H
#define REACTOR_LOOPS_H

#include <sys/socket.h>

#include "reactor/api.h"
#include "reactor/base/diagnostic.h"
#include "reactor/loop.h"

REACTOR_API_BEGIN

struct reactor_loops; /* opaque */

struct reactor_loops_options {
    uint32_t count; /* 0: as many as this process has processors; at most 1024 */
    bool pin;       /* each to a processor of those that the process may use, in turn */
    struct reactor_loop_options loop; /* of each */
    /* Both may be NULL, and are called by the loop's thread: begin before it runs (dispatch table, handlers; a negative
     * result stops all loops and is told by join), end after it, if begin was called and was good. */
    int (*begin)(void *context, struct reactor_loop *loop, uint32_t index);
    void (*end)(void *context, struct reactor_loop *loop, uint32_t index);
    void *context; /* borrowed */
};

/* 0, or -errno with what and which loop in diagnostics: as reactor_loop_create (of its options each that makes no sense,
 * options.h), and -EINVAL for too many. */
int reactor_loops_create(struct reactor_loops **loops, const struct reactor_loops_options *options,
                         struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));
void reactor_loops_free(struct reactor_loops *loops); /* stops and joins if need be; NULL: nothing */

uint32_t reactor_loops_count(const struct reactor_loops *loops);
struct reactor_loop *reactor_loops_at(const struct reactor_loops *loops, uint32_t index);

enum reactor_spread {
    REACTOR_ROUND_ROBIN, /* one loop after another */
    REACTOR_LEAST,       /* the loop with the fewest handlers and connections on their way to it */
    REACTOR_REUSEPORT,   /* each loop has a listening socket of its own */
};

struct reactor_loops_listen_options {
    const struct sockaddr *address; /* copied */
    socklen_t address_bytes;
    int backlog;                    /* 0: SOMAXCONN */
    enum reactor_spread spread;
    uint32_t handlers_max;          /* of a loop, those on their way to it included, beyond which it gets no more; where
                                     * no loop can take one, it is reset and counted as refused. 0: no bound */
    /* Called by the loop's thread with a connected descriptor, non-blocking, close-on-exec, which is the callee's. */
    void (*accepted)(void *context, struct reactor_loop *loop, uint32_t index, int descriptor);
    void *context; /* borrowed */
};

/* Before start. 0, or -errno with what, where and which loop in diagnostics: -EINVAL options that make no sense
 * (options.h), -EALREADY, -ESHUTDOWN as of start. A port of 0 is chosen by the system: see reactor_loops_address. */
int reactor_loops_listen(struct reactor_loops *loops, const struct reactor_loops_listen_options *options,
                         struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));
/* Of the listening made last. 0 or -errno. */
int reactor_loops_address(const struct reactor_loops *loops, struct sockaddr_storage *address, socklen_t *bytes);

/* Starts the threads; all of them run or none. Once: 0, or -errno with what in diagnostics; -EALREADY they run, -ESHUTDOWN
 * they have run (or could not all be started): loops that were closed do not run again, create others. */
int reactor_loops_start(struct reactor_loops *loops, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));
/* Ends all runs after the handlers that are active. From any thread and from signal handlers. */
void reactor_loops_stop(struct reactor_loops *loops);
/* Waits for the threads to end. 0, or the first loop's error that ended it, each told in diagnostics; one loop's error
 * stops the others. Not from a loop's own thread. */
int reactor_loops_join(struct reactor_loops *loops, struct base_diagnostics *diagnostics);

struct reactor_loops_statistics {
    uint64_t accepted; /* connections that reached a loop */
    uint64_t refused;  /* accepted and reset at once: no loop had room (handlers_max, posted_max) */
};
struct reactor_loops_statistics reactor_loops_statistics(const struct reactor_loops *loops); /* from any thread */

REACTOR_API_END

#endif
