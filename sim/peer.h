/* All that an overlay sees of the world.
 *
 * An overlay is a pure reaction: a message, a timer, a join or an action in; sends and timers out. It has no clock, no
 * socket and no global of its own, so the same code runs in virtual time and over real sockets. Every call here is for
 * the peer that is being handled; `struct peer *` is valid for that call only. None allocates in the steady state.
 *
 * Handles that these functions return (timers, slab items) are local to one loop: they must not go on the wire, nor
 * decide anything that does; then the digest is the same for any number of threads. */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/base/slab.h"

struct peer;

/* An endpoint: an interned (family, port, 16 bytes). Comparable; says nothing of who is up there. 0 is nobody. */
typedef uint32_t peer_address;
#define PEER_ADDRESS_NONE 0u

/* An overlay identifier or key of up to 160 bits, big-endian, in the first (bits + 7) / 8 octets, the rest zero; where
 * bits is no multiple of 8 the last octet's low bits are zero. memcmp orders them. */
struct overlay_id {
    uint8_t octets[20];
};

/* --- who and when --- */
uint64_t peer_now_ns(const struct peer *peer);            /* of the scenario's clock */
void *peer_state(struct peer *peer);                      /* state_bytes, zeroed at each join */
const void *peer_parameters(const struct peer *peer);     /* the overlay's decoded parameters */
void *peer_shared(const struct peer *peer);               /* what ops->open made for this loop: slabs */
peer_address peer_self(const struct peer *peer);
void peer_id(const struct peer *peer, struct overlay_id *id); /* kept over incarnations */
void peer_id_at(const struct peer *peer, uint32_t number, struct overlay_id *id); /* number < ops->ids_a_peer; 0: peer_id */
uint64_t peer_random(struct peer *peer);                  /* 64 uniform bits: the next draw of this peer's own stream */
uint64_t peer_random_below(struct peer *peer, uint64_t bound); /* uniform in [0, bound), bound > 0 */

/* --- addresses: on the wire 6 octets (IPv4, port; network order) --- */
#define PEER_ADDRESS_OCTETS 6
void peer_address_encode(const struct peer *peer, peer_address address, uint8_t octets[PEER_ADDRESS_OCTETS]);
/* Interns what came from the wire; PEER_ADDRESS_NONE when it cannot be an endpoint (port 0) or the table is full. */
peer_address peer_address_decode(struct peer *peer, const uint8_t octets[PEER_ADDRESS_OCTETS]);

/* --- sending: bytes are copied (once for all receivers of send_many), at most 65507; what is lost is lost silently, as
 * with UDP. kind is of ops->message_kinds. Sending to oneself arrives at this instant, after this call. --- */
void peer_send(struct peer *peer, peer_address to, uint8_t kind, const void *bytes, size_t length);
/* The same for up to 24 octets put together in words, zero behind length: cheaper where messages are small and many. */
#define PEER_SHORT_OCTETS 24
struct peer_short {
    union {
        uint64_t words[3];
        uint8_t octets[PEER_SHORT_OCTETS];
    };
};
void peer_send_short(struct peer *peer, peer_address to, uint8_t kind, const struct peer_short *bytes, size_t length);
void peer_send_many(struct peer *peer, const peer_address *to, size_t count, uint8_t kind, const void *bytes,
                    size_t length);

/* --- timers: kind is of ops->timer_kinds; data comes back. A timer dies with the incarnation. A delay of 0 fires at this
 * instant, after this call. --- */
typedef uint32_t peer_timer; /* 0: none */
peer_timer peer_arm(struct peer *peer, uint8_t kind, uint64_t delay_ns, uint32_t data);
/* The same without a handle: it cannot be disarmed or moved, and costs half. What a periodic timer should use. */
void peer_after(struct peer *peer, uint8_t kind, uint64_t delay_ns, uint32_t data);
void peer_disarm(struct peer *peer, peer_timer timer); /* 0 or one that has fired: ignored */
/* Moves a pending timer; false, and nothing is armed, when it is not pending. */
bool peer_rearm(struct peer *peer, peer_timer timer, uint64_t delay_ns);

/* --- finding others --- */
/* A peer of this overlay other than oneself, uniform over those up by plan now: what a tracker or a bootstrap service
 * would name. PEER_ADDRESS_NONE when there is none. */
peer_address peer_bootstrap(struct peer *peer);
/* A peer of this overlay other than oneself, uniform over all that there are, up or not. PEER_ADDRESS_NONE: alone. */
peer_address peer_any(struct peer *peer);
/* The scenario's initial_graph, where peers are nodes by index: whom this peer knows. Ascending, each once, never oneself;
 * who they are stays the same for the whole run, up or not. */
bool peer_has_graph(const struct peer *peer);
uint32_t peer_graph_degree(const struct peer *peer);                           /* 0 where there is no graph */
peer_address peer_graph_neighbour(const struct peer *peer, uint32_t i);        /* i < degree */
/* Tells the trace that all of them are in this table now: as peer_neighbour for each. */
void peer_graph_tell(struct peer *peer, uint8_t table);
/* For a converged start only (in join with start->converged): the ids of the members up at time 0, in order. */
uint32_t peer_census_count(const struct peer *peer);
uint32_t peer_census_rank(const struct peer *peer);                       /* of one's own (first) id */
void peer_census_id(const struct peer *peer, uint32_t rank, struct overlay_id *id);
peer_address peer_census_address(const struct peer *peer, uint32_t rank);
/* The first rank whose id is >= id; count when there is none. */
uint32_t peer_census_at_least(const struct peer *peer, const struct overlay_id *id);
/* Whom an id belongs to on a ring: the first whose id is >= id or, where there is none, the first of all; there is one.
 * Next to no cost when that is at `near` or one of the few ranks behind it. Peers of a converged start mostly join in
 * the order of their ids: what the one before found is near. */
struct peer_census_member {
    struct overlay_id id;
    peer_address address;
    uint32_t rank;
};
void peer_census_follower(const struct peer *peer, const struct overlay_id *id, uint32_t near,
                          struct peer_census_member *follower);

/* Key `number` of the run: what a lookup workload with `keys: n` asks for (numbers below n), and what a store holds. A
 * pure function of the seed, the number and the overlay's id bits. */
void peer_key(const struct peer *peer, uint64_t number, struct overlay_id *key);

/* --- outcomes --- */
struct peer_lookup_result {
    bool succeeded;
    peer_address owner;  /* the answer: the peer responsible for the key; judged against the global truth */
    uint32_t hops;       /* messages on the path, the one that reaches the owner included; iterative: owner's depth */
    uint32_t messages;   /* requests sent */
    uint32_t timeouts;
};
/* Ends a lookup begun by ops->lookup at this peer; one that is not pending (any more) is ignored. The answer of a lookup
 * may come from inside ops->lookup itself. */
void peer_lookup_done(struct peer *peer, uint32_t lookup, const struct peer_lookup_result *result);
/* The publisher knows its broadcast from the start. Call received once, at the first copy: round is the number of gossip
 * rounds since publication (0 where the protocol has none). */
void peer_broadcast_received(struct peer *peer, uint32_t broadcast, uint32_t hops, uint32_t round);
void peer_broadcast_duplicate(struct peer *peer, uint32_t broadcast);
/* For the neighbour table of the trace; table is of ops->neighbour_tables. */
void peer_neighbour(struct peer *peer, uint8_t table, peer_address other, bool added);
bool peer_neighbours_heeded(const struct peer *peer); /* false: nobody looks at that table, say nothing */
/* One value of ops->metrics[metric]: goes to the summary's percentiles (as a 64-bit count in the metric's unit). */
void peer_metric(struct peer *peer, uint8_t metric, uint64_t value);
enum peer_log_level { PEER_LOG_ERROR, PEER_LOG_WARNING, PEER_LOG_NOTE, PEER_LOG_DEBUG };
void peer_log(struct peer *peer, enum peer_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
