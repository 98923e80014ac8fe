/* A tiny world for testing one overlay alone: sim/peer.h over a binary heap of events, some hundreds of peers, in
 * memory.
 *
 * It shares no code with the engine, so an overlay is judged by two independent worlds. Deterministic: events are
 * handled in the order of (due, order of creation); delays, losses and draws are pure functions of the seed.
 *
 *     struct harness *h = harness_create(&(struct harness_options){.ops = ops, .parameters = &p, .peer_count = 200,
 * ...});     harness_start_converged(h);            or harness_join(h, peer, bootstrap) one by one
 *     uint32_t n = harness_lookup(h, peer, &key);
 *     harness_run(h, harness_now(h) + SECOND);
 *     harness_result(h, n)->done ...
 *     harness_free(h);                       releases every peer that is up, closes the shared state
 *
 * Peer p has address p + 1, on the wire 10.0.0.0 + p, port 6881. What runs out of memory aborts. */
#ifndef TESTS_SIM_PEER_HARNESS_H
#define TESTS_SIM_PEER_HARNESS_H

#include "sim/overlay.h"

#define HARNESS_SECOND_NS UINT64_C(1000000000)
#define HARNESS_MESSAGE_KINDS 16
#define HARNESS_METRICS 16
#define HARNESS_NEIGHBOUR_TABLES 4

struct harness_options {
    const struct overlay_ops *ops;
    const void *parameters;
    uint32_t peer_count;
    uint32_t broadcast_count;          /* broadcasts are numbered below it */
    uint64_t seed;
    uint64_t delay_ns_min, delay_ns_max; /* each message: uniform in [min, max] */
    uint32_t loss_ppb;                 /* each message */
    const uint32_t *const *neighbours; /* initial graph: by peer its degree, then its neighbours; NULL: none */
};

struct harness_result {
    bool done;
    uint32_t peer;
    struct overlay_id key;
    uint64_t started_at_ns, ended_at_ns;
    struct peer_lookup_result result;
};

struct harness_delivery {              /* of one broadcast at one peer */
    bool received;
    uint32_t hops, round, duplicates;
    uint64_t at_ns;
};

struct harness_counts {
    uint64_t events;                   /* messages delivered and timers fired */
    uint64_t sent[HARNESS_MESSAGE_KINDS], delivered[HARNESS_MESSAGE_KINDS];
    uint64_t bytes, lost, target_down, malformed;
    uint64_t timers_armed, timers_fired;
    uint64_t metric_count[HARNESS_METRICS], metric_sum[HARNESS_METRICS];
    uint64_t neighbours_added[HARNESS_NEIGHBOUR_TABLES], neighbours_removed[HARNESS_NEIGHBOUR_TABLES];
};

struct harness *harness_create(const struct harness_options *options);
void harness_free(struct harness *harness);

void harness_start_converged(struct harness *harness); /* all peers, at time 0, start->converged */
void harness_join(struct harness *harness, uint32_t peer, peer_address bootstrap);
void harness_crash(struct harness *harness, uint32_t peer);
void harness_leave(struct harness *harness, uint32_t peer);
bool harness_is_up(const struct harness *harness, uint32_t peer);
uint32_t harness_up_count(const struct harness *harness);

uint32_t harness_lookup(struct harness *harness, uint32_t peer, const struct overlay_id *key);
const struct harness_result *harness_result(const struct harness *harness, uint32_t lookup);
void harness_publish(struct harness *harness, uint32_t peer, uint32_t broadcast, uint32_t topic, uint32_t bytes);
const struct harness_delivery *harness_delivery(const struct harness *harness, uint32_t broadcast, uint32_t peer);

/* Hands bytes to a peer now, as if from had sent them; what ops->message says. */
bool harness_deliver(struct harness *harness, uint32_t peer, peer_address from, const void *bytes, size_t length);
/* Sees every message at its sending; returning false drops it. NULL: none. */
typedef bool (*harness_tap)(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes,
                            size_t length);
void harness_set_tap(struct harness *harness, harness_tap tap, void *context);
void harness_set_loss(struct harness *harness, uint32_t loss_ppb);

uint64_t harness_now(const struct harness *harness);
void harness_run(struct harness *harness, uint64_t until_ns);   /* all that is due before; now is until_ns then */
bool harness_run_idle(struct harness *harness, uint64_t until_ns); /* stops when nothing is pending: true */
struct peer *harness_peer(struct harness *harness, uint32_t peer);
void *harness_shared(struct harness *harness);
const struct harness_counts *harness_counts(const struct harness *harness);
uint64_t harness_draw(struct harness *harness);                 /* 64 bits of the test's own stream */
void harness_random_id(struct harness *harness, struct overlay_id *id); /* uniform, of the overlay's bits */
void harness_id(const struct harness *harness, uint32_t peer, struct overlay_id *id); /* its first */
/* The peer that is up with the least id XOR key; UINT32_MAX: nobody. */
uint32_t harness_closest(const struct harness *harness, const struct overlay_id *key);
/* The peer that is up with the first id at or behind the key on the ring, and that id; UINT32_MAX: nobody. */
uint32_t harness_owner(const struct harness *harness, const struct overlay_id *key, struct overlay_id *id);
void harness_key(const struct harness *harness, uint64_t number, struct overlay_id *key); /* what peer_key gives */

#endif
