/* kademlia-static: lookups over full tables, see topologies/bench/kademlia-static.yaml; sim/overlays/kademlia_wire.c,
 * whose octets these are, and kademlia_lookup.c, whose lookups: alpha requests in flight, k once alpha answers in a row
 * brought nothing closer, until the k closest have answered. Whoever is heard from is marked in its bucket, or noted as
 * a replacement; nobody ever fails, so there is nothing else.
 *
 * A bucket keeps its contacts as they go on the wire, so that an answer mostly is one copy of it. A candidate is known
 * by its address and the first 64 bits of its distance. Where a branch could not be foreseen there is none. */
#include <endian.h>
#include <stdlib.h>

#include "reactor/base/assert.h"
#include "reactor/base/random.h"
#include "tests/bench/workload/wheel.h"
#include "tests/bench/workload/workload.h"

#define LATENCY_NS 100000000u
#define PERIOD_NS UINT64_C(10000000000)
#define FIRST_ADDRESS 0x7f010101u /* 127.1.1.1, and so on by index */
#define PORT 6881
#define MESSAGE 0xcb
#define K 20
#define ALPHA 3
#define SPARES 8
#define CANDIDATES (2 * K + ALPHA)
#define BUCKETS_MAX 28
#define SEEN_LOG2 8               /* a lookup sees about 100 */
#define SEEN (1u << SEEN_LOG2)
#define ID 20                     /* octets */
#define CONTACT (ID + 6)
#define AT_SENDER 6
#define AT_TARGET (AT_SENDER + ID)
#define AT_COUNT (AT_SENDER + ID)
#define AT_CONTACTS (AT_COUNT + 2)
#define PAYLOAD (AT_CONTACTS + 2 * K * CONTACT) /* NODES, and what is written behind it */
#define TICK_SHIFT 28
#define REQUESTS_A_LOOKUP 36      /* about: for the widths of the wheel's buckets */
#define AHEAD 16                  /* records: the peer and its message; */
#define AHEAD_TABLES 7            /* and the buckets or the lookup, which they say */

enum kind { FIND_NODE = 2, NODES };

struct id {
    uint64_t high, middle;
    uint32_t low;
};

struct bucket {
    uint32_t count;
    uint32_t addresses[K + SPARES], marks[K + SPARES]; /* mark: the tick when it was last heard from; 0: none is here */
    uint8_t contacts[K + SPARES][CONTACT];
} __attribute__((aligned(64)));

struct peer {
    uint64_t key;                 /* of its random numbers */
    uint32_t draws, seq, sent, salt;
    uint32_t lookup, bucket_count;
    uint32_t first_bucket;        /* of bucket_count in a row */
    uint16_t serial;
    uint8_t octets[ID];
    struct id id;
} __attribute__((aligned(64)));

enum state { NEW, ASKED, ANSWERED };

struct candidate {
    uint64_t distance;
    uint32_t address;
    uint16_t request;
    uint8_t state, depth;
};
_Static_assert(sizeof(struct candidate) == 16, "four a line");

struct lookup {
    struct id key;
    uint8_t octets[ID];
    uint16_t count, in_flight, fruitless, requests;
    uint32_t next_free, seen_count;
    struct candidate candidates[CANDIDATES + 1]; /* by distance */
    uint32_t seen[SEEN];                         /* peers + 1 that are, or have been, candidates: a hash table */
} __attribute__((aligned(64)));

struct crowd {
    struct wheel wheel;
    struct peer *peers;
    struct bucket *buckets;
    struct lookup *lookups;
    uint8_t (*payloads)[PAYLOAD];
    uint32_t peer_count, lookups_free, lookups_used, payloads_free, payloads_used;
    uint64_t now_ns, delivered, done, messages;
};

/* --- ids --- */

WHEEL_INLINE struct id id_load(const uint8_t *octets)
{
    struct id id;
    memcpy(&id.high, octets, 8);
    memcpy(&id.middle, octets + 8, 8);
    memcpy(&id.low, octets + 16, 4);
    return (struct id){be64toh(id.high), be64toh(id.middle), be32toh(id.low)};
}

WHEEL_INLINE uint64_t first_word(const uint8_t *octets)
{
    uint64_t word;
    memcpy(&word, octets, 8);
    return be64toh(word);
}

WHEEL_INLINE uint32_t prefix_of(const struct id *a, const struct id *b)
{
    if (a->high != b->high)
        return (uint32_t) __builtin_clzll(a->high ^ b->high);
    if (a->middle != b->middle)
        return 64 + (uint32_t) __builtin_clzll(a->middle ^ b->middle);
    return 128 + (a->low != b->low ? (uint32_t) __builtin_clz(a->low ^ b->low) : 32);
}

WHEEL_INLINE void address_put(uint8_t *at, uint32_t peer)
{
    uint32_t host = htobe32(FIRST_ADDRESS + peer);
    uint16_t port = htobe16(PORT);
    memcpy(at, &host, 4);
    memcpy(at + 4, &port, 2);
}

WHEEL_INLINE uint32_t address_get(const uint8_t *at)
{
    uint32_t host;
    memcpy(&host, at, 4);
    return be32toh(host) - FIRST_ADDRESS;
}

/* --- messages --- */

WHEEL_INLINE uint8_t *send(struct crowd *crowd, struct peer *from, uint32_t self, uint32_t to, enum kind kind,
                           uint32_t transaction)
{
    uint32_t handle = crowd->payloads_free;
    if (handle)
        memcpy(&crowd->payloads_free, crowd->payloads[handle], 4);
    else
        handle = ++crowd->payloads_used;
    struct wheel_record *record = wheel_put(&crowd->wheel, crowd->now_ns + LATENCY_NS, to, self, from->sent++);
    record->octets[0] = MESSAGE;
    memcpy(record->octets + 1, &handle, 4);
    uint8_t *payload = crowd->payloads[handle];
    payload[0] = MESSAGE;
    payload[1] = (uint8_t) kind;
    transaction = htobe32(transaction);
    memcpy(payload + 2, &transaction, 4);
    memcpy(payload + AT_SENDER, from->octets, ID);
    return payload;
}

WHEEL_INLINE uint8_t *payload_of(const struct crowd *crowd, const struct wheel_record *record)
{
    uint32_t handle;
    memcpy(&handle, record->octets + 1, 4);
    return crowd->payloads[handle];
}

/* --- tables --- */

WHEEL_INLINE uint32_t bucket_index(const struct peer *peer, const struct id *id)
{
    uint32_t prefix = prefix_of(&peer->id, id);
    return prefix < peer->bucket_count ? prefix : peer->bucket_count - 1;
}

WHEEL_INLINE struct bucket *bucket_at(const struct crowd *crowd, const struct peer *peer, uint32_t index)
{
    return &crowd->buckets[peer->first_bucket + index];
}

/* In the place that it has, or the one heard from the longest ago. */
static void note_spare(struct bucket *bucket, const uint8_t *octets, uint32_t address, uint32_t tick)
{
    uint32_t slot = 0, oldest = UINT32_MAX;
    for (uint32_t i = 0; i < SPARES; i++) {
        uint32_t mark = bucket->addresses[K + i] == address ? 0 : bucket->marks[K + i];
        slot = mark < oldest ? i : slot;
        oldest = mark < oldest ? mark : oldest;
    }
    slot += K;
    bucket->addresses[slot] = address;
    bucket->marks[slot] = tick;
    memcpy(bucket->contacts[slot], octets, ID);
    address_put(bucket->contacts[slot] + ID, address);
}

/* The slot of an address among the contacts, K where there is none. */
WHEEL_INLINE uint32_t slot_of(const struct bucket *bucket, uint32_t address)
{
    uint32_t found = 0;
    for (uint32_t slot = 0; slot < K; slot++)
        found += bucket->addresses[slot] == address ? K - slot : 0;
    return K - found;
}

WHEEL_INLINE void heard(struct crowd *crowd, struct peer *peer, const uint8_t *octets, uint32_t address)
{
    struct id id = id_load(octets);
    struct bucket *bucket = bucket_at(crowd, peer, bucket_index(peer, &id));
    uint32_t tick = (uint32_t) (crowd->now_ns >> TICK_SHIFT) + 1, found = slot_of(bucket, address);
    if (found < bucket->count && memcmp(bucket->contacts[found], octets, ID) == 0)
        bucket->marks[found] = tick;
    else
        note_spare(bucket, octets, address, tick);
}

struct selection {
    uint64_t key;        /* its first word */
    uint8_t *to;
    uint32_t count, but; /* but: an address, left out */
};

/* Takes the `room` closest of a bucket's contacts: those that fewer than so many are closer than. 26 bits decide,
 * behind the `index` bits that all in the bucket share; of two that have these in common, too, the slot. */
static void select_closest(struct selection *selection, const struct bucket *bucket, uint32_t index, uint32_t but,
                           uint32_t room)
{
    int32_t distances[K], closer[K] = {0};
    for (uint32_t slot = 0; slot < K; slot++) {
        uint64_t distance = (first_word(bucket->contacts[slot]) ^ selection->key) << index;
        bool usable = slot < bucket->count && slot != but;
        distances[slot] = usable ? (int32_t) ((uint32_t) (distance >> 38) << 5 | slot) : INT32_MAX;
    }
    for (uint32_t slot = 0; slot < K; slot++)
        for (uint32_t other = 0; other < K; other++)
            closer[other] += distances[slot] < distances[other];
    for (uint32_t slot = 0; slot < bucket->count; slot++) {
        memcpy(selection->to + (size_t) selection->count * CONTACT, bucket->contacts[slot], CONTACT);
        selection->count += closer[slot] < (int32_t) room && slot != but;
    }
}

/* Where all have room they are copied as they stand, but the one that is left out. Writes beyond what it takes, and
 * reads the spares. */
WHEEL_INLINE void select_from(struct selection *selection, const struct crowd *crowd, const struct peer *peer,
                              uint32_t index)
{
    const struct bucket *bucket = bucket_at(crowd, peer, index);
    uint32_t room = K - selection->count, but = slot_of(bucket, selection->but);
    uint32_t usable = bucket->count - (but < bucket->count);
    if (usable > room) {
        select_closest(selection, bucket, index, but, room);
        return;
    }
    uint8_t *to = selection->to + (size_t) selection->count * CONTACT;
    for (uint32_t at = 0; at < K * CONTACT; at += 64) /* up to 64 beyond; in pieces, not by a slow string instruction */
        memcpy(to + at, (const uint8_t *) bucket->contacts + at, 64);
    if (usable < bucket->count)
        memcpy(to + (size_t) but * CONTACT, bucket->contacts[bucket->count - 1], CONTACT);
    selection->count += usable;
}

WHEEL_INLINE bool bit_of(const struct peer *peer, const struct id *key, uint32_t bit)
{
    return ((peer->id.high ^ key->high) >> (63 - bit) & 1) != 0; /* bit < BUCKETS_MAX */
}

/* The K closest contacts as they go on the wire (to: room for 2 K of them); buckets in the order of their distance, as
 * kademlia_closest.c says. */
WHEEL_INLINE uint32_t closest(const struct crowd *crowd, const struct peer *peer, const struct id *key, uint32_t but,
                              uint8_t *to)
{
    struct selection selection = {.key = key->high, .to = to, .but = but};
    uint32_t own = bucket_index(peer, key), last = peer->bucket_count - 1;
    select_from(&selection, crowd, peer, own);
    for (uint32_t i = own + 1; i < last && selection.count < K; i++)
        if (bit_of(peer, key, i))
            select_from(&selection, crowd, peer, i);
    if (own < last && selection.count < K)
        select_from(&selection, crowd, peer, last);
    for (uint32_t i = last; i > own + 1 && selection.count < K; i--)
        if (!bit_of(peer, key, i - 1))
            select_from(&selection, crowd, peer, i - 1);
    for (uint32_t i = own; i > 0 && selection.count < K; i--)
        select_from(&selection, crowd, peer, i - 1);
    return selection.count;
}

WHEEL_INLINE void find_node(struct crowd *crowd, struct peer *peer, const struct wheel_record *record,
                            const uint8_t *asked)
{
    struct id target = id_load(asked + AT_TARGET);
    uint32_t transaction;
    memcpy(&transaction, asked + 2, 4);
    uint8_t *answer = send(crowd, peer, record->target, record->source, NODES, be32toh(transaction));
    uint32_t count = closest(crowd, peer, &target, record->source, answer + AT_CONTACTS);
    answer[AT_COUNT] = 0;
    answer[AT_COUNT + 1] = (uint8_t) count;
}

/* --- lookups --- */

WHEEL_INLINE uint32_t place_of(const struct lookup *lookup, uint64_t distance)
{
    const struct candidate *candidates = lookup->candidates;
    uint32_t place = 0;
    for (uint32_t count = lookup->count; count > 1; count -= count / 2)
        place += -(uint32_t) (candidates[place + count / 2 - 1].distance < distance) & count / 2;
    return place + (place < lookup->count && candidates[place].distance < distance);
}

/* False: it has been one already. Who was dropped for being too far never becomes one again: the others only come
 * nearer. */
WHEEL_INLINE bool see(struct lookup *lookup, uint32_t address)
{
    uint32_t at = address * 0x9e3779b9u >> (32 - SEEN_LOG2);
    while (lookup->seen[at] != 0 && lookup->seen[at] != address + 1)
        at = (at + 1) % SEEN;
    if (lookup->seen[at] != 0)
        return false;
    base_assert(++lookup->seen_count < SEEN);
    lookup->seen[at] = address + 1;
    return true;
}

/* True where it is the closest now. */
WHEEL_INLINE bool candidate_add(struct lookup *lookup, const uint8_t *contact, uint32_t self, uint32_t depth)
{
    struct candidate *candidates = lookup->candidates;
    uint64_t distance = first_word(contact) ^ lookup->key.high;
    uint32_t address = address_get(contact + ID);
    if (lookup->count == CANDIDATES && distance >= candidates[CANDIDATES - 1].distance)
        return false;
    if (address == self || !see(lookup, address))
        return false;
    if (lookup->count == CANDIDATES)
        lookup->in_flight = (uint16_t) (lookup->in_flight - (candidates[--lookup->count].state == ASKED));
    uint32_t place = lookup->count++;
    for (; place > 0 && distance < candidates[place - 1].distance; place--)
        candidates[place] = candidates[place - 1];
    candidates[place] = (struct candidate){.distance = distance, .address = address, .depth = (uint8_t) depth};
    return place == 0;
}

static void ask(struct crowd *crowd, struct peer *peer, uint32_t self, struct lookup *lookup, uint32_t place)
{
    struct candidate *candidate = &lookup->candidates[place];
    candidate->request = ++lookup->requests;
    candidate->state = ASKED;
    lookup->in_flight++;
    uint8_t *payload = send(crowd, peer, self, candidate->address, FIND_NODE,
                            ((uint32_t) peer->serial << 16 | lookup->requests) ^ peer->salt);
    memcpy(payload + AT_TARGET, lookup->octets, ID);
}

static void finish(struct crowd *crowd, struct peer *peer, struct lookup *lookup)
{
    crowd->done++;
    crowd->messages += lookup->requests;
    lookup->next_free = crowd->lookups_free;
    crowd->lookups_free = peer->lookup;
    peer->lookup = 0;
}

static void advance(struct crowd *crowd, struct peer *peer, uint32_t self, struct lookup *lookup)
{
    uint32_t limit = lookup->fruitless >= ALPHA ? K : ALPHA, end = lookup->count < K ? lookup->count : K;
    bool waiting = false;
    for (uint32_t i = 0; i < end && !(waiting && lookup->in_flight >= limit); i++) {
        if (lookup->candidates[i].state == NEW && lookup->in_flight < limit)
            ask(crowd, peer, self, lookup, i);
        waiting |= lookup->candidates[i].state != ANSWERED;
    }
    if (!waiting)
        finish(crowd, peer, lookup);
}

WHEEL_INLINE void nodes(struct crowd *crowd, struct peer *peer, const struct wheel_record *record,
                        const uint8_t *answer)
{
    uint32_t transaction;
    memcpy(&transaction, answer + 2, 4);
    uint32_t number = be32toh(transaction) ^ peer->salt;
    struct lookup *lookup = &crowd->lookups[peer->lookup];
    if (peer->lookup == 0 || number >> 16 != peer->serial)
        return; /* it has ended */
    uint32_t place = place_of(lookup, first_word(answer + AT_SENDER) ^ lookup->key.high);
    struct candidate *candidate = &lookup->candidates[place];
    if (place == lookup->count || candidate->address != record->source || candidate->state != ASKED ||
        candidate->request != (uint16_t) number)
        return;
    candidate->state = ANSWERED;
    lookup->in_flight--;
    bool brought = false;
    uint32_t depth = candidate->depth + 1u;
    for (uint32_t i = 0; i < answer[AT_COUNT + 1]; i++)
        brought |= candidate_add(lookup, answer + AT_CONTACTS + i * CONTACT, record->target, depth);
    lookup->fruitless = brought ? 0 : (uint16_t) (lookup->fruitless + 1);
    advance(crowd, peer, record->target, lookup);
}

WHEEL_INLINE uint64_t draw(struct peer *peer)
{
    return base_random_at(peer->key, peer->draws++);
}

static void draw_id(struct peer *peer, uint8_t octets[ID])
{
    uint64_t words[3] = {draw(peer), draw(peer), draw(peer)};
    memcpy(octets, words, ID);
}

static void timer(struct crowd *crowd, struct peer *peer, uint32_t self)
{
    uint8_t contacts[2 * K * CONTACT];
    wheel_arm(&crowd->wheel, crowd->now_ns + PERIOD_NS, self, 0);
    base_assert(peer->lookup == 0); /* the one before took far less than the period */
    if (crowd->lookups_free)
        peer->lookup = crowd->lookups_free;
    else
        peer->lookup = ++crowd->lookups_used;
    struct lookup *lookup = &crowd->lookups[peer->lookup];
    crowd->lookups_free = lookup->next_free; /* of a fresh one: 0 */
    lookup->count = lookup->in_flight = lookup->fruitless = lookup->requests = 0;
    lookup->seen_count = 0;
    memset(lookup->seen, 0, sizeof lookup->seen);
    peer->serial++;
    draw_id(peer, lookup->octets);
    lookup->key = id_load(lookup->octets);
    uint32_t count = closest(crowd, peer, &lookup->key, self, contacts);
    for (uint32_t i = 0; i < count; i++)
        (void) candidate_add(lookup, contacts + i * CONTACT, self, 1);
    advance(crowd, peer, self, lookup);
}

/* --- the loop --- */

WHEEL_INLINE void prefetch_bytes(const void *start, size_t bytes)
{
    for (size_t at = 0; at < bytes; at += 64)
        __builtin_prefetch((const char *) start + at, 1);
}

WHEEL_INLINE void prefetch(const struct crowd *crowd, const struct wheel_record *record)
{
    __builtin_prefetch(&crowd->peers[record->target], 1);
    if (record->octets[0] == MESSAGE)
        __builtin_prefetch(payload_of(crowd, record));
}

WHEEL_INLINE void prefetch_tables(const struct crowd *crowd, const struct wheel_record *record)
{
    const struct peer *peer = &crowd->peers[record->target];
    if (record->octets[0] != MESSAGE)
        return;
    const uint8_t *payload = payload_of(crowd, record);
    struct id sender = id_load(payload + AT_SENDER);
    prefetch_bytes(bucket_at(crowd, peer, bucket_index(peer, &sender)), offsetof(struct bucket, contacts));
    if (payload[1] == NODES) {
        prefetch_bytes(&crowd->lookups[peer->lookup], sizeof(struct lookup));
        prefetch_bytes(payload + 64, AT_CONTACTS + K * CONTACT - 64);
    } else {
        struct id target = id_load(payload + AT_TARGET);
        prefetch_bytes(bucket_at(crowd, peer, bucket_index(peer, &target)), offsetof(struct bucket, contacts[K]));
    }
}

WHEEL_INLINE void message(struct crowd *crowd, struct peer *peer, const struct wheel_record *record)
{
    uint32_t handle;
    memcpy(&handle, record->octets + 1, 4);
    uint8_t *payload = crowd->payloads[handle];
    crowd->delivered++;
    heard(crowd, peer, payload + AT_SENDER, record->source);
    if (payload[1] == FIND_NODE)
        find_node(crowd, peer, record, payload);
    else
        nodes(crowd, peer, record, payload);
    memcpy(payload, &crowd->payloads_free, 4);
    crowd->payloads_free = handle;
}

/* A timer's record that asks for peer 0 stands behind a bucket's records, so that asking needs no look at the end. */
WHEEL_INLINE void work_off(struct crowd *crowd, uint32_t count)
{
    struct wheel_record *records = crowd->wheel.open;
    memset(&records[count], 0, AHEAD * sizeof *records);
    for (uint32_t i = 0; i < AHEAD; i++)
        prefetch(crowd, &records[i]);
    for (uint32_t i = 0; i < AHEAD_TABLES; i++)
        prefetch_tables(crowd, &records[i]);
    for (uint32_t i = 0; i < count; i++) {
        const struct wheel_record *record = &records[i];
        struct peer *peer = &crowd->peers[record->target];
        prefetch(crowd, &records[i + AHEAD]);
        prefetch_tables(crowd, &records[i + AHEAD_TABLES]);
        peer->seq++;
        crowd->now_ns = crowd->wheel.open_begin_ns + record->due;
        if (record->octets[0] == MESSAGE)
            message(crowd, peer, record);
        else
            timer(crowd, peer, record->target);
    }
}

static __attribute__((noinline)) void run(struct crowd *crowd, uint64_t end_ns)
{
    for (uint64_t begin_ns = 0; begin_ns < end_ns; begin_ns += UINT64_C(1) << crowd->wheel.shift)
        work_off(crowd, wheel_open(&crowd->wheel, begin_ns));
}

/* --- set-up: full buckets, as kademlia_start.c fills them --- */

static int by_octets(const void *a, const void *b, void *context)
{
    const struct peer *peers = context;
    return memcmp(peers[*(const uint32_t *) a].octets, peers[*(const uint32_t *) b].octets, ID);
}

/* Up to K of the ranks [first, end), uniform, none twice. */
static void fill(struct crowd *crowd, struct peer *peer, struct bucket *bucket, const uint32_t *ranked, uint32_t first,
                 uint32_t end)
{
    uint32_t count = end - first;
    for (uint32_t i = count > K ? count - K : 0; i < count; i++) {
        uint32_t rank = first + (count > K ? (uint32_t) base_random_below(draw(peer), i + 1) : i);
        for (uint32_t slot = 0; count > K && slot < bucket->count; slot++)
            rank = bucket->addresses[slot] == ranked[rank] ? first + i : rank;
        uint32_t address = ranked[rank];
        bucket->addresses[bucket->count] = address;
        memcpy(bucket->contacts[bucket->count], crowd->peers[address].octets, ID);
        address_put(bucket->contacts[bucket->count++] + ID, address);
    }
}

/* The first rank in [first, end) whose id has a one at this bit, where all share the bits before. */
static uint32_t middle_of(const struct crowd *crowd, const uint32_t *ranked, uint32_t first, uint32_t end, uint32_t bit)
{
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        bool one = crowd->peers[ranked[middle]].octets[bit / 8] >> (7 - bit % 8) & 1;
        first = one ? first : middle + 1;
        end = one ? middle : end;
    }
    return first;
}

static void set_table(struct crowd *crowd, struct peer *peer, const uint32_t *ranked, uint32_t own, uint32_t *used)
{
    uint32_t first = 0, end = crowd->peer_count, bit = 0;
    peer->first_bucket = *used;
    for (; end - first > K + 1 && bit + 1 < BUCKETS_MAX; bit++) {
        uint32_t middle = middle_of(crowd, ranked, first, end, bit);
        struct bucket *bucket = &crowd->buckets[*used + bit];
        if (own < middle)
            fill(crowd, peer, bucket, ranked, middle, end);
        else
            fill(crowd, peer, bucket, ranked, first, middle);
        *(own < middle ? &end : &first) = middle;
    }
    fill(crowd, peer, &crowd->buckets[*used + bit], ranked, first, own);
    fill(crowd, peer, &crowd->buckets[*used + bit], ranked, own + 1, end);
    peer->bucket_count = bit + 1;
    *used += bit + 1;
}

static void set_peers(struct crowd *crowd)
{
    uint32_t *ranked = wheel_memory(crowd->peer_count * sizeof *ranked), used = 0;
    uint64_t keys = base_random_key(1, "peers", "");
    for (uint32_t index = 0; index < crowd->peer_count; index++) {
        struct peer *peer = &crowd->peers[index];
        peer->key = base_random_subkey(keys, index);
        draw_id(peer, peer->octets);
        peer->id = id_load(peer->octets);
        peer->salt = (uint32_t) draw(peer) | 0x80000000;
        ranked[index] = index;
        wheel_arm(&crowd->wheel, base_random_below(draw(peer), PERIOD_NS), index, 0);
    }
    qsort_r(ranked, crowd->peer_count, sizeof *ranked, by_octets, crowd->peers);
    for (uint32_t rank = 0; rank < crowd->peer_count; rank++)
        set_table(crowd, &crowd->peers[ranked[rank]], ranked, rank, &used);
}

static void limit(uint32_t peers, uint64_t duration_ns, struct workload_measured *measured)
{
    struct crowd crowd = {.peer_count = peers};
    double messages_per_s = peers * (2. * REQUESTS_A_LOOKUP / 10);
    uint64_t pending = (uint64_t) (messages_per_s / 2) + 4096;
    wheel_init(&crowd.wheel, &(struct wheel_load){
        .latency_ns_min = LATENCY_NS, .latency_ns_max = LATENCY_NS, .period_ns_max = PERIOD_NS,
        .records_per_s = messages_per_s, .pending_records = pending, .pending_timers = peers});
    crowd.peers = wheel_memory(peers * sizeof *crowd.peers);
    crowd.buckets = wheel_memory((size_t) peers * BUCKETS_MAX * sizeof *crowd.buckets);
    crowd.lookups = wheel_memory(((size_t) peers + 1) * sizeof *crowd.lookups);
    crowd.payloads = wheel_memory((pending + 1) * sizeof *crowd.payloads);
    set_peers(&crowd);
    workload_set_up(measured);
    run(&crowd, duration_ns);
    measured->counted = (double) crowd.delivered;
    measured->check = (double) crowd.messages / (double) crowd.done;
}

const struct workload kademlia_static_workload = {
    .name = "kademlia-static",
    .unit = "messages",
    .counted = "messages.delivered",
    .check = "requests",
    .check_figure = "lookups.messages_mean",
    .limit = limit,
    .sizes = {
        {.peers = 1000, .duration_s = 600, .repetitions = 5, .on_request = true},
        {.peers = 10000, .duration_s = 60, .repetitions = 5, .ratio_wanted = .5, .rate_wanted = 1e6},
        {.peers = 100000, .duration_s = 10, .repetitions = 3, .on_request = true},
        {.peers = 1000000, .duration_s = 3, .repetitions = 1, .on_request = true},
    },
};
