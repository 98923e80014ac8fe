#include "reactor/stream_run.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reactor/listener_internal.h"
#include "reactor/options.h"

static void changed(struct reactor_stream *stream)
{
    loop_flush_later(&stream->handler);
}

static struct buffer_pool *buffers(struct reactor_stream *stream)
{
    return &stream->handler.loop->buffers;
}

/* The descriptor is closed and everything given back; the owner's struct is its own again. */
static void finish(struct reactor_stream *stream)
{
    struct reactor_handler *handler = &stream->handler;
    struct reactor_loop *loop = handler->loop;
    const struct reactor_completion_ops *completions = loop->demultiplexer->completions;
    int descriptor = handler->descriptor;
    loop_driver_timer_disarm(handler, &stream->timer);
    if (completions) { /* first: the kernel may be reading the output */
        completions->close(loop->demultiplexer_state, descriptor);
        handler->watched = false;
        loop->owes_look = true;
    }
    stream_buffers_give(stream);
    loop_detach(handler);
    if (!completions)
        close(descriptor);
    handler->descriptor = -1;
    stream->backend = NULL;
    listener_connection_over(loop, stream->listener);
}

/* Whether what was given to the demultiplexer is with the kernel. */
static bool is_all_sent(const struct reactor_stream *stream)
{
    const struct reactor_loop *loop = stream->handler.loop;
    const struct reactor_completion_ops *completions = loop->demultiplexer->completions;
    return !completions || completions->all_sent(loop->demultiplexer_state, stream->handler.descriptor);
}

/* As stream_offer, with the next wait where that can be: ahead of the closing, in the same call. */
static void offer(const struct reactor_stream *stream)
{
    const struct reactor_loop *loop = stream->handler.loop;
    const struct reactor_completion_ops *completions = loop->demultiplexer->completions;
    uint32_t length;
    const uint8_t *bytes = stream_output(stream, &length);
    bool goes = length && !(stream->flags & (STREAM_CONNECTING | STREAM_BLOCKED));
    if (!goes || (completions && completions->send_copy(loop->demultiplexer_state, stream->handler.descriptor,
                                                        loop_token(&stream->handler), bytes, length) == 0))
        return;
    if (is_all_sent(stream))
        stream_offer(stream);
}

static void closed(struct reactor_stream *stream)
{
    offer(stream);
    finish(stream);
}

static const struct reactor_stream_backend run_by_loop = {.changed = changed, .closed = closed, .buffers = buffers};

void stream_disconnect(struct reactor_handler *handler, int reason)
{
    struct reactor_loop *loop = handler->loop;
    offer(stream_of(handler));
    finish(stream_of(handler));
    loop_tell_disconnected(loop, handler, reason);
}

static int arm_idle(struct reactor_stream *stream)
{
    if (!stream->idle_timeout_ns)
        return 0;
    stream->idle_since_ns = reactor_loop_now(stream->handler.loop);
    stream->idle_bytes = 0;
    return loop_driver_timer_arm(&stream->handler, &stream->timer, stream->idle_timeout_ns);
}

static int begin(struct reactor_stream *stream, uint64_t connect_timeout_ns)
{
    struct reactor_loop *loop = stream->handler.loop;
    if (stream->flags & STREAM_CONNECTING)
        return connect_timeout_ns ? loop_driver_timer_arm(&stream->handler, &stream->timer, connect_timeout_ns) : 0;
    int result = arm_idle(stream);
    return result == 0 && loop->demultiplexer->completions ? stream_completion_begin(stream) : result;
}

/* Where edges are told the socket is read at the turn's end before it is watched: of those just accepted the request is
 * often there, and the answer may end the stream, unwatched. */
static void read_first(struct reactor_stream *stream)
{
    stream->flags |= STREAM_READABLE;
    stream->read_turn = (uint32_t) stream->handler.loop->statistics.turns - 1;
    loop_flush_later(&stream->handler);
}

int reactor_stream_open(struct reactor_stream *stream, struct reactor_loop *loop,
                        const struct reactor_stream_options *options)
{
    bool completions = loop->demultiplexer->completions;
    if (options && reactor_stream_options_check(options, NULL) < 0)
        return -EINVAL;
    stream_init(stream, &run_by_loop, options);
    stream->backend = NULL;
    if (!completions && !loop->scratch && !(loop->scratch = malloc(loop->bytes_a_turn)))
        return -ENOMEM;
    bool connecting = stream->flags & STREAM_CONNECTING;
    uint32_t interest = (completions ? 0 : REACTOR_READ | REACTOR_EDGE) | (connecting ? REACTOR_CONNECTING : 0) |
                        (connecting || (!completions && !loop->demultiplexer->edges) ? 0 : LOOP_UNWATCHED);
    int result = loop_attach(&stream->handler, loop, interest,
                             completions ? &stream_completion_driver : &stream_readiness_driver);
    if (result < 0)
        return result;
    result = begin(stream, connecting && options ? options->connect_timeout_ns : 0);
    if (result < 0) {
        loop_driver_timer_disarm(&stream->handler, &stream->timer);
        loop_detach(&stream->handler);
        return result;
    }
    stream->backend = &run_by_loop;
    if (options && options->listener)
        stream->listener = listener_token(options->listener);
    if (!stream->handler.watched && !completions)
        read_first(stream);
    return 0;
}

bool stream_connected(struct reactor_stream *stream, int error)
{
    struct reactor_handler *handler = &stream->handler;
    struct reactor_loop *loop = handler->loop;
    uint64_t token = loop_token(handler);
    stream->flags &= ~(uint32_t) STREAM_CONNECTING;
    loop_driver_timer_disarm(handler, &stream->timer);
    if (error == 0)
        error = begin(stream, 0);
    if (error < 0) {
        stream_go(stream, error);
        return false;
    }
    if (reactor_stream_pending(stream) || (stream->flags & STREAM_SHUTTING))
        loop_flush_later(handler);
    loop_tell(loop, handler, handler->ops->connected);
    return loop_handler_at(loop, token) && !(stream->flags & STREAM_GOING);
}

bool stream_show(struct reactor_stream *stream)
{
    struct reactor_handler *handler = &stream->handler;
    struct reactor_loop *loop = handler->loop;
    uint64_t token = loop_token(handler);
    uint32_t shown = stream->input_end - stream->input_begin;
    stream->flags &= ~(uint32_t) STREAM_RESUMED;
    loop_tell(loop, handler, handler->ops->input_ready);
    if (!loop_handler_at(loop, token))
        return false;
    if (!stream->input) /* as a rule */
        return !(stream->flags & STREAM_GOING);
    stream_input_shown(stream, shown);
    return !(stream->flags & STREAM_GOING);
}

void stream_peer_ended(struct reactor_stream *stream)
{
    stream->flags |= STREAM_PEER_ENDED;
    if (stream->flags & (STREAM_PAUSED | STREAM_GOING))
        return;
    stream->flags |= STREAM_END_TOLD;
    if (stream_show(stream))
        loop_flush_later(&stream->handler); /* settles */
}

bool stream_tell_output(struct reactor_stream *stream)
{
    struct reactor_loop *loop = stream->handler.loop;
    uint64_t token = loop_token(&stream->handler);
    loop_tell(loop, &stream->handler, stream->handler.ops->output_ready);
    return loop_handler_at(loop, token);
}

/* What became of a last copy is known within a turn or two. */
static void settle(struct reactor_stream *stream)
{
    bool may_settle = stream->flags & (STREAM_SHUTTING | STREAM_END_TOLD) && !stream_pending(stream);
    if (may_settle && !is_all_sent(stream))
        loop_flush_later(&stream->handler);
    else
        (void) stream_settle(stream);
}

bool stream_catch_up(struct reactor_stream *stream)
{
    if (!(stream->flags & STREAM_GOING) && (stream->flags & STREAM_RESUMED) && !(stream->flags & STREAM_PAUSED)) {
        struct reactor_loop *loop = stream->handler.loop;
        uint64_t token = loop_token(&stream->handler);
        stream->flags &= ~(uint32_t) STREAM_RESUMED;
        if ((stream->flags & STREAM_PEER_ENDED) && !(stream->flags & STREAM_END_TOLD))
            stream_peer_ended(stream);
        else if (stream->input)
            (void) stream_show(stream);
        if (!loop_handler_at(loop, token))
            return false;
    }
    if (!(stream->flags & STREAM_GOING))
        settle(stream);
    if (!(stream->flags & STREAM_GOING))
        return true;
    stream_disconnect(&stream->handler, stream->reason);
    return false;
}

/* Idle since when it was last active; while the owner itself holds it up, that is not the peer's fault. */
static uint64_t idle_until(struct reactor_stream *stream, uint64_t now_ns)
{
    if ((stream->flags & STREAM_PAUSED) && !reactor_stream_pending(stream))
        stream->idle_since_ns = now_ns;
    return stream->idle_since_ns + stream->idle_timeout_ns;
}

void stream_timed_out(struct reactor_handler *handler)
{
    struct reactor_stream *stream = stream_of(handler);
    uint64_t now_ns = reactor_loop_now(handler->loop);
    stream->timer = 0;
    if (stream->flags & STREAM_GOING)
        return;
    if (!(stream->flags & STREAM_CONNECTING)) {
        uint64_t until_ns = idle_until(stream, now_ns);
        if (until_ns > now_ns) {
            if (loop_driver_timer_arm(handler, &stream->timer, until_ns - now_ns) < 0)
                stream_go(stream, -ENOBUFS);
            return;
        }
    }
    loop_count(handler->loop->statistics.timed_out, 1);
    stream_go(stream, -ETIMEDOUT);
}
