/* Where ids stand in their order. A prefix as long as the binary logarithm of the ids less three leaves some six places
 * to search by the 16 bits that follow it, which lie together: a cache line. */
#include "sim/identity_ids.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define PLACES_A_PREFIX_BITS 3 /* ids are uniform: between 4 and 8 share a prefix */

static uint16_t place_digits(const struct identity_instance *instance, uint64_t leading)
{
    return (uint16_t) (leading << instance->place_bits >> 48);
}

int identity_find_places(const struct identity *identity, struct identity_instance *instance,
                         const volatile sig_atomic_t *stop)
{
    instance->place_bits = 1;
    while (instance->place_bits < instance->id_bits &&
           instance->id_count >> (instance->place_bits + PLACES_A_PREFIX_BITS) > 0)
        instance->place_bits++;
    uint32_t prefix = 0, prefixes = UINT32_C(1) << instance->place_bits;
    instance->place_first = base_arena_array(identity->arena, uint32_t, prefixes + 1);
    instance->place_digits = base_arena_array(identity->arena, uint16_t, instance->id_count);
    for (uint32_t place = 0; place < instance->id_count; place++) {
        if (identity_stops(stop, place))
            return -EINTR;
        if (place + IDENTITY_AHEAD < instance->id_count)
            identity_prefetch(instance, instance->order[place + IDENTITY_AHEAD]);
        uint64_t leading = identity_leading(instance, instance->order[place]);
        instance->place_digits[place] = place_digits(instance, leading);
        while (prefix < identity_place_prefix(instance, leading))
            instance->place_first[++prefix] = place;
    }
    while (prefix < prefixes)
        instance->place_first[++prefix] = instance->id_count;
    return 0;
}

uint32_t identity_place(const struct identity_instance *instance, const struct overlay_id *id)
{
    uint64_t leading = identity_leading_bits(id);
    uint32_t prefix = identity_place_prefix(instance, leading);
    uint16_t digits = place_digits(instance, leading);
    uint32_t place = instance->place_first[prefix], end = instance->place_first[prefix + 1];
    while (place < end && instance->place_digits[place] < digits)
        place++;
    if (instance->place_bits + 16 >= instance->id_bits)
        return place;
    for (; place < end && instance->place_digits[place] == digits; place++) { /* the bits behind them tell */
        struct overlay_id at;
        identity_id_of(instance, instance->order[place], &at);
        if (memcmp(at.octets, id->octets, sizeof at.octets) >= 0)
            break;
    }
    return place;
}
