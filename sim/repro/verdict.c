#include "sim/repro/repro.h"

#include <math.h>

#include "reactor/base/exact_math.h"

/* The 97.5 % quantile of Student's t. Exact where the expansion is not good enough, else Cornish and Fisher's expansion
 * in 1 / freedom (Abramowitz & Stegun 26.7.5), at most 5e-5 off from 7 degrees on. */
static double student_quantile(uint32_t freedom)
{
    static const double few[] = {12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912};
    if (freedom <= sizeof few / sizeof *few)
        return few[freedom - 1];
    double z = base_exact_normal_quantile(0.975), q = z * z, n = freedom;
    double first = z * (q + 1) / 4;
    double second = z * ((5 * q + 16) * q + 3) / 96;
    double third = z * (((3 * q + 19) * q + 17) * q - 15) / 384;
    double fourth = z * ((((79 * q + 776) * q + 1482) * q - 1920) * q - 945) / 92160;
    return z + (first + (second + (third + fourth / n) / n) / n) / n;
}

static bool is_within(const struct repro_figure *figure, double mean)
{
    double size = figure->published < 0 ? -figure->published : figure->published;
    double room = figure->relative ? figure->tolerance * size : figure->tolerance;
    double apart = mean - figure->published;
    return (apart < 0 ? -apart : apart) <= room * (1 + 1e-12); /* what is on the edge as decimals is within */
}

struct repro_verdict repro_judge(const struct repro_figure *figure, const double *values, uint32_t count)
{
    struct repro_verdict verdict = {.mean = NAN, .half = NAN};
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += isnan(values[i]) ? 0 : values[i];
        verdict.count += isnan(values[i]) ? 0 : 1;
    }
    if (!verdict.count)
        return verdict;
    verdict.mean = sum / verdict.count;
    for (uint32_t i = 0; i < count; i++)
        squares += isnan(values[i]) ? 0 : (values[i] - verdict.mean) * (values[i] - verdict.mean);
    if (verdict.count > 1)
        verdict.half = student_quantile(verdict.count - 1) *
                       sqrt(squares / (verdict.count - 1) / verdict.count);
    verdict.pass = verdict.count == count && is_within(figure, verdict.mean);
    return verdict;
}
