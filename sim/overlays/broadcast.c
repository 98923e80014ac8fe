/* Broadcast by flooding: the plain baseline.
 *
 * The publisher sends a broadcast to all its neighbours in the initial graph; whoever gets it for the first time forwards
 * it to all its neighbours but the one it came from; later copies are counted and dropped. Nothing is repeated or
 * acknowledged: what the network loses is lost, and a peer that joins later knows nothing of what was said before. Over a
 * connected undirected graph of n peers and m edges, without loss, a broadcast takes 2 m - (n - 1) messages: n - 1 reach
 * somebody new. A. Segall, "Distributed network protocols", IEEE Transactions on Information Theory 29, 1983 (his PI, but
 * that nothing goes back to where it came from); with a `ttl` it is the flooding of Gnutella 0.4.
 *
 * A peer remembers what it has seen as a bit a broadcast (broadcast.h). Nobody checks where a copy comes from: who sends a
 * number that is not published yet keeps its receivers from hearing the true one, as in any unsigned flooding. */
#include <endian.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sim/overlays/broadcast.h"
#include "sim/overlays/registry.h"

#define MAGIC 0x42
#define HOPS_MAX UINT16_MAX
#define TARGETS_MAX 64 /* addresses handed over in one call */

enum { FLOOD, MESSAGES };
static const char *const message_names[MESSAGES] = {"flood"};
static const char *const table_names[] = {"neighbours"};

struct broadcast_parameters {
    uint64_t ttl;
};

struct broadcast_shared {
    struct base_slab pages;
    uint8_t message[BROADCAST_DATAGRAM_BYTES_MAX]; /* the one being written */
};

static uint32_t get_32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return be32toh(value);
}

static void put_32(uint8_t *bytes, uint32_t value)
{
    value = htobe32(value);
    memcpy(bytes, &value, sizeof value);
}

static void put_hops(uint8_t *message, uint32_t hops)
{
    message[2] = (uint8_t) (hops >> 8);
    message[3] = (uint8_t) hops;
}

static uint32_t get_hops(const uint8_t *message)
{
    return (uint32_t) message[2] << 8 | message[3];
}

/* To all neighbours but one. */
static void send_on(struct peer *peer, peer_address but, const uint8_t *message, size_t length)
{
    peer_address targets[TARGETS_MAX];
    uint32_t degree = peer_graph_degree(peer), count = 0;
    for (uint32_t i = 0; i < degree; i++) {
        targets[count] = peer_graph_neighbour(peer, i);
        count += targets[count] != but;
        if (count == TARGETS_MAX || i + 1 == degree) {
            peer_send_many(peer, targets, count, FLOOD, message, length);
            count = 0;
        }
    }
}

static void broadcast_join(struct peer *peer, const struct peer_start *start)
{
    (void) start; /* the graph is there from the beginning */
    peer_graph_tell(peer, 0);
}

static void broadcast_release(struct peer *peer)
{
    struct broadcast_shared *shared = peer_shared(peer);
    broadcast_forget(&((struct broadcast_state *) peer_state(peer))->first, &shared->pages);
}

static void broadcast_publish(struct peer *peer, uint32_t broadcast, uint32_t topic, uint32_t bytes)
{
    struct broadcast_shared *shared = peer_shared(peer);
    struct broadcast_state *state = peer_state(peer);
    if (bytes > BROADCAST_PAYLOAD_BYTES_MAX) {
        peer_log(peer, PEER_LOG_ERROR, "broadcast %u of %u bytes does not fit a datagram: not sent", broadcast, bytes);
        return;
    }
    if (!broadcast_see(&state->first, &shared->pages, broadcast))
        return;
    shared->message[0] = MAGIC;
    shared->message[1] = FLOOD;
    put_hops(shared->message, 1);
    put_32(shared->message + 4, broadcast);
    put_32(shared->message + 8, topic);
    put_32(shared->message + 12, bytes);
    memset(shared->message + BROADCAST_HEADER_BYTES, 0, bytes);
    send_on(peer, PEER_ADDRESS_NONE, shared->message, BROADCAST_HEADER_BYTES + bytes);
}

static uint8_t broadcast_kind_of(const uint8_t *bytes, size_t length)
{
    return length >= BROADCAST_HEADER_BYTES && bytes[0] == MAGIC && bytes[1] == FLOOD ? FLOOD : MESSAGES;
}

static bool broadcast_message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    const struct broadcast_parameters *parameters = peer_parameters(peer);
    struct broadcast_shared *shared = peer_shared(peer);
    struct broadcast_state *state = peer_state(peer);
    if (broadcast_kind_of(bytes, length) == MESSAGES || length > BROADCAST_DATAGRAM_BYTES_MAX ||
        get_32(bytes + 12) != length - BROADCAST_HEADER_BYTES || get_hops(bytes) == 0)
        return false;
    uint32_t id = get_32(bytes + 4), hops = get_hops(bytes);
    if (!broadcast_see(&state->first, &shared->pages, id)) {
        peer_broadcast_duplicate(peer, id);
        return true;
    }
    peer_broadcast_received(peer, id, hops, 0);
    if (hops >= parameters->ttl)
        return true;
    memcpy(shared->message, bytes, length);
    put_hops(shared->message, hops + 1);
    send_on(peer, from, shared->message, length);
    return true;
}

static size_t broadcast_state_bytes(const void *parameters)
{
    (void) parameters;
    return sizeof(struct broadcast_state);
}

static void *broadcast_open(const void *parameters, uint32_t peer_count)
{
    (void) parameters;
    struct broadcast_shared *shared = malloc(sizeof *shared);
    /* Reserved, not used: what all peers may hold, as far as the slab can address. */
    uint64_t pages = (uint64_t) peer_count * BROADCAST_PAGES_MAX + 1;
    if (shared == NULL ||
        base_slab_init(&shared->pages, sizeof(struct broadcast_page), pages > 1u << 28 ? 1u << 28 : (uint32_t) pages) < 0) {
        free(shared);
        return NULL;
    }
    return shared;
}

static void broadcast_close(void *opened)
{
    struct broadcast_shared *shared = opened;
    base_slab_done(&shared->pages);
    free(shared);
}

static const char *broadcast_check(struct peer *peer)
{
    const struct broadcast_shared *shared = peer_shared(peer);
    return broadcast_seen_check(&((const struct broadcast_state *) peer_state(peer))->first, &shared->pages);
}

static const struct overlay_ops ops = {
    .abi = OVERLAY_ABI,
    .struct_bytes = sizeof(struct overlay_ops),
    .message_kinds = message_names,
    .message_kind_count = MESSAGES,
    .neighbour_tables = table_names,
    .neighbour_table_count = 1,
    .closeness = OVERLAY_NO_KEYS,
    .needs_graph = true,
    .state_bytes = broadcast_state_bytes,
    .open = broadcast_open,
    .close = broadcast_close,
    .join = broadcast_join,
    .release = broadcast_release,
    .message = broadcast_message,
    .publish = broadcast_publish,
    .kind_of = broadcast_kind_of,
    .check = broadcast_check, /* timer: none is armed */
};

static const struct topology_parameter parameters[] = {
    {.key = "ttl", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct broadcast_parameters, ttl),
     .default_text = "65535", .minimum = "1", .maximum = "65535",
     .about = "How many hops a copy travels at most; who gets it at the last one does not forward it."},
};

const struct topology_kind broadcast_kind = {
    .name = "broadcast",
    .summary = "flooding on the initial graph with duplicate suppression, the plain baseline",
    .source = "Segall, IEEE Transactions on Information Theory 29, 1983; Gnutella Protocol 0.4",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct broadcast_parameters),
    .ops = &ops,
};
