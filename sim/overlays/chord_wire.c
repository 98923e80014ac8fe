/* Chord's messages. w is (bits + 7) / 8, the octets of an id; numbers are big-endian; an address is 6 octets as
 * peer_address_encode writes them; an entry is an id and an address.
 *
 * Octet 0 is 0xcb: no protocol that captures are searched for begins like this. What follows is called the body; its
 * octet 0 is kind << 3 | p << 1 | f, with p in 0 .. 3 and f in 0 .. 1:
 *
 *     kind           p                f                  what follows
 *      0 LOOKUP      purpose          you are the owner  hops 1, number 4, origin's address 6, key w; where
 *                                                        acknowledged: skipped << 7 | time-outs 1, serial 4
 *      1 ANSWER      purpose          good               hops 1, time-outs 1, number 4, owner's id w
 *      2 ACK         0                0                  serial 4
 *      3 FIND        phase            you are the owner  serial 4, skipped << 7 | purpose 1, key w, bound w
 *      4 NEXT        finding          0                  serial 4, sender's id w, count 1 (at most 4), entries
 *      5 GONE        0                0                  target w, sender w, the id that is gone w
 *      6 STABILISE   0                fingers, please    target w, sender w
 *      7 NEIGHBOURS  0                has predecessor    target w, sender w, successors 1, fingers 1, [predecessor's
 *                                                        entry], entries
 *      8 NOTIFY      0                0                  target w, sender w
 *      9 CHECK       0                0                  target w, sender w
 *     10 ALIVE       0                0                  target w, sender w
 *     11 LEAVE       0                has predecessor    as NEIGHBOURS
 *     12 SYNC        0                last replica       target w, sender w, after w, count 4, sum 8
 *     13 STORE       0                0                  target w, sender w, keys: w each
 *     14 STORED      0                0                  as STORE
 *
 * A message is exactly as long as that; where bits is no multiple of 8 the low bits of an id's last octet are zero. All
 * else is malformed. The paper leaves the encoding open. An id says nothing of its neighbours in a list: whoever uses a
 * list looks at the order. */
#include "sim/overlays/chord.h"

#include "reactor/base/assert.h"

#define NUMBER_OCTETS 4
#define MESSAGE_OCTETS_MAX 6144 /* the longest: NEIGHBOURS with 225 entries of 26 octets */
_Static_assert(3 + 2 * CHORD_ID_OCTETS + (1 + CHORD_SUCCESSORS_MAX + CHORD_FINGERS_MAX) *
                   (CHORD_ID_OCTETS + PEER_ADDRESS_OCTETS) <= MESSAGE_OCTETS_MAX, "room for the longest message");

static uint8_t tag_of(enum chord_message_kind kind, unsigned small, bool flag)
{
    return (uint8_t) ((unsigned) kind << 3 | small << 1 | flag);
}

uint8_t chord_kind_of(const uint8_t *body, size_t length)
{
    if (length == 0 || body[0] >> 3 >= CHORD_MESSAGES)
        return CHORD_MESSAGES;
    return body[0] >> 3;
}

uint8_t chord_datagram_kind(const uint8_t *bytes, size_t length)
{
    return length == 0 || bytes[0] != CHORD_FIRST_OCTET ? CHORD_MESSAGES : chord_kind_of(bytes + 1, length - 1);
}

/* A datagram from its first octet, which this writes, to end. */
static void send(struct peer *peer, peer_address to, uint8_t kind, uint8_t *bytes, const uint8_t *end)
{
    bytes[0] = CHORD_FIRST_OCTET;
    peer_send(peer, to, kind, bytes, (size_t) (end - bytes));
}

static uint8_t *put_number(uint8_t *at, uint32_t number)
{
    number = htobe32(number);
    memcpy(at, &number, NUMBER_OCTETS);
    return at + NUMBER_OCTETS;
}

static uint32_t get_number(const uint8_t *at)
{
    uint32_t number;
    memcpy(&number, at, NUMBER_OCTETS);
    return be32toh(number);
}

static uint8_t *put_id(const struct chord_shared *shared, uint8_t *at, const struct chord_id *id)
{
    if (shared->narrow) {
        uint32_t value = htobe32((uint32_t) (id->high >> 32));
        memcpy(at, &value, sizeof value); /* all four: what follows is written later, and each buffer has room for more */
        return at + shared->octets;
    }
    uint8_t octets[CHORD_ID_OCTETS];
    chord_id_store(id, octets);
    memcpy(at, octets, shared->octets);
    return at + shared->octets;
}

/* False: the unused bits are not zero. */
static bool get_id(const struct chord_shared *shared, const uint8_t *at, struct chord_id *id)
{
    if (shared->narrow) {
        *id = chord_narrow_id(chord_narrow_load(at, shared->octets));
    } else {
        *id = chord_id_load(at, shared->octets);
    }
    return shared->bits % 8 == 0 || (at[shared->octets - 1] & (0xff >> shared->bits % 8)) == 0;
}

static uint8_t *put_entry(const struct chord *c, uint8_t *at, const struct chord_entry *entry)
{
    at = put_id(c->shared, at, &entry->id);
    peer_address_encode(c->peer, entry->address, at);
    return at + PEER_ADDRESS_OCTETS;
}

static bool get_entry(struct peer *peer, const struct chord_shared *shared, const uint8_t *at, struct chord_entry *entry)
{
    if (!get_id(shared, at, &entry->id))
        return false;
    entry->address = peer_address_decode(peer, at + shared->octets);
    return entry->address != PEER_ADDRESS_NONE;
}

static size_t entry_octets(const struct chord_shared *shared)
{
    return shared->octets + PEER_ADDRESS_OCTETS;
}

/* --- recursive lookups --- */

#define LOOKUP_OCTETS (2 + NUMBER_OCTETS + PEER_ADDRESS_OCTETS)
_Static_assert(1 + LOOKUP_OCTETS == CHORD_LOOKUP_KEY && LOOKUP_OCTETS - PEER_ADDRESS_OCTETS + 1 == CHORD_LOOKUP_ORIGIN,
               "a datagram begins one octet before its body");

void chord_send_query(const struct chord *c, peer_address to, const struct chord_query *query)
{
    uint8_t bytes[1 + LOOKUP_OCTETS + CHORD_ID_OCTETS + 1 + NUMBER_OCTETS], *at = bytes + 1;
    *at++ = tag_of(CHORD_LOOKUP, query->purpose, query->owner);
    *at++ = query->hops;
    at = put_number(at, query->number);
    peer_address_encode(c->peer, query->origin, at);
    at = put_id(c->shared, at + PEER_ADDRESS_OCTETS, &query->key);
    if (c->shared->parameters->acknowledge) {
        *at++ = (uint8_t) (query->timeouts | query->skipped << 7);
        at = put_number(at, query->serial);
    }
    send(c->peer, to, CHORD_LOOKUP, bytes, at);
}

bool chord_decode_query(struct peer *peer, struct chord_query *query, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    const uint8_t *end = bytes + LOOKUP_OCTETS + shared->octets;
    bool acknowledged = shared->parameters->acknowledge;
    if (length != LOOKUP_OCTETS + shared->octets + (acknowledged ? 1 + NUMBER_OCTETS : 0))
        return false;
    query->purpose = bytes[0] >> 1 & 3;
    query->owner = bytes[0] & 1;
    query->hops = bytes[1];
    query->timeouts = acknowledged ? *end & 0x7f : 0;
    query->skipped = acknowledged && *end >> 7;
    query->number = get_number(bytes + 2);
    query->origin = peer_address_decode(peer, bytes + 2 + NUMBER_OCTETS);
    query->serial = acknowledged ? get_number(end + 1) : 0;
    return get_id(shared, bytes + LOOKUP_OCTETS, &query->key) && query->origin != PEER_ADDRESS_NONE &&
           query->purpose <= CHORD_FOR_JOIN;
}

#define ANSWER_OCTETS (3 + NUMBER_OCTETS)

void chord_send_answer(const struct chord *c, peer_address to, const struct chord_answer *answer)
{
    uint8_t bytes[1 + ANSWER_OCTETS + CHORD_ID_OCTETS], *at = bytes + 1;
    *at++ = tag_of(CHORD_ANSWER, answer->purpose, answer->good);
    *at++ = answer->hops;
    *at++ = answer->timeouts;
    at = put_id(c->shared, put_number(at, answer->number), &answer->owner);
    send(c->peer, to, CHORD_ANSWER, bytes, at);
}

bool chord_decode_answer(struct peer *peer, struct chord_answer *answer, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    if (length != ANSWER_OCTETS + shared->octets)
        return false;
    *answer = (struct chord_answer){.purpose = bytes[0] >> 1 & 3, .good = bytes[0] & 1, .hops = bytes[1],
                                    .timeouts = bytes[2], .number = get_number(bytes + 3)};
    return get_id(shared, bytes + ANSWER_OCTETS, &answer->owner) && answer->purpose <= CHORD_FOR_JOIN;
}

void chord_send_ack(struct peer *peer, peer_address to, uint32_t serial)
{
    uint8_t bytes[2 + NUMBER_OCTETS] = {[1] = tag_of(CHORD_ACK, 0, false)};
    send(peer, to, CHORD_ACK, bytes, put_number(bytes + 2, serial));
}

bool chord_decode_ack(uint32_t *serial, const uint8_t *bytes, size_t length)
{
    if (length != 1 + NUMBER_OCTETS || bytes[0] != tag_of(CHORD_ACK, 0, false))
        return false;
    *serial = get_number(bytes + 1);
    return true;
}

/* --- iterative lookups --- */

#define FIND_OCTETS (1 + NUMBER_OCTETS + 1)

void chord_send_find(const struct chord *c, peer_address to, const struct chord_find *find)
{
    uint8_t bytes[1 + FIND_OCTETS + 2 * CHORD_ID_OCTETS], *at = bytes + 1;
    *at++ = tag_of(CHORD_FIND, find->phase, find->owner);
    at = put_number(at, find->serial);
    *at++ = (uint8_t) (find->purpose | find->skipped << 7);
    at = put_id(c->shared, at, &find->key);
    at = put_id(c->shared, at, &find->bound);
    send(c->peer, to, CHORD_FIND, bytes, at);
}

bool chord_decode_find(struct peer *peer, struct chord_find *find, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    if (length != FIND_OCTETS + 2 * shared->octets)
        return false;
    find->phase = bytes[0] >> 1 & 3;
    find->owner = bytes[0] & 1;
    find->serial = get_number(bytes + 1);
    find->purpose = bytes[1 + NUMBER_OCTETS] & 0x7f;
    find->skipped = bytes[1 + NUMBER_OCTETS] >> 7;
    return get_id(shared, bytes + FIND_OCTETS, &find->key) && find->phase <= CHORD_PRECEDING &&
           get_id(shared, bytes + FIND_OCTETS + shared->octets, &find->bound) && find->purpose <= CHORD_FOR_JOIN;
}

#define NEXT_OCTETS (1 + NUMBER_OCTETS)

void chord_send_next(const struct chord *c, peer_address to, const struct chord_next *next)
{
    uint8_t bytes[1 + 512], *at = bytes + 1; /* at most 130 */
    *at++ = tag_of(CHORD_NEXT, next->finding, false);
    at = put_id(c->shared, put_number(at, next->serial), &next->sender);
    *at++ = (uint8_t) next->count;
    for (uint32_t i = 0; i < next->count; i++)
        at = put_entry(c, at, &next->candidates[i]);
    send(c->peer, to, CHORD_NEXT, bytes, at);
}

bool chord_decode_next(struct peer *peer, struct chord_next *next, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    size_t head = NEXT_OCTETS + shared->octets + 1;
    if (length < head || bytes[0] & 1)
        return false;
    next->finding = bytes[0] >> 1 & 3;
    next->serial = get_number(bytes + 1);
    next->count = bytes[head - 1];
    if (next->count > CHORD_CANDIDATES || length != head + next->count * entry_octets(shared))
        return false;
    for (uint32_t i = 0; i < next->count; i++)
        if (!get_entry(peer, shared, bytes + head + i * entry_octets(shared), &next->candidates[i]))
            return false;
    return get_id(shared, bytes + NEXT_OCTETS, &next->sender);
}

/* --- messages of the ring --- */

size_t chord_ends_octets(const struct chord_shared *shared)
{
    return 1 + 2 * shared->octets;
}

static uint8_t *put_ends(const struct chord *c, uint8_t *at, enum chord_message_kind kind, bool flag,
                         const struct chord_entry *to)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    *at++ = tag_of(kind, 0, flag);
    return put_id(c->shared, put_id(c->shared, at, &to->id), &self);
}

void chord_send_plain(const struct chord *c, enum chord_message_kind kind, const struct chord_entry *to)
{
    uint8_t bytes[2 + 2 * CHORD_ID_OCTETS];
    uint8_t *end = put_ends(c, bytes + 1, kind, false, to);
    send(c->peer, to->address, (uint8_t) kind, bytes, end);
}

bool chord_decode_ends(struct peer *peer, struct chord_ends *ends, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    return length >= chord_ends_octets(shared) && (bytes[0] & 6) == 0 && get_id(shared, bytes + 1, &ends->target) &&
           get_id(shared, bytes + 1 + shared->octets, &ends->sender);
}

void chord_send_stabilise(const struct chord *c, const struct chord_entry *to, bool with_fingers)
{
    uint8_t bytes[2 + 2 * CHORD_ID_OCTETS];
    uint8_t *end = put_ends(c, bytes + 1, CHORD_STABILISE, with_fingers, to);
    send(c->peer, to->address, CHORD_STABILISE, bytes, end);
}

void chord_send_gone(const struct chord *c, const struct chord_entry *to, const struct chord_id *gone)
{
    uint8_t bytes[2 + 3 * CHORD_ID_OCTETS];
    uint8_t *end = put_id(c->shared, put_ends(c, bytes + 1, CHORD_GONE, false, to), gone);
    send(c->peer, to->address, CHORD_GONE, bytes, end);
}

bool chord_decode_gone(struct peer *peer, struct chord_id *gone, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    size_t head = chord_ends_octets(shared);
    return length == head + shared->octets && get_id(shared, bytes + head, gone);
}

/* Each finger once: one stands behind the other. */
static uint8_t *put_fingers(const struct chord *c, uint8_t *at, uint8_t *count)
{
    struct chord_entry before = {0};
    *count = 0;
    for (uint32_t i = 0; i < c->shared->bits; i++) {
        struct chord_entry finger = chord_entry_at(c, c->shared->first_finger + i);
        if (finger.address != PEER_ADDRESS_NONE && !chord_id_equal(&finger.id, &before.id)) {
            at = put_entry(c, at, &finger);
            before = finger;
            ++*count;
        }
    }
    return at;
}

void chord_send_neighbours(const struct chord *c, enum chord_message_kind kind, const struct chord_entry *to,
                           bool with_fingers)
{
    uint8_t bytes[1 + MESSAGE_OCTETS_MAX];
    struct chord_entry predecessor = chord_entry_at(c, CHORD_PREDECESSOR);
    bool has_predecessor = predecessor.address != PEER_ADDRESS_NONE;
    uint32_t count = chord_state(c)->successor_count; /* the asker has room for r, itself the first: one is too many */
    if (kind == CHORD_NEIGHBOURS && count == c->shared->successors)
        count--;
    uint8_t *at = put_ends(c, bytes + 1, kind, has_predecessor, to);
    *at++ = (uint8_t) count;
    uint8_t *finger_count = at++;
    *finger_count = 0;
    if (has_predecessor)
        at = put_entry(c, at, &predecessor);
    for (uint32_t i = 0; i < count; i++) {
        struct chord_entry successor = chord_entry_at(c, CHORD_FIRST_SUCCESSOR + i);
        at = put_entry(c, at, &successor);
    }
    if (with_fingers)
        at = put_fingers(c, at, finger_count);
    send(c->peer, to->address, (uint8_t) kind, bytes, at);
}

static bool get_entries(struct peer *peer, const uint8_t **at, struct chord_entry *entries, uint32_t count)
{
    const struct chord_shared *shared = peer_shared(peer);
    for (uint32_t i = 0; i < count; i++, *at += entry_octets(shared))
        if (!get_entry(peer, shared, *at, &entries[i]))
            return false;
    return true;
}

bool chord_decode_neighbours(struct peer *peer, struct chord_neighbours *neighbours, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    size_t head = chord_ends_octets(shared) + 2;
    if (length < head)
        return false;
    neighbours->has_predecessor = bytes[0] & 1;
    neighbours->count = bytes[head - 2];
    neighbours->finger_count = bytes[head - 1];
    uint32_t entries = neighbours->has_predecessor + neighbours->count + neighbours->finger_count;
    if (neighbours->count > shared->successors || neighbours->finger_count > shared->bits ||
        length != head + entries * entry_octets(shared))
        return false;
    const uint8_t *at = bytes + head;
    return get_entries(peer, &at, &neighbours->predecessor, neighbours->has_predecessor) &&
           get_entries(peer, &at, neighbours->successors, neighbours->count) &&
           get_entries(peer, &at, neighbours->fingers, neighbours->finger_count);
}

/* --- stored keys --- */

void chord_send_range(const struct chord *c, const struct chord_entry *to, const struct chord_range *range)
{
    uint8_t bytes[2 + 3 * CHORD_ID_OCTETS + 3 * NUMBER_OCTETS];
    uint8_t *at = put_id(c->shared, put_ends(c, bytes + 1, CHORD_SYNC, range->last, to), &range->after);
    at = put_number(at, range->count);
    at = put_number(put_number(at, (uint32_t) (range->sum >> 32)), (uint32_t) range->sum);
    send(c->peer, to->address, CHORD_SYNC, bytes, at);
}

bool chord_decode_range(struct peer *peer, struct chord_range *range, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    size_t head = chord_ends_octets(shared), at = head + shared->octets;
    if (length != at + 3 * NUMBER_OCTETS)
        return false;
    range->last = bytes[0] & 1;
    range->count = get_number(bytes + at);
    range->sum = (uint64_t) get_number(bytes + at + NUMBER_OCTETS) << 32 | get_number(bytes + at + 2 * NUMBER_OCTETS);
    return get_id(shared, bytes + head, &range->after);
}

void chord_send_keys(const struct chord *c, enum chord_message_kind kind, const struct chord_entry *to,
                     const uint8_t *keys, uint32_t count)
{
    uint8_t bytes[2 + 2 * CHORD_ID_OCTETS + CHORD_STORE_OCTETS];
    uint8_t *at = put_ends(c, bytes + 1, kind, false, to);
    if (count > 0)
        memcpy(at, keys, (size_t) count * c->shared->octets);
    send(c->peer, to->address, (uint8_t) kind, bytes, at + (size_t) count * c->shared->octets);
}

bool chord_decode_keys(const struct chord_shared *shared, uint32_t *count, const uint8_t *bytes, size_t length)
{
    size_t head = chord_ends_octets(shared), octets = length - head;
    if (length < head || octets % shared->octets != 0 || octets > CHORD_STORE_OCTETS)
        return false;
    *count = (uint32_t) (octets / shared->octets);
    struct chord_id id;
    for (uint32_t i = 0; i < *count; i++)
        if (!get_id(shared, bytes + head + i * shared->octets, &id))
            return false;
    return true;
}
