/* What the two tables of measured delays have in common: units, places, and the reading of one cell. */
#ifndef SIM_LATENCIES_TABLE_H
#define SIM_LATENCIES_TABLE_H

#include "sim/latencies/latencies.h"

extern const char *const latency_units[];  /* TOPOLOGY_NAME of `unit` */
extern const char *const latency_senses[]; /* TOPOLOGY_NAME of `of` */

/* How a cell becomes nanoseconds one way: times numerator / denominator. */
struct latency_scale {
    uint64_t numerator, denominator;
};
struct latency_scale latency_scale_of(uint32_t unit, uint32_t sense);

/* Where the byte at offset stands. O(offset): for mistakes only. */
struct base_place latency_place(const struct base_source *source, size_t offset);

/* Reads the cell at offset into a one-way delay, halves of a nanosecond up. 0, or negative with a diagnostic. */
int latency_read_cell(const struct base_source *source, size_t offset, size_t length, struct latency_scale scale,
                      uint64_t *delay_ns, struct base_diagnostics *diagnostics);

#endif
