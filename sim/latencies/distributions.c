/* Delays that follow a distribution and know nothing of the peers: constant, uniform, normal, lognormal, pareto.
 *
 * The decoded parameters are the model, but for uniform, which needs no more than two integers. Normal and lognormal are cut at their 0.1 % quantile: an uncut tail would reach
 * delays of a nanosecond, which no network has and which would leave parallel runs without lookahead. */
#include "reactor/base/exact_math.h"
#include "sim/latencies/latencies.h"

static uint64_t distribution_delay(const void *model, const struct network_ends *ends, uint64_t bits)
{
    const struct latency_distribution *parameters = model;
    (void) ends;
    return base_distribution_at(&parameters->delay, bits);
}

static uint64_t distribution_least(const void *model)
{
    const struct latency_distribution *parameters = model;
    return base_distribution_least(&parameters->delay);
}

static const struct latency_ops drawn_ops = {
    .delay = distribution_delay,
    .least = distribution_least,
    .draws = true,
};

static const struct latency_ops constant_ops = {
    .delay = distribution_delay,
    .least = distribution_least,
    .constant = true,
};

struct uniform_model {
    uint64_t least_ns, count; /* of the nanoseconds that can come out */
};

static int uniform_bind(const struct topology_choice *choice, const struct identity *identity, const void **model,
                        struct base_diagnostics *diagnostics)
{
    const struct latency_distribution *parameters = choice->parameters;
    struct uniform_model *uniform = base_arena_take(identity->arena, sizeof *uniform);
    (void) diagnostics;
    uniform->least_ns = base_exact_round(parameters->delay.a);
    uniform->count = base_exact_round(parameters->delay.b) - uniform->least_ns + 1;
    *model = uniform;
    return 0;
}

static uint64_t uniform_delay(const void *model, const struct network_ends *ends, uint64_t bits)
{
    const struct uniform_model *uniform = model;
    (void) ends;
    return uniform->least_ns + base_random_below(bits, uniform->count);
}

static uint64_t uniform_least(const void *model)
{
    const struct uniform_model *uniform = model;
    return uniform->least_ns;
}

static void uniform_range(const void *model, uint64_t *least_ns, uint64_t *delays)
{
    const struct uniform_model *uniform = model;
    *least_ns = uniform->least_ns;
    *delays = uniform->count;
}

static const struct latency_ops uniform_ops = {
    .bind = uniform_bind,
    .uniform = uniform_range,
    .delay = uniform_delay,
    .least = uniform_least,
    .draws = true,
};

/* One row: the kind's name is the distribution's, so `uniform: [10 ms, 90 ms]` is both. */
#define DISTRIBUTION_KIND(NAME, KIND, OPS, SUMMARY, SOURCE, ABOUT)                          \
    static const struct topology_parameter NAME##_parameters[] = {{                         \
        .key = "delay",                                                                     \
        .type = TOPOLOGY_DISTRIBUTION,                                                      \
        .offset = offsetof(struct latency_distribution, delay),                             \
        .distributions = 1u << (KIND),                                                      \
        .cut = (KIND) == BASE_NORMAL || (KIND) == BASE_LOGNORMAL,                           \
        .about = ABOUT,                                                                     \
    }};                                                                                     \
    const struct topology_kind latency_##NAME = {                                           \
        .name = #NAME,                                                                      \
        .summary = SUMMARY,                                                                 \
        .source = SOURCE,                                                                   \
        .parameters = NAME##_parameters,                                                    \
        .parameter_count = sizeof NAME##_parameters / sizeof *NAME##_parameters,            \
        .parameters_bytes = sizeof(struct latency_distribution),                            \
        .bare = "delay",                                                                    \
        .ops = &(OPS),                                                                      \
    }

DISTRIBUTION_KIND(constant, BASE_CONSTANT, constant_ops, "the same one-way delay between any two peers", "",
                  "One-way delay of every message.");
DISTRIBUTION_KIND(uniform, BASE_UNIFORM, uniform_ops, "one-way delays uniform between two bounds", "",
                  "Least and greatest one-way delay.");
DISTRIBUTION_KIND(normal, BASE_NORMAL, drawn_ops, "normal one-way delays, cut at their 0.1 % quantile", "",
                  "Mean and standard deviation of the one-way delay.");
DISTRIBUTION_KIND(lognormal, BASE_LOGNORMAL, drawn_ops, "lognormal one-way delays, cut at their 0.1 % quantile", "",
                  "Median of the one-way delay and sigma of its logarithm.");
DISTRIBUTION_KIND(pareto, BASE_PARETO, drawn_ops, "one-way delays with a least value and a heavy tail", "",
                  "Scale (the least one-way delay) and shape.");
