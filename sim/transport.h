/* Transports: what carries a message between a peer and the network. One file and one row in transports/registry.c.
 *
 * The link model (network.h) alone decides when a message arrives and whether; a transport only carries bytes: from the
 * sender to the network (send ends in run_route) and from the network to the receiver (deliver ends in run_handle). */
#ifndef SIM_TRANSPORT_H
#define SIM_TRANSPORT_H

#include "sim/run.h"

struct transport_ops {
    bool direct;           /* a message is its entry in the queue: there is nothing to send, deliver, open or close */
    bool real_time_only;
    bool needs_descriptors;
    /* 0, or -errno with a diagnostic. Opens what all peers of the shard need. */
    int (*open)(struct shard *shard, struct base_diagnostics *diagnostics);
    void (*close)(struct shard *shard);
    /* Carries bytes from the peer entry->source - 1 to the network. flight: the pooled copy that receivers of one send
     * share (0: none yet). */
    void (*send)(struct shard *shard, struct reactor_entry *entry, uint32_t *flight, const void *bytes, size_t length);
    /* Carries a message that is due to its target, which is up; releases the flight. */
    void (*deliver)(struct shard *shard, struct reactor_entry *entry);
    void (*flush)(struct shard *shard);           /* once a turn: sends what was gathered; NULL: nothing ever is */
    void (*still_in_flight)(struct shard *shard); /* the run is over: counts what it holds; NULL: it holds nothing */
};

#endif
