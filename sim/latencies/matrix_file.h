/* A square of delays from a text file.
 *
 *     # a comment
 *     0      0.169  2.531       a line a row; decimal numbers of at least 0
 *     0.169  0      2.533       divided by blanks, tabs or commas; empty lines do not count, CR LF will do
 *     2.531  2.533  0
 */
#ifndef SIM_LATENCIES_MATRIX_FILE_H
#define SIM_LATENCIES_MATRIX_FILE_H

#include "sim/latencies/table.h"

struct latency_square {
    uint32_t row_count;
    const uint32_t *narrow; /* ns one way; NULL where an entry exceeds 4.29 s */
    const uint64_t *wide;   /* then these */
};

/* 0, or negative with diagnostics located in the file. */
int latency_square_read(struct latency_square *square, const struct base_source *source, struct latency_scale scale,
                        struct base_arena *arena, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));

static inline uint64_t latency_square_at(const struct latency_square *square, uint32_t from, uint32_t to)
{
    size_t at = (size_t) from * square->row_count + to;
    return square->narrow ? square->narrow[at] : square->wide[at];
}

#endif
