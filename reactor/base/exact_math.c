#include "reactor/base/exact_math.h"

#include <string.h>

#if defined(__FAST_MATH__) || !defined(__FLT_EVAL_METHOD__) || __FLT_EVAL_METHOD__ != 0
#error "exact_math needs plain IEEE-754 doubles: no -ffast-math, no extended precision"
#endif
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF /* gcc has no such pragma: CMakeLists.txt gives both -ffp-contract=off */
#endif

#define NOT_A_NUMBER __builtin_nan("")
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023

/* ln 2 in two parts: the first with 21 zero bits at its end, so that a whole number of binades times it is exact. */
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define SQRT_HALF 0.70710678118654752440

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* 2^exponent of a normal number. */
static double power_of_two(int exponent)
{
    return from_bits((uint64_t) (exponent + EXPONENT_BIAS) << MANTISSA_BITS);
}

/* Horner's rule; the coefficient of the highest power comes first. */
static double polynomial(const double *coefficients, int count, double x)
{
    double sum = coefficients[0];
    for (int i = 1; i < count; i++)
        sum = sum * x + coefficients[i];
    return sum;
}
#define POLYNOMIAL(coefficients, x) polynomial(coefficients, sizeof(coefficients) / sizeof((coefficients)[0]), x)

/* x = m * 2^*exponent with m in [sqrt(1/2), sqrt(2)), for x > 0 finite. */
static double split_binary(double x, int *exponent)
{
    *exponent = 0;
    if (x < __DBL_MIN__) { /* subnormal: its exponent is in its leading zeroes */
        x *= 0x1p54;
        *exponent = -54;
    }
    uint64_t bits = bits_of(x);
    *exponent += (int) (bits >> MANTISSA_BITS) - (EXPONENT_BIAS - 1);
    double m = from_bits((bits & ((UINT64_C(1) << MANTISSA_BITS) - 1)) |
                         ((uint64_t) (EXPONENT_BIAS - 1) << MANTISSA_BITS)); /* in [1/2, 1) */
    if (m < SQRT_HALF) {
        m *= 2;
        *exponent -= 1;
    }
    return m;
}

/* With f = m - 1 and s = f / (2 + f): log(1 + f) = 2 artanh(s) = 2s + s R(s^2), where R is fdlibm's minimax of degree 7
 * in s^2 (error below 2^-58.45), summed so that f, which is exact, is added last. */
double base_exact_log(double x)
{
    static const double r_coefficients[] = {
        1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
        2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01,
    };
    if (!(x > 0 && x <= __DBL_MAX__))
        return NOT_A_NUMBER;
    int exponent;
    double f = split_binary(x, &exponent) - 1;
    double s = f / (2 + f), z = s * s, half_square = 0.5 * f * f;
    double r = z * POLYNOMIAL(r_coefficients, z);
    double k = exponent;
    return k * LN2_HIGH - ((half_square - (s * (half_square + r) + k * LN2_LOW)) - f);
}

/* x = k ln 2 + r with |r| <= ln 2 / 2 (Cody & Waite 1980), r held in two parts; then exp(r) = 1 + 2r / (c - r) with
 * c = r coth(r / 2) as fdlibm's polynomial in r^2 (error below 2^-59). */
double base_exact_exp(double x)
{
    static const double c_coefficients[] = {
        4.13813679705723846039e-08, -1.65339022054652515390e-06, 6.61375632143793436117e-05,
        -2.77777777770155933842e-03, 1.66666666666666019037e-01,
    };
    if (x != x)
        return x;
    if (x > 709.782712893383973096) /* log of the largest finite number */
        return __DBL_MAX__;
    if (x < -745.13321910194110842) /* log of half the least subnormal */
        return 0;
    int k = (int) (x * 1.44269504088896338700 + (x < 0 ? -0.5 : 0.5));
    double high = x - k * LN2_HIGH, low = k * LN2_LOW;
    double r = high - low, square = r * r;
    double c = r - square * POLYNOMIAL(c_coefficients, square);
    double y = 1 - ((low - r * c / (2 - c)) - high);
    /* In two steps, since 2^k alone may be out of range at both ends. */
    int half = k / 2;
    return y * power_of_two(half) * power_of_two(k - half);
}

double base_exact_power(double x, double y)
{
    return base_exact_exp(y * base_exact_log(x));
}

/* Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", Applied Statistics 37 (1988),
 * PPND16: three rational approximations, by distance from 1/2. */
static double quantile_centre(double q)
{
    static const double a[] = {
        2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4, 4.5921953931549871457e+4,
        1.3731693765509461125e+4, 1.9715909503065514427e+3, 1.3314166789178437745e+2, 3.3871328727963666080e+0,
    };
    static const double b[] = {
        5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4, 2.1213794301586595867e+4,
        5.3941960214247511077e+3, 6.8718700749205790830e+2, 4.2313330701600911252e+1, 1.0,
    };
    double r = 0.180625 - q * q;
    return q * POLYNOMIAL(a, r) / POLYNOMIAL(b, r);
}

static double quantile_middle(double r)
{
    static const double c[] = {
        7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e+0,
        3.64784832476320460504e+0, 5.76949722146069140550e+0, 4.63033784615654529590e+0, 1.42343711074968357734e+0,
    };
    static const double d[] = {
        1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
        6.89767334985100004550e-1, 1.67638483018380384940e+0, 2.05319162663775882187e+0, 1.0,
    };
    return POLYNOMIAL(c, r - 1.6) / POLYNOMIAL(d, r - 1.6);
}

static double quantile_tail(double r)
{
    static const double e[] = {
        2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
        2.96560571828504891230e-1, 1.78482653991729133580e+0, 5.46378491116411436990e+0, 6.65790464350110377720e+0,
    };
    static const double f[] = {
        2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
        1.48753612908506148525e-2,  1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0,
    };
    return POLYNOMIAL(e, r - 5) / POLYNOMIAL(f, r - 5);
}

double base_exact_normal_quantile(double p)
{
    if (!(p > 0 && p < 1))
        return NOT_A_NUMBER;
    double q = p - 0.5;
    if (q >= -0.425 && q <= 0.425)
        return quantile_centre(q);
    double r = __builtin_sqrt(-base_exact_log(q < 0 ? p : 1 - p));
    double magnitude = r <= 5 ? quantile_middle(r) : quantile_tail(r);
    return q < 0 ? -magnitude : magnitude;
}

/* erf and erfc after Cody, "Rational Chebyshev Approximations for the Error Function", Math. Comp. 23 (1969). */
static double erf_centre(double x) /* |x| <= 0.46875 */
{
    static const double a[] = {
        1.85777706184603153e-1, 3.16112374387056560e+0, 1.13864154151050156e+2,
        3.77485237685302021e+2, 3.20937758913846947e+3,
    };
    static const double b[] = {
        1.0, 2.36012909523441209e+1, 2.44024637934444173e+2, 1.28261652607737228e+3, 2.84423683343917062e+3,
    };
    return x * POLYNOMIAL(a, x * x) / POLYNOMIAL(b, x * x);
}

static double erfc_middle(double x) /* 0.46875 <= x <= 4 */
{
    static const double c[] = {
        2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e+0,
        6.61191906371416295e+1, 2.98635138197400131e+2, 8.81952221241769090e+2,
        1.71204761263407058e+3, 2.05107837782607147e+3, 1.23033935479799725e+3,
    };
    static const double d[] = {
        1.0, 1.57449261107098347e+1, 1.17693950891312499e+2, 5.37181101862009858e+2, 1.62138957456669019e+3,
        3.29079923573345963e+3, 4.36261909014324716e+3, 3.43936767414372164e+3, 1.23033935480374942e+3,
    };
    return base_exact_exp(-x * x) * POLYNOMIAL(c, x) / POLYNOMIAL(d, x);
}

static double erfc_tail(double x) /* x >= 4 */
{
    static const double p[] = {
        1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1,
        1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4,
    };
    static const double q[] = {
        1.0, 2.56852019228982242e+0, 1.87295284992346725e+0,
        5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3,
    };
    static const double one_by_sqrt_pi = 5.6418958354775628695e-1;
    double z = 1 / (x * x);
    return base_exact_exp(-x * x) / x * (one_by_sqrt_pi - z * POLYNOMIAL(p, z) / POLYNOMIAL(q, z));
}

double base_exact_normal_below(double x)
{
    double y = x * SQRT_HALF, magnitude = y < 0 ? -y : y;
    if (!(magnitude > 0.46875)) /* NaN takes this way and stays NaN */
        return 0.5 + 0.5 * erf_centre(y);
    double upper = magnitude > 40 ? 0 : 0.5 * (magnitude <= 4 ? erfc_middle(magnitude) : erfc_tail(magnitude));
    return y < 0 ? upper : 1 - upper;
}

/* Lanczos 1964 with Godfrey's coefficients for g = 7: gamma(x + 1) = sqrt(2 pi) t^(x + 1/2) e^-t A(x), t = x + 7.5. */
double base_exact_log_gamma(double x)
{
    static const double a[] = {
        676.5203681218851,   -1259.1392167224028, 771.32342877765313,    -176.61502916214059,
        12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
    };
    static const double half_log_two_pi = 0.91893853320467274178;
    if (!(x > 0 && x <= __DBL_MAX__))
        return NOT_A_NUMBER;
    if (x < 0.5)
        return base_exact_log_gamma(x + 1) - base_exact_log(x);
    x -= 1;
    double sum = 0.99999999999980993, t = x + 7.5;
    for (int i = 0; i < 8; i++)
        sum += a[i] / (x + (i + 1));
    return half_log_two_pi + (x + 0.5) * base_exact_log(t) - t + base_exact_log(sum);
}

uint64_t base_exact_round(double x)
{
    if (!(x > 0))
        return 0;
    if (x >= 0x1p63)
        return INT64_MAX;
    uint64_t whole = (uint64_t) x;
    return whole + (x - (double) whole >= 0.5); /* x + 0.5 would round 0.49999999999999994 up */
}
