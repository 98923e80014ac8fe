/* Distributions of spans of time, sampled by inversion in exact arithmetic: one draw of 64 bits, one span.
 *
 * Spans are in nanoseconds, rounded half up, saturated at INT64_MAX. A distribution is a plain value (no pointers). */
#ifndef REACTOR_BASE_DISTRIBUTION_H
#define REACTOR_BASE_DISTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

enum base_distribution_kind {
    BASE_CONSTANT,    /* a: the span */
    BASE_UNIFORM,     /* a, b: least and greatest */
    BASE_NORMAL,      /* a: mean, b: standard deviation */
    BASE_LOGNORMAL,   /* a: median, b: sigma of the logarithm */
    BASE_PARETO,      /* a: scale (the least span), b: shape */
    BASE_EXPONENTIAL, /* a: mean */
    BASE_WEIBULL,     /* a: scale, b: shape; F(t) = 1 - exp(-(t / scale)^shape) */
};

struct base_distribution {
    enum base_distribution_kind kind;
    bool cut;    /* normal and lognormal: truncated below their 0.1 % quantile (drawn from what is above it) */
    double a, b; /* nanoseconds and pure numbers, by kind */
};

/* The span for 64 uniform bits; monotone in them, up to the last bit. Normal may be below 0: the unsigned form makes
 * that 0, the signed one keeps it. */
uint64_t base_distribution_at(const struct base_distribution *distribution, uint64_t bits);
int64_t base_distribution_signed_at(const struct base_distribution *distribution, uint64_t bits);

/* No span below it can come out: exact but for normal and lognormal, where it may be 1 ns low. */
uint64_t base_distribution_least(const struct base_distribution *distribution);

/* The mean in ns; INFINITY where there is none (Pareto with shape <= 1). Not for normal. */
double base_distribution_mean(const struct base_distribution *distribution);

/* The life that remains at a random instant of a stationary renewal process: a uniform share of a length-biased draw.
 * Uses draws key/0, key/1, ... of a stream of its own. Not for normal; the mean must be finite. */
uint64_t base_distribution_residual(const struct base_distribution *distribution, uint64_t key);

const char *base_distribution_name(enum base_distribution_kind kind); /* "weibull" */

#endif
