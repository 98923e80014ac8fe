/* Keeping the ring (section IV-E): stabilise, notify, fix fingers, check predecessor, leave.
 *
 * A node has one periodic timer for all three activities, since each pending timer costs memory: it fires when the next
 * of them is due, at a phase of its own that its id gives. */
#include "sim/overlays/chord.h"

#include "reactor/base/random.h"

enum activity { STABILISE, FIX_FINGERS, CHECK_PREDECESSOR, ACTIVITIES };
_Static_assert(ACTIVITIES == CHORD_ACTIVITY_BITS, "a bit each");

static uint64_t period_ns(const struct chord_parameters *parameters, enum activity activity)
{
    const uint64_t periods[ACTIVITIES] = {parameters->stabilise_ns, parameters->fix_fingers_ns,
                                          parameters->check_predecessor_ns};
    return periods[activity];
}

/* How long from now to the activity's next instant, more than 0. bits: the node's own; each activity takes others of them
 * first, so that their phases do not go together. */
static uint64_t wait_ns(const struct chord_parameters *parameters, enum activity activity, uint64_t bits, uint64_t now_ns)
{
    uint64_t period = period_ns(parameters, activity), turned = bits << 21 * activity | bits >> (63 - 21 * activity) >> 1;
    return period - (now_ns + period - base_random_below(turned, period)) % period;
}

void chord_upkeep_start(const struct chord *c, uint32_t due)
{
    const struct chord_id self = chord_id_at(c, CHORD_SELF);
    uint64_t bits = base_random_mix(self.high ^ self.middle ^ self.low), now_ns = peer_now_ns(c->peer), least = UINT64_MAX;
    uint32_t next = 0;
    for (uint32_t activity = 0; activity < ACTIVITIES; activity++) {
        uint64_t wait = due & 1u << activity ? period_ns(c->shared->parameters, activity)
                                             : wait_ns(c->shared->parameters, activity, bits, now_ns);
        if (wait < least) {
            least = wait;
            next = 0;
        }
        next |= wait == least ? 1u << activity : 0;
    }
    peer_after(c->peer, CHORD_TIMER_UPKEEP, least, c->number << CHORD_ACTIVITY_BITS | next);
}

/* --- stabilise --- */

static void ask_successor(const struct chord *c)
{
    struct chord_node_state *state = chord_state(c);
    state->successor_asked = true;
    if (!state->successor_timer) {
        state->successor_timer = true;
        peer_after(c->peer, CHORD_TIMER_SUCCESSOR, c->shared->parameters->request_timeout_ns, c->number);
    }
    if (c->shared->steady && !state->wants_fingers) {
        chord_steady_send(c->peer, CHORD_STABILISE, CHORD_FIRST_SUCCESSOR);
        return;
    }
    struct chord_entry successor = chord_entry_at(c, CHORD_FIRST_SUCCESSOR);
    chord_send_stabilise(c, &successor, state->wants_fingers);
}

/* A node that has lost everybody: whoever precedes it follows it too, else the bootstrap service helps. */
static void stabilise_alone(const struct chord *c)
{
    struct chord_entry predecessor = chord_entry_at(c, CHORD_PREDECESSOR);
    if (predecessor.address != PEER_ADDRESS_NONE) {
        chord_set_successors(c, &predecessor, 1);
        ask_successor(c);
        return;
    }
    peer_address bootstrap = peer_bootstrap(c->peer);
    if (bootstrap != PEER_ADDRESS_NONE)
        chord_rejoin(c, bootstrap);
}

/* A ring that does not fill the successor list is small, or an island: of who joined through a peer that was lost. */
static void look_beyond(const struct chord *c)
{
    peer_address bootstrap = peer_bootstrap(c->peer);
    if (bootstrap != PEER_ADDRESS_NONE)
        chord_lookup_through(c, bootstrap);
}

void chord_stabilise(const struct chord *c)
{
    if (chord_state(c)->successor_count == 0 || chord_state(c)->successor_asked)
        return;
    if (chord_is_alone(c))
        stabilise_alone(c);
    else
        ask_successor(c);
    if (c->shared->parameters->keys > 0) {
        chord_store_sync(c);
        if (c->number == 0)
            peer_metric(c->peer, CHORD_METRIC_KEYS, chord_keys_held(c->peer));
    }
}

void chord_successor_timeout(const struct chord *c)
{
    struct chord_node_state *state = chord_state(c);
    state->successor_timer = false;
    if (!state->successor_asked || state->successor_count == 0)
        return;
    state->successor_asked = false;
    struct chord_entry successor = chord_entry_at(c, CHORD_FIRST_SUCCESSOR);
    chord_forget(c, &successor);
    if (!chord_is_alone(c))
        ask_successor(c);
}

/* The list of a node's successor, behind that successor, is the node's. */
static void adopt(const struct chord *c, const struct chord_entry *first, const struct chord_neighbours *neighbours)
{
    struct chord_entry list[2 + CHORD_SUCCESSORS_MAX];
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    uint32_t count = 0;
    if (neighbours->has_predecessor && chord_in_open(&self, &neighbours->predecessor.id, &first->id))
        list[count++] = neighbours->predecessor;
    list[count++] = *first;
    memcpy(list + count, neighbours->successors, neighbours->count * sizeof *list);
    chord_set_successors(c, list, count + neighbours->count);
}

/* A new node asks its neighbour for a copy of the finger table, as the paper advises: it takes as each of its fingers
 * the nearest of them behind that finger's start. */
static void take_hints(const struct chord *c, const struct chord_entry *entries, uint32_t count)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    for (uint32_t i = 0; i < c->shared->bits; i++) {
        struct chord_id start = chord_finger_start(c, i);
        struct chord_entry best = chord_entry_at(c, c->shared->first_finger + i);
        struct chord_id nearest = chord_distance(&start, best.address != PEER_ADDRESS_NONE ? &best.id : &self);
        for (uint32_t j = 0; j < count; j++) {
            struct chord_id at = chord_distance(&start, &entries[j].id);
            if (!chord_id_less(&at, &nearest))
                continue;
            nearest = at;
            best = entries[j];
        }
        chord_set(c, c->shared->first_finger + i, &best);
    }
}

void chord_neighbours_told(const struct chord *c, peer_address from, const struct chord_id *sender,
                           const struct chord_neighbours *neighbours)
{
    struct chord_entry first = chord_entry_at(c, CHORD_FIRST_SUCCESSOR);
    if (chord_state(c)->successor_count == 0 || first.address != from || !chord_id_equal(&first.id, sender))
        return;
    chord_state(c)->successor_asked = false;
    adopt(c, &first, neighbours);
    if (chord_state(c)->wants_fingers) {
        take_hints(c, &first, 1);
        take_hints(c, neighbours->successors, neighbours->count);
        take_hints(c, neighbours->fingers, neighbours->finger_count);
        chord_state(c)->wants_fingers = false;
    }
    struct chord_entry nearer = chord_entry_at(c, CHORD_FIRST_SUCCESSOR);
    chord_send_plain(c, CHORD_NOTIFY, &nearer);
    if (!chord_id_equal(&nearer.id, &first.id))
        ask_successor(c); /* there may be nearer ones still; each answer comes closer, so this ends */
}

void chord_notified(const struct chord *c, const struct chord_entry *by)
{
    struct chord_entry before = chord_entry_at(c, CHORD_PREDECESSOR);
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    if (chord_state(c)->successor_count == 0 || chord_id_equal(&self, &by->id))
        return;
    bool unknown = before.address == PEER_ADDRESS_NONE;
    if (!unknown && !chord_in_open(&before.id, &by->id, &self))
        return;
    chord_set(c, CHORD_PREDECESSOR, by);
    if (chord_is_alone(c))
        chord_set_successors(c, by, 1);
    if (!unknown) /* the one before follows somebody else now: it need not wait for its next round */
        chord_send_neighbours(c, CHORD_NEIGHBOURS, &before, false);
    if (c->shared->parameters->keys > 0)
        chord_store_moved(c, unknown ? &self : &before.id, by);
}

/* --- fix fingers: one a round --- */

static void look_for(const struct chord *c, uint32_t finger, const struct chord_id *start)
{
    uint32_t number = c->number << 8 | finger;
    if (!c->shared->steady || !chord_steady_lookup(c->peer, CHORD_FOR_FINGER, number, (uint32_t) (start->high >> 32)))
        chord_lookup_start(c, CHORD_FOR_FINGER, number, start);
}

/* The paper's fix_fingers: the next one in turn, of all bits. One whose start the successor follows needs no lookup. */
static void fix_fingers(const struct chord *c)
{
    struct chord_node_state *state = chord_state(c);
    if (state->successor_count == 0 || chord_is_alone(c))
        return;
    uint32_t finger = state->next_finger;
    state->next_finger = (uint8_t) ((finger + 1) % c->shared->bits);
    struct chord_id self = chord_id_at(c, CHORD_SELF), start = chord_finger_start(c, finger);
    struct chord_entry successor = chord_entry_at(c, CHORD_FIRST_SUCCESSOR);
    state->fixing = (uint8_t) finger;
    if (chord_in_half_open(&self, &start, &successor.id))
        chord_finger_found(c, finger, &successor);
    else
        look_for(c, finger, &start);
}

void chord_finger_found(const struct chord *c, uint32_t finger, const struct chord_entry *owner)
{
    struct chord_node_state *state = chord_state(c);
    if (state->fixing != finger)
        return;
    state->fixing = CHORD_NO_FINGER;
    struct chord_id self = chord_id_at(c, CHORD_SELF), start = chord_finger_start(c, finger);
    struct chord_id to_owner = chord_distance(&start, &owner->id), to_self = chord_distance(&start, &self);
    bool before_self = chord_id_less(&to_owner, &to_self); /* else nobody is between its start and this node */
    chord_set(c, c->shared->first_finger + finger, before_self ? owner : NULL);
}

/* --- check predecessor --- */

static void check_predecessor(const struct chord *c)
{
    struct chord_node_state *state = chord_state(c);
    if (chord_address_at(c, CHORD_PREDECESSOR) == PEER_ADDRESS_NONE || state->predecessor_timer)
        return;
    state->predecessor_asked = state->predecessor_timer = true;
    peer_after(c->peer, CHORD_TIMER_PREDECESSOR, c->shared->parameters->request_timeout_ns, c->number);
    if (c->shared->steady) {
        chord_steady_send(c->peer, CHORD_CHECK, CHORD_PREDECESSOR);
        return;
    }
    struct chord_entry predecessor = chord_entry_at(c, CHORD_PREDECESSOR);
    chord_send_plain(c, CHORD_CHECK, &predecessor);
}

void chord_predecessor_lives(const struct chord *c, peer_address from)
{
    if (chord_address_at(c, CHORD_PREDECESSOR) == from)
        chord_state(c)->predecessor_asked = false;
}

void chord_predecessor_timeout(const struct chord *c)
{
    struct chord_node_state *state = chord_state(c);
    state->predecessor_timer = false;
    if (state->predecessor_asked)
        chord_set(c, CHORD_PREDECESSOR, NULL);
    state->predecessor_asked = false;
}

/* --- --- */

void chord_upkeep(const struct chord *c, uint32_t activities)
{
    chord_upkeep_start(c, activities);
    if (activities & 1u << STABILISE) {
        uint32_t successors = chord_state(c)->successor_count;
        if (successors > 0 && successors < c->shared->successors && !chord_is_alone(c))
            look_beyond(c);
        chord_stabilise(c);
    }
    if (activities & 1u << FIX_FINGERS)
        fix_fingers(c);
    if (activities & 1u << CHECK_PREDECESSOR)
        check_predecessor(c);
}

/* A neighbour goes in good order and says whom it leaves behind. */
void chord_left(const struct chord *c, const struct chord_entry *leaver, const struct chord_neighbours *neighbours)
{
    if (chord_state(c)->successor_count == 0)
        return;
    struct chord_entry first = chord_entry_at(c, CHORD_FIRST_SUCCESSOR), before = chord_entry_at(c, CHORD_PREDECESSOR);
    bool was_first = first.address == leaver->address && chord_id_equal(&first.id, &leaver->id);
    bool was_before = before.address == leaver->address && chord_id_equal(&before.id, &leaver->id);
    if (was_first && neighbours->count > 0) {
        chord_set_successors(c, neighbours->successors, neighbours->count);
        chord_state(c)->successor_asked = false;
    }
    chord_forget(c, leaver);
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    if (was_before && neighbours->has_predecessor && !chord_id_equal(&neighbours->predecessor.id, &self))
        chord_set(c, CHORD_PREDECESSOR, &neighbours->predecessor);
}
