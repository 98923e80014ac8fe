/* Which entry comes next on the way to a key.
 *
 * A node whose successor list reaches the key knows its owner: the first successor at or behind the key; and if that is
 * gone, the next. Otherwise, or if all of these are gone, the way goes to the entry, finger or successor, that precedes
 * the key most closely; if it is gone, to the next closest. That is the paper's closest_preceding_node with the
 * successor list counted in (section IV-E.3), and what gives its figures: with r = 20 at N = 1000 a lookup is two hops
 * shorter than with r = 1. Of ids of up to 32 bits the first try, which nearly always is the last, is chord_narrow.c's. */
#include "sim/overlays/chord.h"

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
        return chord_narrow_route(c, (uint32_t) (key->high >> 32), cursor, next);
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
