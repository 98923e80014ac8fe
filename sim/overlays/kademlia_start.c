/* How a peer gets its table and keeps it: converged start, join through a bootstrap peer, probes, refresh.
 *
 * Joining (section 2.3): learn the id of the bootstrap peer by a PING, look up one's own id, then refresh the buckets
 * farther away, one lookup at a time. A bootstrap peer that does not answer is replaced by another after a pause that
 * doubles. Refresh walks the buckets from the nearest to the farthest, one lookup at a time. */
#include "sim/overlays/kademlia.h"

#include "reactor/base/assert.h"

#define MAINTENANCE_PER_REFRESH 4 /* a bucket is refreshed at most a quarter of the period late */
#define BACK_OFF_DOUBLINGS 6      /* up to 64 time-outs, about a minute */

/* --- converged start --- */

/* A uniform choice of up to k ranks in [first, first + count) without repetition: Floyd's algorithm. */
static uint32_t draw_ranks(struct peer *peer, uint32_t first, uint32_t count, uint32_t k, uint32_t *ranks)
{
    uint32_t drawn = 0;
    for (uint32_t i = count > k ? count - k : 0; i < count; i++) {
        uint32_t rank = first + (count > k ? (uint32_t) peer_random_below(peer, i + 1) : i);
        for (uint32_t j = 0; j < drawn; j++)
            if (ranks[j] == rank) {
                rank = first + i;
                break;
            }
        ranks[drawn++] = rank;
    }
    return drawn;
}

static void fill(struct peer *peer, struct kademlia_bucket *bucket, uint32_t first, uint32_t count)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    uint32_t ranks[KADEMLIA_K_MAX];
    uint32_t drawn = draw_ranks(peer, first, count, shared->k, ranks);
    struct overlay_id id;
    for (uint32_t i = 0; i < drawn; i++) {
        peer_census_id(peer, ranks[i], &id);
        kademlia_contact_append(peer, bucket, id.octets, peer_census_address(peer, ranks[i]));
    }
    uint32_t refresh_ticks = (uint32_t) (shared->refresh_ns >> KADEMLIA_TICK_SHIFT);
    bucket->refresh_tick = (uint32_t) peer_random_below(peer, refresh_ticks + 1u) + 1; /* not all at once */
}

/* The census is in order of the ids, so those that share a prefix are a range of ranks, and one search a bucket parts it
 * at the next bit: this peer's own half goes on to be parted, the other half is the bucket's choice. */
void kademlia_start_converged(struct peer *peer)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    uint32_t first = 0, end = peer_census_count(peer), own = peer_census_rank(peer);
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, 0);
    for (uint32_t bit = 0; bucket != NULL && end - first > shared->k + 1 && bit + 1 < shared->bits; bit++) {
        struct kademlia_words middle_id = kademlia_first_bits(&state->id, bit);
        kademlia_flip(&middle_id, bit);
        struct overlay_id id;
        kademlia_words_store(&middle_id, &id);
        uint32_t middle = peer_census_at_least(peer, &id);
        base_assert(first <= middle && middle <= end);
        if (own < middle)
            fill(peer, bucket, middle, end - middle);
        else
            fill(peer, bucket, first, middle - first);
        *(own < middle ? &end : &first) = middle;
        bucket = kademlia_bucket_add(shared, state);
    }
    if (bucket == NULL)
        return;
    fill(peer, bucket, first, own - first);      /* the rest: at most k, on both sides of oneself */
    fill(peer, bucket, own + 1, end - own - 1);
}

/* --- bootstrap --- */

static bool probe_send(struct peer *peer, peer_address address, const struct kademlia_words *id, bool bootstrap)
{
    struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    uint32_t handle = base_slab_take(&shared->probes);
    if (handle == 0)
        return false;
    struct kademlia_probe *probe = base_slab_at(&shared->probes, handle);
    *probe = (struct kademlia_probe){.next = state->probes, .number = ++state->last_probe, .address = address,
                                     .id = *id, .bootstrap = bootstrap};
    state->probes = handle;
    probe->timer = peer_arm(peer, KADEMLIA_TIMER_REQUEST, shared->request_timeout_ns, probe->number);
    kademlia_send_short(peer, address, KADEMLIA_PING, probe->number ^ state->salt);
    return true;
}

bool kademlia_bootstrap(struct peer *peer, peer_address address)
{
    struct kademlia *state = peer_state(peer);
    if (state->bootstrapping)
        return true;
    if (address == PEER_ADDRESS_NONE)
        return false;
    peer_disarm(peer, state->bootstrap_timer);
    state->bootstrap_timer = 0;
    state->bootstrapping = probe_send(peer, address, &state->id, true);
    return state->bootstrapping;
}

static void back_off(struct peer *peer)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    uint64_t pause = shared->request_timeout_ns << state->bootstrap_attempts;
    if (state->bootstrap_attempts < BACK_OFF_DOUBLINGS)
        state->bootstrap_attempts++;
    peer_disarm(peer, state->bootstrap_timer);
    state->bootstrap_timer = peer_arm(peer, KADEMLIA_TIMER_BOOTSTRAP, pause + peer_random_below(peer, pause), 0);
}

static void bootstrapped(struct peer *peer)
{
    struct kademlia *state = peer_state(peer);
    state->bootstrapping = false;
    kademlia_lookup_resume(peer);
    kademlia_lookup_start(peer, KADEMLIA_FOR_JOIN, 0, &state->id);
}

static void bootstrap_failed(struct peer *peer)
{
    struct kademlia *state = peer_state(peer);
    state->bootstrapping = false;
    back_off(peer);
    kademlia_lookup_resume(peer);
}

/* --- probes --- */

bool kademlia_probe(struct peer *peer, peer_address address, const struct kademlia_words *id)
{
    return probe_send(peer, address, id, false);
}

/* Takes the probe with this number out of the peer's few; false: there is none to this address. */
static bool probe_take(struct peer *peer, uint32_t number, peer_address address, struct kademlia_probe *taken)
{
    struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    for (uint32_t *link = &state->probes; *link != 0;) {
        struct kademlia_probe *probe = base_slab_at(&shared->probes, *link);
        if (probe->number != number || (address != PEER_ADDRESS_NONE && probe->address != address)) {
            link = &probe->next;
            continue;
        }
        *taken = *probe;
        base_slab_give(&shared->probes, *link);
        *link = taken->next;
        return true;
    }
    return false;
}

void kademlia_probe_answer(struct peer *peer, peer_address from, const struct kademlia_message *message)
{
    const struct kademlia *state = peer_state(peer);
    struct kademlia_probe probe;
    if (!probe_take(peer, message->transaction ^ state->salt, from, &probe))
        return;
    peer_disarm(peer, probe.timer);
    if (probe.bootstrap)
        bootstrapped(peer);
    else
        kademlia_probe_done(peer, &probe.id, probe.address);
}

void kademlia_probe_timeout(struct peer *peer, uint32_t number)
{
    struct kademlia_probe probe;
    bool found = probe_take(peer, number, PEER_ADDRESS_NONE, &probe);
    base_assert(found);
    if (probe.bootstrap) {
        bootstrap_failed(peer);
        return;
    }
    kademlia_probe_done(peer, &probe.id, probe.address);
    kademlia_failed(peer, &probe.id, probe.address);
}

void kademlia_probe_release(struct peer *peer)
{
    struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    while (state->probes != 0) {
        uint32_t handle = state->probes;
        state->probes = ((struct kademlia_probe *) base_slab_at(&shared->probes, handle))->next;
        base_slab_give(&shared->probes, handle);
    }
}

/* --- refresh --- */

/* A uniform id of a bucket's range; for the last bucket, which surrounds it, one's own id. */
static struct kademlia_words refresh_key(struct peer *peer, uint32_t index)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    if (index + 1u == state->bucket_count)
        return state->id;
    struct kademlia_words random = {peer_random(peer), peer_random(peer), (uint32_t) peer_random(peer)};
    struct kademlia_words prefix = kademlia_first_bits(&state->id, index + 1);
    struct kademlia_words prefix_of_random = kademlia_first_bits(&random, index + 1);
    random = kademlia_first_bits(&random, shared->bits);
    random = kademlia_distance(&random, &prefix_of_random); /* its tail alone */
    struct kademlia_words key = kademlia_distance(&prefix, &random);
    kademlia_flip(&key, index);
    return key;
}

/* Looks for the next bucket below that is due; the end of that lookup goes on from there. */
static void refresh_next(struct peer *peer)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    while (state->refresh_below > 0) {
        uint32_t index = --state->refresh_below;
        if (index >= state->bucket_count || kademlia_tick(peer) < kademlia_bucket_at(shared, state, index)->refresh_tick)
            continue;
        struct kademlia_words key = refresh_key(peer, index);
        state->refreshing = true;
        kademlia_lookup_start(peer, KADEMLIA_FOR_REFRESH, 0, &key);
        return;
    }
}

static void refresh(struct peer *peer)
{
    struct kademlia *state = peer_state(peer);
    if (state->refreshing)
        return;
    state->refresh_below = state->bucket_count;
    refresh_next(peer);
}

void kademlia_upkeep_done(struct peer *peer, enum kademlia_purpose purpose, bool answered)
{
    struct kademlia *state = peer_state(peer);
    if (purpose == KADEMLIA_FOR_REFRESH) {
        state->refreshing = false;
        if (answered)
            refresh_next(peer);
        else
            (void) kademlia_bootstrap(peer, peer_bootstrap(peer)); /* all contacts are dead: begin anew */
    } else if (answered) {
        state->bootstrap_attempts = 0;
        refresh(peer);
    } else {
        back_off(peer);
    }
}

/* --- upkeep --- */

static uint64_t maintenance_period_ns(const struct peer *peer)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    return shared->refresh_ns / MAINTENANCE_PER_REFRESH;
}

void kademlia_start_maintenance(struct peer *peer)
{
    uint64_t phase = peer_random_below(peer, maintenance_period_ns(peer));
    (void) peer_arm(peer, KADEMLIA_TIMER_MAINTENANCE, phase, 0);
}

void kademlia_maintain(struct peer *peer)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    uint32_t contacts = kademlia_contact_count(shared, state);
    (void) peer_arm(peer, KADEMLIA_TIMER_MAINTENANCE, maintenance_period_ns(peer), 0);
    peer_metric(peer, KADEMLIA_METRIC_CONTACTS, contacts);
    if (contacts == 0) {
        (void) kademlia_bootstrap(peer, peer_bootstrap(peer));
        return;
    }
    for (uint32_t i = 0; i < state->bucket_count; i++)
        kademlia_probe_bucket(peer, kademlia_bucket_at(shared, state, i), true);
    refresh(peer);
}
