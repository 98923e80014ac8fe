/* A stream run by a loop: what its two drivers share (internal). */
#ifndef REACTOR_STREAM_RUN_H
#define REACTOR_STREAM_RUN_H

#include "reactor/loop_internal.h"
#include "reactor/stream_internal.h"

static inline struct reactor_stream *stream_of(struct reactor_handler *handler)
{
    return (struct reactor_stream *) handler;
}

/* What stream_catch_up looks after. */
#define STREAM_CATCH_UP (STREAM_RESUMED | STREAM_GOING | STREAM_SHUTTING | STREAM_END_TOLD)

static inline bool stream_wants_input(const struct reactor_stream *stream)
{
    return !(stream->flags & (STREAM_CONNECTING | STREAM_PAUSED | STREAM_PEER_ENDED | STREAM_GOING));
}

/* Bytes went in or out: the stream is not idle. */
static inline void stream_active(struct reactor_stream *stream, uint32_t bytes)
{
    if (!(stream->flags & STREAM_TIMED))
        return;
    stream->idle_bytes += bytes;
    if (stream->idle_bytes < stream->idle_bytes_min)
        return;
    stream->idle_bytes = 0;
    stream->idle_since_ns = loop_turn_now(stream->handler.loop);
}

/* Calls input_ready with what is in the buffer, or length bytes borrowed from `bytes`; keeps what is left of those.
 * False: the stream is gone, or going. */
bool stream_show(struct reactor_stream *stream);
/* The peer has ended: tells it, and ends the stream where that follows. */
void stream_peer_ended(struct reactor_stream *stream);
/* Tells output_ready. False: the stream is gone. */
bool stream_tell_output(struct reactor_stream *stream);
/* For what the drivers have in common: resumed input, and going. False: the stream is gone. */
bool stream_catch_up(struct reactor_stream *stream);
/* Connecting is over: tells connected, or has it disconnected. False: gone, or going. */
bool stream_connected(struct reactor_stream *stream, int error);
void stream_timed_out(struct reactor_handler *handler);
/* Detaches it, closes the descriptor, tells the owner. */
void stream_disconnect(struct reactor_handler *handler, int reason);

/* stream_ready.c, stream_completed.c */
extern const struct loop_driver stream_readiness_driver, stream_completion_driver;
int stream_completion_begin(struct reactor_stream *stream); /* receiving. 0 or -errno */

#endif
