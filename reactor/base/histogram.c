#include "reactor/base/histogram.h"

#include <stdlib.h>
#include <string.h>

#include "reactor/base/arena.h"
#include "reactor/base/assert.h"

#define OCTAVE_CELLS (UINT32_C(1) << BASE_HISTOGRAM_OCTAVE_BITS)

static uint64_t cell_middle(uint32_t cell)
{
    if (cell < 2 * OCTAVE_CELLS)
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
}

static void widen_bounds(struct base_histogram *histogram, uint64_t value_min, uint64_t value_max)
{
    if (histogram->count == 0 || value_min < histogram->value_min)
        histogram->value_min = value_min;
    if (histogram->count == 0 || value_max > histogram->value_max)
        histogram->value_max = value_max;
}

void base_histogram_add_first(struct base_histogram *histogram, uint64_t value)
{
    uint32_t shift = base_histogram_shift(value);
    uint32_t cell = shift * OCTAVE_CELLS + (uint32_t) (value >> shift);
    if (cell >= histogram->cell_count)
        grow(histogram, (shift + 2) * OCTAVE_CELLS);
    widen_bounds(histogram, value, value);
    histogram->cells[cell]++;
    histogram->count++;
    histogram->sum += value;
}

void base_histogram_merge(struct base_histogram *into, const struct base_histogram *from)
{
    if (from->count == 0)
        return;
    if (from->cell_count > into->cell_count)
        grow(into, from->cell_count);
    for (uint32_t cell = 0; cell < from->cell_count; cell++)
        into->cells[cell] += from->cells[cell];
    widen_bounds(into, from->value_min, from->value_max);
    into->count += from->count;
    into->sum += from->sum;
}

void base_histogram_done(struct base_histogram *histogram)
{
    free(histogram->cells);
    *histogram = (struct base_histogram){0};
}

uint64_t base_histogram_quantile(const struct base_histogram *histogram, uint32_t ppm)
{
    base_assert(histogram->count > 0 && ppm <= 1000000);
    uint64_t rank = (uint64_t) (((unsigned __int128) histogram->count * ppm + 999999) / 1000000);
    uint64_t below = 0;
    uint32_t cell = 0;
    for (;; cell++) {
        base_assert(cell < histogram->cell_count);
        below += histogram->cells[cell];
        if (below > 0 && below >= rank)
            break;
    }
    uint64_t value = cell_middle(cell);
    if (value < histogram->value_min)
        return histogram->value_min;
    return value > histogram->value_max ? histogram->value_max : value;
}

double base_histogram_mean(const struct base_histogram *histogram)
{
    return histogram->count == 0 ? 0 : (double) histogram->sum / (double) histogram->count;
}
