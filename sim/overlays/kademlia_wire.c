/* Kademlia's messages. n is (bits + 7) / 8, the octets of an id; all numbers are big-endian.
 *
 *     offset   octets  field
 *     0        1       0xcb
 *     1        1       kind: 0 PING, 1 PONG, 2 FIND_NODE, 3 NODES
 *     2        4       transaction: chosen by who asks, returned by who answers
 *     6        n       id of the sender
 *   FIND_NODE goes on:
 *     6 + n    n       id that is looked up
 *   NODES goes on:
 *     6 + n    2       contacts that follow, at most k
 *     8 + n    n + 6   each: id, then IPv4 address and port as peer_address_encode writes them
 *
 * A message is exactly as long as that; where bits is no multiple of 8 the last octet's unused low bits are zero. All
 * else is malformed. The paper's FIND_NODE reply carries (address, port, id) triples; it leaves the encoding open.
 *
 * Tools that guess at captures take this for no other protocol: Thrift's framing begins with four octets below
 * 0x80000000; QUIC's long header has a version in octets 1 to 4, and that of our PINGs, whose transactions have the
 * highest bit set, is none. */
#include "sim/overlays/kademlia_bucket.h"

#define MAGIC 0xcb
#define HEADER_OCTETS 6
#define COUNT_OCTETS 2

static bool id_decode(struct kademlia_words *id, const uint8_t *octets, uint32_t bits)
{
    uint32_t octet_count = (bits + 7) / 8;
    *id = kademlia_words_load(octets, octet_count);
    return bits % 8 == 0 || (octets[octet_count - 1] & (0xff >> bits % 8)) == 0;
}

static bool contacts_decode(struct kademlia_message *message, const uint8_t *bytes, size_t length, uint32_t octets,
                            uint32_t k)
{
    if (length < COUNT_OCTETS)
        return false;
    message->contact_count = (uint32_t) bytes[0] << 8 | bytes[1];
    message->contacts = bytes + COUNT_OCTETS;
    size_t contact_octets = octets + PEER_ADDRESS_OCTETS;
    return message->contact_count <= k && length - COUNT_OCTETS == message->contact_count * contact_octets;
}

bool kademlia_decode(struct kademlia_message *message, const uint8_t *bytes, size_t length, uint32_t bits, uint32_t k)
{
    uint32_t octets = (bits + 7) / 8;
    if (length < HEADER_OCTETS + octets || bytes[0] != MAGIC || bytes[1] >= KADEMLIA_MESSAGES)
        return false;
    message->kind = bytes[1];
    uint32_t transaction;
    memcpy(&transaction, bytes + 2, 4);
    message->transaction = be32toh(transaction);
    message->sender_octets = bytes + HEADER_OCTETS;
    if (!id_decode(&message->sender, message->sender_octets, bits))
        return false;
    const uint8_t *rest = bytes + HEADER_OCTETS + octets;
    size_t rest_length = length - HEADER_OCTETS - octets;
    if (message->kind == KADEMLIA_NODES)
        return contacts_decode(message, rest, rest_length, octets, k);
    if (message->kind == KADEMLIA_FIND_NODE)
        return rest_length == octets && id_decode(&message->target, rest, bits);
    return rest_length == 0;
}

bool kademlia_contact_decode(struct peer *peer, const uint8_t *contact, struct kademlia_words *id,
                             peer_address *address)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    if (!id_decode(id, contact, shared->bits))
        return false;
    *address = peer_address_decode(peer, contact + shared->octets);
    return *address != PEER_ADDRESS_NONE;
}

static size_t header_encode(struct peer *peer, uint8_t *bytes, enum kademlia_message_kind kind, uint32_t transaction)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    bytes[0] = MAGIC;
    bytes[1] = (uint8_t) kind;
    transaction = htobe32(transaction);
    memcpy(bytes + 2, &transaction, 4);
    struct overlay_id id;
    kademlia_words_store(&state->id, &id);
    memcpy(bytes + HEADER_OCTETS, id.octets, shared->octets);
    return HEADER_OCTETS + shared->octets;
}

void kademlia_send_short(struct peer *peer, peer_address to, enum kademlia_message_kind kind, uint32_t transaction)
{
    uint8_t bytes[HEADER_OCTETS + KADEMLIA_ID_OCTETS];
    size_t length = header_encode(peer, bytes, kind, transaction);
    peer_send(peer, to, (uint8_t) kind, bytes, length);
}

void kademlia_send_find_node(struct peer *peer, peer_address to, uint32_t transaction,
                             const struct kademlia_words *target)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    uint8_t bytes[HEADER_OCTETS + 2 * KADEMLIA_ID_OCTETS];
    size_t length = header_encode(peer, bytes, KADEMLIA_FIND_NODE, transaction);
    struct overlay_id id;
    kademlia_words_store(target, &id);
    memcpy(bytes + length, id.octets, shared->octets);
    peer_send(peer, to, KADEMLIA_FIND_NODE, bytes, length + shared->octets);
}

void kademlia_send_nodes(struct peer *peer, peer_address to, uint32_t transaction,
                         const struct kademlia_contact *contacts, uint32_t count)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    uint8_t bytes[HEADER_OCTETS + KADEMLIA_ID_OCTETS + COUNT_OCTETS +
                  KADEMLIA_K_MAX * (KADEMLIA_ID_OCTETS + PEER_ADDRESS_OCTETS)];
    size_t length = header_encode(peer, bytes, KADEMLIA_NODES, transaction);
    bytes[length++] = (uint8_t) (count >> 8);
    bytes[length++] = (uint8_t) count;
    for (uint32_t i = 0; i < count; i++) {
        octets_copy(bytes + length, contacts[i].id, shared->octets);
        length += shared->octets;
        peer_address_encode(peer, contacts[i].address, bytes + length);
        length += PEER_ADDRESS_OCTETS;
    }
    peer_send(peer, to, KADEMLIA_NODES, bytes, length);
}

uint8_t kademlia_kind_of(const uint8_t *bytes, size_t length)
{
    return length >= HEADER_OCTETS && bytes[0] == MAGIC && bytes[1] < KADEMLIA_MESSAGES ? bytes[1] : KADEMLIA_MESSAGES;
}

bool kademlia_glance(const uint8_t *bytes, size_t length, uint32_t octets, struct kademlia_words *sender,
                     struct kademlia_words *target)
{
    if (length < HEADER_OCTETS + 2 * octets)
        return false;
    *sender = kademlia_words_load(bytes + HEADER_OCTETS, octets);
    *target = kademlia_words_load(bytes + HEADER_OCTETS + octets, octets);
    return true;
}
