#include "sim/network.h"

#include <errno.h>
#include <stdlib.h>

#include "reactor/base/assert.h"
#include "sim/faults/schedule.h"

const char *const network_fate_names[NETWORK_FATES] = {
    [NETWORK_DELIVERED] = "delivered",     [NETWORK_IN_FLIGHT] = "in_flight",   [NETWORK_LOSS] = "loss",
    [NETWORK_PARTITION] = "partition",     [NETWORK_TARGET_DOWN] = "target_down", [NETWORK_NO_ROUTE] = "no_route",
    [NETWORK_QUEUE_FULL] = "queue_full",   [NETWORK_TOO_LARGE] = "too_large",   [NETWORK_MALFORMED] = "malformed",
};

struct network {
    struct network_quick quick; /* first: see network.h */
    struct fault_schedule schedule;
    const struct identity *identity;
    const struct latency_ops *latency;
    const void *model;
    uint64_t constant_ns;  /* between any two peers while no fault acts; 0: it has to be worked out */
    uint64_t latency_key, jitter_key, loss_key;
    uint32_t loss_ppb;
    bool per_message, has_jitter, disturbs; /* disturbs: there is jitter or loss */
    struct base_distribution jitter;
    struct base_arena *arena;
};

static uint64_t at_least_1(uint64_t delay_ns)
{
    return delay_ns + (delay_ns == 0);
}

static int bind_latency(struct network *network, struct base_diagnostics *diagnostics)
{
    const struct topology_choice *choice = &network->identity->scenario->network.latency;
    network->latency = choice->kind->ops;
    network->model = choice->parameters;
    return network->latency->bind ? network->latency->bind(choice, network->identity, &network->model, diagnostics) : 0;
}

static void set_draws(struct network *network, const struct scenario *scenario)
{
    const struct topology_network *settings = &scenario->network;
    network->latency_key = base_random_key(scenario->seed, "latency", "");
    network->jitter_key = base_random_key(scenario->seed, "jitter", "");
    network->loss_key = base_random_key(scenario->seed, "loss", "");
    network->loss_ppb = settings->loss_ppb;
    network->per_message = settings->latency_per_message;
    network->has_jitter = settings->has_jitter;
    network->jitter = settings->jitter;
    network->disturbs = settings->has_jitter || settings->loss_ppb > 0;
}

/* Delays of 0 are left to network_delay, which makes them 1. */
static void set_quick_draws(struct network *network)
{
    struct network_quick *quick = &network->quick;
    network->latency->uniform(network->model, &quick->least_ns, &quick->delays);
    quick->latency_key = network->latency_key;
    quick->group_key = network->identity->group_key[0];
    if (quick->least_ns == 0)
        quick->delays = 0;
}

static void set_quick(struct network *network)
{
    const struct fault_schedule *schedule = &network->schedule;
    bool plain = schedule->active_count == 0 && !network->disturbs;
    network->quick.delay_ns = plain ? network->constant_ns : 0;
    network->quick.until_ns = plain ? schedule->boundary_ns : 0;
}

int network_create(struct network **result, const struct identity *identity, struct base_diagnostics *diagnostics)
{
    struct network *network = calloc(1, sizeof *network);
    if (!network)
        return -ENOMEM;
    network->identity = identity;
    network->arena = base_arena_create();
    set_draws(network, identity->scenario);
    int latency_bound = bind_latency(network, diagnostics);
    int faults_bound = fault_schedule_build(&network->schedule, identity->scenario, network->arena, diagnostics);
    if (latency_bound < 0 || faults_bound < 0) {
        network_free(network);
        return latency_bound < 0 ? latency_bound : faults_bound;
    }
    if (network->latency->constant && !network->disturbs)
        network->constant_ns = at_least_1(network->latency->least(network->model));
    if (network->latency->uniform && network->per_message && identity->group_count == 1)
        set_quick_draws(network);
    set_quick(network);
    *result = network;
    return 0;
}

void network_free(struct network *network)
{
    if (!network)
        return;
    base_arena_free(network->arena);
    free(network);
}

/* The random keys of the two ends: computed from group and index, so that the target's memory stays untouched. */
struct end_keys {
    uint64_t from, to;
};

static inline struct end_keys keys_of(const struct network *network, const struct network_ends *ends)
{
    return (struct end_keys) {
        .from = identity_key(network->identity, ends->from_group, ends->from),
        .to = identity_key(network->identity, ends->to_group, ends->to),
    };
}

/* The same in both directions, hence the sum. */
static uint64_t pair_bits(uint64_t purpose_key, struct end_keys keys)
{
    return base_random_mix((keys.from + keys.to) ^ purpose_key);
}

/* What tells a peer from others here: not random by itself, but made so below. */
static inline uint64_t mark_of(const struct network *network, uint32_t group, uint32_t peer, uint64_t step)
{
    const struct identity *identity = network->identity;
    return identity->group_key[group] + (peer - identity->scenario->groups[group].first + 1) * step;
}

static uint64_t message_bits(const struct network *network, uint64_t purpose_key, const struct network_ends *ends,
                             uint32_t count)
{
    uint64_t from = mark_of(network, ends->from_group, ends->from, NETWORK_FROM_STEP);
    uint64_t to = mark_of(network, ends->to_group, ends->to, NETWORK_TO_STEP);
    return network_bits(purpose_key, from, to, count);
}

uint64_t network_delay(const struct network *network, const struct network_ends *ends, uint32_t count)
{
    uint64_t bits = 0;
    if (network->latency->draws) {
        bits = network->per_message ? message_bits(network, network->latency_key, ends, count)
                                    : pair_bits(network->latency_key, keys_of(network, ends));
    }
    return at_least_1(network->latency->delay(network->model, ends, bits));
}

/* Jitter may take a delay down to half of it, halves up, and never to 0. */
static uint64_t with_jitter(uint64_t delay_ns, int64_t jitter_ns)
{
    uint64_t least_ns = delay_ns - delay_ns / 2;
    if (jitter_ns >= 0)
        return delay_ns > INT64_MAX - (uint64_t) jitter_ns ? INT64_MAX : delay_ns + (uint64_t) jitter_ns;
    uint64_t less_ns = -(uint64_t) jitter_ns;
    return less_ns > delay_ns - least_ns ? least_ns : delay_ns - less_ns;
}

static uint64_t with_effect(uint64_t delay_ns, const struct network_effect *effect)
{
    if (effect->delay_ppm != 1000000)
        delay_ns = at_least_1(fault_scale(delay_ns, effect->delay_ppm));
    return delay_ns > INT64_MAX - effect->delay_add_ns ? INT64_MAX : delay_ns + effect->delay_add_ns;
}

/* With jitter, loss or faults. Loss is drawn from the same bits whatever its level: raising it loses more, not others. */
static struct network_verdict disturbed(const struct network *network, const struct network_ends *ends, uint32_t count)
{
    struct network_effect effect = fault_schedule_effect(&network->schedule, ends);
    if (effect.blocked)
        return (struct network_verdict) {.fate = NETWORK_PARTITION};
    uint64_t loss_ppb = (uint64_t) network->loss_ppb + effect.loss_ppb;
    uint32_t bounded_ppb = loss_ppb < 1000000000 ? (uint32_t) loss_ppb : 1000000000;
    if (bounded_ppb > 0 && base_random_chance(message_bits(network, network->loss_key, ends, count), bounded_ppb))
        return (struct network_verdict) {.fate = NETWORK_LOSS};
    uint64_t delay_ns = network_delay(network, ends, count);
    if (network->has_jitter) {
        uint64_t bits = message_bits(network, network->jitter_key, ends, count);
        delay_ns = with_jitter(delay_ns, base_distribution_signed_at(&network->jitter, bits));
    }
    return (struct network_verdict) {.delay_ns = with_effect(delay_ns, &effect), .fate = NETWORK_IN_FLIGHT};
}

__attribute__((noinline, cold)) void network_advance(struct network *network, uint64_t now_ns)
{
    fault_schedule_advance(&network->schedule, now_ns);
    set_quick(network);
}

uint64_t network_boundary_ns(const struct network *network)
{
    return network->schedule.boundary_ns;
}

struct network_verdict network_send(struct network *network, const struct network_ends *ends, uint64_t now_ns,
                                    uint32_t count, uint32_t bytes)
{
    (void) bytes; /* for the access links */
    if (__builtin_expect(now_ns >= network->schedule.boundary_ns, 0))
        network_advance(network, now_ns);
    if (__builtin_expect(ends->from == ends->to, 0))
        return (struct network_verdict) {.fate = NETWORK_IN_FLIGHT};
    if (network->quick.delay_ns > 0)
        return (struct network_verdict) {.delay_ns = network->quick.delay_ns, .fate = NETWORK_IN_FLIGHT};
    if (network->disturbs || network->schedule.active_count > 0)
        return disturbed(network, ends, count);
    return (struct network_verdict) {.delay_ns = network_delay(network, ends, count), .fate = NETWORK_IN_FLIGHT};
}

enum network_fate network_arrive(struct network *network, const struct network_ends *ends, uint64_t now_ns)
{
    if (__builtin_expect(now_ns >= network->schedule.boundary_ns, 0))
        network_advance(network, now_ns);
    if (network->schedule.active_count == 0 || ends->from == ends->to)
        return NETWORK_DELIVERED;
    return fault_schedule_effect(&network->schedule, ends).blocked ? NETWORK_PARTITION : NETWORK_DELIVERED;
}

uint64_t network_least_delay_ns(const struct network *network)
{
    uint64_t least_ns = at_least_1(network->latency->least(network->model));
    if (network->has_jitter) {
        int64_t jitter_ns = base_distribution_signed_at(&network->jitter, 0);
        /* A neighbouring draw's rounding may come out lower by a few last bits of a double. */
        if (jitter_ns < 0)
            least_ns = with_jitter(least_ns, jitter_ns - 1 + jitter_ns / (INT64_C(1) << 40));
    }
    return at_least_1(fault_scale(least_ns, fault_schedule_least_ppm(&network->schedule)));
}
