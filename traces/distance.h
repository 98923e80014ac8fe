/* How far two runs are apart: Kolmogorov and Smirnov's distance between the distributions of what both measured.
 *
 * The distance is the largest difference between two distribution functions, from 0 to 1; of a share (did a lookup
 * succeed?) it is the difference of the shares. It comes with a 95 % interval by bootstrap: what belongs together (all
 * deliveries of one broadcast) is drawn together, and what is measured is how far the difference of the drawn functions
 * strays from that of the given ones, so that the interval holds also where the distance is small. Draws are keyed by
 * the measure's name: the same traces give the same numbers. */
#ifndef TRACES_DISTANCE_H
#define TRACES_DISTANCE_H

#include "traces/query.h"

/* What was measured in one run: values with the group (from 0, ascending) that each belongs to. */
struct trace_measured {
    double *values;
    uint32_t *groups;
    uint64_t count, capacity;
};

int trace_measured_add(struct trace_measured *sample, uint32_t group, double value) __attribute__((warn_unused_result));
void trace_measured_done(struct trace_measured *sample);

struct trace_distance {
    char measure[64];              /* "lookups.hops", "messages.find_node" */
    const char *unit;              /* of the means; "" when there is none */
    uint64_t count[2];             /* values in A and in B */
    double mean[2];                /* NaN: there is none */
    double distance, low, high;    /* NaN: A or B has no values */
};

/* Fills in all but measure and unit, which are given. -ENOMEM. O(n log n) and some hundred times O(n). */
int trace_distance_between(struct trace_distance *distance, const struct trace_measured *a,
                           const struct trace_measured *b) __attribute__((warn_unused_result));

/* All that both traces or one of them measured: lookups.{success correct hops latency messages timeouts},
 * broadcasts.{delivery hops latency}, and messages.KIND, how many of a kind each peer sent. Of lookups that ended; of
 * the whole run. Caller frees *distances with free(). 0, or negative with diagnostics. */
int trace_distances(struct trace_reader *a, struct trace_reader *b, struct trace_distance **distances, uint32_t *count,
                    struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));

#endif
