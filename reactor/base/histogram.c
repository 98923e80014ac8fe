#include "reactor/base/histogram.h"

#include <stdlib.h>
#include <string.h>

#include "reactor/base/arena.h"
#include "reactor/base/assert.h"

#define OCTAVE_CELLS (UINT32_C(1) << BASE_HISTOGRAM_OCTAVE_BITS)
#define EXACT_CELLS (2 * OCTAVE_CELLS)

static uint64_t cell_middle(uint32_t cell)
{
    if (cell < EXACT_CELLS)
        return cell;
    uint32_t shift = cell / OCTAVE_CELLS - 1;
    uint64_t least = (uint64_t) (cell - shift * OCTAVE_CELLS) << shift;
    return least + (UINT64_C(1) << shift) / 2;
}

static void grow(struct base_histogram *histogram, uint32_t cell_count)
{
    uint64_t *cells = realloc(histogram->cells, cell_count * sizeof(*cells));
    if (cells == NULL)
        base_out_of_memory();
    memset(cells + histogram->cell_count, 0, (cell_count - histogram->cell_count) * sizeof(*cells));
    histogram->cells = cells;
    histogram->cell_count = cell_count;
    histogram->exact_count = EXACT_CELLS; /* it grows by octaves from two on */
}

static void widen_bounds(struct base_histogram *histogram, uint64_t least, uint64_t most)
{
    if (histogram->large_count == 0 || least < histogram->large_min)
        histogram->large_min = least;
    if (histogram->large_count == 0 || most > histogram->large_max)
        histogram->large_max = most;
}

void base_histogram_add_large(struct base_histogram *histogram, uint64_t value)
{
    uint32_t shift = base_histogram_shift(value);
    uint32_t cell = shift * OCTAVE_CELLS + (uint32_t) (value >> shift);
    if (__builtin_expect(cell >= histogram->cell_count, 0))
        grow(histogram, (shift + 2) * OCTAVE_CELLS);
    histogram->cells[cell]++;
    if (shift == 0)
        return;
    widen_bounds(histogram, value, value);
    histogram->large_count++;
    histogram->large_sum += value;
}

void base_histogram_merge(struct base_histogram *into, const struct base_histogram *from)
{
    if (from->cell_count > into->cell_count)
        grow(into, from->cell_count);
    for (uint32_t cell = 0; cell < from->cell_count; cell++)
        into->cells[cell] += from->cells[cell];
    if (from->large_count == 0)
        return;
    widen_bounds(into, from->large_min, from->large_max);
    into->large_count += from->large_count;
    into->large_sum += from->large_sum;
}

void base_histogram_done(struct base_histogram *histogram)
{
    free(histogram->cells);
    *histogram = (struct base_histogram){0};
}

uint64_t base_histogram_count(const struct base_histogram *histogram)
{
    uint64_t count = histogram->large_count;
    for (uint32_t cell = 0; cell < histogram->exact_count; cell++)
        count += histogram->cells[cell];
    return count;
}

uint64_t base_histogram_max(const struct base_histogram *histogram)
{
    uint32_t cell = histogram->exact_count;
    if (histogram->large_count)
        return histogram->large_max;
    while (cell > 0 && histogram->cells[cell - 1] == 0)
        cell--;
    return cell > 0 ? cell - 1 : 0;
}

uint64_t base_histogram_quantile(const struct base_histogram *histogram, uint32_t ppm)
{
    uint64_t count = base_histogram_count(histogram), below = 0;
    base_assert(count > 0 && ppm <= 1000000);
    uint64_t rank = (uint64_t) (((unsigned __int128) count * ppm + 999999) / 1000000);
    uint32_t cell = 0;
    for (;; cell++) {
        base_assert(cell < histogram->cell_count);
        below += histogram->cells[cell];
        if (below > 0 && below >= rank)
            break;
    }
    uint64_t value = cell_middle(cell);
    if (cell < EXACT_CELLS)
        return value;
    if (value < histogram->large_min)
        return histogram->large_min;
    return value > histogram->large_max ? histogram->large_max : value;
}

double base_histogram_mean(const struct base_histogram *histogram)
{
    unsigned __int128 sum = histogram->large_sum;
    uint64_t count = base_histogram_count(histogram);
    for (uint32_t cell = 0; cell < histogram->exact_count; cell++)
        sum += (unsigned __int128) histogram->cells[cell] * cell;
    return count == 0 ? 0 : (double) sum / (double) count;
}
