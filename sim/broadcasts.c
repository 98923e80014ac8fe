/* Broadcasts: who was there at publication, whom it reached, after how many hops and rounds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run.h"

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
            run_fail(&run->shard, -ENOMEM, 0, "no memory for another broadcast");
            return 0;
        }
        run->broadcast_capacity = capacity;
    }
    run->broadcasts[run->broadcast_count] = (struct broadcast){0};
    return ++run->broadcast_count;
}

static bool is_member(const struct run *run, uint32_t index, uint32_t instance)
{
    return run->identity->group_instance[run_hot(run, index)->group] == instance;
}

/* Others of the publisher's overlay that are up now. */
static uint32_t count_eligible(struct peer *peer)
{
    const struct run *run = peer->shard->run;
    if (run->identity->instance_count == 1)
        return run->up_count - 1;
    uint32_t eligible = 0;
    for (uint32_t i = 0; i < run->identity->peer_count; i++)
        eligible += i != peer->index && run_hot(run, i)->up && is_member(run, i, peer->instance_ordinal);
    return eligible;
}

static void settle(struct run *run, struct broadcast *broadcast)
{
    struct run_totals *totals = &run->shard.totals;
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
    struct run *run = peer->shard->run;
    struct broadcast *broadcast = &run->broadcasts[id - 1];
    broadcast->published_at_ns = peer->now_ns;
    broadcast->instance = peer->instance_ordinal;
    broadcast->publisher = peer->index;
    broadcast->known = calloc(PEERS_MAX_BITS(run), sizeof(uint64_t));
    if (run->record & TOPOLOGY_RECORD_BROADCASTS)
        broadcast->duplicates = calloc(run->identity->peer_count, sizeof(uint16_t));
    if (!broadcast->known || ((run->record & TOPOLOGY_RECORD_BROADCASTS) && !broadcast->duplicates)) {
        run_fail(peer->shard, -ENOMEM, peer->index, "no memory for another broadcast");
        return;
    }
    broadcast->counted = peer->now_ns >= run->warm_up_ns;
    broadcast->eligible = broadcast->waiting = count_eligible(peer);
    broadcast->known[peer->index / 64] |= UINT64_C(1) << peer->index % 64;
    if (broadcast->waiting)
        run->open_broadcasts[run->open_broadcast_count++] = id;
    if (broadcast->counted) {
        peer->shard->totals.broadcasts++;
        peer->shard->totals.eligible += broadcast->eligible;
    }
    if (run->record & TOPOLOGY_RECORD_BROADCASTS)
        trace_broadcast(run->trace, &(struct trace_broadcast){
            .published_at_ns = peer->now_ns, .id = id, .peer = peer->index, .seq = peer->hot->seq, .topic = topic,
            .bytes = bytes, .eligible = broadcast->eligible});
    peer->instance->ops->publish(peer, id, topic, bytes);
}

/* Up at publication, in the same incarnation. Of those that came up at the very instant, the ones before the publisher
 * in the order of peers were there (at 0 everybody joins first). */
static bool was_there(const struct run *run, const struct broadcast *broadcast, uint32_t index)
{
    uint64_t up_at_ns = run->cold[index].up_at_ns;
    return up_at_ns < broadcast->published_at_ns ||
           (up_at_ns == broadcast->published_at_ns && (up_at_ns == 0 || index < broadcast->publisher));
}

static struct broadcast *find(struct peer *peer, uint32_t id)
{
    struct run *run = peer->shard->run;
    if (!id || id > run->broadcast_count || !run->broadcasts[id - 1].known ||
        run->broadcasts[id - 1].instance != peer->instance_ordinal)
        return NULL; /* a number that nobody published: from hostile bytes */
    return &run->broadcasts[id - 1];
}

void peer_broadcast_received(struct peer *peer, uint32_t id, uint32_t hops, uint32_t round)
{
    struct run *run = peer->shard->run;
    struct run_totals *totals = &peer->shard->totals;
    struct broadcast *broadcast = find(peer, id);
    if (!broadcast)
        return;
    uint64_t *word = &broadcast->known[peer->index / 64], bit = UINT64_C(1) << peer->index % 64;
    if (*word & bit)
        return; /* an earlier incarnation had it */
    *word |= bit;
    if (run->record & TOPOLOGY_RECORD_BROADCASTS)
        trace_delivery(run->trace, &(struct trace_delivery){.at_ns = peer->now_ns, .broadcast = id, .peer = peer->index,
                                                            .seq = peer->hot->seq, .hops = hops});
    if (broadcast->counted) {
        totals->last_hop_max = hops > totals->last_hop_max ? hops : totals->last_hop_max;
        base_histogram_add(&totals->broadcast_latency_ns, peer->now_ns - broadcast->published_at_ns);
    }
    if (!was_there(run, broadcast, peer->index))
        return;
    broadcast->reached++;
    totals->reached += broadcast->counted;
    if (round > broadcast->rounds)
        broadcast->rounds = round;
    if (--broadcast->waiting == 0)
        settle(run, broadcast);
}

void peer_broadcast_duplicate(struct peer *peer, uint32_t id)
{
    struct broadcast *broadcast = find(peer, id);
    if (!broadcast)
        return;
    peer->shard->totals.duplicates += broadcast->counted;
    if (broadcast->duplicates && broadcast->duplicates[peer->index] < UINT16_MAX)
        broadcast->duplicates[peer->index]++;
}

void broadcasts_peer_down(struct run *run, uint32_t index)
{
    for (uint32_t i = run->open_broadcast_count; i-- > 0;) {
        struct broadcast *broadcast = &run->broadcasts[run->open_broadcasts[i] - 1];
        bool knows = broadcast->known[index / 64] >> index % 64 & 1;
        if (knows || !was_there(run, broadcast, index) || !is_member(run, index, broadcast->instance))
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
