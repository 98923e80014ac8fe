/* Arithmetic on Chord's ring: identifiers of up to 160 bits as three machine words, left-aligned, so that the ring of
 * 2^bits ids is the ring of all values and wraps by itself. */
#ifndef SIM_OVERLAYS_CHORD_RING_H
#define SIM_OVERLAYS_CHORD_RING_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sim/peer.h"

#define CHORD_ID_OCTETS 20 /* the most: 160 bits */

/* Packed, so that a table entry of a wide id is 24 octets. */
struct __attribute__((packed, aligned(4))) chord_id {
    uint64_t high, middle;
    uint32_t low;
};
_Static_assert(sizeof(struct chord_id) == CHORD_ID_OCTETS, "no padding");

static inline struct chord_id chord_id_load(const uint8_t *octets, uint32_t octet_count)
{
    struct chord_id id = {0};
    memcpy(&id, octets, octet_count);
    return (struct chord_id){be64toh(id.high), be64toh(id.middle), be32toh(id.low)};
}

/* An id of 1 to 4 octets that ends at `end`, left-aligned by shift, which is 32 - 8 times its octets. At least four octets
 * of the message end there. */
static inline uint32_t chord_narrow_before(const uint8_t *end, uint32_t shift)
{
    uint32_t value;
    memcpy(&value, end - sizeof value, sizeof value);
    return be32toh(value) << shift;
}

/* The same with two octets before it at least. */
static inline uint32_t chord_narrow_load(const uint8_t *octets, uint32_t octet_count)
{
    if (octet_count < 2)
        return (uint32_t) octets[0] << 24;
    return chord_narrow_before(octets + octet_count, 32 - 8 * octet_count);
}

static inline void chord_id_store(const struct chord_id *id, uint8_t octets[CHORD_ID_OCTETS])
{
    struct chord_id swapped = {htobe64(id->high), htobe64(id->middle), htobe32(id->low)};
    memcpy(octets, &swapped, sizeof swapped);
}

static inline bool chord_id_equal(const struct chord_id *a, const struct chord_id *b)
{
    return a->high == b->high && a->middle == b->middle && a->low == b->low;
}

/* As numbers; of two distances: which is shorter. */
static inline bool chord_id_less(const struct chord_id *a, const struct chord_id *b)
{
    if (a->high != b->high)
        return a->high < b->high;
    return a->middle != b->middle ? a->middle < b->middle : a->low < b->low;
}

/* How far one walks clockwise from `from` to `to`. */
static inline struct chord_id chord_distance(const struct chord_id *from, const struct chord_id *to)
{
    uint32_t low_borrows = to->low < from->low;
    uint64_t middle = to->middle - from->middle - low_borrows;
    bool middle_borrows = to->middle < from->middle || (to->middle == from->middle && low_borrows);
    return (struct chord_id){to->high - from->high - middle_borrows, middle, to->low - from->low};
}

static inline struct chord_id chord_sum(const struct chord_id *a, const struct chord_id *b)
{
    uint32_t low = a->low + b->low;
    bool low_carries = low < a->low;
    uint64_t middle = a->middle + b->middle + low_carries;
    bool middle_carries = middle < a->middle || (middle == a->middle && low_carries);
    return (struct chord_id){a->high + b->high + middle_carries, middle, low};
}

static inline bool chord_id_is_zero(const struct chord_id *id)
{
    return (id->high | id->middle | id->low) == 0;
}

/* Whether x lies in (after, last]; where the ends are equal that is the whole ring. */
static inline bool chord_in_half_open(const struct chord_id *after, const struct chord_id *x, const struct chord_id *last)
{
    struct chord_id span = chord_distance(after, last), to_x = chord_distance(after, x);
    if (chord_id_is_zero(&span))
        return true;
    return !chord_id_is_zero(&to_x) && !chord_id_less(&span, &to_x);
}

/* Whether x lies in (after, before); where the ends are equal that is the ring without them. */
static inline bool chord_in_open(const struct chord_id *after, const struct chord_id *x, const struct chord_id *before)
{
    return !chord_id_equal(x, before) && !chord_id_equal(x, after) && chord_in_half_open(after, x, before);
}

/* 2^exponent of an id of so many bits, exponent < bits. */
static inline struct chord_id chord_power(uint32_t bits, uint32_t exponent)
{
    uint32_t at = bits - 1 - exponent; /* from the most significant bit */
    struct chord_id power = {0};
    if (at < 64)
        power.high = UINT64_C(1) << (63 - at);
    else if (at < 128)
        power.middle = UINT64_C(1) << (127 - at);
    else
        power.low = UINT32_C(1) << (159 - at);
    return power;
}

#endif
