/* Counts of 64-bit values in log-linear cells: exact below 2048, then within 1 / 2048 of the value (half a cell).
 *
 * Merging two is adding their cells, so the result does not depend on which thread saw what. Adding allocates only when
 * a value exceeds all before it (cells grow by octaves). Zero-initialise, then use; _done frees. */
#ifndef REACTOR_BASE_HISTOGRAM_H
#define REACTOR_BASE_HISTOGRAM_H

#include <stdint.h>

struct base_histogram {
    uint64_t *cells;
    uint32_t cell_count;
    uint64_t count, value_min, value_max;
    unsigned __int128 sum;
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

void base_histogram_add_first(struct base_histogram *histogram, uint64_t value); /* slow path: makes room */

static inline void base_histogram_add(struct base_histogram *histogram, uint64_t value)
{
    uint32_t shift = base_histogram_shift(value);
    uint32_t cell = (shift << BASE_HISTOGRAM_OCTAVE_BITS) + (uint32_t) (value >> shift);
    if (__builtin_expect(cell >= histogram->cell_count || histogram->count == 0, 0)) {
        base_histogram_add_first(histogram, value);
        return;
    }
    histogram->value_min = value < histogram->value_min ? value : histogram->value_min;
    histogram->value_max = value > histogram->value_max ? value : histogram->value_max;
    histogram->cells[cell]++;
    histogram->count++;
    histogram->sum += value;
}

void base_histogram_merge(struct base_histogram *into, const struct base_histogram *from);
void base_histogram_done(struct base_histogram *histogram);

/* The value below or at which a share (per mille x 1000: p50 = 500000 ppm) of the values lies: the nearest-rank
 * quantile, reported as the middle of its cell, clamped to [value_min, value_max]. Undefined when count is 0. */
uint64_t base_histogram_quantile(const struct base_histogram *histogram, uint32_t ppm);
double base_histogram_mean(const struct base_histogram *histogram); /* 0 when empty */

#endif
