/* Identifiers as three machine words, big-endian, so that distances compare and prefixes count without loops. */
#ifndef SIM_OVERLAYS_KADEMLIA_ID_H
#define SIM_OVERLAYS_KADEMLIA_ID_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sim/peer.h"

#define KADEMLIA_ID_OCTETS 20 /* the most: 160 bits */

/* An id, or the XOR of two: the distance. Ids of fewer bits are followed by zeros. Packed, so that what holds one
 * wastes nothing; processors that care about alignment get code that does. */
struct __attribute__((packed, aligned(4))) kademlia_words {
    uint64_t high, middle;
    uint32_t low;
};
_Static_assert(sizeof(struct kademlia_words) == KADEMLIA_ID_OCTETS, "no padding");

static inline struct kademlia_words kademlia_words_load(const uint8_t *octets, uint32_t octet_count)
{
    uint8_t padded[KADEMLIA_ID_OCTETS];
    if (octet_count != KADEMLIA_ID_OCTETS) {
        memset(padded, 0, sizeof padded);
        memcpy(padded, octets, octet_count);
        octets = padded;
    }
    struct kademlia_words words;
    memcpy(&words.high, octets, 8);
    memcpy(&words.middle, octets + 8, 8);
    memcpy(&words.low, octets + 16, 4);
    return (struct kademlia_words){be64toh(words.high), be64toh(words.middle), be32toh(words.low)};
}

static inline void kademlia_words_store(const struct kademlia_words *words, struct overlay_id *id)
{
    uint64_t high = htobe64(words->high), middle = htobe64(words->middle);
    uint32_t low = htobe32(words->low);
    memcpy(id->octets, &high, 8);
    memcpy(id->octets + 8, &middle, 8);
    memcpy(id->octets + 16, &low, 4);
}

static inline struct kademlia_words kademlia_distance(const struct kademlia_words *a, const struct kademlia_words *b)
{
    return (struct kademlia_words){a->high ^ b->high, a->middle ^ b->middle, a->low ^ b->low};
}

static inline bool kademlia_closer(const struct kademlia_words *a, const struct kademlia_words *b)
{
    if (a->high != b->high)
        return a->high < b->high;
    return a->middle != b->middle ? a->middle < b->middle : a->low < b->low;
}

static inline bool kademlia_words_equal(const struct kademlia_words *a, const struct kademlia_words *b)
{
    return a->high == b->high && a->middle == b->middle && a->low == b->low;
}

/* The zero bits that a distance begins with: how many bits of prefix the two ids share; 160 when they are equal. */
static inline uint32_t kademlia_prefix(const struct kademlia_words *distance)
{
    if (distance->high != 0)
        return (uint32_t) __builtin_clzll(distance->high);
    if (distance->middle != 0)
        return 64 + (uint32_t) __builtin_clzll(distance->middle);
    return 128 + (distance->low != 0 ? (uint32_t) __builtin_clz(distance->low) : 32);
}

/* Bit 0 is the most significant. */
static inline uint32_t kademlia_bit(const struct kademlia_words *words, uint32_t bit)
{
    if (bit < 64)
        return (uint32_t) (words->high >> (63 - bit)) & 1;
    return bit < 128 ? (uint32_t) (words->middle >> (127 - bit)) & 1 : (words->low >> (159 - bit)) & 1;
}

static inline void kademlia_flip(struct kademlia_words *words, uint32_t bit)
{
    if (bit < 64)
        words->high ^= UINT64_C(1) << (63 - bit);
    else if (bit < 128)
        words->middle ^= UINT64_C(1) << (127 - bit);
    else
        words->low ^= UINT32_C(1) << (159 - bit);
}

/* The ones of a mask that keeps the first bit_count bits of a word of width bits beginning at bit `first`. */
static inline uint64_t kademlia_mask(uint32_t bit_count, uint32_t first)
{
    if (bit_count <= first)
        return 0;
    return bit_count - first >= 64 ? UINT64_MAX : ~(UINT64_MAX >> (bit_count - first));
}

/* Keeps the first bit_count bits and makes the rest zero. */
static inline struct kademlia_words kademlia_first_bits(const struct kademlia_words *words, uint32_t bit_count)
{
    return (struct kademlia_words){words->high & kademlia_mask(bit_count, 0),
                                   words->middle & kademlia_mask(bit_count, 64),
                                   words->low & (uint32_t) (kademlia_mask(bit_count, 128) >> 32)};
}

#endif
