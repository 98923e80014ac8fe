/* What a stream is made of, for those who run one: readiness (stream_ready.c), completions (stream_completed.c) and
 * thread-per-connection (threads.c). Internal.
 *
 * Division of work: stream.c keeps the state (buffers, flags) and never calls the owner; whoever runs the stream moves
 * bytes between it and the kernel, calls the owner, and after each call looks at what the owner asked for. */
#ifndef REACTOR_STREAM_INTERNAL_H
#define REACTOR_STREAM_INTERNAL_H

#include "reactor/buffer_pool.h"
#include "reactor/stream.h"

enum stream_flag {
    STREAM_CONNECTING = 1,
    STREAM_HALF_OPEN = 2,
    STREAM_PAUSED = 4,       /* by the owner */
    STREAM_PEER_ENDED = 8,   /* recv has returned 0 */
    STREAM_END_TOLD = 16,    /* and input_ready was called with it */
    STREAM_SHUTTING = 32,    /* the owner's: no more writes */
    STREAM_SHUT = 64,        /* shutdown(2) was called, behind all output */
    STREAM_ABOVE = 128,      /* write has returned 1: output_ready is due at the low mark */
    STREAM_GOING = 256,      /* disconnected(reason) comes at the turn's end */
    STREAM_BLOCKED = 512,    /* the kernel takes no more output at present */
    STREAM_READABLE = 1024,  /* the kernel may hold input that was not read yet */
    STREAM_BORROWED = 2048,  /* input points into memory that is not the stream's */
    STREAM_RESUMED = 4096,   /* input_ready is due for what is there already */
    STREAM_TIMED = 16384,    /* has an idle time-out */
    STREAM_SENDING = 32768,  /* `sending` is in use */
    STREAM_VIOLATED = 65536, /* it is going because its owner said so */
    STREAM_DELAYED = 131072, /* `delayed` bytes that were sent by copy wait in the demultiplexer */
    STREAM_ENDING = 8192,    /* an end or error lies behind what can be read: a short read is not all */
};

struct reactor_stream_backend {
    /* There is something to do: output pending, shutdown, a failure, resumed. To be looked at before the next wait. */
    void (*changed)(struct reactor_stream *stream);
    /* The owner has closed it: to be forgotten at once. The backend closes the descriptor and gives the buffers back
     * (stream_buffers_give); the struct may be gone when it returns. */
    void (*closed)(struct reactor_stream *stream);
    struct buffer_pool *(*buffers)(struct reactor_stream *stream); /* one thread's */
};

/* Clears the reactor's fields and sets them from options (NULL: defaults). Does not open anything. */
void stream_init(struct reactor_stream *stream, const struct reactor_stream_backend *backend,
                 const struct reactor_stream_options *options);
/* disconnected(reason) is to come; what is pending is offered to the kernel once before. The first reason counts. */
void stream_go(struct reactor_stream *stream, int reason);
/* What is pending, to the kernel, once: the stream is about to close. Not where a send is on its way. */
void stream_offer(const struct reactor_stream *stream);
/* Once nothing is pending: shuts down, or ends the stream. True: it has done so now. */
bool stream_settle(struct reactor_stream *stream);
void stream_buffers_give(struct reactor_stream *stream);

/* Input. */
/* Room for `wanted` bytes behind what is buffered, fewer near input_max: how many, 0 when full, -ENOMEM. */
int64_t stream_input_room(struct reactor_stream *stream, uint32_t wanted, uint8_t **room);
/* Shows bytes that lie elsewhere in place of what was buffered; after the owner's call keep copies what is left. */
void stream_input_borrow(struct reactor_stream *stream, uint8_t *bytes, uint32_t length);
/* After input_ready was shown so many bytes: keeps what is left. It is going where that is too much. */
void stream_input_shown(struct reactor_stream *stream, uint32_t shown);
int stream_input_append(struct reactor_stream *stream, const uint8_t *bytes, uint32_t length); /* 0 or -ENOMEM */

/* Output: what is pending, and that the kernel has taken some of it. stream_sent tells whether output_ready is due. */
static inline const uint8_t *stream_output(const struct reactor_stream *stream, uint32_t *length)
{
    *length = stream->output_end - stream->output_begin;
    return stream->output + stream->output_begin;
}
static inline uint32_t stream_pending(const struct reactor_stream *stream)
{
    uint32_t pending = stream->output_end - stream->output_begin;
    if (stream->flags & STREAM_SENDING)
        pending += stream->sending_end - stream->sending_begin;
    if (stream->flags & STREAM_DELAYED)
        pending += stream->delayed;
    return pending;
}
/* Where the kernel goes on reading after the call returns: puts what is pending aside, so that writes do not move it,
 * until stream_sent has been told of all of it. */
const uint8_t *stream_sending(struct reactor_stream *stream, uint32_t *length);
bool stream_sent(struct reactor_stream *stream, uint32_t length);

#endif
