/* A bucket's slots: [0, count) are contacts, [k, k + spare_count) the replacement cache.
 *
 * After the header come, by slot, the addresses, the marks and the ids: a message's sender is found in one or two cache
 * lines of addresses, and only its own mark and id are touched besides. A mark says when the contact was last heard
 * from and how often it failed since, in one word. Inline: the hot path of every message. */
#ifndef SIM_OVERLAYS_KADEMLIA_BUCKET_H
#define SIM_OVERLAYS_KADEMLIA_BUCKET_H

#include "sim/overlays/kademlia.h"

#define MARK_FAILURES 0x7fu /* in a row, saturating */
#define MARK_PROBING 0x80u  /* a liveness check is under way */
#define MARK_TICK_SHIFT 8   /* above: the low 24 bits of the tick when it was last heard from */

struct kademlia_bucket {
    uint16_t count, spare_count;
    uint16_t stale_count;   /* contacts at the limit of failures, kept for want of a replacement */
    uint32_t refresh_tick;  /* when a lookup in its range falls due; 0: at once */
    uint32_t probe_tick;    /* no contact is questionable before it */
    peer_address addresses[];
};

static inline uint32_t *bucket_marks(const struct kademlia_shared *shared, struct kademlia_bucket *bucket)
{
    return (uint32_t *) (void *) ((uint8_t *) bucket + shared->marks_at);
}

static inline uint8_t *bucket_id(const struct kademlia_shared *shared, struct kademlia_bucket *bucket, uint32_t slot)
{
    return (uint8_t *) bucket + shared->ids_at + (size_t) slot * shared->octets;
}

static inline struct kademlia_words bucket_words(const struct kademlia_shared *shared, struct kademlia_bucket *bucket,
                                                 uint32_t slot)
{
    return kademlia_words_load(bucket_id(shared, bucket, slot), shared->octets);
}

static inline uint32_t bucket_failures(const struct kademlia_shared *shared, struct kademlia_bucket *bucket,
                                       uint32_t slot)
{
    return bucket_marks(shared, bucket)[slot] & MARK_FAILURES;
}

static inline bool bucket_is_stale(const struct kademlia_shared *shared, struct kademlia_bucket *bucket, uint32_t slot)
{
    return bucket_failures(shared, bucket, slot) >= shared->failure_limit;
}

/* Ticks since a contact was heard from. Modular: ages below 52 days compare. */
static inline uint32_t mark_age(uint32_t mark, uint32_t now_tick)
{
    return (now_tick - (mark >> MARK_TICK_SHIFT)) & (UINT32_MAX >> MARK_TICK_SHIFT);
}

/* The slot of an address in [first, end); end when it is not there. */
static inline uint32_t bucket_find(const struct kademlia_bucket *bucket, uint32_t first, uint32_t end,
                                   peer_address address)
{
    uint32_t slot = first;
    while (slot < end && bucket->addresses[slot] != address)
        slot++;
    return slot;
}

static inline bool octets_equal(const uint8_t *a, const uint8_t *b, uint32_t octet_count)
{
    if (octet_count == KADEMLIA_ID_OCTETS)
        return memcmp(a, b, KADEMLIA_ID_OCTETS) == 0; /* a constant length: inline */
    return memcmp(a, b, octet_count) == 0;
}

static inline void octets_copy(uint8_t *to, const uint8_t *from, uint32_t octet_count)
{
    if (octet_count == KADEMLIA_ID_OCTETS)
        memcpy(to, from, KADEMLIA_ID_OCTETS);
    else
        memcpy(to, from, octet_count);
}

/* The slot of an id among the contacts; count when it is not there. Reads all ids: not for every message. */
static inline uint32_t bucket_find_id(const struct kademlia_shared *shared, struct kademlia_bucket *bucket,
                                      const uint8_t *id)
{
    uint32_t slot = 0;
    while (slot < bucket->count && !octets_equal(bucket_id(shared, bucket, slot), id, shared->octets))
        slot++;
    return slot;
}

static inline uint32_t bucket_first_stale(const struct kademlia_shared *shared, struct kademlia_bucket *bucket)
{
    uint32_t slot = 0;
    while (slot < bucket->count && !bucket_is_stale(shared, bucket, slot))
        slot++;
    return slot;
}

#endif
