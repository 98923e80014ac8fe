#include "reactor/statistics.h"

#include <string.h>

#include "reactor/loop_internal.h"

static uint64_t cell_middle(uint32_t cell)
{
    uint32_t octave_cells = 1u << HISTOGRAM_OCTAVE_BITS;
    if (cell < 2 * octave_cells)
        return cell;
    uint32_t shift = (cell >> HISTOGRAM_OCTAVE_BITS) - 1;
    return ((uint64_t) (cell - (shift << HISTOGRAM_OCTAVE_BITS)) << shift) + (UINT64_C(1) << shift) / 2;
}

static uint64_t cell_value(const struct reactor_histogram *histogram, uint32_t cell)
{
    uint64_t value = cell_middle(cell);
    return value < histogram->most ? value : histogram->most;
}

uint64_t reactor_histogram_count(const struct reactor_histogram *histogram)
{
    uint64_t count = 0;
    for (uint32_t cell = 0; cell < REACTOR_HISTOGRAM_CELLS; cell++)
        count += histogram->cells[cell];
    return count;
}

uint64_t reactor_histogram_quantile(const struct reactor_histogram *histogram, uint32_t ppm)
{
    uint64_t count = reactor_histogram_count(histogram), below = 0;
    uint64_t rank = (uint64_t) (((unsigned __int128) count * ppm + 999999) / 1000000);
    for (uint32_t cell = 0; cell < REACTOR_HISTOGRAM_CELLS; cell++) {
        below += histogram->cells[cell];
        if (below && below >= rank)
            return below == count && ppm == 1000000 ? histogram->most : cell_value(histogram, cell);
    }
    return 0;
}

double reactor_histogram_mean(const struct reactor_histogram *histogram)
{
    double sum = 0;
    uint64_t count = reactor_histogram_count(histogram);
    for (uint32_t cell = 0; cell < REACTOR_HISTOGRAM_CELLS; cell++)
        if (histogram->cells[cell])
            sum += (double) histogram->cells[cell] * (double) cell_value(histogram, cell);
    return count ? sum / (double) count : 0;
}

void reactor_histogram_since(struct reactor_histogram *histogram, const struct reactor_histogram *earlier)
{
    uint32_t highest = 0;
    for (uint32_t cell = 0; cell < REACTOR_HISTOGRAM_CELLS; cell++) {
        histogram->cells[cell] -= earlier->cells[cell];
        if (histogram->cells[cell])
            highest = cell;
    }
    if (histogram->most == earlier->most) /* else the greatest of all is a new one */
        histogram->most = cell_value(histogram, highest);
}

void loop_statistics_turn(struct reactor_loop *loop, const struct loop_turn_counts *counts)
{
    struct reactor_statistics *statistics = &loop->statistics;
    uint64_t pending = reactor_queue_count(&loop->queue);
    loop_count(statistics->turns, 1);
    loop_count(statistics->descriptor_events, counts->events);
    loop_count(statistics->tasks, counts->tasks);
    loop_count(statistics->posts, counts->posts);
    loop_count(statistics->entries, counts->entries);
    loop_set(statistics->posts_refused, atomic_load_explicit(&loop->posts_refused, memory_order_relaxed));
    loop_set(statistics->handlers, loop->handler_count);
    loop_set(statistics->entries_pending, pending);
    loop_histogram_add(&statistics->queue_depth, pending);
    loop_histogram_add(&statistics->events_a_turn,
                       (uint64_t) counts->events + counts->tasks + counts->posts + counts->entries);
    if (!loop->demultiplexer->completions)
        return;
    struct reactor_completion_statistics completions;
    loop->demultiplexer->completions->statistics(loop->demultiplexer_state, &completions);
    loop_set(statistics->receives_exhausted, completions.exhausted);
    loop_set(statistics->uring_enters, completions.enters);
}

const struct reactor_statistics *reactor_loop_statistics(const struct reactor_loop *loop)
{
    return &loop->statistics;
}

/* All of it is words that are written whole. */
_Static_assert(sizeof(struct reactor_statistics) % sizeof(uint64_t) == 0, "read a word at a time");

void reactor_loop_statistics_read(const struct reactor_loop *loop, struct reactor_statistics *snapshot)
{
    const uint64_t *from = (const uint64_t *) (const void *) &loop->statistics;
    for (size_t i = 0; i < sizeof *snapshot / sizeof *from; i++) {
        uint64_t word = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
        memcpy((uint8_t *) snapshot + i * sizeof word, &word, sizeof word);
    }
    snapshot->posts_refused = atomic_load_explicit(&loop->posts_refused, memory_order_relaxed);
}
