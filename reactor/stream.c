#include "reactor/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "reactor/base/assert.h"
#include "reactor/loop_internal.h"
#include "reactor/options_internal.h"
#include "reactor/stream_internal.h"

void stream_init(struct reactor_stream *stream, const struct reactor_stream_backend *backend,
                 const struct reactor_stream_options *options)
{
    const struct reactor_stream_options filled = stream_options_filled(options);
    struct reactor_handler handler = {.ops = stream->handler.ops, .descriptor = stream->handler.descriptor};
    *stream = (struct reactor_stream){.handler = handler, .backend = backend};
    stream->output_max = filled.output_max;
    stream->output_high = filled.output_high;
    stream->output_low = filled.output_low;
    stream->input_max = filled.input_max;
    stream->idle_timeout_ns = filled.idle_timeout_ns;
    stream->idle_bytes_min = filled.idle_bytes_min;
    stream->flags = (filled.connecting ? STREAM_CONNECTING : 0u) | (filled.half_open ? STREAM_HALF_OPEN : 0u) |
                    (filled.idle_timeout_ns ? STREAM_TIMED : 0u);
}

static inline void give_input(struct reactor_stream *stream)
{
    if (!(stream->flags & STREAM_BORROWED))
        buffer_pool_give(stream->backend->buffers(stream), stream->input, stream->input_bytes);
    stream->input = NULL;
    stream->input_begin = stream->input_end = stream->input_bytes = 0;
    stream->flags &= ~(uint32_t) STREAM_BORROWED;
}

static void give_output(struct reactor_stream *stream)
{
    buffer_pool_give(stream->backend->buffers(stream), stream->output, stream->output_bytes);
    stream->output = NULL;
    stream->output_begin = stream->output_end = stream->output_bytes = 0;
}

static void give_sending(struct reactor_stream *stream)
{
    buffer_pool_give(stream->backend->buffers(stream), stream->sending, stream->sending_bytes);
    stream->sending = NULL;
    stream->flags &= ~(uint32_t) STREAM_SENDING;
}

void stream_buffers_give(struct reactor_stream *stream)
{
    give_input(stream);
    give_output(stream);
    give_sending(stream);
    stream->flags &= ~(uint32_t) STREAM_DELAYED;
}

/* Makes room for `more` bytes behind what lies in a buffer: moves that to the front, or into a buffer twice as large. */
static int make_room(struct buffer_pool *pool, uint8_t **buffer, uint32_t *begin, uint32_t *end, uint32_t *bytes,
                     uint32_t more)
{
    uint32_t length = *end - *begin;
    if (*bytes - *end >= more)
        return 0;
    if (*bytes - length >= more && length <= *begin) { /* no more is moved than was used up before */
        memcpy(*buffer, *buffer + *begin, length);
    } else {
        uint32_t larger_bytes;
        uint8_t *larger = buffer_pool_take(pool, length + more, &larger_bytes);
        if (!larger)
            return -ENOMEM;
        if (length)
            memcpy(larger, *buffer + *begin, length);
        buffer_pool_give(pool, *buffer, *bytes);
        *buffer = larger;
        *bytes = larger_bytes;
    }
    *begin = 0;
    *end = length;
    return 0;
}

int64_t stream_input_room(struct reactor_stream *stream, uint32_t wanted, uint8_t **room)
{
    uint32_t length = stream->input_end - stream->input_begin;
    if (wanted > stream->input_max - length)
        wanted = stream->input_max - length;
    if (wanted == 0)
        return 0;
    int result = make_room(stream->backend->buffers(stream), &stream->input, &stream->input_begin, &stream->input_end,
                           &stream->input_bytes, wanted);
    *room = stream->input + stream->input_end;
    return result < 0 ? result : (int64_t) wanted;
}

void stream_input_borrow(struct reactor_stream *stream, uint8_t *bytes, uint32_t length)
{
    if (stream->input)
        give_input(stream);
    stream->input = bytes;
    stream->input_begin = 0;
    stream->input_end = stream->input_bytes = length;
    stream->flags |= STREAM_BORROWED;
}

static int keep_borrowed(struct reactor_stream *stream)
{
    if (!(stream->flags & STREAM_BORROWED))
        return 0;
    const uint8_t *bytes = stream->input + stream->input_begin;
    uint32_t length = stream->input_end - stream->input_begin;
    give_input(stream);
    return length ? stream_input_append(stream, bytes, length) : 0;
}

void stream_input_shown(struct reactor_stream *stream, uint32_t shown)
{
    uint32_t left = stream->input_end - stream->input_begin;
    if (keep_borrowed(stream) < 0)
        stream_go(stream, -ENOMEM);
    else if (left >= stream->input_max && left == shown && !(stream->flags & STREAM_PAUSED))
        stream_go(stream, -EMSGSIZE);
}

int stream_input_append(struct reactor_stream *stream, const uint8_t *bytes, uint32_t length)
{
    int result = make_room(stream->backend->buffers(stream), &stream->input, &stream->input_begin, &stream->input_end,
                           &stream->input_bytes, length);
    if (result < 0)
        return result;
    memcpy(stream->input + stream->input_end, bytes, length);
    stream->input_end += length;
    return 0;
}

const uint8_t *reactor_stream_input(const struct reactor_stream *stream, size_t *length)
{
    *length = stream->input_end - stream->input_begin;
    return *length ? stream->input + stream->input_begin : NULL;
}

void reactor_stream_consume(struct reactor_stream *stream, size_t length)
{
    base_assert(length <= stream->input_end - stream->input_begin);
    stream->input_begin += (uint32_t) length;
    if (stream->input_begin == stream->input_end && stream->input)
        give_input(stream);
}

bool reactor_stream_ended(const struct reactor_stream *stream)
{
    return stream->flags & STREAM_PEER_ENDED;
}

size_t reactor_stream_pending(const struct reactor_stream *stream)
{
    return stream_pending(stream);
}

static int output_room(struct reactor_stream *stream, uint32_t length)
{
    struct buffer_pool *pool = stream->backend->buffers(stream);
    if (stream->output)
        return make_room(pool, &stream->output, &stream->output_begin, &stream->output_end, &stream->output_bytes,
                         length);
    stream->output = buffer_pool_take(pool, length, &stream->output_bytes);
    return stream->output ? 0 : -ENOMEM;
}

int reactor_stream_write(struct reactor_stream *stream, const void *bytes, size_t length)
{
    uint32_t pending = stream_pending(stream);
    if (!stream->backend || (stream->flags & (STREAM_SHUTTING | STREAM_GOING)))
        return -EPIPE;
    struct reactor_loop *loop = stream->handler.loop; /* NULL: a thread of its own runs it */
    if (pending > stream->output_max || length > stream->output_max - pending) { /* more: what was delayed returns */
        if (loop)
            loop_count(loop->statistics.stream_writes_refused, 1);
        stream->flags |= pending ? STREAM_ABOVE : 0u;
        return -ENOBUFS;
    }
    if (length == 0)
        return pending > stream->output_high;
    if (stream->output_bytes - stream->output_end < length) {
        int result = output_room(stream, (uint32_t) length);
        if (result < 0)
            return result;
    }
    memcpy(stream->output + stream->output_end, bytes, length);
    stream->output_end += (uint32_t) length;
    if (pending && loop)
        loop_count(loop->statistics.stream_coalesced, 1);
    if (!stream->handler.flush_link)
        stream->backend->changed(stream);
    if (pending + length <= stream->output_high)
        return 0;
    stream->flags |= STREAM_ABOVE;
    return 1;
}

const uint8_t *stream_sending(struct reactor_stream *stream, uint32_t *length)
{
    if (!(stream->flags & STREAM_SENDING)) {
        stream->flags |= STREAM_SENDING;
        stream->sending = stream->output;
        stream->sending_begin = stream->output_begin;
        stream->sending_end = stream->output_end;
        stream->sending_bytes = stream->output_bytes;
        stream->output = NULL;
        stream->output_begin = stream->output_end = stream->output_bytes = 0;
    }
    *length = stream->sending_end - stream->sending_begin;
    return stream->sending + stream->sending_begin;
}

bool stream_sent(struct reactor_stream *stream, uint32_t length)
{
    if (stream->flags & STREAM_SENDING) {
        stream->sending_begin += length;
        if (stream->sending_begin == stream->sending_end)
            give_sending(stream);
    } else {
        stream->output_begin += length;
        if (stream->output_begin == stream->output_end)
            give_output(stream);
    }
    if (!(stream->flags & STREAM_ABOVE) || stream_pending(stream) > stream->output_low)
        return false;
    stream->flags &= ~(uint32_t) STREAM_ABOVE;
    return true;
}

void reactor_stream_pause(struct reactor_stream *stream)
{
    stream->flags |= STREAM_PAUSED;
}

void reactor_stream_resume(struct reactor_stream *stream)
{
    if (!stream->backend || !(stream->flags & STREAM_PAUSED))
        return;
    stream->flags = (stream->flags & ~(uint32_t) STREAM_PAUSED) | STREAM_RESUMED;
    stream->backend->changed(stream);
}

void reactor_stream_shutdown(struct reactor_stream *stream)
{
    if (!stream->backend || (stream->flags & STREAM_SHUTTING))
        return;
    stream->flags |= STREAM_SHUTTING;
    stream->backend->changed(stream);
}

void stream_go(struct reactor_stream *stream, int reason)
{
    if (!stream->backend || (stream->flags & STREAM_GOING))
        return;
    stream->flags |= STREAM_GOING;
    stream->reason = reason;
    stream->backend->changed(stream);
}

void reactor_stream_fail(struct reactor_stream *stream, int reason)
{
    if (!stream->backend || (stream->flags & STREAM_GOING))
        return;
    base_assert(reason < 0);
    if (stream->handler.loop)
        loop_count(stream->handler.loop->statistics.violations, 1);
    stream->flags |= STREAM_VIOLATED;
    stream_go(stream, reason);
}

void stream_offer(const struct reactor_stream *stream)
{
    uint32_t length;
    const uint8_t *bytes = stream_output(stream, &length);
    if (length && !(stream->flags & (STREAM_CONNECTING | STREAM_BLOCKED)))
        (void) send(stream->handler.descriptor, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool stream_settle(struct reactor_stream *stream)
{
    if ((stream->flags & STREAM_END_TOLD) && !(stream->flags & STREAM_HALF_OPEN))
        stream->flags |= STREAM_SHUTTING;
    if (!(stream->flags & STREAM_SHUTTING) || (stream->flags & STREAM_CONNECTING) || stream_pending(stream))
        return false;
    if (stream->flags & STREAM_END_TOLD) {
        stream_go(stream, REACTOR_ENDED);
        return true;
    }
    if (stream->flags & STREAM_SHUT)
        return false;
    stream->flags |= STREAM_SHUT;
    if (shutdown(stream->handler.descriptor, SHUT_WR) < 0)
        stream_go(stream, -errno);
    return true;
}

void reactor_stream_close(struct reactor_stream *stream)
{
    if (stream->backend)
        stream->backend->closed(stream);
}
