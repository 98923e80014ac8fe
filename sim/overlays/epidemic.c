/* Epidemic rumour spreading among uniform partners: push, pull, or both in one exchange.
 *
 * A. Demers et al., "Epidemic algorithms for replicated database maintenance", PODC 1987; R. Karp, C. Schindelhauer,
 * S. Shenker, B. Voecking, "Randomized rumor spreading", FOCS 2000: the phone-call model. In every round each peer calls
 * `fanout` partners, drawn uniformly and independently from all other peers, up or not. Bytes: epidemic_wire.h.
 *
 *   push       who knows rumours sends them to its partners; who knows none has no timer
 *   pull       each peer sends its partners a digest of what it knows; they answer with the rumours that it lacks
 *   push-pull  both in one exchange: the caller's digest and rumours, then the partner's answer
 *
 * An answer that would be empty is not sent. What does not fit one datagram goes on in further push or answer messages
 * at once.
 *
 * Rounds. `synchronous`: all act at the multiples of the period, a round's number is that multiple, and what a peer
 * learns in a round it tells nobody in that round; so while a round trip is shorter than the period this is the papers'
 * model exactly. A rumour's round is the difference of the numbers: the first in which it can spread is 1.
 * `own-timers`: each peer acts once a period at a phase of its own, uniform and drawn at its join, and tells at once what
 * it learnt; a rumour's round is its age in periods, rounded up. A message carries the instant of publication as a
 * timestamp (as Demers et al.'s database entries do), not a count of rounds: so time in flight counts, and every peer
 * sees a rumour die at the same instant.
 *
 * Termination by age, as Karp et al.'s: a rumour older than `rounds_max` rounds is told and believed by nobody and is
 * forgotten everywhere, which bounds memory and traffic by the rumours of the last rounds_max rounds. The default, 64,
 * reaches everybody at any size (push to 2^32 peers takes log2 n + ln n = 54). A peer holds at most EPIDEMIC_RUMOURS_MAX
 * rumours at a time and refuses further ones (counted by a metric).
 *
 * Deviation: Demers et al.'s loss of interest after useless contacts is left out, because it leaves a residue of peers
 * that never hear; age does not. */
#include "sim/overlays/epidemic_wire.h"
#include "sim/overlay.h"

#include <stdlib.h>

#include "reactor/base/random.h"

enum mode { MODE_PUSH, MODE_PULL, MODE_PUSH_PULL };
enum rounds { ROUNDS_SYNCHRONOUS, ROUNDS_OWN_TIMERS };

static const char *const mode_names[] = {"push", "pull", "push-pull", NULL};
static const char *const rounds_names[] = {"synchronous", "own-timers", NULL};

#define FANOUT_MAX 64 /* the partners of a round stand on the stack */

struct epidemic_parameters {
    uint64_t fanout, period_ns, rounds_max;
    uint32_t mode, rounds;
};

/* One cache line with its two inline rumours. */
struct epidemic_state {
    uint32_t phase;        /* of own timers, in 2^-32 of the period */
    uint16_t rumour_count;
    bool armed;            /* whether a round is due; always, but in push mode */
    struct epidemic_block first;
};

#define STATE_BYTES (offsetof(struct epidemic_state, first) + EPIDEMIC_BLOCK_BYTES(EPIDEMIC_INLINE_RUMOURS))
static_assert(STATE_BYTES == 64, "the common case is one cache line");

struct epidemic_shared {
    struct base_slab blocks;
    struct epidemic_writer writer;
};

enum metric { METRIC_FIRST_COPY_ROUNDS, METRIC_ANSWER_RUMOURS, METRIC_REFUSED_RUMOURS, METRICS };
static const char *const metric_names[METRICS] = {"first_copy_rounds", "answer_rumours", "refused_rumours"};

static const char *const message_names[EPIDEMIC_MESSAGES] = {"push", "pull", "exchange", "answer"};

enum { TIMER_ROUND, TIMERS };
static const struct overlay_timer_kind timer_kinds[TIMERS] = {{.name = "round", .periodic = true}};

/* What a handler needs of the peer and of this instant. */
struct moment {
    struct peer *peer;
    const struct epidemic_parameters *parameters;
    struct epidemic_shared *shared;
    struct epidemic_state *state;
    uint64_t now_ns;
};

static struct moment moment_of(struct peer *peer)
{
    return (struct moment){
        .peer = peer,
        .parameters = peer_parameters(peer),
        .shared = peer_shared(peer),
        .state = peer_state(peer),
        .now_ns = peer_now_ns(peer),
    };
}

static struct epidemic_cursor known_rumours(const struct moment *moment)
{
    return epidemic_cursor_first(&moment->state->first, &moment->shared->blocks);
}

static uint64_t round_number(const struct moment *moment)
{
    return moment->now_ns / moment->parameters->period_ns;
}

static uint64_t age_rounds(const struct moment *moment, uint64_t published_ns)
{
    uint64_t period_ns = moment->parameters->period_ns;
    if (moment->parameters->rounds == ROUNDS_SYNCHRONOUS)
        return round_number(moment) - published_ns / period_ns;
    uint64_t age_ns = moment->now_ns - published_ns;
    return age_ns / period_ns + (age_ns % period_ns != 0);
}

/* The first instant of publication that is no more than rounds_max rounds ago: what is older is dead. */
static uint64_t oldest_alive_ns(const struct moment *moment)
{
    const struct epidemic_parameters *parameters = moment->parameters;
    uint64_t since_ns = moment->now_ns, span_ns;
    if (parameters->rounds == ROUNDS_SYNCHRONOUS)
        since_ns = round_number(moment) * parameters->period_ns;
    bool beyond = __builtin_mul_overflow(parameters->rounds_max, parameters->period_ns, &span_ns);
    return beyond || span_ns > since_ns ? 0 : since_ns - span_ns;
}

/* Whether a rumour may be told now: in synchronous rounds, if it was known when this round began. */
static bool tellable(const struct moment *moment, const struct epidemic_rumour *rumour, uint32_t round)
{
    return moment->parameters->rounds == ROUNDS_OWN_TIMERS || rumour->learnt_round != round;
}

/* --- rounds --- */

/* Arms the next round: the first instant after now that is `phase` into a period. */
static void arm(const struct moment *moment)
{
    uint64_t period_ns = moment->parameters->period_ns;
    uint64_t phase_ns = base_random_below((uint64_t) moment->state->phase << 32, period_ns);
    uint64_t passed_ns = moment->now_ns % period_ns;
    uint64_t delay_ns = phase_ns > passed_ns ? phase_ns - passed_ns : period_ns - passed_ns + phase_ns;
    moment->state->armed = peer_arm(moment->peer, TIMER_ROUND, delay_ns, 0) != 0;
}

static void forget_dead(const struct moment *moment)
{
    struct epidemic_state *state = moment->state;
    if (state->rumour_count == 0)
        return;
    uint32_t forgotten = epidemic_rumours_forget(&state->first, &moment->shared->blocks, oldest_alive_ns(moment));
    state->rumour_count = (uint16_t) (state->rumour_count - forgotten);
}

/* Whom a message being written goes to. */
struct receivers {
    const peer_address *to;
    size_t count;
};

static void send_written(const struct moment *moment, const struct receivers *receivers)
{
    const struct epidemic_writer *writer = &moment->shared->writer;
    uint8_t kind = (uint8_t) epidemic_written_kind(writer);
    if (receivers->count == 1)
        peer_send(moment->peer, receivers->to[0], kind, writer->bytes, writer->length);
    else
        peer_send_many(moment->peer, receivers->to, receivers->count, kind, writer->bytes, writer->length);
}

/* Adds a rumour to the message, sending it and going on in another of kind `further` when it is full. */
static void tell(const struct moment *moment, const struct receivers *receivers, enum epidemic_message further,
                 const struct epidemic_rumour *rumour)
{
    struct epidemic_writer *writer = &moment->shared->writer;
    if (epidemic_write_rumour(writer, rumour))
        return;
    send_written(moment, receivers);
    epidemic_write_begin(writer, further);
    (void) epidemic_write_rumour(writer, rumour); /* fits: no payload is larger than an empty message holds */
}

static void write_digest(const struct moment *moment)
{
    struct epidemic_cursor cursor = known_rumours(moment);
    for (const struct epidemic_rumour *rumour; (rumour = epidemic_cursor_get(&cursor)) != NULL; cursor.index++)
        epidemic_write_known(&moment->shared->writer, rumour->id);
}

static void call(const struct moment *moment, const struct receivers *receivers)
{
    static const enum epidemic_message calls[] = {
        [MODE_PUSH] = EPIDEMIC_PUSH, [MODE_PULL] = EPIDEMIC_PULL, [MODE_PUSH_PULL] = EPIDEMIC_EXCHANGE,
    };
    uint32_t mode = moment->parameters->mode;
    struct epidemic_writer *writer = &moment->shared->writer;
    epidemic_write_begin(writer, calls[mode]);
    if (moment->state->rumour_count > 0) {
        if (mode != MODE_PUSH)
            write_digest(moment);
        struct epidemic_cursor cursor = known_rumours(moment);
        uint32_t round = (uint32_t) round_number(moment);
        const struct epidemic_rumour *rumour;
        for (; mode != MODE_PULL && (rumour = epidemic_cursor_get(&cursor)) != NULL; cursor.index++) {
            if (tellable(moment, rumour, round))
                tell(moment, receivers, EPIDEMIC_PUSH, rumour);
        }
    }
    if (mode != MODE_PUSH || writer->length > EPIDEMIC_HEADER_BYTES)
        send_written(moment, receivers);
}

static void act(const struct moment *moment)
{
    peer_address partners[FANOUT_MAX];
    struct receivers receivers = {.to = partners};
    for (; receivers.count < moment->parameters->fanout; receivers.count++) {
        partners[receivers.count] = peer_any(moment->peer);
        if (partners[receivers.count] == PEER_ADDRESS_NONE)
            return; /* alone */
    }
    call(moment, &receivers);
}

static void epidemic_timer(struct peer *peer, uint8_t kind, uint32_t data)
{
    (void) kind, (void) data; /* the only one there is */
    struct moment moment = moment_of(peer);
    forget_dead(&moment);
    moment.state->armed = false;
    if (moment.parameters->mode == MODE_PUSH && moment.state->rumour_count == 0)
        return; /* until the next rumour */
    act(&moment);
    arm(&moment);
}

/* --- learning --- */

/* Takes a rumour in at the cursor, where it is not known yet; false when there is no room. */
static bool learn(const struct moment *moment, struct epidemic_cursor *cursor, struct epidemic_rumour *rumour)
{
    rumour->learnt_round = (uint32_t) round_number(moment);
    if (moment->state->rumour_count == EPIDEMIC_RUMOURS_MAX || !epidemic_cursor_insert(cursor, rumour)) {
        peer_metric(moment->peer, METRIC_REFUSED_RUMOURS, moment->state->rumour_count);
        return false;
    }
    moment->state->rumour_count++;
    if (!moment->state->armed)
        arm(moment);
    return true;
}

static void hear_rumours(const struct moment *moment, struct epidemic_reader *reader)
{
    struct epidemic_cursor cursor = known_rumours(moment);
    uint64_t oldest_ns = oldest_alive_ns(moment);
    for (struct epidemic_rumour rumour; epidemic_read_rumour(reader, &rumour);) {
        if (epidemic_cursor_seek(&cursor, rumour.id) != NULL) {
            peer_broadcast_duplicate(moment->peer, rumour.id);
        } else if (rumour.published_ns >= oldest_ns && learn(moment, &cursor, &rumour)) {
            uint32_t round = (uint32_t) age_rounds(moment, rumour.published_ns);
            peer_broadcast_received(moment->peer, rumour.id, rumour.hops, round);
            peer_metric(moment->peer, METRIC_FIRST_COPY_ROUNDS, round);
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
static void answer(const struct moment *moment, peer_address caller, const struct epidemic_reader *reader)
{
    struct receivers receivers = {.to = &caller, .count = 1};
    struct epidemic_cursor cursor = known_rumours(moment);
    uint64_t oldest_ns = oldest_alive_ns(moment);
    uint32_t round = (uint32_t) round_number(moment), index = 0, told = 0;
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
    peer_metric(moment->peer, METRIC_ANSWER_RUMOURS, told);
}

static bool epidemic_message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    struct moment moment = moment_of(peer);
    struct epidemic_reader reader;
    if (!epidemic_read_begin(&reader, bytes, length, moment.now_ns))
        return false;
    bool asks = reader.kind == EPIDEMIC_PULL || reader.kind == EPIDEMIC_EXCHANGE;
    if (asks && moment.state->rumour_count > 0)
        answer(&moment, from, &reader); /* first: the caller knows what it has just told */
    if (reader.rumours != reader.end)
        hear_rumours(&moment, &reader);
    return true;
}

/* --- life --- */

static void epidemic_join(struct peer *peer, const struct peer_start *start)
{
    (void) start; /* partners come from peer_any */
    struct moment moment = moment_of(peer);
    moment.state->first.capacity = EPIDEMIC_INLINE_RUMOURS;
    if (moment.parameters->rounds == ROUNDS_OWN_TIMERS)
        moment.state->phase = (uint32_t) (peer_random(peer) >> 32);
    if (moment.parameters->mode != MODE_PUSH)
        arm(&moment);
}

static void epidemic_release(struct peer *peer)
{
    struct moment moment = moment_of(peer);
    epidemic_rumours_clear(&moment.state->first, &moment.shared->blocks);
    moment.state->rumour_count = 0;
}

static void epidemic_publish(struct peer *peer, uint32_t broadcast, uint32_t topic, uint32_t bytes)
{
    struct moment moment = moment_of(peer);
    if (bytes > EPIDEMIC_PAYLOAD_BYTES_MAX) {
        peer_log(peer, PEER_LOG_ERROR, "broadcast %u of %u bytes does not fit a datagram: not spread", broadcast, bytes);
        return;
    }
    struct epidemic_cursor cursor = known_rumours(&moment);
    if (epidemic_cursor_seek(&cursor, broadcast) != NULL)
        return;
    struct epidemic_rumour rumour = {
        .id = broadcast, .topic = topic, .published_ns = moment.now_ns, .bytes = (uint16_t) bytes,
    };
    (void) learn(&moment, &cursor, &rumour); /* a refusal is counted */
}

static void *epidemic_open(const void *parameters, uint32_t peer_count)
{
    (void) parameters;
    struct epidemic_shared *shared = malloc(sizeof(*shared));
    /* Reserved, not used: room for every peer to hold 160 rumours, or for a few to hold all that they may. */
    uint32_t blocks = UINT32_C(1) << 16;
    if (peer_count > blocks / 16)
        blocks = peer_count > UINT32_MAX / 16 ? UINT32_MAX - 1 : peer_count * 16;
    if (shared == NULL || base_slab_init(&shared->blocks, EPIDEMIC_BLOCK_BYTES(EPIDEMIC_BLOCK_RUMOURS), blocks) < 0) {
        free(shared);
        return NULL;
    }
    return shared;
}

static void epidemic_close(void *opened)
{
    struct epidemic_shared *shared = opened;
    base_slab_done(&shared->blocks);
    free(shared);
}

static size_t epidemic_state_bytes(const void *parameters)
{
    (void) parameters;
    return STATE_BYTES;
}

static const char *epidemic_check(struct peer *peer)
{
    struct moment moment = moment_of(peer);
    uint32_t count;
    const char *problem = epidemic_rumours_check(&moment.state->first, &moment.shared->blocks, &count);
    if (problem != NULL)
        return problem;
    if (count != moment.state->rumour_count)
        return "the number of rumours is not what was counted";
    if (!moment.state->armed && (moment.parameters->mode != MODE_PUSH || count > 0))
        return "no round is due";
    struct epidemic_cursor cursor = known_rumours(&moment);
    for (const struct epidemic_rumour *rumour; (rumour = epidemic_cursor_get(&cursor)) != NULL; cursor.index++) {
        if (rumour->published_ns > moment.now_ns)
            return "a rumour from the future";
    }
    return NULL;
}

static const struct overlay_ops epidemic_ops = {
    .abi = OVERLAY_ABI,
    .struct_bytes = sizeof(struct overlay_ops),
    .message_kinds = message_names,
    .message_kind_count = EPIDEMIC_MESSAGES,
    .timer_kinds = timer_kinds,
    .timer_kind_count = TIMERS,
    .metrics = metric_names,
    .metric_count = METRICS,
    .closeness = OVERLAY_NO_KEYS,
    .state_bytes = epidemic_state_bytes,
    .open = epidemic_open,
    .close = epidemic_close,
    .join = epidemic_join,
    .release = epidemic_release,
    .message = epidemic_message,
    .timer = epidemic_timer,
    .publish = epidemic_publish,
    .kind_of = epidemic_read_kind,
    .check = epidemic_check, /* prefetch: none; the state's one line is what is touched */
};

static const struct topology_parameter parameters[] = {
    {.key = "mode", .type = TOPOLOGY_NAME, .offset = offsetof(struct epidemic_parameters, mode),
     .default_text = "push-pull", .names = mode_names,
     .about = "Who tells in a call: the caller (push), the one called (pull), or both (push-pull)."},
    {.key = "fanout", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct epidemic_parameters, fanout),
     .default_text = "1", .minimum = "1", .maximum = "64", .about = "How many partners a peer calls in a round."},
    {.key = "period", .type = TOPOLOGY_DURATION, .offset = offsetof(struct epidemic_parameters, period_ns),
     .default_text = "1 s", .minimum = "1 us", .about = "How long a round is."},
    {.key = "rounds", .type = TOPOLOGY_NAME, .offset = offsetof(struct epidemic_parameters, rounds),
     .default_text = "synchronous", .names = rounds_names,
     .about = "Whether all peers act at the multiples of the period (synchronous) or each at a phase of its own."},
    {.key = "rounds_max", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct epidemic_parameters, rounds_max),
     .default_text = "64", .minimum = "1",
     .about = "How many rounds a rumour lives; an older one is neither told nor believed, and is forgotten."},
};

const struct topology_kind epidemic_kind = {
    .name = "epidemic",
    .summary = "rumours spread by push, pull or push-pull calls to uniform partners",
    .source = "Demers et al., PODC 1987; Karp, Schindelhauer, Shenker & Voecking, FOCS 2000",
    .parameters = parameters,
    .parameter_count = sizeof(parameters) / sizeof(parameters[0]),
    .parameters_bytes = sizeof(struct epidemic_parameters),
    .ops = &epidemic_ops,
};
