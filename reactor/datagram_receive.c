/* Receiving: many messages a system call, each perhaps a run that the kernel has put together; and the error queue. */
#include "reactor/datagram_internal.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h>

#define ERRORS_A_TURN 64
/* Buffers hold what a message can be: truncating one that was put together would lose many. Their distance is not a
 * multiple of 4096, or the beginnings of all would share a few sets of the cache. Untouched pages cost nothing. */
#define BUFFER_BYTES (65536u + 320u)

union coalesced_control {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

/* One system call's. Shared by the loop's sockets: nothing of it is kept from one call to the next. */
struct datagram_scratch {
    struct mmsghdr messages[DATAGRAM_MESSAGES];
    struct iovec parts[DATAGRAM_MESSAGES];
    union datagram_address from[DATAGRAM_MESSAGES];
    union coalesced_control controls[DATAGRAM_MESSAGES];
    uint8_t buffers[DATAGRAM_MESSAGES][BUFFER_BYTES];
};

static void make_ready(struct datagram_scratch *scratch, unsigned i)
{
    struct msghdr *message = &scratch->messages[i].msg_hdr;
    message->msg_namelen = sizeof scratch->from[i];
    message->msg_controllen = sizeof scratch->controls[i];
}

int datagram_scratch_create(struct reactor_loop *loop)
{
    if (loop->datagrams)
        return 0;
    struct datagram_scratch *scratch = loop->datagrams = malloc(sizeof *scratch);
    if (!scratch)
        return -ENOMEM;
    for (unsigned i = 0; i < DATAGRAM_MESSAGES; i++) {
        scratch->parts[i] = (struct iovec){scratch->buffers[i], BUFFER_BYTES};
        scratch->messages[i].msg_hdr = (struct msghdr){.msg_name = &scratch->from[i], .msg_iov = &scratch->parts[i],
                                                       .msg_iovlen = 1, .msg_control = &scratch->controls[i]};
        make_ready(scratch, i);
    }
    return 0;
}

/* The length of the datagrams that a message was put together from; 0: it is one. */
static size_t segment_of(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int segment = 0;
    if (header && header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_GRO)
        memcpy(&segment, CMSG_DATA(header), sizeof segment);
    return segment > 0 ? (size_t) segment : 0;
}

static bool hand_on(struct reactor_datagrams *datagrams, const struct sockaddr *from, const uint8_t *bytes,
                    size_t length)
{
    if (length > datagrams->length_max) {
        datagrams->statistics.truncated++;
        return true;
    }
    struct reactor_loop *loop = datagrams->handler.loop;
    const struct reactor_datagrams_ops *ops = datagram_ops(datagrams);
    uint64_t token = loop_token(&datagrams->handler), begun_ns = loop_call_begin(loop);
    datagrams->statistics.received++;
    loop_count(loop->statistics.datagrams_received, 1);
    ops->received(datagrams, from, bytes, length);
    loop_call_end(loop, begun_ns, ops->handler.name);
    return loop_handler_at(loop, token);
}

static bool split(struct reactor_datagrams *datagrams, struct datagram_scratch *scratch, unsigned i)
{
    struct msghdr *message = &scratch->messages[i].msg_hdr;
    bool is_named = message->msg_namelen && message->msg_namelen <= sizeof scratch->from[i];
    const struct sockaddr *from = is_named ? &scratch->from[i].any : NULL;
    size_t left = scratch->messages[i].msg_len, segment = segment_of(message);
    const uint8_t *bytes = scratch->buffers[i];
    do {
        size_t length = datagram_piece(left, segment);
        if (!hand_on(datagrams, from, bytes, length))
            return false;
        bytes += length;
        left -= length;
    } while (left);
    return true;
}

/* --- the error queue --- */

struct queued_error {
    struct sock_extended_err error;
    union datagram_address offender;
};

/* 1: an entry, whose error is 0 when it is not one of the network's; 0: none is left. */
static int take_error(int descriptor, union datagram_address *to, int *error)
{
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(struct queued_error))];
    } control;
    struct msghdr message = {.msg_name = to, .msg_namelen = sizeof *to, .msg_control = &control,
                             .msg_controllen = sizeof control};
    *error = 0;
    if (recvmsg(descriptor, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
        return 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    bool is_error = header && ((header->cmsg_level == SOL_IP && header->cmsg_type == IP_RECVERR) ||
                               (header->cmsg_level == SOL_IPV6 && header->cmsg_type == IPV6_RECVERR));
    struct sock_extended_err extended;
    if (!is_error)
        return 1;
    memcpy(&extended, CMSG_DATA(header), sizeof extended);
    if (extended.ee_origin == SO_EE_ORIGIN_ICMP || extended.ee_origin == SO_EE_ORIGIN_ICMP6)
        *error = (int) extended.ee_errno; /* others were the answer to a system call, too */
    return 1;
}

bool datagram_read_errors(struct reactor_datagrams *datagrams)
{
    union datagram_address to;
    int error;
    for (int i = 0; i < ERRORS_A_TURN && take_error(datagrams->handler.descriptor, &to, &error); i++)
        if (error && !datagram_failed(datagrams, &to.any, error))
            return false;
    return true;
}

/* --- receiving --- */

/* The socket is of no more use for receiving: else the same would come again in each turn. */
static bool is_final(int error)
{
    return error == EBADF || error == ENOTSOCK || error == EINVAL || error == EOPNOTSUPP || error == ENOTCONN;
}

static bool is_hung_up(int descriptor)
{
    struct pollfd descriptors = {.fd = descriptor};
    return poll(&descriptors, 1, 0) > 0 && (descriptors.revents & POLLHUP);
}

/* Nothing came, but something has made the socket ready: an error, or that it was shut down, of which receiving does
 * not tell. Not every demultiplexer tells these from input, so the socket is asked. */
static bool receive_failed(struct reactor_datagrams *datagrams, int error, int *reason)
{
    if (is_final(error))
        *reason = -error;
    else if (is_hung_up(datagrams->handler.descriptor))
        *reason = -EPIPE;
    else if (datagrams->errors_queued)
        return datagram_read_errors(datagrams);
    else if (error != EAGAIN && error != EINTR)
        return datagram_failed(datagrams, NULL, error);
    return true;
}

/* One system call's. How many messages, or -errno; *is_open: the owner has not closed the socket in a call. */
static int receive_some(struct reactor_datagrams *datagrams, bool *is_open)
{
    struct datagram_scratch *scratch = datagrams->handler.loop->datagrams;
    int count = recvmmsg(datagrams->handler.descriptor, scratch->messages, DATAGRAM_MESSAGES, MSG_DONTWAIT, NULL);
    datagrams->statistics.receive_calls++;
    loop_count(datagrams->handler.loop->statistics.datagram_receive_calls, 1);
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++) {
        *is_open = *is_open && split(datagrams, scratch, (unsigned) i);
        make_ready(scratch, (unsigned) i);
    }
    return count;
}

bool datagram_receive(struct reactor_datagrams *datagrams, int *reason)
{
    uint64_t before = datagrams->statistics.received;
    bool is_open = true;
    int count;
    *reason = 0;
    do {
        count = receive_some(datagrams, &is_open);
    } while (is_open && count == DATAGRAM_MESSAGES &&
             datagrams->statistics.received - before < datagrams->datagrams_a_turn);
    if (is_open && count < 0 && (count != -EAGAIN || datagrams->statistics.received == before))
        return receive_failed(datagrams, -count, reason);
    return is_open;
}
