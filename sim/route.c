/* The network's end: the link model's verdict on a message, then into the queue, or dropped and recorded. */
#include "sim/route.h"

#include "sim/effects.h"
#include "sim/transport.h"

void run_push(struct shard *shard, const struct reactor_entry *entry)
{
    int error = reactor_queue_push(shard->queue, entry);
    if (__builtin_expect(error != 0, 0))
        run_fail(shard, error, entry->target, "too many pending events");
}

void run_record_message(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns, uint64_t delay_ns,
                        uint32_t target_seq, size_t length, enum network_fate fate)
{
    const struct run *run = shard->run;
    if (!(run->record & TOPOLOGY_RECORD_MESSAGES) || !(entry->order & RUN_SAMPLED))
        return;
    const struct identity *identity = run->identity;
    bool from_peer = entry->source - 1 < identity->peer_count;
    uint32_t known = from_peer ? entry->source - 1 : entry->target;
    /* Who has sent it is not in the cache any more: its group is asked for only where that makes a difference. */
    uint32_t instance = identity->instance_count == 1 ? 0 : identity->group_instance[run_hot(run, known)->group];
    struct trace_message row = {
        .sent_at_ns = sent_at_ns, .delay_ns = delay_ns, .queue_ns = 0,
        .source = from_peer ? entry->source - 1 : TRACE_NONE_U32, .cause_seq = entry->cause,
        .target = entry->target < identity->peer_count ? entry->target : TRACE_NONE_U32, .target_seq = target_seq,
        .bytes = (uint32_t) length, .kind = (uint8_t) (run->kind_first[instance] + entry->kind), .fate = (uint8_t) fate};
    effect(shard, EFFECT_MESSAGE, &row, sizeof row);
}

void run_drop(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns, uint64_t delay_ns,
              size_t length, enum network_fate fate)
{
    shard->totals.dropped[fate]++;
    run_record_message(shard, entry, sent_at_ns, delay_ns, 0, length, fate);
}

void route_fail_queue(struct shard *shard, uint32_t target)
{
    run_fail(shard, -ENOBUFS, target, "too many pending events");
}

struct network_verdict route_judge(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns,
                                   size_t length)
{
    struct run *run = shard->run;
    const struct identity *identity = run->identity;
    if (entry->target >= identity->peer_count)
        return (struct network_verdict){.fate = NETWORK_NO_ROUTE};
    if (length > FLIGHT_LENGTH_MAX)
        return (struct network_verdict){.fate = NETWORK_TOO_LARGE};
    uint32_t from = entry->source - 1;
    bool one_group = identity->group_count == 1;
    struct network_ends ends = {
        .from = from, .to = entry->target,
        .from_group = one_group ? 0 : run_hot(run, from)->group,
        .to_group = one_group ? 0 : identity_group_of(identity, entry->target),
    };
    return network_send(run->network, &ends, sent_at_ns, entry->count, (uint32_t) length);
}

uint32_t route_flight(struct shard *shard, uint32_t *flight, uint32_t target, const void *bytes, size_t length,
                      uint64_t sent_at_ns)
{
    if (*flight) {
        flight_at(&shard->flights, *flight)->references++;
        return *flight;
    }
    *flight = flight_take(&shard->flights, bytes, length, sent_at_ns);
    if (!*flight)
        run_fail(shard, -ENOBUFS, target, "too many messages in flight");
    return *flight;
}

void run_route(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns, uint32_t *flight,
               const void *bytes, size_t length)
{
    route(shard, entry, sent_at_ns, flight, bytes, length, false);
}
