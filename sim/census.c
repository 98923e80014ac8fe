#include "sim/census.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run.h"

#define AHEAD 32     /* ranks whose ids are asked of the cache meanwhile */
#define PREFETCH_RANKS 32 /* two cache lines of them; at the end what is not there is asked for, in vain */
#define NEAR_STEPS 8 /* ranks: what two finger starts of ring neighbours lie apart, mostly none or one */

bool census_wanted(const struct identity_instance *instance)
{
    return instance->ops->starts_converged && instance->ops->starts_converged(instance->choice->parameters);
}

static uint32_t leading_of(const struct overlay_id *id)
{
    return (uint32_t) id->octets[0] << 24 | (uint32_t) id->octets[1] << 16 | (uint32_t) id->octets[2] << 8 |
           id->octets[3];
}

/* Who is up, where not all are: their numbers in order, and how a place becomes a rank. */
static int take_some(struct run *run, uint32_t ordinal, struct census *census)
{
    const struct identity_instance *instance = &run->identity->instances[ordinal];
    size_t words = instance->id_count / 64 + 1;
    census->numbers_taken = malloc(((size_t) instance->id_count + 1) * sizeof *census->numbers_taken);
    census->up = calloc(words, sizeof *census->up);
    census->up_before = malloc(words * sizeof *census->up_before);
    if (!census->numbers_taken || !census->up || !census->up_before)
        return -ENOMEM;
    census->id_numbers = census->numbers_taken;
    census->count = truth_census(run->truth, 0, ordinal, census->numbers_taken);
    uint32_t rank = 0;
    for (uint32_t place = 0; place < instance->id_count; place++) {
        if (place % 64 == 0)
            census->up_before[place / 64] = rank;
        if (rank < census->count && census->id_numbers[rank] == instance->order[place]) {
            census->up[place / 64] |= UINT64_C(1) << place % 64;
            rank++;
        }
    }
    census->up_before[instance->id_count / 64] = rank - (uint32_t) __builtin_popcountll(
        census->up[instance->id_count / 64]); /* also where no place is in the last word */
    return 0;
}

static int take(struct run *run, uint32_t ordinal)
{
    const struct identity_instance *instance = &run->identity->instances[ordinal];
    struct census *census = &run->census[ordinal];
    *census = (struct census){.id_numbers = instance->order, .count = instance->id_count};
    int error = truth_all_up(run->truth, 0, ordinal) ? 0 : take_some(run, ordinal, census);
    census->leading = malloc(((size_t) census->count + 1) * sizeof *census->leading);
    if (error || !census->leading)
        return -ENOMEM;
    for (uint32_t rank = 0; rank < census->count; rank++) {
        if (rank + AHEAD < census->count)
            identity_prefetch(instance, census->id_numbers[rank + AHEAD]);
        census->leading[rank] = (uint32_t) (identity_leading(instance, census->id_numbers[rank]) >> 32);
    }
    return 0;
}

uint32_t census_at_least(const struct census *census, const struct identity_instance *instance,
                         const struct overlay_id *id)
{
    uint32_t place = identity_place(instance, id);
    if (!census->up)
        return place;
    uint64_t before = census->up[place / 64] & ((UINT64_C(1) << place % 64) - 1);
    return census->up_before[place / 64] + (uint32_t) __builtin_popcountll(before);
}

void census_id(const struct census *census, const struct identity_instance *instance, uint32_t rank,
               struct overlay_id *id)
{
    if (instance->id_bits > 32) {
        identity_id_of(instance, census->id_numbers[rank], id);
        return;
    }
    uint32_t leading = htobe32(census->leading[rank]); /* neighbours in order are neighbours there */
    *id = (struct overlay_id){{0}};
    memcpy(id->octets, &leading, sizeof leading);
}

/* Whether the id at rank comes before id, whose first 32 bits it has. */
static bool comes_before(const struct census *census, const struct identity_instance *instance, uint32_t rank,
                         const struct overlay_id *id)
{
    struct overlay_id at;
    if (instance->id_bits <= 32)
        return false;
    identity_id_of(instance, census->id_numbers[rank], &at);
    return memcmp(at.octets, id->octets, sizeof at.octets) < 0;
}

uint32_t census_at_least_near(const struct census *census, const struct identity_instance *instance,
                              const struct overlay_id *id, uint32_t near)
{
    uint32_t leading = leading_of(id), rank = near, end = census->count - near < NEAR_STEPS ? census->count
                                                                                            : near + NEAR_STEPS;
    if (near > census->count || (near > 0 && census->leading[near - 1] >= leading))
        return census_at_least(census, instance, id);
    __builtin_prefetch(&census->leading[near + PREFETCH_RANKS]); /* for those who ask next */
    __builtin_prefetch(&census->id_numbers[near + PREFETCH_RANKS]);
    while (rank < end && census->leading[rank] < leading)
        rank++;
    while (rank < end && census->leading[rank] == leading && comes_before(census, instance, rank, id))
        rank++;
    return rank < end || end == census->count ? rank : census_at_least(census, instance, id);
}

int census_take(struct run *run)
{
    const struct identity *identity = run->identity;
    bool wanted = false;
    for (uint32_t i = 0; i < identity->instance_count; i++)
        wanted |= census_wanted(&identity->instances[i]);
    if (!wanted)
        return 0;
    run->census = calloc(identity->instance_count, sizeof *run->census);
    int error = run->census ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < identity->instance_count && !error; i++)
        if (census_wanted(&identity->instances[i]))
            error = take(run, i);
    return error;
}

void census_drop(struct run *run)
{
    for (uint32_t i = 0; run->census && i < run->identity->instance_count; i++) {
        free(run->census[i].numbers_taken);
        free(run->census[i].up);
        free(run->census[i].up_before);
        free(run->census[i].leading);
    }
    free(run->census);
    run->census = NULL;
}
