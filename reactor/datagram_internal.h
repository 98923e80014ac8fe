/* The two halves of reactor/datagram.h's sockets: the batch that goes out, and receiving (internal). */
#ifndef REACTOR_DATAGRAM_INTERNAL_H
#define REACTOR_DATAGRAM_INTERNAL_H

#include "reactor/datagram.h"
#include "reactor/loop_internal.h"

#define DATAGRAM_LENGTH_MAX 65535u
#define DATAGRAM_MESSAGES 64u /* a system call */

union datagram_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline const struct reactor_datagrams_ops *datagram_ops(const struct reactor_datagrams *datagrams)
{
    return (const struct reactor_datagrams_ops *) (const void *) datagrams->handler.ops;
}

/* --- datagram_batch.c --- */
int datagram_batch_init(struct reactor_datagrams *datagrams, uint32_t output_max); /* 0 or -ENOMEM */
void datagram_batch_done(struct reactor_datagrams *datagrams);
/* Hands the batch to the kernel until it is empty or the kernel takes no more (blocked). Not telling: calls nobody, and
 * stops at the first error. Telling: false when the owner has closed the socket in a call. */
bool datagram_batch_flush(struct reactor_datagrams *datagrams, bool telling);

/* --- datagram_receive.c --- */
/* What was received, one by one, at most about datagrams_a_turn; then the errors. False when the owner has closed the
 * socket in a call. *reason: 0, or why it cannot be received from any more. */
bool datagram_receive(struct reactor_datagrams *datagrams, int *reason);
bool datagram_read_errors(struct reactor_datagrams *datagrams);
int datagram_scratch_create(struct reactor_loop *loop); /* memory to receive into, shared by the loop's sockets */

/* --- datagram.c --- */
/* Counts and tells an error; false when the owner has closed the socket in the call. */
bool datagram_failed(struct reactor_datagrams *datagrams, const struct sockaddr *to, int error);

/* How many of the bytes left of a message are its next datagram. segment 0: the kernel has put nothing together. */
static inline size_t datagram_piece(size_t left, size_t segment)
{
    return segment && segment < left ? segment : left;
}

#endif
