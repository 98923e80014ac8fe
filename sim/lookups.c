/* Lookups: begun by a workload, ended by the overlay, judged against the global truth. */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "sim/effects.h"

/* A word of a key of id_bits, from its bit `first` on. */
static uint64_t key_word(uint64_t bits, uint32_t id_bits, uint32_t first)
{
    if (id_bits <= first)
        return 0;
    uint64_t word = htobe64(htole64(base_random_at(bits, first / 64))); /* octets in memory's order, as a number */
    return htobe64(id_bits - first < 64 ? word & ~(UINT64_MAX >> (id_bits - first)) : word);
}

/* 160 uniform bits from 64, cut to the ids' length. */
void run_key(uint64_t bits, uint32_t id_bits, struct overlay_id *key)
{
    const uint64_t words[3] = {key_word(bits, id_bits, 0), key_word(bits, id_bits, 64), key_word(bits, id_bits, 128)};
    memcpy(key->octets, words, sizeof key->octets);
}

static bool counted(const struct run *run, const struct pending_lookup *lookup)
{
    return lookup->started_at_ns >= run->warm_up_ns;
}

static bool recorded(const struct run *run)
{
    return run->record & TOPOLOGY_RECORD_LOOKUPS;
}

static struct trace_lookup row_of(const struct shard *shard, uint32_t index, const struct pending_lookup *lookup,
                                  const struct peer_lookup_result *result, uint64_t ended_at_ns, uint8_t outcome)
{
    const struct run *run = shard->run;
    const struct peer_hot *hot = run_hot(run, index);
    bool ended = outcome != TRACE_UNFINISHED;
    struct trace_lookup row = {.started_at_ns = lookup->started_at_ns, .ended_at_ns = ended_at_ns, .peer = index,
                               .seq = lookup->seq, .ended_seq = ended ? hot->seq : 0, .outcome = outcome, .correct = 2,
                               .hops = result->hops, .messages = result->messages,
                               .timeouts = result->timeouts};
    row.key_octets = (uint8_t) run->identity->instances[run->identity->group_instance[hot->group]].id_octets;
    memcpy(row.key, lookup->key.octets, sizeof row.key);
    return row;
}

void lookups_begin(struct peer *peer, const struct overlay_id *key)
{
    struct shard *shard = peer->shard;
    struct run *run = shard->run;
    uint32_t handle = base_slab_take(&shard->lookups);
    if (!handle) {
        run_fail(shard, -ENOBUFS, peer->index, "too many lookups at a time");
        return;
    }
    struct pending_lookup *lookup = base_slab_at(&shard->lookups, handle);
    *lookup = (struct pending_lookup){.started_at_ns = peer->now_ns, .next = peer->hot->lookups, .seq = peer->hot->seq,
                                      .owner_at_start = UINT32_MAX, .key = *key};
    if (run->population_moves)
        lookup->owner_at_start = truth_owner(shard->truth, peer->now_ns, peer->instance_ordinal, key);
    peer->hot->lookups = handle;
    if (counted(run, lookup))
        shard->totals.lookups_issued++;
    peer->instance->ops->lookup(peer, lookup->seq, key);
}

/* Where nobody comes or goes whose a key is can be asked at any time: then answers wait until there are many; and their
 * rows with them, where that keeps the order of rows. */
static bool judged_later(const struct run *run)
{
    return !run->population_moves && (!recorded(run) || (!run->windows && !run->waits));
}

void lookups_judge_all(struct shard *shard)
{
    struct unjudged *unjudged = &shard->unjudged;
    uint32_t owners[UNJUDGED];
    if (unjudged->count == 0)
        return;
    truth_owners(shard->truth, unjudged->instance, unjudged->keys, unjudged->count, owners);
    for (uint32_t i = 0; i < unjudged->count; i++) {
        bool correct = unjudged->owners[i] == owners[i];
        shard->totals.lookups_correct += correct & unjudged->counted >> i & 1;
        if (!recorded(shard->run))
            continue;
        unjudged->rows[i].correct = correct;
        effect(shard, EFFECT_LOOKUP, &unjudged->rows[i], sizeof unjudged->rows[i]);
    }
    unjudged->count = 0;
    unjudged->counted = 0;
}

static void judge_later(struct shard *shard, const struct overlay_id *key, uint32_t owner, uint32_t instance, bool is_counted,
                        const struct trace_lookup *row)
{
    struct unjudged *unjudged = &shard->unjudged;
    if (unjudged->count == UNJUDGED || unjudged->instance != instance)
        lookups_judge_all(shard);
    uint32_t i = unjudged->count++;
    unjudged->instance = instance;
    unjudged->keys[i] = *key;
    unjudged->owners[i] = owner;
    unjudged->counted |= (uint64_t) is_counted << i;
    if (row)
        unjudged->rows[i] = *row;
}

/* Whom the lookup came upon; UINT32_MAX: nobody. */
static uint32_t owner_of(const struct peer_lookup_result *result)
{
    return result->succeeded && result->owner != PEER_ADDRESS_NONE ? result->owner - 1 : UINT32_MAX;
}

static bool judge(struct peer *peer, const struct pending_lookup *lookup, const struct peer_lookup_result *result)
{
    uint32_t owner = owner_of(result);
    return owner != UINT32_MAX &&
           (owner == lookup->owner_at_start ||
            owner == truth_owner(peer->shard->truth, peer->now_ns, peer->instance_ordinal, &lookup->key));
}

/* Judges it, or sees to that, and to its row. */
static bool judge_and_record(struct peer *peer, const struct pending_lookup *lookup,
                             const struct peer_lookup_result *result)
{
    struct shard *shard = peer->shard;
    bool later = judged_later(shard->run), correct = !later && judge(peer, lookup, result);
    bool is_counted = counted(shard->run, lookup);
    uint32_t owner = owner_of(result), instance = peer->instance_ordinal;
    if (!recorded(shard->run)) {
        if (later && is_counted && owner != UINT32_MAX)
            judge_later(shard, &lookup->key, owner, instance, true, NULL);
        return correct;
    }
    struct trace_lookup row = row_of(shard, peer->index, lookup, result, peer->now_ns,
                                     result->succeeded ? TRACE_SUCCEEDED : TRACE_FAILED);
    row.correct = correct;
    if (later)
        judge_later(shard, &lookup->key, owner, instance, is_counted, &row);
    else
        effect(shard, EFFECT_LOOKUP, &row, sizeof row);
    return correct;
}

static void count(struct run_totals *totals, const struct pending_lookup *lookup,
                  const struct peer_lookup_result *result, uint64_t now_ns, bool correct)
{
    totals->lookups_correct += correct;
    base_histogram_add(&totals->lookup_messages, result->messages);
    base_histogram_add(&totals->lookup_timeouts, result->timeouts);
    if (!result->succeeded)
        return;
    totals->lookups_succeeded++;
    base_histogram_add(&totals->hops, result->hops);
    base_histogram_add(&totals->lookup_latency_ns, now_ns - lookup->started_at_ns);
}

void peer_lookup_done(struct peer *peer, uint32_t name, const struct peer_lookup_result *result)
{
    struct shard *shard = peer->shard;
    uint32_t *link = &peer->hot->lookups;
    while (*link && ((struct pending_lookup *) base_slab_at(&shard->lookups, *link))->seq != name)
        link = &((struct pending_lookup *) base_slab_at(&shard->lookups, *link))->next;
    if (!*link)
        return;
    uint32_t handle = *link;
    struct pending_lookup *lookup = base_slab_at(&shard->lookups, handle);
    bool correct = judge_and_record(peer, lookup, result);
    if (counted(shard->run, lookup))
        count(&shard->totals, lookup, result, peer->now_ns, correct);
    *link = lookup->next;
    base_slab_give(&shard->lookups, handle);
}

void lookups_abandon(struct shard *shard, uint32_t index)
{
    static const struct peer_lookup_result nothing;
    const struct run *run = shard->run;
    struct peer_hot *hot = run_hot(run, index);
    while (hot->lookups) {
        uint32_t handle = hot->lookups;
        struct pending_lookup *lookup = base_slab_at(&shard->lookups, handle);
        if (counted(run, lookup))
            shard->totals.lookups_unfinished++;
        if (recorded(run)) {
            struct trace_lookup row = row_of(shard, index, lookup, &nothing, TRACE_NONE_U64, TRACE_UNFINISHED);
            effect(shard, EFFECT_LOOKUP, &row, sizeof row);
        }
        hot->lookups = lookup->next;
        base_slab_give(&shard->lookups, handle);
    }
}
