/* Peers that are up at 0 join before anything else, each loop's on its thread. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/census.h"
#include "sim/effects.h"

/* Peers that join at 0: of a span of all, or in the order of a census, in which neighbours read the same parts. */
struct joining {
    const uint32_t *bootstrap; /* by peer: 1 + whom to join through, 0: not up; UINT32_MAX: through nobody */
    const struct identity_instance *instance; /* whose ids; NULL: peers */
    const uint32_t *id_numbers;               /* its, in order, first to end of which join */
    uint32_t first, end;
    size_t *begun; /* of recorded ones, whose rows come in their own order: by peer from first_peer on, 1 + where on its
                    * tape it begins; else NULL */
    uint32_t first_peer;
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
    const uint32_t *id_numbers = joining->id_numbers;
    uint32_t each = instance->ids_a_peer, distance = JOIN_PREFETCH_DISTANCE * run->shard_count;
    for (uint32_t rank = joining->first; rank < joining->end && !join_ends(shard, rank); rank++) {
        if (rank + distance < joining->end) {
            uint32_t ahead = identity_peer(instance, run->identity, id_numbers[rank + distance] / each);
            identity_prefetch(instance, id_numbers[rank + distance]);
            if (run_shard_of(run, ahead) == shard)
                prefetch_join(run, joining->bootstrap, ahead);
        }
        uint32_t peer = identity_peer(instance, run->identity, id_numbers[rank] / each);
        if (id_numbers[rank] % each != 0 || run_shard_of(run, peer) != shard) /* its first id */
            continue;
        size_t before = shard->tape.used;
        join_one(shard, peer, joining->bootstrap[peer]);
        if (joining->begun && shard->tape.used > before)
            joining->begun[peer - joining->first_peer] = before + 1;
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

static void join_together(struct run *run, const struct joining *part)
{
    if (run->windows)
        windows_do(run, join_part, part);
    else
        join_part(&run->shards[0], part);
}

static bool goes_on(const struct run *run)
{
    return !run_failed(run) && !is_stopped(run);
}

static void join_span(struct run *run, const struct joining *span)
{
    struct joining part = *span;
    for (part.end = part.first; part.end < span->end && goes_on(run); part.first = part.end) {
        part.end = span->end - part.first < JOINS_AT_ONCE ? span->end : part.first + JOINS_AT_ONCE;
        join_together(run, &part);
        effects_replay(run);
    }
}

static void join_instance(struct run *run, const uint32_t *bootstrap, uint32_t ordinal)
{
    const struct identity_instance *instance = &run->identity->instances[ordinal];
    const struct census *census = &run->census[ordinal];
    if (census->id_numbers) {
        join_span(run, &(struct joining){.bootstrap = bootstrap, .instance = instance, .id_numbers = census->id_numbers,
                                         .end = census->count});
        return;
    }
    for (uint32_t g = 0; g < instance->group_count; g++) {
        const struct topology_group *group = &run->scenario->groups[instance->groups[g]];
        join_span(run, &(struct joining){.bootstrap = bootstrap, .first = group->first,
                                         .end = group->first + group->count});
    }
}

/* --- recorded --- */

/* The ids of a census, those of as many peers as join at once together, in their order. */
struct spans {
    uint32_t *id_numbers, *ends; /* ends: by span */
    size_t *begun;
    uint32_t count;
};

static int take_spans(const struct run *run, struct spans *spans)
{
    const struct identity_instance *instance = &run->identity->instances[0];
    const struct census *census = &run->census[0];
    uint32_t each = instance->ids_a_peer;
    spans->count = (run->identity->peer_count - 1) / JOINS_AT_ONCE + 1;
    spans->id_numbers = malloc((size_t) census->count * sizeof *spans->id_numbers + 1);
    spans->ends = calloc(spans->count + 1, sizeof *spans->ends);
    spans->begun = malloc(JOINS_AT_ONCE * sizeof *spans->begun);
    if (!spans->id_numbers || !spans->ends || !spans->begun)
        return -ENOMEM;
    for (uint32_t rank = 0; rank < census->count; rank++)
        spans->ends[identity_peer(instance, run->identity, census->id_numbers[rank] / each) / JOINS_AT_ONCE + 1]++;
    for (uint32_t span = 1; span < spans->count; span++)
        spans->ends[span] += spans->ends[span - 1]; /* so far where it begins */
    for (uint32_t rank = 0; rank < census->count; rank++) {
        uint32_t number = census->id_numbers[rank];
        spans->id_numbers[spans->ends[identity_peer(instance, run->identity, number / each) / JOINS_AT_ONCE]++] = number;
    }
    return 0;
}

static void join_recorded_span(struct run *run, const uint32_t *bootstrap, const struct spans *spans, uint32_t span)
{
    struct joining part = {.bootstrap = bootstrap, .instance = &run->identity->instances[0],
                           .id_numbers = spans->id_numbers, .first = span ? spans->ends[span - 1] : 0,
                           .end = spans->ends[span], .begun = spans->begun, .first_peer = span * JOINS_AT_ONCE};
    uint32_t left = run->identity->peer_count - part.first_peer, peers = left < JOINS_AT_ONCE ? left : JOINS_AT_ONCE;
    memset(spans->begun, 0, peers * sizeof *spans->begun);
    bool alone = !run->windows;
    run->shards[0].taping = alone; /* else windows see to it */
    join_together(run, &part);
    run->shards[0].taping = false;
    effects_replay_in_order(run, part.first_peer, spans->begun, peers);
}

/* They join in the order of their ids all the same, and what that records is written down and replayed in theirs. False,
 * and nobody has joined: there is no memory for that, or too little address space. */
static bool join_recorded(struct run *run, const uint32_t *bootstrap)
{
    struct spans spans = {0};
    bool alone = !run->windows;
    bool has_room = take_spans(run, &spans) == 0 && (!alone || effects_open(&run->shards[0]) == 0);
    for (uint32_t span = 0; has_room && span < spans.count && goes_on(run); span++)
        join_recorded_span(run, bootstrap, &spans, span);
    if (alone)
        effects_close(&run->shards[0]);
    free(spans.id_numbers);
    free(spans.ends);
    free(spans.begun);
    return has_room;
}

/* What a join does concerns its peer alone, so that the digest cannot tell the order, nor on which thread: peers of a
 * converged start come in the order of their ids. With a trace, whose rows come in the order of events, those of several
 * overlays, those that a census does not order, and those that there is no room to put in order, come in their own. */
void joins_at_start(struct run *run, const uint32_t *bootstrap)
{
    const struct identity *identity = run->identity;
    if (run->record && run->census && identity->instance_count == 1 && run->census[0].id_numbers &&
        join_recorded(run, bootstrap))
        return;
    if (!run->census || run->record)
        join_span(run, &(struct joining){.bootstrap = bootstrap, .end = identity->peer_count});
    for (uint32_t i = 0; i < identity->instance_count && run->census && !run->record; i++)
        join_instance(run, bootstrap, i);
}
