/* Transport `localhost`: UDP over the kernel's loopback, in real time. Real clients can join.
 *
 * One wildcard socket on the plan's port serves all peers: IP_PKTINFO tells which peer's address a datagram came to, and
 * lets each answer leave from the right one, so 20,000 peers need one descriptor. Between two peers of the plan the link
 * model holds a message until it is due; then it crosses the kernel. Nothing but the overlay's bytes is on the wire, so
 * what the engine knows of a message (when it was sent, its cause) waits in a ring of what is underway: the kernel keeps
 * the order of one socket's datagrams, so the head of the ring is what arrives next, unless the receive queue overflowed.
 * Those that were passed over are dropped as queue_full. What the kernel dropped beyond them, by its own count
 * (SO_RXQ_OVFL), came from outside of the plan and is queue_full too. All peers share the one queue, which none of them
 * would in the world: before a burst of their own fills it, what waits in it is handled.
 * Datagrams from and to addresses outside of the plan cross at once: their delay is the real one. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reactor/handler.h"
#include "sim/addresses.h"
#include "sim/transport.h"
#include "sim/transports/registry.h"

#define BATCH 64
#define BATCHES_A_TURN 16                 /* received before entries that are due have their turn again */
#define UNDERWAY_MAX (1u << 16)
#define RECEIVE_QUEUE_BYTES (64 << 20)
#define KERNEL_BYTES(length) (2u * (length) + 1024u) /* at most what the kernel charges the queue for a datagram */
#define CONTROL_BYTES (CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(uint32_t)))

/* Handed to the kernel, not yet seen again. */
struct underway {
    struct reactor_entry entry; /* payload: the flight, of which this holds a reference */
};

struct control {
    _Alignas(struct cmsghdr) uint8_t bytes[CONTROL_BYTES];
};

struct localhost {
    struct reactor_handler handler; /* first: the handler is the transport */
    struct shard *shard;
    struct underway *underway;      /* UNDERWAY_MAX, a ring: [head, tail) */
    uint32_t head, tail;
    uint64_t underway_bytes;        /* of [head, tail), as the kernel charges them */
    uint64_t queue_bytes;           /* what of the receive queue the peers of the plan may fill */
    uint32_t overflowed;            /* SO_RXQ_OVFL as seen last: what the kernel dropped at the receive queue */
    uint32_t passed_over;           /* of them: messages of the plan */
    uint32_t strangers;             /* of them: those already counted as datagrams from abroad */
    uint32_t waiting;               /* entries at the ring's end that no sendmmsg took yet */
    uint8_t (*buffers)[FLIGHT_LENGTH_MAX];
    struct mmsghdr received[BATCH];
    struct iovec received_parts[BATCH];
    struct sockaddr_in received_from[BATCH];
    struct control received_control[BATCH];
};

static struct underway *at(struct localhost *local, uint32_t position)
{
    return &local->underway[position % UNDERWAY_MAX];
}

static struct in_addr host_of(const struct run *run, uint32_t peer)
{
    return (struct in_addr){htonl(run->scenario->address_first + peer * run->scenario->address_stride)};
}

static struct sockaddr_in endpoint_of(const struct shard *shard, peer_address address)
{
    uint8_t octets[PEER_ADDRESS_OCTETS];
    struct sockaddr_in endpoint = {.sin_family = AF_INET};
    run_encode(shard, address, octets);
    memcpy(&endpoint.sin_addr, octets, 4);
    memcpy(&endpoint.sin_port, octets + 4, 2);
    return endpoint;
}

/* --- sending --- */

struct outgoing {
    struct sockaddr_in to;
    struct iovec part;
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

/* from: the peer whose address it leaves from. */
static void address_message(struct outgoing *outgoing, struct msghdr *message, const struct run *run, uint32_t from)
{
    *message = (struct msghdr){.msg_name = &outgoing->to, .msg_namelen = sizeof outgoing->to,
                               .msg_iov = &outgoing->part, .msg_iovlen = 1,
                               .msg_control = outgoing->control, .msg_controllen = sizeof outgoing->control};
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    struct in_pktinfo info = {.ipi_spec_dst = host_of(run, from)};
    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(header), &info, sizeof info);
}

/* Drops the entry at position; the caller takes it out of the ring. */
static void lose(struct localhost *local, uint32_t position, enum network_fate fate)
{
    struct shard *shard = local->shard;
    struct reactor_entry *entry = &at(local, position)->entry;
    const struct flight_cell *cell = flight_at(&shard->flights, entry->payload);
    local->underway_bytes -= KERNEL_BYTES(cell->length);
    run_drop(shard, entry, cell->sent_at_ns, entry->due_ns - cell->sent_at_ns, cell->length, fate);
    flight_give(&shard->flights, entry->payload);
}

static enum network_fate fate_of(int refusal)
{
    return refusal == EAGAIN || refusal == ENOBUFS || refusal == ENOMEM ? NETWORK_QUEUE_FULL : NETWORK_NO_ROUTE;
}

/* Takes the entry at position, which the kernel refused, out of the ring: those behind it move up. */
static void refuse(struct localhost *local, uint32_t position, int refusal)
{
    lose(local, position, fate_of(refusal));
    for (uint32_t i = position; i + 1 != local->tail; i++)
        *at(local, i) = *at(local, i + 1);
    local->tail--;
    local->waiting--;
}

/* One system call for up to BATCH messages. */
static void send_batch(struct localhost *local)
{
    struct outgoing outgoing[BATCH];
    struct mmsghdr messages[BATCH];
    struct shard *shard = local->shard;
    uint32_t count = local->waiting < BATCH ? local->waiting : BATCH, first = local->tail - local->waiting;
    for (uint32_t i = 0; i < count; i++) {
        const struct reactor_entry *entry = &at(local, first + i)->entry;
        struct flight_cell *cell = flight_at(&shard->flights, entry->payload);
        outgoing[i].to = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = host_of(shard->run, entry->target),
                                              .sin_port = htons(shard->run->scenario->address_port)};
        outgoing[i].part = (struct iovec){cell->bytes, cell->length};
        address_message(&outgoing[i], &messages[i].msg_hdr, shard->run, entry->source - 1);
    }
    int sent = sendmmsg(local->handler.descriptor, messages, count, MSG_DONTWAIT);
    if (sent > 0)
        local->waiting -= (uint32_t) sent;
    else if (errno != EINTR)
        refuse(local, first, errno); /* what the kernel does not take is lost, as UDP's is; the others are tried again */
}

static void localhost_flush(struct shard *shard)
{
    struct localhost *local = shard->transport_state;
    while (local->waiting)
        send_batch(local);
}

/* To an address outside of the plan: at once. Delivered means that the kernel took it. */
static void send_abroad(struct localhost *local, struct reactor_entry *entry, const void *bytes, size_t length)
{
    struct shard *shard = local->shard;
    struct outgoing outgoing = {.to = endpoint_of(shard, entry->target + 1),
                                .part = {(void *) bytes, length}};
    struct msghdr message;
    address_message(&outgoing, &message, shard->run, entry->source - 1);
    shard->totals.sent++;
    shard->totals.bytes += length;
    if (sendmsg(local->handler.descriptor, &message, MSG_DONTWAIT) < 0) {
        run_drop(shard, entry, entry->due_ns, TRACE_NONE_U64, length, fate_of(errno));
        return;
    }
    shard->totals.delivered++;
    run_record_message(shard, entry, entry->due_ns, 0, 0, length, NETWORK_DELIVERED);
}

static void localhost_send(struct shard *shard, struct reactor_entry *entry, uint32_t *flight, const void *bytes,
                           size_t length)
{
    if (entry->target + 1 == PEER_ADDRESS_NONE || !((entry->target + 1) & ADDRESS_FOREIGN) ||
        length > FLIGHT_LENGTH_MAX)
        run_route(shard, entry, entry->due_ns, flight, bytes, length);
    else
        send_abroad(shard->transport_state, entry, bytes, length);
}

/* --- receiving --- */

/* Which peer's address a datagram came to (UINT32_MAX: nobody's), and how many the kernel has dropped so far. */
static uint32_t read_control(struct localhost *local, struct msghdr *message)
{
    uint32_t target = UINT32_MAX;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            uint8_t octets[PEER_ADDRESS_OCTETS];
            memcpy(&info, CMSG_DATA(header), sizeof info);
            memcpy(octets, &info.ipi_addr, 4);
            octets[4] = (uint8_t) (local->shard->run->scenario->address_port >> 8);
            octets[5] = (uint8_t) local->shard->run->scenario->address_port;
            target = address_of_peer(local->shard->run, octets);
        } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&local->overflowed, CMSG_DATA(header), sizeof local->overflowed);
        }
    }
    return target;
}

/* The ring's entry that these bytes are, or tail: none. Those before it were lost on the way. */
static uint32_t find_underway(struct localhost *local, uint32_t source, uint32_t target, const uint8_t *bytes,
                              size_t length)
{
    uint32_t position = local->head, end = local->tail - local->waiting;
    for (; position != end; position++) {
        const struct reactor_entry *entry = &at(local, position)->entry;
        const struct flight_cell *cell = flight_at(&local->shard->flights, entry->payload);
        if (entry->source == source && entry->target == target && cell->length == length &&
            memcmp(cell->bytes, bytes, length) == 0)
            return position;
    }
    return local->tail;
}

static void handle_or_drop(struct shard *shard, struct reactor_entry *entry, uint64_t sent_at_ns, const uint8_t *bytes,
                           size_t length)
{
    if (run_hot(shard->run, entry->target)->up)
        run_handle(shard, entry, sent_at_ns, bytes, length);
    else
        run_drop(shard, entry, sent_at_ns, reactor_loop_now(shard->loop) - sent_at_ns, length, NETWORK_TARGET_DOWN);
}

static void from_abroad(struct localhost *local, peer_address source, uint32_t target, const uint8_t *bytes,
                        size_t length)
{
    struct shard *shard = local->shard;
    struct run *run = shard->run;
    uint64_t now_ns = reactor_loop_now(shard->loop);
    shard->totals.sent++;
    shard->totals.bytes += length;
    if (target == UINT32_MAX || source == PEER_ADDRESS_NONE) {
        shard->totals.dropped[NETWORK_NO_ROUTE]++;
        return;
    }
    const struct overlay_ops *ops =
        run->identity->instances[run->identity->group_instance[run_hot(run, target)->group]].ops;
    uint8_t kind = ops->kind_of ? ops->kind_of(bytes, length) : 0;
    if (kind >= ops->message_kind_count) {
        shard->totals.dropped[NETWORK_MALFORMED]++; /* it has no kind that a row could name */
        return;
    }
    struct reactor_entry entry = {.due_ns = now_ns, .target = target, .source = source, .kind = kind,
                                  .order = REACTOR_MESSAGE | RUN_SAMPLED};
    handle_or_drop(shard, &entry, now_ns, bytes, length);
}

static void from_peer(struct localhost *local, uint32_t position, const uint8_t *bytes, size_t length)
{
    struct shard *shard = local->shard;
    for (; local->head != position; local->passed_over++)
        lose(local, local->head++, NETWORK_QUEUE_FULL);
    struct reactor_entry entry = at(local, local->head++)->entry;
    uint64_t sent_at_ns = flight_at(&shard->flights, entry.payload)->sent_at_ns;
    local->underway_bytes -= KERNEL_BYTES(length);
    flight_give(&shard->flights, entry.payload);
    handle_or_drop(shard, &entry, sent_at_ns, bytes, length);
}

/* What the kernel dropped and no message of the plan can have been: at most `undecided` of the ring still may. */
static void count_strangers(struct localhost *local, uint32_t undecided)
{
    uint32_t known = local->passed_over + local->strangers + undecided, strangers = local->overflowed - known;
    if (strangers == 0 || strangers > INT32_MAX)
        return; /* fewer than known: messages that were lost before the queue */
    local->strangers += strangers;
    local->shard->totals.sent += strangers;
    local->shard->totals.dropped[NETWORK_QUEUE_FULL] += strangers;
}

static void take(struct localhost *local, int i)
{
    struct msghdr *message = &local->received[i].msg_hdr;
    size_t length = local->received[i].msg_len;
    const uint8_t *bytes = local->buffers[i];
    uint8_t octets[PEER_ADDRESS_OCTETS];
    memcpy(octets, &local->received_from[i].sin_addr, 4);
    memcpy(octets + 4, &local->received_from[i].sin_port, 2);
    uint32_t target = read_control(local, message);
    peer_address source = run_decode(local->shard, octets);
    uint32_t position = source & ADDRESS_FOREIGN ? local->tail : find_underway(local, source, target, bytes, length);
    bool abroad = position == local->tail;
    if (abroad)
        from_abroad(local, source, target, bytes, length);
    else
        from_peer(local, position, bytes, length);
    count_strangers(local, abroad ? local->tail - local->waiting - local->head : 0);
}

/* How many datagrams there were, at most BATCH. */
static int receive_batch(struct localhost *local)
{
    for (int i = 0; i < BATCH; i++) {
        local->received_parts[i] = (struct iovec){local->buffers[i], FLIGHT_LENGTH_MAX};
        local->received[i].msg_hdr = (struct msghdr){
            .msg_name = &local->received_from[i], .msg_namelen = sizeof local->received_from[i],
            .msg_iov = &local->received_parts[i], .msg_iovlen = 1,
            .msg_control = local->received_control[i].bytes, .msg_controllen = CONTROL_BYTES};
    }
    int count = recvmmsg(local->handler.descriptor, local->received, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++)
        take(local, i);
    return count;
}

static void localhost_ready(struct reactor_handler *handler)
{
    struct localhost *local = (struct localhost *) (void *) handler;
    for (int batch = 0; batch < BATCHES_A_TURN && receive_batch(local) == BATCH; batch++)
        ;
}

/* --- delivering --- */

static bool has_room(const struct localhost *local, size_t length)
{
    return local->tail - local->head < UNDERWAY_MAX &&
           local->underway_bytes + KERNEL_BYTES(length) <= local->queue_bytes;
}

/* The end of an entry's dispatch, and what is handled here sends only by way of the timed queue: it may happen now. */
static void make_room(struct localhost *local, size_t length)
{
    localhost_flush(local->shard);
    while (!has_room(local, length) && receive_batch(local) > 0)
        ;
    if (local->tail - local->head == UNDERWAY_MAX)
        lose(local, local->head++, NETWORK_QUEUE_FULL); /* lost before the queue, or it would have come */
}

static void localhost_deliver(struct shard *shard, struct reactor_entry *entry)
{
    struct localhost *local = shard->transport_state;
    size_t length = flight_at(&shard->flights, entry->payload)->length;
    if (!has_room(local, length))
        make_room(local, length);
    local->underway_bytes += KERNEL_BYTES(length);
    at(local, local->tail++)->entry = *entry;
    if (++local->waiting == BATCH)
        send_batch(local);
}

/* --- opening --- */

static const struct reactor_handler_ops localhost_handler = {.name = "localhost, UDP", .input_ready = localhost_ready};

static int fail_open(struct shard *shard, struct base_diagnostics *diagnostics, int error, const char *hint,
                     const char *what)
{
    base_diagnose(diagnostics, BASE_ERROR, shard->run->scenario->transport.place, hint, "%s: %s", what,
                  strerror(-error));
    return error;
}

/* That the plan's addresses are this machine's own: the first and the last are bound for a moment. */
static int probe(struct shard *shard, struct base_diagnostics *diagnostics)
{
    const struct run *run = shard->run;
    uint32_t last = run->identity->peer_count ? run->identity->peer_count - 1 : 0;
    for (uint32_t i = 0; i < 2; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = host_of(run, i ? last : 0)};
        int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int error = descriptor < 0 || bind(descriptor, (struct sockaddr *) &address, sizeof address) < 0 ? -errno : 0;
        if (descriptor >= 0)
            close(descriptor);
        char text[128];
        snprintf(text, sizeof text, "the address %s of peer %u", inet_ntoa(address.sin_addr), i ? last : 0);
        if (error)
            return fail_open(shard, diagnostics, error,
                             "addresses must be local: 127.0.0.0/8, or a range given to lo (ip route add local)", text);
    }
    return 0;
}

static int open_socket(struct localhost *local)
{
    int on = 1, bytes = RECEIVE_QUEUE_BYTES;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(local->shard->run->scenario->address_port)};
    int descriptor = local->handler.descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || setsockopt(descriptor, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0 ||
        setsockopt(descriptor, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) < 0)
        return -errno;
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); /* without privilege: as far as it goes */
    socklen_t option_bytes = sizeof bytes;
    if (getsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, &option_bytes) < 0)
        return -errno;
    local->queue_bytes = (uint64_t) bytes / 4 * 3; /* the rest is for strangers */
    return bind(descriptor, (struct sockaddr *) &any, sizeof any) < 0 ? -errno : 0;
}

static int localhost_open(struct shard *shard, struct base_diagnostics *diagnostics)
{
    struct localhost *local = calloc(1, sizeof *local);
    if (!local)
        return -ENOMEM;
    shard->transport_state = local;
    local->shard = shard;
    local->handler = (struct reactor_handler){.ops = &localhost_handler, .descriptor = -1};
    local->underway = calloc(UNDERWAY_MAX, sizeof *local->underway);
    local->buffers = malloc(BATCH * sizeof *local->buffers);
    if (!local->underway || !local->buffers)
        return -ENOMEM;
    int error = probe(shard, diagnostics);
    if (error)
        return error;
    error = open_socket(local);
    if (error)
        return fail_open(shard, diagnostics, error,
                         error == -EACCES ? "ports below 1024 need privilege: addresses.port chooses another"
                                          : "another program has the port: addresses.port chooses one",
                         "the UDP socket of all peers");
    error = reactor_handler_attach(&local->handler, shard->loop, REACTOR_READ);
    return error ? fail_open(shard, diagnostics, error, NULL, "the UDP socket of all peers") : 0;
}

static void localhost_close(struct shard *shard)
{
    struct localhost *local = shard->transport_state;
    if (!local)
        return;
    reactor_handler_detach(&local->handler);
    if (local->handler.descriptor >= 0)
        close(local->handler.descriptor);
    free(local->underway);
    free(local->buffers);
    free(local);
    shard->transport_state = NULL;
}

/* What the kernel still has when the run ends is in flight. */
static void localhost_still_in_flight(struct shard *shard)
{
    struct localhost *local = shard->transport_state;
    while (local->head != local->tail)
        lose(local, local->head++, NETWORK_IN_FLIGHT);
    local->waiting = 0;
}

static const struct transport_ops localhost_ops = {
    .real_time_only = true,
    .needs_descriptors = true,
    .open = localhost_open, .close = localhost_close, .send = localhost_send, .deliver = localhost_deliver,
    .flush = localhost_flush, .still_in_flight = localhost_still_in_flight,
};

const struct topology_kind localhost_kind = {
    .name = "localhost",
    .summary = "UDP on local addresses, one socket for all peers, in real time: real clients can join",
    .source = "",
    .ops = &localhost_ops,
};
