/* Datagrams: a UDP socket that the reactor reads and writes for its owner, many datagrams a system call.
 *
 * The owner embeds struct reactor_datagrams, sets handler.ops (to the first member of a struct reactor_datagrams_ops) and
 * handler.descriptor, and opens it. What a turn sends is copied into a batch, which goes out at the turn's end (at once
 * when it has become large): one sendmmsg for up to 64 messages, and a message is a whole run of datagrams of one size
 * to one destination where the kernel segments them (UDP_SEGMENT, Linux 4.18). Where it refuses that (a size beyond the
 * path's MTU, a device without checksums) they leave one by one. Received are up to 64 messages a system call too, each
 * perhaps a run that the kernel has put together (UDP_GRO, Linux 5.0), split here and handed on one by one, in order.
 *
 * Datagrams may be lost, as always; what is known to be lost is counted. Errors that the network reports (nobody
 * listens, no route, ...) are counted and told to `failed`; they end nothing. Works on every demultiplexer.
 *
 * The struct is zeroed before its first use, but for what the owner sets; after its end it may be opened again as it is.
 * The descriptor is the reactor's from a successful open on: it is closed (and -1) by close, and when disconnected is
 * called. Calls come one at a time and never from inside one of the functions below; in any of them the owner may send,
 * close, or do the same to others. A connected AF_UNIX datagram socket works as well. */
#ifndef REACTOR_DATAGRAM_H
#define REACTOR_DATAGRAM_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "reactor/api.h"
#include "reactor/handler.h"

REACTOR_API_BEGIN

struct reactor_datagrams;

struct reactor_datagrams_ops {
    /* First; connected and input_ready are not used. output_ready: after a refused send, half of output_max is free.
     * timed_out: the owner's timer. disconnected: 0 the loop is going; -EPIPE the socket was shut down; -EBADF,
     * -ENOTSOCK, ... it cannot be received from. */
    struct reactor_handler_ops handler;
    /* A datagram. from (NULL: the sender has no name) and bytes are borrowed until the call returns. */
    void (*received)(struct reactor_datagrams *datagrams, const struct sockaddr *from, const uint8_t *bytes,
                     size_t length);
    /* error (positive): a datagram to this address (NULL: not known) was refused by the network (-> ECONNREFUSED, ...)
     * or by the kernel (-> EMSGSIZE, EPERM, ...). NULL: errors are only counted, and those of a socket that is not
     * connected not even learnt of. */
    void (*failed)(struct reactor_datagrams *datagrams, const struct sockaddr *to, int error);
};

struct reactor_datagrams_options {
    uint32_t output_max;       /* bytes of the batch at most, with 48 for each run; 0: 1 MiB; at most 1 GiB */
    uint32_t length_max;       /* longer ones are counted as truncated and not handed on; 0: all are handed on */
    uint32_t datagrams_a_turn; /* no further system call to receive after so many in a turn; 0: 1024 */
};

struct reactor_datagrams_statistics {
    uint64_t received, receive_calls;
    uint64_t sent, send_calls; /* sent: taken by the kernel */
    uint64_t truncated;        /* longer than length_max */
    uint64_t refused;          /* sends that returned -ENOBUFS */
    uint64_t lost;             /* of what was in the batch: not taken by the kernel */
    uint64_t errors;           /* what is, or would be, told to failed */
};

struct reactor_datagrams {
    struct reactor_handler handler; /* first: a handler's ops get a pointer to it, which may be cast */
    struct reactor_datagrams_statistics statistics;
    /* the reactor's: */
    uint8_t *output;           /* runs, one behind the other: [head, tail) */
    uint32_t head, tail, last; /* last: the newest run, when there is one */
    uint32_t runs, output_max, length_max, datagrams_a_turn;
    uint32_t segment_max;      /* the kernel segments runs of datagrams up to this length; 0: none */
    bool blocked;              /* the kernel takes no more at present: output_ready is awaited */
    bool wants_room;           /* a send was refused: the owner's output_ready is due when there is room */
    bool errors_queued;        /* network errors come through the socket's error queue, with the address */
};

/* 0, or -errno: nothing is attached then, no call comes, the descriptor stays the caller's. options are copied; NULL:
 * all defaults. -ENOMEM, -ENOBUFS too many handlers, -EMFILE beyond what select can watch, -ESHUTDOWN. */
int reactor_datagrams_open(struct reactor_datagrams *datagrams, struct reactor_loop *loop,
                           const struct reactor_datagrams_options *options) __attribute__((warn_unused_result));
/* What is in the batch is offered to the kernel once. No more calls. No-op when not open. */
void reactor_datagrams_close(struct reactor_datagrams *datagrams);

/* Copies the datagram into the batch. to: AF_INET or AF_INET6; NULL: the address that the socket is connected to.
 * 0, or nothing was taken: -ENOBUFS beyond output_max (counted; output_ready will be called), -EMSGSIZE longer than any
 * datagram or than output_max, -EAFNOSUPPORT, -EPIPE not open. */
int reactor_datagrams_send(struct reactor_datagrams *datagrams, const struct sockaddr *to, const void *bytes,
                           size_t length) __attribute__((warn_unused_result));
static inline size_t reactor_datagrams_pending(const struct reactor_datagrams *datagrams) /* as output_max counts */
{
    return datagrams->tail - datagrams->head;
}

REACTOR_API_END

#endif
