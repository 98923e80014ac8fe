/* Kademlia (Maymounkov & Mazieres, IPTPS 2002, and the long version): the pieces of one overlay, see README.md.
 *
 *     kademlia.c         parameters, dispatch of messages and timers, the ops
 *     kademlia_wire.c    messages, octet by octet
 *     kademlia_bucket.h  a bucket's slots
 *     kademlia_table.c   buckets: who is known, who is replaced
 *     kademlia_closest.c the k closest contacts
 *     kademlia_probe.c   liveness checks
 *     kademlia_lookup.c  iterative lookups
 *     kademlia_start.c   converged start
 *     kademlia_upkeep.c  join, bootstrap, refresh
 *
 * A peer's state is two cache lines of handles; buckets, lookups and probes are items of slabs that all peers of one
 * loop share. A request has a number: the lookup's serial (0: a probe) and the request's place in it; what goes on the
 * wire is that number under the incarnation's salt, and an answer counts only from the address that was asked. */
#ifndef SIM_OVERLAYS_KADEMLIA_H
#define SIM_OVERLAYS_KADEMLIA_H

#include "sim/overlay.h"
#include "sim/overlays/kademlia_id.h"

#define KADEMLIA_K_MAX 256        /* NODES stays below 7 kB */
#define KADEMLIA_INLINE_BUCKETS 20 /* enough for k * 2^19 peers; more go to a directory */
#define KADEMLIA_TICK_SHIFT 28    /* a tick is 2^28 ns, 0.27 s: 24 bits hold 52 days, 32 bits 36 years */

struct kademlia_parameters {
    uint64_t bits, k, alpha, failures;
    uint32_t start; /* 0: converged, 1: join */
    uint64_t refresh_ns, request_timeout_ns, questionable_ns;
};

enum kademlia_message_kind { KADEMLIA_PING, KADEMLIA_PONG, KADEMLIA_FIND_NODE, KADEMLIA_NODES, KADEMLIA_MESSAGES };
enum kademlia_timer_kind { KADEMLIA_TIMER_REQUEST, KADEMLIA_TIMER_MAINTENANCE, KADEMLIA_TIMER_BOOTSTRAP };
enum kademlia_metric { KADEMLIA_METRIC_CONTACTS, KADEMLIA_METRIC_STALE };
enum kademlia_purpose { KADEMLIA_FOR_WORKLOAD, KADEMLIA_FOR_JOIN, KADEMLIA_FOR_REFRESH };

/* What all peers of one loop share. */
struct kademlia_shared {
    uint32_t k, alpha, bits, octets;  /* octets of an id */
    uint32_t slots;                   /* of a bucket: k contacts, then its replacement cache */
    uint32_t marks_at, ids_at;        /* offsets in a bucket */
    uint32_t candidate_capacity;      /* of a lookup */
    uint32_t failure_limit;           /* failures in a row that make a contact stale */
    uint64_t request_timeout_ns, refresh_ns;
    uint32_t questionable_ticks;
    uint32_t first_buckets;           /* room in the slab that only peers without a bucket may use */
    struct base_slab buckets, directories, lookups, probes;
};

/* A peer's fixed state. */
struct kademlia {
    struct kademlia_words id;
    uint32_t salt;                /* of transactions, drawn at each join */
    uint32_t lookups, probes;     /* heads of lists: handles */
    uint32_t directory;           /* handles of the buckets from KADEMLIA_INLINE_BUCKETS on; 0: not needed yet */
    uint32_t bootstrap_timer;     /* of the next attempt */
    uint16_t last_serial, last_probe;
    uint8_t bucket_count;         /* the last one holds all that share bucket_count - 1 bits or more */
    uint8_t refresh_below;        /* a refresh is under way: buckets below this one are still to be looked at */
    uint8_t bootstrap_attempts;   /* that failed in a row */
    bool bootstrapping : 1;       /* a bootstrap peer was asked and has not answered yet */
    bool refreshing : 1;          /* a refresh's lookup is under way */
    bool joined : 1, settled : 1; /* through one bootstrap peer; through a second one */
    uint32_t buckets[KADEMLIA_INLINE_BUCKETS];
};
_Static_assert(sizeof(struct kademlia) == 128, "two cache lines");

struct kademlia_bucket; /* kademlia_bucket.h */

struct kademlia_contact {
    const uint8_t *id;            /* in a bucket; the loop's octets */
    peer_address address;
};

struct kademlia_message {
    enum kademlia_message_kind kind;
    uint32_t transaction;
    struct kademlia_words sender;
    const uint8_t *sender_octets;
    struct kademlia_words target; /* FIND_NODE */
    const uint8_t *contacts;      /* NODES: contact_count times id and address */
    uint32_t contact_count;
};

/* A liveness check under way, or a bootstrap peer asked (whose id is not known yet). */
struct kademlia_probe {
    uint32_t next, number;
    peer_address address;
    peer_timer timer;
    struct kademlia_words id;
    bool bootstrap;
};

static inline uint32_t kademlia_tick(const struct peer *peer)
{
    return (uint32_t) (peer_now_ns(peer) >> KADEMLIA_TICK_SHIFT);
}

/* --- kademlia_wire.c --- */
/* False: malformed. The pointers in message point into bytes. */
bool kademlia_decode(struct kademlia_message *message, const uint8_t *bytes, size_t length, uint32_t bits, uint32_t k);
/* One contact of NODES; false: no valid id or endpoint. */
bool kademlia_contact_decode(struct peer *peer, const uint8_t *contact, struct kademlia_words *id,
                             peer_address *address);
/* kind is PING or PONG. */
void kademlia_send_short(struct peer *peer, peer_address to, enum kademlia_message_kind kind, uint32_t transaction);
void kademlia_send_find_node(struct peer *peer, peer_address to, uint32_t transaction,
                             const struct kademlia_words *target);
void kademlia_send_nodes(struct peer *peer, peer_address to, uint32_t transaction,
                         const struct kademlia_contact *contacts, uint32_t count);
uint8_t kademlia_kind_of(const uint8_t *bytes, size_t length);
/* The sender and what may be a target, unchecked: for prefetching only. False: too short for both. */
bool kademlia_glance(const uint8_t *bytes, size_t length, uint32_t octets, struct kademlia_words *sender,
                     struct kademlia_words *target);

/* --- kademlia_table.c --- */
struct kademlia_bucket *kademlia_bucket_at(const struct kademlia_shared *shared, const struct kademlia *state,
                                           uint32_t index);
uint32_t kademlia_bucket_of(const struct kademlia *state, const struct kademlia_words *id);
/* Another bucket at the near end; NULL when there are as many as bits, or memory ran out. */
struct kademlia_bucket *kademlia_bucket_add(const struct kademlia_shared *shared, struct kademlia *state);
/* Appends to a bucket that is not full, unconditionally. */
void kademlia_contact_append(struct peer *peer, struct kademlia_bucket *bucket, const uint8_t *id,
                             peer_address address);
/* A message came from this contact: it is the most recently seen of its bucket, or a newcomer. */
void kademlia_heard(struct peer *peer, const struct kademlia_words *id, const uint8_t *octets, peer_address address);
/* It did not answer a request. */
void kademlia_failed(struct peer *peer, const struct kademlia_words *id, peer_address address);
/* The k contacts closest to key that have failed fewer than failure_bound times in a row, in no order, without `but`.
 * */
uint32_t kademlia_closest(struct peer *peer, const struct kademlia_words *key, uint32_t failure_bound,
                          peer_address but, struct kademlia_contact contacts[KADEMLIA_K_MAX]);
uint32_t kademlia_contact_count(const struct kademlia_shared *shared, const struct kademlia *state);
void kademlia_table_release(struct peer *peer);
const char *kademlia_table_check(struct peer *peer);

/* --- kademlia_lookup.c --- */
uint32_t kademlia_lookup_bytes(uint32_t candidate_capacity);
/* number: the workload's. seed: whom to ask first, alone; NULL: the closest of one's own contacts. */
void kademlia_lookup_start(struct peer *peer, enum kademlia_purpose purpose, uint32_t number,
                           const struct kademlia_words *key, const struct kademlia_contact *seed);
void kademlia_lookup_answer(struct peer *peer, peer_address from, const struct kademlia_message *message);
void kademlia_lookup_timeout(struct peer *peer, uint32_t number);
/* Lookups that had nobody to ask: a contact has been found, or none has. */
void kademlia_lookup_resume(struct peer *peer);
void kademlia_lookup_release(struct peer *peer);

/* --- kademlia_probe.c --- */
/* Pings an address; bootstrap: its id is not known, id is ignored. False: too many probes are under way. */
bool kademlia_probe(struct peer *peer, peer_address address, const struct kademlia_words *id, bool bootstrap);
void kademlia_probe_slot(struct peer *peer, struct kademlia_bucket *bucket, uint32_t slot);
/* A stale contact drawn at random: it may have come back. */
void kademlia_probe_stale(struct peer *peer, struct kademlia_bucket *bucket);
/* The least recently seen contact, if it is questionable. */
void kademlia_probe_oldest(struct peer *peer, struct kademlia_bucket *bucket);
void kademlia_probe_answer(struct peer *peer, peer_address from, const struct kademlia_message *message);
void kademlia_probe_timeout(struct peer *peer, uint32_t number);
void kademlia_probe_release(struct peer *peer);

/* --- kademlia_start.c --- */
void kademlia_start_converged(struct peer *peer);

/* --- kademlia_upkeep.c --- */
void kademlia_start_maintenance(struct peer *peer);
void kademlia_maintain(struct peer *peer);
/* Asks a bootstrap peer unless one has been asked already; false: there is none to ask. */
bool kademlia_bootstrap(struct peer *peer, peer_address address);
void kademlia_bootstrapped(struct peer *peer, const struct kademlia_contact *bootstrap);
void kademlia_bootstrap_failed(struct peer *peer);
/* A lookup that the overlay itself began has ended. */
void kademlia_upkeep_done(struct peer *peer, enum kademlia_purpose purpose, bool answered);

#endif
