/* The network's end: the link model's verdict on a message, then into the queue, or dropped and recorded. */
#include "sim/route.h"

#include "sim/rows.h"
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
    row_message(shard, &(struct trace_message){
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

void route_fail_queue(struct shard *shard, uint32_t target)
{
    run_fail(shard, -ENOBUFS, target, "too many pending events");
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

/* The flight of a message too long to be carried: *flight, with a reference more, or a new one. 0: the run ends. */
static uint32_t take_flight(struct shard *shard, uint32_t *flight, uint32_t target, const void *bytes, size_t length,
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

static void put(struct shard *shard, const struct reactor_entry *entry, uint64_t due_ns, uint64_t sent_at_ns,
                uint32_t *flight, const void *bytes, size_t length)
{
    bool carries = length <= RUN_CARRIED_MAX && shard->run->direct;
    uint32_t payload = carries ? (uint32_t) length : take_flight(shard, flight, entry->target, bytes, length, sent_at_ns);
    struct reactor_entry *place = reactor_queue_reserve(shard->queue, due_ns, carries);
    if (!place || (!carries && !payload)) {
        route_fail_queue(shard, entry->target);
        return;
    }
    *place = *entry;
    place->due_ns = due_ns;
    place->step = entry->target + 1 == entry->source ? entry->step : 0;
    place->order |= carries ? REACTOR_CARRIES : 0;
    place->payload = payload;
    if (carries) {
        struct run_carried *carried = (struct run_carried *) (void *) place;
        carried->sent_at_ns = sent_at_ns;
        route_copy(carried->bytes, bytes, length);
    }
    reactor_queue_commit(shard->queue, place);
}

void route_slowly(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns, uint32_t *flight,
                  const void *bytes, size_t length)
{
    shard->totals.sent++;
    shard->totals.bytes += length;
    struct network_verdict verdict = judge(shard, entry, sent_at_ns, length);
    if (verdict.fate != NETWORK_IN_FLIGHT) {
        run_drop(shard, entry, sent_at_ns, TRACE_NONE_U64, length, verdict.fate);
        return;
    }
    uint64_t due_ns = sent_at_ns + verdict.delay_ns;
    if (shard->run->waits) { /* the sender's stamp may lie behind what was dispatched since */
        uint64_t now_ns = reactor_loop_now(shard->loop);
        due_ns = due_ns > now_ns ? due_ns : now_ns;
    }
    if (run_shard_of(shard->run, entry->target) != shard)
        shard_send_out(shard, entry, due_ns, sent_at_ns, bytes, length);
    else
        put(shard, entry, due_ns, sent_at_ns, flight, bytes, length);
}

void run_route(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns, uint32_t *flight,
               const void *bytes, size_t length)
{
    route_slowly(shard, entry, sent_at_ns, flight, bytes, length);
}
