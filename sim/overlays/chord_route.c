/* Which entry comes next on the way to a key.
 *
 * A node whose successor list reaches the key knows its owner: the first successor at or behind the key; and if that is
 * gone, the next. Otherwise, or if all of these are gone, the way goes to the entry, finger or successor, that precedes
 * the key most closely; if it is gone, to the next closest. That is the paper's closest_preceding_node with the
 * successor list counted in (section IV-E.3), and what gives its figures: with r = 20 at N = 1000 a lookup is two hops
 * shorter than with r = 1. */
#include "sim/overlays/chord.h"

/* --- up to 32 bits: the first try, which nearly always is the last --- */

static const struct chord_narrow_entry *narrow_entries(const uint8_t *node)
{
    return (const struct chord_narrow_entry *) (const void *) node;
}

/* The greatest finger whose start precedes a key at this distance, which is 2 or more of the ids' units. */
static uint32_t narrow_finger(const struct chord_shared *shared, uint32_t distance)
{
    uint32_t finger = 31 - (uint32_t) __builtin_clz((distance - 1) | 1), unit = 32 - shared->bits;
    return finger > unit ? finger - unit : 0;
}

/* Finger i lies at or behind 2^i, so the first one that precedes the key, from the greatest whose start does, is at
 * least nearly the closest; in tables without stale fingers it is. */
static bool narrow_route(const struct chord *c, uint32_t key, struct chord_cursor *cursor, struct chord_entry *next)
{
    const struct chord_narrow_entry *entries = narrow_entries(c->node);
    uint32_t self = entries[CHORD_SELF].id, distance = key - self, count = chord_state(c)->successor_count;
    const struct chord_narrow_entry *successors = entries + CHORD_FIRST_SUCCESSOR, *found = NULL;
    uint32_t reach = successors[count - 1].id - self; /* 0: alone, which reaches all */
    if (distance - 1 <= reach - 1) {
        while (successors->id - self - 1 < distance - 1)
            successors++;
        found = successors;
        cursor->phase = CHORD_OWNERS;
    } else {
        const struct chord_narrow_entry *fingers = entries + c->shared->first_finger;
        uint32_t best = reach;
        found = &successors[count - 1];
        for (uint32_t i = narrow_finger(c->shared, distance) + 1; i-- > 0;) {
            uint32_t at = fingers[i].id - self;
            if (fingers[i].address == PEER_ADDRESS_NONE || at >= distance)
                continue;
            if (at > best)
                found = &fingers[i];
            break;
        }
        cursor->phase = CHORD_PRECEDING;
    }
    *next = (struct chord_entry){.id = chord_narrow_id(found->id), .address = found->address};
    cursor->bound = next->id;
    return true;
}

/* --- any width, any try --- */

static bool reaches(const struct chord *c, const struct chord_id *key)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    struct chord_id last = chord_id_at(c, CHORD_FIRST_SUCCESSOR + chord_state(c)->successor_count - 1u);
    return chord_in_half_open(&self, key, &last);
}

/* The first successor at or behind the key and behind bound (first: at or behind it). */
static bool next_owner(const struct chord *c, const struct chord_id *key, const struct chord_id *but,
                       struct chord_cursor *cursor, bool first, struct chord_entry *next)
{
    for (uint32_t i = 0; i < chord_state(c)->successor_count; i++) {
        *next = chord_entry_at(c, CHORD_FIRST_SUCCESSOR + i);
        struct chord_id at = chord_distance(key, &next->id), bound = chord_distance(key, &cursor->bound);
        struct chord_id self = chord_id_at(c, CHORD_SELF);
        if (!chord_in_half_open(&self, key, &next->id) || (but != NULL && chord_id_equal(but, &next->id)))
            continue;
        if (!first && !chord_id_less(&bound, &at))
            continue;
        cursor->bound = next->id;
        return true;
    }
    return false;
}

/* The entry that precedes bound most closely. */
static bool next_preceding(const struct chord *c, const struct chord_id *key, struct chord_cursor *cursor,
                           struct chord_entry *next)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF), best = {0};
    struct chord_id limit = chord_distance(&self, &cursor->bound), to_key = chord_distance(&self, key);
    if (chord_id_less(&to_key, &limit) && !chord_id_is_zero(&to_key))
        limit = to_key; /* a bound from the wire */
    for (uint32_t place = CHORD_FIRST_SUCCESSOR; place < c->shared->first_finger + c->shared->bits; place++) {
        struct chord_entry entry = chord_entry_at(c, place);
        struct chord_id at = chord_distance(&self, &entry.id);
        if (entry.address == PEER_ADDRESS_NONE || !chord_id_less(&best, &at) || !chord_id_less(&at, &limit))
            continue;
        best = at;
        *next = entry;
    }
    cursor->bound = next->id;
    return !chord_id_is_zero(&best);
}

bool chord_route(const struct chord *c, const struct chord_id *key, const struct chord_id *but,
                 struct chord_cursor *cursor, struct chord_entry *next)
{
    if (chord_state(c)->successor_count == 0)
        return false;
    bool first = cursor->phase == CHORD_ANY;
    if (first && c->shared->narrow && but == NULL)
        return narrow_route(c, (uint32_t) (key->high >> 32), cursor, next);
    if (first)
        *cursor = (struct chord_cursor){.phase = reaches(c, key) ? CHORD_OWNERS : CHORD_PRECEDING, .bound = *key};
    if (cursor->phase == CHORD_OWNERS) {
        if (next_owner(c, key, but, cursor, first, next))
            return true;
        *cursor = (struct chord_cursor){.phase = CHORD_PRECEDING, .bound = *key};
    }
    *next = (struct chord_entry){0};
    return next_preceding(c, key, cursor, next);
}

/* For a lookup, the line of the finger that it will take: the peer's first line is in the cache by now, or on its way,
 * since the engine asks for it earlier. */
void chord_prefetch(const void *state, const void *context, uint8_t kind, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = context;
    const uint32_t key_at = 14; /* LOOKUP's, see chord_wire.c */
    if (kind != CHORD_LOOKUP || !shared->narrow || shared->nodes > 1 || length < key_at + shared->octets)
        return;
    uint32_t key = 0;
    for (uint32_t i = 0; i < shared->octets; i++)
        key |= (uint32_t) bytes[key_at + i] << (24 - 8 * i);
    const struct chord_narrow_entry *entries = narrow_entries((const uint8_t *) state + sizeof(struct chord_peer));
    uint32_t distance = key - entries[CHORD_SELF].id;
    __builtin_prefetch(&entries[shared->first_finger + narrow_finger(shared, distance)]);
}
