/* The way from the simulating thread to the writer: a bounded pool of batches and a queue of the full ones.
 *
 * Whoever has to wait sleeps on a condition variable; nobody spins. Batches are made when first needed, so a short run
 * stays small. A batch comes back to the pool as soon as it was written, also when writing failed: nobody waits for ever. */
#ifndef TRACES_HANDOVER_H
#define TRACES_HANDOVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "traces/sinks/sink.h"

/* Every table may hold one open; 128 more are on the way (32 MiB: .3 s of the writer's time). A run that outpaces its
 * writer sleeps until most of them are free and finds its own caches cold each time, so longer turns are cheaper: user
 * CPU with everything recorded, of that with nothing (averaging, 100 k): 1.3 with 16, 1.2 with 64, 1.1 with 128. */
#define TRACE_BATCH_MAX (TRACE_TABLE_COUNT + 128)

struct trace_handover {
    pthread_mutex_t mutex;
    pthread_cond_t filled, freed;
    struct trace_batch *free_head;
    struct trace_batch *full_head, **full_tail;
    uint32_t made, free_count;
    bool closed;
    atomic_bool wanted; /* the writer asks for open batches, however little is in them */
};

int trace_handover_init(struct trace_handover *handover); /* 0 or -errno */
void trace_handover_done(struct trace_handover *handover);

/* An empty batch for a table; waits for one, or returns NULL when it shall not wait (or there is no memory for the
 * first batches). */
struct trace_batch *trace_handover_take(struct trace_handover *handover, enum trace_table table, bool may_wait);
void trace_handover_give(struct trace_handover *handover, struct trace_batch *batch); /* full: to the writer */
void trace_handover_close(struct trace_handover *handover); /* nothing more comes */

/* The writer's side: the next full batch; NULL at the deadline (CLOCK_MONOTONIC), or when closed and empty. */
struct trace_batch *trace_handover_next(struct trace_handover *handover, const struct timespec *deadline);
bool trace_handover_ended(struct trace_handover *handover); /* closed and empty */
void trace_handover_recycle(struct trace_handover *handover, struct trace_batch *batch);

#endif
