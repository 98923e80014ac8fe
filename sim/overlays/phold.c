/* PHOLD, the synthetic load by which parallel simulators are compared.
 *
 * R. M. Fujimoto, "Performance of Time Warp under synthetic workloads", SCS Multiconference on Distributed Simulation,
 * 1990. A fixed number of events goes round: each peer starts `pending` of them, and whoever receives one works on
 * `touched` octets of its state and sends it on to another peer, drawn uniformly. The time between is the network's
 * latency, where Fujimoto draws it from an exponential distribution.
 *
 * An event ends at a peer that is down, where the network loses it, and where there is nobody else. A peer that joins
 * starts `pending` new ones. Nothing doubles an event: a second copy in a row of the same one is refused, and so is one
 * whose check is wrong. Events never rest, so a latency of a microsecond means a million of each a second. */
#include "sim/overlays/phold.h"

#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "sim/overlay.h"
#include "sim/overlays/registry.h"

enum { EVENT, MESSAGES };
static const char *const message_names[MESSAGES] = {"event"};

struct event {
    uint32_t number, check;
};
_Static_assert(sizeof(struct event) == PHOLD_MESSAGE_BYTES, "as it goes on the wire");

static struct event event_read(const uint8_t bytes[PHOLD_MESSAGE_BYTES])
{
    struct event event;
    memcpy(&event, bytes, sizeof event);
    return (struct event){be32toh(event.number), be32toh(event.check)};
}

static void send_event(struct peer *peer, struct phold_state *state)
{
    peer_address to = peer_any(peer);
    if (to == PEER_ADDRESS_NONE)
        return;
    uint32_t number = ++state->number;
    struct peer_short event = {.words = {htobe64((uint64_t) number << 32 | (number ^ PHOLD_MAGIC))}};
    peer_send_short(peer, to, EVENT, &event, PHOLD_MESSAGE_BYTES);
}

static uint64_t word_count(const struct peer *peer)
{
    const struct phold_parameters *parameters = peer_parameters(peer);
    return (parameters->touched - offsetof(struct phold_state, words)) / sizeof(uint64_t);
}

static uint8_t phold_kind_of(const uint8_t *bytes, size_t length)
{
    if (length != PHOLD_MESSAGE_BYTES)
        return MESSAGES;
    struct event event = event_read(bytes);
    return event.check == (event.number ^ PHOLD_MAGIC) ? EVENT : MESSAGES;
}

/* Adds to every word: four at a time, so that a compiler makes them one addition without being asked to try harder. */
static void work(uint64_t *words, uint64_t count, uint64_t number)
{
    uint64_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (int lane = 0; lane < 4; lane++)
            words[i + (unsigned) lane] += number;
    for (; i < count; i++)
        words[i] += number;
}

static bool phold_message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    struct phold_state *state = peer_state(peer);
    if (phold_kind_of(bytes, length) == MESSAGES)
        return false;
    uint32_t number = event_read(bytes).number;
    if (number == state->last_number && from == state->last_from)
        return false;
    state->last_number = number;
    state->last_from = from;
    work(state->words, word_count(peer), number);
    send_event(peer, state);
    return true;
}

static void phold_join(struct peer *peer, const struct peer_start *start)
{
    (void) start;
    const struct phold_parameters *parameters = peer_parameters(peer);
    struct phold_state *state = peer_state(peer);
    /* Drawn, so that no event is taken for one of an earlier incarnation; and no protocol that captures are searched for
     * begins with 'P'. */
    state->number = (uint32_t) 'P' << 24 | (uint32_t) (peer_random(peer) >> 40);
    for (uint64_t i = 0; i < parameters->pending; i++)
        send_event(peer, state);
}

/* Whole words. */
static size_t phold_state_bytes(const void *parameters)
{
    return (size_t) ((const struct phold_parameters *) parameters)->touched / sizeof(uint64_t) * sizeof(uint64_t);
}

static const char *phold_check(struct peer *peer)
{
    const struct phold_state *state = peer_state(peer);
    for (uint64_t i = 1, count = word_count(peer); i < count; i++)
        if (state->words[i] != state->words[0])
            return "an event did not work on all of the state";
    return NULL;
}

static const struct overlay_ops ops = {
    .abi = OVERLAY_ABI,
    .struct_bytes = sizeof(struct overlay_ops),
    .message_kinds = message_names,
    .message_kind_count = MESSAGES,
    .closeness = OVERLAY_NO_KEYS,
    .state_bytes = phold_state_bytes,
    .join = phold_join,
    .message = phold_message,
    .kind_of = phold_kind_of,
    .check = phold_check, /* timer: none is armed */
};

#define PARAMETER(field) .offset = offsetof(struct phold_parameters, field)

static const struct topology_parameter parameters[] = {
    {.key = "pending", .type = TOPOLOGY_INTEGER, PARAMETER(pending), .default_text = "1", .minimum = "1",
     .maximum = "65536", .about = "How many events a peer starts when it joins."},
    {.key = "touched", .type = TOPOLOGY_BYTES, PARAMETER(touched), .default_text = "256 B", .minimum = "32 B",
     .maximum = "64 KiB", .about = "How much of a peer's state an event reads and writes, in whole words of 8 octets."},
};

const struct topology_kind phold_kind = {
    .name = "phold",
    .summary = "events that go round among uniform random peers, the benchmark of parallel simulators",
    .source = "Fujimoto, Performance of Time Warp under synthetic workloads, 1990",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct phold_parameters),
    .ops = &ops,
};
