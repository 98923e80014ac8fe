/* Transport `memory`: a message is an entry in the timed queue, nothing else. */
#include "sim/transport.h"
#include "sim/transports/registry.h"

static int memory_open(struct shard *shard, struct base_diagnostics *diagnostics)
{
    (void) shard, (void) diagnostics;
    return 0;
}

static void memory_close(struct shard *shard)
{
    (void) shard;
}

static void memory_send(struct shard *shard, struct reactor_entry *entry, uint32_t *flight, const void *bytes,
                        size_t length)
{
    run_route(shard, entry, entry->due_ns, flight, bytes, length);
}

static void memory_deliver(struct shard *shard, struct reactor_entry *entry)
{
    const struct flight_cell *cell = flight_at(&shard->flights, entry->payload);
    run_handle(shard, entry, cell->sent_at_ns, cell->bytes, cell->length);
    flight_give(&shard->flights, entry->payload);
}

static const struct transport_ops memory_ops = {
    .open = memory_open, .close = memory_close, .send = memory_send, .deliver = memory_deliver,
};

const struct topology_kind memory_kind = {
    .name = "memory",
    .summary = "a message is an entry of the event queue: the fastest, for any clock",
    .source = "",
    .ops = &memory_ops,
};
