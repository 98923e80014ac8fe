#include "sim/capture.h"

#include <time.h>

#include "sim/addresses.h"
#include "sim/effects.h"
#include "traces/pcap.h"

int capture_open(struct run *run, struct base_diagnostics *diagnostics)
{
    if (!run->options.pcap_path)
        return 0;
    struct trace_pcap_options options = {.path = run->options.pcap_path, .may_leave_out = run->waits};
    return trace_open_pcap(&run->capture, &options, diagnostics);
}

void capture_begin(struct run *run)
{
    run->capture_epoch_ns = TRACE_PCAP_EPOCH_NS;
    if (!run->waits)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    run->capture_epoch_ns = (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

void capture_packet(const struct peer *peer, peer_address source, const uint8_t *bytes, size_t length)
{
    const struct run *run = peer->shard->run;
    struct trace_packet packet = {.at_ns = run->capture_epoch_ns + peer->now_ns, .bytes = bytes,
                                  .length = (uint32_t) length, .id = (uint16_t) peer->hot->seq};
    run_encode(peer->shard, source, packet.source);
    run_encode(peer->shard, peer->index + 1, packet.target);
    if (peer->shard->taping)
        effect_write(peer->shard, EFFECT_PACKET, &packet, sizeof packet, bytes, length);
    else
        trace_packet(run->capture, &packet);
}

int capture_finish(struct run *run, struct base_diagnostics *diagnostics)
{
    int error = trace_finish(run->capture, "", &run->capture_totals, diagnostics);
    run->capture = NULL;
    run->captured = run->options.pcap_path && !error;
    return error;
}
