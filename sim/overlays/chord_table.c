/* A node's tables: setting and forgetting entries, and what must always hold of them. */
#include "sim/overlays/chord.h"

static enum chord_neighbour_table table_of(const struct chord *c, uint32_t place)
{
    if (place == CHORD_PREDECESSOR)
        return CHORD_TABLE_PREDECESSOR;
    return place < c->shared->first_finger ? CHORD_TABLE_SUCCESSOR : CHORD_TABLE_FINGER;
}

static bool same_entry(const struct chord_entry *a, const struct chord_entry *b)
{
    return a->address == b->address && chord_id_equal(&a->id, &b->id);
}

/* All are looked at, without a branch each: mostly none is found. */
static bool named(const struct chord *c, uint32_t first, uint32_t end, peer_address address)
{
    bool found = false;
    if (c->shared->narrow)
        for (uint32_t i = first; i < end; i++)
            found |= ((const struct chord_narrow_entry *) (const void *) c->node)[i].address == address;
    else
        for (uint32_t i = first; i < end; i++)
            found |= ((const struct chord_wide_entry *) (const void *) c->node)[i].address == address;
    return found;
}

/* Whether the table that place belongs to names this address at another place too. */
static bool named_elsewhere(const struct chord *c, uint32_t place, peer_address address)
{
    uint32_t first = place, end = place + 1;
    if (place >= c->shared->first_finger) {
        first = c->shared->first_finger;
        end = first + c->shared->bits;
    } else if (place >= CHORD_FIRST_SUCCESSOR) {
        first = CHORD_FIRST_SUCCESSOR;
        end = c->shared->first_finger;
    }
    return named(c, first, place, address) || named(c, place + 1, end, address);
}

/* For the trace: a table of neighbours is a set of peers, while one peer can stand at many places. */
static void tell(const struct chord *c, uint32_t place, peer_address address, bool added)
{
    if (address != PEER_ADDRESS_NONE && peer_neighbours_heeded(c->peer) && address != peer_self(c->peer) &&
        !named_elsewhere(c, place, address))
        peer_neighbour(c->peer, (uint8_t) table_of(c, place), address, added);
}

void chord_set(const struct chord *c, uint32_t place, const struct chord_entry *entry)
{
    static const struct chord_entry nobody;
    struct chord_entry before = chord_entry_at(c, place);
    if (entry == NULL)
        entry = &nobody;
    if (same_entry(&before, entry))
        return;
    if (place == CHORD_PREDECESSOR)
        chord_state(c)->predecessor_asked = false; /* it was another that was asked */
    if (before.address != entry->address)
        tell(c, place, before.address, false);
    if (c->shared->narrow)
        ((struct chord_narrow_entry *) (void *) c->node)[place] =
            (struct chord_narrow_entry){.id = (uint32_t) (entry->id.high >> 32), .address = entry->address};
    else
        ((struct chord_wide_entry *) (void *) c->node)[place] =
            (struct chord_wide_entry){.id = entry->id, .address = entry->address};
    if (before.address != entry->address)
        tell(c, place, entry->address, true);
}

void chord_set_successors(const struct chord *c, const struct chord_entry *entries, uint32_t count)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF), reached = {0};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count && kept < c->shared->successors; i++) {
        struct chord_id at = chord_distance(&self, &entries[i].id);
        if (chord_id_is_zero(&at))
            break; /* oneself: the ring is closed */
        if (!chord_id_less(&reached, &at))
            continue; /* a list that goes back is not to be trusted there */
        chord_set(c, CHORD_FIRST_SUCCESSOR + kept++, &entries[i]);
        reached = at;
    }
    if (kept == 0)
        chord_set(c, CHORD_FIRST_SUCCESSOR + kept++,
                  &(struct chord_entry){.id = self, .address = peer_self(c->peer)});
    for (uint32_t i = kept; i < c->shared->successors; i++)
        chord_set(c, CHORD_FIRST_SUCCESSOR + i, NULL);
    chord_state(c)->successor_count = (uint8_t) kept;
}

/* The nearest entry clockwise that is left when there is no successor any more. */
static bool nearest_left(const struct chord *c, struct chord_entry *nearest)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF), least = {0};
    bool found = false;
    for (uint32_t place = CHORD_PREDECESSOR; place < c->shared->first_finger + c->shared->bits; place++) {
        struct chord_entry entry = chord_entry_at(c, place);
        struct chord_id distance = chord_distance(&self, &entry.id);
        if (entry.address == PEER_ADDRESS_NONE || chord_id_is_zero(&distance) ||
            (found && !chord_id_less(&distance, &least)))
            continue;
        found = true;
        least = distance;
        *nearest = entry;
    }
    return found;
}

static void forget_successor(const struct chord *c, const struct chord_entry *gone)
{
    struct chord_entry left[CHORD_SUCCESSORS_MAX];
    uint32_t count = chord_state(c)->successor_count, kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        left[kept] = chord_entry_at(c, CHORD_FIRST_SUCCESSOR + i);
        kept += !same_entry(&left[kept], gone);
    }
    if (kept == count)
        return;
    if (kept == 0) {
        chord_set(c, CHORD_FIRST_SUCCESSOR, NULL);
        kept = nearest_left(c, &left[0]);
    }
    chord_set_successors(c, left, kept);
}

void chord_forget(const struct chord *c, const struct chord_entry *gone)
{
    if (chord_state(c)->successor_count == 0)
        return;
    for (uint32_t place = CHORD_PREDECESSOR; place < c->shared->first_finger + c->shared->bits; place++) {
        struct chord_entry entry = chord_entry_at(c, place);
        bool successor = place >= CHORD_FIRST_SUCCESSOR && place < c->shared->first_finger;
        if (!successor && same_entry(&entry, gone))
            chord_set(c, place, NULL);
    }
    forget_successor(c, gone);
}

void chord_forget_everywhere(struct peer *peer, const struct chord_entry *gone)
{
    const struct chord_shared *shared = peer_shared(peer);
    for (uint32_t number = 0; number < shared->nodes; number++) {
        struct chord c = chord_of(peer, number);
        chord_forget(&c, gone);
    }
}

void chord_forget_id(const struct chord *c, const struct chord_id *gone)
{
    for (uint32_t place = CHORD_PREDECESSOR; place < c->shared->first_finger + c->shared->bits; place++) {
        struct chord_entry entry = chord_entry_at(c, place);
        if (entry.address != PEER_ADDRESS_NONE && entry.address != peer_self(c->peer) &&
            chord_id_equal(&entry.id, gone))
            chord_forget(c, &entry);
    }
}

struct chord_id chord_finger_start(const struct chord *c, uint32_t finger)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF), power = chord_power(c->shared->bits, finger);
    return chord_sum(&self, &power);
}

static const char *check_successors(const struct chord *c)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF), reached = {0};
    uint32_t count = chord_state(c)->successor_count;
    if (count > c->shared->successors)
        return "more successors than the parameters allow";
    for (uint32_t i = 0; i < c->shared->successors; i++) {
        struct chord_entry entry = chord_entry_at(c, CHORD_FIRST_SUCCESSOR + i);
        if ((entry.address == PEER_ADDRESS_NONE) != (i >= count))
            return "a gap in the successor list";
        if (i >= count || chord_is_alone(c))
            continue;
        struct chord_id at = chord_distance(&self, &entry.id);
        if (!chord_id_less(&reached, &at))
            return "successors out of order";
        reached = at;
    }
    return NULL;
}

static const char *check_fingers(const struct chord *c)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    for (uint32_t i = 0; i < c->shared->bits; i++) {
        struct chord_entry entry = chord_entry_at(c, c->shared->first_finger + i);
        struct chord_id distance = chord_distance(&self, &entry.id), least = chord_power(c->shared->bits, i);
        if (entry.address != PEER_ADDRESS_NONE && chord_id_less(&distance, &least))
            return "a finger before its start";
    }
    return NULL;
}

/* What must hold at any instant, whatever others do. */
const char *chord_check(struct peer *peer)
{
    const struct chord_shared *shared = peer_shared(peer);
    for (uint32_t number = 0; number < shared->nodes; number++) {
        struct chord c = chord_of(peer, number);
        struct chord_entry predecessor = chord_entry_at(&c, CHORD_PREDECESSOR);
        struct chord_id self = chord_id_at(&c, CHORD_SELF);
        if (predecessor.address != PEER_ADDRESS_NONE && chord_id_equal(&predecessor.id, &self))
            return "a node that precedes itself";
        const char *problem = check_successors(&c);
        if (problem == NULL)
            problem = check_fingers(&c);
        if (problem != NULL)
            return problem;
    }
    return NULL;
}
