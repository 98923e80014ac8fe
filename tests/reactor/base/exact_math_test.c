#include "reactor/base/exact_math.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "reactor/base/random.h"
#include "support.h"

enum { POINTS = 100000 };

/* Uniform between least and greatest. */
static double point_at(uint64_t key, uint64_t i, double least, double greatest)
{
    return least + (greatest - least) * base_random_unit(base_random_at(key, i));
}

static void assert_near(const char *what, double x, double got, double expected, double error)
{
    if (!(fabs(got - expected) <= error))
        fail_msg("%s(%.17g) = %.17g, not %.17g (%.3g off, %.3g allowed)", what, x, got, expected, fabs(got - expected),
                 error);
}

static void log_agrees_with_libm(void **state)
{
    (void) state;
    uint64_t key = base_random_key(test_seed(), "exact_math", "log");
    for (uint64_t i = 0; i < POINTS; i++) {
        double near = point_at(key, 3 * i, 0.4, 3), any = exp(point_at(key, 3 * i + 1, -700, 700));
        double close = 1 + point_at(key, 3 * i + 2, -1e-6, 1e-6); /* where 1 + x hides what is small */
        assert_near("log", near, base_exact_log(near), log(near), 5e-16 * fabs(log(near)));
        assert_near("log", any, base_exact_log(any), log(any), 5e-16 * fabs(log(any)));
        assert_near("log", close, base_exact_log(close), log(close), 5e-16 * fabs(log(close)));
    }
    static const double ends[] = {DBL_TRUE_MIN, DBL_MIN, DBL_MIN / 3, DBL_MAX, 0.5, 2, M_SQRT1_2, M_SQRT2};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        assert_near("log", ends[i], base_exact_log(ends[i]), log(ends[i]), 5e-16 * fabs(log(ends[i])));
    assert_true(base_exact_log(1) == 0);
}

static void exp_agrees_with_libm(void **state)
{
    (void) state;
    uint64_t key = base_random_key(test_seed(), "exact_math", "exp");
    for (uint64_t i = 0; i < POINTS; i++) {
        double near = point_at(key, 2 * i, -1, 1), any = point_at(key, 2 * i + 1, -708, 709.7);
        assert_near("exp", near, base_exact_exp(near), exp(near), 5e-16 * exp(near));
        assert_near("exp", any, base_exact_exp(any), exp(any), 5e-16 * exp(any));
    }
    assert_near("exp", -740, base_exact_exp(-740), exp(-740), DBL_TRUE_MIN); /* subnormal: one unit */
    assert_true(base_exact_exp(0) == 1);
    assert_near("exp", 709.782712893383, base_exact_exp(709.782712893383), exp(709.782712893383), 1e293);
}

static void power_agrees_with_libm(void **state)
{
    (void) state;
    uint64_t key = base_random_key(test_seed(), "exact_math", "power");
    for (uint64_t i = 0; i < POINTS; i++) {
        double x = exp(point_at(key, 2 * i, -30, 30)), y = point_at(key, 2 * i + 1, -20, 20);
        double expected = pow(x, y);
        assert_near("power", x, base_exact_power(x, y), expected, 2e-13 * expected);
    }
}

static void functions_saturate_or_say_nan_outside_their_range(void **state)
{
    (void) state;
    assert_true(base_exact_exp(710) == DBL_MAX && base_exact_exp(INFINITY) == DBL_MAX);
    assert_true(base_exact_exp(709.7827128933842) == DBL_MAX);
    assert_true(base_exact_exp(-746) == 0 && base_exact_exp(-INFINITY) == 0);
    assert_true(isnan(base_exact_exp(NAN)));
    static const double no_logarithm[] = {0, -0.0, -1, INFINITY, -INFINITY, NAN};
    for (size_t i = 0; i < sizeof(no_logarithm) / sizeof(no_logarithm[0]); i++) {
        assert_true(isnan(base_exact_log(no_logarithm[i])));
        assert_true(isnan(base_exact_log_gamma(no_logarithm[i])));
        assert_true(isnan(base_exact_power(no_logarithm[i], 2)));
    }
    static const double no_probability[] = {0, 1, -0.1, 1.1, NAN};
    for (size_t i = 0; i < sizeof(no_probability) / sizeof(no_probability[0]); i++)
        assert_true(isnan(base_exact_normal_quantile(no_probability[i])));
    assert_true(base_exact_normal_below(-INFINITY) == 0 && base_exact_normal_below(INFINITY) == 1);
    assert_true(isnan(base_exact_normal_below(NAN)));
}

/* The quantile is right if the share below it, by the long double libm, is p: the error of p over the density. */
static void normal_quantile_agrees_with_libm(void **state)
{
    (void) state;
    uint64_t key = base_random_key(test_seed(), "exact_math", "quantile");
    for (uint64_t i = 0; i < POINTS; i++) {
        double u = base_random_unit(base_random_at(key, i));
        double p = i % 2 == 0 ? u : exp(-40 * u); /* the middle, and far into the lower tail */
        long double z = base_exact_normal_quantile(p), below = 0.5L * erfcl(-z * M_SQRT1_2l);
        long double density = expl(-0.5L * z * z) / sqrtl(2 * M_PIl);
        assert_near("quantile", p, (double) ((below - p) / density), 0, 2e-13 * (1e-3 + fabs((double) z)));
    }
    assert_true(base_exact_normal_quantile(0.5) == 0);
    for (double p = 1.0 / 1024; p < 0.5; p += 1.0 / 1024)
        assert_true(base_exact_normal_quantile(p) == -base_exact_normal_quantile(1 - p));
}

static void normal_quantile_is_monotone(void **state)
{
    (void) state;
    double before = -INFINITY;
    for (uint64_t i = 0; i < 1 << 20; i++) {
        double z = base_exact_normal_quantile(base_random_unit(i << 44));
        assert_true(z >= before);
        before = z;
    }
}

static void normal_below_agrees_with_libm(void **state)
{
    (void) state;
    uint64_t key = base_random_key(test_seed(), "exact_math", "below");
    for (uint64_t i = 0; i < POINTS; i++) {
        double x = point_at(key, i, -12, 12), expected = 0.5 * erfc(-x * M_SQRT1_2);
        assert_near("below", x, base_exact_normal_below(x), expected, 1e-15);
        assert_near("below", x, base_exact_normal_below(x), expected, 2e-13 * expected); /* tail too */
    }
}

static void log_gamma_agrees_with_libm(void **state)
{
    (void) state;
    uint64_t key = base_random_key(test_seed(), "exact_math", "gamma");
    for (uint64_t i = 0; i < POINTS; i++) {
        double small = point_at(key, 2 * i, 1e-6, 6), large = exp(point_at(key, 2 * i + 1, 0, 20));
        assert_near("log_gamma", small, base_exact_log_gamma(small), lgamma(small), 2e-14 * (1 + fabs(lgamma(small))));
        assert_near("log_gamma", large, base_exact_log_gamma(large), lgamma(large), 2e-14 * (1 + fabs(lgamma(large))));
    }
}

static void rounding_is_half_up_and_saturates(void **state)
{
    (void) state;
    static const struct {
        double x;
        uint64_t rounded;
    } cases[] = {
        {0, 0},           {-1, 0},
        {-INFINITY, 0},   {NAN, 0},
        {0.5, 1},         {0.49999999999999994, 0},
        {1.5, 2},         {2.5, 3},
        {2.4999, 2},      {4503599627370495.5, UINT64_C(4503599627370496)},
        {0x1p53 + 2, (UINT64_C(1) << 53) + 2}, {0x1.fffffffffffffp62, INT64_MAX - 1023},
        {0x1p63, INT64_MAX}, {INFINITY, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(base_exact_round(cases[i].x), cases[i].rounded);
}

/* Golden: the bits of 6 x 10^5 results. Another compiler, level or processor must give the same, libm notwithstanding;
 * a change of method changes every run's digest, so it must change here too. */
static void last_bits_are_the_same_everywhere(void **state)
{
    (void) state;
    static double results[6 * POINTS];
    for (uint64_t i = 0; i < POINTS; i++) {
        double u = base_random_unit(base_random_at(42, i)), v = base_random_unit(base_random_at(43, i));
        results[6 * i] = base_exact_log(u);
        results[6 * i + 1] = base_exact_exp(1400 * (u - 0.5));
        results[6 * i + 2] = base_exact_power(u, 8 * v);
        results[6 * i + 3] = base_exact_normal_quantile(u);
        results[6 * i + 4] = base_exact_normal_below(20 * (u - 0.5));
        results[6 * i + 5] = base_exact_log_gamma(100 * u * v);
    }
    uint64_t hash = XXH3_64bits(results, sizeof(results));
    if (hash != UINT64_C(0x3e9a2b5ca5adf065))
        fail_msg("the hash is 0x%016llx", (unsigned long long) hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_agrees_with_libm),
        cmocka_unit_test(exp_agrees_with_libm),
        cmocka_unit_test(power_agrees_with_libm),
        cmocka_unit_test(functions_saturate_or_say_nan_outside_their_range),
        cmocka_unit_test(normal_quantile_agrees_with_libm),
        cmocka_unit_test(normal_quantile_is_monotone),
        cmocka_unit_test(normal_below_agrees_with_libm),
        cmocka_unit_test(log_gamma_agrees_with_libm),
        cmocka_unit_test(rounding_is_half_up_and_saturates),
        cmocka_unit_test(last_bits_are_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
