/* What the peers of a ring at rest say to each other, the short way: narrow ids, one successor, lookups that nobody
 * acknowledges, no stored keys (shared->steady).
 *
 * A stabilise round in which nothing has changed, a check of the predecessor, the answer to a lookup and the start of one
 * are most of what is left when chord_narrow.c has taken the lookups' hops. Each function does what chord_upkeep.c and
 * chord_lookup.c do in that case, from octets to octets, and leaves everything else to them, untouched. */
#include "sim/overlays/chord.h"

#define W (shared->octets)

struct steady {
    struct peer *peer;
    const struct chord_shared *shared;
    struct chord_narrow_entry *entries;
    struct chord_node_state *state;
};

static inline struct steady steady_of(struct peer *peer)
{
    struct chord_narrow_entry *entries =
        (struct chord_narrow_entry *) (void *) ((uint8_t *) peer_state(peer) + sizeof(struct chord_peer));
    return (struct steady){.peer = peer, .shared = peer_shared(peer), .entries = entries,
                           .state = (struct chord_node_state *) (void *) &entries[CHORD_SELF].address};
}

static inline uint8_t *put_id(uint8_t *at, uint32_t id, uint32_t octets)
{
    id = htobe32(id);
    memcpy(at, &id, sizeof id); /* all four: what follows is written later */
    return at + octets;
}

static inline uint8_t *put_ends(struct peer_short *said, uint8_t tag, uint32_t target, uint32_t sender, uint32_t octets)
{
    said->octets[0] = CHORD_FIRST_OCTET;
    said->octets[1] = tag;
    return put_id(put_id(said->octets + 2, target, octets), sender, octets);
}

static inline void say(const struct steady *s, peer_address to, const struct peer_short *said, const uint8_t *end)
{
    peer_send_short(s->peer, to, said->octets[1] >> 3, said, (size_t) (end - said->octets));
}

static bool asked_for_neighbours(const struct steady *s, peer_address from, uint32_t sender)
{
    const struct chord_shared *shared = s->shared;
    const struct chord_narrow_entry *predecessor = &s->entries[CHORD_PREDECESSOR];
    struct peer_short said = {{{0}}};
    if (s->state->successor_count == 0 || predecessor->address == PEER_ADDRESS_NONE)
        return false;
    uint8_t *at = put_ends(&said, CHORD_NEIGHBOURS << 3 | 1, sender, s->entries[CHORD_SELF].id, W);
    *at++ = 0; /* successors: the asker has room for one, which is this node */
    *at++ = 0; /* fingers */
    at = put_id(at, predecessor->id, W);
    peer_address_encode(s->peer, predecessor->address, at);
    say(s, from, &said, at + PEER_ADDRESS_OCTETS);
    return true;
}

/* The successor says that this node precedes it. */
static bool told_of_oneself(const struct steady *s, peer_address from, uint32_t sender, const uint8_t *bytes)
{
    const struct chord_shared *shared = s->shared;
    const struct chord_narrow_entry *successor = &s->entries[CHORD_FIRST_SUCCESSOR];
    const uint8_t *predecessor = bytes + 4 + 2 * W;
    uint32_t self = s->entries[CHORD_SELF].id;
    struct peer_short said = {{{0}}};
    if (bytes[2 + 2 * W] | bytes[3 + 2 * W] || successor->address != from || successor->id != sender ||
        chord_narrow_before(predecessor + W, shared->narrow_shift) != self || s->state->successor_count != 1 ||
        s->state->wants_fingers || sender == self || peer_address_decode(s->peer, predecessor + W) == PEER_ADDRESS_NONE)
        return false;
    s->state->successor_asked = false;
    say(s, from, &said, put_ends(&said, CHORD_NOTIFY << 3, sender, self, W));
    return true;
}

static bool checked(const struct steady *s, peer_address from, uint32_t sender)
{
    struct peer_short said = {{{0}}};
    if (s->state->successor_count == 0)
        return false;
    say(s, from, &said, put_ends(&said, CHORD_ALIVE << 3, sender, s->entries[CHORD_SELF].id, s->shared->octets));
    return true;
}

static bool answered(const struct steady *s, peer_address from, const uint8_t *bytes)
{
    uint32_t number;
    memcpy(&number, bytes + 4, sizeof number);
    peer_metric(s->peer, CHORD_METRIC_HOPS, bytes[2] > 0 ? bytes[2] - 1u : 0);
    peer_lookup_done(s->peer, be32toh(number), &(struct peer_lookup_result){
        .succeeded = true, .owner = from, .hops = bytes[2], .messages = (uint32_t) bytes[2] + bytes[3],
        .timeouts = bytes[3]});
    return true;
}

static bool spoken_to(const struct steady *s, peer_address from, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = s->shared;
    size_t plain = 2 + 2 * W;
    if (length < plain || bytes[0] != CHORD_FIRST_OCTET)
        return false;
    if (bytes[1] == (CHORD_ANSWER << 3 | CHORD_FOR_WORKLOAD << 1 | 1))
        return length == 8 + W && answered(s, from, bytes);
    uint32_t target = chord_narrow_before(bytes + 2 + W, shared->narrow_shift);
    uint32_t sender = chord_narrow_before(bytes + 2 + 2 * W, shared->narrow_shift);
    if (target != s->entries[CHORD_SELF].id)
        return false;
    switch (bytes[1]) {
    case CHORD_STABILISE << 3: return length == plain && asked_for_neighbours(s, from, sender);
    case CHORD_NEIGHBOURS << 3 | 1:
        return length == plain + 2 + W + PEER_ADDRESS_OCTETS && told_of_oneself(s, from, sender, bytes);
    case CHORD_NOTIFY << 3:
        return length == plain && s->state->successor_count > 0 && sender == s->entries[CHORD_PREDECESSOR].id &&
               s->entries[CHORD_PREDECESSOR].address != PEER_ADDRESS_NONE;
    case CHORD_CHECK << 3: return length == plain && checked(s, from, sender);
    default: return false;
    }
}

/* Not inlined into what tells it from a lookup, which needs fewer registers saved. */
__attribute__((noinline)) bool chord_steady_message(struct peer *peer, peer_address from, const uint8_t *bytes,
                                                    size_t length)
{
    struct steady s = steady_of(peer);
    return spoken_to(&s, from, bytes, length) || chord_any_message(peer, from, bytes, length);
}

void chord_steady_send(struct peer *peer, enum chord_message_kind kind, uint32_t place)
{
    struct steady s = steady_of(peer);
    const struct chord_narrow_entry *target = &s.entries[place];
    struct peer_short said = {{{0}}};
    say(&s, target->address, &said,
        put_ends(&said, (uint8_t) (kind << 3), target->id, s.entries[CHORD_SELF].id, s.shared->octets));
}

bool chord_steady_lookup(struct peer *peer, enum chord_purpose purpose, uint32_t number, uint32_t key)
{
    struct steady s = steady_of(peer);
    const struct chord_shared *shared = s.shared;
    uint32_t self = s.entries[CHORD_SELF].id, predecessor = s.entries[CHORD_PREDECESSOR].id;
    if (s.state->successor_count == 0 || s.entries[CHORD_PREDECESSOR].address == PEER_ADDRESS_NONE ||
        key - predecessor - 1 <= self - predecessor - 1)
        return false;
    bool owner;
    const struct chord_narrow_entry *next =
        chord_narrow_next(shared, s.entries, key, &owner);
    struct peer_short said = {{{0}}};
    said.octets[0] = CHORD_FIRST_OCTET;
    said.octets[1] = (uint8_t) (CHORD_LOOKUP << 3 | purpose << 1 | owner);
    said.octets[2] = 1; /* hop */
    put_id(said.octets + 3, number, sizeof number);
    peer_address_encode(peer, peer_self(peer), said.octets + CHORD_LOOKUP_ORIGIN);
    say(&s, next->address, &said, put_id(said.octets + CHORD_LOOKUP_KEY, key, W));
    return true;
}
