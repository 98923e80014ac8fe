#include "sim/overlays/chord_keys.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CLASS_BITS 4
#define ARRAYS_MAX (UINT32_C(1) << 26) /* of a class: a handle has 27 bits */

int chord_key_store_init(struct chord_key_store *store, uint32_t octets, uint64_t key_count, uint32_t copies,
                         uint64_t set_count)
{
    store->octets = octets;
    uint64_t all = key_count * copies;
    for (uint32_t class = 0; class < CHORD_KEYS_CLASSES; class++) {
        uint64_t keys = UINT64_C(1) << (class + FIRST_CLASS_BITS), arrays = set_count;
        /* An array is more than half full when it is taken; twice that for one that is just being moved, and more for
         * copies that wait to be dropped. */
        if (class > 0 && 8 * all / keys + 2 < arrays)
            arrays = 8 * all / keys + 2;
        uint64_t bytes = (keys * octets + 3) / 4 * 4;
        if (bytes > UINT32_MAX)
            break;
        int failure = base_slab_init(&store->classes[class], (uint32_t) bytes,
                                     (uint32_t) (arrays < ARRAYS_MAX ? arrays + 1 : ARRAYS_MAX));
        if (failure < 0)
            return failure;
        store->class_count = class + 1;
        if (keys >= key_count)
            break;
    }
    return 0;
}

void chord_key_store_done(struct chord_key_store *store)
{
    for (uint32_t class = 0; class < store->class_count; class++)
        base_slab_done(&store->classes[class]);
}

static uint32_t class_of(uint32_t count)
{
    uint32_t class = 0;
    while (UINT64_C(1) << (class + FIRST_CLASS_BITS) < count)
        class++;
    return class;
}

/* The class stands in the low bits of the set's handle. */
#define CLASS_BITS 5
_Static_assert(CHORD_KEYS_CLASSES <= 1 << CLASS_BITS, "a class fits");

static uint32_t present_class(const struct chord_keys *keys)
{
    return keys->array & ((1u << CLASS_BITS) - 1);
}

static uint8_t *array_of(const struct chord_key_store *store, const struct chord_keys *keys)
{
    return base_slab_at(&store->classes[present_class(keys)], keys->array >> CLASS_BITS);
}

const uint8_t *chord_keys_at(const struct chord_key_store *store, const struct chord_keys *keys, uint32_t index)
{
    return array_of(store, keys) + (size_t) index * store->octets;
}

uint32_t chord_keys_at_least(const struct chord_key_store *store, const struct chord_keys *keys, const uint8_t *key)
{
    uint32_t low = 0, high = keys->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(chord_keys_at(store, keys, middle), key, store->octets) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool chord_keys_have(const struct chord_key_store *store, const struct chord_keys *keys, const uint8_t *key)
{
    uint32_t at = chord_keys_at_least(store, keys, key);
    return at < keys->count && memcmp(chord_keys_at(store, keys, at), key, store->octets) == 0;
}

static uint32_t missing(const struct chord_key_store *store, const struct chord_keys *keys, const uint8_t *added,
                        uint32_t count)
{
    uint32_t absent = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *key = added + (size_t) i * store->octets;
        bool again = i > 0 && memcmp(key - store->octets, key, store->octets) == 0;
        absent += !again && !chord_keys_have(store, keys, key);
    }
    return absent;
}

/* Moves the first `kept` keys into an array of the class for count; false: there is none. */
static bool resize(struct chord_key_store *store, struct chord_keys *keys, uint32_t count, uint32_t kept)
{
    uint32_t class = class_of(count), before = keys->array;
    if (before != 0 && class == present_class(keys))
        return true;
    uint32_t array = class < store->class_count ? base_slab_take(&store->classes[class]) : 0;
    if (array == 0)
        return false;
    if (before != 0) {
        memcpy(base_slab_at(&store->classes[class], array), array_of(store, keys), (size_t) kept * store->octets);
        base_slab_give(&store->classes[present_class(keys)], before >> CLASS_BITS);
    }
    keys->array = array << CLASS_BITS | class;
    return true;
}

bool chord_keys_add(struct chord_key_store *store, struct chord_keys *keys, const uint8_t *added, uint32_t count)
{
    uint32_t absent = missing(store, keys, added, count), octets = store->octets, from = keys->count;
    if (absent == 0)
        return true;
    if (!resize(store, keys, from + absent, from))
        return false;
    uint8_t *array = array_of(store, keys);
    keys->count += absent;
    for (uint32_t to = keys->count; to > from;) { /* merged from the back */
        const uint8_t *key = added + (size_t) (count - 1) * octets;
        int order = from == 0 ? 1 : memcmp(key, array + (size_t) (from - 1) * octets, octets);
        bool again = to < keys->count && memcmp(key, array + (size_t) to * octets, octets) == 0;
        if (order > 0 && !again)
            memcpy(array + (size_t) --to * octets, key, octets);
        else if (order < 0) {
            memmove(array + (size_t) --to * octets, array + (size_t) --from * octets, octets);
            continue;
        }
        count--;
    }
    return true;
}

void chord_keys_cut(struct chord_key_store *store, struct chord_keys *keys, uint32_t first, uint32_t count)
{
    if (count == 0)
        return;
    uint8_t *array = array_of(store, keys);
    uint32_t octets = store->octets, left = keys->count - count;
    memmove(array + (size_t) first * octets, array + (size_t) (first + count) * octets,
            (size_t) (keys->count - first - count) * octets);
    if (left == 0) {
        chord_keys_release(store, keys);
        return;
    }
    (void) resize(store, keys, left, left); /* where the smaller class is full the array stays where it is */
    keys->count = left;
}

void chord_keys_release(struct chord_key_store *store, struct chord_keys *keys)
{
    if (keys->array != 0)
        base_slab_give(&store->classes[present_class(keys)], keys->array >> CLASS_BITS);
    *keys = (struct chord_keys){0};
}

static int compare(const void *a, const void *b, void *octets)
{
    return memcmp(a, b, *(const uint32_t *) octets);
}

void chord_keys_sort(uint8_t *keys, uint32_t count, uint32_t octets)
{
    qsort_r(keys, count, octets, compare, &octets);
}
