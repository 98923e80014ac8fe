/* Churn by session and downtime: an alternating renewal process (Yao, Leonard, Wang & Loguinov, ICNP 2006).
 *
 * Each span is one draw, numbered, of the peer's stream. A stationary start finds the process as an observer at a
 * random instant would: up with probability E[session] / (E[session] + E[downtime]), with the life that remains of a
 * length-biased draw. */
#include <errno.h>

#include "sim/churn/churn.h"

#define SPANS (1u << BASE_EXPONENTIAL | 1u << BASE_WEIBULL | 1u << BASE_PARETO | 1u << BASE_LOGNORMAL | \
               1u << BASE_UNIFORM | 1u << BASE_CONSTANT)

struct session_parameters {
    struct base_distribution session, downtime;
};

enum { SESSION, DOWNTIME }; /* rows of the table below */

static const struct topology_parameter parameters[] = {
    [SESSION] = {
        .key = "session", .type = TOPOLOGY_DISTRIBUTION, .offset = offsetof(struct session_parameters, session),
        .distributions = SPANS, .about = "How long a peer stays each time it comes up.",
    },
    [DOWNTIME] = {
        .key = "downtime", .type = TOPOLOGY_DISTRIBUTION, .offset = offsetof(struct session_parameters, downtime),
        .distributions = SPANS, .about = "How long it then stays away.",
    },
};

struct session_model {
    const struct session_parameters *parameters;
    enum topology_churn_start start;
    double up_share; /* of a stationary start */
};

/* Streams of a peer's key. */
enum { START_DRAW, SPAN_STREAM = 0, RESIDUAL_STREAM = 1 };

static int check_mean(const struct topology_churn *churn, uint32_t row, double mean,
                      struct base_diagnostics *diagnostics)
{
    struct base_place place = churn->model.parameter_places[row];
    if (row == SESSION && !(mean > 0)) {
        base_diagnose(diagnostics, BASE_ERROR, place, NULL, "a session must last some time");
        return -EINVAL;
    }
    if (churn->start != TOPOLOGY_STATIONARY || mean <= __DBL_MAX__)
        return 0;
    base_diagnose(diagnostics, BASE_ERROR, place, "a Pareto distribution has a mean when its shape is above 1; "
                  "or say `start: up` or `start: down`", "a stationary start needs a %s with a finite mean",
                  parameters[row].key);
    return -EINVAL;
}

static int bind(const struct topology_churn *churn, uint32_t peer_count, struct base_arena *arena, const void **built,
                struct base_diagnostics *diagnostics)
{
    (void) peer_count;
    const struct session_parameters *chosen = churn->model.parameters;
    double session_mean = base_distribution_mean(&chosen->session);
    double downtime_mean = base_distribution_mean(&chosen->downtime);
    int session_result = check_mean(churn, SESSION, session_mean, diagnostics);
    int downtime_result = check_mean(churn, DOWNTIME, downtime_mean, diagnostics);
    if (session_result < 0 || downtime_result < 0)
        return -EINVAL;
    struct session_model *model = base_arena_take(arena, sizeof *model);
    *model = (struct session_model){
        .parameters = chosen, .start = churn->start, .up_share = session_mean / (session_mean + downtime_mean),
    };
    *built = model;
    return 0;
}

static bool starts_up(const struct session_model *model, uint64_t key)
{
    switch (model->start) {
    case TOPOLOGY_START_UP:
        return true;
    case TOPOLOGY_START_DOWN:
        return false;
    case TOPOLOGY_STATIONARY:
        break;
    }
    return base_random_unit(base_random_at(key, START_DRAW)) < model->up_share;
}

static struct churn_span span(const void *of, const struct churn_peer *peer, uint32_t number)
{
    const struct session_model *model = of;
    struct churn_span span = {.up = starts_up(model, peer->key) ^ (number & 1)};
    const struct base_distribution *from = span.up ? &model->parameters->session : &model->parameters->downtime;
    if (number == 0 && model->start == TOPOLOGY_STATIONARY)
        span.length_ns = base_distribution_residual(from, base_random_subkey(peer->key, RESIDUAL_STREAM));
    else
        span.length_ns = base_distribution_at(from, base_random_at(base_random_subkey(peer->key, SPAN_STREAM), number));
    if (span.up && span.length_ns == 0)
        span.length_ns = 1;
    return span;
}

static const struct churn_ops ops = {.bind = bind, .span = span};

const struct topology_kind churn_session = {
    .name = "session",
    .summary = "peers stay for a session and away for a downtime, again and again",
    .source = "Yao, Leonard, Wang & Loguinov, ICNP 2006",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct session_parameters),
    .ops = &ops,
};
