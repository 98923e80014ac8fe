/* A converged start: full buckets at time 0, drawn from all that are up then. */
#include "sim/overlays/kademlia_bucket.h"

#include "reactor/base/assert.h"

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

/* The census is in order of the ids, so those that share a prefix are a range of ranks, and one search a bucket parts
 * it at the next bit: this peer's own half goes on to be parted, the other half is the bucket's choice. */
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
