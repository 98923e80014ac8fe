#include "reactor/offload.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "reactor/base/assert.h"
#include "reactor/loop_internal.h"
#include "reactor/options.h"
#include "reactor/options_internal.h"

#define THREADS_MAX_DEFAULT 4
#define JOBS_MAX_DEFAULT 256
#define SLOT_BITS 16 /* of a ticket; above them the serial */
_Static_assert(OFFLOAD_JOBS_MOST < 1u << SLOT_BITS, "a job's slot fits into its ticket");

enum job_state { JOB_FREE, JOB_WAITING, JOB_RUNNING, JOB_FINISHED };

struct job {
    struct reactor_task task; /* first: brings it back */
    struct reactor_offload *pool;
    struct reactor_loop *loop;
    reactor_offload_work *work;
    reactor_offload_done *done;
    void *context;
    int64_t ticket;
    int result;
    enum job_state state;
    struct job *next, *previous; /* of the waiting, or of the free */
};

struct reactor_offload {
    pthread_mutex_t lock; /* of all below; never held while a job runs */
    pthread_cond_t work_came;
    struct job waiting; /* the ring's head: waiting.next has waited longest */
    struct job *free;
    struct job *jobs;
    pthread_t *threads;
    uint32_t threads_max, jobs_max, idle_count, waiting_count;
    int64_t serial;
    bool stopping;
    struct reactor_offload_statistics statistics;
};

static void unlink_waiting(struct job *job)
{
    job->pool->waiting_count--;
    job->previous->next = job->next;
    job->next->previous = job->previous;
}

static void append(struct reactor_offload *pool, struct job *job)
{
    job->next = &pool->waiting;
    job->previous = pool->waiting.previous;
    job->previous->next = job;
    pool->waiting.previous = job;
    pool->waiting_count++;
}

/* On the loop's thread: the slot is given back before done is called, so that done may submit again. */
static void tell(struct reactor_loop *loop, struct reactor_task *task)
{
    struct job *job = (struct job *) (void *) task, told = *job;
    struct reactor_offload *pool = job->pool;
    pthread_mutex_lock(&pool->lock);
    job->state = JOB_FREE;
    job->next = pool->free;
    pool->free = job;
    pool->statistics.jobs--;
    pthread_mutex_unlock(&pool->lock);
    reactor_loop_release(loop);
    told.done(told.context, told.result);
}

static void finish(struct job *job, int result)
{
    job->result = result;
    job->state = JOB_FINISHED;
    reactor_loop_submit(job->loop, &job->task);
}

static void *work(void *context)
{
    struct reactor_offload *pool = context;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct job *job = pool->waiting.next;
        if (job != &pool->waiting) {
            unlink_waiting(job);
            job->state = JOB_RUNNING;
            pthread_mutex_unlock(&pool->lock);
            int result = job->work(job->context);
            pthread_mutex_lock(&pool->lock);
            pool->statistics.completed++;
            finish(job, result);
        } else if (pool->stopping) {
            break;
        } else {
            pool->idle_count++;
            pthread_cond_wait(&pool->work_came, &pool->lock);
            pool->idle_count--;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int reactor_offload_create(struct reactor_offload **created, const struct reactor_offload_options *options)
{
    static const struct reactor_offload_options defaults;
    options = options ? options : &defaults;
    *created = NULL;
    uint32_t threads_max = options->threads_max ? options->threads_max : THREADS_MAX_DEFAULT;
    uint32_t jobs_max = options->jobs_max ? options->jobs_max : JOBS_MAX_DEFAULT;
    if (reactor_offload_options_check(options, NULL) < 0)
        return -EINVAL;
    struct reactor_offload *pool = calloc(1, sizeof *pool);
    if (!pool)
        return -ENOMEM;
    pool->threads_max = threads_max;
    pool->jobs_max = jobs_max;
    pool->jobs = calloc(jobs_max, sizeof *pool->jobs);
    pool->threads = calloc(threads_max, sizeof *pool->threads);
    if (!pool->jobs || !pool->threads) {
        free(pool->jobs);
        free(pool->threads);
        free(pool);
        return -ENOMEM;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work_came, NULL);
    pool->waiting.next = pool->waiting.previous = &pool->waiting;
    for (uint32_t i = jobs_max; i-- > 0; pool->free = &pool->jobs[i])
        pool->jobs[i] = (struct job){.task.run = tell, .pool = pool, .next = pool->free};
    *created = pool;
    return 0;
}

static void cancel_locked(struct reactor_offload *pool, struct job *job)
{
    unlink_waiting(job);
    pool->statistics.cancelled++;
    finish(job, -ECANCELED);
}

void reactor_offload_stop(struct reactor_offload *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    while (pool->waiting.next != &pool->waiting)
        cancel_locked(pool, pool->waiting.next);
    uint32_t threads = pool->statistics.threads;
    pool->statistics.threads = 0;
    pthread_cond_broadcast(&pool->work_came);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < threads; i++)
        pthread_join(pool->threads[i], NULL);
}

void reactor_offload_free(struct reactor_offload *pool)
{
    if (!pool)
        return;
    reactor_offload_stop(pool);
    for (uint32_t i = 0; i < pool->jobs_max; i++) /* no thread is left: what is not free is in its loop's list */
        if (pool->jobs[i].state != JOB_FREE)
            loop_run_tasks(pool->jobs[i].loop);
    base_assert(pool->statistics.jobs == 0);
    pthread_cond_destroy(&pool->work_came);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool->jobs);
    free(pool);
}

/* Signals are the program's own threads' business. */
static int start_thread(struct reactor_offload *pool)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&pool->threads[pool->statistics.threads], NULL, work, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return -error;
    pool->statistics.threads++;
    return 0;
}

/* Sees to it that somebody takes one job more than are waiting: those idle may have been woken for these already. */
static int find_thread(struct reactor_offload *pool)
{
    if (pool->idle_count > pool->waiting_count || pool->statistics.threads == pool->threads_max)
        return 0;
    int result = start_thread(pool);
    return pool->statistics.threads > 0 ? 0 : result;
}

static int64_t submit_locked(struct reactor_offload *pool, const struct job *given)
{
    struct job *job = pool->free;
    int result = pool->stopping ? -ESHUTDOWN : !job ? -ENOBUFS : find_thread(pool);
    if (result < 0) {
        pool->statistics.refused++;
        return result;
    }
    pool->free = job->next;
    *job = *given;
    job->ticket = ++pool->serial << SLOT_BITS | (job - pool->jobs);
    append(pool, job);
    pool->statistics.submitted++;
    if (++pool->statistics.jobs > pool->statistics.jobs_most)
        pool->statistics.jobs_most = pool->statistics.jobs;
    pthread_cond_signal(&pool->work_came);
    return job->ticket;
}

int64_t reactor_offload_submit(struct reactor_offload *pool, struct reactor_loop *loop, reactor_offload_work *function,
                               reactor_offload_done *done, void *context)
{
    const struct job job = {.task.run = tell, .pool = pool, .loop = loop, .work = function, .done = done,
                            .context = context, .state = JOB_WAITING};
    pthread_mutex_lock(&pool->lock);
    int64_t ticket = submit_locked(pool, &job);
    pthread_mutex_unlock(&pool->lock);
    if (ticket > 0)
        reactor_loop_hold(loop); /* told by this thread's next turn at the earliest */
    return ticket;
}

int reactor_offload_cancel(struct reactor_offload *pool, int64_t ticket)
{
    int result = -ENOENT;
    pthread_mutex_lock(&pool->lock);
    uint64_t slot = (uint64_t) ticket & ((1u << SLOT_BITS) - 1);
    struct job *job = ticket > 0 && slot < pool->jobs_max ? &pool->jobs[slot] : NULL;
    if (job && job->ticket == ticket && job->state == JOB_WAITING) {
        cancel_locked(pool, job);
        result = 0;
    } else if (job && job->ticket == ticket && job->state == JOB_RUNNING) {
        result = -EBUSY;
    }
    pthread_mutex_unlock(&pool->lock);
    return result;
}

struct reactor_offload_statistics reactor_offload_statistics(struct reactor_offload *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct reactor_offload_statistics statistics = pool->statistics;
    pthread_mutex_unlock(&pool->lock);
    return statistics;
}
