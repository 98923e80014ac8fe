/* A sorted set of keys of one width, as octets: an array in a slab of the least power of two that holds it. */
#ifndef SIM_OVERLAYS_CHORD_KEYS_H
#define SIM_OVERLAYS_CHORD_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "reactor/base/slab.h"

#define CHORD_KEYS_CLASSES 28 /* arrays of 2^4 to 2^31 keys */

struct chord_key_store {
    struct base_slab classes[CHORD_KEYS_CLASSES];
    uint32_t octets;          /* of a key */
    uint32_t class_count;
};

struct chord_keys {
    uint32_t array;           /* a handle and its class; 0: none, and count is 0 */
    uint32_t count;
};

/* For at most key_count different keys, each in so many sets, in set_count sets. 0 or -ENOMEM. */
int chord_key_store_init(struct chord_key_store *store, uint32_t octets, uint64_t key_count, uint32_t copies,
                         uint64_t set_count);
void chord_key_store_done(struct chord_key_store *store);

const uint8_t *chord_keys_at(const struct chord_key_store *store, const struct chord_keys *keys, uint32_t index);
/* The first index whose key is >= key; the count when there is none. */
uint32_t chord_keys_at_least(const struct chord_key_store *store, const struct chord_keys *keys, const uint8_t *key);
bool chord_keys_have(const struct chord_key_store *store, const struct chord_keys *keys, const uint8_t *key);
/* Adds count keys, in any order; those that are there already are left. False: no room, nothing was added. */
bool chord_keys_add(struct chord_key_store *store, struct chord_keys *keys, const uint8_t *added, uint32_t count);
/* Takes [first, first + count) out. */
void chord_keys_cut(struct chord_key_store *store, struct chord_keys *keys, uint32_t first, uint32_t count);
void chord_keys_release(struct chord_key_store *store, struct chord_keys *keys);
void chord_keys_sort(uint8_t *keys, uint32_t count, uint32_t octets);

#endif
