#include "reactor/base/distribution.h"

#include <math.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "reactor/base/exact_math.h"
#include "reactor/base/random.h"
#include "support.h"

/* Statistics on fixed draws: what passes once passes always, and chance cannot fail a build. */
enum { DRAWS = 40000 };
#define SEED 42
/* 0.1 % of true samples lie farther from their distribution function (Kolmogorov's limit law). */
#define DISTANCE_MAX (1.95 / 200 /* sqrt(DRAWS) */)

#define SECOND 1e9

static const struct base_distribution every_kind[] = {
    {.kind = BASE_CONSTANT, .a = 0.05 * SECOND},
    {.kind = BASE_UNIFORM, .a = 0.02 * SECOND, .b = 0.2 * SECOND},
    {.kind = BASE_NORMAL, .a = 0.05 * SECOND, .b = 0.01 * SECOND},
    {.kind = BASE_NORMAL, .a = 0.05 * SECOND, .b = 0.01 * SECOND, .cut = true},
    {.kind = BASE_LOGNORMAL, .a = 0.06 * SECOND, .b = 0.5},
    {.kind = BASE_LOGNORMAL, .a = 0.06 * SECOND, .b = 0.5, .cut = true},
    {.kind = BASE_PARETO, .a = 600 * SECOND, .b = 3.5},
    {.kind = BASE_EXPONENTIAL, .a = 3600 * SECOND},
    {.kind = BASE_WEIBULL, .a = 10170 * SECOND, .b = 0.615},
    {.kind = BASE_WEIBULL, .a = 100 * SECOND, .b = 3},
};
#define KIND_COUNT (sizeof(every_kind) / sizeof(every_kind[0]))

static double normal_below(double z)
{
    return 0.5 * erfc(-z * M_SQRT1_2);
}

static double cut_below(const struct base_distribution *distribution, double share)
{
    return !distribution->cut ? share : share <= 0.001 ? 0 : (share - 0.001) / 0.999;
}

/* The distribution functions, by libm and not by our own code. */
static double share_below(const struct base_distribution *distribution, double x)
{
    double a = distribution->a, b = distribution->b;
    switch (distribution->kind) {
    case BASE_CONSTANT:
        return x >= a;
    case BASE_UNIFORM:
        return x <= a ? 0 : x >= b ? 1 : (x - a) / (b - a);
    case BASE_NORMAL:
        return cut_below(distribution, normal_below((x - a) / b));
    case BASE_LOGNORMAL:
        return x <= 0 ? 0 : cut_below(distribution, normal_below(log(x / a) / b));
    case BASE_PARETO:
        return x <= a ? 0 : 1 - pow(a / x, b);
    case BASE_EXPONENTIAL:
        return 1 - exp(-x / a);
    case BASE_WEIBULL:
        return 1 - exp(-pow(x / a, b));
    }
    return NAN;
}

static int compare_spans(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return x < y ? -1 : x > y;
}

/* Kolmogorov's distance between the samples and a distribution function. */
static double distance(double *samples, double (*below)(const struct base_distribution *, double),
                       const struct base_distribution *distribution)
{
    qsort(samples, DRAWS, sizeof(*samples), compare_spans);
    double greatest = 0;
    for (int i = 0; i < DRAWS; i++) {
        double share = below(distribution, samples[i]);
        greatest = fmax(greatest, fmax(share - (double) i / DRAWS, (double) (i + 1) / DRAWS - share));
    }
    return greatest;
}

static void samples_follow_their_distribution_function(void **state)
{
    (void) state;
    static double samples[DRAWS];
    for (size_t kind = 1; kind < KIND_COUNT; kind++) { /* a constant has no continuous one */
        uint64_t key = base_random_subkey(SEED, kind);
        for (uint64_t i = 0; i < DRAWS; i++)
            samples[i] = (double) base_distribution_signed_at(&every_kind[kind], base_random_at(key, i));
        double found = distance(samples, share_below, &every_kind[kind]);
        if (found > DISTANCE_MAX)
            fail_msg("row %zu (%s) is %g off", kind, base_distribution_name(every_kind[kind].kind), found);
    }
}

static void assert_near(double got, double expected, double relative_error)
{
    if (!(fabs(got - expected) <= relative_error * fabs(expected)))
        fail_msg("%.12g is not near %.12g", got, expected);
}

static void mean_of_many_spans_is_the_formulas(void **state)
{
    (void) state;
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        const struct base_distribution *distribution = &every_kind[kind];
        if (distribution->kind == BASE_NORMAL)
            continue;
        uint64_t key = base_random_subkey(SEED, 100 + kind);
        double sum = 0, sum_of_squares = 0;
        for (uint64_t i = 0; i < DRAWS; i++) {
            double span = (double) base_distribution_at(distribution, base_random_at(key, i));
            sum += span;
            sum_of_squares += span * span;
        }
        double mean = sum / DRAWS, error = sqrt(fmax(0, sum_of_squares / DRAWS - mean * mean) / DRAWS);
        assert_true(fabs(mean - base_distribution_mean(distribution)) <= 3.5 * error + 1e-9 * mean);
    }
}

static void means_are_exact_where_a_formula_is_known(void **state)
{
    (void) state;
    struct base_distribution weibull = {.kind = BASE_WEIBULL, .a = 413.7, .b = 0.476};
    assert_near(base_distribution_mean(&weibull), 413.7 * tgamma(1 + 1 / 0.476), 1e-12);
    struct base_distribution lognormal = {.kind = BASE_LOGNORMAL, .a = 60, .b = 0.5};
    assert_near(base_distribution_mean(&lognormal), 60 * exp(0.125), 1e-14);
    struct base_distribution pareto = {.kind = BASE_PARETO, .a = 10, .b = 1.5};
    assert_near(base_distribution_mean(&pareto), 30, 1e-15);
    pareto.b = 1;
    assert_true(isinf(base_distribution_mean(&pareto)));
    struct base_distribution uniform = {.kind = BASE_UNIFORM, .a = 20, .b = 200};
    assert_near(base_distribution_mean(&uniform), 110, 1e-15);
}

static void more_bits_never_give_a_shorter_span(void **state)
{
    (void) state;
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        int64_t before = INT64_MIN;
        for (uint64_t i = 0; i < 50000; i++) {
            int64_t span = base_distribution_signed_at(&every_kind[kind], i * (UINT64_MAX / 50000));
            assert_true(span >= before);
            before = span;
        }
    }
}

static void no_span_is_below_the_least(void **state)
{
    (void) state;
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        uint64_t least = base_distribution_least(&every_kind[kind]), found = UINT64_MAX;
        for (uint64_t i = 0; i < 20000; i++) { /* the bottom of the range, bit by bit and in growing steps */
            uint64_t bits = i < 10000 ? i << 12 : (UINT64_C(1) << 26) * (i - 10000);
            uint64_t span = base_distribution_at(&every_kind[kind], bits);
            assert_true(span >= least);
            found = span < found ? span : found;
        }
        assert_true(found - least <= 1);
    }
}

static void least_is_what_each_kind_promises(void **state)
{
    (void) state;
    static const struct {
        struct base_distribution distribution;
        uint64_t least;
    } cases[] = {
        {{.kind = BASE_CONSTANT, .a = 5e7}, 50000000},
        {{.kind = BASE_UNIFORM, .a = 2e7, .b = 2e8}, 20000000},
        {{.kind = BASE_PARETO, .a = 6e11, .b = 1.1}, UINT64_C(600000000000)},
        {{.kind = BASE_EXPONENTIAL, .a = 1e9}, 0},
        {{.kind = BASE_WEIBULL, .a = 1e9, .b = 0.5}, 0},
        {{.kind = BASE_NORMAL, .a = 5e7, .b = 1e7, .cut = true}, 19097677}, /* mean - 3.0902323061678 deviations */
        {{.kind = BASE_NORMAL, .a = 2e6, .b = 1e6, .cut = true}, 0},
        {{.kind = BASE_LOGNORMAL, .a = 6e7, .b = 0.5, .cut = true}, 12797226},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(base_distribution_least(&cases[i].distribution), cases[i].least);
}

static void negative_spans_are_zero_or_keep_their_sign(void **state)
{
    (void) state;
    struct base_distribution jitter = {.kind = BASE_NORMAL, .a = 0, .b = 1e6};
    uint64_t key = base_random_key(SEED, "distribution_test", "jitter");
    int negative = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        int64_t span = base_distribution_signed_at(&jitter, base_random_at(key, i));
        assert_int_equal(base_distribution_at(&jitter, base_random_at(key, i)), span < 0 ? 0 : span);
        negative += span < 0;
    }
    assert_true(negative > 400 && negative < 600);
    struct base_distribution half = {.kind = BASE_CONSTANT, .a = -2.5};
    assert_int_equal(base_distribution_signed_at(&half, 0), -2);
    half.a = -2.75;
    assert_int_equal(base_distribution_signed_at(&half, 0), -3);
}

static void spans_beyond_64_bits_saturate(void **state)
{
    (void) state;
    struct base_distribution pareto = {.kind = BASE_PARETO, .a = 1e9, .b = 0.01};
    assert_int_equal(base_distribution_at(&pareto, UINT64_MAX), INT64_MAX);
    struct base_distribution lognormal = {.kind = BASE_LOGNORMAL, .a = 1e9, .b = 1000};
    assert_int_equal(base_distribution_at(&lognormal, UINT64_MAX), INT64_MAX);
    assert_int_equal(base_distribution_signed_at(&lognormal, UINT64_MAX), INT64_MAX);
    assert_int_equal(base_distribution_at(&lognormal, 0), 0);
    struct base_distribution normal = {.kind = BASE_NORMAL, .a = 0, .b = 1e30};
    assert_int_equal(base_distribution_signed_at(&normal, 0), -INT64_MAX);
}

/* Renewal theory: the residual life's density is (1 - F) / mean; integrated here by Simpson's rule from its point. */
static double residual_below(const struct base_distribution *distribution, double x)
{
    enum { STEPS = 100 };
    double sum = 0, width = sqrt(x) / STEPS; /* in sqrt(t), for the steep start of a Weibull below 1 */
    for (int i = 0; i <= STEPS; i++) {
        double root = i * width, weight = i == 0 || i == STEPS ? 1 : i % 2 == 1 ? 4 : 2;
        sum += weight * 2 * root * (1 - share_below(distribution, root * root));
    }
    return sum * width / 3 / base_distribution_mean(distribution);
}

static void residual_lives_are_those_of_a_stationary_process(void **state)
{
    (void) state;
    static double samples[DRAWS];
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        if (every_kind[kind].kind == BASE_NORMAL)
            continue;
        uint64_t key = base_random_subkey(SEED, 200 + kind);
        for (uint64_t i = 0; i < DRAWS; i++)
            samples[i] = (double) base_distribution_residual(&every_kind[kind], base_random_subkey(key, i));
        double found = distance(samples, residual_below, &every_kind[kind]);
        if (found > DISTANCE_MAX)
            fail_msg("row %zu (%s) is %g off", kind, base_distribution_name(every_kind[kind].kind), found);
    }
}

static void exponential_lives_forget_their_age(void **state)
{
    (void) state;
    static double samples[DRAWS];
    const struct base_distribution exponential = {.kind = BASE_EXPONENTIAL, .a = 3600 * SECOND};
    for (uint64_t i = 0; i < DRAWS; i++)
        samples[i] = (double) base_distribution_residual(&exponential, base_random_subkey(SEED, i));
    assert_true(distance(samples, share_below, &exponential) < DISTANCE_MAX);
}

static void ask_for_the_mean_of_a_normal(void)
{
    base_distribution_mean(&every_kind[2]);
}

static void ask_for_lives_without_a_mean(void)
{
    struct base_distribution pareto = {.kind = BASE_PARETO, .a = 1e9, .b = 1};
    base_distribution_residual(&pareto, 1);
}

static void what_the_header_excludes_is_our_mistake(void **state)
{
    (void) state;
    char output[512];
    assert_int_equal(run_in_child(ask_for_the_mean_of_a_normal, output, sizeof(output)), 70);
    assert_int_equal(run_in_child(ask_for_lives_without_a_mean, output, sizeof(output)), 70);
}

static void every_kind_has_the_name_scenarios_use(void **state)
{
    (void) state;
    static const char *const names[] = {"constant", "uniform", "normal", "lognormal", "pareto", "exponential",
                                        "weibull"};
    for (int kind = BASE_CONSTANT; kind <= BASE_WEIBULL; kind++)
        assert_string_equal(base_distribution_name((enum base_distribution_kind) kind), names[kind]);
}

/* Golden: these numbers are part of every recorded run; whatever changes them changes every digest. */
static void spans_never_change(void **state)
{
    (void) state;
    static const struct {
        int64_t span;
        uint64_t residual;
    } golden[KIND_COUNT] = {
        {INT64_C(50000000), UINT64_C(37078244)}, /* constant */
        {INT64_C(48783871), UINT64_C(60846524)}, /* uniform */
        {INT64_C(40051738), UINT64_C(0)}, /* normal */
        {INT64_C(40086218), UINT64_C(0)}, /* normal, cut */
        {INT64_C(36486103), UINT64_C(34741635)}, /* lognormal */
        {INT64_C(36549061), UINT64_C(34751545)}, /* lognormal, cut */
        {INT64_C(630626917475), UINT64_C(477056874588)}, /* pareto */
        {INT64_C(627288183676), UINT64_C(1826026214831)}, /* exponential */
        {INT64_C(593529437174), UINT64_C(8704189212121)}, /* weibull */
        {INT64_C(55854075618), UINT64_C(49565548078)}, /* weibull */
    };
    for (size_t kind = 0; kind < KIND_COUNT; kind++) {
        assert_int_equal(base_distribution_signed_at(&every_kind[kind], base_random_at(SEED, 1)), golden[kind].span);
        if (every_kind[kind].kind != BASE_NORMAL)
            assert_int_equal(base_distribution_residual(&every_kind[kind], SEED), golden[kind].residual);
    }
}

static void a_hundred_thousand_spans_never_change(void **state)
{
    (void) state;
    static int64_t spans[2 * KIND_COUNT][5000];
    for (size_t kind = 0; kind < KIND_COUNT; kind++)
        for (uint64_t i = 0; i < 5000; i++) {
            spans[2 * kind][i] = base_distribution_signed_at(&every_kind[kind], base_random_at(SEED, i));
            if (every_kind[kind].kind != BASE_NORMAL)
                spans[2 * kind + 1][i] =
                    (int64_t) base_distribution_residual(&every_kind[kind], base_random_subkey(SEED, i));
        }
    uint64_t hash = XXH3_64bits(spans, sizeof(spans));
    if (hash != UINT64_C(0xe7863c3479e581eb))
        fail_msg("the hash is 0x%016llx", (unsigned long long) hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_follow_their_distribution_function),
        cmocka_unit_test(mean_of_many_spans_is_the_formulas),
        cmocka_unit_test(means_are_exact_where_a_formula_is_known),
        cmocka_unit_test(more_bits_never_give_a_shorter_span),
        cmocka_unit_test(no_span_is_below_the_least),
        cmocka_unit_test(least_is_what_each_kind_promises),
        cmocka_unit_test(negative_spans_are_zero_or_keep_their_sign),
        cmocka_unit_test(spans_beyond_64_bits_saturate),
        cmocka_unit_test(residual_lives_are_those_of_a_stationary_process),
        cmocka_unit_test(exponential_lives_forget_their_age),
        cmocka_unit_test(what_the_header_excludes_is_our_mistake),
        cmocka_unit_test(every_kind_has_the_name_scenarios_use),
        cmocka_unit_test(spans_never_change),
        cmocka_unit_test(a_hundred_thousand_spans_never_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
