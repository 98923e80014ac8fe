/* Iterative node lookups (section 2.3 of the paper).
 *
 * A lookup keeps the closest candidates it has heard of in order of their distance to the key, asks the closest that it
 * has not asked with up to alpha requests in flight, and ends when the k closest that answer in time have answered.
 * When alpha results in a row brought nothing closer than the closest known, it asks the rest of the k closest at
 * once, as in the paper. In the field a request is not repeated as soon as it is overdue: others are asked instead,
 * an answer that comes late still counts, and only when all others have answered are those asked once more on which
 * the result hangs, the overdue ones closer than the closest that answered. */
#include "sim/overlays/kademlia_bucket.h"

#include "reactor/base/assert.h"

enum candidate_state { NEW, ASKED, ANSWERED, OVERDUE, ASKED_AGAIN, GIVEN_UP };

struct candidate {
    struct kademlia_words distance;
    peer_address address;
    peer_timer timer;     /* while a request is in flight */
    uint16_t request;     /* its number in the lookup, from 1 */
    uint8_t state, depth; /* depth: 1 for one's own contacts, one more than the peer whose reply named it */
};

_Static_assert(sizeof(struct candidate) == 32, "two a cache line");

struct lookup {
    uint32_t next, number; /* number: the workload's */
    struct kademlia_words key;
    uint16_t serial, count, in_flight, fruitless, answered;
    uint16_t requests;     /* numbers given out */
    uint32_t messages, timeouts;
    uint8_t purpose;
    struct candidate candidates[]; /* by distance */
};

uint32_t kademlia_lookup_bytes(uint32_t candidate_capacity)
{
    return (uint32_t) (sizeof(struct lookup) + candidate_capacity * sizeof(struct candidate));
}

static bool in_flight(const struct candidate *candidate)
{
    return candidate->state == ASKED || candidate->state == ASKED_AGAIN;
}

static struct lookup *lookup_at(const struct kademlia_shared *shared, uint32_t handle)
{
    return base_slab_at(&shared->lookups, handle);
}

/* The lookup with this serial, NULL when it has ended. A peer has few at a time. */
static struct lookup *lookup_find(struct peer *peer, uint32_t serial)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    for (uint32_t handle = state->lookups; handle != 0; handle = lookup_at(shared, handle)->next)
        if (lookup_at(shared, handle)->serial == serial)
            return lookup_at(shared, handle);
    return NULL;
}

/* --- candidates --- */

/* The place of the first candidate that is not closer than distance. Its steps cannot be foreseen, so the search is
 * made of conditional moves; the first word nearly always decides. */
static uint32_t place_of(const struct lookup *lookup, const struct kademlia_words *distance)
{
    const struct candidate *candidates = lookup->candidates;
    uint32_t place = 0;
    for (uint32_t count = lookup->count; count > 1; count -= count / 2)
        place += candidates[place + count / 2 - 1].distance.high < distance->high ? count / 2 : 0;
    while (place < lookup->count && kademlia_closer(&candidates[place].distance, distance))
        place++;
    return place;
}

static bool is_at(const struct lookup *lookup, uint32_t place, const struct kademlia_words *distance)
{
    return place < lookup->count && kademlia_words_equal(&lookup->candidates[place].distance, distance);
}

/* Makes room at a place; the farthest candidate is forgotten when there are as many as can be kept. */
static void candidate_insert(struct peer *peer, struct lookup *lookup, uint32_t place,
                             const struct candidate *candidate)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    if (lookup->count == shared->candidate_capacity) {
        const struct candidate *farthest = &lookup->candidates[--lookup->count];
        if (in_flight(farthest)) {
            peer_disarm(peer, farthest->timer);
            lookup->in_flight--;
        }
    }
    memmove(&lookup->candidates[place + 1], &lookup->candidates[place],
            (lookup->count - place) * sizeof *candidate);
    lookup->candidates[place] = *candidate;
    lookup->count++;
}

/* Adds the contacts of a reply; true when one is closer than all that was known. */
static bool candidates_add(struct peer *peer, struct lookup *lookup, const struct kademlia_message *message,
                           uint32_t depth)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    size_t contact_octets = shared->octets + PEER_ADDRESS_OCTETS;
    bool closer = false;
    for (uint32_t i = 0; i < message->contact_count; i++) {
        const uint8_t *contact = message->contacts + i * contact_octets;
        struct kademlia_words id = kademlia_words_load(contact, shared->octets);
        struct kademlia_words distance = kademlia_distance(&id, &lookup->key);
        uint32_t place = place_of(lookup, &distance);
        if (is_at(lookup, place, &distance) || place == shared->candidate_capacity ||
            kademlia_words_equal(&id, &state->id))
            continue;
        struct candidate candidate = {.distance = distance, .depth = (uint8_t) (depth < UINT8_MAX ? depth : UINT8_MAX)};
        if (!kademlia_contact_decode(peer, contact, &id, &candidate.address) ||
            candidate.address == peer_self(peer))
            continue;
        candidate_insert(peer, lookup, place, &candidate);
        closer |= place == 0;
    }
    return closer;
}

static void candidate_seed(struct peer *peer, struct lookup *lookup, const struct kademlia_contact *contact)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia_words id = kademlia_words_load(contact->id, shared->octets);
    struct candidate candidate = {.distance = kademlia_distance(&id, &lookup->key), .address = contact->address,
                                  .depth = 1};
    uint32_t place = place_of(lookup, &candidate.distance);
    if (!is_at(lookup, place, &candidate.distance))
        candidate_insert(peer, lookup, place, &candidate);
}

/* One's own contacts: those that have not become stale; failing that, any. */
static void candidates_seed(struct peer *peer, struct lookup *lookup)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia_contact contacts[KADEMLIA_K_MAX];
    uint32_t count = kademlia_closest(peer, &lookup->key, shared->failure_limit, PEER_ADDRESS_NONE, contacts);
    if (count == 0)
        count = kademlia_closest(peer, &lookup->key, UINT32_MAX, PEER_ADDRESS_NONE, contacts);
    for (uint32_t i = 0; i < count; i++)
        candidate_seed(peer, lookup, &contacts[i]);
}

/* --- the end --- */

static const struct candidate *closest_answered(const struct lookup *lookup)
{
    for (uint32_t i = 0; i < lookup->count; i++)
        if (lookup->candidates[i].state == ANSWERED)
            return &lookup->candidates[i];
    return NULL;
}

/* alone: there was nobody to ask, and nobody is to be found. */
static void report(struct peer *peer, const struct lookup *lookup, bool alone)
{
    const struct kademlia *state = peer_state(peer);
    const struct candidate *best = closest_answered(lookup);
    struct kademlia_words own = kademlia_distance(&state->id, &lookup->key);
    struct peer_lookup_result result = {.succeeded = best != NULL || alone, .messages = lookup->messages,
                                        .timeouts = lookup->timeouts};
    if (alone || (best != NULL && kademlia_closer(&own, &best->distance)))
        result.owner = peer_self(peer);
    else if (best != NULL) {
        result.owner = best->address;
        result.hops = best->depth;
    }
    peer_metric(peer, KADEMLIA_METRIC_STALE, lookup->timeouts);
    peer_lookup_done(peer, lookup->number, &result);
}

static void unlink_lookup(const struct kademlia_shared *shared, struct kademlia *state, const struct lookup *lookup)
{
    uint32_t *link = &state->lookups;
    while (lookup_at(shared, *link) != lookup)
        link = &lookup_at(shared, *link)->next;
    uint32_t handle = *link;
    *link = lookup->next;
    base_slab_give((struct base_slab *) &shared->lookups, handle);
}

static void finish(struct peer *peer, struct lookup *lookup, bool alone)
{
    struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    for (uint32_t i = 0; i < lookup->count && lookup->in_flight > 0; i++)
        if (in_flight(&lookup->candidates[i])) {
            peer_disarm(peer, lookup->candidates[i].timer);
            lookup->in_flight--;
        }
    bool answered = lookup->answered > 0, asked = lookup->messages > 0;
    enum kademlia_purpose purpose = lookup->purpose;
    if (answered)
        kademlia_bucket_at(shared, state, kademlia_bucket_of(state, &lookup->key))->refresh_tick =
            kademlia_tick(peer) + (uint32_t) (shared->refresh_ns >> KADEMLIA_TICK_SHIFT) + 1;
    if (purpose == KADEMLIA_FOR_WORKLOAD)
        report(peer, lookup, alone);
    unlink_lookup(shared, state, lookup);
    if (purpose != KADEMLIA_FOR_WORKLOAD)
        kademlia_upkeep_done(peer, purpose, answered);
    else if (asked && !answered)
        (void) kademlia_bootstrap(peer, peer_bootstrap(peer)); /* all contacts are dead: begin anew */
}

/* --- asking --- */

static void ask(struct peer *peer, struct lookup *lookup, struct candidate *candidate)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    if (candidate->request == 0)
        candidate->request = ++lookup->requests;
    candidate->state = candidate->state == NEW ? ASKED : ASKED_AGAIN;
    uint32_t number = (uint32_t) lookup->serial << 16 | candidate->request;
    candidate->timer = peer_arm(peer, KADEMLIA_TIMER_REQUEST, shared->request_timeout_ns, number);
    lookup->in_flight++;
    lookup->messages++;
    kademlia_send_find_node(peer, candidate->address, number ^ state->salt, &lookup->key);
}

/* Asks the overdue once more that are closer than the closest that answered; true while that is under way. */
static bool ask_again(struct peer *peer, struct lookup *lookup, uint32_t limit)
{
    bool waiting = false;
    for (uint32_t i = 0; i < lookup->count && lookup->candidates[i].state != ANSWERED; i++) {
        struct candidate *candidate = &lookup->candidates[i];
        if (candidate->state == OVERDUE && lookup->in_flight < limit)
            ask(peer, lookup, candidate);
        waiting |= candidate->state == ASKED_AGAIN || candidate->state == OVERDUE;
    }
    return waiting;
}

static void advance(struct peer *peer, struct lookup *lookup)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    uint32_t limit = lookup->fruitless >= shared->alpha && shared->k > shared->alpha ? shared->k : shared->alpha;
    uint32_t good = 0; /* not overdue, so far */
    bool waiting = false;
    for (uint32_t i = 0; i < lookup->count && good < shared->k && !(waiting && lookup->in_flight >= limit); i++) {
        struct candidate *candidate = &lookup->candidates[i];
        if (candidate->state == NEW && lookup->in_flight < limit && lookup->requests < UINT16_MAX)
            ask(peer, lookup, candidate);
        waiting |= candidate->state == ASKED || (candidate->state == NEW && lookup->in_flight >= limit);
        good += candidate->state == NEW || candidate->state == ASKED || candidate->state == ANSWERED;
    }
    if (!waiting && !ask_again(peer, lookup, limit))
        finish(peer, lookup, false);
}

static uint16_t next_serial(struct peer *peer)
{
    struct kademlia *state = peer_state(peer);
    do {
        if (++state->last_serial == 0) /* 0 marks probes */
            state->last_serial = 1;
    } while (lookup_find(peer, state->last_serial) != NULL);
    return state->last_serial;
}

static void begin(struct peer *peer, struct lookup *lookup)
{
    if (lookup->count > 0)
        advance(peer, lookup);
    else if (!kademlia_bootstrap(peer, peer_bootstrap(peer)))
        finish(peer, lookup, true);
}

void kademlia_lookup_start(struct peer *peer, enum kademlia_purpose purpose, uint32_t number,
                           const struct kademlia_words *key, const struct kademlia_contact *seed)
{
    struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    uint16_t serial = next_serial(peer);
    uint32_t handle = base_slab_take(&shared->lookups);
    if (handle == 0) { /* more at a time than any sane load: refuse, and let the figures say so */
        if (purpose == KADEMLIA_FOR_WORKLOAD)
            peer_lookup_done(peer, number, &(struct peer_lookup_result){.succeeded = false});
        else
            kademlia_upkeep_done(peer, purpose, false);
        return;
    }
    struct lookup *lookup = lookup_at(shared, handle);
    lookup->next = state->lookups;
    lookup->number = number;
    lookup->key = *key;
    lookup->serial = serial;
    lookup->purpose = (uint8_t) purpose;
    state->lookups = handle;
    if (seed != NULL)
        candidate_seed(peer, lookup, seed);
    else
        candidates_seed(peer, lookup);
    begin(peer, lookup);
}

/* --- results --- */

void kademlia_lookup_answer(struct peer *peer, peer_address from, const struct kademlia_message *message)
{
    const struct kademlia *state = peer_state(peer);
    uint32_t number = message->transaction ^ state->salt;
    struct lookup *lookup = lookup_find(peer, number >> 16);
    if (lookup == NULL)
        return;
    struct kademlia_words distance = kademlia_distance(&message->sender, &lookup->key);
    uint32_t place = place_of(lookup, &distance);
    struct candidate *candidate = &lookup->candidates[place];
    if (!is_at(lookup, place, &distance) || candidate->address != from || candidate->request == 0 ||
        candidate->request != (uint16_t) number || candidate->state == ANSWERED)
        return;
    if (in_flight(candidate)) {
        peer_disarm(peer, candidate->timer);
        lookup->in_flight--;
    }
    candidate->state = ANSWERED;
    lookup->answered++;
    bool closer = candidates_add(peer, lookup, message, candidate->depth + 1u);
    lookup->fruitless = closer ? 0 : (uint16_t) (lookup->fruitless + 1);
    advance(peer, lookup);
}

void kademlia_lookup_timeout(struct peer *peer, uint32_t number)
{
    struct lookup *lookup = lookup_find(peer, number >> 16);
    base_assert(lookup != NULL); /* the timers of a lookup that ends are disarmed */
    uint32_t place = 0;
    while (place < lookup->count && lookup->candidates[place].request != (uint16_t) number)
        place++;
    struct candidate *candidate = &lookup->candidates[place];
    base_assert(place < lookup->count && in_flight(candidate));
    candidate->state = candidate->state == ASKED ? OVERDUE : GIVEN_UP;
    lookup->in_flight--;
    lookup->timeouts++;
    lookup->fruitless++;
    struct kademlia_words id = kademlia_distance(&candidate->distance, &lookup->key);
    kademlia_failed(peer, &id, candidate->address);
    advance(peer, lookup);
}

void kademlia_lookup_resume(struct peer *peer)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    for (uint32_t handle = state->lookups, next; handle != 0; handle = next) {
        struct lookup *lookup = lookup_at(shared, handle);
        next = lookup->next; /* finishing gives up this one only */
        if (lookup->count > 0)
            continue;
        candidates_seed(peer, lookup);
        advance(peer, lookup); /* still nobody: it ends without success */
    }
}

void kademlia_lookup_release(struct peer *peer)
{
    struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    while (state->lookups != 0) {
        uint32_t handle = state->lookups;
        state->lookups = lookup_at(shared, handle)->next;
        base_slab_give(&shared->lookups, handle);
    }
}
