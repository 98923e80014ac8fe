/* A table of delays between named regions from a CSV file: the first row and the first column hold the names (in any
 * order, each once in both; the corner says nothing), the cell in row A and column B the delay from A to B. */
#ifndef SIM_LATENCIES_REGIONS_FILE_H
#define SIM_LATENCIES_REGIONS_FILE_H

#include "sim/latencies/table.h"

struct latency_region_name {
    const char *text; /* not terminated */
    size_t length;
};

struct latency_region_table {
    uint32_t count;
    const struct latency_region_name *names; /* of the columns */
    uint64_t *delays_ns;                     /* one way, [from * count + to]; LATENCY_EMPTY: an empty diagonal */
};

#define LATENCY_EMPTY UINT64_MAX

/* 0, or negative with diagnostics located in the file. */
int latency_region_table_read(struct latency_region_table *table, const struct base_source *source,
                              struct latency_scale scale, struct base_arena *arena,
                              struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));
/* table->count: no such region. */
uint32_t latency_region_find(const struct latency_region_table *table, const char *name, size_t length);

#endif
