#include "sim/census.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run.h"

static bool starts_converged(const struct identity_instance *instance)
{
    return instance->ops->starts_converged && instance->ops->starts_converged(instance->choice->parameters);
}

static uint64_t leading_bits(const struct overlay_id *id)
{
    uint64_t bits;
    memcpy(&bits, id->octets, sizeof bits);
    return be64toh(bits);
}

/* Where each peer's first id stands. */
static void rank_first_ids(struct run *run, const struct identity_instance *instance, const struct census *census)
{
    uint32_t each = instance->ids_a_peer;
    for (uint32_t rank = 0; rank < census->count; rank++) {
        uint32_t id = census->id_numbers[rank];
        if (each == 1 || id % each == 0)
            run->census_rank[identity_peer(instance, run->identity, each == 1 ? id : id / each)] = rank;
    }
}

static void find_prefixes(struct census *census)
{
    uint32_t prefixes = UINT32_C(1) << census->prefix_bits, rank = 0;
    for (uint32_t prefix = 0; prefix <= prefixes; prefix++) {
        while (rank < census->count && census->leading[rank] >> (64 - census->prefix_bits) < prefix)
            rank++;
        census->prefix_first[prefix] = rank;
    }
}

static int take(struct run *run, uint32_t ordinal)
{
    const struct identity_instance *instance = &run->identity->instances[ordinal];
    struct census *census = &run->census[ordinal];
    census->prefix_bits = 1;
    while (instance->id_count >> (census->prefix_bits + 2) && census->prefix_bits < 28)
        census->prefix_bits++;
    census->id_numbers = malloc(((size_t) instance->id_count + 1) * sizeof *census->id_numbers);
    census->leading = malloc(((size_t) instance->id_count + 1) * sizeof *census->leading);
    census->prefix_first = malloc(((UINT64_C(1) << census->prefix_bits) + 1) * sizeof *census->prefix_first);
    if (!census->id_numbers || !census->leading || !census->prefix_first)
        return -ENOMEM;
    census->count = truth_census(run->truth, 0, ordinal, census->id_numbers);
    for (uint32_t rank = 0; rank < census->count; rank++) {
        struct overlay_id id;
        identity_id_of(instance, census->id_numbers[rank], &id);
        census->leading[rank] = leading_bits(&id);
    }
    find_prefixes(census);
    rank_first_ids(run, instance, census);
    return 0;
}

/* Whether the id at rank comes before id; most are told by their leading bits. */
static bool comes_before(const struct census *census, const struct identity_instance *instance, uint32_t rank,
                         const struct overlay_id *id, uint64_t leading)
{
    if (census->leading[rank] != leading)
        return census->leading[rank] < leading;
    struct overlay_id at;
    identity_id_of(instance, census->id_numbers[rank], &at);
    return memcmp(at.octets, id->octets, sizeof at.octets) < 0;
}

uint32_t census_at_least(const struct census *census, const struct identity_instance *instance,
                         const struct overlay_id *id)
{
    uint64_t leading = leading_bits(id), prefix = leading >> (64 - census->prefix_bits);
    uint32_t low = census->prefix_first[prefix], high = census->prefix_first[prefix + 1];
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (comes_before(census, instance, middle, id, leading))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int census_take(struct run *run)
{
    const struct identity *identity = run->identity;
    bool wanted = false;
    for (uint32_t i = 0; i < identity->instance_count; i++)
        wanted |= starts_converged(&identity->instances[i]);
    if (!wanted)
        return 0;
    run->census = calloc(identity->instance_count, sizeof *run->census);
    run->census_rank = calloc((size_t) identity->peer_count + 1, sizeof *run->census_rank);
    int error = run->census && run->census_rank ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < identity->instance_count && !error; i++)
        if (starts_converged(&identity->instances[i]))
            error = take(run, i);
    return error;
}

void census_drop(struct run *run)
{
    for (uint32_t i = 0; run->census && i < run->identity->instance_count; i++) {
        free(run->census[i].id_numbers);
        free(run->census[i].leading);
        free(run->census[i].prefix_first);
    }
    free(run->census);
    free(run->census_rank);
    run->census = NULL;
    run->census_rank = NULL;
}
