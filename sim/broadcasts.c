/* Broadcasts: who was there at publication, whom it reached, after how many hops and rounds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/effects.h"

#define PEERS_MAX_BITS(run) (((run)->identity->peer_count + 63) / 64)

uint32_t broadcasts_next_id(struct run *run)
{
    if (run->broadcast_count == run->broadcast_capacity) {
        uint32_t capacity = run->broadcast_capacity ? 2 * run->broadcast_capacity : 64;
        struct broadcast *grown = realloc(run->broadcasts, capacity * sizeof *grown);
        uint32_t *open = realloc(run->open_broadcasts, capacity * sizeof *open);
        if (grown)
            run->broadcasts = grown;
        if (open)
            run->open_broadcasts = open;
        if (!grown || !open) {
            run_fail(&run->shards[0], -ENOMEM, 0, "no memory for another broadcast");
            return 0;
        }
        run->broadcast_capacity = capacity;
    }
    run->broadcasts[run->broadcast_count] = (struct broadcast){0};
    return ++run->broadcast_count;
}

static void settle(struct run *run, struct broadcast *broadcast)
{
    struct run_totals *totals = &run->shards[0].totals;
    if (broadcast->counted && broadcast->eligible && broadcast->reached) {
        totals->rounds_known++;
        totals->rounds_sum += broadcast->rounds;
    }
    uint32_t id = (uint32_t) (broadcast - run->broadcasts) + 1;
    for (uint32_t i = 0; i < run->open_broadcast_count; i++) {
        if (run->open_broadcasts[i] == id) {
            run->open_broadcasts[i] = run->open_broadcasts[--run->open_broadcast_count];
            return;
        }
    }
}

void broadcasts_begin(struct peer *peer, uint32_t id, uint32_t topic, uint32_t bytes)
{
    struct effect_of_peer of = effect_of(peer);
    of.broadcast = id;
    of.topic = topic;
    of.bytes = bytes;
    effect(peer->shard, EFFECT_PUBLISHED, &of, sizeof of);
    peer->instance->ops->publish(peer, id, topic, bytes);
}

void broadcasts_published(struct run *run, const struct effect_of_peer *of)
{
    struct broadcast *broadcast = &run->broadcasts[of->broadcast - 1];
    bool recorded = run->record & TOPOLOGY_RECORD_BROADCASTS;
    *broadcast = (struct broadcast){.published_at_ns = of->at_ns, .instance = of->instance, .publisher = of->peer,
                                    .counted = of->at_ns >= run->warm_up_ns};
    broadcast->known = calloc(PEERS_MAX_BITS(run), sizeof(uint64_t));
    if (recorded)
        broadcast->duplicates = calloc(run->identity->peer_count, sizeof(uint16_t));
    if (!broadcast->known || (recorded && !broadcast->duplicates)) {
        run_fail(&run->shards[0], -ENOMEM, of->peer, "no memory for another broadcast");
        return;
    }
    broadcast->eligible = broadcast->waiting = run->up_by_instance[of->instance] - 1;
    broadcast->known[of->peer / 64] |= UINT64_C(1) << of->peer % 64;
    if (broadcast->waiting)
        run->open_broadcasts[run->open_broadcast_count++] = of->broadcast;
    if (broadcast->counted) {
        run->shards[0].totals.broadcasts++;
        run->shards[0].totals.eligible += broadcast->eligible;
    }
    if (recorded)
        trace_broadcast(run->trace, &(struct trace_broadcast){
            .published_at_ns = of->at_ns, .id = of->broadcast, .peer = of->peer, .seq = of->seq, .topic = of->topic,
            .bytes = of->bytes, .eligible = broadcast->eligible});
}

/* Up at publication, in the same incarnation. Of those that came up at the very instant, the ones before the publisher
 * in the order of peers were there (at 0 everybody joins first). */
static bool was_there(const struct broadcast *broadcast, const struct effect_of_peer *of)
{
    return of->up_at_ns < broadcast->published_at_ns ||
           (of->up_at_ns == broadcast->published_at_ns && (of->up_at_ns == 0 || of->peer < broadcast->publisher));
}

static struct broadcast *find(struct run *run, const struct effect_of_peer *of)
{
    uint32_t id = of->broadcast;
    if (!id || id > run->broadcast_count || !run->broadcasts[id - 1].known ||
        run->broadcasts[id - 1].instance != of->instance)
        return NULL; /* a number that nobody published: from hostile bytes */
    return &run->broadcasts[id - 1];
}

void peer_broadcast_received(struct peer *peer, uint32_t id, uint32_t hops, uint32_t round)
{
    struct effect_of_peer of = effect_of(peer);
    of.broadcast = id;
    of.hops = hops;
    of.round = round;
    effect(peer->shard, EFFECT_RECEIVED, &of, sizeof of);
}

void broadcasts_received(struct run *run, const struct effect_of_peer *of)
{
    struct run_totals *totals = &run->shards[0].totals;
    struct broadcast *broadcast = find(run, of);
    if (!broadcast)
        return;
    uint64_t *word = &broadcast->known[of->peer / 64], bit = UINT64_C(1) << of->peer % 64;
    if (*word & bit)
        return; /* an earlier incarnation had it */
    *word |= bit;
    if (run->record & TOPOLOGY_RECORD_BROADCASTS)
        trace_delivery(run->trace, &(struct trace_delivery){.at_ns = of->at_ns, .broadcast = of->broadcast,
                                                            .peer = of->peer, .seq = of->seq, .hops = of->hops});
    if (broadcast->counted) {
        totals->last_hop_max = of->hops > totals->last_hop_max ? of->hops : totals->last_hop_max;
        base_histogram_add(&totals->broadcast_latency_ns, of->at_ns - broadcast->published_at_ns);
    }
    if (!was_there(broadcast, of))
        return;
    broadcast->reached++;
    totals->reached += broadcast->counted;
    if (of->round > broadcast->rounds)
        broadcast->rounds = of->round;
    if (--broadcast->waiting == 0)
        settle(run, broadcast);
}

void peer_broadcast_duplicate(struct peer *peer, uint32_t id)
{
    struct effect_of_peer of = effect_of(peer);
    of.broadcast = id;
    effect(peer->shard, EFFECT_DUPLICATE, &of, sizeof of);
}

void broadcasts_duplicate(struct run *run, const struct effect_of_peer *of)
{
    struct broadcast *broadcast = find(run, of);
    if (!broadcast)
        return;
    run->shards[0].totals.duplicates += broadcast->counted;
    if (broadcast->duplicates && broadcast->duplicates[of->peer] < UINT16_MAX)
        broadcast->duplicates[of->peer]++;
}

void broadcasts_peer_down(struct run *run, const struct effect_of_peer *of)
{
    for (uint32_t i = run->open_broadcast_count; i-- > 0;) {
        struct broadcast *broadcast = &run->broadcasts[run->open_broadcasts[i] - 1];
        bool knows = broadcast->known[of->peer / 64] >> of->peer % 64 & 1;
        if (knows || !was_there(broadcast, of) || of->instance != broadcast->instance)
            continue;
        if (--broadcast->waiting == 0)
            settle(run, broadcast);
    }
}

void broadcasts_finish(struct run *run)
{
    for (uint32_t id = 1; id <= run->broadcast_count; id++) {
        struct broadcast *broadcast = &run->broadcasts[id - 1];
        for (uint32_t i = 0; broadcast->duplicates && i < run->identity->peer_count; i++)
            if (broadcast->duplicates[i])
                trace_duplicates(run->trace, &(struct trace_duplicates){.broadcast = id, .peer = i,
                                                                        .duplicates = broadcast->duplicates[i]});
        free(broadcast->known);
        free(broadcast->duplicates);
    }
    free(run->broadcasts);
    free(run->open_broadcasts);
    run->broadcasts = NULL;
    run->open_broadcasts = NULL;
    run->broadcast_count = 0;
}
