/* How a loop's thread counts (internal). Nobody else writes; a relaxed store is a plain one to the processor. */
#ifndef REACTOR_STATISTICS_INTERNAL_H
#define REACTOR_STATISTICS_INTERNAL_H

#include "reactor/statistics.h"

#define loop_set(counter, value) __atomic_store_n(&(counter), (value), __ATOMIC_RELAXED)
#define loop_count(counter, more) loop_set(counter, (counter) + (uint64_t) (more))

/* Eight cells to a power of two: cell = shift * 8 + (value >> shift), where value >> shift is in [8, 16) once shift > 0
 * (base/histogram.h numbers alike; its cells may move, so no other thread may look). */
#define HISTOGRAM_OCTAVE_BITS 3

static inline uint32_t histogram_cell(uint64_t value)
{
    uint32_t octave = 63 - (uint32_t) __builtin_clzll(value | 1);
    uint32_t shift = octave > HISTOGRAM_OCTAVE_BITS ? octave - HISTOGRAM_OCTAVE_BITS : 0;
    uint32_t cell = (shift << HISTOGRAM_OCTAVE_BITS) + (uint32_t) (value >> shift);
    return cell < REACTOR_HISTOGRAM_CELLS ? cell : REACTOR_HISTOGRAM_CELLS - 1;
}

static inline void loop_histogram_add(struct reactor_histogram *histogram, uint64_t value)
{
    loop_count(histogram->cells[histogram_cell(value)], 1);
    if (__builtin_expect(value > histogram->most, 0))
        loop_set(histogram->most, value);
}

struct loop_turn_counts {
    uint32_t events, tasks, posts, entries;
};
void loop_statistics_turn(struct reactor_loop *loop, const struct loop_turn_counts *counts);

#endif
