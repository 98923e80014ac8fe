#include <errno.h>

#include "sim/run.h"
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
    struct run *run = shard->run;
    if (!(run->record & TOPOLOGY_RECORD_MESSAGES) || !(entry->order & RUN_SAMPLED))
        return;
    const struct identity *identity = run->identity;
    bool from_peer = entry->source - 1 < identity->peer_count;
    uint32_t known = from_peer ? entry->source - 1 : entry->target;
    /* Who has sent it is not in the cache any more: its group is asked for only where that makes a difference. */
    uint32_t instance = identity->instance_count == 1 ? 0 : identity->group_instance[run_hot(run, known)->group];
    trace_message(run->trace, &(struct trace_message){
        .sent_at_ns = sent_at_ns, .delay_ns = delay_ns, .queue_ns = 0,
        .source = from_peer ? entry->source - 1 : TRACE_NONE_U32, .cause_seq = entry->cause,
        .target = entry->target < identity->peer_count ? entry->target : TRACE_NONE_U32, .target_seq = target_seq,
        .bytes = (uint32_t) length, .kind = (uint8_t) (run->kind_first[instance] + entry->kind), .fate = (uint8_t) fate});
}

void run_drop(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns, uint64_t delay_ns,
              size_t length, enum network_fate fate)
{
    shard->totals.dropped[fate]++;
    run_record_message(shard, entry, sent_at_ns, delay_ns, 0, length, fate);
}

/* The verdict for a message between two peers of the plan. */
static struct network_verdict judge(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns,
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

void run_route(struct shard *shard, struct reactor_entry *entry, uint64_t sent_at_ns, uint32_t *flight,
               const void *bytes, size_t length)
{
    shard->totals.sent++;
    shard->totals.bytes += length;
    struct network_verdict verdict = judge(shard, entry, sent_at_ns, length);
    if (__builtin_expect(verdict.fate != NETWORK_IN_FLIGHT, 0)) {
        run_drop(shard, entry, sent_at_ns, TRACE_NONE_U64, length, verdict.fate);
        return;
    }
    if (*flight) {
        flight_at(&shard->flights, *flight)->references++;
    } else {
        *flight = flight_take(&shard->flights, bytes, length, sent_at_ns);
        if (!*flight) {
            run_fail(shard, -ENOBUFS, entry->target, "too many messages in flight");
            return;
        }
    }
    entry->due_ns = sent_at_ns + verdict.delay_ns;
    if (shard->run->waits) { /* the sender's stamp may lie behind what was dispatched since */
        uint64_t now_ns = reactor_loop_now(shard->loop);
        entry->due_ns = entry->due_ns > now_ns ? entry->due_ns : now_ns;
    }
    if (entry->target + 1 != entry->source)
        entry->step = 0;
    else if (entry->step == UINT16_MAX)
        run_fail(shard, -ELOOP, entry->target, "a peer sent to itself 65,535 times at one instant");
    entry->payload = *flight;
    run_push(shard, entry);
}
