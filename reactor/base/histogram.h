/* Counts of 64-bit values in log-linear cells: exact below 2048, then within 1 / 2048 of the value (half a cell).
 *
 * Merging two is adding their cells, so the result does not depend on which thread saw what. Adding allocates only when
 * a value exceeds all before it (cells grow by octaves). A small value is one increment: what else is asked of it stands
 * in its cell. Zero-initialise, then use; _done frees. */
#ifndef REACTOR_BASE_HISTOGRAM_H
#define REACTOR_BASE_HISTOGRAM_H

#include <stdint.h>

struct base_histogram {
    uint64_t *cells;
    uint32_t cell_count;
    uint32_t exact_count;      /* of the cells, those of one value each: 2048, or 0 while there are none */
    uint64_t large_count, large_min, large_max; /* of the values that are not exact */
    unsigned __int128 large_sum;
};

/* 1024 cells an octave: a cell of [2^e, 2^(e+1)) is 2^(e-10) wide, so its middle is within 2^e / 2048 of any value in
 * it. A value below 2 * 1024 has a cell of its own, and those two octaves are what the numbering starts with:
 * cell = shift * 1024 + (value >> shift), where value >> shift lies in [1024, 2048) once shift > 0. */
#define BASE_HISTOGRAM_OCTAVE_BITS 10

static inline uint32_t base_histogram_shift(uint64_t value)
{
    uint32_t octave = 63 - (uint32_t) __builtin_clzll(value | 1);
    return octave > BASE_HISTOGRAM_OCTAVE_BITS ? octave - BASE_HISTOGRAM_OCTAVE_BITS : 0;
}

void base_histogram_add_large(struct base_histogram *histogram, uint64_t value); /* slow path: also makes room */

static inline void base_histogram_add(struct base_histogram *histogram, uint64_t value)
{
    if (__builtin_expect(value < histogram->exact_count, 1))
        histogram->cells[value]++;
    else
        base_histogram_add_large(histogram, value);
}

uint64_t base_histogram_count(const struct base_histogram *histogram);
uint64_t base_histogram_max(const struct base_histogram *histogram); /* exactly; 0 when empty */
void base_histogram_merge(struct base_histogram *into, const struct base_histogram *from);
void base_histogram_done(struct base_histogram *histogram);

/* The value below or at which a share (per mille x 1000: p50 = 500000 ppm) of the values lies: the nearest-rank
 * quantile, reported as the middle of its cell, clamped to the least and the greatest. Undefined when there is none. */
uint64_t base_histogram_quantile(const struct base_histogram *histogram, uint32_t ppm);
double base_histogram_mean(const struct base_histogram *histogram); /* 0 when empty */

#endif
