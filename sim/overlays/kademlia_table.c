/* The routing table: who is known, who is replaced.
 *
 * Bucket i holds contacts that share exactly i bits of prefix with this peer; the last one holds all that share more, and
 * splits when it is full, as in section 2.4 of the paper. Slots are in no order: the tick when a contact was last heard
 * from says who is the least recently seen, and saves moving contacts on every message. */
#include "sim/overlays/kademlia.h"

#define FAILURES 0x7f /* in a row, saturating */
#define PROBING 0x80  /* a liveness check is under way */

static uint32_t *seen_of(const struct kademlia_shared *shared, struct kademlia_bucket *bucket)
{
    return (uint32_t *) (void *) ((uint8_t *) bucket + shared->seen_at);
}

static uint8_t *failures_of(const struct kademlia_shared *shared, struct kademlia_bucket *bucket)
{
    return (uint8_t *) bucket + shared->failures_at;
}

static uint8_t *id_at(const struct kademlia_shared *shared, struct kademlia_bucket *bucket, uint32_t slot)
{
    return (uint8_t *) bucket + shared->ids_at + (size_t) slot * shared->octets;
}

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

static uint32_t find_address(const struct kademlia_bucket *bucket, uint32_t first, uint32_t end, peer_address address)
{
    uint32_t slot = first;
    while (slot < end && bucket->addresses[slot] != address)
        slot++;
    return slot;
}

static uint32_t find_id(const struct kademlia_shared *shared, struct kademlia_bucket *bucket, const uint8_t *id)
{
    uint32_t slot = 0;
    while (slot < bucket->count && memcmp(id_at(shared, bucket, slot), id, shared->octets) != 0)
        slot++;
    return slot;
}

static void slot_set(const struct kademlia_shared *shared, struct kademlia_bucket *bucket, uint32_t slot,
                     const uint8_t *id, peer_address address, uint32_t seen)
{
    bucket->addresses[slot] = address;
    seen_of(shared, bucket)[slot] = seen;
    failures_of(shared, bucket)[slot] = 0;
    memcpy(id_at(shared, bucket, slot), id, shared->octets);
}

static void slot_copy(const struct kademlia_shared *shared, struct kademlia_bucket *to, uint32_t to_slot,
                      struct kademlia_bucket *from, uint32_t from_slot)
{
    if (to == from && to_slot == from_slot)
        return;
    slot_set(shared, to, to_slot, id_at(shared, from, from_slot), from->addresses[from_slot],
             seen_of(shared, from)[from_slot]);
    failures_of(shared, to)[to_slot] = failures_of(shared, from)[from_slot];
}

static bool is_stale(const struct kademlia_shared *shared, struct kademlia_bucket *bucket, uint32_t slot)
{
    return (failures_of(shared, bucket)[slot] & FAILURES) >= shared->failure_limit;
}

/* The slot in [first, end) seen the longest ago, or with `latest` the most recently; end > first. */
static uint32_t by_seen(const struct kademlia_shared *shared, struct kademlia_bucket *bucket, uint32_t first,
                        uint32_t end, bool latest)
{
    const uint32_t *seen = seen_of(shared, bucket);
    uint32_t best = first;
    for (uint32_t slot = first + 1; slot < end; slot++)
        if (latest ? seen[slot] > seen[best] : seen[slot] < seen[best])
            best = slot;
    return best;
}

void kademlia_contact_append(struct peer *peer, struct kademlia_bucket *bucket, const uint8_t *id,
                             peer_address address)
{
    slot_set(peer_shared(peer), bucket, bucket->count++, id, address, kademlia_tick(peer));
    peer_neighbour(peer, 0, address, true);
}

static void contact_replace(struct peer *peer, struct kademlia_bucket *bucket, uint32_t slot, const uint8_t *id,
                            peer_address address, uint32_t seen)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    bucket->stale_count = (uint16_t) (bucket->stale_count - is_stale(shared, bucket, slot));
    peer_neighbour(peer, 0, bucket->addresses[slot], false);
    slot_set(shared, bucket, slot, id, address, seen);
    peer_neighbour(peer, 0, address, true);
}

static void contact_remove(struct peer *peer, struct kademlia_bucket *bucket, uint32_t slot)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    bucket->stale_count = (uint16_t) (bucket->stale_count - is_stale(shared, bucket, slot));
    peer_neighbour(peer, 0, bucket->addresses[slot], false);
    slot_copy(shared, bucket, slot, bucket, --bucket->count);
}

/* --- the replacement cache --- */

static void spare_note(struct peer *peer, struct kademlia_bucket *bucket, const uint8_t *id, peer_address address)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    uint32_t first = shared->k, end = first + bucket->spare_count;
    uint32_t slot = find_address(bucket, first, end, address);
    if (slot < end) {
        seen_of(shared, bucket)[slot] = kademlia_tick(peer);
        return;
    }
    if (end < shared->slots)
        bucket->spare_count++;
    else
        slot = by_seen(shared, bucket, first, end, false);
    slot_set(shared, bucket, slot, id, address, kademlia_tick(peer));
}

/* Puts the most recently seen spare in the place of a stale contact; keeps the contact when there is none. */
static void spare_promote(struct peer *peer, struct kademlia_bucket *bucket, uint32_t slot)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    while (bucket->spare_count > 0) {
        uint32_t end = shared->k + bucket->spare_count;
        uint32_t spare = by_seen(shared, bucket, shared->k, end, true);
        bool known = find_id(shared, bucket, id_at(shared, bucket, spare)) < bucket->count;
        if (!known)
            contact_replace(peer, bucket, slot, id_at(shared, bucket, spare), bucket->addresses[spare],
                            seen_of(shared, bucket)[spare]);
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
        struct kademlia_words id = kademlia_words_load(id_at(shared, far, slot), shared->octets);
        bool stays = kademlia_bucket_of(state, &id) == index;
        stale_kept += stays && is_stale(shared, far, slot);
        slot_copy(shared, stays ? far : near, stays ? kept++ : near->count++, far, slot);
    }
    far->count = (uint16_t) kept;
    far->spare_count = 0; /* there are none, but where memory ran out earlier */
    near->stale_count = (uint16_t) (far->stale_count - stale_kept);
    far->stale_count = (uint16_t) stale_kept;
    return true;
}

static uint32_t first_stale(const struct kademlia_shared *shared, struct kademlia_bucket *bucket)
{
    uint32_t slot = 0;
    while (slot < bucket->count && !is_stale(shared, bucket, slot))
        slot++;
    return slot;
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
        kademlia_probe_bucket(peer, bucket, false);
        return;
    }
    uint32_t slot = find_id(shared, bucket, octets);
    bool known = slot < bucket->count; /* at another address, which keeps its place for as long as it answers */
    if (!known)
        slot = bucket->count < shared->k ? bucket->count : first_stale(shared, bucket);
    if (slot == bucket->count)
        kademlia_contact_append(peer, bucket, octets, address);
    else if (!known || is_stale(shared, bucket, slot))
        contact_replace(peer, bucket, slot, octets, address, kademlia_tick(peer));
}

void kademlia_heard(struct peer *peer, const struct kademlia_words *id, const uint8_t *octets, peer_address address)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, kademlia_bucket_of(state, id));
    uint32_t slot = find_address(bucket, 0, bucket->count, address);
    if (slot < bucket->count && memcmp(id_at(shared, bucket, slot), octets, shared->octets) == 0) {
        uint8_t *failures = &failures_of(shared, bucket)[slot];
        bucket->stale_count = (uint16_t) (bucket->stale_count - is_stale(shared, bucket, slot));
        *failures &= PROBING;
        seen_of(shared, bucket)[slot] = kademlia_tick(peer);
        return;
    }
    if (slot < bucket->count)
        contact_remove(peer, bucket, slot); /* it goes by another id now */
    newcomer(peer, id, octets, address);
}

static void slot_probe(struct peer *peer, struct kademlia_bucket *bucket, uint32_t slot)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    uint8_t *failures = &failures_of(shared, bucket)[slot];
    if (*failures & PROBING)
        return;
    struct kademlia_words id = kademlia_words_load(id_at(shared, bucket, slot), shared->octets);
    if (kademlia_probe(peer, bucket->addresses[slot], &id))
        *failures |= PROBING;
}

void kademlia_failed(struct peer *peer, const struct kademlia_words *id, peer_address address)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, kademlia_bucket_of(state, id));
    uint32_t slot = find_address(bucket, 0, bucket->count, address);
    if (slot == bucket->count)
        return;
    uint8_t *failures = &failures_of(shared, bucket)[slot];
    bool was_stale = is_stale(shared, bucket, slot);
    if ((*failures & FAILURES) < FAILURES)
        ++*failures;
    if (!is_stale(shared, bucket, slot)) {
        slot_probe(peer, bucket, slot); /* lost or dead? ask again at once */
        return;
    }
    bucket->stale_count = (uint16_t) (bucket->stale_count + !was_stale);
    spare_promote(peer, bucket, slot);
}

void kademlia_probe_done(struct peer *peer, const struct kademlia_words *id, peer_address address)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, kademlia_bucket_of(state, id));
    uint32_t slot = find_address(bucket, 0, bucket->count, address);
    if (slot < bucket->count)
        failures_of(shared, bucket)[slot] &= FAILURES;
}

static void probe_one_stale(struct peer *peer, struct kademlia_bucket *bucket)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    if (bucket->stale_count == 0)
        return;
    uint64_t skip = peer_random_below(peer, bucket->stale_count);
    uint32_t slot = first_stale(shared, bucket);
    while (skip > 0)
        skip -= is_stale(shared, bucket, ++slot);
    slot_probe(peer, bucket, slot);
}

void kademlia_probe_bucket(struct peer *peer, struct kademlia_bucket *bucket, bool stale)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    if (stale)
        probe_one_stale(peer, bucket);
    uint32_t now = kademlia_tick(peer), oldest = UINT32_MAX;
    if (bucket->count == 0 || now < bucket->probe_tick)
        return;
    const uint32_t *seen = seen_of(shared, bucket);
    for (uint32_t slot = 0; slot < bucket->count; slot++)
        if (!is_stale(shared, bucket, slot) && (oldest == UINT32_MAX || seen[slot] < seen[oldest]))
            oldest = slot;
    if (oldest == UINT32_MAX)
        return;
    bucket->probe_tick = seen[oldest] + shared->questionable_ticks;
    if (now >= bucket->probe_tick)
        slot_probe(peer, bucket, oldest);
}

/* --- the k closest --- */

struct selection {
    const struct kademlia_shared *shared;
    struct kademlia_contact *contacts;
    uint32_t count, failure_bound;
    peer_address but;
    struct kademlia_words key;
};

/* Takes from a bucket's usable contacts the ones that still have room, the closest where not all have. */
static void select_from(struct selection *selection, struct kademlia_bucket *bucket)
{
    const struct kademlia_shared *shared = selection->shared;
    const uint8_t *failures = failures_of(shared, bucket);
    uint32_t usable[KADEMLIA_K_MAX], usable_count = 0, room = shared->k - selection->count;
    for (uint32_t slot = 0; slot < bucket->count; slot++)
        if ((failures[slot] & FAILURES) < selection->failure_bound && bucket->addresses[slot] != selection->but)
            usable[usable_count++] = slot;
    if (usable_count > room) {
        struct kademlia_words distances[KADEMLIA_K_MAX];
        for (uint32_t i = 0; i < usable_count; i++) { /* the room closest, by insertion */
            uint32_t slot = usable[i], place = i < room ? i : room;
            struct kademlia_words id = kademlia_words_load(id_at(shared, bucket, slot), shared->octets);
            struct kademlia_words distance = kademlia_distance(&id, &selection->key);
            while (place > 0 && kademlia_closer(&distance, &distances[place - 1])) {
                if (place < room) {
                    distances[place] = distances[place - 1];
                    usable[place] = usable[place - 1];
                }
                place--;
            }
            if (place < room) {
                distances[place] = distance;
                usable[place] = slot;
            }
        }
        usable_count = room;
    }
    for (uint32_t i = 0; i < usable_count; i++)
        selection->contacts[selection->count++] =
            (struct kademlia_contact){id_at(shared, bucket, usable[i]), bucket->addresses[usable[i]]};
}

/* Buckets in the order of their distance from key: first the one that key belongs in; then, of the nearer ones, those in
 * whose first differing bit key sides with them, outermost first, the last bucket, and the others, innermost first; then
 * the farther ones. So no bucket has to be compared with another, and mostly one bucket answers it all. */
uint32_t kademlia_closest(struct peer *peer, const struct kademlia_words *key, uint32_t failure_bound,
                          peer_address but, struct kademlia_contact contacts[KADEMLIA_K_MAX])
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    struct selection selection = {.shared = shared, .contacts = contacts, .failure_bound = failure_bound, .but = but,
                                  .key = *key};
    struct kademlia_words distance = kademlia_distance(&state->id, key);
    uint32_t own = kademlia_bucket_of(state, key), last = state->bucket_count - 1u;
    select_from(&selection, kademlia_bucket_at(shared, state, own));
    for (uint32_t i = own + 1; i < last && selection.count < shared->k; i++)
        if (kademlia_bit(&distance, i))
            select_from(&selection, kademlia_bucket_at(shared, state, i));
    if (own < last && selection.count < shared->k)
        select_from(&selection, kademlia_bucket_at(shared, state, last));
    for (uint32_t i = last; i > own + 1 && selection.count < shared->k; i--)
        if (!kademlia_bit(&distance, i - 1))
            select_from(&selection, kademlia_bucket_at(shared, state, i - 1));
    for (uint32_t i = own; i > 0 && selection.count < shared->k; i--)
        select_from(&selection, kademlia_bucket_at(shared, state, i - 1));
    return selection.count;
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

static const char *bucket_check(const struct kademlia_shared *shared, const struct kademlia *state, uint32_t index)
{
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, index);
    uint32_t stale = 0;
    if (bucket->count > shared->k || bucket->spare_count > shared->slots - shared->k)
        return "a bucket holds more than it may";
    for (uint32_t slot = 0; slot < bucket->count; slot++) {
        struct kademlia_words id = kademlia_words_load(id_at(shared, bucket, slot), shared->octets);
        stale += is_stale(shared, bucket, slot);
        if (kademlia_words_equal(&id, &state->id))
            return "a peer is its own contact";
        if (kademlia_bucket_of(state, &id) != index)
            return "a contact is in the wrong bucket";
        if (find_id(shared, bucket, id_at(shared, bucket, slot)) != slot ||
            find_address(bucket, 0, bucket->count, bucket->addresses[slot]) != slot)
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
