/* One connection, served by one thread with blocking calls. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "reactor/clocks/clocks.h"
#include "reactor/threads_internal.h"

static struct worker *worker_of(struct reactor_stream *stream)
{
    return (struct worker *) (uintptr_t) stream->backend;
}

static bool is_stopping(const struct worker *worker)
{
    return atomic_load_explicit(&worker->threads->stopping, memory_order_relaxed);
}

/* The worker looks at what its owner asked for after each call. */
static void changed(struct reactor_stream *stream)
{
    (void) stream;
}

static struct buffer_pool *buffers(struct reactor_stream *stream)
{
    return &worker_of(stream)->buffers;
}

static void closed(struct reactor_stream *stream)
{
    struct worker *worker = worker_of(stream);
    stream_offer(stream);
    stream_buffers_give(stream);
    worker->stream = NULL;
    threads_forget(worker);
    close(stream->handler.descriptor);
    stream->handler.descriptor = -1;
    stream->backend = NULL;
}

static void disconnect(struct worker *worker, struct reactor_stream *stream, int reason)
{
    const struct reactor_handler_ops *ops = stream->handler.ops;
    bool violated = stream->flags & STREAM_VIOLATED;
    closed(stream);
    pthread_mutex_lock(&worker->threads->lock);
    worker->threads->statistics.timed_out += !violated && reason == -ETIMEDOUT;
    worker->threads->statistics.violations += violated;
    pthread_mutex_unlock(&worker->threads->lock);
    if (ops->disconnected)
        ops->disconnected(&stream->handler, reason);
}

/* Calls the owner. False: the stream is closed, or going. */
static bool call(struct worker *worker, void (*event)(struct reactor_handler *))
{
    if (event)
        event(&worker->stream->handler);
    return worker->stream && !(worker->stream->flags & STREAM_GOING);
}

static void show(struct worker *worker)
{
    struct reactor_stream *stream = worker->stream;
    uint32_t shown = stream->input_end - stream->input_begin;
    stream->flags &= ~(uint32_t) STREAM_RESUMED;
    if (call(worker, stream->handler.ops->input_ready))
        stream_input_shown(stream, shown);
}

static void active(struct worker *worker, uint32_t bytes)
{
    struct reactor_stream *stream = worker->stream;
    if (!stream->idle_timeout_ns)
        return;
    stream->idle_bytes += bytes;
    if (stream->idle_bytes < stream->idle_bytes_min) {
        if (clock_monotonic_ns() - worker->idle_since_ns >= stream->idle_timeout_ns)
            stream_go(stream, -ETIMEDOUT);
        return;
    }
    stream->idle_bytes = 0;
    if (stream->idle_bytes_min > 1) /* else the kernel's time-out of each call says it all */
        worker->idle_since_ns = clock_monotonic_ns();
}

/* A blocking call has failed: by its time-out, a signal, or for good. */
static void failed(struct worker *worker, int error)
{
    if (error == EAGAIN || error == EWOULDBLOCK)
        stream_go(worker->stream, -ETIMEDOUT);
    else if (error != EINTR)
        stream_go(worker->stream, -error);
}

static void write_output(struct worker *worker)
{
    struct reactor_stream *stream = worker->stream;
    uint32_t length;
    const uint8_t *bytes = stream_output(stream, &length);
    ssize_t count = send(stream->handler.descriptor, bytes, length, MSG_NOSIGNAL);
    if (count < 0) {
        failed(worker, errno);
        return;
    }
    bool output_due = stream_sent(stream, (uint32_t) count);
    active(worker, (uint32_t) count);
    if (output_due && !(stream->flags & STREAM_GOING))
        (void) call(worker, stream->handler.ops->output_ready);
}

static void peer_ended(struct worker *worker)
{
    worker->stream->flags |= STREAM_PEER_ENDED | STREAM_END_TOLD;
    show(worker);
}

/* Into the worker's scratch, from where the owner reads in place, or behind what is buffered. */
static void read_input(struct worker *worker)
{
    struct reactor_stream *stream = worker->stream;
    uint8_t *room = worker->scratch;
    uint32_t buffered = stream->input_end - stream->input_begin;
    uint32_t most = stream->input_max < WORKER_SCRATCH_BYTES ? stream->input_max : WORKER_SCRATCH_BYTES;
    int64_t size = buffered ? stream_input_room(stream, WORKER_SCRATCH_BYTES, &room) : most;
    if (size <= 0) {
        stream_go(stream, size < 0 ? (int) size : -EMSGSIZE);
        return;
    }
    ssize_t count = recv(stream->handler.descriptor, room, (size_t) size, 0);
    if (count <= 0) {
        if (is_stopping(worker))
            return;
        if (count == 0)
            peer_ended(worker);
        else
            failed(worker, errno);
        return;
    }
    if (buffered)
        stream->input_end += (uint32_t) count;
    else
        stream_input_borrow(stream, room, (uint32_t) count);
    active(worker, (uint32_t) count);
    if (!(stream->flags & STREAM_GOING))
        show(worker);
}

/* Nothing is to be written and nothing may be read: only the peer's hang-up, a time-out or stop can come. */
static void wait_for_the_end(struct worker *worker)
{
    struct reactor_stream *stream = worker->stream;
    struct pollfd poll_for = {.fd = stream->handler.descriptor};
    uint64_t timeout_ms = (stream->idle_timeout_ns + 999999) / 1000000;
    if ((stream->flags & STREAM_PAUSED) || timeout_ms == 0) /* by the owner: no time runs */
        timeout_ms = UINT64_MAX;
    int count = poll(&poll_for, 1, timeout_ms == UINT64_MAX ? -1 : timeout_ms < INT_MAX ? (int) timeout_ms : INT_MAX);
    if (is_stopping(worker))
        return;
    if (count == 0)
        stream_go(stream, -ETIMEDOUT);
    else if (count > 0)
        stream_go(stream, -EPIPE);
}

static void show_again(struct worker *worker)
{
    worker->stream->flags &= ~(uint32_t) STREAM_RESUMED;
    if (worker->stream->input)
        show(worker);
}

/* One thing at a time; each may end the stream. */
static void step(struct worker *worker)
{
    struct reactor_stream *stream = worker->stream;
    bool is_paused = stream->flags & STREAM_PAUSED;
    if (reactor_stream_pending(stream))
        write_output(worker);
    else if (stream_settle(stream))
        return;
    else if (!is_paused && (stream->flags & STREAM_RESUMED))
        show_again(worker);
    else if (!is_paused && !(stream->flags & STREAM_PEER_ENDED))
        read_input(worker);
    else
        wait_for_the_end(worker);
}

static void set_timeouts(const struct reactor_stream *stream)
{
    uint64_t ns = stream->idle_timeout_ns;
    if (!ns)
        return;
    /* (a zero would mean none) */
    struct timeval timeout = {(time_t) (ns / 1000000000u), (suseconds_t) (ns % 1000000000u / 1000 + (ns < 1000))};
    (void) setsockopt(stream->handler.descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    (void) setsockopt(stream->handler.descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
}

void threads_serve(struct worker *worker, int descriptor)
{
    const struct reactor_threads_options *options = &worker->threads->options;
    struct reactor_stream *stream = options->accepted(options->context, descriptor);
    if (!stream) {
        threads_forget(worker);
        close(descriptor);
        return;
    }
    worker->backend = (struct reactor_stream_backend){.changed = changed, .closed = closed, .buffers = buffers};
    stream_init(stream, &worker->backend, &options->stream);
    stream->handler.loop = NULL;
    worker->stream = stream;
    worker->idle_since_ns = stream->idle_timeout_ns ? clock_monotonic_ns() : 0;
    set_timeouts(stream);
    while (worker->stream && !(stream->flags & STREAM_GOING) && !is_stopping(worker))
        step(worker);
    if (!worker->stream)
        return;
    if (!(stream->flags & STREAM_GOING))
        stream_go(stream, 0);
    disconnect(worker, stream, stream->reason);
}
