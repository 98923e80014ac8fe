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

void base_histogram_add(struct base_histogram *histogram, uint64_t value);
void base_histogram_merge(struct base_histogram *into, const struct base_histogram *from);
void base_histogram_done(struct base_histogram *histogram);

/* The value below or at which a share (per mille x 1000: p50 = 500000 ppm) of the values lies: the nearest-rank
 * quantile, reported as the middle of its cell, clamped to [value_min, value_max]. Undefined when count is 0. */
uint64_t base_histogram_quantile(const struct base_histogram *histogram, uint32_t ppm);
double base_histogram_mean(const struct base_histogram *histogram); /* 0 when empty */

#endif
