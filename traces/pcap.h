/* Captures: each datagram that reached an overlay as a packet, in a file that tshark, Wireshark and tcpdump open.
 *
 * A capture is a trace with a sink of its own: the event loop copies the payload and a few numbers into a batch
 * (trace_packet), the writer thread makes headers and checksums and lets libpcap write. In virtual time a full ring
 * makes the run wait, so no packet is lost; in real time what finds no room is counted as left out.
 *
 * Life: trace_open_pcap, trace_packet for each datagram in order of dispatch, trace_flush and trace_error once a turn,
 * trace_finish: as with any trace. */
#ifndef TRACES_PCAP_H
#define TRACES_PCAP_H

#include "traces/trace.h"

/* Instant 0 of a virtual clock, in the file: 2000-01-01T00:00:00Z, in ns since 1970. Same seed, same file. */
#define TRACE_PCAP_EPOCH_NS (UINT64_C(946684800) * 1000000000u)

struct trace_pcap_options {
    const char *path;   /* a file, or what can be written like one (a FIFO, /dev/stdout) */
    bool may_leave_out; /* real time */
};

/* Replaces an existing file only if it is a capture or empty. Opening a FIFO waits for its reader. 0, or negative with
 * a diagnostic: -EEXIST it is something else, -EBUSY another run writes it, -EISDIR, -EACCES, -ENOSPC ... as the system
 * says. */
int trace_open_pcap(struct trace **capture, const struct trace_pcap_options *options,
                    struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));

#endif
