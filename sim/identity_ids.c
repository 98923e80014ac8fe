/* What an id is: stored, or where it is wide drawn anew. */
#include "sim/identity_ids.h"

#include <endian.h>
#include <string.h>

/* The key of the i-th id of a group whose peers have so many each: a peer's first id is the same whatever that is. */
static uint64_t id_key(uint64_t group_key, uint32_t i, uint32_t ids_a_peer)
{
    uint64_t key = base_random_subkey(group_key, i / ids_a_peer);
    return i % ids_a_peer == 0 ? key : base_random_subkey(key, i % ids_a_peer);
}

uint64_t identity_id_key(const struct identity_instance *instance, uint32_t number)
{
    const struct identity_stream *streams = instance->streams;
    uint32_t low = 0, high = instance->group_count; /* streams[low].first_id <= number < streams[high].first_id */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (streams[middle].first_id <= number)
            low = middle;
        else
            high = middle;
    }
    return id_key(streams[low].key, number - streams[low].first_id, instance->ids_a_peer);
}

static uint64_t leading_mask(uint32_t id_bits)
{
    return id_bits >= 64 ? UINT64_MAX : ~(UINT64_MAX >> id_bits);
}

void identity_draw(const struct identity_instance *instance, uint64_t key, uint64_t attempt, uint8_t *id)
{
    uint64_t words[3];
    uint32_t octets = instance->id_octets;
    for (uint32_t i = 0; i * 8 < octets; i++)
        words[i] = htobe64(base_random_at(key, attempt * 3 + i));
    if (octets == sizeof((struct overlay_id *) NULL)->octets)
        memcpy(id, words, sizeof((struct overlay_id *) NULL)->octets); /* a constant length: inline */
    else
        memcpy(id, words, octets);
    id[octets - 1] = (uint8_t) (id[octets - 1] & (0xff << (octets * 8 - instance->id_bits)));
}

uint64_t identity_leading(const struct identity_instance *instance, uint32_t id_number)
{
    if (!instance->ids)
        return base_random_at(identity_id_key(instance, id_number), 0);
    uint64_t leading;
    memcpy(&leading, identity_stored(instance, id_number), sizeof leading); /* the last one has 8 octets behind it */
    return be64toh(leading) & leading_mask(instance->id_bits);
}

void identity_id_of(const struct identity_instance *instance, uint32_t id_number, struct overlay_id *id)
{
    *id = (struct overlay_id){{0}};
    if (instance->id_bits <= 64) {
        uint64_t leading = htobe64(identity_leading(instance, id_number));
        memcpy(id->octets, &leading, sizeof leading);
    } else if (instance->ids) {
        memcpy(id->octets, identity_stored(instance, id_number), instance->id_octets);
    } else {
        identity_draw(instance, identity_id_key(instance, id_number), 0, id->octets);
    }
}

int identity_compare(const struct identity_instance *instance, uint32_t a, uint32_t b)
{
    uint64_t leading_a = identity_leading(instance, a), leading_b = identity_leading(instance, b);
    if (leading_a != leading_b)
        return leading_a < leading_b ? -1 : 1;
    if (instance->id_bits <= 64)
        return 0;
    struct overlay_id id_a, id_b;
    identity_id_of(instance, a, &id_a);
    identity_id_of(instance, b, &id_b);
    return memcmp(id_a.octets, id_b.octets, sizeof id_a.octets);
}
