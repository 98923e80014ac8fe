/* Kademlia: P. Maymounkov and D. Mazieres, Kademlia: a peer-to-peer information system based on the XOR metric, IPTPS
 * 2002, and its longer version (replacement caches, accelerated eviction: section 4.1). Here: what the simulator asks
 * of an overlay, in terms of the other kademlia_*.c files. */
#include "sim/overlays/kademlia_bucket.h"

#include <stdlib.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"
#include "sim/overlays/registry.h"

#define REPLACEMENTS 8           /* of a bucket; no more than k */
#define BUCKETS_OVER_LOG2 8      /* mean buckets a peer: log2 of the peers and some; a bound, not memory used */
#define LOOKUPS_PER_PEER 32      /* at a time, in the mean */
#define PROBES_PER_PEER 64
#define HUGE_FROM_BYTES ((size_t) 4 << 20) /* of everybody's first bucket: such a table is filled from its start */

static const char *const message_kinds[] = {"ping", "pong", "find_node", "nodes"};
static const struct overlay_timer_kind timer_kinds[] = {
    {"request_timeout", false}, {"maintenance", true}, {"bootstrap_retry", false}};
static const char *const neighbour_tables[] = {"bucket"};
static const char *const metrics[] = {"table_contacts", "stale_contacts_met"};
static const char *const start_names[] = {"converged", "join", NULL};
_Static_assert(sizeof message_kinds / sizeof *message_kinds == KADEMLIA_MESSAGES, "a name for each kind");

static size_t state_bytes(const void *parameters)
{
    (void) parameters;
    return sizeof(struct kademlia);
}

static uint32_t id_bits(const void *parameters)
{
    const struct kademlia_parameters *p = parameters;
    return (uint32_t) p->bits;
}

static bool starts_converged(const void *parameters)
{
    const struct kademlia_parameters *p = parameters;
    return p->start == 0;
}

/* --- what a loop's peers share --- */

static uint32_t aligned(size_t bytes, size_t alignment)
{
    return (uint32_t) ((bytes + alignment - 1) / alignment * alignment);
}

static uint32_t bucket_layout(struct kademlia_shared *shared)
{
    uint32_t slots = shared->slots;
    shared->marks_at = (uint32_t) (sizeof(struct kademlia_bucket) + slots * sizeof(peer_address));
    shared->ids_at = shared->marks_at + slots * 4;
    size_t bytes = shared->ids_at + (size_t) slots * shared->octets;
    return aligned(bytes, bytes > 64 ? 64 : 4);
}

static uint32_t bounded(uint64_t items)
{
    return (uint32_t) (items < UINT32_MAX / 2 ? items : UINT32_MAX / 2);
}

static int slabs_init(struct kademlia_shared *shared, uint32_t peer_count)
{
    uint32_t log2_peers = 31 - (uint32_t) __builtin_clz(peer_count | 1);
    uint32_t buckets = log2_peers + BUCKETS_OVER_LOG2 < shared->bits ? log2_peers + BUCKETS_OVER_LOG2 : shared->bits;
    uint32_t directory_bytes = (KADEMLIA_ID_OCTETS * 8 - KADEMLIA_INLINE_BUCKETS) * 4;
    uint32_t lookup_bytes = aligned(kademlia_lookup_bytes(shared->candidate_capacity), 64);
    shared->first_buckets = peer_count;
    uint32_t bucket_capacity = bounded((uint64_t) peer_count * (buckets + 1));
    int failure = base_slab_init(&shared->buckets, bucket_layout(shared), bucket_capacity);
    if (failure == 0 && (size_t) peer_count * shared->buckets.item_bytes >= HUGE_FROM_BYTES)
        base_reserve_huge(shared->buckets.items, (size_t) bucket_capacity * shared->buckets.item_bytes);
    if (failure == 0)
        failure = base_slab_init(&shared->directories, directory_bytes, peer_count);
    if (failure == 0)
        failure = base_slab_init(&shared->lookups, lookup_bytes, bounded((uint64_t) peer_count * LOOKUPS_PER_PEER));
    if (failure == 0)
        failure = base_slab_init(&shared->probes, sizeof(struct kademlia_probe),
                                 bounded((uint64_t) peer_count * PROBES_PER_PEER));
    return failure;
}

static void close_shared(void *shared)
{
    struct kademlia_shared *s = shared;
    base_slab_done(&s->buckets);
    base_slab_done(&s->directories);
    base_slab_done(&s->lookups);
    base_slab_done(&s->probes);
    free(s);
}

static void *open_shared(const void *parameters, uint32_t peer_count)
{
    const struct kademlia_parameters *p = parameters;
    struct kademlia_shared *shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        return NULL;
    shared->k = (uint32_t) p->k;
    shared->alpha = (uint32_t) p->alpha;
    shared->bits = (uint32_t) p->bits;
    shared->octets = (shared->bits + 7) / 8;
    shared->slots = shared->k + (shared->k < REPLACEMENTS ? shared->k : REPLACEMENTS);
    shared->candidate_capacity = 2 * shared->k + shared->alpha;
    shared->failure_limit = (uint32_t) p->failures;
    shared->request_timeout_ns = p->request_timeout_ns;
    shared->refresh_ns = p->refresh_ns;
    shared->questionable_ticks = (uint32_t) (p->questionable_ns >> KADEMLIA_TICK_SHIFT);
    if (slabs_init(shared, peer_count) == 0)
        return shared;
    close_shared(shared);
    return NULL;
}

/* --- a peer's life --- */

static void join(struct peer *peer, const struct peer_start *start)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    struct kademlia *state = peer_state(peer);
    struct overlay_id id;
    peer_id(peer, &id);
    state->id = kademlia_words_load(id.octets, KADEMLIA_ID_OCTETS);
    state->salt = (uint32_t) peer_random(peer) | 0x80000000; /* see kademlia_wire.c */
    struct kademlia_bucket *first = kademlia_bucket_add(shared, state);
    base_assert(first != NULL); /* kademlia_bucket_add leaves room for everybody's first */
    if (start->converged)
        kademlia_start_converged(peer);
    else
        (void) kademlia_bootstrap(peer, start->bootstrap);
    kademlia_start_maintenance(peer);
}

static void release(struct peer *peer)
{
    kademlia_lookup_release(peer);
    kademlia_probe_release(peer);
    kademlia_table_release(peer);
}

/* Two lines a step, so one too many now and then. Always inlined: to the compiler a function that only prefetches has no
 * effect, and a call of it may go. */
static inline __attribute__((always_inline)) void prefetch_lines(const void *start, uint32_t bytes)
{
    for (const uint8_t *at = start, *end = at + bytes; at < end; at += 128) {
        __builtin_prefetch(at);
        __builtin_prefetch(at + 64);
    }
}

/* A bucket up to its marks, or with the ids of its contacts. */
static void prefetch_bucket(const struct kademlia_shared *shared, const struct kademlia *state, uint32_t index,
                            bool ids)
{
    prefetch_lines(kademlia_bucket_at(shared, state, index), shared->ids_at + (ids ? shared->k * shared->octets : 0));
}

/* What a message will touch: the sender's bucket up to its marks; for FIND_NODE the target's, which the reply is taken
 * from, and where that is the last one, as for most whom a lookup asks, the one before, since the last is rarely full;
 * for NODES the latest lookup, and the contacts that the message names. */
static bool prefetch(const void *state, const void *shared, uint8_t kind, const uint8_t *bytes, size_t length)
{
    const struct kademlia *own = state;
    const struct kademlia_shared *s = shared;
    struct kademlia_words sender, target;
    if (own->bucket_count == 0 || !kademlia_glance(bytes, length, s->octets, &sender, &target))
        return false;
    prefetch_bucket(s, own, kademlia_bucket_of(own, &sender), false);
    if (kind == KADEMLIA_FIND_NODE) {
        uint32_t asked_for = kademlia_bucket_of(own, &target);
        prefetch_bucket(s, own, asked_for, true);
        if (asked_for > 0 && asked_for == own->bucket_count - 1u)
            prefetch_bucket(s, own, asked_for - 1, true);
    } else if (kind == KADEMLIA_NODES && own->lookups != 0) {
        prefetch_lines(base_slab_at(&s->lookups, own->lookups), s->lookups.item_bytes);
        if (length > 64)
            prefetch_lines(bytes + 64, (uint32_t) length - 64);
    }
    return kind == KADEMLIA_NODES;
}

/* Who names contacts to others sees to it that they live: the bucket that was asked for has its oldest contact checked
 * when it has become questionable. So buckets are checked in proportion to their use, and idle ones cost nothing. */
static void find_node(struct peer *peer, peer_address from, const struct kademlia_message *message)
{
    struct kademlia_contact contacts[KADEMLIA_K_MAX];
    uint32_t count = kademlia_closest(peer, &message->target, 1, from, contacts);
    kademlia_send_nodes(peer, from, message->transaction, contacts, count);
    const struct kademlia *state = peer_state(peer);
    uint32_t asked_for = kademlia_bucket_of(state, &message->target);
    kademlia_probe_oldest(peer, kademlia_bucket_at(peer_shared(peer), state, asked_for));
}

static bool message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    const struct kademlia_shared *shared = peer_shared(peer);
    const struct kademlia *state = peer_state(peer);
    struct kademlia_message decoded;
    prefetch(state, shared, kademlia_kind_of(bytes, length), bytes, length); /* all that is cold at once */
    if (!kademlia_decode(&decoded, bytes, length, shared->bits, shared->k) || from == peer_self(peer) ||
        kademlia_words_equal(&decoded.sender, &state->id))
        return false;
    kademlia_heard(peer, &decoded.sender, decoded.sender_octets, from);
    if (decoded.kind == KADEMLIA_FIND_NODE)
        find_node(peer, from, &decoded);
    else if (decoded.kind == KADEMLIA_NODES)
        kademlia_lookup_answer(peer, from, &decoded);
    else if (decoded.kind == KADEMLIA_PING)
        kademlia_send_short(peer, from, KADEMLIA_PONG, decoded.transaction);
    else
        kademlia_probe_answer(peer, from, &decoded);
    return true;
}

static void timer(struct peer *peer, uint8_t kind, uint32_t data)
{
    struct kademlia *state = peer_state(peer);
    if (kind == KADEMLIA_TIMER_MAINTENANCE) {
        kademlia_maintain(peer);
    } else if (kind == KADEMLIA_TIMER_BOOTSTRAP) {
        state->bootstrap_timer = 0;
        (void) kademlia_bootstrap(peer, peer_bootstrap(peer));
    } else if (data >> 16 == 0) {
        kademlia_probe_timeout(peer, data);
    } else {
        kademlia_lookup_timeout(peer, data);
    }
}

static void lookup(struct peer *peer, uint32_t number, const struct overlay_id *key)
{
    struct kademlia_words words = kademlia_words_load(key->octets, KADEMLIA_ID_OCTETS);
    kademlia_lookup_start(peer, KADEMLIA_FOR_WORKLOAD, number, &words, NULL);
}

/* --- parameters --- */

#define PARAMETER(field) .offset = offsetof(struct kademlia_parameters, field)

static const struct topology_parameter parameters[] = {
    {.key = "bits", .type = TOPOLOGY_INTEGER, PARAMETER(bits), .default_text = "160", .minimum = "1", .maximum = "160",
     .about = "Bits of an identifier."},
    {.key = "k", .type = TOPOLOGY_INTEGER, PARAMETER(k), .default_text = "20", .minimum = "1", .maximum = "256",
     .about = "Contacts in a bucket, and in a reply."},
    {.key = "alpha", .type = TOPOLOGY_INTEGER, PARAMETER(alpha), .default_text = "3", .minimum = "1", .maximum = "256",
     .about = "Requests of a lookup in flight at a time, until its results bring nothing closer."},
    {.key = "start", .type = TOPOLOGY_NAME, PARAMETER(start), .default_text = "converged", .names = start_names,
     .about = "Tables at the start: full buckets drawn from all that are up, or a join through a bootstrap peer."},
    {.key = "refresh", .type = TOPOLOGY_DURATION, PARAMETER(refresh_ns), .default_text = "1 h", .minimum = "1 s",
     .maximum = "365 d", .about = "A bucket in whose range nothing was looked up for so long is refreshed."},
    {.key = "request_timeout", .type = TOPOLOGY_DURATION, PARAMETER(request_timeout_ns), .default_text = "1 s",
     .minimum = "1 ms", .maximum = "1 h", .about = "After so long without an answer a request is overdue."},
    {.key = "questionable", .type = TOPOLOGY_DURATION, PARAMETER(questionable_ns), .default_text = "15 min",
     .minimum = "0 s", .maximum = "365 d",
     .about = "A contact unheard for so long is pinged when its bucket is asked for or finds no room (BEP 5: 15 min)."},
    {.key = "failures", .type = TOPOLOGY_INTEGER, PARAMETER(failures), .default_text = "2", .minimum = "1",
     .maximum = "100", .about = "Requests in a row without an answer after which a contact is stale."},
};

static const struct overlay_ops ops = {
    .abi = OVERLAY_ABI,
    .struct_bytes = sizeof(struct overlay_ops),
    .message_kinds = message_kinds,
    .message_kind_count = KADEMLIA_MESSAGES,
    .timer_kinds = timer_kinds,
    .timer_kind_count = sizeof timer_kinds / sizeof *timer_kinds,
    .neighbour_tables = neighbour_tables,
    .neighbour_table_count = 1,
    .metrics = metrics,
    .metric_count = sizeof metrics / sizeof *metrics,
    .closeness = OVERLAY_XOR,
    .state_bytes = state_bytes,
    .id_bits = id_bits,
    .starts_converged = starts_converged,
    .open = open_shared,
    .close = close_shared,
    .join = join,
    .release = release,
    .message = message,
    .timer = timer,
    .lookup = lookup,
    .kind_of = kademlia_kind_of,
    .prefetch = prefetch,
    .check = kademlia_table_check,
};

const struct topology_kind kademlia_kind = {
    .name = "kademlia",
    .summary = "k-buckets by XOR distance, alpha-parallel iterative lookups",
    .source = "Maymounkov & Mazieres 2002",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct kademlia_parameters),
    .ops = &ops,
};
