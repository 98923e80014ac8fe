/* What sim/peer.h promises to overlays, over the run that is behind it. */
#include "sim/peer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/addresses.h"
#include "sim/census.h"
#include "sim/effects.h"
#include "sim/route.h"
#include "sim/transport.h"

uint64_t peer_now_ns(const struct peer *peer)
{
    return peer->now_ns;
}

void *peer_state(struct peer *peer)
{
    return peer->hot + 1;
}

const void *peer_parameters(const struct peer *peer)
{
    return peer->instance->choice->parameters;
}

void *peer_shared(const struct peer *peer)
{
    return peer->shared;
}

peer_address peer_self(const struct peer *peer)
{
    return peer->index + 1;
}

void peer_id(const struct peer *peer, struct overlay_id *id)
{
    identity_id(peer->shard->run->identity, peer->index, id);
}

void peer_id_at(const struct peer *peer, uint32_t number, struct overlay_id *id)
{
    identity_id_at(peer->shard->run->identity, peer->index, number, id);
}

uint64_t peer_random(struct peer *peer)
{
    const struct run *run = peer->shard->run;
    uint32_t group = peer->hot->group;
    uint64_t stream = base_random_at(run->overlay_key[group], peer->index - run->scenario->groups[group].first);
    return base_random_at(stream, peer->hot->draws++);
}

uint64_t peer_random_below(struct peer *peer, uint64_t bound)
{
    return base_random_below(peer_random(peer), bound);
}

void peer_address_encode(const struct peer *peer, peer_address address, uint8_t octets[PEER_ADDRESS_OCTETS])
{
    run_encode(peer->shard, address, octets);
}

peer_address peer_address_decode(struct peer *peer, const uint8_t octets[PEER_ADDRESS_OCTETS])
{
    return run_decode(peer->shard, octets);
}

/* The order's key of what this peer creates now; the caller fills in due, target, class and kind. */
static inline struct reactor_entry entry_from(struct peer *peer, uint8_t class, uint8_t kind)
{
    if (__builtin_expect(peer->hot->count == UINT32_MAX, 0))
        run_fail(peer->shard, -EOVERFLOW, peer->index, "a peer created 2^32 events");
    return (struct reactor_entry){.source = peer->index + 1, .count = ++peer->hot->count,
                                  .order = class | peer->sampled, .kind = kind, .cause = peer->cause};
}

/* The step of what a peer creates for itself at this instant. */
static inline uint16_t next_step(struct peer *peer)
{
    if (__builtin_expect(peer->step == UINT16_MAX - 1, 0))
        run_fail(peer->shard, -ELOOP, peer->index, "a peer sent to itself, or armed, 65,535 times in a row at one instant");
    return (uint16_t) (peer->step + 1);
}

static __attribute__((noinline)) void send_by_transport(struct peer *peer, peer_address to, uint8_t kind,
                                                        uint32_t *flight, const void *bytes, size_t length)
{
    struct reactor_entry entry = entry_from(peer, REACTOR_MESSAGE, kind);
    entry.target = to - 1;
    entry.step = entry.target == peer->index ? next_step(peer) : 0;
    entry.due_ns = peer->now_ns;
    peer->shard->run->transport->send(peer->shard, &entry, flight, bytes, length);
}

static __attribute__((noinline)) void send_one(struct peer *peer, peer_address to, uint8_t kind, uint32_t *flight,
                                               const void *bytes, size_t length)
{
    if (__builtin_expect(!peer->shard->run->direct, 0)) {
        send_by_transport(peer, to, kind, flight, bytes, length);
        return;
    }
    struct reactor_entry entry = entry_from(peer, REACTOR_MESSAGE, kind);
    entry.target = to - 1;
    entry.step = entry.target == peer->index ? next_step(peer) : 0;
    route(peer->shard, &entry, peer->now_ns, flight, bytes, length);
}

static __attribute__((noinline)) void send_slowly(struct peer *peer, peer_address to, uint8_t kind, const void *bytes,
                                                  size_t length)
{
    uint32_t flight = 0;
    send_one(peer, to, kind, &flight, bytes, length);
}

void peer_send(struct peer *peer, peer_address to, uint8_t kind, const void *bytes, size_t length)
{
    if (__builtin_expect(!route_quickly(peer, to, kind, bytes, length, false), 0))
        send_slowly(peer, to, kind, bytes, length);
}

void peer_send_short(struct peer *peer, peer_address to, uint8_t kind, const struct peer_short *bytes, size_t length)
{
    if (__builtin_expect(!route_quickly(peer, to, kind, bytes, length, true), 0))
        send_slowly(peer, to, kind, bytes, length);
}

void peer_send_many(struct peer *peer, const peer_address *to, size_t count, uint8_t kind, const void *bytes,
                    size_t length)
{
    uint32_t flight = 0;
    for (size_t i = 0; i < count; i++)
        send_one(peer, to[i], kind, &flight, bytes, length);
}

/* When an entry for oneself is due after delay_ns: at this instant it comes one step later. */
static inline void due_after(struct peer *peer, struct reactor_entry *entry, uint64_t delay_ns)
{
    entry->target = peer->index;
    entry->due_ns = delay_ns > UINT64_MAX / 2 - peer->now_ns ? UINT64_MAX / 2 : peer->now_ns + delay_ns;
    if (delay_ns)
        return;
    entry->step = next_step(peer);
}

peer_timer peer_arm(struct peer *peer, uint8_t kind, uint64_t delay_ns, uint32_t data)
{
    struct reactor_entry entry = entry_from(peer, REACTOR_TIMER, kind);
    due_after(peer, &entry, delay_ns);
    uint32_t handle = reactor_timer_arm(peer->shard->timers, &entry, data);
    if (__builtin_expect(!handle, 0))
        run_fail(peer->shard, -ENOBUFS, peer->index, "too many pending timers");
    return handle;
}

void peer_after(struct peer *peer, uint8_t kind, uint64_t delay_ns, uint32_t data)
{
    struct reactor_entry entry = entry_from(peer, REACTOR_TIMER | REACTOR_LOOSE, kind);
    due_after(peer, &entry, delay_ns);
    struct reactor_entry *place = reactor_queue_reserve(peer->shard->queue, entry.due_ns, false);
    if (!place) {
        route_fail_queue(peer->shard, peer->index);
        return;
    }
    entry.payload = data;
    reactor_entry_fill(place, &entry);
    reactor_queue_commit(peer->shard->queue, place);
}

void peer_disarm(struct peer *peer, peer_timer timer)
{
    reactor_timer_disarm(peer->shard->timers, timer, peer->index);
}

bool peer_rearm(struct peer *peer, peer_timer timer, uint64_t delay_ns)
{
    struct reactor_entry entry = entry_from(peer, REACTOR_TIMER, 0);
    due_after(peer, &entry, delay_ns);
    return reactor_timer_rearm(peer->shard->timers, timer, &entry);
}

peer_address peer_bootstrap(struct peer *peer)
{
    uint32_t found = truth_pick(peer->shard->truth, peer->now_ns, peer->instance_ordinal, peer->index,
                                peer_random(peer));
    return found == UINT32_MAX ? PEER_ADDRESS_NONE : found + 1;
}

peer_address peer_any(struct peer *peer)
{
    const struct identity *identity = peer->shard->run->identity;
    uint32_t members = peer->instance->member_count;
    if (members < 2)
        return PEER_ADDRESS_NONE;
    uint32_t member = (uint32_t) peer_random_below(peer, members - 1);
    if (identity->group_count == 1)
        return member + (member >= peer->index) + 1;
    member += member >= identity_member(identity, peer->index);
    return identity_peer(peer->instance, identity, member) + 1;
}

static const struct census *census_of(const struct peer *peer)
{
    return &peer->shard->run->census[peer->instance_ordinal];
}

uint32_t peer_census_count(const struct peer *peer)
{
    return census_of(peer)->count;
}

uint32_t peer_census_rank(const struct peer *peer)
{
    struct overlay_id id;
    peer_id(peer, &id);
    return census_at_least(census_of(peer), peer->instance, &id);
}

void peer_census_id(const struct peer *peer, uint32_t rank, struct overlay_id *id)
{
    const struct census *census = census_of(peer);
    base_assert(rank < census->count);
    census_id(census, peer->instance, rank, id);
}

peer_address peer_census_address(const struct peer *peer, uint32_t rank)
{
    const struct census *census = census_of(peer);
    base_assert(rank < census->count);
    uint32_t id = census->id_numbers[rank], each = peer->instance->ids_a_peer;
    return identity_peer(peer->instance, peer->shard->run->identity, each == 1 ? id : id / each) + 1;
}

uint32_t peer_census_at_least(const struct peer *peer, const struct overlay_id *id)
{
    return census_at_least(census_of(peer), peer->instance, id);
}

void peer_census_follower(const struct peer *peer, const struct overlay_id *id, uint32_t near,
                          struct peer_census_member *follower)
{
    const struct census *census = census_of(peer);
    uint32_t rank = census_at_least_near(census, peer->instance, id, near);
    follower->rank = rank == census->count ? 0 : rank;
    census_id(census, peer->instance, follower->rank, &follower->id);
    follower->address = peer_census_address(peer, follower->rank);
}

void peer_key(const struct peer *peer, uint64_t number, struct overlay_id *key)
{
    run_key(base_random_at(peer->shard->run->keys_key, number), peer->instance->id_bits, key);
}

void peer_neighbour(struct peer *peer, uint8_t table, peer_address other, bool added)
{
    const struct run *run = peer->shard->run;
    if (!(run->record & TOPOLOGY_RECORD_NEIGHBOURS) || other == PEER_ADDRESS_NONE || other > run->identity->peer_count)
        return;
    struct trace_neighbour row = {
        .at_ns = peer->now_ns, .peer = peer->index, .other = other - 1,
        .table_name = (uint8_t) (run->table_first[peer->instance_ordinal] + table), .added = added};
    effect(peer->shard, EFFECT_NEIGHBOUR, &row, sizeof row);
}

bool peer_neighbours_heeded(const struct peer *peer)
{
    return (peer->shard->run->record & TOPOLOGY_RECORD_NEIGHBOURS) != 0;
}

bool peer_has_graph(const struct peer *peer)
{
    return peer->shard->run->graph != NULL;
}

uint32_t peer_graph_degree(const struct peer *peer)
{
    const struct graph *graph = peer->shard->run->graph;
    return graph ? graph_degree(graph, peer->index) : 0;
}

peer_address peer_graph_neighbour(const struct peer *peer, uint32_t i)
{
    return graph_neighbour(peer->shard->run->graph, peer->index, i) + 1;
}

void peer_graph_tell(struct peer *peer, uint8_t table)
{
    if (!(peer->shard->run->record & TOPOLOGY_RECORD_NEIGHBOURS))
        return;
    for (uint32_t i = 0; i < peer_graph_degree(peer); i++)
        peer_neighbour(peer, table, peer_graph_neighbour(peer, i), true);
}

void peer_metric(struct peer *peer, uint8_t metric, uint64_t value)
{
    struct run *run = peer->shard->run;
    uint32_t at = run->metric_first[peer->instance_ordinal] + metric;
    base_assert(metric < peer->instance->ops->metric_count);
    if (peer->now_ns >= run->warm_up_ns)
        base_histogram_add(&peer->shard->metrics[at].values, value);
    if (!(run->record & TOPOLOGY_RECORD_SAMPLES))
        return;
    struct trace_sample row = {.at_ns = peer->now_ns, .value = (double) value, .peer = peer->index,
                               .metric = (uint8_t) at};
    effect(peer->shard, EFFECT_SAMPLE, &row, sizeof row);
}

void peer_log(struct peer *peer, enum peer_log_level level, const char *format, ...)
{
    struct run *run = peer->shard->run;
    if (!(run->record & TOPOLOGY_RECORD_LOG))
        return;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct effect_log log = {.at_ns = peer->now_ns, .peer = peer->index, .level = level};
    if (peer->shard->taping)
        effect_write(peer->shard, EFFECT_LOG, &log, sizeof log, text, strlen(text) + 1);
    else
        trace_log(run->trace, peer->now_ns, peer->index, level, text);
}
