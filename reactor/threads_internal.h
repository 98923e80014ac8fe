/* Thread-per-connection: threads.c (dispatcher, queue, pool) and threads_serve.c (one connection). Internal. */
#ifndef REACTOR_THREADS_INTERNAL_H
#define REACTOR_THREADS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "reactor/stream_internal.h"
#include "reactor/threads.h"

#define WORKER_SCRATCH_BYTES 16384u

struct worker {
    struct reactor_stream_backend backend; /* first: how a stream finds its worker */
    struct reactor_threads *threads;
    pthread_t thread;
    struct buffer_pool buffers;
    struct reactor_stream *stream; /* NULL: none, or its owner has closed it */
    int descriptor;                /* being served; -1: none. Changed under the lock: stop shuts it down */
    uint64_t idle_since_ns;
    uint8_t *scratch;
};

struct reactor_threads {
    struct reactor_threads_options options;
    int listening;
    atomic_bool stopping;
    pthread_mutex_t lock; /* of all below; never held while a handler runs or a call may block */
    pthread_cond_t connection_came, descriptor_freed;
    pthread_t dispatcher;
    bool dispatching; /* must be joined */
    int result;       /* of the dispatcher */
    int *queue;       /* ring of queue_max descriptors */
    uint32_t queue_first, idle_count;
    struct worker *workers;
    struct reactor_threads_statistics statistics;
};

/* threads_serve.c: from its first byte to its end. Closes the descriptor. */
void threads_serve(struct worker *worker, int descriptor);
/* threads.c: before the descriptor is closed. */
void threads_forget(struct worker *worker);

#endif
