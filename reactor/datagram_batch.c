/* The batch: what a turn sends, as runs, until the kernel has taken it. */
#include "reactor/datagram_internal.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <string.h>

#include "reactor/base/reserve.h"

#define RUN_BYTES_MAX 65507u /* what an IPv4 packet holds: the kernel makes one of a run before it segments it */
#define RUN_DATAGRAMS_MAX 64u /* UDP_MAX_SEGMENTS as it was first */
#define OUTPUT_MAX_DEFAULT (1u << 20)
#define OUTPUT_MAX_MOST (1u << 30)
#define LARGE_BYTES (256u << 10) /* so much pending is not kept until the turn's end: it would leave the caches */
#define TOLD_A_FLUSH 64          /* errors, then others have their turn: the owner may send the same again and again */

/* Datagrams of one size, but for the last, which may be shorter, to one destination. Their bytes follow. */
struct run {
    union datagram_address to;
    uint8_t to_length;     /* 0: the connected peer */
    bool is_single;        /* the kernel refused to segment it */
    bool is_retried;       /* its first message failed once: perhaps by an error that an earlier one has caused */
    uint16_t datagrams;    /* of all its bytes */
    uint16_t segment;      /* bytes of each but the last */
    uint32_t length, sent; /* bytes */
};
#define RUN_BYTES 48u
_Static_assert(sizeof(struct run) <= RUN_BYTES && RUN_BYTES % 8 == 0, "runs stay aligned");

union segment_control {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/* One system call's. */
struct messages {
    struct mmsghdr items[DATAGRAM_MESSAGES];
    struct iovec parts[DATAGRAM_MESSAGES];
    union segment_control controls[DATAGRAM_MESSAGES];
    unsigned count;
};

int datagram_batch_init(struct reactor_datagrams *datagrams, uint32_t output_max)
{
    if (output_max == 0)
        output_max = OUTPUT_MAX_DEFAULT;
    datagrams->output_max = (output_max < OUTPUT_MAX_MOST ? output_max : OUTPUT_MAX_MOST) & ~7u;
    /* Twice: moving what is pending to the front is then paid for by what has left. */
    datagrams->output = base_reserve(2 * (size_t) datagrams->output_max);
    if (!datagrams->output)
        return -ENOMEM;
    bool segments = setsockopt(datagrams->handler.descriptor, SOL_UDP, UDP_SEGMENT, &(int){0}, sizeof(int)) == 0;
    datagrams->segment_max = segments ? RUN_BYTES_MAX : 0;
    return 0;
}

void datagram_batch_done(struct reactor_datagrams *datagrams)
{
    base_unreserve(datagrams->output, 2 * (size_t) datagrams->output_max);
    datagrams->output = NULL;
    datagrams->head = datagrams->tail = datagrams->runs = 0;
}

static struct run *run_at(const struct reactor_datagrams *datagrams, uint32_t place)
{
    return (struct run *) (void *) (datagrams->output + place);
}

static uint8_t *run_bytes(struct run *run)
{
    return (uint8_t *) run + RUN_BYTES;
}

static uint32_t whole(uint32_t length)
{
    return (length + 7) & ~7u;
}

static uint32_t place_behind(uint32_t place, const struct run *run)
{
    return place + RUN_BYTES + whole(run->length);
}

/* --- taking --- */

static bool same_address(const struct run *run, const struct sockaddr *to, uint32_t to_length)
{
    if (run->to_length != to_length)
        return false;
    /* An IPv4 address is 8 bytes, the rest of its struct is padding. */
    size_t length = to_length == sizeof(struct sockaddr_in) ? offsetof(struct sockaddr_in, sin_zero) : to_length;
    return memcmp(&run->to, to, length) == 0;
}

/* Puts a datagram behind the newest run's, when it can be of that run. */
static bool lengthen(struct reactor_datagrams *datagrams, const struct sockaddr *to, uint32_t to_length,
                     const void *bytes, uint32_t length)
{
    struct run *run = run_at(datagrams, datagrams->last);
    bool is_closed = run->datagrams == RUN_DATAGRAMS_MAX || run->length != (uint32_t) run->datagrams * run->segment;
    if (is_closed || length == 0 || length > run->segment || run->segment > datagrams->segment_max ||
        run->length + length > RUN_BYTES_MAX || !same_address(run, to, to_length))
        return false;
    uint32_t tail = datagrams->last + RUN_BYTES + whole(run->length + length);
    if (tail - datagrams->head > datagrams->output_max || tail > 2 * datagrams->output_max)
        return false;
    memcpy(run_bytes(run) + run->length, bytes, length);
    run->length += length;
    run->datagrams++;
    datagrams->tail = tail;
    return true;
}

/* Makes room for a run of so many bytes with what precedes it. */
static bool make_room(struct reactor_datagrams *datagrams, uint32_t bytes)
{
    uint32_t pending = datagrams->tail - datagrams->head;
    if (pending + bytes > datagrams->output_max)
        return false;
    if (datagrams->tail + bytes <= 2 * datagrams->output_max)
        return true;
    memmove(datagrams->output, datagrams->output + datagrams->head, pending);
    datagrams->last -= datagrams->head;
    datagrams->head = 0;
    datagrams->tail = pending;
    return true;
}

static void begin_run(struct reactor_datagrams *datagrams, const struct sockaddr *to, uint32_t to_length,
                      const void *bytes, uint32_t length)
{
    struct run *run = run_at(datagrams, datagrams->tail);
    *run = (struct run){.to_length = (uint8_t) to_length, .datagrams = 1, .segment = (uint16_t) length,
                        .length = length};
    if (to_length)
        memcpy(&run->to, to, to_length);
    if (length)
        memcpy(run_bytes(run), bytes, length);
    datagrams->last = datagrams->tail;
    datagrams->tail = place_behind(datagrams->tail, run);
    datagrams->runs++;
}

/* 0: a family that is none of ours. */
static uint32_t address_length(const struct sockaddr *to)
{
    return to->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                    : to->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : 0;
}

int reactor_datagrams_send(struct reactor_datagrams *datagrams, const struct sockaddr *to, const void *bytes,
                           size_t length)
{
    uint32_t to_length = to ? address_length(to) : 0;
    if (!datagrams->output)
        return -EPIPE;
    if (to && to_length == 0)
        return -EAFNOSUPPORT;
    if (length > DATAGRAM_LENGTH_MAX || RUN_BYTES + whole((uint32_t) length) > datagrams->output_max)
        return -EMSGSIZE;
    if (datagrams->runs == 0)
        loop_flush_later(&datagrams->handler);
    else if (lengthen(datagrams, to, to_length, bytes, (uint32_t) length))
        return 0;
    bool is_large = datagrams->runs >= DATAGRAM_MESSAGES || datagrams->tail - datagrams->head >= LARGE_BYTES;
    if (is_large && !datagrams->blocked)
        (void) datagram_batch_flush(datagrams, false);
    if (!make_room(datagrams, RUN_BYTES + whole((uint32_t) length))) {
        datagrams->statistics.refused++;
        loop_count(datagrams->handler.loop->statistics.datagrams_refused, 1);
        datagrams->wants_room = true;
        return -ENOBUFS;
    }
    begin_run(datagrams, to, to_length, bytes, (uint32_t) length);
    return 0;
}

/* --- handing to the kernel --- */

static bool is_segmented(const struct reactor_datagrams *datagrams, const struct run *run)
{
    return run->length - run->sent > run->segment && run->segment <= datagrams->segment_max && !run->is_single;
}

static void add_message(struct messages *messages, struct run *run, uint32_t begin, uint32_t length, bool segmented)
{
    unsigned i = messages->count++;
    messages->parts[i] = (struct iovec){run_bytes(run) + begin, length};
    messages->items[i].msg_hdr = (struct msghdr){.msg_name = run->to_length ? &run->to : NULL,
                                                 .msg_namelen = run->to_length,
                                                 .msg_iov = &messages->parts[i], .msg_iovlen = 1};
    if (!segmented)
        return;
    union segment_control *control = &messages->controls[i];
    memset(control, 0, sizeof *control); /* the padding behind the segment, too */
    control->header.cmsg_len = CMSG_LEN(sizeof(uint16_t));
    control->header.cmsg_level = SOL_UDP;
    control->header.cmsg_type = UDP_SEGMENT;
    memcpy(CMSG_DATA(&control->header), &run->segment, sizeof run->segment);
    messages->items[i].msg_hdr.msg_control = control;
    messages->items[i].msg_hdr.msg_controllen = sizeof *control;
}

static void build(const struct reactor_datagrams *datagrams, struct messages *messages)
{
    messages->count = 0;
    for (uint32_t place = datagrams->head; place != datagrams->tail && messages->count < DATAGRAM_MESSAGES;) {
        struct run *run = run_at(datagrams, place);
        bool segmented = is_segmented(datagrams, run);
        uint32_t begin = run->sent;
        do {
            uint32_t left = run->length - begin;
            uint32_t length = segmented ? left : (uint32_t) datagram_piece(left, run->segment);
            add_message(messages, run, begin, length, segmented);
            begin += length;
        } while (begin != run->length && messages->count < DATAGRAM_MESSAGES);
        place = place_behind(place, run);
    }
}

/* The first message of the batch, of so many bytes, has left or is given up. */
static void drop_first(struct reactor_datagrams *datagrams, uint32_t length)
{
    struct run *run = run_at(datagrams, datagrams->head);
    run->sent += length;
    run->is_retried = false;
    if (run->sent != run->length)
        return;
    datagrams->head = place_behind(datagrams->head, run);
    if (--datagrams->runs == 0)
        datagrams->head = datagrams->tail = 0;
}

/* What a message that has gone through says about the error of its first try: an earlier datagram's if it went out
 * unchanged, and if it went out in pieces the kernel does not segment that size. */
static void learn(struct reactor_datagrams *datagrams, const struct run *run)
{
    if (run->is_retried && !datagrams->errors_queued)
        datagrams->statistics.errors++;
    if (run->is_single && run->segment <= datagrams->segment_max)
        datagrams->segment_max = run->segment - 1u;
}

static void count_sent(struct reactor_datagrams *datagrams, const struct messages *messages, unsigned sent)
{
    uint64_t before = datagrams->statistics.sent;
    for (unsigned i = 0; i < sent; i++) {
        const struct run *run = run_at(datagrams, datagrams->head);
        uint32_t length = (uint32_t) messages->parts[i].iov_len;
        if (run->is_retried || run->is_single)
            learn(datagrams, run);
        datagrams->statistics.sent += length > run->segment ? (length + run->segment - 1) / run->segment : 1;
        drop_first(datagrams, length);
    }
    loop_count(datagrams->handler.loop->statistics.datagrams_sent, datagrams->statistics.sent - before);
}

/* The kernel did not take the first message. */
static bool refused(struct reactor_datagrams *datagrams, int error)
{
    struct run *run = run_at(datagrams, datagrams->head);
    bool is_size = error == EMSGSIZE || error == EINVAL || error == EIO;
    if (is_size && is_segmented(datagrams, run)) {
        run->is_single = true;
        return true;
    }
    if (!is_size && !run->is_retried) {
        run->is_retried = true;
        return true;
    }
    union datagram_address to = run->to;
    bool is_connected = run->to_length == 0;
    datagrams->statistics.lost++;
    drop_first(datagrams, (uint32_t) datagram_piece(run->length - run->sent, run->segment));
    return datagram_failed(datagrams, is_connected ? NULL : &to.any, error);
}

static void block(struct reactor_datagrams *datagrams)
{
    datagrams->blocked = reactor_handler_interest(&datagrams->handler, REACTOR_READ | REACTOR_WRITE) == 0;
    if (!datagrams->blocked)
        loop_flush_later(&datagrams->handler); /* the kernel has no memory for it: with the next turn then */
}

bool datagram_batch_flush(struct reactor_datagrams *datagrams, bool telling)
{
    struct messages messages;
    unsigned errors = 0;
    while (datagrams->runs) {
        build(datagrams, &messages);
        int sent = sendmmsg(datagrams->handler.descriptor, messages.items, messages.count, MSG_DONTWAIT);
        datagrams->statistics.send_calls++;
        loop_count(datagrams->handler.loop->statistics.datagram_send_calls, 1);
        if (sent > 0) {
            count_sent(datagrams, &messages, (unsigned) sent);
        } else if (errno == EAGAIN) {
            block(datagrams);
            return true;
        } else if (errno != EINTR) {
            if (!telling)
                return true;
            if (!refused(datagrams, errno))
                return false;
            if (++errors == TOLD_A_FLUSH) {
                loop_flush_later(&datagrams->handler);
                return true;
            }
        }
    }
    return true;
}
