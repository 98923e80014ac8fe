/* Chord (Stoica, Morris, Liben-Nowell, Karger, Kaashoek, Dabek & Balakrishnan: Chord: a scalable peer-to-peer lookup
 * protocol for Internet applications, IEEE/ACM Transactions on Networking 11(1), 2003): the pieces of one overlay.
 *
 *     chord.c          parameters, layout, dispatch of messages and timers, the ops
 *     chord_ring.h     arithmetic on the ring
 *     chord_wire.c     messages, octet by octet
 *     chord_table.c    successors, predecessor, fingers: set, forgotten, traced, checked
 *     chord_route.c    which entry comes next on the way to a key
 *     chord_narrow.c   the same for ids of up to 32 bits, and the short way of their lookups
 *     chord_steady.c   the short way of all else in such a ring while nothing changes
 *     chord_request.c  what a peer waits for an answer to
 *     chord_lookup.c   lookups: their start and end, recursive ones from hop to hop
 *     chord_iterate.c  iterative lookups: the origin asks hop after hop
 *     chord_upkeep.c   stabilise, notify, fix fingers, check predecessor, leave
 *     chord_start.c    converged start and join
 *     chord_store.c    stored keys: who holds which, handing over, replicas
 *     chord_keys.c     a sorted set of keys
 *
 * A peer's state is a head of 8 octets and one node for each of its ids (virtual nodes). A node is an array of entries of
 * (id, address): itself, its predecessor, r successors, a finger a bit. Up to 32 bits an entry is 8 octets, so that with
 * the simulator's own 32 octets, r = 1 and 24 bits a peer is four cache lines, and a lookup touches two: the first, and
 * that of the finger it takes. Wider ids have entries of 24 octets; all code but chord_narrow.c sees either through the
 * same three functions. */
#ifndef SIM_OVERLAYS_CHORD_H
#define SIM_OVERLAYS_CHORD_H

#include "sim/overlay.h"
#include "sim/overlays/chord_keys.h"
#include "sim/overlays/chord_ring.h"

#define CHORD_SUCCESSORS_MAX 64
#define CHORD_FINGERS_MAX 160
#define CHORD_TIMEOUTS_MAX 127
#define CHORD_GONE_KEPT 24 /* a lookup that meets more, with half of all peers dead, is one in a thousand */
#define CHORD_HOPS_MAX 200  /* what took more goes round in circles: it is dropped */
#define CHORD_MESSAGES_MAX 1000 /* so is who names itself again and again to an iterative lookup */
#define CHORD_NO_FINGER 0xff
#define CHORD_STORE_OCTETS 1200 /* of keys in one message: it stays below an Ethernet frame */

struct chord_parameters {
    uint64_t bits, successors, replicas, virtual_nodes, keys;
    uint32_t lookup; /* enum chord_lookup_mode */
    uint32_t start;  /* 0: converged, 1: join */
    bool acknowledge, forget;
    uint64_t stabilise_ns, fix_fingers_ns, check_predecessor_ns, request_timeout_ns, lookup_timeout_ns;
};

enum chord_lookup_mode { CHORD_RECURSIVE, CHORD_ITERATIVE };

enum chord_message_kind {
    CHORD_LOOKUP, CHORD_ANSWER, CHORD_ACK,         /* recursive lookups */
    CHORD_FIND, CHORD_NEXT, CHORD_GONE,            /* iterative lookups */
    CHORD_STABILISE, CHORD_NEIGHBOURS, CHORD_NOTIFY, CHORD_CHECK, CHORD_ALIVE, CHORD_LEAVE,
    CHORD_SYNC, CHORD_STORE, CHORD_STORED, CHORD_MESSAGES
};
enum chord_timer_kind { CHORD_TIMER_UPKEEP, CHORD_TIMER_SUCCESSOR, CHORD_TIMER_PREDECESSOR, CHORD_TIMER_REQUEST,
                        CHORD_TIMER_JOIN };
enum chord_metric { CHORD_METRIC_KEYS, CHORD_METRIC_HOPS };
enum chord_purpose { CHORD_FOR_WORKLOAD, CHORD_FOR_FINGER, CHORD_FOR_JOIN };
enum chord_neighbour_table { CHORD_TABLE_PREDECESSOR, CHORD_TABLE_SUCCESSOR, CHORD_TABLE_FINGER };

/* Places in a node's array of entries. */
enum { CHORD_SELF, CHORD_PREDECESSOR, CHORD_FIRST_SUCCESSOR };

/* What a node has in place of its own address. */
struct chord_node_state {
    uint8_t next_finger;
    uint8_t successor_count;       /* 0: not part of a ring yet */
    uint8_t fixing;                /* the finger that is being looked up; CHORD_NO_FINGER */
    bool successor_asked : 1;      /* and its answer not seen yet */
    bool successor_timer : 1;      /* CHORD_TIMER_SUCCESSOR is pending */
    bool predecessor_asked : 1, predecessor_timer : 1;
    bool join_timer : 1;
    bool wants_fingers : 1;        /* new in the ring: asks its successor for a copy of its fingers */
};

struct chord_narrow_entry {
    uint32_t id;                   /* left-aligned */
    peer_address address;          /* PEER_ADDRESS_NONE: the place is empty */
};

struct chord_wide_entry {
    struct chord_id id;
    peer_address address;
};
_Static_assert(sizeof(struct chord_node_state) == sizeof(peer_address), "it stands in an entry's address");
_Static_assert(sizeof(struct chord_wide_entry) == 24, "no padding");

/* A peer's head; its nodes follow. */
struct chord_peer {
    uint32_t requests;             /* first of what it waits for: a handle */
    uint32_t serial;               /* of the latest request */
};

#define CHORD_NO_LENGTH UINT32_MAX

/* What all peers of one loop share. */
struct chord_shared {
    const struct chord_parameters *parameters;
    uint32_t bits, octets;         /* octets of an id on the wire */
    uint32_t successors, nodes;    /* nodes: of a peer */
    uint32_t first_finger;         /* place */
    uint32_t last_finger;          /* place */
    uint32_t lookup_octets;        /* of a LOOKUP that chord_narrow_lookup may handle; CHORD_NO_LENGTH: it may none */
    uint32_t prefetch_octets;      /* the least of one that chord_prefetch looks into; CHORD_NO_LENGTH: none */
    uint32_t narrow_shift;         /* of chord_narrow_before */
    uint32_t narrow_unused;        /* the bits of a narrow id that are zero */
    uint32_t entry_bytes, node_bytes;
    uint32_t keys_at;              /* offset of a node's keys, where keys are stored */
    bool narrow;
    bool steady;                   /* chord_steady.c may handle all else */
    struct base_slab requests;
    struct chord_key_store store;
    uint8_t *first_keys;           /* the keys that are stored from the start, sorted; made when first asked for */
    uint32_t finger_rank[CHORD_FINGERS_MAX]; /* converged start: in the census, of the fingers of the latest to begin */
};

struct chord_entry {
    struct chord_id id;
    peer_address address;
};

/* The node that is being handled. */
struct chord {
    struct peer *peer;
    struct chord_shared *shared;
    struct chord_peer *head;
    uint8_t *node;
    uint32_t number;               /* of the node among its peer's */
};

/* As overlay_ops.message, the long way. */
bool chord_any_message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length);
struct chord chord_of(struct peer *peer, uint32_t number);
struct chord_peer *chord_head(struct peer *peer);

static inline struct chord_id chord_narrow_id(uint32_t id)
{
    return (struct chord_id){.high = (uint64_t) id << 32};
}

static inline struct chord_id chord_id_at(const struct chord *c, uint32_t place)
{
    if (c->shared->narrow)
        return chord_narrow_id(((const struct chord_narrow_entry *) (const void *) c->node)[place].id);
    return ((const struct chord_wide_entry *) (const void *) c->node)[place].id;
}

static inline peer_address chord_address_at(const struct chord *c, uint32_t place)
{
    if (c->shared->narrow)
        return ((const struct chord_narrow_entry *) (const void *) c->node)[place].address;
    return ((const struct chord_wide_entry *) (const void *) c->node)[place].address;
}

static inline struct chord_entry chord_entry_at(const struct chord *c, uint32_t place)
{
    return (struct chord_entry){.id = chord_id_at(c, place), .address = chord_address_at(c, place)};
}

static inline struct chord_node_state *chord_state(const struct chord *c)
{
    return (struct chord_node_state *) (void *) (c->node + (c->shared->narrow ? sizeof(uint32_t)
                                                                              : sizeof(struct chord_id)));
}

static inline struct chord_keys *chord_keys(const struct chord *c)
{
    return (struct chord_keys *) (void *) (c->node + c->shared->keys_at);
}

static inline bool chord_is_alone(const struct chord *c)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF), successor = chord_id_at(c, CHORD_FIRST_SUCCESSOR);
    return chord_state(c)->successor_count == 1 && chord_id_equal(&self, &successor);
}

/* --- chord_table.c --- */
void chord_set(const struct chord *c, uint32_t place, const struct chord_entry *entry); /* NULL: makes it empty */
/* The successors are so many of these, nearest first: those that go on clockwise, up to the place where the ring closes. */
void chord_set_successors(const struct chord *c, const struct chord_entry *entries, uint32_t count);
/* Whoever this is, it is gone: it leaves every place it has. Without a successor the nearest finger becomes it. */
void chord_forget(const struct chord *c, const struct chord_entry *gone);
void chord_forget_everywhere(struct peer *peer, const struct chord_entry *gone); /* in all nodes of the peer */
void chord_forget_id(const struct chord *c, const struct chord_id *gone); /* whoever has this id */
struct chord_id chord_finger_start(const struct chord *c, uint32_t finger);
const char *chord_check(struct peer *peer);

/* --- chord_route.c --- */
enum chord_phase { CHORD_ANY, CHORD_OWNERS, CHORD_PRECEDING };

/* Where a search for the next hop stands. CHORD_ANY: at its beginning. CHORD_OWNERS: successors behind bound, nearest
 * first, each of which owns the key if all before it are gone. CHORD_PRECEDING: entries before bound, farthest first. */
struct chord_cursor {
    struct chord_id bound;
    enum chord_phase phase;
};

/* The next one to try; false: there is no other. The cursor's phase is then OWNERS if it is taken for the owner. Never
 * `but` (an id; NULL: nobody is left out). */
bool chord_route(const struct chord *c, const struct chord_id *key, const struct chord_id *but,
                 struct chord_cursor *cursor, struct chord_entry *next);
/* --- chord_narrow.c: of narrow ids only --- */
/* chord_route's first try; the node is part of a ring. */
bool chord_narrow_route(const struct chord *c, uint32_t key, struct chord_cursor *cursor, struct chord_entry *next);
/* A datagram of shared->lookup_octets, as chord_any_message, which it leaves to that if it is not a LOOKUP or a rare one. */
bool chord_narrow_lookup(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length);
const struct chord_narrow_entry *chord_narrow_next(const struct chord_shared *shared,
                                                   const struct chord_narrow_entry *entries, uint32_t key, bool *owner);
bool chord_prefetch(const void *state, const void *shared, uint8_t kind, const uint8_t *bytes, size_t length);
void chord_prefetch_lookup(const void *state, const void *shared, const struct overlay_id *key);

/* --- chord_steady.c: where shared->steady --- */
/* As chord_any_message, to which it leaves what it does not know. */
bool chord_steady_message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length);
/* As chord_lookup_start. False: nothing was done, the long way has to be taken. */
bool chord_steady_lookup(struct peer *peer, enum chord_purpose purpose, uint32_t number, uint32_t key);
/* As chord_send_plain, to whom the table names at this place. */
void chord_steady_send(struct peer *peer, enum chord_message_kind kind, uint32_t place);

/* --- chord_wire.c: see there; decoders answer false to what is malformed --- */
#define CHORD_FIRST_OCTET 0xcb
enum { CHORD_LOOKUP_ORIGIN = 7, CHORD_LOOKUP_KEY = 13 }; /* octets of a datagram */

struct chord_query {               /* LOOKUP */
    struct chord_id key;
    uint32_t number;               /* the origin's */
    uint32_t serial;               /* what the ACK says, where there are acknowledgements */
    peer_address origin;
    uint8_t hops, timeouts;
    uint8_t purpose;               /* enum chord_purpose */
    bool owner;                    /* the sender takes the receiver for the owner */
    bool skipped;                  /* and knows those between the key and the receiver to be gone */
};

struct chord_answer {              /* ANSWER */
    struct chord_id owner;
    uint32_t number;
    uint8_t hops, timeouts, purpose;
    bool good;                     /* the key's owner, and it has the key if keys are stored */
};

struct chord_find {                /* FIND */
    struct chord_id key, bound;
    uint32_t serial;
    uint8_t phase;                 /* of the cursor to go on with */
    uint8_t purpose;
    bool owner, skipped;           /* as of a query */
};

#define CHORD_CANDIDATES 4         /* of one NEXT */
enum chord_finding { CHORD_CLOSER, CHORD_TAKEN_FOR_OWNERS, CHORD_OWNER, CHORD_OWNER_WITHOUT_KEY };
struct chord_next {                /* NEXT */
    uint32_t serial, count;
    enum chord_finding finding;
    struct chord_id sender;        /* the node that answers */
    struct chord_entry candidates[CHORD_CANDIDATES];
};

struct chord_neighbours {          /* NEIGHBOURS, LEAVE */
    bool has_predecessor;
    uint32_t count;
    struct chord_entry predecessor, successors[CHORD_SUCCESSORS_MAX];
    uint32_t finger_count;         /* hints for a new node */
    struct chord_entry fingers[CHORD_FINGERS_MAX];
};

struct chord_range {               /* SYNC: the keys in (after, sender] */
    struct chord_id after;
    uint32_t count;
    uint64_t sum;                  /* of the keys' hashes */
    bool last;                     /* the receiver is the last of the replicas */
};

struct chord_ends {                /* what a message of the ring begins with */
    struct chord_id target, sender;
};

uint8_t chord_kind_of(const uint8_t *body, size_t length);       /* of what follows the first octet */
uint8_t chord_datagram_kind(const uint8_t *bytes, size_t length); /* of a whole datagram; CHORD_MESSAGES: none */
void chord_send_query(const struct chord *c, peer_address to, const struct chord_query *query);
bool chord_decode_query(struct peer *peer, struct chord_query *query, const uint8_t *bytes, size_t length);
void chord_send_answer(const struct chord *c, peer_address to, const struct chord_answer *answer);
bool chord_decode_answer(struct peer *peer, struct chord_answer *answer, const uint8_t *bytes, size_t length);
void chord_send_ack(struct peer *peer, peer_address to, uint32_t serial);
bool chord_decode_ack(uint32_t *serial, const uint8_t *bytes, size_t length);
void chord_send_find(const struct chord *c, peer_address to, const struct chord_find *find);
bool chord_decode_find(struct peer *peer, struct chord_find *find, const uint8_t *bytes, size_t length);
void chord_send_next(const struct chord *c, peer_address to, const struct chord_next *next);
bool chord_decode_next(struct peer *peer, struct chord_next *next, const uint8_t *bytes, size_t length);
/* Messages of the ring, from node c to another. The body of some is sent with it. */
void chord_send_plain(const struct chord *c, enum chord_message_kind kind, const struct chord_entry *to);
bool chord_decode_ends(struct peer *peer, struct chord_ends *ends, const uint8_t *bytes, size_t length);
size_t chord_ends_octets(const struct chord_shared *shared);
void chord_send_gone(const struct chord *c, const struct chord_entry *to, const struct chord_id *gone);
bool chord_decode_gone(struct peer *peer, struct chord_id *gone, const uint8_t *bytes, size_t length);
void chord_send_stabilise(const struct chord *c, const struct chord_entry *to, bool with_fingers);
void chord_send_neighbours(const struct chord *c, enum chord_message_kind kind, const struct chord_entry *to,
                           bool with_fingers);
bool chord_decode_neighbours(struct peer *peer, struct chord_neighbours *neighbours, const uint8_t *bytes, size_t length);
void chord_send_range(const struct chord *c, const struct chord_entry *to, const struct chord_range *range);
bool chord_decode_range(struct peer *peer, struct chord_range *range, const uint8_t *bytes, size_t length);
/* STORE and STORED: count keys as octets, one behind the other. */
void chord_send_keys(const struct chord *c, enum chord_message_kind kind, const struct chord_entry *to,
                     const uint8_t *keys, uint32_t count);
bool chord_decode_keys(const struct chord_shared *shared, uint32_t *count, const uint8_t *bytes, size_t length);

/* --- chord_request.c --- */
enum chord_request_kind { CHORD_REQUEST_ORIGIN, CHORD_REQUEST_HOP, CHORD_REQUEST_ITERATIVE };

struct chord_request {
    uint32_t next, serial;
    peer_timer timer;
    uint8_t kind;                  /* enum chord_request_kind */
    uint8_t node;                  /* the node's number */
    struct chord_entry asked;      /* HOP, ITERATIVE: who has not answered yet */
    struct chord_cursor cursor;    /* HOP: to go on with when it does not */
    struct chord_query query;      /* HOP: what was sent; ITERATIVE: key, number, purpose, hops of asked, timeouts */
};

struct chord_search {              /* an iterative lookup: a request, and */
    struct chord_request request;
    struct chord_entry source;     /* who named the candidates; address PEER_ADDRESS_NONE: this node's own tables */
    struct chord_entry candidates[CHORD_CANDIDATES];
    uint8_t candidate, candidate_count;
    bool owners;                   /* the candidates are taken for owners */
    bool skipped;                  /* and one of them was gone */
    uint32_t messages;
    uint32_t gone_count;           /* that did not answer; the latest CHORD_GONE_KEPT of them are remembered */
    peer_address gone[CHORD_GONE_KEPT];
};

/* A new one, its timer armed; NULL: there is no room. */
struct chord_request *chord_request_open(const struct chord *c, enum chord_request_kind kind, uint64_t timeout_ns);
struct chord_request *chord_request_find(struct peer *peer, uint32_t serial);
void chord_request_close(struct peer *peer, struct chord_request *request);
void chord_requests_release(struct peer *peer);

/* --- chord_lookup.c --- */
void chord_lookup_start(const struct chord *c, enum chord_purpose purpose, uint32_t number, const struct chord_id *key);
/* The node of this peer that precedes the key most closely. */
struct chord chord_nearest_node(struct peer *peer, const struct chord_id *key);
/* The one that would own the key if no other peer were there: the first at or behind it. */
struct chord chord_node_behind(struct peer *peer, const struct chord_id *key);
/* Whether the node owns the key as far as it can tell. */
bool chord_owns(const struct chord *c, const struct chord_id *key);
/* The same where somebody takes it for the owner, and perhaps has skipped those before it who are gone. */
bool chord_owns_as_told(const struct chord *c, const struct chord_id *key, uint8_t purpose, bool skipped);
bool chord_has_key(const struct chord *c, const struct chord_id *key); /* true where no keys are stored */
void chord_lookup_message(struct peer *peer, peer_address from, struct chord_query *query);
/* A joining node's first lookup, through a peer of the ring. */
void chord_lookup_through(const struct chord *c, peer_address bootstrap);
void chord_answered(struct peer *peer, peer_address from, const struct chord_answer *answer);
void chord_acknowledged(struct peer *peer, peer_address from, uint32_t serial);
void chord_request_timeout(struct peer *peer, uint32_t serial);
/* What a lookup found, at its origin; owner NULL: nothing. */
void chord_lookup_done(const struct chord *c, const struct chord_query *query, const struct chord_entry *owner, bool good,
                       uint32_t messages);

/* --- chord_iterate.c --- */
void chord_search_start(const struct chord *c, const struct chord_query *query, peer_address through);
void chord_search_asked(struct peer *peer, peer_address from, const struct chord_find *find);
void chord_search_answer(struct peer *peer, peer_address from, const struct chord_next *next);
void chord_search_timeout(struct peer *peer, struct chord_search *search);

/* --- chord_upkeep.c --- */
#define CHORD_ACTIVITY_BITS 3 /* of the periodic timer's data: what is due; above it: the node's number */
/* Arms the node's one periodic timer. due: the activities, bit by bit, that are due at this instant; 0 when it begins. */
void chord_upkeep_start(const struct chord *c, uint32_t due);
void chord_upkeep(const struct chord *c, uint32_t activities);
void chord_stabilise(const struct chord *c);
void chord_successor_timeout(const struct chord *c);
void chord_predecessor_timeout(const struct chord *c);
void chord_finger_found(const struct chord *c, uint32_t finger, const struct chord_entry *owner);
void chord_neighbours_told(const struct chord *c, peer_address from, const struct chord_id *sender,
                           const struct chord_neighbours *neighbours);
void chord_notified(const struct chord *c, const struct chord_entry *by);
void chord_predecessor_lives(const struct chord *c, peer_address from);
void chord_left(const struct chord *c, const struct chord_entry *leaver, const struct chord_neighbours *neighbours);

/* --- chord_start.c --- */
void chord_start(const struct chord *c, const struct peer_start *start);
void chord_join_timeout(const struct chord *c);
void chord_rejoin(const struct chord *c, peer_address bootstrap);
void chord_joined(const struct chord *c, const struct chord_entry *owner);

/* --- chord_store.c --- */
void chord_store_first(const struct chord *c);       /* the keys that are stored from the start, at their place */
void chord_store_all(const struct chord *c);         /* the first peer of a ring has them all */
void chord_store_moved(const struct chord *c, const struct chord_id *after, const struct chord_entry *to);
void chord_store_sync(const struct chord *c);
void chord_store_synced(const struct chord *c, const struct chord_entry *by, const struct chord_range *range);
void chord_store_taken(const struct chord *c, const struct chord_entry *from, const uint8_t *keys, uint32_t count);
void chord_store_acknowledged(const struct chord *c, const struct chord_entry *by, const uint8_t *keys, uint32_t count);
void chord_store_leave(const struct chord *c, const struct chord_entry *to);
uint64_t chord_keys_held(struct peer *peer);

#endif
