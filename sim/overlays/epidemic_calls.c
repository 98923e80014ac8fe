#include "sim/overlays/epidemic_peer.h"

/* Whether a rumour may be told now: in synchronous rounds, if it was known when this round began. */
static bool tellable(const struct epidemic_moment *moment, const struct epidemic_rumour *rumour, uint32_t round)
{
    return moment->parameters->rounds == EPIDEMIC_OWN_TIMERS || rumour->learnt_round != round;
}

/* Whom a message being written goes to. */
struct receivers {
    const peer_address *to;
    size_t count;
};

static void send_written(const struct epidemic_moment *moment, const struct receivers *receivers)
{
    const struct epidemic_writer *writer = &moment->shared->writer;
    uint8_t kind = (uint8_t) epidemic_written_kind(writer);
    if (receivers->count == 1)
        peer_send(moment->peer, receivers->to[0], kind, writer->bytes, writer->length);
    else
        peer_send_many(moment->peer, receivers->to, receivers->count, kind, writer->bytes, writer->length);
}

/* Adds a rumour to the message, sending it and going on in another of kind `further` when it is full. */
static void tell(const struct epidemic_moment *moment, const struct receivers *receivers, enum epidemic_message further,
                 const struct epidemic_rumour *rumour)
{
    struct epidemic_writer *writer = &moment->shared->writer;
    if (epidemic_write_rumour(writer, rumour))
        return;
    send_written(moment, receivers);
    epidemic_write_begin(writer, further);
    (void) epidemic_write_rumour(writer, rumour); /* fits: no payload is larger than an empty message holds */
}

static void write_digest(const struct epidemic_moment *moment)
{
    struct epidemic_cursor cursor = epidemic_known(moment);
    for (const struct epidemic_rumour *rumour; (rumour = epidemic_cursor_get(&cursor)) != NULL; cursor.index++)
        epidemic_write_known(&moment->shared->writer, rumour->id);
}

static void write_rumours(const struct epidemic_moment *moment, const struct receivers *receivers)
{
    struct epidemic_cursor cursor = epidemic_known(moment);
    uint32_t round = (uint32_t) epidemic_round_number(moment);
    for (const struct epidemic_rumour *rumour; (rumour = epidemic_cursor_get(&cursor)) != NULL; cursor.index++) {
        if (tellable(moment, rumour, round))
            tell(moment, receivers, EPIDEMIC_PUSH, rumour);
    }
}

/* A round's call: the digest, where it asks, then the rumours, where it tells. */
static void call(const struct epidemic_moment *moment, const struct receivers *receivers)
{
    static const enum epidemic_message kinds[] = {
        [EPIDEMIC_MODE_PUSH] = EPIDEMIC_PUSH,
        [EPIDEMIC_MODE_PULL] = EPIDEMIC_PULL,
        [EPIDEMIC_MODE_PUSH_PULL] = EPIDEMIC_EXCHANGE,
    };
    uint32_t mode = moment->parameters->mode;
    struct epidemic_writer *writer = &moment->shared->writer;
    epidemic_write_begin(writer, kinds[mode]);
    if (moment->state->rumour_count > 0) {
        if (mode != EPIDEMIC_MODE_PUSH)
            write_digest(moment);
        if (mode != EPIDEMIC_MODE_PULL)
            write_rumours(moment, receivers);
    }
    if (mode != EPIDEMIC_MODE_PUSH || writer->length > EPIDEMIC_HEADER_BYTES)
        send_written(moment, receivers);
}

/* A neighbour in the initial graph, or where there is no graph anybody; uniform. PEER_ADDRESS_NONE: there is nobody. */
static peer_address draw_partner(struct peer *peer)
{
    if (!peer_has_graph(peer))
        return peer_any(peer);
    uint32_t degree = peer_graph_degree(peer);
    return degree ? peer_graph_neighbour(peer, (uint32_t) peer_random_below(peer, degree)) : PEER_ADDRESS_NONE;
}

void epidemic_call(const struct epidemic_moment *moment)
{
    peer_address partners[EPIDEMIC_FANOUT_MAX];
    struct receivers receivers = {.to = partners};
    for (; receivers.count < moment->parameters->fanout; receivers.count++) {
        partners[receivers.count] = draw_partner(moment->peer);
        if (partners[receivers.count] == PEER_ADDRESS_NONE)
            return; /* alone */
    }
    call(moment, &receivers);
}

/* --- listening --- */

bool epidemic_learn(const struct epidemic_moment *moment, struct epidemic_cursor *cursor,
                    struct epidemic_rumour *rumour)
{
    rumour->learnt_round = (uint32_t) epidemic_round_number(moment);
    if (moment->state->rumour_count == EPIDEMIC_RUMOURS_MAX || !epidemic_cursor_insert(cursor, rumour)) {
        peer_metric(moment->peer, EPIDEMIC_REFUSED_RUMOURS, moment->state->rumour_count);
        return false;
    }
    moment->state->rumour_count++;
    if (!moment->state->armed)
        epidemic_arm(moment);
    return true;
}

static void hear_rumours(const struct epidemic_moment *moment, struct epidemic_reader *reader)
{
    struct epidemic_cursor cursor = epidemic_known(moment);
    uint64_t oldest_ns = epidemic_oldest_alive_ns(moment);
    for (struct epidemic_rumour rumour; epidemic_read_rumour(reader, &rumour);) {
        if (rumour.published_ns > moment->now_ns)
            rumour.published_ns = moment->now_ns; /* clocks differ, or somebody lies: it lives no longer than others */
        if (epidemic_cursor_seek(&cursor, rumour.id) != NULL) {
            peer_broadcast_duplicate(moment->peer, rumour.id);
        } else if (rumour.published_ns >= oldest_ns && epidemic_learn(moment, &cursor, &rumour)) {
            uint32_t round = epidemic_age_rounds(moment, rumour.published_ns);
            peer_broadcast_received(moment->peer, rumour.id, rumour.hops, round);
            peer_metric(moment->peer, EPIDEMIC_FIRST_COPY_ROUNDS, round);
        }
    }
}

/* Whether the digest has id; *index walks along it, as ids are asked for in ascending order. */
static bool digest_has(const struct epidemic_reader *reader, uint32_t *index, uint32_t id)
{
    while (*index < reader->known_count && epidemic_read_known(reader, *index) < id)
        ++*index;
    return *index < reader->known_count && epidemic_read_known(reader, *index) == id;
}

/* Tells the caller what its digest lacks. */
static void answer(const struct epidemic_moment *moment, peer_address caller, const struct epidemic_reader *reader)
{
    struct receivers receivers = {.to = &caller, .count = 1};
    struct epidemic_cursor cursor = epidemic_known(moment);
    uint64_t oldest_ns = epidemic_oldest_alive_ns(moment);
    uint32_t round = (uint32_t) epidemic_round_number(moment), index = 0, told = 0;
    epidemic_write_begin(&moment->shared->writer, EPIDEMIC_ANSWER);
    for (const struct epidemic_rumour *rumour; (rumour = epidemic_cursor_get(&cursor)) != NULL; cursor.index++) {
        if (digest_has(reader, &index, rumour->id) || rumour->published_ns < oldest_ns
            || !tellable(moment, rumour, round))
            continue;
        tell(moment, &receivers, EPIDEMIC_ANSWER, rumour);
        told++;
    }
    if (told == 0)
        return;
    send_written(moment, &receivers);
    peer_metric(moment->peer, EPIDEMIC_ANSWER_RUMOURS, told);
}

bool epidemic_message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    struct epidemic_moment moment = epidemic_moment_of(peer);
    struct epidemic_reader reader;
    if (!epidemic_read_begin(&reader, bytes, length))
        return false;
    bool asks = reader.kind == EPIDEMIC_PULL || reader.kind == EPIDEMIC_EXCHANGE;
    if (asks && moment.state->rumour_count > 0)
        answer(&moment, from, &reader); /* first: the caller knows what it has just told */
    if (reader.rumours != reader.end)
        hear_rumours(&moment, &reader);
    return true;
}
