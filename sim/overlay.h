/* What an overlay is: one struct of functions over sim/peer.h and one row in overlays/registry.c.
 *
 * Contract of the engine: calls for one peer never overlap and come in the total order of events. join begins an
 * incarnation with zeroed state; then messages, timers and actions; leave (only where the peer goes in good order: it
 * may still send) and then release, or release alone on a crash or at the end of the run: give back slab items, send
 * nothing. Timers of the peer are gone by themselves. A message may come from anybody and contain anything. */
#ifndef SIM_OVERLAY_H
#define SIM_OVERLAY_H

#include "sim/peer.h"
#include "topologies/parameter.h"

#define OVERLAY_ABI 1

struct overlay_timer_kind {
    const char *name;
    bool periodic; /* each firing is the root of a causal tree of its own (trace sampling) */
};

enum overlay_closeness {
    OVERLAY_NO_KEYS,   /* no lookups */
    OVERLAY_XOR,       /* the owner of a key is the member with the least id XOR key */
    OVERLAY_SUCCESSOR, /* the owner is the first member whose id equals or follows the key on the ring */
};

struct peer_start {
    bool converged;         /* time 0 of `start: converged`: build the final tables from the census, join nobody */
    peer_address bootstrap; /* whom to join through; PEER_ADDRESS_NONE: this peer is the first */
};

struct overlay_ops {
    uint32_t abi;           /* OVERLAY_ABI */
    uint32_t struct_bytes;  /* sizeof(struct overlay_ops) */
    const char *const *message_kinds;              /* names; index = kind */
    uint32_t message_kind_count;
    const struct overlay_timer_kind *timer_kinds;  /* index = kind */
    uint32_t timer_kind_count;
    const char *const *neighbour_tables;           /* index = table */
    uint32_t neighbour_table_count;
    const char *const *metrics;                    /* names with their unit, "bucket_fill_contacts"; index = metric */
    uint32_t metric_count;
    enum overlay_closeness closeness;

    bool needs_graph;       /* a scenario without initial_graph is refused */

    /* Checks what the parameter table cannot say (k <= 1 << bits ...); NULL: nothing more. */
    int (*bind)(const void *parameters, const struct base_place *places, struct base_diagnostics *diagnostics);
    size_t (*state_bytes)(const void *parameters);
    uint32_t (*id_bits)(const void *parameters);   /* 1 to 160; NULL: 160 */
    uint32_t (*ids_a_peer)(const void *parameters); /* 1 or more: virtual nodes; NULL: 1 */
    /* How many of the run's numbered keys it stores, so that lookups of others fail; 0 or NULL: it stores none, and a
     * lookup is good when it comes to the key's owner. */
    uint64_t (*stored_keys)(const void *parameters);
    bool (*starts_converged)(const void *parameters); /* whether peers up at time 0 get start->converged */
    /* What all peers of one loop share: slabs for tables. NULL on memory exhaustion. */
    void *(*open)(const void *parameters, uint32_t peer_count);
    void (*close)(void *shared);

    void (*join)(struct peer *peer, const struct peer_start *start);
    void (*leave)(struct peer *peer);              /* NULL: nothing is said to anybody */
    void (*release)(struct peer *peer);            /* NULL: the state holds no slab items */
    /* False: malformed or not for us; counted as dropped for that reason. bytes are borrowed for the call. */
    bool (*message)(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length);
    void (*timer)(struct peer *peer, uint8_t kind, uint32_t data);
    /* Workload actions; NULL: a scenario that asks for them is refused. */
    void (*lookup)(struct peer *peer, uint32_t lookup, const struct overlay_id *key);
    void (*publish)(struct peer *peer, uint32_t broadcast, uint32_t topic, uint32_t bytes);
    /* The kind of a datagram that arrives from a real socket; message_kind_count: none of ours. */
    uint8_t (*kind_of)(const uint8_t *bytes, size_t length);
    /* How many of the state's first octets `message` touches, for the engine to ask for ahead. NULL: all. Not looked at
     * where there is: */
    size_t (*message_touches)(const void *parameters);
    /* Asks the cache for what `message` will touch; state is the target's. Whether it may end a lookup of the target's
     * (peer_lookup_done). NULL: the state's first lines only. */
    bool (*prefetch)(const void *state, const void *shared, uint8_t kind, const uint8_t *bytes, size_t length);
    /* The same for what `lookup` of this key will touch. NULL: the state's first lines only. */
    void (*prefetch_lookup)(const void *state, const void *shared, const struct overlay_id *key);
    /* Its invariants against the global truth, at a barrier: answers what is violated, or NULL. */
    const char *(*check)(struct peer *peer);
};

#endif
