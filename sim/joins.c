/* Peers that are up at 0 join before anything else, each loop's on its thread. */
#include "sim/census.h"
#include "sim/run.h"

/* Peers that join at 0: of a span of all, or of the ranks of a census, in whose order neighbours read the same parts. */
struct joining {
    const uint32_t *bootstrap; /* by peer: 1 + whom to join through, 0: not up; UINT32_MAX: through nobody */
    const struct identity_instance *instance; /* whose ranks; NULL: peers */
    const struct census *census;              /* its */
    uint32_t first, end;
};

static bool is_stopped(const struct run *run)
{
    const volatile sig_atomic_t *stop = run->options.stop;
    return stop && *stop;
}

/* A failure, or the wish to stop, which is heeded once in so many peers: the first of them each touch a huge page that
 * must be cleared. */
static bool join_ends(const struct shard *shard, uint32_t done)
{
    return shard->failure || (done % 64 == 0 && is_stopped(shard->run));
}

static void join_one(struct shard *shard, uint32_t peer, uint32_t bootstrap)
{
    const struct reactor_entry entry = {.target = peer, .order = REACTOR_LIFECYCLE, .kind = PLAN_UP,
                                        .payload = bootstrap == UINT32_MAX ? UINT32_MAX : bootstrap - 1};
    shard->event = &entry;
    run_lifecycle(shard, &entry);
    shard->event = NULL;
}

/* What is not recorded may come in any order: shards then begin in places of their own, lest two at once clear the same
 * huge page. */
static void join_in_own_order(struct shard *shard, const struct joining *joining)
{
    const struct run *run = shard->run;
    uint32_t count = joining->end - joining->first;
    uint32_t skipped = run->record ? 0 : (uint32_t) ((uint64_t) count * shard->ordinal / run->shard_count);
    for (uint32_t i = 0; i < count && !join_ends(shard, i); i++) {
        uint32_t peer = joining->first + (i < count - skipped ? i + skipped : i + skipped - count);
        if (joining->bootstrap[peer] && run_shard_of(run, peer) == shard)
            join_one(shard, peer, joining->bootstrap[peer]);
    }
}

#define JOIN_PREFETCH_DISTANCE 8
#define JOIN_PREFETCH_BYTES 384 /* a Chord peer of 32 fingers; of larger states the beginning */

static inline __attribute__((always_inline)) void prefetch_join(const struct run *run, const uint32_t *bootstrap, uint32_t peer)
{
    const uint8_t *block = (const uint8_t *) run_hot(run, peer);
    __builtin_prefetch(&bootstrap[peer]);
    for (size_t at = 0; at < run->peer_bytes && at < JOIN_PREFETCH_BYTES; at += 64)
        __builtin_prefetch(block + at, 1);
}

static void join_in_census_order(struct shard *shard, const struct joining *joining)
{
    const struct run *run = shard->run;
    const struct identity_instance *instance = joining->instance;
    const uint32_t *id_numbers = joining->census->id_numbers;
    uint32_t each = instance->ids_a_peer, distance = JOIN_PREFETCH_DISTANCE * run->shard_count;
    for (uint32_t rank = joining->first; rank < joining->end && !join_ends(shard, rank); rank++) {
        if (rank + distance < joining->end) {
            uint32_t ahead = identity_peer(instance, run->identity, id_numbers[rank + distance] / each);
            identity_prefetch(instance, id_numbers[rank + distance]);
            if (run_shard_of(run, ahead) == shard)
                prefetch_join(run, joining->bootstrap, ahead);
        }
        uint32_t peer = identity_peer(instance, run->identity, id_numbers[rank] / each);
        if (id_numbers[rank] % each == 0 && run_shard_of(run, peer) == shard) /* its first id */
            join_one(shard, peer, joining->bootstrap[peer]);
    }
}

static int join_part(struct shard *shard, const void *context)
{
    const struct joining *joining = context;
    if (joining->instance)
        join_in_census_order(shard, joining);
    else
        join_in_own_order(shard, joining);
    return shard->failure;
}

/* So many at a time, lest tapes and outboxes grow with the run. */
#define JOINS_AT_ONCE 65536u

static void join_span(struct run *run, const struct joining *span)
{
    struct joining part = *span;
    for (part.end = part.first; part.end < span->end && !run_failed(run) && !is_stopped(run); part.first = part.end) {
        part.end = span->end - part.first < JOINS_AT_ONCE ? span->end : part.first + JOINS_AT_ONCE;
        if (run->windows)
            windows_do(run, join_part, &part);
        else
            join_part(&run->shards[0], &part);
    }
}

static void join_instance(struct run *run, const uint32_t *bootstrap, uint32_t ordinal)
{
    const struct identity_instance *instance = &run->identity->instances[ordinal];
    const struct census *census = &run->census[ordinal];
    if (census->id_numbers) {
        join_span(run, &(struct joining){bootstrap, instance, census, 0, census->count});
        return;
    }
    for (uint32_t g = 0; g < instance->group_count; g++) {
        const struct topology_group *group = &run->scenario->groups[instance->groups[g]];
        join_span(run, &(struct joining){bootstrap, NULL, NULL, group->first, group->first + group->count});
    }
}

/* What a join does concerns its peer alone, so that the digest cannot tell the order, nor on which thread. Peers of a
 * converged start come in the order of their ids; but with a trace, whose rows come in the order of events, all come in
 * their own. */
void joins_at_start(struct run *run, const uint32_t *bootstrap)
{
    const struct identity *identity = run->identity;
    if (!run->census || run->record)
        join_span(run, &(struct joining){bootstrap, NULL, NULL, 0, identity->peer_count});
    for (uint32_t i = 0; i < identity->instance_count && run->census && !run->record; i++)
        join_instance(run, bootstrap, i);
}
