/* chord-converged: lookups and upkeep of a perfect ring, see topologies/bench/chord-converged.yaml and
 * sim/overlays/chord_wire.c, whose octets these are.
 *
 * A peer is 32 octets (what an engine would keep of it), a head of 8, and entries of 8: itself, predecessor, successor,
 * a finger a bit: 256 octets at 24 bits, 320 at 32. A lookup touches the first line and that of the finger it takes. */
#include <endian.h>
#include <stdlib.h>

#include "reactor/base/assert.h"
#include "reactor/base/random.h"
#include "tests/bench/workload/wheel.h"
#include "tests/bench/workload/workload.h"

#define LATENCY_NS 100000000u
#define FIRST_ADDRESS 0x7f010101u /* 127.1.1.1, and so on by index */
#define PORT 6881
#define NARROW_MAX 4000000        /* peers whose ids have room in 24 bits */
#define MESSAGE 0xcb              /* the first octet of each */
#define CACHE_BYTES (1u << 20)    /* state that fits is not asked for ahead */
#define AHEAD 32                  /* records: a peer's first line; */
#define AHEAD_FINGER 16            /* and the finger's, which the first one says */

enum kind { LOOKUP, ANSWER, STABILISE = 6, NEIGHBOURS, NOTIFY, CHECK = 9, ALIVE };
enum timer { TIMER_LOOKUP, TIMER_STABILISE, TIMER_FINGER, TIMER_CHECK, TIMERS };
enum { FOR_WORKLOAD, FOR_FINGER };
static const uint64_t periods_ns[TIMERS] = {10000000000, 20000000000, 120000000000, 120000000000};

struct entry {
    uint32_t id;                  /* left-aligned */
    uint32_t peer;
};

struct peer {
    uint64_t key;                 /* of its random numbers */
    uint32_t draws, seq, sent, issued;
    uint32_t unused[2];
    uint32_t requests, serial;    /* the overlay's head: nobody waits for anything here */
    uint32_t id;
    uint8_t next_finger, successor_count, fixing, flags;
    struct entry predecessor, successor, fingers[];
};
_Static_assert(sizeof(struct peer) == 64, "a line");

#define SUCCESSOR_ASKED 1u
#define PREDECESSOR_ASKED 2u

struct ring {
    struct wheel wheel;
    char *peers;
    uint32_t peer_count, bits, octets, id_mask, peer_bytes;
    uint64_t now_ns;
    uint64_t delivered, lookups_done, hops;
    uint8_t (*neighbours)[32];    /* messages that a record has no room for */
    uint32_t neighbours_free, neighbours_used;
};

/* --- octets --- */

WHEEL_INLINE uint32_t get_number(const uint8_t *at)
{
    uint32_t number;
    memcpy(&number, at, 4);
    return be32toh(number);
}

WHEEL_INLINE void put_number(uint8_t *at, uint32_t number)
{
    number = htobe32(number);
    memcpy(at, &number, 4);
}

/* Four octets, also where an id has three: the last one written makes way for the next field, the last one read is
 * none of it. */
WHEEL_INLINE uint32_t get_id(const struct ring *ring, const uint8_t *at)
{
    return get_number(at) & ring->id_mask;
}

WHEEL_INLINE void put_id(uint8_t *at, uint32_t id)
{
    put_number(at, id);
}

WHEEL_INLINE void put_address(uint8_t *at, uint32_t peer)
{
    uint16_t port = htobe16(PORT);
    put_number(at, FIRST_ADDRESS + peer);
    memcpy(at + 4, &port, 2);
}

WHEEL_INLINE uint32_t get_address(const uint8_t *at)
{
    return get_number(at) - FIRST_ADDRESS;
}

/* --- peers --- */

WHEEL_INLINE struct peer *peer_at(const struct ring *ring, uint32_t index)
{
    return (struct peer *) (void *) (ring->peers + (size_t) index * ring->peer_bytes);
}

WHEEL_INLINE uint32_t draw_key(const struct ring *ring, const struct peer *peer)
{
    return (uint32_t) (base_random_at(peer->key, peer->draws) >> 32) & ring->id_mask;
}

/* A record to a peer, in one latency, without its octets but the first two. */
WHEEL_INLINE struct wheel_record *message(struct ring *ring, struct peer *from, uint32_t source, uint32_t target,
                                          uint32_t tag)
{
    struct wheel_record *record = wheel_put(&ring->wheel, ring->now_ns + LATENCY_NS, target, source, from->sent++);
    record->octets[0] = MESSAGE;
    record->octets[1] = (uint8_t) tag;
    return record;
}

WHEEL_INLINE uint32_t tag_of(enum kind kind, uint32_t small, uint32_t flag)
{
    return (uint32_t) kind << 3 | small << 1 | flag;
}

/* The greatest finger whose start precedes a key at this distance. */
WHEEL_INLINE uint32_t finger_for(const struct ring *ring, uint32_t distance)
{
    uint32_t finger = 31 - (uint32_t) __builtin_clz((distance - 1) | 1), unit = 32 - ring->bits;
    return finger > unit ? finger - unit : 0;
}

/* The next one on the way to a key, and whether it is taken for the owner. */
WHEEL_INLINE uint32_t route(const struct ring *ring, const struct peer *peer, uint32_t key, uint32_t *owner)
{
    uint32_t distance = key - peer->id, reach = peer->successor.id - peer->id;
    *owner = distance - 1 <= reach - 1;
    if (*owner)
        return peer->successor.peer;
    for (uint32_t i = finger_for(ring, distance) + 1; i-- > 0;) {
        const struct entry *finger = &peer->fingers[i];
        if (finger->id - peer->id < distance)
            return finger->peer;
    }
    return peer->successor.peer;
}

WHEEL_INLINE bool owns(const struct peer *peer, uint32_t key)
{
    return key - peer->predecessor.id - 1 <= peer->id - peer->predecessor.id - 1;
}

/* --- lookups --- */

#define AT_HOPS 2
#define AT_NUMBER 3
#define AT_ORIGIN 7
#define AT_KEY 13

static void lookup(struct ring *ring, struct peer *peer, uint32_t self, uint32_t key, uint32_t purpose, uint32_t number)
{
    uint32_t owner;
    if (owns(peer, key)) {
        ring->lookups_done += purpose == FOR_WORKLOAD;
        return;
    }
    uint32_t next = route(ring, peer, key, &owner);
    struct wheel_record *record = message(ring, peer, self, next, tag_of(LOOKUP, purpose, owner));
    record->octets[AT_HOPS] = 1;
    put_number(record->octets + AT_NUMBER, number);
    put_address(record->octets + AT_ORIGIN, self);
    put_id(record->octets + AT_KEY, key);
}

WHEEL_INLINE void lookup_message(struct ring *ring, struct peer *peer, const struct wheel_record *record)
{
    uint32_t key = get_id(ring, record->octets + AT_KEY), tag = record->octets[1], owner;
    if (owns(peer, key)) {
        uint32_t origin = get_address(record->octets + AT_ORIGIN);
        struct wheel_record *answer = message(ring, peer, record->target, origin, tag_of(ANSWER, tag >> 1 & 3, 1));
        memcpy(answer->octets + 2, record->octets + 2, 5); /* hops, number */
        put_id(answer->octets + 7, peer->id);
        return;
    }
    uint32_t next = route(ring, peer, key, &owner);
    struct wheel_record *on = message(ring, peer, record->target, next, (tag & ~1u) | owner);
    memcpy(on->octets + 2, record->octets + 2, WHEEL_OCTETS - 2);
    on->octets[AT_HOPS]++;
}

static void finger_found(struct peer *peer, uint32_t finger, uint32_t id, uint32_t owner)
{
    if (peer->fixing != finger)
        return;
    peer->fixing = UINT8_MAX;
    peer->fingers[finger] = (struct entry){id, owner};
}

WHEEL_INLINE void answer_message(struct ring *ring, struct peer *peer, const struct wheel_record *record)
{
    if ((record->octets[1] >> 1 & 3) == FOR_WORKLOAD) {
        ring->lookups_done++;
        ring->hops += record->octets[AT_HOPS];
    } else {
        finger_found(peer, get_number(record->octets + AT_NUMBER) & 0xff, get_id(ring, record->octets + 7),
                     record->source);
    }
}

/* --- upkeep --- */

static void plain(struct ring *ring, struct peer *peer, uint32_t self, enum kind kind, const struct entry *to)
{
    struct wheel_record *record = message(ring, peer, self, to->peer, tag_of(kind, 0, 0));
    put_id(record->octets + 2, to->id);
    put_id(record->octets + 2 + ring->octets, peer->id);
}

static void neighbours(struct ring *ring, struct peer *peer, const struct wheel_record *asked)
{
    struct wheel_record *record = message(ring, peer, asked->target, asked->source, tag_of(NEIGHBOURS, 0, 1));
    uint32_t handle = ring->neighbours_free, w = ring->octets;
    if (handle)
        memcpy(&ring->neighbours_free, ring->neighbours[handle], 4);
    else
        handle = ++ring->neighbours_used;
    memcpy(record->octets + 2, &handle, 4);
    uint8_t *at = ring->neighbours[handle];
    put_id(at, get_id(ring, asked->octets + 2 + w));
    put_id(at + w, peer->id);
    at[2 * w] = at[2 * w + 1] = 0; /* successors and fingers that follow */
    put_id(at + 2 * w + 2, peer->predecessor.id);
    put_address(at + 3 * w + 2, peer->predecessor.peer);
}

static void neighbours_told(struct ring *ring, struct peer *peer, const struct wheel_record *record)
{
    uint32_t handle, w = ring->octets;
    memcpy(&handle, record->octets + 2, 4);
    uint8_t *at = ring->neighbours[handle];
    struct entry between = {get_id(ring, at + 2 * w + 2), get_address(at + 3 * w + 2)};
    peer->flags &= (uint8_t) ~SUCCESSOR_ASKED;
    if (between.id - peer->id - 1 < peer->successor.id - peer->id - 1)
        peer->successor = between;
    memcpy(at, &ring->neighbours_free, 4);
    ring->neighbours_free = handle;
    plain(ring, peer, record->target, NOTIFY, &peer->successor);
}

static void notified(struct ring *ring, struct peer *peer, const struct wheel_record *record)
{
    uint32_t id = get_id(ring, record->octets + 2 + ring->octets);
    if (id - peer->predecessor.id - 1 < peer->id - peer->predecessor.id - 1)
        peer->predecessor = (struct entry){id, record->source};
}

static void upkeep_message(struct ring *ring, struct peer *peer, const struct wheel_record *record)
{
    struct entry asker = {get_id(ring, record->octets + 2 + ring->octets), record->source};
    switch (record->octets[1] >> 3) {
    case STABILISE:
        neighbours(ring, peer, record);
        break;
    case NEIGHBOURS:
        neighbours_told(ring, peer, record);
        break;
    case NOTIFY:
        notified(ring, peer, record);
        break;
    case CHECK:
        plain(ring, peer, record->target, ALIVE, &asker);
        break;
    default:
        peer->flags &= (uint8_t) ~PREDECESSOR_ASKED;
    }
}

static void fix_finger(struct ring *ring, struct peer *peer, uint32_t self)
{
    uint32_t finger = peer->next_finger, start = peer->id + (1u << (32 - ring->bits + finger));
    peer->next_finger = (uint8_t) (finger + 1 == ring->bits ? 0 : finger + 1);
    peer->fixing = (uint8_t) finger;
    if (start - peer->id - 1 <= peer->successor.id - peer->id - 1)
        finger_found(peer, finger, peer->successor.id, peer->successor.peer);
    else
        lookup(ring, peer, self, start, FOR_FINGER, finger);
}

static void timer(struct ring *ring, struct peer *peer, const struct wheel_record *record)
{
    uint32_t kind = record->octets[0], self = record->target;
    wheel_arm(&ring->wheel, ring->now_ns + periods_ns[kind], self, kind);
    if (kind == TIMER_LOOKUP) {
        uint32_t key = draw_key(ring, peer);
        peer->draws++;
        lookup(ring, peer, self, key, FOR_WORKLOAD, peer->issued++);
    } else if (kind == TIMER_STABILISE) {
        peer->flags |= SUCCESSOR_ASKED;
        plain(ring, peer, self, STABILISE, &peer->successor);
    } else if (kind == TIMER_FINGER) {
        fix_finger(ring, peer, self);
    } else {
        peer->flags |= PREDECESSOR_ASKED;
        plain(ring, peer, self, CHECK, &peer->predecessor);
    }
}

/* --- the loop --- */

/* The key that a record will look up; false: none. */
WHEEL_INLINE bool key_ahead(const struct ring *ring, const struct peer *peer, const struct wheel_record *record,
                            uint32_t *key)
{
    if (record->octets[0] == TIMER_LOOKUP)
        *key = draw_key(ring, peer);
    else
        *key = get_id(ring, record->octets + AT_KEY);
    return record->octets[0] == TIMER_LOOKUP ||
           (record->octets[0] == MESSAGE && record->octets[1] >> 3 == LOOKUP);
}

WHEEL_INLINE void prefetch_finger(const struct ring *ring, const struct wheel_record *record)
{
    const struct peer *peer = peer_at(ring, record->target);
    uint32_t key;
    if (key_ahead(ring, peer, record, &key))
        __builtin_prefetch(&peer->fingers[finger_for(ring, key - peer->id)]);
}

WHEEL_INLINE void handle(struct ring *ring, const struct wheel_record *record)
{
    struct peer *peer = peer_at(ring, record->target);
    peer->seq++;
    ring->now_ns = ring->wheel.open_begin_ns + record->due;
    if (record->octets[0] < WHEEL_TIMERS) {
        timer(ring, peer, record);
        return;
    }
    ring->delivered++;
    if (record->octets[1] >> 3 == LOOKUP)
        lookup_message(ring, peer, record);
    else if (record->octets[1] >> 3 == ANSWER)
        answer_message(ring, peer, record);
    else
        upkeep_message(ring, peer, record);
}

/* The bucket's records, each of whose lines was asked for some records ago. Behind the last one come some more whose
 * target is peer 0, so that asking needs no look at the end. */
WHEEL_INLINE void work_off(struct ring *ring, uint32_t count, bool ahead)
{
    const struct wheel_record *records = ring->wheel.open;
    if (ahead) {
        memset(&ring->wheel.open[count], 0, AHEAD * sizeof *records);
        for (uint32_t i = 0; i < AHEAD; i++)
            __builtin_prefetch(peer_at(ring, records[i].target), 1);
        for (uint32_t i = 0; i < AHEAD_FINGER; i++)
            prefetch_finger(ring, &records[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (ahead) {
            __builtin_prefetch(peer_at(ring, records[i + AHEAD].target), 1);
            prefetch_finger(ring, &records[i + AHEAD_FINGER]);
        }
        handle(ring, &records[i]);
    }
}

/* --- set-up --- */

static int by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *) a, right = *(const uint64_t *) b;
    return (left > right) - (left < right);
}

/* (id, peer) in the order of the ids, which are distinct. */
static uint64_t *draw_ids(const struct ring *ring)
{
    uint64_t *ranked = wheel_memory(ring->peer_count * sizeof *ranked), key = base_random_key(1, "ids", "");
    uint8_t *taken = wheel_memory(UINT64_C(1) << (ring->bits - 3));
    for (uint32_t peer = 0, draw = 0; peer < ring->peer_count; draw++) {
        uint32_t id = (uint32_t) (base_random_at(key, draw) >> (64 - ring->bits));
        bool fresh = !(taken[id / 8] >> id % 8 & 1);
        taken[id / 8] |= (uint8_t) (1u << id % 8);
        if (fresh)
            ranked[peer] = (uint64_t) id << (64 - ring->bits) | peer;
        peer += fresh;
    }
    qsort(ranked, ring->peer_count, sizeof *ranked, by_value);
    return ranked;
}

static struct entry entry_of(uint64_t ranked)
{
    return (struct entry){(uint32_t) (ranked >> 32), (uint32_t) ranked};
}

static void set_fingers(struct ring *ring, const uint64_t *ranked)
{
    for (uint32_t finger = 0; finger < ring->bits; finger++) {
        uint32_t found = 0, n = ring->peer_count, span = 1u << (32 - ring->bits + finger);
        for (uint32_t rank = 0; rank < n; rank++) { /* found only ever grows, by at most one round and a half */
            uint32_t id = (uint32_t) (ranked[rank] >> 32);
            found = found > rank ? found : rank + 1;
            while (found < rank + n && (uint32_t) (ranked[found % n] >> 32) - id < span)
                found++;
            peer_at(ring, (uint32_t) ranked[rank])->fingers[finger] = entry_of(ranked[found % n]);
        }
    }
}

static void set_peers(struct ring *ring)
{
    uint64_t *ranked = draw_ids(ring), keys = base_random_key(1, "peers", "");
    uint32_t n = ring->peer_count;
    for (uint32_t rank = 0; rank < n; rank++) {
        uint32_t index = (uint32_t) ranked[rank];
        struct peer *peer = peer_at(ring, index);
        peer->key = base_random_subkey(keys, index);
        peer->id = (uint32_t) (ranked[rank] >> 32);
        peer->successor_count = 1;
        peer->fixing = UINT8_MAX;
        peer->successor = entry_of(ranked[(rank + 1) % n]);
        peer->predecessor = entry_of(ranked[(rank + n - 1) % n]);
        for (uint32_t kind = 0; kind < TIMERS; kind++) {
            uint64_t phase_ns = base_random_below(base_random_at(peer->key, peer->draws++), periods_ns[kind]);
            wheel_arm(&ring->wheel, phase_ns, index, kind);
        }
    }
    set_fingers(ring, ranked);
}

static __attribute__((noinline, flatten)) void run_cached(struct ring *ring, uint64_t end_ns)
{
    for (uint64_t begin_ns = 0; begin_ns < end_ns; begin_ns += UINT64_C(1) << ring->wheel.shift)
        work_off(ring, wheel_open(&ring->wheel, begin_ns), false);
}

static __attribute__((noinline, flatten)) void run_ahead(struct ring *ring, uint64_t end_ns)
{
    for (uint64_t begin_ns = 0; begin_ns < end_ns; begin_ns += UINT64_C(1) << ring->wheel.shift)
        work_off(ring, wheel_open(&ring->wheel, begin_ns), true);
}

static void limit(uint32_t peers, uint64_t duration_ns, struct workload_measured *measured)
{
    uint32_t bits = peers > NARROW_MAX ? 32 : 24;
    struct ring ring = {.peer_count = peers, .bits = bits, .octets = bits / 8, .id_mask = UINT32_MAX << (32 - bits),
                        .peer_bytes = (uint32_t) (sizeof(struct peer) + bits * sizeof(struct entry))};
    double messages_per_s = peers * 1.2;
    wheel_init(&ring.wheel, &(struct wheel_load){
        .latency_ns_min = LATENCY_NS, .latency_ns_max = LATENCY_NS, .period_ns_max = 120000000000,
        .records_per_s = messages_per_s, .pending_records = (uint64_t) (messages_per_s / 4) + peers,
        .pending_timers = (uint64_t) peers * TIMERS});
    ring.peers = wheel_memory((size_t) peers * ring.peer_bytes);
    ring.neighbours = wheel_memory(((size_t) peers + 2) * sizeof *ring.neighbours);
    set_peers(&ring);
    workload_set_up(measured);
    if ((uint64_t) peers * ring.peer_bytes > CACHE_BYTES)
        run_ahead(&ring, duration_ns);
    else
        run_cached(&ring, duration_ns);
    measured->counted = (double) ring.delivered;
    measured->check = (double) ring.hops / (double) ring.lookups_done;
}

const struct workload chord_converged_workload = {
    .name = "chord-converged",
    .unit = "messages",
    .counted = "messages.delivered",
    .check = "hops",
    .check_figure = "lookups.hops_mean",
    .limit = limit,
    .sizes = {
        {.peers = 1000, .duration_s = 15000, .repetitions = 5, .ratio_wanted = .5, .rate_wanted = 15e6,
         .limit_published = 44e6, .check_least = 5.77, .check_most = 5.87},
        {.peers = 10000, .duration_s = 1500, .repetitions = 5, .check_least = 7.45, .check_most = 7.55,
         .on_request = true},
        {.peers = 100000, .duration_s = 120, .repetitions = 5, .ratio_wanted = .5, .rate_wanted = 15e6,
         .limit_published = 35e6, .check_least = 9.11, .check_most = 9.21},
        {.peers = 1000000, .duration_s = 12, .repetitions = 3, .ratio_wanted = .4, .rate_wanted = 8e6,
         .limit_published = 22e6, .bytes_wanted = 400, .set_up_wanted_s = 3},
        {.peers = 10000000, .duration_s = 3, .repetitions = 1, .ratio_wanted = .35, .rate_wanted = 4e6,
         .limit_published = 13.6e6, .bytes_wanted = 400, .set_up_wanted_s = 40, .set = "overlay.bits=32",
         .on_request = true},
    },
};
