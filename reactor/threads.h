/* Thread-per-connection: the other architecture, for comparison and for handlers that must block (Schmidt's reactor is
 * the rest of this folder). A dispatcher blocks in accept and puts connections into a bounded queue; a pool of workers
 * takes them out, and each serves one connection, from its first byte to its end, with blocking calls. What finds the
 * queue full is refused at once, so that those admitted keep a predictable latency.
 *
 * The handlers are those of streams (stream.h) and run unchanged: the same calls, the same order, the same limits. What
 * differs: all calls for a stream come from its worker, and only that may call for it; there is no loop (handler.loop
 * is NULL), so no timers; a stream that is paused with nothing pending waits for its peer's hang-up, as nobody else can
 * resume it. An idle time-out is noticed at most as late again as it is long, when idle_bytes_min is above 1.
 *
 * Life: create (listens); start; stop from any thread; join; free. */
#ifndef REACTOR_THREADS_H
#define REACTOR_THREADS_H

#include <sys/socket.h>

#include "reactor/api.h"
#include "reactor/stream.h"

REACTOR_API_BEGIN

struct reactor_threads; /* opaque */

struct reactor_threads_options {
    const struct sockaddr *address; /* copied */
    socklen_t address_bytes;
    int backlog;          /* 0: SOMAXCONN */
    uint32_t threads_max; /* workers, started as needed: connections served at once; 0: 64; at most 65,536 */
    uint32_t queue_max;   /* connections that wait for a worker; 0: 64; at most 2^20 */
    uint32_t stack_bytes; /* of a worker; 0: 256 KiB; 64 KiB to 1 GiB */
    struct reactor_stream_options stream; /* of each connection; `connecting` and `listener` have no meaning here */
    /* By the worker: the stream that is to serve the connection, its handler's ops and descriptor set; or NULL: the
     * connection is closed. */
    struct reactor_stream *(*accepted)(void *context, int descriptor);
    /* By the dispatcher, before a connection beyond the bound is closed: may send one small message, must not block.
     * NULL: it is closed with a reset. */
    void (*refused)(void *context, int descriptor);
    void *context; /* borrowed */
};

struct reactor_threads_statistics {
    uint64_t accepted, refused, served; /* served: to the end */
    uint64_t accept_pauses;             /* for want of descriptors or memory */
    uint64_t timed_out, violations;     /* as of a loop */
    uint64_t threads_failed;            /* a worker could not be started */
    uint32_t threads, active, queued, queued_most;
};

/* 0, or -errno of listening, -EINVAL options that make no sense (options.h says which), -ENOMEM. No thread yet. */
int reactor_threads_create(struct reactor_threads **threads, const struct reactor_threads_options *options)
    __attribute__((warn_unused_result));
void reactor_threads_free(struct reactor_threads *threads); /* stops and joins if need be; NULL: nothing */
int reactor_threads_address(const struct reactor_threads *threads, struct sockaddr_storage *address, socklen_t *bytes);

/* Once: 0 or -errno; -EALREADY they run, -ESHUTDOWN they were stopped. */
int reactor_threads_start(struct reactor_threads *threads) __attribute__((warn_unused_result));
/* Accepts no more, resets what is queued, ends what is served: disconnected(0). From any thread, also a worker's. */
void reactor_threads_stop(struct reactor_threads *threads);
/* Waits until stopped and no thread is left. 0, or the -errno that ended accepting. Not from a worker. */
int reactor_threads_join(struct reactor_threads *threads);

struct reactor_threads_statistics reactor_threads_statistics(struct reactor_threads *threads);

REACTOR_API_END

#endif
