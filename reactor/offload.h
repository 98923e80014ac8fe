/* Offload: a bounded pool of threads for what must block (name look-ups, key generation, files), with the results
 * brought back to the loop that asked.
 *
 * Bounded twice: at most threads_max threads, started as they are needed, and at most jobs_max jobs that were taken and
 * not yet told about, whether they wait, are worked on or are on their way back. Beyond that a job is refused and
 * counted; nothing is ever queued without a bound. On the way back none can be refused: it comes as a task (task.h).
 *
 * Promise: if submit returns a ticket, done is called exactly once, by the loop's thread (or inside free); if it gives
 * an error, neither work nor done ever runs. A job that is cancelled before it began is told with -ECANCELED.
 *
 * Life: create; submit from loops' threads; free, before the loops that it served. */
#ifndef REACTOR_OFFLOAD_H
#define REACTOR_OFFLOAD_H

#include <netdb.h>

#include "reactor/api.h"
#include "reactor/loop.h"

REACTOR_API_BEGIN

struct addrinfo; /* <netdb.h> has it only where POSIX is asked for */
struct reactor_offload; /* opaque */

struct reactor_offload_options {
    uint32_t threads_max; /* 0: 4; at most 1024 */
    uint32_t jobs_max;    /* taken and not yet told about; 0: 256; at most 65535 */
};

struct reactor_offload_statistics {
    uint64_t submitted, refused, cancelled, completed; /* completed: worked on to the end */
    uint32_t threads;                                  /* now */
    uint32_t jobs, jobs_most;                          /* now; at most at once */
};

/* options: NULL: all defaults. 0, -EINVAL beyond the bounds (options.h), -ENOMEM. Starts no thread yet. */
int reactor_offload_create(struct reactor_offload **pool, const struct reactor_offload_options *options)
    __attribute__((warn_unused_result));

/* Refuses from now on (-ESHUTDOWN), cancels what has not begun and waits for what has; then no thread is left. What was
 * not told yet comes with the loops' next turn. Not from a job. */
void reactor_offload_stop(struct reactor_offload *pool);
/* Stops and gives the memory back. Jobs not told yet are told from inside, so their loops must be the calling thread's
 * or parked. Also from a done: the others are told before it returns. NULL: nothing. */
void reactor_offload_free(struct reactor_offload *pool);

/* Runs on a thread of the pool, with all signals blocked. What it returns reaches done. */
typedef int reactor_offload_work(void *context);
/* Runs on the loop's thread: what work returned, or -ECANCELED where it never ran. */
typedef void reactor_offload_done(void *context, int result);

/* By the loop's thread: work(context) on a thread of the pool, then done(context, result) on the loop's. A ticket
 * above 0, or -ENOBUFS: jobs_max are there; -ESHUTDOWN; -EAGAIN: no thread can be started and none is there. The loop's
 * run does not end for want of work meanwhile. */
int64_t reactor_offload_submit(struct reactor_offload *pool, struct reactor_loop *loop, reactor_offload_work *work,
                               reactor_offload_done *done, void *context) __attribute__((warn_unused_result));

/* By the loop's thread. 0: it had not begun, done comes with -ECANCELED. -EBUSY: it has begun, done comes with what it
 * returns. -ENOENT: it was told about already, or is about to be. */
int reactor_offload_cancel(struct reactor_offload *pool, int64_t ticket);

struct reactor_offload_statistics reactor_offload_statistics(struct reactor_offload *pool);

/* Name look-up by getaddrinfo: result is 0 and addresses are borrowed for the call, or result is negative and addresses
 * NULL: -ENOENT no such name or service, -EAGAIN a temporary failure, -EIO a lasting one, -EINVAL wrong hints,
 * -EAFNOSUPPORT, -ENOMEM, -ECANCELED, or the system's. host, service (one may be NULL) and hints (may be NULL) are
 * copied. Returns as submit does, and -ENOMEM. */
typedef void reactor_offload_resolved(void *context, int result, const struct addrinfo *addresses);
int64_t reactor_offload_resolve(struct reactor_offload *pool, struct reactor_loop *loop, const char *host,
                                const char *service, const struct addrinfo *hints, reactor_offload_resolved *resolved,
                                void *context) __attribute__((warn_unused_result));

REACTOR_API_END

#endif
