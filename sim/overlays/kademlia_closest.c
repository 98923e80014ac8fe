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

/* Takes from a bucket's usable contacts the ones that still have room, the closest where not all have. */
static void select_from(struct selection *selection, struct kademlia_bucket *bucket)
{
    const struct kademlia_shared *shared = selection->shared;
    const uint32_t *marks = bucket_marks(shared, bucket);
    uint32_t usable[KADEMLIA_K_MAX], usable_count = 0, room = shared->k - selection->count;
    for (uint32_t slot = 0; slot < bucket->count; slot++)
        if ((marks[slot] & MARK_FAILURES) < selection->failure_bound && bucket->addresses[slot] != selection->but)
            usable[usable_count++] = slot;
    if (usable_count > room) {
        keep_closest(selection, bucket, usable, usable_count, room);
        usable_count = room;
    }
    for (uint32_t i = 0; i < usable_count; i++)
        selection->contacts[selection->count++] =
            (struct kademlia_contact){bucket_id(shared, bucket, usable[i]), bucket->addresses[usable[i]]};
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
