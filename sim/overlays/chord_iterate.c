/* Iterative lookups, which the paper's simulator uses: the origin asks hop after hop.
 *
 * The origin's own tables name the first candidates (depth 1), a node at depth d names those of d + 1. One that does not
 * answer within request_timeout counts as a time-out; the next is tried, and when a node's candidates are used up, the
 * same node is asked for those behind the last. Who did not answer is not asked again in the same lookup: the paper's
 * time-outs are "the number of failed nodes encountered". The lookup ends when a node says that it owns the key. */
#include "sim/overlays/chord.h"

static const struct chord_id *but_of(uint8_t purpose, const struct chord_id *key)
{
    return purpose == CHORD_FOR_JOIN ? key : NULL;
}

static struct chord_search *search_of(struct chord_request *request)
{
    return (struct chord_search *) (void *) request;
}

static void end(const struct chord *c, struct chord_search *search, const struct chord_entry *owner, bool good)
{
    struct chord_query query = search->request.query;
    uint32_t messages = search->messages;
    chord_request_close(c->peer, &search->request);
    chord_lookup_done(c, &query, owner, good, messages);
}

/* --- asking --- */

/* A new question has a new serial, so that the answer to an overdue one is not taken for it. */
static void ask(const struct chord *c, struct chord_search *search, const struct chord_entry *whom, bool owner,
                enum chord_phase phase)
{
    struct chord_request *request = &search->request;
    peer_disarm(c->peer, request->timer);
    request->serial = ++c->head->serial;
    request->timer = peer_arm(c->peer, CHORD_TIMER_REQUEST, c->shared->parameters->request_timeout_ns, request->serial);
    request->asked = *whom;
    search->messages++;
    struct chord_find find = {.key = request->query.key, .bound = request->cursor.bound, .serial = request->serial,
                              .phase = (uint8_t) phase, .purpose = request->query.purpose, .owner = owner,
                              .skipped = owner && search->skipped};
    chord_send_find(c, whom->address, &find);
}

/* So many candidates from this node's tables, from the cursor on; all are of one phase. */
static uint32_t name_candidates(const struct chord *c, const struct chord_id *key, const struct chord_id *but,
                                struct chord_cursor *cursor, struct chord_entry candidates[CHORD_CANDIDATES], bool *owners)
{
    uint32_t count = 0;
    while (count < CHORD_CANDIDATES) {
        struct chord_cursor before = *cursor;
        if (!chord_route(c, key, but, cursor, &candidates[count]))
            break;
        bool owner = cursor->phase == CHORD_OWNERS;
        if (count > 0 && owner != *owners) {
            *cursor = before;
            break;
        }
        *owners = owner;
        count++;
    }
    return count;
}

/* The source is asked for more, or this node's own tables give more; false: nobody is left. */
static bool ask_for_more(const struct chord *c, struct chord_search *search)
{
    struct chord_request *request = &search->request;
    if (search->source.address != PEER_ADDRESS_NONE) {
        if (request->cursor.phase == CHORD_ANY)
            return false; /* it has named nobody */
        ask(c, search, &search->source, false, request->cursor.phase);
        return true;
    }
    const struct chord_id *but = but_of(request->query.purpose, &request->query.key);
    search->candidate = 0;
    search->candidate_count = (uint8_t) name_candidates(c, &request->query.key, but, &request->cursor,
                                                        search->candidates, &search->owners);
    return search->candidate_count > 0;
}

static bool is_gone(const struct chord_search *search, peer_address address)
{
    uint32_t kept = search->gone_count < CHORD_GONE_KEPT ? search->gone_count : CHORD_GONE_KEPT;
    for (uint32_t i = 0; i < kept; i++)
        if (search->gone[i] == address)
            return true;
    return false;
}

/* The next candidate that is not known to be gone; NULL: there is no other. */
static const struct chord_entry *take_candidate(struct chord_search *search)
{
    while (search->candidate < search->candidate_count) {
        const struct chord_entry *next = &search->candidates[search->candidate++];
        if (!is_gone(search, next->address))
            return next;
        search->skipped = search->owners;
    }
    return NULL;
}

static void ask_next(const struct chord *c, struct chord_search *search)
{
    const struct chord_entry *next;
    while ((next = take_candidate(search)) == NULL) {
        if (!ask_for_more(c, search)) {
            end(c, search, NULL, false);
            return;
        }
        if (search->candidate == search->candidate_count)
            return; /* the source was asked */
    }
    if (next->address != search->source.address)
        search->request.query.hops++; /* else whom it named is gone, and it is asked again */
    ask(c, search, next, search->owners, CHORD_ANY);
}

void chord_search_start(const struct chord *c, const struct chord_query *query, peer_address through)
{
    struct chord_request *request = chord_request_open(c, CHORD_REQUEST_ITERATIVE,
                                                       c->shared->parameters->request_timeout_ns);
    if (request == NULL) {
        chord_lookup_done(c, query, NULL, false, 0);
        return;
    }
    request->query = *query;
    struct chord_search *search = search_of(request);
    if (through != PEER_ADDRESS_NONE) {
        search->candidates[0].address = through;
        search->candidate_count = 1;
    }
    ask_next(c, search);
}

/* --- answering --- */

static bool owns(const struct chord *c, const struct chord_find *find)
{
    if (find->phase != CHORD_ANY)
        return false; /* it asks whom else this node knows */
    return find->owner ? chord_owns_as_told(c, &find->key, find->purpose, find->skipped) : chord_owns(c, &find->key);
}

/* Told to own the key, but somebody has come in between; or, if that one is gone, it is this node after all. */
static void name_predecessor(const struct chord *c, struct chord_next *next)
{
    next->finding = CHORD_TAKEN_FOR_OWNERS;
    next->candidates[0] = chord_entry_at(c, CHORD_PREDECESSOR);
    next->candidates[1] = (struct chord_entry){.id = next->sender, .address = peer_self(c->peer)};
    next->count = 2;
}

void chord_search_asked(struct peer *peer, peer_address from, const struct chord_find *find)
{
    struct chord c = find->owner ? chord_node_behind(peer, &find->key) : chord_nearest_node(peer, &find->key);
    if (chord_state(&c)->successor_count == 0)
        return;
    struct chord_next next = {.serial = find->serial, .sender = chord_id_at(&c, CHORD_SELF)};
    if (owns(&c, find)) {
        bool good = find->purpose != CHORD_FOR_WORKLOAD || chord_has_key(&c, &find->key);
        next.finding = good ? CHORD_OWNER : CHORD_OWNER_WITHOUT_KEY;
    } else if (find->owner) {
        name_predecessor(&c, &next);
    } else {
        struct chord_cursor cursor = {.phase = find->phase, .bound = find->bound};
        bool owners = false;
        next.count = name_candidates(&c, &find->key, but_of(find->purpose, &find->key), &cursor, next.candidates,
                                     &owners);
        next.finding = owners ? CHORD_TAKEN_FOR_OWNERS : CHORD_CLOSER;
    }
    chord_send_next(&c, from, &next);
}

void chord_search_answer(struct peer *peer, peer_address from, const struct chord_next *next)
{
    struct chord_request *request = chord_request_find(peer, next->serial);
    if (request == NULL || request->kind != CHORD_REQUEST_ITERATIVE || request->asked.address != from)
        return;
    struct chord c = chord_of(peer, request->node);
    struct chord_search *search = search_of(request);
    struct chord_entry owner = {.id = next->sender, .address = from};
    bool too_long = request->query.hops >= CHORD_HOPS_MAX || search->messages >= CHORD_MESSAGES_MAX;
    if (next->finding >= CHORD_OWNER || too_long) {
        end(&c, search, next->finding >= CHORD_OWNER ? &owner : NULL, next->finding == CHORD_OWNER);
        return;
    }
    search->source = owner;
    search->skipped = false;
    search->owners = next->finding == CHORD_TAKEN_FOR_OWNERS;
    search->candidate = 0;
    search->candidate_count = (uint8_t) next->count;
    memcpy(search->candidates, next->candidates, sizeof search->candidates);
    request->cursor = (struct chord_cursor){.phase = CHORD_ANY};
    if (next->count > 0)
        request->cursor = (struct chord_cursor){.phase = search->owners ? CHORD_OWNERS : CHORD_PRECEDING,
                                                .bound = next->candidates[next->count - 1].id};
    ask_next(&c, search);
}

/* As in the paper's simulator (section VI-A): who is gone leaves this node's tables, and whoever named it is told. */
static void tell_gone(const struct chord *c, const struct chord_search *search, const struct chord_entry *gone)
{
    if (!c->shared->parameters->forget)
        return;
    chord_forget_everywhere(c->peer, gone);
    if (search->source.address != PEER_ADDRESS_NONE)
        chord_send_gone(c, &search->source, &gone->id);
}

void chord_search_timeout(struct peer *peer, struct chord_search *search)
{
    struct chord c = chord_of(peer, search->request.node);
    struct chord_query *query = &search->request.query;
    struct chord_entry gone = search->request.asked;
    search->request.timer = 0;
    if (query->timeouts < CHORD_TIMEOUTS_MAX)
        query->timeouts++;
    if (gone.address == search->source.address) { /* asked for more, it has gone meanwhile: from the beginning */
        search->source = (struct chord_entry){0};
        search->request.cursor = (struct chord_cursor){.phase = CHORD_ANY};
        query->hops = 0;
    } else {
        query->hops--; /* only who answered counts */
        search->skipped = search->owners;
        search->gone[search->gone_count++ % CHORD_GONE_KEPT] = gone.address;
        tell_gone(&c, search, &gone);
    }
    bool own_tables = search->source.address == PEER_ADDRESS_NONE; /* of which a node that joins has none */
    if (query->timeouts == CHORD_TIMEOUTS_MAX || (own_tables && chord_state(&c)->successor_count == 0))
        end(&c, search, NULL, false);
    else
        ask_next(&c, search);
}
