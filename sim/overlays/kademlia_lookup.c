/* Iterative node lookups (section 2.3 of the paper).
 *
 * A lookup keeps the closest candidates it has heard of and the order of their distances to the key, asks the closest that it
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

/* A candidate's place in the order of distances: its distance's first 54 bits, then which candidate it is. So searching
 * and making room move 8 octets, and the candidates stay where they are. */
typedef uint64_t ordered;
#define ORDERED_CANDIDATE UINT64_C(0x3ff)
_Static_assert(2 * KADEMLIA_K_MAX + 256 <= ORDERED_CANDIDATE, "a number for each candidate, alpha being 256");

/* By a hash of the distance, the candidate that came there last: four contacts in five that a reply names are known. It
 * may point to another, since it is only where to look first; so one octet is enough. */
#define FAMILIAR_LOG2 8
#define FAMILIAR_OCTETS (1u << FAMILIAR_LOG2)

struct lookup {
    uint32_t next, number; /* number: the workload's */
    struct kademlia_words key;
    uint16_t serial, count, in_flight, fruitless, answered;
    uint16_t requests;     /* numbers given out */
    uint16_t settled;      /* so many of the closest are known to have answered */
    uint32_t messages, timeouts;
    uint8_t purpose;
    uint8_t familiar[FAMILIAR_OCTETS] __attribute__((aligned(64)));
    struct candidate candidates[]; /* in no order; behind as many as can be kept: their order */
};

uint32_t kademlia_lookup_bytes(uint32_t candidate_capacity)
{
    return (uint32_t) (sizeof(struct lookup) + candidate_capacity * (sizeof(struct candidate) + sizeof(ordered)));
}

static ordered *order_of(const struct kademlia_shared *shared, const struct lookup *lookup)
{
    return (ordered *) (void *) (lookup->candidates + shared->candidate_capacity);
}

static struct candidate *candidate_of(struct lookup *lookup, ordered place)
{
    return &lookup->candidates[place & ORDERED_CANDIDATE];
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
 * made of conditional moves; the first bits nearly always decide. */
static uint32_t place_of(const struct kademlia_shared *shared, struct lookup *lookup,
                         const struct kademlia_words *distance)
{
    const ordered *order = order_of(shared, lookup);
    uint64_t first_bits = distance->high & ~ORDERED_CANDIDATE;
    uint32_t place = 0;
    for (uint32_t count = lookup->count; count > 1; count -= count / 2)
        place += order[place + count / 2 - 1] < first_bits ? count / 2 : 0;
    while (place < lookup->count && kademlia_closer(&candidate_of(lookup, order[place])->distance, distance))
        place++;
    return place;
}

/* The candidate at this place if it is at this distance, else NULL. */
static struct candidate *candidate_at(const struct kademlia_shared *shared, struct lookup *lookup, uint32_t place,
                                      const struct kademlia_words *distance)
{
    if (place == lookup->count)
        return NULL;
    struct candidate *candidate = candidate_of(lookup, order_of(shared, lookup)[place]);
    return kademlia_words_equal(&candidate->distance, distance) ? candidate : NULL;
}

/* The number of a candidate: the next one, or that of the farthest, which is forgotten when there are as many as can be
 * kept. */
static uint32_t number_for(struct peer *peer, struct lookup *lookup)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    if (lookup->count < shared->candidate_capacity)
        return lookup->count++;
    ordered farthest = order_of(shared, lookup)[lookup->count - 1];
    if (in_flight(candidate_of(lookup, farthest))) {
        peer_disarm(peer, candidate_of(lookup, farthest)->timer);
        lookup->in_flight--;
    }
    return (uint32_t) (farthest & ORDERED_CANDIDATE);
}

static uint8_t *familiar_at(struct lookup *lookup, uint64_t first_word)
{
    return &lookup->familiar[first_word * UINT64_C(0x9e3779b97f4a7c15) >> (64 - FAMILIAR_LOG2)];
}

static void candidate_insert(struct peer *peer, struct lookup *lookup, uint32_t place,
                             const struct candidate *candidate)
{
    ordered *order = order_of(peer_shared(peer), lookup);
    uint32_t number = number_for(peer, lookup);
    memmove(&order[place + 1], &order[place], (lookup->count - 1 - place) * sizeof *order);
    order[place] = (candidate->distance.high & ~ORDERED_CANDIDATE) | number;
    lookup->candidates[number] = *candidate;
    *familiar_at(lookup, candidate->distance.high) = (uint8_t) number;
    if (lookup->settled > place)
        lookup->settled = (uint16_t) place;
}

/* Whether a contact at this distance can be passed over at a glance: it is a candidate, or farther than all that can be
 * kept. Which of 20 contacts that is cannot be foreseen, so nothing branches on the way to the answer. */
static inline bool is_nothing_new(struct lookup *lookup, const struct kademlia_words *distance, uint64_t farthest)
{
    const struct kademlia_words *known = &lookup->candidates[*familiar_at(lookup, distance->high)].distance;
    uint64_t differences = (known->high ^ distance->high) | (known->middle ^ distance->middle) |
                           (known->low ^ distance->low);
    return (distance->high > farthest) | (differences == 0);
}

static uint64_t farthest_kept(const struct kademlia_shared *shared, struct lookup *lookup)
{
    if (lookup->count < shared->candidate_capacity)
        return UINT64_MAX;
    return candidate_of(lookup, order_of(shared, lookup)[lookup->count - 1])->distance.high;
}

/* A contact named by somebody; true when it is closer than all that was known. */
static bool candidate_add(struct peer *peer, struct lookup *lookup, const uint8_t *contact,
                          const struct kademlia_words *distance, uint32_t depth)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    uint32_t place = place_of(shared, lookup, distance);
    struct kademlia_words id = kademlia_distance(distance, &lookup->key);
    if (candidate_at(shared, lookup, place, distance) != NULL || place == shared->candidate_capacity ||
        kademlia_words_equal(&id, &state->id))
        return false;
    struct candidate candidate = {.distance = *distance, .depth = (uint8_t) (depth < UINT8_MAX ? depth : UINT8_MAX)};
    if (!kademlia_contact_decode(peer, contact, &id, &candidate.address) || candidate.address == peer_self(peer))
        return false;
    candidate_insert(peer, lookup, place, &candidate);
    return place == 0;
}

/* Adds the contacts of a reply; true when one is closer than all that was known. */
static bool candidates_add(struct peer *peer, struct lookup *lookup, const struct kademlia_message *message,
                           uint32_t depth)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    size_t contact_octets = shared->octets + PEER_ADDRESS_OCTETS;
    uint64_t farthest = farthest_kept(shared, lookup);
    bool closer = false;
    for (uint32_t i = 0; i < message->contact_count; i++) {
        const uint8_t *contact = message->contacts + i * contact_octets;
        struct kademlia_words id = kademlia_words_load(contact, shared->octets);
        struct kademlia_words distance = kademlia_distance(&id, &lookup->key);
        if (is_nothing_new(lookup, &distance, farthest))
            continue;
        closer |= candidate_add(peer, lookup, contact, &distance, depth);
        farthest = farthest_kept(shared, lookup);
    }
    return closer;
}

static void candidate_seed(struct peer *peer, struct lookup *lookup, const struct kademlia_contact *contact)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia_words id = kademlia_words_load(contact->id, shared->octets);
    struct candidate candidate = {.distance = kademlia_distance(&id, &lookup->key), .address = contact->address,
                                  .depth = 1};
    uint32_t place = place_of(shared, lookup, &candidate.distance);
    if (candidate_at(shared, lookup, place, &candidate.distance) == NULL)
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

static const struct candidate *closest_answered(const struct kademlia_shared *shared, struct lookup *lookup)
{
    const ordered *order = order_of(shared, lookup);
    for (uint32_t i = 0; i < lookup->count; i++)
        if (candidate_of(lookup, order[i])->state == ANSWERED)
            return candidate_of(lookup, order[i]);
    return NULL;
}

/* alone: there was nobody to ask, and nobody is to be found. */
static void report(struct peer *peer, struct lookup *lookup, bool alone)
{
    const struct kademlia *state = peer_state(peer);
    const struct candidate *best = closest_answered(peer_shared(peer), lookup);
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
    const ordered *order = order_of(peer_shared(peer), lookup);
    bool waiting = false;
    for (uint32_t i = 0; i < lookup->count && candidate_of(lookup, order[i])->state != ANSWERED; i++) {
        struct candidate *candidate = candidate_of(lookup, order[i]);
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
    const ordered *order = order_of(shared, lookup);
    while (lookup->settled < lookup->count && candidate_of(lookup, order[lookup->settled])->state == ANSWERED)
        lookup->settled++;
    uint32_t good = lookup->settled; /* not overdue, so far */
    bool waiting = false;
    for (uint32_t i = good; i < lookup->count && good < shared->k && !(waiting && lookup->in_flight >= limit); i++) {
        struct candidate *candidate = candidate_of(lookup, order[i]);
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
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    uint32_t number = message->transaction ^ state->salt;
    struct lookup *lookup = lookup_find(peer, number >> 16);
    if (lookup == NULL)
        return;
    struct kademlia_words distance = kademlia_distance(&message->sender, &lookup->key);
    uint32_t place = place_of(shared, lookup, &distance);
    struct candidate *candidate = candidate_at(shared, lookup, place, &distance);
    if (candidate == NULL || candidate->address != from || candidate->request == 0 ||
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
    uint32_t i = 0;
    while (i < lookup->count && lookup->candidates[i].request != (uint16_t) number)
        i++;
    struct candidate *candidate = &lookup->candidates[i];
    base_assert(i < lookup->count && in_flight(candidate));
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
