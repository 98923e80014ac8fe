/* Streams over completions: received into the demultiplexer's buffers, shown there in place, sent from our own. */
#include <errno.h>

#include "reactor/stream_run.h"

static const struct reactor_completion_ops *completions_of(const struct reactor_loop *loop)
{
    return loop->demultiplexer->completions;
}

int stream_completion_begin(struct reactor_stream *stream)
{
    struct reactor_handler *handler = &stream->handler;
    struct reactor_loop *loop = handler->loop;
    return completions_of(loop)->receive(loop->demultiplexer_state, handler->descriptor, loop_token(handler));
}

/* Paused: what had been under way is kept, no more is asked for. */
static void keep(struct reactor_stream *stream, const struct reactor_ready *ready)
{
    struct reactor_handler *handler = &stream->handler;
    if (stream->flags & STREAM_GOING)
        return;
    if (stream_input_append(stream, ready->bytes, (uint32_t) ready->result) < 0)
        stream_go(stream, -ENOMEM);
    if (!(stream->flags & STREAM_READABLE))
        completions_of(handler->loop)->pause(handler->loop->demultiplexer_state, handler->descriptor);
    stream->flags |= STREAM_READABLE;
}

static void show(struct reactor_stream *stream, const struct reactor_ready *ready)
{
    uint32_t length = (uint32_t) ready->result;
    if (!stream->input)
        stream_input_borrow(stream, (uint8_t *) (uintptr_t) ready->bytes, length); /* nobody writes to what is shown */
    else if (stream_input_append(stream, ready->bytes, length) < 0) {
        stream_go(stream, -ENOMEM);
        return;
    }
    (void) stream_show(stream);
}

static void received(struct reactor_stream *stream, const struct reactor_ready *ready)
{
    struct reactor_loop *loop = stream->handler.loop;
    if (ready->result < 0) {
        stream_go(stream, ready->result);
        return;
    }
    if (ready->result == 0) {
        stream_peer_ended(stream);
        return;
    }
    loop_count(loop->statistics.bytes_received, ready->result);
    stream_active(stream, (uint32_t) ready->result);
    if (stream_wants_input(stream))
        show(stream, ready);
    else
        keep(stream, ready);
    completions_of(loop)->give(loop->demultiplexer_state, ready->buffer);
}

/* So much of what is pending is out, or as good as that. Whether output_ready is due. */
static bool note_sent(struct reactor_stream *stream, uint32_t length)
{
    struct reactor_statistics *statistics = &stream->handler.loop->statistics;
    loop_count(statistics->stream_sends, 1);
    loop_count(statistics->bytes_sent, length);
    stream_active(stream, length);
    return stream_sent(stream, length);
}

/* The kernel has not taken all that was copied, and what came behind it waits. */
static void delayed(struct reactor_stream *stream, uint32_t left)
{
    stream->flags |= STREAM_DELAYED | STREAM_BLOCKED;
    stream->delayed = left;
}

/* What was counted when it was copied. */
static bool note_delayed_sent(struct reactor_stream *stream, uint32_t length)
{
    stream->flags &= ~(uint32_t) STREAM_DELAYED;
    if (stream->flags & STREAM_SENDING) /* behind it */
        stream->flags |= STREAM_BLOCKED;
    stream_active(stream, length);
    return stream_sent(stream, 0);
}

static void sent(struct reactor_stream *stream, int32_t result)
{
    struct reactor_handler *handler = &stream->handler;
    stream->flags &= ~(uint32_t) STREAM_BLOCKED;
    if (result < 0) {
        stream_go(stream, result);
        return;
    }
    bool output_due = stream->flags & STREAM_DELAYED ? note_delayed_sent(stream, (uint32_t) result)
                                                     : note_sent(stream, (uint32_t) result);
    if (stream_pending(stream) || (stream->flags & STREAM_CATCH_UP))
        loop_flush_later(handler);
    if (output_due && !(stream->flags & STREAM_GOING))
        (void) stream_tell_output(stream);
}

static void completed(struct reactor_handler *handler, const struct reactor_ready *ready)
{
    if (ready->readiness & REACTOR_RECEIVED)
        received(stream_of(handler), ready);
    else if (ready->readiness & REACTOR_DELAYED)
        delayed(stream_of(handler), (uint32_t) ready->result);
    else
        sent(stream_of(handler), ready->result);
}

/* Only while it connects. */
static void ready(struct reactor_handler *handler, uint32_t readiness)
{
    struct reactor_stream *stream = stream_of(handler);
    if (!(stream->flags & STREAM_CONNECTING))
        return;
    int error = loop_connected(handler, readiness);
    loop_unwatch(handler);
    (void) stream_connected(stream, error);
}

/* Where nobody is to be told when it is out; false: to be sent in the ordinary way. */
static bool send_copy(struct reactor_stream *stream)
{
    struct reactor_handler *handler = &stream->handler;
    struct reactor_loop *loop = handler->loop;
    uint32_t length;
    const uint8_t *bytes = stream_output(stream, &length);
    if ((stream->flags & (STREAM_SENDING | STREAM_ABOVE | STREAM_CATCH_UP)) ||
        completions_of(loop)->send_copy(loop->demultiplexer_state, handler->descriptor, loop_token(handler), bytes,
                                        length) < 0)
        return false;
    (void) note_sent(stream, length);
    return true;
}

static void send_pending(struct reactor_stream *stream)
{
    struct reactor_handler *handler = &stream->handler;
    struct reactor_loop *loop = handler->loop;
    uint32_t length;
    loop->owes_sends = true;
    if (send_copy(stream))
        return;
    const uint8_t *bytes = stream_sending(stream, &length);
    stream->flags |= STREAM_BLOCKED;
    int result = completions_of(loop)->send(loop->demultiplexer_state, handler->descriptor, loop_token(handler), bytes,
                                            length);
    if (result < 0) {
        stream->flags &= ~(uint32_t) STREAM_BLOCKED;
        stream_go(stream, result);
    }
}

static void flush(struct reactor_handler *handler)
{
    struct reactor_stream *stream = stream_of(handler);
    if (stream_pending(stream) && !(stream->flags & (STREAM_CONNECTING | STREAM_BLOCKED | STREAM_GOING)))
        send_pending(stream);
    if ((stream->flags & STREAM_CATCH_UP) && !stream_catch_up(stream))
        return;
    if (!(stream->flags & STREAM_READABLE) || !stream_wants_input(stream))
        return;
    stream->flags &= ~(uint32_t) STREAM_READABLE;
    int result = stream_completion_begin(stream);
    if (result < 0)
        stream_go(stream, result);
}

const struct loop_driver stream_completion_driver = {
    .ready = ready,
    .completed = completed,
    .timed_out = stream_timed_out,
    .flush = flush,
    .disconnect = stream_disconnect,
};
