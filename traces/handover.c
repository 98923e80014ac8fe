#include "traces/handover.h"

#include <errno.h>
#include <stdlib.h>

int trace_handover_init(struct trace_handover *handover)
{
    *handover = (struct trace_handover) {.full_tail = &handover->full_head};
    atomic_init(&handover->wanted, false);
    pthread_condattr_t monotonic;
    int error = pthread_condattr_init(&monotonic);
    if (error)
        return -error;
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    error = pthread_mutex_init(&handover->mutex, NULL);
    if (!error)
        error = pthread_cond_init(&handover->filled, &monotonic);
    if (!error)
        error = pthread_cond_init(&handover->freed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return -error;
}

void trace_handover_done(struct trace_handover *handover)
{
    for (struct trace_batch *batch = handover->free_head, *next; batch; batch = next) {
        next = batch->next;
        free(batch);
    }
    pthread_cond_destroy(&handover->freed);
    pthread_cond_destroy(&handover->filled);
    pthread_mutex_destroy(&handover->mutex);
}

/* With the mutex held. The last one used is still in the cache, so the pool is a stack. */
static struct trace_batch *pool_try_take(struct trace_handover *handover)
{
    struct trace_batch *batch = handover->free_head;
    if (batch) {
        handover->free_head = batch->next;
        handover->free_count--;
        return batch;
    }
    if (handover->made == TRACE_BATCH_MAX)
        return NULL;
    batch = aligned_alloc(64, TRACE_BATCH_BYTES);
    if (batch)
        handover->made++;
    return batch;
}

/* Who waits is woken when seven eighths of what goes around are free, so that a run faster than its writer sleeps seldom, and
 * finds its caches cold as seldom; the last eighth (4 MiB) keeps the writer busy meanwhile. Each table may keep one open:
 * what is more comes back. */
static uint32_t woken_at(const struct trace_handover *handover)
{
    return handover->made > TRACE_TABLE_COUNT ? (handover->made - TRACE_TABLE_COUNT) * 7 / 8 + 1 : 1;
}

struct trace_batch *trace_handover_take(struct trace_handover *handover, enum trace_table table, bool may_wait)
{
    pthread_mutex_lock(&handover->mutex);
    struct trace_batch *batch = pool_try_take(handover);
    /* Where memory ran out there may be none to wait for. */
    if (!batch && may_wait && handover->made > TRACE_TABLE_COUNT) {
        while (handover->free_count < woken_at(handover))
            pthread_cond_wait(&handover->freed, &handover->mutex);
        batch = pool_try_take(handover);
    }
    pthread_mutex_unlock(&handover->mutex);
    if (batch) {
        batch->next = NULL;
        batch->table = table;
        batch->count = 0;
        batch->record_bytes = trace_record_bytes(table);
        batch->bytes_end = TRACE_BATCH_ROOM / batch->record_bytes * batch->record_bytes;
    }
    return batch;
}

void trace_handover_give(struct trace_handover *handover, struct trace_batch *batch)
{
    batch->next = NULL;
    pthread_mutex_lock(&handover->mutex);
    *handover->full_tail = batch;
    handover->full_tail = &batch->next;
    pthread_cond_signal(&handover->filled);
    pthread_mutex_unlock(&handover->mutex);
}

void trace_handover_close(struct trace_handover *handover)
{
    pthread_mutex_lock(&handover->mutex);
    handover->closed = true;
    pthread_cond_signal(&handover->filled);
    pthread_mutex_unlock(&handover->mutex);
}

struct trace_batch *trace_handover_next(struct trace_handover *handover, const struct timespec *deadline)
{
    pthread_mutex_lock(&handover->mutex);
    int error = 0;
    while (!handover->full_head && !handover->closed && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&handover->filled, &handover->mutex, deadline);
    struct trace_batch *batch = handover->full_head;
    if (batch) {
        handover->full_head = batch->next;
        if (!handover->full_head)
            handover->full_tail = &handover->full_head;
    }
    pthread_mutex_unlock(&handover->mutex);
    return batch;
}

bool trace_handover_ended(struct trace_handover *handover)
{
    pthread_mutex_lock(&handover->mutex);
    bool ended = handover->closed && !handover->full_head;
    pthread_mutex_unlock(&handover->mutex);
    return ended;
}

void trace_handover_recycle(struct trace_handover *handover, struct trace_batch *batch)
{
    pthread_mutex_lock(&handover->mutex);
    batch->next = handover->free_head;
    handover->free_head = batch;
    if (++handover->free_count >= woken_at(handover))
        pthread_cond_signal(&handover->freed);
    pthread_mutex_unlock(&handover->mutex);
}
