/* Epidemic rumour spreading among random partners: push, pull, or both in one exchange.
 *
 * A. Demers et al., "Epidemic algorithms for replicated database maintenance", PODC 1987; R. Karp, C. Schindelhauer,
 * S. Shenker, B. Voecking, "Randomized rumor spreading", FOCS 2000: the phone-call model. In every round each peer
 * calls `fanout` partners, drawn uniformly and independently from its neighbours in the initial graph, or from all other
 * peers where the scenario has none; up or not.
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
 * `own-timers`: each peer acts once a period at a phase of its own, uniform and drawn at its join, and tells at once
 * what it learnt; a rumour's round is its age in periods, rounded up. A message carries the instant of publication as a
 * timestamp (as Demers et al.'s database entries do), not a count of rounds: so time in flight counts, and every peer
 * sees a rumour die at the same instant.
 *
 * Termination by age, as Karp et al.'s: a rumour older than `rounds_max` rounds is told and believed by nobody and is
 * forgotten everywhere, which bounds memory and traffic by the rumours of the last rounds_max rounds. The default, 64,
 * reaches everybody at any size (push to 2^32 peers takes log2 n + ln n = 54). A peer holds at most
 * EPIDEMIC_RUMOURS_MAX rumours at a time and refuses further ones (metric refused_rumours).
 *
 * Deviation: Demers et al.'s loss of interest after useless contacts is left out, because it leaves a residue of peers
 * that never hear; age does not. */
#include <stdlib.h>

#include "sim/overlays/epidemic_peer.h"

static const char *const mode_names[] = {"push", "pull", "push-pull", NULL};
static const char *const rounds_names[] = {"synchronous", "own-timers", NULL};
static const char *const message_names[EPIDEMIC_MESSAGES] = {"push", "pull", "exchange", "answer"};
static const char *const metric_names[EPIDEMIC_METRICS] = {"first_copy_rounds", "answer_rumours", "refused_rumours"};
static const char *const table_names[] = {"neighbours"};
static const struct overlay_timer_kind timer_kinds[EPIDEMIC_TIMERS] = {{.name = "round", .periodic = true}};

static void epidemic_join(struct peer *peer, const struct peer_start *start)
{
    (void) start; /* partners are drawn anew for each call */
    struct epidemic_moment moment = epidemic_moment_of(peer);
    peer_graph_tell(peer, 0);
    moment.state->first.capacity = EPIDEMIC_INLINE_RUMOURS;
    if (moment.parameters->rounds == EPIDEMIC_OWN_TIMERS)
        moment.state->phase = (uint32_t) (peer_random(peer) >> 32);
    if (moment.parameters->mode != EPIDEMIC_MODE_PUSH)
        epidemic_arm(&moment);
}

static void epidemic_release(struct peer *peer)
{
    struct epidemic_moment moment = epidemic_moment_of(peer);
    epidemic_rumours_clear(&moment.state->first, &moment.shared->blocks);
    moment.state->rumour_count = 0;
}

static void epidemic_publish(struct peer *peer, uint32_t broadcast, uint32_t topic, uint32_t bytes)
{
    struct epidemic_moment moment = epidemic_moment_of(peer);
    if (bytes > EPIDEMIC_PAYLOAD_BYTES_MAX) {
        peer_log(peer, PEER_LOG_ERROR, "broadcast %u of %u bytes does not fit a datagram: not spread", broadcast,
                 bytes);
        return;
    }
    struct epidemic_cursor cursor = epidemic_known(&moment);
    if (epidemic_cursor_seek(&cursor, broadcast) != NULL)
        return;
    struct epidemic_rumour rumour = {
        .id = broadcast, .topic = topic, .published_ns = moment.now_ns, .bytes = (uint16_t) bytes,
    };
    (void) epidemic_learn(&moment, &cursor, &rumour); /* a refusal is counted */
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
    return EPIDEMIC_STATE_BYTES;
}

static const char *epidemic_check(struct peer *peer)
{
    struct epidemic_moment moment = epidemic_moment_of(peer);
    uint32_t count;
    const char *problem = epidemic_rumours_check(&moment.state->first, &moment.shared->blocks, &count);
    if (problem != NULL)
        return problem;
    if (count != moment.state->rumour_count)
        return "the number of rumours is not what was counted";
    if (!moment.state->armed && (moment.parameters->mode != EPIDEMIC_MODE_PUSH || count > 0))
        return "no round is due";
    struct epidemic_cursor cursor = epidemic_known(&moment);
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
    .timer_kind_count = EPIDEMIC_TIMERS,
    .neighbour_tables = table_names,
    .neighbour_table_count = 1,
    .metrics = metric_names,
    .metric_count = EPIDEMIC_METRICS,
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
     .default_text = "64", .minimum = "1", .maximum = "4294967295",
     .about = "How many rounds a rumour lives; an older one is neither told nor believed, and is forgotten."},
};

const struct topology_kind epidemic_kind = {
    .name = "epidemic",
    .summary = "rumours spread by push, pull or push-pull calls to random partners or neighbours",
    .source = "Demers et al., PODC 1987; Karp, Schindelhauer, Shenker & Voecking, FOCS 2000",
    .parameters = parameters,
    .parameter_count = sizeof(parameters) / sizeof(parameters[0]),
    .parameters_bytes = sizeof(struct epidemic_parameters),
    .ops = &epidemic_ops,
};
