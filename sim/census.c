#include "sim/census.h"

#include <errno.h>
#include <stdlib.h>

#include "sim/run.h"

static bool starts_converged(const struct identity_instance *instance)
{
    return instance->ops->starts_converged && instance->ops->starts_converged(instance->choice->parameters);
}

/* Where each peer's first id stands. */
static void rank_first_ids(struct run *run, uint32_t ordinal)
{
    const struct identity_instance *instance = &run->identity->instances[ordinal];
    uint32_t each = instance->ids_a_peer;
    for (uint32_t rank = 0; rank < run->census_count[ordinal]; rank++) {
        uint32_t id = run->census[ordinal][rank];
        if (each == 1 || id % each == 0)
            run->census_rank[identity_peer(instance, run->identity, each == 1 ? id : id / each)] = rank;
    }
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
    run->census_count = calloc(identity->instance_count, sizeof *run->census_count);
    run->census_rank = calloc((size_t) identity->peer_count + 1, sizeof *run->census_rank);
    if (!run->census || !run->census_count || !run->census_rank)
        return -ENOMEM;
    for (uint32_t i = 0; i < identity->instance_count; i++) {
        if (!starts_converged(&identity->instances[i]))
            continue;
        run->census[i] = calloc((size_t) identity->instances[i].id_count + 1, sizeof **run->census);
        if (!run->census[i])
            return -ENOMEM;
        run->census_count[i] = truth_census(run->truth, 0, i, run->census[i]);
        rank_first_ids(run, i);
    }
    return 0;
}

void census_drop(struct run *run)
{
    for (uint32_t i = 0; run->census && i < run->identity->instance_count; i++)
        free(run->census[i]);
    free(run->census);
    free(run->census_count);
    free(run->census_rank);
    run->census = NULL;
    run->census_count = NULL;
    run->census_rank = NULL;
}
