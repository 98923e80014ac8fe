/* Streams: a connected stream socket that the reactor reads and writes for its owner.
 *
 * The owner embeds struct reactor_stream, sets handler.ops and handler.descriptor and opens it. Then
 *   connected     (with `connecting`): the connect has succeeded
 *   input_ready   new bytes have come, or the peer has ended: look at reactor_stream_input, consume what is understood;
 *                 what is left is shown again, with what comes behind it
 *   output_ready  pending output has fallen to output_low, after reactor_stream_write had returned 1 or -ENOBUFS (not
 *                 where nothing was pending: what is longer than output_max never fits)
 *   timed_out     the owner's own timer (reactor_handler_timer_arm; not under thread-per-connection)
 *   disconnected  the end, with a reason: REACTOR_ENDED, 0 (the loop is going), or negative:
 *     -ECONNREFUSED -ENETUNREACH ... connecting failed    -ETIMEDOUT  connect_timeout, idle_timeout, or the kernel's
 *     -ECONNRESET -EPIPE             the peer is gone     -EMSGSIZE   input_max bytes, of which input_ready took none
 *     -ENOMEM -ENOBUFS               no memory            else        what reactor_stream_fail was given
 * come one at a time and never from inside one of the calls below; each of these calls may be made in any of them, for
 * this stream or another. After disconnected or reactor_stream_close no call comes and the struct is the owner's again.
 *
 * What is written in a turn goes out together at the turn's end, in one system call. A buffer is held only while
 * something is in it: an idle stream costs its struct and what loop and kernel keep of it (README, "Streams").
 *
 * The descriptor is the stream's from a successful open on: closing the stream closes it, and it is closed (and -1)
 * when disconnected is called. It must be a socket; it need not be non-blocking. */
#ifndef REACTOR_STREAM_H
#define REACTOR_STREAM_H

#include "reactor/api.h"
#include "reactor/handler.h"

REACTOR_API_BEGIN

struct reactor_listener;
struct reactor_stream_backend; /* what runs the stream: a loop, or a thread of its own (stream_internal.h) */

#define REACTOR_ENDED 1 /* both directions have ended in good order */

struct reactor_stream_options {
    bool connecting;             /* connect has returned EINPROGRESS (or 0): tell connected or disconnected first */
    bool half_open;              /* the peer's end leaves our output open until reactor_stream_shutdown. Else, once
                                  * input_ready has seen the end, what is pending goes out and the stream has ended */
    uint64_t connect_timeout_ns; /* 0: the kernel's, about two minutes for TCP */
    uint64_t idle_timeout_ns;    /* 0: none. Idle: for so long fewer than idle_bytes_min bytes went in or out. Does not
                                  * run while the owner has paused input and nothing is pending */
    uint32_t idle_bytes_min;     /* 0: 1. More is a least rate: catches the peer that sends a byte a second */
    uint32_t output_high;        /* bytes pending above which write returns 1; less than output_max. 0: 64 KiB, or half
                                  * of output_max where that is less */
    uint32_t output_low;         /* at most output_high; 0: a quarter of it */
    uint32_t output_max;         /* bytes pending at most; 0: 16 MiB */
    uint32_t input_max;          /* bytes not consumed at most, beyond which nothing is read; 0: 1 MiB */
    struct reactor_listener *listener; /* that accepted it: told when the connection is over; NULL: none. Borrowed */
};

struct reactor_stream {
    struct reactor_handler handler; /* first: a handler's ops get a pointer to it, which may be cast */
    /* the reactor's; the first 128 bytes are all that a message touches: */
    const struct reactor_stream_backend *backend; /* NULL: not open */
    uint8_t *input, *output;                      /* NULL: nothing in it */
    uint32_t input_begin, input_end, input_bytes; /* the buffer's size last */
    uint32_t output_begin, output_end, output_bytes;
    uint32_t flags; /* enum stream_flag */
    uint32_t input_max, output_max, output_high;
    uint32_t output_low;
    int reason;         /* of the disconnection that comes at the turn's end, when `going` */
    uint64_t idle_timeout_ns, idle_since_ns;
    uint32_t idle_bytes_min, idle_bytes; /* since idle_since_ns */
    uint8_t *sending;   /* the kernel is at it; NULL: nothing */
    uint32_t sending_begin, sending_end, sending_bytes, delayed;
    uint32_t timer;     /* connect or idle */
    uint64_t listener;  /* its token in the loop; 0: none */
    uint32_t read_turn; /* the turn in which it was read last, when something was left */
};

/* 0, or -errno: nothing is attached then, no call comes, the descriptor stays the caller's. options are copied; NULL:
 * all defaults. -EINVAL options that make no sense (options.h), -ENOBUFS too many handlers, -EMFILE beyond what select
 * can watch, -ESHUTDOWN the loop is going. */
int reactor_stream_open(struct reactor_stream *stream, struct reactor_loop *loop,
                        const struct reactor_stream_options *options) __attribute__((warn_unused_result));

/* The bytes that have come and were not consumed, in place. Borrowed until the call in which they were asked for
 * returns, or the stream's next consume. length 0: NULL may be returned. */
const uint8_t *reactor_stream_input(const struct reactor_stream *stream, size_t *length);
void reactor_stream_consume(struct reactor_stream *stream, size_t length); /* at most what input showed */
/* Whether the peer has half-closed: behind the input that is there, nothing more comes. */
bool reactor_stream_ended(const struct reactor_stream *stream);

/* Takes all of the bytes (copied) or none. 0; 1: taken, but more than output_high is pending: better wait for
 * output_ready. -ENOBUFS beyond output_max, -EPIPE after shutdown, fail, close or disconnected, -ENOMEM: none taken.
 * While connecting, output waits. */
int reactor_stream_write(struct reactor_stream *stream, const void *bytes, size_t length)
    __attribute__((warn_unused_result));
size_t reactor_stream_pending(const struct reactor_stream *stream); /* bytes written that the kernel has not taken yet */

/* No input_ready until resumed; nothing is read meanwhile, so that the peer must wait (what io_uring had under way is
 * kept). Resuming calls input_ready at the turn's end when something was left unconsumed. The peer's end waits, too. */
void reactor_stream_pause(struct reactor_stream *stream);
void reactor_stream_resume(struct reactor_stream *stream);

/* No more output: half-closes behind what is pending. When the peer has ended too, disconnected(REACTOR_ENDED). */
void reactor_stream_shutdown(struct reactor_stream *stream);
/* Ends the stream now; no more calls. What is pending is offered to the kernel once, the rest is lost (for all of it:
 * shutdown and await disconnected). No-op when not open. */
void reactor_stream_close(struct reactor_stream *stream);
/* The peer broke the protocol: counted (statistics.violations), pending output is offered to the kernel once, and
 * disconnected(reason) comes at the turn's end; no other call comes before. reason is negative: -EPROTO, -EBADMSG. */
void reactor_stream_fail(struct reactor_stream *stream, int reason);

REACTOR_API_END

#endif
