/* Streams over readiness: recv until it comes short, one send a turn. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "reactor/stream_run.h"

#define INTERRUPTIONS_A_TURN 8 /* EINTR so often in a row: it is tried again in the next turn */

static uint32_t turn_of(const struct reactor_stream *stream)
{
    return (uint32_t) stream->handler.loop->statistics.turns;
}

static ssize_t receive(int descriptor, uint8_t *room, size_t size)
{
    ssize_t count;
    unsigned tries = 0;
    do
        count = recv(descriptor, room, size, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR && ++tries < INTERRUPTIONS_A_TURN);
    return count;
}

/* Where to read to: the loop's scratch, behind a copy of what is buffered where that is short. -errno or how much. */
static int64_t find_room(struct reactor_stream *stream, uint32_t left, uint8_t **room)
{
    struct reactor_loop *loop = stream->handler.loop;
    uint32_t length = stream->input_end - stream->input_begin;
    if (length > loop->bytes_a_turn / 2)
        return stream_input_room(stream, left < length ? left : length, room);
    if (length)
        memcpy(loop->scratch, stream->input + stream->input_begin, length);
    *room = loop->scratch + length;
    uint32_t size = loop->bytes_a_turn - length;
    size = size < left ? size : left;
    return size < stream->input_max - length ? size : stream->input_max - length;
}

static bool show_received(struct reactor_stream *stream, const uint8_t *room, uint32_t count)
{
    struct reactor_loop *loop = stream->handler.loop;
    loop_count(loop->statistics.bytes_received, count);
    stream_active(stream, count);
    if (room >= loop->scratch && room < loop->scratch + loop->bytes_a_turn)
        stream_input_borrow(stream, loop->scratch, (uint32_t) (room - loop->scratch) + count);
    else
        stream->input_end += count;
    return stream_show(stream);
}

/* In the next turn. Level-triggered it is reported again by itself. */
static void read_later(struct reactor_stream *stream)
{
    if (!stream->handler.loop->demultiplexer->edges)
        return;
    stream->flags |= STREAM_READABLE;
    stream->read_turn = turn_of(stream);
    if (stream_wants_input(stream))
        loop_flush_later(&stream->handler);
}

/* What recv said when it brought nothing. */
static void end_or_fail(struct reactor_stream *stream, ssize_t count, int error)
{
    if (count == 0)
        stream_peer_ended(stream);
    else if (error == EINTR)
        read_later(stream);
    else if (error != EAGAIN && error != EWOULDBLOCK)
        stream_go(stream, -error);
}

/* At most bytes_a_turn. A short read has drained the socket, unless its end is known to lie behind. */
static void read_input(struct reactor_stream *stream)
{
    uint32_t left = stream->handler.loop->bytes_a_turn;
    stream->flags &= ~(uint32_t) STREAM_READABLE;
    while (left) {
        uint8_t *room = stream->handler.loop->scratch;
        int64_t size = left < stream->input_max ? left : stream->input_max;
        if (stream->input)
            size = find_room(stream, left, &room);
        if (size <= 0) {
            stream_go(stream, size < 0 ? (int) size : -EMSGSIZE);
            return;
        }
        ssize_t count = receive(stream->handler.descriptor, room, (size_t) size);
        if (count <= 0) {
            end_or_fail(stream, count, errno);
            return;
        }
        if (!show_received(stream, room, (uint32_t) count))
            return;
        left -= (uint32_t) count;
        bool drained = count < size && !(stream->flags & STREAM_ENDING);
        if (drained)
            return;
        if (!stream_wants_input(stream))
            break;
    }
    read_later(stream);
}

/* The peer is gone for good, and it was told that it sends no more. */
static bool is_hung_up(const struct reactor_stream *stream, uint32_t readiness)
{
    return (readiness & REACTOR_HANGUP) && (stream->flags & STREAM_END_TOLD) && (stream->flags & STREAM_HALF_OPEN);
}

/* Input is there that is not wanted now. Level-triggered, it would be reported without end. */
static void look_away(struct reactor_stream *stream, uint32_t readiness)
{
    struct reactor_handler *handler = &stream->handler;
    stream->flags |= STREAM_READABLE;
    if (readiness & REACTOR_FAILED)
        stream_go(stream, loop_socket_error(handler->descriptor, -EPIPE));
    else if (is_hung_up(stream, readiness))
        stream_go(stream, -EPIPE);
    else if (handler->loop->demultiplexer->edges)
        return;
    else if (readiness & REACTOR_HANGUP)
        loop_unwatch(handler);
    else if (reactor_handler_interest(handler, handler->interest & ~(uint32_t) REACTOR_READ) < 0)
        loop_unwatch(handler);
}

static void look_again(struct reactor_stream *stream)
{
    struct reactor_handler *handler = &stream->handler;
    int result = reactor_handler_interest(handler, handler->interest | REACTOR_READ);
    if (result == 0)
        result = loop_watch(handler);
    if (result < 0)
        stream_go(stream, result);
}

/* How much the kernel has taken of what is pending, or -errno. */
static int64_t send_pending(struct reactor_stream *stream)
{
    uint32_t length;
    const uint8_t *bytes = stream_output(stream, &length);
    uint32_t most = stream->handler.loop->bytes_a_turn;
    unsigned tries = 0;
    ssize_t count;
    do
        count = send(stream->handler.descriptor, bytes, length < most ? length : most, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR && ++tries < INTERRUPTIONS_A_TURN);
    return count < 0 ? -errno : count;
}

/* Until the kernel tells that it takes more. Asked again where it was asked before: it need not have been full, only
 * short of memory, and then the edge to come was the one that has just been. */
static void block(struct reactor_stream *stream)
{
    struct reactor_handler *handler = &stream->handler;
    stream->flags |= STREAM_BLOCKED;
    bool asked = handler->interest & REACTOR_WRITE;
    int result = asked ? loop_rewatch(handler) : reactor_handler_interest(handler, handler->interest | REACTOR_WRITE);
    if (result < 0)
        stream_go(stream, result);
}

static void unblock(struct reactor_stream *stream)
{
    int result = reactor_handler_interest(&stream->handler, stream->handler.interest & ~(uint32_t) REACTOR_WRITE);
    if (result < 0)
        stream_go(stream, result);
}

/* False: the stream is gone. */
static bool write_output(struct reactor_stream *stream)
{
    uint32_t length;
    (void) stream_output(stream, &length);
    int64_t count = send_pending(stream);
    if (count == -EAGAIN || count == -EWOULDBLOCK) {
        block(stream);
        return true;
    }
    if (count < 0 && count != -EINTR) {
        stream_go(stream, (int) count);
        return true;
    }
    count = count > 0 ? count : 0;
    struct reactor_statistics *statistics = &stream->handler.loop->statistics;
    loop_count(statistics->stream_sends, count > 0);
    loop_count(statistics->bytes_sent, count);
    stream_active(stream, (uint32_t) count);
    bool output_due = stream_sent(stream, (uint32_t) count);
    uint32_t most = stream->handler.loop->bytes_a_turn;
    if (count == length) {
        if (stream->handler.interest & REACTOR_WRITE)
            unblock(stream);
    } else if (count == 0 || count == most) {
        loop_flush_later(&stream->handler);
    } else {
        block(stream);
    }
    return !output_due || (stream->flags & STREAM_GOING) || stream_tell_output(stream);
}

static void flush(struct reactor_handler *handler)
{
    struct reactor_stream *stream = stream_of(handler);
    if (stream->output && !(stream->flags & (STREAM_CONNECTING | STREAM_BLOCKED | STREAM_GOING)) &&
        !write_output(stream))
        return;
    if ((stream->flags & STREAM_CATCH_UP) && !stream_catch_up(stream))
        return;
    if (!(stream->flags & STREAM_READABLE) || !stream_wants_input(stream)) {
        if (!handler->watched && handler->loop->demultiplexer->edges)
            look_again(stream);
        return;
    }
    struct reactor_loop *loop = handler->loop;
    uint64_t token = loop_token(handler);
    if (stream->read_turn == turn_of(stream))
        loop_flush_later(handler);
    else
        read_input(stream);
    if (loop_handler_at(loop, token) && (!handler->watched || !(handler->interest & REACTOR_READ)))
        look_again(stream); /* what has come meanwhile will be reported */
}

static void ready(struct reactor_handler *handler, uint32_t readiness)
{
    struct reactor_stream *stream = stream_of(handler);
    if (stream->flags & STREAM_CONNECTING) {
        (void) stream_connected(stream, loop_connected(handler, readiness));
        return; /* what else is ready comes with the next turn */
    }
    if (readiness & REACTOR_WRITABLE) {
        stream->flags &= ~(uint32_t) STREAM_BLOCKED;
        loop_flush_later(handler);
    }
    if (readiness & (REACTOR_ENDING | REACTOR_HANGUP | REACTOR_FAILED))
        stream->flags |= STREAM_ENDING;
    if (!(readiness & (REACTOR_READABLE | REACTOR_HANGUP | REACTOR_FAILED)))
        return;
    if (!stream_wants_input(stream)) {
        if (!(stream->flags & STREAM_GOING))
            look_away(stream, readiness);
        return;
    }
    struct reactor_loop *loop = handler->loop;
    uint64_t token = loop_token(handler);
    read_input(stream);
    if ((readiness & REACTOR_HANGUP) && loop_handler_at(loop, token) && is_hung_up(stream, readiness))
        stream_go(stream, -EPIPE);
}

const struct loop_driver stream_readiness_driver = {
    .ready = ready,
    .timed_out = stream_timed_out,
    .flush = flush,
    .disconnect = stream_disconnect,
};
