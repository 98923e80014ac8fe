#include "reactor/base/distribution.h"

#include "reactor/base/assert.h"
#include "reactor/base/exact_math.h"
#include "reactor/base/random.h"

/* Every sampler works from v = 1 - u, the share of values that lie above the one drawn: 1 - u is exact for base's
 * uniforms ((k + 1/2) / 2^52), and near 0, where the far tail is, v keeps all its digits. */
#define CUT_SHARE 0.001 /* of the normal and lognormal, below which nothing comes out when they are cut */

/* What rounding may take from a sample, in proportion to the numbers that it is made of; a generous bound. */
#define ROUNDING_SLACK 1e-13

static double share_above(uint64_t bits)
{
    return 1 - base_random_unit(bits);
}

static double standard_normal_at(const struct base_distribution *distribution, double v)
{
    double kept = distribution->cut ? 1 - CUT_SHARE : 1;
    return -base_exact_normal_quantile(kept * v);
}

static double span_at(const struct base_distribution *distribution, double v)
{
    double a = distribution->a, b = distribution->b;
    switch (distribution->kind) {
    case BASE_CONSTANT:
        return a;
    case BASE_UNIFORM:
        return a + (b - a) * (1 - v);
    case BASE_NORMAL:
        return a + b * standard_normal_at(distribution, v);
    case BASE_LOGNORMAL:
        return a * base_exact_exp(b * standard_normal_at(distribution, v));
    case BASE_PARETO:
        return a * base_exact_power(v, -1 / b);
    case BASE_EXPONENTIAL:
        return -a * base_exact_log(v);
    case BASE_WEIBULL:
        return a * base_exact_power(-base_exact_log(v), 1 / b);
    }
    base_never("a kind of distribution that is not in the list");
}

uint64_t base_distribution_at(const struct base_distribution *distribution, uint64_t bits)
{
    return base_exact_round(span_at(distribution, share_above(bits)));
}

int64_t base_distribution_signed_at(const struct base_distribution *distribution, uint64_t bits)
{
    double span = span_at(distribution, share_above(bits));
    if (span >= 0)
        return (int64_t) base_exact_round(span);
    /* Half up is half towards zero here: -2.5 is -2. */
    uint64_t magnitude = base_exact_round(-span);
    return -(int64_t) (magnitude - ((double) magnitude + span == 0.5));
}

uint64_t base_distribution_least(const struct base_distribution *distribution)
{
    double span = span_at(distribution, share_above(0));
    bool normal = distribution->kind == BASE_NORMAL || distribution->kind == BASE_LOGNORMAL;
    /* The other kinds are monotone to the last bit. Here a neighbour's rounding may come out lower by a few bits. */
    if (normal)
        span -= ROUNDING_SLACK * (distribution->a + (span < 0 ? -span : span));
    return base_exact_round(span);
}

static double gamma_of(double x)
{
    return base_exact_exp(base_exact_log_gamma(x));
}

static double lognormal_mean(const struct base_distribution *distribution)
{
    double sigma = distribution->b, mean = distribution->a * base_exact_exp(0.5 * sigma * sigma);
    if (!distribution->cut)
        return mean;
    double least = base_exact_normal_quantile(CUT_SHARE);
    return mean * base_exact_normal_below(sigma - least) / (1 - CUT_SHARE);
}

double base_distribution_mean(const struct base_distribution *distribution)
{
    double a = distribution->a, b = distribution->b;
    switch (distribution->kind) {
    case BASE_CONSTANT:
    case BASE_EXPONENTIAL:
        return a;
    case BASE_UNIFORM:
        return a + (b - a) / 2;
    case BASE_LOGNORMAL:
        return lognormal_mean(distribution);
    case BASE_PARETO:
        return b > 1 ? a * b / (b - 1) : __builtin_inf();
    case BASE_WEIBULL:
        return a * gamma_of(1 + 1 / b);
    case BASE_NORMAL:
        break; /* its cut at zero, if any, is the caller's */
    }
    base_never("the mean of a normal");
}

/* A gamma variate of shape alpha >= 1 and scale 1 from draws 1, 2, ... of key (Marsaglia & Tsang, "A Simple Method for
 * Generating Gamma Variables", ACM TOMS 26, 2000): over 95 % of the tries are taken. */
static double gamma_variate(double alpha, uint64_t key)
{
    double d = alpha - 1.0 / 3, c = 1 / __builtin_sqrt(9 * d);
    for (uint64_t draw = 1;; draw += 2) {
        double normal = base_exact_normal_quantile(base_random_unit(base_random_at(key, draw)));
        double root = 1 + c * normal, cube = root * root * root;
        if (!(cube > 0))
            continue;
        double log_u = base_exact_log(base_random_unit(base_random_at(key, draw + 1)));
        if (log_u < 0.5 * normal * normal + d - d * cube + d * base_exact_log(cube))
            return d * cube;
    }
}

/* Weighting a lognormal by its value shifts its normal by sigma; so does it the cut, seen from the shifted one. */
static double length_biased_lognormal(const struct base_distribution *distribution, double v)
{
    double sigma = distribution->b;
    double cut_at = base_exact_normal_quantile(CUT_SHARE) - sigma;
    double kept = distribution->cut ? base_exact_normal_below(-cut_at) : 1;
    return distribution->a * base_exact_exp(sigma * (sigma - base_exact_normal_quantile(kept * v)));
}

/* A span drawn in proportion to its length: what an inspector finds running (the inspection paradox). */
static double length_biased(const struct base_distribution *distribution, uint64_t key)
{
    double a = distribution->a, b = distribution->b, v = share_above(base_random_at(key, 1));
    switch (distribution->kind) {
    case BASE_CONSTANT:
        return a;
    case BASE_UNIFORM:
        return __builtin_sqrt(a * a + (1 - v) * (b - a) * (b + a));
    case BASE_LOGNORMAL:
        return length_biased_lognormal(distribution, v);
    case BASE_PARETO: /* one power of t more in the density: shape - 1 */
        base_assert(b > 1);
        return a * base_exact_power(v, -1 / (b - 1));
    case BASE_EXPONENTIAL:
        return a * gamma_variate(2, key);
    case BASE_WEIBULL: /* (t / scale)^shape, exponential before the weighting, becomes a gamma variate */
        return a * base_exact_power(gamma_variate(1 + 1 / b, key), 1 / b);
    case BASE_NORMAL:
        break; /* spans below zero have no length */
    }
    base_never("the residual life of a normal");
}

uint64_t base_distribution_residual(const struct base_distribution *distribution, uint64_t key)
{
    return base_exact_round(base_random_unit(base_random_at(key, 0)) * length_biased(distribution, key));
}

const char *base_distribution_name(enum base_distribution_kind kind)
{
    static const char *const names[] = {
        [BASE_CONSTANT] = "constant",       [BASE_UNIFORM] = "uniform", [BASE_NORMAL] = "normal",
        [BASE_LOGNORMAL] = "lognormal",     [BASE_PARETO] = "pareto",   [BASE_EXPONENTIAL] = "exponential",
        [BASE_WEIBULL] = "weibull",
    };
    base_assert((unsigned) kind < sizeof(names) / sizeof(names[0]));
    return names[kind];
}
