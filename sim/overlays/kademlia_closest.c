/* The k contacts closest to a key, for replies and for the start of lookups. */
#include "sim/overlays/kademlia_bucket.h"

struct selection {
    const struct kademlia_shared *shared;
    struct kademlia_contact *contacts;
    uint32_t count, failure_bound;
    peer_address but;
    struct kademlia_words key;
};

/* Whether the contact in slot a is closer than the one in slot b; their distances' first words nearly always say it. */
static bool slot_closer(const struct selection *selection, struct kademlia_bucket *bucket, const uint64_t first[2],
                        uint32_t a, uint32_t b)
{
    if (__builtin_expect(first[0] != first[1], 1))
        return first[0] < first[1];
    struct kademlia_words ids[2] = {bucket_words(selection->shared, bucket, a),
                                    bucket_words(selection->shared, bucket, b)};
    ids[0] = kademlia_distance(&ids[0], &selection->key);
    ids[1] = kademlia_distance(&ids[1], &selection->key);
    return kademlia_closer(&ids[0], &ids[1]);
}

/* Of the slots in usable, moves the `room` closest to the front: an insertion sort that forgets what falls off its
 * end. */
static void keep_closest(const struct selection *selection, struct kademlia_bucket *bucket, uint32_t *usable,
                         uint32_t usable_count, uint32_t room)
{
    uint64_t distances[KADEMLIA_K_MAX]; /* their first words */
    for (uint32_t i = 0; i < usable_count; i++) {
        uint32_t slot = usable[i], place = i < room ? i : room;
        uint64_t distance = bucket_words(selection->shared, bucket, slot).high ^ selection->key.high;
        for (; place > 0 && slot_closer(selection, bucket, (uint64_t[]){distance, distances[place - 1]}, slot,
                                        usable[place - 1]); place--)
            if (place < room) {
                distances[place] = distances[place - 1];
                usable[place] = usable[place - 1];
            }
        if (place < room) {
            distances[place] = distance;
            usable[place] = slot;
        }
    }
}

/* --- up to 24 at once --- */

#define LANES 4
#define RANKED_MAX 24 /* k and some; as many lanes as processors without AVX have registers for */

typedef int32_t lanes __attribute__((vector_size(LANES * sizeof(int32_t))));

union ranked {
    lanes vectors[RANKED_MAX / LANES];
    int32_t numbers[RANKED_MAX];
};

/* What a contact of this bucket differs in, of its distance: the 32 bits behind those that the whole bucket shares, as
 * a signed number that compares alike. */
static int32_t telling_bits(const struct selection *selection, struct kademlia_bucket *bucket, uint32_t index,
                            uint32_t slot)
{
    uint64_t first_word;
    memcpy(&first_word, bucket_id(selection->shared, bucket, slot), sizeof first_word);
    uint64_t distance = be64toh(first_word) ^ selection->key.high;
    return (int32_t) ((uint32_t) (distance << (index < 32 ? index : 32) >> 32) ^ 0x80000000);
}

/* Sorts the slots in usable by distance without a branch that could not be foreseen: a contact's place is how many are
 * closer. False, and nothing is changed, where the bits looked at do not tell all of them apart. */
static bool rank(const struct selection *selection, struct kademlia_bucket *bucket, uint32_t index, uint32_t *usable,
                 uint32_t count)
{
    union ranked bits, places;
    lanes closer[RANKED_MAX / LANES] = {{0}};
    uint32_t ranked[RANKED_MAX], taken = 0;
    for (uint32_t i = 0; i < RANKED_MAX; i++)
        bits.numbers[i] = i < count ? telling_bits(selection, bucket, index, usable[i]) : INT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        lanes one = (lanes){0} + bits.numbers[i];
#pragma GCC unroll 6
        for (uint32_t vector = 0; vector < RANKED_MAX / LANES; vector++)
            closer[vector] -= one < bits.vectors[vector];
    }
    memcpy(&places, closer, sizeof places);
    for (uint32_t i = 0; i < count; i++) {
        ranked[places.numbers[i]] = usable[i];
        taken |= 1u << places.numbers[i];
    }
    if (taken != (1u << count) - 1)
        return false;
    memcpy(usable, ranked, count * sizeof *usable);
    return true;
}

/* --- a bucket's contacts --- */

/* Whether it is plain at once that all can be named: none has an open failure, none is the one to leave out. */
static bool all_usable(const struct selection *selection, struct kademlia_bucket *bucket)
{
    const uint32_t *marks = bucket_marks(selection->shared, bucket), *addresses = bucket->addresses;
    lanes out = {0}, but = (lanes){0} + (int32_t) selection->but;
    uint32_t slot = 0, rest = 0;
    for (; slot + LANES <= bucket->count; slot += LANES) {
        lanes four[2];
        memcpy(&four[0], marks + slot, sizeof four[0]);
        memcpy(&four[1], addresses + slot, sizeof four[1]);
        out |= (four[0] & (int32_t) MARK_FAILURES) | (four[1] == but);
    }
    for (; slot < bucket->count; slot++)
        rest |= (marks[slot] & MARK_FAILURES) | (addresses[slot] == selection->but);
    return ((uint32_t) (out[0] | out[1] | out[2] | out[3]) | rest) == 0;
}

static uint32_t usable_slots(const struct selection *selection, struct kademlia_bucket *bucket, uint32_t *usable)
{
    const uint32_t *marks = bucket_marks(selection->shared, bucket);
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < bucket->count; slot++) {
        usable[count] = slot;
        count += ((marks[slot] & MARK_FAILURES) < selection->failure_bound) &
                 (bucket->addresses[slot] != selection->but);
    }
    return count;
}

static void take(struct selection *selection, struct kademlia_bucket *bucket, uint32_t slot)
{
    selection->contacts[selection->count++] =
        (struct kademlia_contact){bucket_id(selection->shared, bucket, slot), bucket->addresses[slot]};
}

/* Takes from a bucket's usable contacts the ones that still have room, the closest where not all have. */
static void select_from(struct selection *selection, const struct kademlia *state, uint32_t index)
{
    const struct kademlia_shared *shared = selection->shared;
    struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, index);
    uint32_t usable[KADEMLIA_K_MAX], room = shared->k - selection->count;
    if (bucket->count <= room && all_usable(selection, bucket)) {
        for (uint32_t slot = 0; slot < bucket->count; slot++)
            take(selection, bucket, slot);
        return;
    }
    uint32_t count = usable_slots(selection, bucket, usable);
    if (count > room) {
        if (count > RANKED_MAX || !rank(selection, bucket, index, usable, count))
            keep_closest(selection, bucket, usable, count, room);
        count = room;
    }
    for (uint32_t i = 0; i < count; i++)
        take(selection, bucket, usable[i]);
}

/* Buckets in the order of their distance from key: first the one that key belongs in; then, of the nearer ones, those
 * in whose first differing bit key sides with them, outermost first, the last bucket, and the others, innermost
 * first; then the farther ones. So no bucket has to be compared with another, and mostly one bucket answers it all. */
uint32_t kademlia_closest(struct peer *peer, const struct kademlia_words *key, uint32_t failure_bound,
                          peer_address but, struct kademlia_contact contacts[KADEMLIA_K_MAX])
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    struct selection selection = {.shared = shared, .contacts = contacts, .failure_bound = failure_bound, .but = but,
                                  .key = *key};
    struct kademlia_words distance = kademlia_distance(&state->id, key);
    uint32_t own = kademlia_bucket_of(state, key), last = state->bucket_count - 1u;
    select_from(&selection, state, own);
    for (uint32_t i = own + 1; i < last && selection.count < shared->k; i++)
        if (kademlia_bit(&distance, i))
            select_from(&selection, state, i);
    if (own < last && selection.count < shared->k)
        select_from(&selection, state, last);
    for (uint32_t i = last; i > own + 1 && selection.count < shared->k; i--)
        if (!kademlia_bit(&distance, i - 1))
            select_from(&selection, state, i - 1);
    for (uint32_t i = own; i > 0 && selection.count < shared->k; i--)
        select_from(&selection, state, i - 1);
    return selection.count;
}
