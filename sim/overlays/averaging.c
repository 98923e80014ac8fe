/* Gossip-based averaging: every peer holds a number, and all come to hold the mean of them.
 *
 * M. Jelasity, A. Montresor, O. Babaoglu, "Gossip-based aggregation in large dynamic networks", ACM Transactions on
 * Computer Systems 23(3), 2005: push-pull. Once a period, at a phase of its own, each peer asks one of its neighbours,
 * drawn uniformly; both then hold the mean of the two. In the paper's model, where an exchange takes no time, the
 * variance over all peers falls to 1 / (2 sqrt e) = .3033 of itself a period.
 *
 * Neighbours are `neighbours` peers drawn at the join, uniformly from all, up or not, one perhaps twice; or those in
 * the scenario's initial graph. They stay the same.
 *
 * Messages take time, so exchanges overlap, and if both simply took the mean of what they hold and what they are told,
 * what others had changed meanwhile would be counted twice or not at all: the mean itself would drift. The paper has a
 * peer refuse exchanges while it awaits an answer, which costs some. Here the answer is the difference instead: the one
 * asked adds half the difference to its value and the asker, on hearing it, takes the same from what it has by then.
 * So the sum of all values and of the differences in flight never changes, to the last unit: halves are rounded towards
 * zero once, for both. An exchange that nothing overlaps leaves both with the mean.
 *
 * What changes the sum: a lost answer (one gave and the other did not take; the paper's section on message loss), an
 * answer that comes after the next question, a crash and a join. A lost question changes nothing. Who leaves tells
 * nobody; the paper restarts the protocol every so often, which is left out. An answer counts once, from the one who
 * was asked, under the exchange's number; who is asked believes the asker. */
#include "sim/overlays/averaging.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "sim/overlay.h"
#include "sim/overlays/registry.h"

static const char *const message_names[AVERAGING_MESSAGES] = {"ask", "answer"};
static const struct overlay_timer_kind timer_kinds[AVERAGING_TIMERS] = {{"exchange", true}, {"measure", true}};
static const char *const table_names[] = {"neighbours"};
static const char *const metric_names[] = {"value_billionths"};
static const char *const initial_names[] = {"uniform", "peak", NULL};

/* --- messages --- */

static void send_value(struct peer *peer, peer_address to, enum averaging_message kind, uint16_t exchange,
                       int64_t value)
{
    uint64_t head = (uint64_t) AVERAGING_MAGIC << 56 | (uint64_t) kind << 48 | (uint64_t) exchange << 32;
    struct peer_short said = {.words = {htobe64(head | (uint64_t) value >> 32), htobe64((uint64_t) value << 32)}};
    peer_send_short(peer, to, (uint8_t) kind, &said, AVERAGING_MESSAGE_BYTES);
}

static uint8_t averaging_kind_of(const uint8_t *bytes, size_t length)
{
    bool ours = length == AVERAGING_MESSAGE_BYTES && bytes[0] == AVERAGING_MAGIC && bytes[1] < AVERAGING_MESSAGES;
    return ours ? bytes[1] : AVERAGING_MESSAGES;
}

static bool is_value(int64_t value)
{
    return value >= -AVERAGING_MOST && value <= AVERAGING_MOST;
}

static bool averaging_message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    struct averaging_state *state = peer_state(peer);
    uint8_t kind = averaging_kind_of(bytes, length);
    uint16_t exchange;
    uint64_t wire_value;
    if (kind == AVERAGING_MESSAGES)
        return false;
    memcpy(&exchange, bytes + 2, sizeof exchange);
    memcpy(&wire_value, bytes + 4, sizeof wire_value);
    exchange = be16toh(exchange);
    int64_t value = (int64_t) be64toh(wire_value);
    if (!is_value(value))
        return false;
    if (kind == AVERAGING_ASK) {
        int64_t half = (value - state->value) / 2;
        state->value += half;
        send_value(peer, from, AVERAGING_ANSWER, exchange, half);
        return true;
    }
    if (from != state->asked || exchange != state->exchange)
        return true; /* too late, or to an earlier incarnation */
    if (!is_value(state->value - value))
        return false;
    state->value -= value;
    state->asked = PEER_ADDRESS_NONE;
    return true;
}

/* --- timers --- */

static peer_address draw_partner(struct peer *peer, const struct averaging_state *state)
{
    const struct averaging_parameters *parameters = peer_parameters(peer);
    if (!peer_has_graph(peer))
        return state->neighbours[peer_random_below(peer, parameters->neighbours)];
    uint32_t degree = peer_graph_degree(peer);
    return degree ? peer_graph_neighbour(peer, (uint32_t) peer_random_below(peer, degree)) : PEER_ADDRESS_NONE;
}

static void exchange(struct peer *peer)
{
    const struct averaging_parameters *parameters = peer_parameters(peer);
    struct averaging_state *state = peer_state(peer);
    peer_after(peer, AVERAGING_TIMER_EXCHANGE, parameters->period_ns, 0);
    state->asked = draw_partner(peer, state);
    if (state->asked != PEER_ADDRESS_NONE)
        send_value(peer, state->asked, AVERAGING_ASK, ++state->exchange, state->value);
}

static void measure(struct peer *peer)
{
    const struct averaging_state *state = peer_state(peer);
    peer_metric(peer, 0, state->value > 0 ? (uint64_t) state->value : 0);
}

/* The next multiple of the interval, the same instant for all. */
static void arm_measure(struct peer *peer)
{
    uint64_t interval_ns = ((const struct averaging_parameters *) peer_parameters(peer))->measure_ns;
    peer_after(peer, AVERAGING_TIMER_MEASURE, interval_ns - peer_now_ns(peer) % interval_ns, 0);
}

static void averaging_timer(struct peer *peer, uint8_t kind, uint32_t data)
{
    (void) data;
    if (kind == AVERAGING_TIMER_EXCHANGE) {
        exchange(peer);
    } else {
        measure(peer);
        arm_measure(peer);
    }
}

/* --- a peer's life --- */

static int64_t initial_value(struct peer *peer, const struct peer_start *start)
{
    const struct averaging_parameters *parameters = peer_parameters(peer);
    if (parameters->initial == AVERAGING_UNIFORM)
        return (int64_t) peer_random_below(peer, AVERAGING_ONE);
    bool peak = start->converged && peer_census_rank(peer) == 0;
    return peak ? AVERAGING_ONE * (int64_t) peer_census_count(peer) : 0;
}

static void draw_neighbours(struct peer *peer, struct averaging_state *state)
{
    const struct averaging_parameters *parameters = peer_parameters(peer);
    for (uint64_t i = 0; i < parameters->neighbours; i++) {
        peer_address neighbour = peer_any(peer);
        if (neighbour == PEER_ADDRESS_NONE)
            return; /* alone: there is nobody to ask, now or later */
        state->neighbours[i] = neighbour;
        peer_neighbour(peer, 0, neighbour, true);
    }
}

static void averaging_join(struct peer *peer, const struct peer_start *start)
{
    const struct averaging_parameters *parameters = peer_parameters(peer);
    struct averaging_state *state = peer_state(peer);
    state->value = initial_value(peer, start);
    if (peer_has_graph(peer))
        peer_graph_tell(peer, 0);
    else
        draw_neighbours(peer, state);
    peer_after(peer, AVERAGING_TIMER_EXCHANGE, peer_random_below(peer, parameters->period_ns), 0);
    if (parameters->measure_ns == 0)
        return;
    if (peer_now_ns(peer) == 0)
        measure(peer);
    arm_measure(peer);
}

static size_t averaging_state_bytes(const void *parameters)
{
    const struct averaging_parameters *p = parameters;
    return offsetof(struct averaging_state, neighbours) + (size_t) p->neighbours * sizeof(peer_address);
}

/* The peak is found by the order of ids, which the engine makes for a converged start only. */
static bool averaging_starts_converged(const void *parameters)
{
    return ((const struct averaging_parameters *) parameters)->initial == AVERAGING_PEAK;
}

static const char *averaging_check(struct peer *peer)
{
    const struct averaging_parameters *parameters = peer_parameters(peer);
    const struct averaging_state *state = peer_state(peer);
    if (!is_value(state->value))
        return "a value out of its range";
    if (state->asked == PEER_ADDRESS_NONE || peer_has_graph(peer))
        return NULL;
    for (uint64_t i = 0; i < parameters->neighbours; i++)
        if (state->neighbours[i] == state->asked)
            return NULL;
    return "asked somebody who is no neighbour";
}

static size_t averaging_message_touches(const void *parameters)
{
    (void) parameters;
    return offsetof(struct averaging_state, neighbours);
}

static const struct overlay_ops ops = {
    .abi = OVERLAY_ABI,
    .struct_bytes = sizeof(struct overlay_ops),
    .message_kinds = message_names,
    .message_kind_count = AVERAGING_MESSAGES,
    .timer_kinds = timer_kinds,
    .timer_kind_count = AVERAGING_TIMERS,
    .neighbour_tables = table_names,
    .neighbour_table_count = 1,
    .metrics = metric_names,
    .metric_count = 1,
    .closeness = OVERLAY_NO_KEYS,
    .state_bytes = averaging_state_bytes,
    .starts_converged = averaging_starts_converged,
    .join = averaging_join,
    .message = averaging_message,
    .timer = averaging_timer,
    .kind_of = averaging_kind_of,
    .message_touches = averaging_message_touches,
    .check = averaging_check,
};

#define PARAMETER(field) .offset = offsetof(struct averaging_parameters, field)

static const struct topology_parameter parameters[] = {
    {.key = "period", .type = TOPOLOGY_DURATION, PARAMETER(period_ns), .default_text = "10 s", .minimum = "1 us",
     .about = "How often a peer asks a neighbour, at a phase of its own."},
    {.key = "neighbours", .type = TOPOLOGY_INTEGER, PARAMETER(neighbours), .default_text = "20", .minimum = "1",
     .maximum = "1000", .about = "How many peers, drawn at its join, a peer knows where there is no initial_graph."},
    {.key = "initial", .type = TOPOLOGY_NAME, PARAMETER(initial), .default_text = "uniform", .names = initial_names,
     .about = "Values at the start: uniform in [0, 1), or one peer holds the number of peers and the others 0."},
    {.key = "measure", .type = TOPOLOGY_DURATION, PARAMETER(measure_ns), .default_text = "0 s", .minimum = "0 s",
     .about = "How often all values are taken as a metric, all at one instant; 0 s: never."},
};

const struct topology_kind averaging_kind = {
    .name = "averaging",
    .summary = "push-pull gossip with fixed neighbours until all hold the mean of all values",
    .source = "Jelasity, Montresor & Babaoglu, ACM Transactions on Computer Systems 23(3), 2005",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct averaging_parameters),
    .ops = &ops,
};
