#include "reactor/threads.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reactor/listener_internal.h"
#include "reactor/options.h"
#include "reactor/threads_internal.h"

#define THREADS_MAX_DEFAULT 64
#define QUEUE_MAX_DEFAULT 64
#define STACK_BYTES_DEFAULT (256u * 1024)
#define KEPT_BYTES_MAX 65536 /* of buffers, by a worker from one connection to the next */
#define ACCEPT_RETRY_NS 100000000 /* after running out of descriptors, unless one is freed before */

void threads_forget(struct worker *worker)
{
    pthread_mutex_lock(&worker->threads->lock);
    worker->descriptor = -1;
    pthread_mutex_unlock(&worker->threads->lock);
}

/* The next connection, or -1 when stopping; waits for it. Locked. */
static int take(struct reactor_threads *threads)
{
    while (!threads->statistics.queued && !threads->stopping) {
        threads->idle_count++;
        pthread_cond_wait(&threads->connection_came, &threads->lock);
        threads->idle_count--;
    }
    if (threads->stopping)
        return -1;
    int descriptor = threads->queue[threads->queue_first];
    threads->queue_first = (threads->queue_first + 1) % threads->options.queue_max;
    threads->statistics.queued--;
    threads->statistics.active++;
    return descriptor;
}

static void *work(void *context)
{
    struct worker *worker = context;
    struct reactor_threads *threads = worker->threads;
    pthread_mutex_lock(&threads->lock);
    for (;;) {
        int descriptor = take(threads);
        if (descriptor < 0)
            break;
        worker->descriptor = descriptor;
        pthread_mutex_unlock(&threads->lock);
        threads_serve(worker, descriptor);
        pthread_mutex_lock(&threads->lock);
        threads->statistics.active--;
        threads->statistics.served++;
        pthread_cond_signal(&threads->descriptor_freed);
    }
    pthread_mutex_unlock(&threads->lock);
    buffer_pool_done(&worker->buffers);
    free(worker->scratch);
    return NULL;
}

static int start_thread(pthread_t *thread, void *(*run)(void *), void *context, uint32_t stack_bytes)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    int error = pthread_attr_setstacksize(&attributes, stack_bytes);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the program's own threads' business */
    if (!error)
        error = pthread_create(thread, &attributes, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -error;
}

/* One more worker, where those there are have enough to do. Locked. */
static void staff(struct reactor_threads *threads)
{
    struct reactor_threads_statistics *statistics = &threads->statistics;
    if (threads->idle_count >= statistics->queued || statistics->threads == threads->options.threads_max)
        return;
    struct worker *worker = &threads->workers[statistics->threads];
    *worker = (struct worker){.threads = threads, .descriptor = -1, .scratch = malloc(WORKER_SCRATCH_BYTES)};
    buffer_pool_init(&worker->buffers, KEPT_BYTES_MAX);
    if (!worker->scratch || start_thread(&worker->thread, work, worker, threads->options.stack_bytes) < 0) {
        free(worker->scratch);
        statistics->threads_failed++;
        return;
    }
    statistics->threads++;
}

/* False: the queue is full, or nobody is there to serve what is put into it. */
static bool admit(struct reactor_threads *threads, int descriptor)
{
    struct reactor_threads_statistics *statistics = &threads->statistics;
    pthread_mutex_lock(&threads->lock);
    bool is_admitted = statistics->queued < threads->options.queue_max && !threads->stopping;
    if (is_admitted) {
        threads->queue[(threads->queue_first + statistics->queued) % threads->options.queue_max] = descriptor;
        if (++statistics->queued > statistics->queued_most)
            statistics->queued_most = statistics->queued;
        staff(threads);
        is_admitted = statistics->threads > 0;
        statistics->queued -= !is_admitted;
    }
    if (is_admitted)
        statistics->accepted++;
    else
        statistics->refused++;
    pthread_cond_signal(&threads->connection_came);
    pthread_mutex_unlock(&threads->lock);
    return is_admitted;
}

static void refuse(const struct reactor_threads *threads, int descriptor)
{
    if (!threads->options.refused) {
        listener_reset(descriptor);
        return;
    }
    threads->options.refused(threads->options.context, descriptor);
    close(descriptor);
}

static void await_descriptor(struct reactor_threads *threads)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += ACCEPT_RETRY_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&threads->lock);
    threads->statistics.accept_pauses++;
    if (!threads->stopping)
        pthread_cond_timedwait(&threads->descriptor_freed, &threads->lock, &until);
    pthread_mutex_unlock(&threads->lock);
}

static void *dispatch(void *context)
{
    struct reactor_threads *threads = context;
    while (!threads->stopping) {
        int descriptor = accept4(threads->listening, NULL, NULL, SOCK_CLOEXEC);
        int error = errno;
        if (descriptor >= 0) {
            if (!admit(threads, descriptor))
                refuse(threads, descriptor);
        } else if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
            await_descriptor(threads);
        } else if (!listener_error_is_of_the_connection(error) && !threads->stopping) {
            threads->result = -error;
            reactor_threads_stop(threads);
        }
    }
    return NULL;
}

static int set_up(struct reactor_threads *threads)
{
    struct reactor_threads_options *options = &threads->options;
    threads->workers = calloc(options->threads_max, sizeof *threads->workers);
    threads->queue = calloc(options->queue_max, sizeof *threads->queue);
    if (!threads->workers || !threads->queue)
        return -ENOMEM;
    threads->listening = reactor_listen(options->address, options->address_bytes, options->backlog, false);
    options->address = NULL;
    if (threads->listening < 0)
        return threads->listening;
    int flags = fcntl(threads->listening, F_GETFL);
    return flags < 0 || fcntl(threads->listening, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

int reactor_threads_create(struct reactor_threads **created, const struct reactor_threads_options *options)
{
    *created = NULL;
    if (reactor_threads_options_check(options, NULL) < 0)
        return -EINVAL;
    struct reactor_threads *threads = calloc(1, sizeof *threads);
    if (!threads)
        return -ENOMEM;
    threads->listening = -1;
    threads->options = *options;
    if (!options->threads_max)
        threads->options.threads_max = THREADS_MAX_DEFAULT;
    if (!options->queue_max)
        threads->options.queue_max = QUEUE_MAX_DEFAULT;
    if (!options->stack_bytes)
        threads->options.stack_bytes = STACK_BYTES_DEFAULT;
    threads->options.stream.connecting = false;
    threads->options.stream.listener = NULL;
    pthread_mutex_init(&threads->lock, NULL);
    pthread_cond_init(&threads->connection_came, NULL);
    pthread_cond_init(&threads->descriptor_freed, NULL);
    int result = set_up(threads);
    if (result < 0) {
        reactor_threads_free(threads);
        return result;
    }
    *created = threads;
    return 0;
}

int reactor_threads_address(const struct reactor_threads *threads, struct sockaddr_storage *address, socklen_t *bytes)
{
    *bytes = sizeof *address;
    return getsockname(threads->listening, (struct sockaddr *) address, bytes) < 0 ? -errno : 0;
}

int reactor_threads_start(struct reactor_threads *threads)
{
    if (threads->dispatching || threads->stopping)
        return threads->dispatching ? -EALREADY : -ESHUTDOWN;
    int result = start_thread(&threads->dispatcher, dispatch, threads, STACK_BYTES_DEFAULT);
    threads->dispatching = result == 0;
    return result;
}

/* A call that blocks on a socket that was shut down returns, now or when it is made. */
void reactor_threads_stop(struct reactor_threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    threads->stopping = true;
    if (threads->listening >= 0)
        shutdown(threads->listening, SHUT_RDWR);
    for (uint32_t i = 0; i < threads->statistics.threads; i++)
        if (threads->workers[i].descriptor >= 0)
            shutdown(threads->workers[i].descriptor, SHUT_RDWR);
    pthread_cond_broadcast(&threads->connection_came);
    pthread_cond_broadcast(&threads->descriptor_freed);
    pthread_mutex_unlock(&threads->lock);
}

int reactor_threads_join(struct reactor_threads *threads)
{
    if (threads->dispatching)
        pthread_join(threads->dispatcher, NULL);
    threads->dispatching = false;
    for (uint32_t i = 0; i < threads->statistics.threads; i++) /* no dispatcher: nobody adds to them */
        pthread_join(threads->workers[i].thread, NULL);
    threads->statistics.threads = 0;
    for (; threads->statistics.queued; threads->statistics.queued--) {
        listener_reset(threads->queue[threads->queue_first]);
        threads->queue_first = (threads->queue_first + 1) % threads->options.queue_max;
    }
    return threads->result;
}

void reactor_threads_free(struct reactor_threads *threads)
{
    if (!threads)
        return;
    reactor_threads_stop(threads);
    (void) reactor_threads_join(threads);
    if (threads->listening >= 0)
        close(threads->listening);
    pthread_cond_destroy(&threads->descriptor_freed);
    pthread_cond_destroy(&threads->connection_came);
    pthread_mutex_destroy(&threads->lock);
    free(threads->queue);
    free(threads->workers);
    free(threads);
}

struct reactor_threads_statistics reactor_threads_statistics(struct reactor_threads *threads)
{
    pthread_mutex_lock(&threads->lock);
    struct reactor_threads_statistics statistics = threads->statistics;
    pthread_mutex_unlock(&threads->lock);
    return statistics;
}
