#include <stdlib.h>

#include "reactor/base/random.h"
#include "tests/bench/event_loops/bench.h"

#define RESAMPLES 2000u

static int by_value(const void *a, const void *b)
{
    double left = *(const double *) a, right = *(const double *) b;
    return (left > right) - (left < right);
}

static double median_in_place(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

double bench_median(const double *values, uint32_t count)
{
    double sorted[BENCH_REPETITIONS_MAX];
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = values[i];
    return median_in_place(sorted, count);
}

/* The percentile bootstrap (Efron 1979): medians of as many values drawn from these, with repetition. */
struct bench_interval bench_interval_of(const double *values, uint32_t count)
{
    double medians[RESAMPLES], drawn[BENCH_REPETITIONS_MAX];
    for (uint32_t i = 0; i < RESAMPLES; i++) {
        for (uint32_t j = 0; j < count; j++)
            drawn[j] = values[base_random_below(base_random_at(5, (uint64_t) i * count + j), count)];
        medians[i] = median_in_place(drawn, count);
    }
    qsort(medians, RESAMPLES, sizeof *medians, by_value);
    return (struct bench_interval){.median = bench_median(values, count), .least = medians[RESAMPLES / 40],
                                   .most = medians[RESAMPLES - 1 - RESAMPLES / 40]};
}
