/* Ids of up to 32 bits: the first try of a lookup's next hop, and the way that nearly all messages of a large ring take.
 *
 * chord_narrow_lookup does what chord_lookup_message does with a query of a ring where nobody acknowledges lookups and no
 * keys are stored, from octets to octets: only the hop count and the owner's flag change from hop to hop. What is rare
 * (somebody came in between, a node without a predecessor, one's own answer) it leaves to chord_lookup.c. */
#include "sim/overlays/chord.h"

static const struct chord_narrow_entry *narrow_entries(const uint8_t *node)
{
    return (const struct chord_narrow_entry *) (const void *) node;
}

/* The greatest finger whose start precedes a key at this distance, which is 2 or more of the ids' units. */
static inline uint32_t narrow_finger(const struct chord_shared *shared, uint32_t distance)
{
    uint32_t finger = 31 - (uint32_t) __builtin_clz((distance - 1) | 1), unit = 32 - shared->bits;
    return finger > unit ? finger - unit : 0;
}

/* Finger i lies at or behind 2^i, so the first one that precedes the key, from the greatest whose start does, is at
 * least nearly the closest; in tables without stale fingers it is. successor_count > 0. */
static inline const struct chord_narrow_entry *narrow_next(const struct chord_shared *shared, const uint8_t *node,
                                                           uint32_t successor_count, uint32_t key, bool *owner)
{
    const struct chord_narrow_entry *entries = narrow_entries(node), *successors = entries + CHORD_FIRST_SUCCESSOR;
    uint32_t self = entries[CHORD_SELF].id, distance = key - self;
    uint32_t reach = successors[successor_count - 1].id - self; /* 0: alone, which reaches all */
    *owner = distance - 1 <= reach - 1;
    if (*owner) {
        while (successors->id - self - 1 < distance - 1)
            successors++;
        return successors;
    }
    const struct chord_narrow_entry *fingers = entries + shared->first_finger;
    for (uint32_t i = narrow_finger(shared, distance) + 1; i-- > 0;) {
        uint32_t at = fingers[i].id - self;
        if (fingers[i].address == PEER_ADDRESS_NONE || at >= distance)
            continue;
        return at > reach ? &fingers[i] : &successors[successor_count - 1];
    }
    return &successors[successor_count - 1];
}

const struct chord_narrow_entry *chord_narrow_next(const struct chord_shared *shared, const uint8_t *node,
                                                   uint32_t successor_count, uint32_t key, bool *owner)
{
    return narrow_next(shared, node, successor_count, key, owner);
}

bool chord_narrow_route(const struct chord *c, uint32_t key, struct chord_cursor *cursor, struct chord_entry *next)
{
    bool owner;
    const struct chord_narrow_entry *found = narrow_next(c->shared, c->node, chord_state(c)->successor_count, key, &owner);
    *next = (struct chord_entry){.id = chord_narrow_id(found->id), .address = found->address};
    *cursor = (struct chord_cursor){.bound = next->id, .phase = owner ? CHORD_OWNERS : CHORD_PRECEDING};
    return true;
}

/* In memory's order octet 1 is a datagram's tag, octet 2 a lookup's hops. */
static inline uint64_t word_at(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return le64toh(word);
}

static void pass_on(struct peer *peer, const struct chord_narrow_entry *next, bool owner, const uint8_t *bytes,
                    size_t length)
{
    const uint64_t owner_bit = UINT64_C(1) << 8, a_hop = UINT64_C(1) << 16;
    uint64_t first = (word_at(bytes) & ~owner_bit) + (owner ? owner_bit : 0) + a_hop;
    struct peer_short query = {.words = {htole64(first), htole64(word_at(bytes + 8))}};
    if (length > 16)
        query.octets[16] = bytes[16];
    peer_send_short(peer, next->address, CHORD_LOOKUP, &query, length);
}

/* Octets 0 to 3: first, tag, hops, no time-outs; then the number, then the id, both the most significant octet first. */
static void answer(struct peer *peer, peer_address origin, uint32_t self, const uint8_t *bytes)
{
    const struct chord_shared *shared = peer_shared(peer);
    uint64_t query = word_at(bytes), number = query >> 24 & 0xffffffff, tag = CHORD_ANSWER << 3 | (bytes[1] & 6) | 1;
    struct peer_short said = {
        .words = {htole64((query & 0xff00ff) | tag << 8 | number << 32), htole64(__builtin_bswap32(self))}};
    peer_send_short(peer, origin, CHORD_ANSWER, &said, 8 + shared->octets);
}

bool chord_narrow_lookup(struct peer *peer, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    const uint8_t *node = (const uint8_t *) peer_state(peer) + sizeof(struct chord_peer);
    const struct chord_narrow_entry *entries = narrow_entries(node);
    const struct chord_node_state *state = (const struct chord_node_state *) (const void *) &entries[CHORD_SELF].address;
    uint32_t key = chord_narrow_load(bytes + CHORD_LOOKUP_KEY, shared->octets), unused = (uint32_t) ((UINT64_C(1) << (32 - shared->bits)) - 1);
    peer_address origin = peer_address_decode(peer, bytes + CHORD_LOOKUP_ORIGIN);
    if (bytes[1] >> 1 > CHORD_FOR_FINGER || key & unused || origin == PEER_ADDRESS_NONE || state->successor_count == 0 ||
        entries[CHORD_PREDECESSOR].address == PEER_ADDRESS_NONE)
        return false;
    uint32_t self = entries[CHORD_SELF].id, predecessor = entries[CHORD_PREDECESSOR].id;
    if (key - predecessor - 1 <= self - predecessor - 1) {
        if (origin == peer_self(peer))
            return false;
        answer(peer, origin, self, bytes);
        return true;
    }
    if (bytes[1] & 1 || bytes[2] >= CHORD_HOPS_MAX)
        return false;
    bool owner;
    const struct chord_narrow_entry *next = narrow_next(shared, node, state->successor_count, key, &owner);
    pass_on(peer, next, owner, bytes, length);
    return true;
}

/* Always inlined: to the compiler a function that only prefetches has no effect, and a call of it may go. */
static inline __attribute__((always_inline)) void prefetch_finger(const struct chord_shared *shared, const void *state, uint32_t key)
{
    const struct chord_narrow_entry *entries = narrow_entries((const uint8_t *) state + sizeof(struct chord_peer));
    uint32_t distance = key - entries[CHORD_SELF].id;
    __builtin_prefetch(&entries[shared->first_finger + narrow_finger(shared, distance)]);
}

/* For a lookup, the line of the finger that it will take: the peer's first line is in the cache by now, or on its way,
 * since the engine asks for it earlier. */
void chord_prefetch(const void *state, const void *context, uint8_t kind, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = context;
    if (kind == CHORD_LOOKUP && shared->narrow && shared->nodes == 1 && length >= CHORD_LOOKUP_KEY + shared->octets)
        prefetch_finger(shared, state, chord_narrow_load(bytes + CHORD_LOOKUP_KEY, shared->octets));
}

void chord_prefetch_lookup(const void *state, const void *context, const struct overlay_id *key)
{
    const struct chord_shared *shared = context;
    struct chord_id id = chord_id_load(key->octets, CHORD_ID_OCTETS);
    if (shared->narrow && shared->nodes == 1)
        prefetch_finger(shared, state, (uint32_t) (id.high >> 32));
}
