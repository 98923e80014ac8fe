/* How a node begins: with its final tables, or by a join through a peer that it is told of. */
#include "sim/overlays/chord.h"

/* Of a narrow id only the octets that were just written are read: wider reads would wait for the cache. */
static struct chord_id id_of(const struct chord *c, const struct overlay_id *id)
{
    if (!c->shared->narrow)
        return chord_id_load(id->octets, CHORD_ID_OCTETS);
    uint32_t leading;
    memcpy(&leading, id->octets, sizeof leading);
    return chord_narrow_id(be32toh(leading));
}

static struct chord_entry census_entry(const struct chord *c, uint32_t rank)
{
    struct overlay_id id;
    peer_census_id(c->peer, rank, &id);
    return (struct chord_entry){.id = id_of(c, &id), .address = peer_census_address(c->peer, rank)};
}

static uint32_t rank_at_least(const struct chord *c, const struct chord_id *id)
{
    struct overlay_id octets;
    chord_id_store(id, octets.octets);
    uint32_t rank = peer_census_at_least(c->peer, &octets);
    return rank == peer_census_count(c->peer) ? 0 : rank;
}

static struct chord_entry census_finger(const struct chord *c, uint32_t finger, const struct chord_id *start)
{
    struct overlay_id octets;
    struct peer_census_member follower;
    chord_id_store(start, octets.octets);
    peer_census_follower(c->peer, &octets, c->shared->finger_rank[finger], &follower);
    c->shared->finger_rank[finger] = follower.rank;
    return (struct chord_entry){.id = id_of(c, &follower.id), .address = follower.address};
}

/* From the least finger up: those whose start the same node follows need one search, which begins where that of the
 * node before on the ring ended. */
static void set_fingers(const struct chord *c)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    struct chord_entry finger = chord_entry_at(c, CHORD_FIRST_SUCCESSOR);
    for (uint32_t i = 0; i < c->shared->bits; i++) {
        struct chord_id start = chord_finger_start(c, i);
        if (!chord_in_half_open(&self, &start, &finger.id))
            finger = census_finger(c, i, &start);
        if (chord_id_equal(&finger.id, &self))
            break; /* nobody between here and the whole way round */
        chord_set(c, c->shared->first_finger + i, &finger);
    }
}

static void start_converged(const struct chord *c)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    struct chord_entry list[CHORD_SUCCESSORS_MAX];
    uint32_t count = peer_census_count(c->peer), rank = rank_at_least(c, &self), listed = 0;
    for (; listed < c->shared->successors && listed + 1 < count; listed++)
        list[listed] = census_entry(c, (rank + 1 + listed) % count);
    chord_set_successors(c, list, listed);
    if (count > 1) {
        struct chord_entry predecessor = census_entry(c, (rank + count - 1) % count);
        chord_set(c, CHORD_PREDECESSOR, &predecessor);
        set_fingers(c);
    }
    if (c->shared->parameters->keys > 0)
        chord_store_first(c);
}

/* Asks a peer of the ring who follows; if nothing comes of it, another one. */
void chord_rejoin(const struct chord *c, peer_address bootstrap)
{
    struct chord_node_state *state = chord_state(c);
    if (!state->join_timer) {
        state->join_timer = true;
        peer_after(c->peer, CHORD_TIMER_JOIN, c->shared->parameters->lookup_timeout_ns, c->number);
    }
    chord_lookup_through(c, bootstrap);
}

/* Who is in the ring already asked because it is so small: somebody nearer means that there is another one, and joins
 * them. */
static void merge(const struct chord *c, const struct chord_entry *owner)
{
    struct chord_entry list[1 + CHORD_SUCCESSORS_MAX];
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    uint32_t count = chord_state(c)->successor_count;
    list[0] = *owner;
    for (uint32_t i = 0; i < count; i++)
        list[1 + i] = chord_entry_at(c, CHORD_FIRST_SUCCESSOR + i);
    if (!chord_in_open(&self, &owner->id, &list[1].id))
        return;
    chord_set_successors(c, list, 1 + count);
    chord_state(c)->successor_asked = false;
    chord_stabilise(c);
}

void chord_joined(const struct chord *c, const struct chord_entry *owner)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    bool waiting = chord_state(c)->successor_count == 0 || chord_is_alone(c);
    if (chord_id_equal(&owner->id, &self))
        return;
    if (!waiting) {
        merge(c, owner);
        return;
    }
    chord_set_successors(c, owner, 1);
    chord_state(c)->successor_asked = false;
    chord_state(c)->wants_fingers = true;
    chord_stabilise(c);
}

/* Nobody to join: this node begins the ring. */
static void begin_ring(const struct chord *c)
{
    chord_set_successors(c, NULL, 0);
    if (c->shared->parameters->keys > 0 && peer_now_ns(c->peer) == 0)
        chord_store_all(c);
}

/* Another virtual node of a peer that begins the ring joins through the peer itself. */
static void start_joining(const struct chord *c, peer_address bootstrap)
{
    if (bootstrap != PEER_ADDRESS_NONE)
        chord_rejoin(c, bootstrap);
    else if (c->number == 0)
        begin_ring(c);
    else
        chord_rejoin(c, peer_self(c->peer));
}

/* Nothing came of the last attempt: another peer is asked; if nobody is up, this node begins the ring. */
void chord_join_timeout(const struct chord *c)
{
    chord_state(c)->join_timer = false;
    if (chord_state(c)->successor_count == 0)
        start_joining(c, peer_bootstrap(c->peer));
}

void chord_start(const struct chord *c, const struct peer_start *start)
{
    chord_state(c)->fixing = CHORD_NO_FINGER;
    if (start->converged)
        start_converged(c);
    else
        start_joining(c, start->bootstrap);
    chord_upkeep_start(c, 0);
}
