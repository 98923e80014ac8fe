/* Liveness checks: a PING to a contact in doubt, and to a bootstrap peer whose id is not known yet. */
#include "sim/overlays/kademlia_bucket.h"

#include "reactor/base/assert.h"

bool kademlia_probe(struct peer *peer, peer_address address, const struct kademlia_words *id, bool bootstrap)
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

/* Its contact may be probed again, if it is still there. */
static void probe_done(struct peer *peer, const struct kademlia_probe *probe)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, kademlia_bucket_of(state, &probe->id));
    uint32_t slot = bucket_find(bucket, 0, bucket->count, probe->address);
    if (slot < bucket->count)
        bucket_marks(shared, bucket)[slot] &= ~MARK_PROBING;
}

void kademlia_probe_answer(struct peer *peer, peer_address from, const struct kademlia_message *message)
{
    const struct kademlia *state = peer_state(peer);
    struct kademlia_probe probe;
    if (!probe_take(peer, message->transaction ^ state->salt, from, &probe))
        return;
    peer_disarm(peer, probe.timer);
    if (probe.bootstrap)
        kademlia_bootstrapped(peer, &(struct kademlia_contact){message->sender_octets, from});
    else
        probe_done(peer, &probe);
}

void kademlia_probe_timeout(struct peer *peer, uint32_t number)
{
    struct kademlia_probe probe;
    bool found = probe_take(peer, number, PEER_ADDRESS_NONE, &probe);
    base_assert(found);
    if (probe.bootstrap) {
        kademlia_bootstrap_failed(peer);
        return;
    }
    probe_done(peer, &probe);
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

/* --- who is probed --- */

void kademlia_probe_slot(struct peer *peer, struct kademlia_bucket *bucket, uint32_t slot)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    uint32_t *mark = &bucket_marks(shared, bucket)[slot];
    struct kademlia_words id = bucket_words(shared, bucket, slot);
    if (!(*mark & MARK_PROBING) && kademlia_probe(peer, bucket->addresses[slot], &id, false))
        *mark |= MARK_PROBING;
}

void kademlia_probe_stale(struct peer *peer, struct kademlia_bucket *bucket)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    if (bucket->stale_count == 0)
        return;
    uint64_t skip = peer_random_below(peer, bucket->stale_count);
    uint32_t slot = bucket_first_stale(shared, bucket);
    while (skip > 0)
        skip -= bucket_is_stale(shared, bucket, ++slot);
    kademlia_probe_slot(peer, bucket, slot);
}

void kademlia_probe_oldest(struct peer *peer, struct kademlia_bucket *bucket)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    uint32_t now = kademlia_tick(peer), oldest = UINT32_MAX, oldest_age = 0;
    if (now < bucket->probe_tick)
        return; /* so that a busy bucket is not searched for every newcomer */
    for (uint32_t slot = 0; slot < bucket->count; slot++) {
        uint32_t age = mark_age(bucket_marks(shared, bucket)[slot], now);
        if (!bucket_is_stale(shared, bucket, slot) && (oldest == UINT32_MAX || age > oldest_age)) {
            oldest = slot;
            oldest_age = age;
        }
    }
    if (oldest == UINT32_MAX)
        return;
    bucket->probe_tick = now - oldest_age + shared->questionable_ticks;
    if (oldest_age >= shared->questionable_ticks)
        kademlia_probe_slot(peer, bucket, oldest);
}
