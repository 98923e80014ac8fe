/* The routing table: who is known, who is replaced.
 *
 * Bucket i holds contacts that share exactly i bits of prefix with this peer; the last one holds all that share more,
 * and splits when it is full, as in section 2.4 of the paper. Slots are in no order: the tick when a contact was last
 * heard from says who is the least recently seen, and saves moving contacts on every message. */
#include "sim/overlays/kademlia_bucket.h"

static uint32_t *bucket_handle(const struct kademlia_shared *shared, struct kademlia *state, uint32_t index)
{
    if (index < KADEMLIA_INLINE_BUCKETS)
        return &state->buckets[index];
    uint32_t *directory = base_slab_at(&shared->directories, state->directory);
    return &directory[index - KADEMLIA_INLINE_BUCKETS];
}

struct kademlia_bucket *kademlia_bucket_at(const struct kademlia_shared *shared, const struct kademlia *state,
                                           uint32_t index)
{
    return base_slab_at(&shared->buckets, *bucket_handle(shared, (struct kademlia *) state, index));
}

uint32_t kademlia_bucket_of(const struct kademlia *state, const struct kademlia_words *id)
{
    struct kademlia_words distance = kademlia_distance(&state->id, id);
    uint32_t prefix = kademlia_prefix(&distance);
    return prefix < state->bucket_count ? prefix : state->bucket_count - 1u;
}

struct kademlia_bucket *kademlia_bucket_add(const struct kademlia_shared *shared, struct kademlia *state)
{
    struct kademlia_shared *slabs = (struct kademlia_shared *) shared;
    if (state->bucket_count == shared->bits)
        return NULL;
    if (state->bucket_count > 0 && shared->buckets.capacity - shared->buckets.live <= shared->first_buckets)
        return NULL;
    if (state->bucket_count == KADEMLIA_INLINE_BUCKETS && state->directory == 0)
        state->directory = base_slab_take(&slabs->directories);
    if (state->bucket_count >= KADEMLIA_INLINE_BUCKETS && state->directory == 0)
        return NULL;
    uint32_t handle = base_slab_take(&slabs->buckets);
    if (handle == 0)
        return NULL;
    *bucket_handle(shared, state, state->bucket_count++) = handle;
    return base_slab_at(&shared->buckets, handle);
}

/* --- slots --- */

static void slot_set(const struct kademlia_shared *shared, struct kademlia_bucket *bucket, uint32_t slot,
                     const uint8_t *id, peer_address address, uint32_t mark)
{
    bucket->addresses[slot] = address;
    bucket_marks(shared, bucket)[slot] = mark;
    octets_copy(bucket_id(shared, bucket, slot), id, shared->octets);
}

static void slot_copy(const struct kademlia_shared *shared, struct kademlia_bucket *to, uint32_t to_slot,
                      struct kademlia_bucket *from, uint32_t from_slot)
{
    if (to != from || to_slot != from_slot)
        slot_set(shared, to, to_slot, bucket_id(shared, from, from_slot), from->addresses[from_slot],
                 bucket_marks(shared, from)[from_slot]);
}

static uint32_t mark_now(const struct peer *peer)
{
    return kademlia_tick(peer) << MARK_TICK_SHIFT;
}

/* The spare seen the longest ago, or with `latest` the most recently; there is one. */
static uint32_t spare_by_age(struct peer *peer, struct kademlia_bucket *bucket, bool latest)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const uint32_t *marks = bucket_marks(shared, bucket);
    uint32_t best = shared->k, now = kademlia_tick(peer);
    for (uint32_t slot = best + 1; slot < shared->k + bucket->spare_count; slot++) {
        uint32_t age = mark_age(marks[slot], now), best_age = mark_age(marks[best], now);
        if (latest ? age < best_age : age > best_age)
            best = slot;
    }
    return best;
}

void kademlia_contact_append(struct peer *peer, struct kademlia_bucket *bucket, const uint8_t *id,
                             peer_address address)
{
    slot_set(peer_shared(peer), bucket, bucket->count++, id, address, mark_now(peer));
    peer_neighbour(peer, 0, address, true);
}

static void contact_replace(struct peer *peer, struct kademlia_bucket *bucket, uint32_t slot, const uint8_t *id,
                            peer_address address, uint32_t mark)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    bucket->stale_count = (uint16_t) (bucket->stale_count - bucket_is_stale(shared, bucket, slot));
    peer_neighbour(peer, 0, bucket->addresses[slot], false);
    slot_set(shared, bucket, slot, id, address, mark);
    peer_neighbour(peer, 0, address, true);
}

static void contact_remove(struct peer *peer, struct kademlia_bucket *bucket, uint32_t slot)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    bucket->stale_count = (uint16_t) (bucket->stale_count - bucket_is_stale(shared, bucket, slot));
    peer_neighbour(peer, 0, bucket->addresses[slot], false);
    slot_copy(shared, bucket, slot, bucket, --bucket->count);
}

/* --- the replacement cache --- */

static void spare_note(struct peer *peer, struct kademlia_bucket *bucket, const uint8_t *id, peer_address address)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    uint32_t first = shared->k, end = first + bucket->spare_count;
    uint32_t slot = bucket_find(bucket, first, end, address);
    if (slot < end) {
        bucket_marks(shared, bucket)[slot] = mark_now(peer);
        return;
    }
    if (end < shared->slots)
        bucket->spare_count++;
    else
        slot = spare_by_age(peer, bucket, false);
    slot_set(shared, bucket, slot, id, address, mark_now(peer));
}

/* Puts the most recently seen spare in the place of a stale contact; keeps the contact when there is none. */
static void spare_promote(struct peer *peer, struct kademlia_bucket *bucket, uint32_t slot)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    while (bucket->spare_count > 0) {
        uint32_t end = shared->k + bucket->spare_count;
        uint32_t spare = spare_by_age(peer, bucket, true);
        bool known = bucket_find_id(shared, bucket, bucket_id(shared, bucket, spare)) < bucket->count;
        if (!known)
            contact_replace(peer, bucket, slot, bucket_id(shared, bucket, spare), bucket->addresses[spare],
                            bucket_marks(shared, bucket)[spare]);
        slot_copy(shared, bucket, spare, bucket, end - 1);
        bucket->spare_count--;
        if (!known)
            return;
    }
}

/* --- the table reacts --- */

/* Moves what shares more bits than the bucket's index to a new bucket behind it. */
static bool split(const struct kademlia_shared *shared, struct kademlia *state)
{
    uint32_t index = state->bucket_count - 1u;
    struct kademlia_bucket *far = kademlia_bucket_at(shared, state, index);
    struct kademlia_bucket *near = kademlia_bucket_add(shared, state);
    if (near == NULL)
        return false;
    near->refresh_tick = far->refresh_tick;
    uint32_t kept = 0, stale_kept = 0;
    for (uint32_t slot = 0; slot < far->count; slot++) {
        struct kademlia_words id = bucket_words(shared, far, slot);
        bool stays = kademlia_bucket_of(state, &id) == index;
        stale_kept += stays && bucket_is_stale(shared, far, slot);
        slot_copy(shared, stays ? far : near, stays ? kept++ : near->count++, far, slot);
    }
    far->count = (uint16_t) kept;
    far->spare_count = 0; /* there are none, but where memory ran out earlier */
    near->stale_count = (uint16_t) (far->stale_count - stale_kept);
    far->stale_count = (uint16_t) stale_kept;
    return true;
}

static void newcomer(struct peer *peer, const struct kademlia_words *id, const uint8_t *octets, peer_address address)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    uint32_t index = kademlia_bucket_of(state, id);
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, index);
    while (bucket->count == shared->k && index == state->bucket_count - 1u && split(shared, state)) {
        index = kademlia_bucket_of(state, id);
        bucket = kademlia_bucket_at(shared, state, index);
    }
    if (bucket->count == shared->k && bucket->stale_count == 0) {
        spare_note(peer, bucket, octets, address);
        kademlia_probe_oldest(peer, bucket);
        return;
    }
    uint32_t slot = bucket_find_id(shared, bucket, octets);
    bool known = slot < bucket->count; /* at another address, which keeps its place for as long as it answers */
    if (!known)
        slot = bucket->count < shared->k ? bucket->count : bucket_first_stale(shared, bucket);
    if (slot == bucket->count)
        kademlia_contact_append(peer, bucket, octets, address);
    else if (!known || bucket_is_stale(shared, bucket, slot))
        contact_replace(peer, bucket, slot, octets, address, mark_now(peer));
}

void kademlia_heard(struct peer *peer, const struct kademlia_words *id, const uint8_t *octets, peer_address address)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, kademlia_bucket_of(state, id));
    uint32_t slot = bucket_find(bucket, 0, bucket->count, address);
    if (slot < bucket->count && octets_equal(bucket_id(shared, bucket, slot), octets, shared->octets)) {
        uint32_t *mark = &bucket_marks(shared, bucket)[slot];
        bucket->stale_count = (uint16_t) (bucket->stale_count - bucket_is_stale(shared, bucket, slot));
        *mark = mark_now(peer) | (*mark & MARK_PROBING);
        return;
    }
    if (slot < bucket->count)
        contact_remove(peer, bucket, slot); /* it goes by another id now */
    newcomer(peer, id, octets, address);
}

void kademlia_failed(struct peer *peer, const struct kademlia_words *id, peer_address address)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, kademlia_bucket_of(state, id));
    uint32_t slot = bucket_find(bucket, 0, bucket->count, address);
    if (slot == bucket->count)
        return;
    bool was_stale = bucket_is_stale(shared, bucket, slot);
    if (bucket_failures(shared, bucket, slot) < MARK_FAILURES)
        bucket_marks(shared, bucket)[slot]++;
    if (!bucket_is_stale(shared, bucket, slot)) {
        kademlia_probe_slot(peer, bucket, slot); /* lost or dead? ask again at once */
        return;
    }
    bucket->stale_count = (uint16_t) (bucket->stale_count + !was_stale);
    spare_promote(peer, bucket, slot);
}

uint32_t kademlia_contact_count(const struct kademlia_shared *shared, const struct kademlia *state)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < state->bucket_count; i++)
        count += kademlia_bucket_at(shared, state, i)->count;
    return count;
}

void kademlia_table_release(struct peer *peer)
{
    struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    for (uint32_t i = 0; i < state->bucket_count; i++)
        base_slab_give(&shared->buckets, *bucket_handle(shared, state, i));
    if (state->directory != 0)
        base_slab_give(&shared->directories, state->directory);
    state->bucket_count = 0;
    state->directory = 0;
}

/* --- invariants --- */

static uint32_t last_octet(const struct kademlia_shared *shared, struct kademlia_bucket *bucket, uint32_t slot)
{
    return bucket_id(shared, bucket, slot)[shared->octets - 1];
}

/* Whether a slot before has this id or this address. Few ids end alike, so most often their last octets say no. */
static bool is_there_again(const struct kademlia_shared *shared, struct kademlia_bucket *bucket, uint32_t slot)
{
    uint32_t address = bucket->addresses[slot], last = last_octet(shared, bucket, slot);
    for (uint32_t before = 0; before < slot; before++)
        if ((bucket->addresses[before] == address) | (last_octet(shared, bucket, before) == last))
            return bucket_find_id(shared, bucket, bucket_id(shared, bucket, slot)) != slot ||
                   bucket_find(bucket, 0, slot, address) != slot;
    return false;
}

static const char *bucket_check(const struct kademlia_shared *shared, const struct kademlia *state, uint32_t index)
{
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, index);
    uint32_t stale = 0;
    if (bucket->count > shared->k || bucket->spare_count > shared->slots - shared->k)
        return "a bucket holds more than it may";
    for (uint32_t slot = 0; slot < bucket->count; slot++) {
        struct kademlia_words id = bucket_words(shared, bucket, slot);
        stale += bucket_is_stale(shared, bucket, slot);
        if (kademlia_words_equal(&id, &state->id))
            return "a peer is its own contact";
        if (kademlia_bucket_of(state, &id) != index)
            return "a contact is in the wrong bucket";
        if (is_there_again(shared, bucket, slot))
            return "a contact is in its bucket twice";
    }
    return stale == bucket->stale_count ? NULL : "a bucket's count of stale contacts is wrong";
}

const char *kademlia_table_check(struct peer *peer)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    const char *violation = NULL;
    for (uint32_t i = 0; violation == NULL && i < state->bucket_count; i++)
        violation = bucket_check(shared, state, i);
    return violation;
}
