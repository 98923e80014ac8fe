/* Lookups: their start and end, and recursive ones on their way from hop to hop.
 *
 * A recursive lookup is passed on by each hop; the owner answers straight to the origin. Where lookups are acknowledged
 * each hop acknowledges to the one before, which, when it hears nothing within request_timeout, passes the lookup to its
 * next best entry; and the origin gives up after lookup_timeout. Where they are not, nobody waits for anything: a
 * lookup that meets a dead peer is lost and stays unfinished. */
#include "sim/overlays/chord.h"

struct chord chord_nearest_node(struct peer *peer, const struct chord_id *key)
{
    struct chord nearest = chord_of(peer, 0);
    struct chord_id id = chord_id_at(&nearest, CHORD_SELF), least = chord_distance(&id, key);
    for (uint32_t number = 1; number < nearest.shared->nodes; number++) {
        struct chord c = chord_of(peer, number);
        id = chord_id_at(&c, CHORD_SELF);
        struct chord_id distance = chord_distance(&id, key);
        if (chord_state(&c)->successor_count == 0 ||
            (chord_state(&nearest)->successor_count > 0 && !chord_id_less(&distance, &least)))
            continue;
        least = distance;
        nearest = c;
    }
    return nearest;
}

struct chord chord_node_behind(struct peer *peer, const struct chord_id *key)
{
    struct chord behind = chord_of(peer, 0);
    struct chord_id id = chord_id_at(&behind, CHORD_SELF), least = chord_distance(key, &id);
    for (uint32_t number = 1; number < behind.shared->nodes; number++) {
        struct chord c = chord_of(peer, number);
        id = chord_id_at(&c, CHORD_SELF);
        struct chord_id distance = chord_distance(key, &id);
        if (chord_state(&c)->successor_count == 0 ||
            (chord_state(&behind)->successor_count > 0 && !chord_id_less(&distance, &least)))
            continue;
        least = distance;
        behind = c;
    }
    return behind;
}

bool chord_owns(const struct chord *c, const struct chord_id *key)
{
    if (chord_state(c)->successor_count == 0)
        return false;
    if (chord_address_at(c, CHORD_PREDECESSOR) == PEER_ADDRESS_NONE)
        return chord_is_alone(c);
    struct chord_id self = chord_id_at(c, CHORD_SELF), predecessor = chord_id_at(c, CHORD_PREDECESSOR);
    return chord_in_half_open(&predecessor, key, &self);
}

bool chord_owns_as_told(const struct chord *c, const struct chord_id *key, uint8_t purpose, bool skipped)
{
    struct chord_entry predecessor = chord_entry_at(c, CHORD_PREDECESSOR);
    bool joins_again = purpose == CHORD_FOR_JOIN && chord_id_equal(&predecessor.id, key); /* its earlier life */
    return skipped || joins_again || predecessor.address == PEER_ADDRESS_NONE || chord_owns(c, key);
}

bool chord_has_key(const struct chord *c, const struct chord_id *key)
{
    if (c->shared->parameters->keys == 0)
        return true;
    uint8_t octets[CHORD_ID_OCTETS];
    chord_id_store(key, octets);
    return chord_keys_have(&c->shared->store, chord_keys(c), octets);
}

static void report(const struct chord *c, const struct chord_query *query, const struct chord_entry *owner, bool good,
                   uint32_t messages)
{
    struct peer_lookup_result result = {.succeeded = owner != NULL && good, .hops = query->hops, .messages = messages,
                                        .owner = owner != NULL ? owner->address : PEER_ADDRESS_NONE,
                                        .timeouts = query->timeouts};
    if (result.succeeded)
        peer_metric(c->peer, CHORD_METRIC_HOPS, query->hops > 0 ? query->hops - 1u : 0);
    peer_lookup_done(c->peer, query->number, &result);
}

void chord_lookup_done(const struct chord *c, const struct chord_query *query, const struct chord_entry *owner, bool good,
                       uint32_t messages)
{
    if (query->purpose == CHORD_FOR_WORKLOAD)
        report(c, query, owner, good, messages);
    else if (query->purpose == CHORD_FOR_JOIN && owner != NULL)
        chord_joined(c, owner);
    else if (query->purpose == CHORD_FOR_FINGER && owner != NULL)
        chord_finger_found(c, query->number & 0xff, owner);
}

/* --- the answer's way back --- */

static struct chord_request *find_origin(struct peer *peer, uint32_t number)
{
    const struct chord_shared *shared = peer_shared(peer);
    for (uint32_t handle = chord_head(peer)->requests; handle != 0;) {
        struct chord_request *request = base_slab_at(&shared->requests, handle);
        if (request->kind == CHORD_REQUEST_ORIGIN && request->query.number == number)
            return request;
        handle = request->next;
    }
    return NULL;
}

/* The node that began a lookup of this purpose and number: the number of a lookup for a finger or a join holds it. */
static bool node_of(struct peer *peer, uint8_t purpose, uint32_t number, struct chord *c)
{
    const struct chord_shared *shared = peer_shared(peer);
    uint32_t node = purpose == CHORD_FOR_WORKLOAD ? 0 : number >> 8;
    if (node >= shared->nodes)
        return false;
    *c = chord_of(peer, node);
    return true;
}

void chord_answered(struct peer *peer, peer_address from, const struct chord_answer *answer)
{
    struct chord c;
    if (!node_of(peer, answer->purpose, answer->number, &c))
        return;
    struct chord_query query = {.number = answer->number, .purpose = answer->purpose, .hops = answer->hops,
                                .timeouts = answer->timeouts};
    struct chord_entry owner = {.id = answer->owner, .address = from};
    struct chord_request *origin = NULL;
    if (answer->purpose == CHORD_FOR_WORKLOAD && c.shared->parameters->acknowledge) {
        origin = find_origin(peer, answer->number);
        if (origin == NULL)
            return; /* it has been given up */
        chord_request_close(peer, origin);
    }
    chord_lookup_done(&c, &query, &owner, answer->good, answer->hops + answer->timeouts);
}

static void answer(const struct chord *c, const struct chord_query *query)
{
    bool good = query->purpose != CHORD_FOR_WORKLOAD || chord_has_key(c, &query->key);
    struct chord_answer said = {.owner = chord_id_at(c, CHORD_SELF), .number = query->number, .hops = query->hops,
                                .timeouts = query->timeouts, .purpose = query->purpose, .good = good};
    if (query->origin == peer_self(c->peer))
        chord_answered(c->peer, peer_self(c->peer), &said);
    else
        chord_send_answer(c, query->origin, &said);
}

/* --- from hop to hop --- */

/* Who joins is still in others' tables from an earlier life; it must not be found itself. */
static const struct chord_id *but_of(const struct chord_query *query)
{
    return query->purpose == CHORD_FOR_JOIN ? &query->key : NULL;
}

static void send_on(const struct chord *c, struct chord_query *query, const struct chord_cursor *cursor,
                    const struct chord_entry *next)
{
    query->owner = cursor->phase == CHORD_OWNERS;
    query->skipped &= query->owner;
    if (c->shared->parameters->acknowledge) {
        struct chord_request *request = chord_request_open(c, CHORD_REQUEST_HOP,
                                                           c->shared->parameters->request_timeout_ns);
        if (request == NULL)
            return; /* as if it were lost */
        request->asked = *next;
        request->cursor = *cursor;
        query->serial = request->serial;
        request->query = *query;
    }
    chord_send_query(c, next->address, query);
}

/* Nobody is left to try: the origin need not wait for lookup_timeout. */
static void give_up(const struct chord *c, const struct chord_query *query)
{
    if (query->origin != peer_self(c->peer) || query->purpose != CHORD_FOR_WORKLOAD)
        return;
    struct chord_request *origin = find_origin(c->peer, query->number);
    if (origin != NULL)
        chord_request_close(c->peer, origin);
    chord_lookup_done(c, query, NULL, false, query->timeouts);
}

static void pass_on(const struct chord *c, struct chord_query *query, struct chord_cursor *cursor)
{
    struct chord_entry next;
    if (query->hops >= CHORD_HOPS_MAX)
        return;
    if (!chord_route(c, &query->key, but_of(query), cursor, &next)) {
        give_up(c, query);
        return;
    }
    query->hops++;
    send_on(c, query, cursor, &next);
}

/* Told to own the key, but somebody has come in between. */
static void pass_back(const struct chord *c, struct chord_query *query)
{
    struct chord_entry predecessor = chord_entry_at(c, CHORD_PREDECESSOR);
    struct chord_cursor cursor = {.phase = CHORD_OWNERS, .bound = predecessor.id};
    if (query->hops >= CHORD_HOPS_MAX)
        return;
    query->hops++;
    query->skipped = false;
    send_on(c, query, &cursor, &predecessor);
}

void chord_lookup_message(struct peer *peer, peer_address from, struct chord_query *query)
{
    struct chord c = query->owner ? chord_node_behind(peer, &query->key) : chord_nearest_node(peer, &query->key);
    if (chord_state(&c)->successor_count == 0)
        return; /* not part of the ring yet: as if nobody were here */
    if (c.shared->parameters->acknowledge)
        chord_send_ack(peer, from, query->serial);
    struct chord_cursor cursor = {.phase = CHORD_ANY};
    query->skipped &= query->owner;
    bool owner = query->owner ? chord_owns_as_told(&c, &query->key, query->purpose, query->skipped)
                              : chord_owns(&c, &query->key);
    if (owner)
        answer(&c, query);
    else if (query->owner)
        pass_back(&c, query);
    else
        pass_on(&c, query, &cursor);
}

void chord_acknowledged(struct peer *peer, peer_address from, uint32_t serial)
{
    struct chord_request *request = chord_request_find(peer, serial);
    if (request != NULL && request->kind == CHORD_REQUEST_HOP && request->asked.address == from)
        chord_request_close(peer, request);
}

static void hop_timeout(struct peer *peer, struct chord_request *request)
{
    struct chord c = chord_of(peer, request->node);
    struct chord_query query = request->query;
    struct chord_cursor cursor = request->cursor;
    struct chord_entry gone = request->asked;
    struct chord_id predecessor = chord_id_at(&c, CHORD_PREDECESSOR);
    bool owner_now = query.owner && chord_id_equal(&predecessor, &gone.id); /* the one before this node is gone */
    chord_request_close(peer, request);
    if (query.timeouts < CHORD_TIMEOUTS_MAX)
        query.timeouts++;
    query.hops--; /* only what arrived counts */
    query.skipped = query.owner;
    if (c.shared->parameters->forget)
        chord_forget_everywhere(peer, &gone);
    if (owner_now || chord_owns(&c, &query.key))
        answer(&c, &query);
    else
        pass_on(&c, &query, &cursor);
}

void chord_request_timeout(struct peer *peer, uint32_t serial)
{
    struct chord_request *request = chord_request_find(peer, serial);
    if (request == NULL)
        return;
    if (request->kind == CHORD_REQUEST_HOP) {
        hop_timeout(peer, request);
    } else if (request->kind == CHORD_REQUEST_ITERATIVE) {
        chord_search_timeout(peer, (struct chord_search *) (void *) request);
    } else {
        struct chord c = chord_of(peer, request->node);
        struct chord_query query = request->query;
        chord_request_close(peer, request);
        chord_lookup_done(&c, &query, NULL, false, 0);
    }
}

/* --- starting --- */

void chord_lookup_start(const struct chord *c, enum chord_purpose purpose, uint32_t number, const struct chord_id *key)
{
    const struct chord_parameters *parameters = c->shared->parameters;
    struct chord_query query = {.key = *key, .number = number, .origin = peer_self(c->peer),
                                .purpose = (uint8_t) purpose};
    struct chord_entry self = {.id = chord_id_at(c, CHORD_SELF), .address = peer_self(c->peer)};
    if (chord_owns(c, key)) {
        chord_lookup_done(c, &query, &self, purpose != CHORD_FOR_WORKLOAD || chord_has_key(c, key), 0);
        return;
    }
    if (parameters->lookup == CHORD_ITERATIVE) {
        chord_search_start(c, &query, PEER_ADDRESS_NONE);
        return;
    }
    if (purpose == CHORD_FOR_WORKLOAD && parameters->acknowledge) {
        struct chord_request *origin = chord_request_open(c, CHORD_REQUEST_ORIGIN, parameters->lookup_timeout_ns);
        if (origin == NULL) {
            chord_lookup_done(c, &query, NULL, false, 0);
            return;
        }
        origin->query = query;
    }
    struct chord_cursor cursor = {.phase = CHORD_ANY};
    pass_on(c, &query, &cursor);
}

void chord_lookup_through(const struct chord *c, peer_address bootstrap)
{
    struct chord_query query = {.key = chord_id_at(c, CHORD_SELF), .number = c->number << 8,
                                .origin = peer_self(c->peer), .purpose = CHORD_FOR_JOIN};
    if (c->shared->parameters->lookup == CHORD_ITERATIVE) {
        chord_search_start(c, &query, bootstrap);
        return;
    }
    query.hops = 1;
    query.serial = ++c->head->serial; /* nobody waits for its acknowledgement: CHORD_TIMER_JOIN tries another peer */
    chord_send_query(c, bootstrap, &query);
}
