/* How a peer joins and keeps its table fresh.
 *
 * Joining (section 2.3): learn the id of the bootstrap peer by a PING, look up one's own id, then refresh the buckets
 * farther away. Then the same through a second bootstrap peer, for the first may have been as new as oneself: where
 * many join at once, through one other each, they would be left in islands. A bootstrap peer that does not answer is
 * replaced by another after a pause that doubles. Refresh walks the buckets from the nearest to the farthest, one
 * lookup at a time. */
#include "sim/overlays/kademlia_bucket.h"

#define MAINTENANCE_PER_REFRESH 4 /* a bucket is refreshed at most a quarter of the period late */
#define BACK_OFF_DOUBLINGS 6      /* up to 64 time-outs, about a minute */

/* --- bootstrap --- */

bool kademlia_bootstrap(struct peer *peer, peer_address address)
{
    struct kademlia *state = peer_state(peer);
    if (state->bootstrapping)
        return true;
    if (address == PEER_ADDRESS_NONE)
        return false;
    peer_disarm(peer, state->bootstrap_timer);
    state->bootstrap_timer = 0;
    state->bootstrapping = kademlia_probe(peer, address, &state->id, true);
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

void kademlia_bootstrapped(struct peer *peer, const struct kademlia_contact *bootstrap)
{
    struct kademlia *state = peer_state(peer);
    state->bootstrapping = false;
    kademlia_lookup_resume(peer);
    kademlia_lookup_start(peer, KADEMLIA_FOR_JOIN, 0, &state->id, bootstrap);
}

void kademlia_bootstrap_failed(struct peer *peer)
{
    struct kademlia *state = peer_state(peer);
    state->bootstrapping = false;
    back_off(peer);
    kademlia_lookup_resume(peer);
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
        if (index >= state->bucket_count ||
            kademlia_tick(peer) < kademlia_bucket_at(shared, state, index)->refresh_tick)
            continue;
        struct kademlia_words key = refresh_key(peer, index);
        state->refreshing = true;
        kademlia_lookup_start(peer, KADEMLIA_FOR_REFRESH, 0, &key, NULL);
        return;
    }
    if (state->joined && !state->settled) {
        state->settled = true;
        (void) kademlia_bootstrap(peer, peer_bootstrap(peer));
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
        state->joined = true;
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
    peer_after(peer, KADEMLIA_TIMER_MAINTENANCE, phase, 0);
}

void kademlia_maintain(struct peer *peer)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    uint32_t contacts = kademlia_contact_count(shared, state);
    peer_after(peer, KADEMLIA_TIMER_MAINTENANCE, maintenance_period_ns(peer), 0);
    peer_metric(peer, KADEMLIA_METRIC_CONTACTS, contacts);
    if (contacts == 0) {
        (void) kademlia_bootstrap(peer, peer_bootstrap(peer));
        return;
    }
    for (uint32_t i = 0; i < state->bucket_count; i++) {
        kademlia_probe_stale(peer, kademlia_bucket_at(shared, state, i));
        kademlia_probe_oldest(peer, kademlia_bucket_at(shared, state, i));
    }
    refresh(peer);
}
