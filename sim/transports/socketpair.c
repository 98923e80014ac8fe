/* Transport `socketpair`: each peer has one end of a Unix datagram socketpair, the emulated network has the other.
 *
 * A datagram on it, either way, is a head and the payload:
 *   0  32  struct reactor_entry: target, source, count, class and kind, cause, ... (toward the peer: due_ns, when it was due)
 *   32  8  sent_at_ns
 *   40  n  the overlay's bytes
 * Both ends are this process, so the head is a plain struct. Under the virtual clock the link model alone decides when a
 * peer sees a message: the kernel only carries bytes, and the network's end is drained as a peer sends (a socketpair
 * holds only a few hundred small datagrams), so the digest is that of `memory`. In real time both ends are handlers of
 * the reactor and readiness comes from the demultiplexer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "reactor/handler.h"
#include "sim/transport.h"
#include "sim/transports/registry.h"

struct head {
    struct reactor_entry entry;
    uint64_t sent_at_ns;
};
_Static_assert(sizeof(struct head) == 40, "as described above");

struct end {
    struct reactor_handler handler; /* first: a handler is its end */
    struct socketpairs *sockets;
};

struct pair {
    struct end peer, network;
};

struct socketpairs {
    struct shard *shard;
    struct pair *pairs; /* by peer */
    uint8_t at_network[FLIGHT_LENGTH_MAX];
    uint8_t at_peer[FLIGHT_LENGTH_MAX]; /* lent to the handler, which sends meanwhile: the other is filled then */
};

static const int READS_A_TURN = 16; /* a busy peer lets the others have their turn */

static int carry(int descriptor, const struct head *head, const void *bytes, size_t length)
{
    struct iovec parts[2] = {{(void *) head, sizeof *head}, {(void *) bytes, length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t sent;
    do
        sent = sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* The bytes behind the head, or -errno. */
static ssize_t fetch(int descriptor, struct head *head, uint8_t *buffer)
{
    struct iovec parts[2] = {{head, sizeof *head}, {buffer, FLIGHT_LENGTH_MAX}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t got;
    do
        got = recvmsg(descriptor, &message, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    base_assert((size_t) got >= sizeof *head);
    return got - (ssize_t) sizeof *head;
}

static struct socketpairs *of(const struct reactor_handler *handler)
{
    return ((const struct end *) (const void *) handler)->sockets;
}

/* One datagram that a peer sent, at the network's end. False: nothing more is there. */
static bool network_takes(struct socketpairs *sockets, int descriptor)
{
    struct head head;
    ssize_t length = fetch(descriptor, &head, sockets->at_network);
    if (length < 0)
        return false;
    uint32_t flight = 0;
    run_route(sockets->shard, &head.entry, head.sent_at_ns, &flight, sockets->at_network, (size_t) length);
    return true;
}

/* One datagram that the network wrote, at the peer's end. */
static bool peer_takes(struct socketpairs *sockets, int descriptor)
{
    struct head head;
    ssize_t length = fetch(descriptor, &head, sockets->at_peer);
    if (length < 0)
        return false;
    struct shard *shard = sockets->shard;
    if (run_hot(shard->run, head.entry.target)->up)
        run_handle(shard, &head.entry, head.sent_at_ns, sockets->at_peer, (size_t) length);
    else /* went down between its arrival and this read */
        run_drop(shard, &head.entry, head.sent_at_ns, head.entry.due_ns - head.sent_at_ns, (size_t) length,
                 NETWORK_TARGET_DOWN);
    return true;
}

static void network_ready(struct reactor_handler *handler)
{
    for (int i = 0; i < READS_A_TURN && network_takes(of(handler), handler->descriptor); i++)
        ;
}

static void peer_ready(struct reactor_handler *handler)
{
    for (int i = 0; i < READS_A_TURN && peer_takes(of(handler), handler->descriptor); i++)
        ;
}

static void ignore_disconnect(struct reactor_handler *handler, int reason)
{
    (void) handler, (void) reason; /* both ends are ours: only at shutdown; socketpair_close closes them */
}

static const struct reactor_handler_ops network_handler = {
    .name = "socketpair, network's end", .input_ready = network_ready, .disconnected = ignore_disconnect};
static const struct reactor_handler_ops peer_handler = {
    .name = "socketpair, peer's end", .input_ready = peer_ready, .disconnected = ignore_disconnect};

static int open_pair(struct socketpairs *sockets, uint32_t index)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    struct pair *pair = &sockets->pairs[index];
    *pair = (struct pair){.peer = {{.ops = &peer_handler, .descriptor = ends[0]}, sockets},
                          .network = {{.ops = &network_handler, .descriptor = ends[1]}, sockets}};
    if (!sockets->shard->run->waits)
        return 0;
    int error = reactor_handler_attach(&pair->peer.handler, sockets->shard->loop, REACTOR_READ);
    return error ? error : reactor_handler_attach(&pair->network.handler, sockets->shard->loop, REACTOR_READ);
}

static void socketpair_close(struct shard *shard)
{
    struct socketpairs *sockets = shard->transport_state;
    if (!sockets)
        return;
    for (uint32_t i = 0; sockets->pairs && i < shard->run->identity->peer_count; i++) {
        struct pair *pair = &sockets->pairs[i];
        if (!pair->peer.sockets)
            break;
        reactor_handler_detach(&pair->peer.handler);
        reactor_handler_detach(&pair->network.handler);
        close(pair->peer.handler.descriptor);
        close(pair->network.handler.descriptor);
    }
    free(sockets->pairs);
    free(sockets);
    shard->transport_state = NULL;
}

static const char *hint_for(const struct run *run, int error)
{
    const char *demultiplexer = run->options.demultiplexer;
    if (error != -EMFILE)
        return NULL;
    if (demultiplexer && strcmp(demultiplexer, "select") == 0)
        return "select watches only descriptors below 1,024: --demultiplexer poll, epoll or auto watch more";
    return "raise the limit (ulimit -n), use fewer peers, or transport: memory";
}

static int socketpair_open(struct shard *shard, struct base_diagnostics *diagnostics)
{
    const struct scenario *scenario = shard->run->scenario;
    struct socketpairs *sockets = calloc(1, sizeof *sockets);
    if (!sockets)
        return -ENOMEM;
    shard->transport_state = sockets;
    sockets->shard = shard;
    sockets->pairs = calloc(scenario->peer_count + 1, sizeof *sockets->pairs);
    int error = sockets->pairs ? 0 : -ENOMEM;
    uint32_t i = 0;
    for (; !error && i < scenario->peer_count; i++)
        error = open_pair(sockets, i);
    if (!error)
        return 0;
    base_diagnose(diagnostics, BASE_ERROR, scenario->transport.place,
                  hint_for(shard->run, error),
                  "socketpair needs %u descriptors (2 a peer): %s after %u peers", 2 * scenario->peer_count,
                  strerror(-error), i ? i - 1 : 0);
    return error;
}

static void socketpair_send(struct shard *shard, struct reactor_entry *entry, uint32_t *flight, const void *bytes,
                            size_t length)
{
    (void) flight; /* the kernel holds the copy */
    struct socketpairs *sockets = shard->transport_state;
    struct head head = {.entry = *entry, .sent_at_ns = entry->due_ns};
    const struct pair *pair = &sockets->pairs[entry->source - 1];
    int error = length > FLIGHT_LENGTH_MAX ? -EMSGSIZE : carry(pair->peer.handler.descriptor, &head, bytes, length);
    if (error) {
        shard->totals.sent++;
        shard->totals.bytes += length;
        run_drop(shard, entry, head.sent_at_ns, TRACE_NONE_U64, length,
                 error == -EMSGSIZE ? NETWORK_TOO_LARGE : NETWORK_QUEUE_FULL);
    } else if (!shard->run->waits) {
        network_takes(sockets, pair->network.handler.descriptor);
    }
}

static void socketpair_deliver(struct shard *shard, struct reactor_entry *entry)
{
    struct socketpairs *sockets = shard->transport_state;
    const struct flight_cell *cell = flight_at(&shard->flights, entry->payload);
    const struct pair *pair = &sockets->pairs[entry->target];
    struct head head = {.entry = *entry, .sent_at_ns = cell->sent_at_ns};
    size_t length = cell->length;
    int error = carry(pair->network.handler.descriptor, &head, cell->bytes, length);
    flight_give(&shard->flights, entry->payload);
    if (error)
        run_drop(shard, entry, head.sent_at_ns, entry->due_ns - head.sent_at_ns, length, NETWORK_QUEUE_FULL);
    else if (!shard->run->waits)
        peer_takes(sockets, pair->peer.handler.descriptor);
}

static const struct transport_ops socketpair_ops = {
    .needs_descriptors = true,
    .open = socketpair_open, .close = socketpair_close, .send = socketpair_send, .deliver = socketpair_deliver,
};

const struct topology_kind socketpair_kind = {
    .name = "socketpair",
    .summary = "each message crosses two Unix sockets between its peer and the emulated network, in one process",
    .source = "",
    .ops = &socketpair_ops,
};
