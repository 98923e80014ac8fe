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

/* Of a peer with one node. */
static inline const struct chord_narrow_entry *entries_of(struct peer *peer)
{
    return narrow_entries((const uint8_t *) peer_state(peer) + sizeof(struct chord_peer));
}

static inline const struct chord_node_state *narrow_state(const struct chord_narrow_entry *entries)
{
    return (const struct chord_node_state *) (const void *) &entries[CHORD_SELF].address;
}

static inline const struct chord_narrow_entry *last_successor(const struct chord_narrow_entry *entries)
{
    return entries + CHORD_PREDECESSOR + narrow_state(entries)->successor_count;
}

/* The place of the greatest finger whose start precedes a key at this distance, which is 2 or more of the ids' units. */
static inline uint32_t narrow_finger(const struct chord_shared *shared, uint32_t distance)
{
    return shared->last_finger - (uint32_t) __builtin_clz(distance - 1);
}

/* The first successor at or behind a key at this distance, which the last of them reaches. */
static inline const struct chord_narrow_entry *owner_of(const struct chord_narrow_entry *entries, uint32_t distance)
{
    const struct chord_narrow_entry *successor = entries + CHORD_FIRST_SUCCESSOR;
    while (successor->id - entries[CHORD_SELF].id - 1 < distance - 1)
        successor++;
    return successor;
}

/* Finger i lies at or behind 2^i, so the first one that precedes the key, from the greatest whose start does, is at least
 * nearly the closest; in tables without stale fingers it is. The last successor precedes the key too: it ends the search. */
static inline const struct chord_narrow_entry *preceding(const struct chord_shared *shared,
                                                         const struct chord_narrow_entry *entries,
                                                         const struct chord_narrow_entry *last, uint32_t distance)
{
    uint32_t self = entries[CHORD_SELF].id;
    const struct chord_narrow_entry *finger = entries + narrow_finger(shared, distance);
    while (finger->id - self >= distance || finger->address == PEER_ADDRESS_NONE)
        finger--;
    return finger->id - self > last->id - self ? finger : last;
}

/* Of successors, of which there is one at least: alone, a node reaches all. */
static inline bool reaches(const struct chord_narrow_entry *entries, const struct chord_narrow_entry *last,
                           uint32_t distance)
{
    return distance - 1 <= last->id - entries[CHORD_SELF].id - 1;
}

const struct chord_narrow_entry *chord_narrow_next(const struct chord_shared *shared,
                                                   const struct chord_narrow_entry *entries, uint32_t key, bool *owner)
{
    const struct chord_narrow_entry *last = last_successor(entries);
    uint32_t distance = key - entries[CHORD_SELF].id;
    *owner = reaches(entries, last, distance);
    return *owner ? owner_of(entries, distance) : preceding(shared, entries, last, distance);
}

bool chord_narrow_route(const struct chord *c, uint32_t key, struct chord_cursor *cursor, struct chord_entry *next)
{
    bool owner;
    const struct chord_narrow_entry *found = chord_narrow_next(c->shared, narrow_entries(c->node), key, &owner);
    *next = (struct chord_entry){.id = chord_narrow_id(found->id), .address = found->address};
    *cursor = (struct chord_cursor){.bound = next->id, .phase = owner ? CHORD_OWNERS : CHORD_PRECEDING};
    return true;
}

/* The first octet is the least significant. */
static inline uint64_t word_at(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return le64toh(word);
}

/* In a LOOKUP's first word: octet 0, tag, hops, number. */
#define OWNER_FLAG (UINT64_C(1) << 8)
#define FOR_FINGER ((uint64_t) CHORD_FOR_FINGER << 9) /* else for the workload */
#define A_HOP (UINT64_C(1) << 16)
_Static_assert(CHORD_LOOKUP == 0 && CHORD_FOR_WORKLOAD == 0 && CHORD_FOR_FINGER == 1, "else the tag is of zeros");

/* A well-formed LOOKUP, and not a join's. Which endpoint the origin is, only who answers has to know. */
static inline bool is_plain(const uint8_t *bytes, uint32_t key, uint32_t unused)
{
    uint32_t host;
    uint16_t port;
    memcpy(&host, bytes + CHORD_LOOKUP_ORIGIN, sizeof host);
    memcpy(&port, bytes + CHORD_LOOKUP_ORIGIN + sizeof host, sizeof port);
    if ((word_at(bytes) & (0xffff & ~(OWNER_FLAG | FOR_FINGER))) != CHORD_FIRST_OCTET || key & unused)
        return false;
    if (__builtin_expect(host == 0, 0))
        return false;
    return __builtin_expect(port != 0, 1);
}

static inline bool send_on(struct peer *peer, peer_address to, const uint8_t *bytes, size_t length, uint64_t change)
{
    struct peer_short query = {.words = {htole64(word_at(bytes) + change), htole64(word_at(bytes + 8))}};
    if (length > 16)
        query.octets[16] = bytes[16];
    peer_send_short(peer, to, CHORD_LOOKUP, &query, length);
    return true;
}

static inline bool pass_on(struct peer *peer, const struct chord_shared *shared, const uint8_t *bytes,
                                              size_t length, uint32_t key)
{
    const struct chord_narrow_entry *entries = entries_of(peer), *last = last_successor(entries);
    uint32_t distance = key - entries[CHORD_SELF].id;
    if (reaches(entries, last, distance))
        return send_on(peer, owner_of(entries, distance)->address, bytes, length, A_HOP + OWNER_FLAG);
    return send_on(peer, preceding(shared, entries, last, distance)->address, bytes, length, A_HOP);
}

/* Octets 0 to 3: first, tag, hops, no time-outs; then the number, then the id, both the most significant octet first. */
static __attribute__((noinline)) bool answer(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    peer_address origin = peer_address_decode(peer, bytes + CHORD_LOOKUP_ORIGIN);
    if (origin == PEER_ADDRESS_NONE || origin == peer_self(peer))
        return chord_any_message(peer, from, bytes, length);
    uint64_t first = word_at(bytes), number = first >> 24 & 0xffffffff, tag = CHORD_ANSWER << 3 | 1;
    uint64_t head = (first & ~OWNER_FLAG & 0xffffff) | tag << 8 | number << 32;
    uint32_t self = entries_of(peer)[CHORD_SELF].id;
    struct peer_short said = {.words = {htole64(head), htole64(__builtin_bswap32(self))}};
    peer_send_short(peer, origin, CHORD_ANSWER, &said, 8 + length - CHORD_LOOKUP_KEY);
    return true;
}

bool chord_narrow_lookup(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    const struct chord_narrow_entry *entries = entries_of(peer);
    uint32_t key = chord_narrow_before(bytes + length, shared->narrow_shift), self = entries[CHORD_SELF].id;
    if (!is_plain(bytes, key, shared->narrow_unused) || narrow_state(entries)->successor_count == 0 ||
        entries[CHORD_PREDECESSOR].address == PEER_ADDRESS_NONE)
        return chord_any_message(peer, from, bytes, length);
    if (self - key <= self - entries[CHORD_PREDECESSOR].id - 1)
        return answer(peer, from, bytes, length);
    if (bytes[1] & 1 || bytes[2] >= CHORD_HOPS_MAX)
        return chord_any_message(peer, from, bytes, length);
    return pass_on(peer, shared, bytes, length, key);
}

/* Always inlined: to the compiler a function that only prefetches has no effect, and a call of it may go. */
static inline __attribute__((always_inline)) void
prefetch_finger(const struct chord_shared *shared, const void *state, uint32_t key)
{
    const struct chord_narrow_entry *entries = narrow_entries((const uint8_t *) state + sizeof(struct chord_peer));
    uint32_t distance = key - entries[CHORD_SELF].id;
    if (distance > shared->narrow_unused + 1)
        __builtin_prefetch(&entries[narrow_finger(shared, distance)]);
}

/* For a lookup, the line of the finger that it will take: the peer's first line is in the cache by now, or on its way,
 * since the engine asks for it earlier. */
bool chord_prefetch(const void *state, const void *context, uint8_t kind, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = context;
    if (kind == CHORD_LOOKUP && length >= shared->prefetch_octets)
        prefetch_finger(shared, state, chord_narrow_before(bytes + shared->prefetch_octets, shared->narrow_shift));
    return kind == CHORD_ANSWER || kind == CHORD_NEXT;
}

void chord_prefetch_lookup(const void *state, const void *context, const struct overlay_id *key)
{
    const struct chord_shared *shared = context;
    struct chord_id id = chord_id_load(key->octets, CHORD_ID_OCTETS);
    if (shared->prefetch_octets != CHORD_NO_LENGTH)
        prefetch_finger(shared, state, (uint32_t) (id.high >> 32));
}
