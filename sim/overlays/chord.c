/* Chord: what the simulator asks of an overlay, in terms of the other chord_*.c files. */
#include "sim/overlays/chord.h"

#include <errno.h>
#include <stdlib.h>

#include "sim/overlays/registry.h"

#define REQUESTS_PER_PEER 256 /* at a time, in the mean */

static const char *const message_kinds[] = {"lookup", "answer", "ack", "find", "next", "gone", "stabilise", "neighbours",
                                            "notify", "check", "alive", "leave", "sync", "store", "stored"};
static const struct overlay_timer_kind timer_kinds[] = {
    {"upkeep", true}, {"successor_timeout", false}, {"predecessor_timeout", false}, {"request_timeout", false},
    {"join_retry", false}};
static const char *const neighbour_tables[] = {"predecessor", "successor", "finger"};
static const char *const metrics[] = {"keys_held", "hops_to_predecessor"};
static const char *const lookup_names[] = {"recursive", "iterative", NULL};
static const char *const start_names[] = {"converged", "join", NULL};
_Static_assert(sizeof message_kinds / sizeof *message_kinds == CHORD_MESSAGES, "a name for each kind");

/* --- layout --- */

#define NARROW_BITS 32

static uint32_t entry_bytes(const struct chord_parameters *p)
{
    return p->bits <= NARROW_BITS ? sizeof(struct chord_narrow_entry) : sizeof(struct chord_wide_entry);
}

static uint32_t keys_at(const struct chord_parameters *p)
{
    return entry_bytes(p) * (uint32_t) (CHORD_FIRST_SUCCESSOR + p->successors + p->bits);
}

static uint32_t node_bytes(const struct chord_parameters *p)
{
    return keys_at(p) + (p->keys > 0 ? (uint32_t) sizeof(struct chord_keys) : 0);
}

static size_t state_bytes(const void *parameters)
{
    const struct chord_parameters *p = parameters;
    return sizeof(struct chord_peer) + (size_t) p->virtual_nodes * node_bytes(p);
}

static uint32_t id_bits(const void *parameters)
{
    return (uint32_t) ((const struct chord_parameters *) parameters)->bits;
}

static uint32_t ids_a_peer(const void *parameters)
{
    return (uint32_t) ((const struct chord_parameters *) parameters)->virtual_nodes;
}

static uint64_t stored_keys(const void *parameters)
{
    return ((const struct chord_parameters *) parameters)->keys;
}

static bool starts_converged(const void *parameters)
{
    return ((const struct chord_parameters *) parameters)->start == 0;
}

struct chord_peer *chord_head(struct peer *peer)
{
    return peer_state(peer);
}

struct chord chord_of(struct peer *peer, uint32_t number)
{
    struct chord_shared *shared = peer_shared(peer);
    uint8_t *state = peer_state(peer);
    return (struct chord){.peer = peer, .shared = shared, .head = (struct chord_peer *) (void *) state, .number = number,
                          .node = state + sizeof(struct chord_peer) + (size_t) number * shared->node_bytes};
}

/* --- what a loop's peers share --- */

static void close_shared(void *context)
{
    struct chord_shared *shared = context;
    base_slab_done(&shared->requests);
    chord_key_store_done(&shared->store);
    free(shared->first_keys);
    free(shared);
}

static int init_slabs(struct chord_shared *shared, uint32_t peer_count)
{
    const struct chord_parameters *p = shared->parameters;
    bool iterative = p->lookup == CHORD_ITERATIVE;
    uint64_t requests = (uint64_t) peer_count * REQUESTS_PER_PEER;
    int failure = base_slab_init(&shared->requests, iterative ? sizeof(struct chord_search) : sizeof(struct chord_request),
                                 requests < UINT32_MAX / 2 ? (uint32_t) requests : UINT32_MAX / 2);
    if (failure == 0 && p->keys > 0)
        failure = chord_key_store_init(&shared->store, shared->octets, p->keys, (uint32_t) p->replicas,
                                       (uint64_t) peer_count * shared->nodes);
    return failure;
}

/* Which of them there are, and what they need. */
static void short_ways(struct chord_shared *shared)
{
    const struct chord_parameters *p = shared->parameters;
    bool narrow_node = shared->narrow && shared->nodes == 1;
    bool two_words = shared->octets >= 3; /* a LOOKUP has 16 octets or more */
    bool plain_lookups = narrow_node && two_words && p->lookup == CHORD_RECURSIVE && !p->acknowledge && p->keys == 0;
    shared->prefetch_octets = narrow_node ? CHORD_LOOKUP_KEY + shared->octets : CHORD_NO_LENGTH;
    shared->lookup_octets = plain_lookups ? shared->prefetch_octets : CHORD_NO_LENGTH;
    shared->steady = plain_lookups && shared->successors == 1 && shared->bits % 8 == 0;
    if (!shared->narrow)
        return;
    shared->narrow_shift = 32 - 8 * shared->octets;
    shared->narrow_unused = (uint32_t) (UINT64_C(0xffffffff) >> shared->bits);
}

static void *open_shared(const void *parameters, uint32_t peer_count)
{
    const struct chord_parameters *p = parameters;
    struct chord_shared *shared = calloc(1, sizeof *shared);
    if (shared == NULL)
        return NULL;
    shared->parameters = p;
    shared->bits = (uint32_t) p->bits;
    shared->octets = (shared->bits + 7) / 8;
    shared->successors = (uint32_t) p->successors;
    shared->nodes = (uint32_t) p->virtual_nodes;
    shared->first_finger = CHORD_FIRST_SUCCESSOR + shared->successors;
    shared->last_finger = shared->first_finger + shared->bits - 1;
    shared->narrow = shared->bits <= NARROW_BITS;
    shared->entry_bytes = entry_bytes(p);
    shared->node_bytes = node_bytes(p);
    shared->keys_at = keys_at(p);
    short_ways(shared);
    if (init_slabs(shared, peer_count) == 0)
        return shared;
    close_shared(shared);
    return NULL;
}

/* --- a peer's life --- */

static void set_id(const struct chord *c)
{
    struct overlay_id octets;
    peer_id_at(c->peer, c->number, &octets);
    struct chord_id id = chord_id_load(octets.octets, CHORD_ID_OCTETS);
    if (c->shared->narrow)
        ((struct chord_narrow_entry *) (void *) c->node)->id = (uint32_t) (id.high >> 32);
    else
        ((struct chord_wide_entry *) (void *) c->node)->id = id;
}

static void join(struct peer *peer, const struct peer_start *start)
{
    const struct chord_shared *shared = peer_shared(peer);
    if (shared->parameters->acknowledge || shared->parameters->lookup == CHORD_ITERATIVE)
        chord_head(peer)->serial = (uint32_t) peer_random(peer); /* answers to an earlier life are not taken for ours */
    for (uint32_t number = 0; number < shared->nodes; number++) {
        struct chord c = chord_of(peer, number);
        set_id(&c);
    }
    for (uint32_t number = 0; number < shared->nodes; number++) {
        struct chord c = chord_of(peer, number);
        chord_start(&c, start);
    }
}

static void leave(struct peer *peer)
{
    const struct chord_shared *shared = peer_shared(peer);
    for (uint32_t number = 0; number < shared->nodes; number++) {
        struct chord c = chord_of(peer, number);
        if (chord_state(&c)->successor_count == 0 || chord_is_alone(&c))
            continue;
        struct chord_entry successor = chord_entry_at(&c, CHORD_FIRST_SUCCESSOR);
        struct chord_entry predecessor = chord_entry_at(&c, CHORD_PREDECESSOR);
        if (shared->parameters->keys > 0)
            chord_store_leave(&c, &successor);
        chord_send_neighbours(&c, CHORD_LEAVE, &successor, false);
        if (predecessor.address != PEER_ADDRESS_NONE)
            chord_send_neighbours(&c, CHORD_LEAVE, &predecessor, false);
    }
}

static void release(struct peer *peer)
{
    struct chord_shared *shared = peer_shared(peer);
    chord_requests_release(peer);
    for (uint32_t number = 0; number < shared->nodes && shared->parameters->keys > 0; number++) {
        struct chord c = chord_of(peer, number);
        chord_keys_release(&shared->store, chord_keys(&c));
    }
}

/* --- messages --- */

static bool on_neighbours(const struct chord *c, peer_address from, const struct chord_entry *sender,
                          const uint8_t *bytes, size_t length)
{
    struct chord_neighbours neighbours;
    if (!chord_decode_neighbours(c->peer, &neighbours, bytes, length))
        return false;
    if (chord_kind_of(bytes, length) == CHORD_LEAVE)
        chord_left(c, sender, &neighbours);
    else
        chord_neighbours_told(c, from, &sender->id, &neighbours);
    return true;
}

static bool on_keys(const struct chord *c, const struct chord_entry *sender, const uint8_t *bytes, size_t length)
{
    uint32_t count;
    const uint8_t *keys = bytes + chord_ends_octets(c->shared);
    if (c->shared->parameters->keys == 0 || (bytes[0] & 1) || !chord_decode_keys(c->shared, &count, bytes, length))
        return false;
    if (chord_kind_of(bytes, length) == CHORD_STORE)
        chord_store_taken(c, sender, keys, count);
    else
        chord_store_acknowledged(c, sender, keys, count);
    return true;
}

static bool on_range(const struct chord *c, const struct chord_entry *sender, const uint8_t *bytes, size_t length)
{
    struct chord_range range;
    if (c->shared->parameters->keys == 0 || !chord_decode_range(c->peer, &range, bytes, length))
        return false;
    chord_store_synced(c, sender, &range);
    return true;
}

static bool on_gone(const struct chord *c, const uint8_t *bytes, size_t length)
{
    struct chord_id gone;
    if ((bytes[0] & 1) || !chord_decode_gone(c->peer, &gone, bytes, length))
        return false;
    if (c->shared->parameters->forget)
        chord_forget_id(c, &gone);
    return true;
}

/* Messages without a body. A node that is not part of a ring yet is silent. */
static bool on_plain(const struct chord *c, enum chord_message_kind kind, const struct chord_entry *sender,
                     const uint8_t *bytes, size_t length)
{
    if (length != chord_ends_octets(c->shared) || (bytes[0] & 1 && kind != CHORD_STABILISE))
        return false;
    if (chord_state(c)->successor_count == 0)
        return true;
    if (kind == CHORD_STABILISE)
        chord_send_neighbours(c, CHORD_NEIGHBOURS, sender, bytes[0] & 1);
    else if (kind == CHORD_NOTIFY)
        chord_notified(c, sender);
    else if (kind == CHORD_CHECK)
        chord_send_plain(c, CHORD_ALIVE, sender);
    else
        chord_predecessor_lives(c, sender->address);
    return true;
}

static bool ring_message(struct peer *peer, enum chord_message_kind kind, peer_address from, const uint8_t *bytes,
                         size_t length)
{
    struct chord_ends ends;
    if (!chord_decode_ends(peer, &ends, bytes, length))
        return false;
    const struct chord_shared *shared = peer_shared(peer);
    struct chord_entry sender = {.id = ends.sender, .address = from};
    for (uint32_t number = 0; number < shared->nodes; number++) {
        struct chord c = chord_of(peer, number);
        struct chord_id self = chord_id_at(&c, CHORD_SELF);
        if (!chord_id_equal(&self, &ends.target))
            continue;
        switch (kind) {
        case CHORD_NEIGHBOURS:
        case CHORD_LEAVE: return on_neighbours(&c, from, &sender, bytes, length);
        case CHORD_GONE: return on_gone(&c, bytes, length);
        case CHORD_SYNC: return on_range(&c, &sender, bytes, length);
        case CHORD_STORE:
        case CHORD_STORED: return on_keys(&c, &sender, bytes, length);
        default: return on_plain(&c, kind, &sender, bytes, length);
        }
    }
    return false; /* no node of ours */
}

static bool search_message(struct peer *peer, enum chord_message_kind kind, peer_address from, const uint8_t *bytes,
                           size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    struct chord_find find;
    struct chord_next next;
    if (shared->parameters->lookup != CHORD_ITERATIVE)
        return false;
    if (kind == CHORD_FIND) {
        if (!chord_decode_find(peer, &find, bytes, length))
            return false;
        chord_search_asked(peer, from, &find);
        return true;
    }
    if (!chord_decode_next(peer, &next, bytes, length))
        return false;
    chord_search_answer(peer, from, &next);
    return true;
}

__attribute__((noinline)) bool chord_any_message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    struct chord_query query;
    struct chord_answer answer;
    uint32_t serial;
    uint8_t kind = chord_datagram_kind(bytes, length);
    bytes++; /* the body; without one the kind is none */
    length--;
    switch (kind) {
    case CHORD_LOOKUP:
        if (!chord_decode_query(peer, &query, bytes, length))
            return false;
        chord_lookup_message(peer, from, &query);
        return true;
    case CHORD_ANSWER:
        if (!chord_decode_answer(peer, &answer, bytes, length))
            return false;
        chord_answered(peer, from, &answer);
        return true;
    case CHORD_ACK:
        if (!chord_decode_ack(&serial, bytes, length))
            return false;
        chord_acknowledged(peer, from, serial);
        return true;
    case CHORD_FIND:
    case CHORD_NEXT: return search_message(peer, kind, from, bytes, length);
    case CHORD_MESSAGES: return false;
    default: return ring_message(peer, kind, from, bytes, length);
    }
}

static bool message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    const struct chord_shared *shared = peer_shared(peer);
    if (length == shared->lookup_octets)
        return chord_narrow_lookup(peer, from, bytes, length);
    if (shared->steady)
        return chord_steady_message(peer, from, bytes, length);
    return chord_any_message(peer, from, bytes, length);
}

/* --- timers, actions --- */

static void timer(struct peer *peer, uint8_t kind, uint32_t data)
{
    if (kind == CHORD_TIMER_REQUEST) {
        chord_request_timeout(peer, data);
        return;
    }
    struct chord c = chord_of(peer, kind == CHORD_TIMER_UPKEEP ? data >> CHORD_ACTIVITY_BITS : data);
    if (kind == CHORD_TIMER_UPKEEP)
        chord_upkeep(&c, data);
    else if (kind == CHORD_TIMER_SUCCESSOR)
        chord_successor_timeout(&c);
    else if (kind == CHORD_TIMER_PREDECESSOR)
        chord_predecessor_timeout(&c);
    else
        chord_join_timeout(&c);
}

static void lookup(struct peer *peer, uint32_t number, const struct overlay_id *octets)
{
    const struct chord_shared *shared = peer_shared(peer);
    struct chord_id key = chord_id_load(octets->octets, CHORD_ID_OCTETS);
    if (shared->steady && chord_steady_lookup(peer, CHORD_FOR_WORKLOAD, number, (uint32_t) (key.high >> 32)))
        return;
    struct chord c = chord_nearest_node(peer, &key);
    chord_lookup_start(&c, CHORD_FOR_WORKLOAD, number, &key);
}

/* --- parameters --- */

#define PARAMETER(field) .offset = offsetof(struct chord_parameters, field)

enum { AT_BITS, AT_SUCCESSORS, AT_REPLICAS };

static const struct topology_parameter parameters[] = {
    [AT_BITS] = {.key = "bits", .type = TOPOLOGY_INTEGER, PARAMETER(bits), .default_text = "32", .minimum = "1",
     .maximum = "160", .about = "Bits of an identifier, and fingers of a node; up to 32 a peer is small and fast."},
    [AT_SUCCESSORS] = {.key = "successors", .type = TOPOLOGY_INTEGER, PARAMETER(successors), .default_text = "20",
     .minimum = "1", .maximum = "64", .about = "Length of the successor list (the paper's r: 2 log2 N)."},
    [AT_REPLICAS] = {.key = "replicas", .type = TOPOLOGY_INTEGER, PARAMETER(replicas), .default_text = "1",
     .minimum = "1", .maximum = "65",
     .about = "Copies of a stored key: at its owner and at the nodes that follow; at most one more than successors."},
    {.key = "virtual_nodes", .type = TOPOLOGY_INTEGER, PARAMETER(virtual_nodes), .default_text = "1", .minimum = "1",
     .maximum = "255", .about = "Ids of a peer, each a node of the ring with tables of its own."},
    {.key = "lookup", .type = TOPOLOGY_NAME, PARAMETER(lookup), .default_text = "recursive", .names = lookup_names,
     .about = "Whether each hop passes a lookup on, or the origin asks hop after hop."},
    {.key = "start", .type = TOPOLOGY_NAME, PARAMETER(start), .default_text = "converged", .names = start_names,
     .about = "Tables at the start: the final ones of all that are up, or a join through a bootstrap peer."},
    {.key = "stabilise", .type = TOPOLOGY_DURATION, PARAMETER(stabilise_ns), .default_text = "30 s", .minimum = "1 ms",
     .maximum = "365 d", .about = "A node asks its successor for its predecessor so often."},
    {.key = "fix_fingers", .type = TOPOLOGY_DURATION, PARAMETER(fix_fingers_ns), .default_text = "30 s",
     .minimum = "1 ms", .maximum = "365 d", .about = "A node looks one of its fingers up so often."},
    {.key = "check_predecessor", .type = TOPOLOGY_DURATION, PARAMETER(check_predecessor_ns), .default_text = "30 s",
     .minimum = "1 ms", .maximum = "365 d", .about = "A node asks its predecessor for a sign of life so often."},
    {.key = "request_timeout", .type = TOPOLOGY_DURATION, PARAMETER(request_timeout_ns), .default_text = "500 ms",
     .minimum = "1 ms", .maximum = "1 h", .about = "Who does not answer for so long is taken to be gone."},
    {.key = "lookup_timeout", .type = TOPOLOGY_DURATION, PARAMETER(lookup_timeout_ns), .default_text = "30 s",
     .minimum = "1 ms", .maximum = "1 d",
     .about = "The origin of a recursive lookup gives up after so long, and a node tries to join again."},
    {.key = "acknowledge", .type = TOPOLOGY_BOOLEAN, PARAMETER(acknowledge), .default_text = "true",
     .about = "Whether a hop of a recursive lookup acknowledges it, so that the one before can try another; without, "
              "nobody waits, and a lookup that meets a dead peer stays unfinished."},
    {.key = "forget", .type = TOPOLOGY_BOOLEAN, PARAMETER(forget), .default_text = "true",
     .about = "Whether who let a lookup wait in vain leaves the tables at once; without, upkeep finds it."},
    {.key = "keys", .type = TOPOLOGY_INTEGER, PARAMETER(keys), .default_text = "0", .minimum = "0",
     .maximum = "100000000",
     .about = "The run's first so many numbered keys are stored from the start; a lookup then fails when the owner "
              "does not hold the key."},
};

static int bind(const void *values, const struct base_place *places, struct base_diagnostics *diagnostics)
{
    const struct chord_parameters *p = values;
    if (p->replicas <= p->successors + 1)
        return 0;
    base_diagnose(diagnostics, BASE_ERROR, places[AT_REPLICAS], NULL,
                  "%u replicas need %u successors; there are %u", (unsigned) p->replicas, (unsigned) p->replicas - 1,
                  (unsigned) p->successors);
    return -EINVAL;
}

static const struct overlay_ops ops = {
    .abi = OVERLAY_ABI,
    .struct_bytes = sizeof(struct overlay_ops),
    .message_kinds = message_kinds,
    .message_kind_count = CHORD_MESSAGES,
    .timer_kinds = timer_kinds,
    .timer_kind_count = sizeof timer_kinds / sizeof *timer_kinds,
    .neighbour_tables = neighbour_tables,
    .neighbour_table_count = sizeof neighbour_tables / sizeof *neighbour_tables,
    .metrics = metrics,
    .metric_count = sizeof metrics / sizeof *metrics,
    .closeness = OVERLAY_SUCCESSOR,
    .bind = bind,
    .state_bytes = state_bytes,
    .id_bits = id_bits,
    .ids_a_peer = ids_a_peer,
    .stored_keys = stored_keys,
    .starts_converged = starts_converged,
    .open = open_shared,
    .close = close_shared,
    .join = join,
    .leave = leave,
    .release = release,
    .message = message,
    .timer = timer,
    .lookup = lookup,
    .kind_of = chord_datagram_kind,
    .prefetch = chord_prefetch,
    .prefetch_lookup = chord_prefetch_lookup,
    .check = chord_check,
};

const struct topology_kind chord_kind = {
    .name = "chord",
    .summary = "a ring with fingers: successor lists, stabilise, key ownership with replicas, virtual nodes",
    .source = "Stoica et al., ToN 2003",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct chord_parameters),
    .ops = &ops,
};
