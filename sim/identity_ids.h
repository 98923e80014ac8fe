/* Drawing and ordering the overlay ids of an instance (internal to identity*.c).
 *
 *     identity_ids.c     what an id is: stored, or drawn anew
 *     identity_table.c   ids without repetition, and their order
 *     identity_places.c  where an id stands in the order */
#ifndef SIM_IDENTITY_IDS_H
#define SIM_IDENTITY_IDS_H

#include "sim/identity.h"

/* Fills ids and all that stands by place of an instance whose groups, bits and counts are set: uniform ids without
 * repetition, a peer's keyed by (seed, "id", group name, index, attempt). Of two peers that draw the same id the later
 * one draws again, so that groups added behind leave the ids as they were. member_count <= 2^id_bits. 0, -ENOMEM, or
 * -EINTR once *stop is not 0 (NULL: never). */
int identity_draw_ids(const struct identity *identity, struct identity_instance *instance,
                      const volatile sig_atomic_t *stop) __attribute__((warn_unused_result));

/* --- identity_ids.c --- */
uint64_t identity_id_key(const struct identity_instance *instance, uint32_t number);
/* The id of a key at an attempt, id_octets. */
void identity_draw(const struct identity_instance *instance, uint64_t key, uint64_t attempt, uint8_t *id);
/* Below 0, 0, above 0: as the id of number a comes before that of b, is the same, comes behind. */
int identity_compare(const struct identity_instance *instance, uint32_t a, uint32_t b);
static inline uint8_t *identity_stored(const struct identity_instance *instance, uint32_t number)
{
    return instance->ids + (size_t) number * instance->id_octets;
}

/* Ids, or slots of their table, that are asked of the cache while another is looked at. */
#define IDENTITY_AHEAD 32

/* --- identity_places.c --- */
int identity_find_places(const struct identity *identity, struct identity_instance *instance,
                         const volatile sig_atomic_t *stop); /* from the order: 0 or -EINTR */

/* Whether one is told to stop, asked once in so many ids: a few milliseconds. */
#define IDENTITY_STOP_EVERY 65536u
static inline bool identity_stops(const volatile sig_atomic_t *stop, size_t done)
{
    return done % IDENTITY_STOP_EVERY == 0 && stop && *stop;
}

#endif
