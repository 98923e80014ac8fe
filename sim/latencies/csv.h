/* CSV as RFC 4180 has it, cell by cell: quoted cells may hold commas, newlines and doubled quotes. Beyond it: a mark of
 * UTF-8 in front, lines that begin with "#" and empty lines are skipped; blanks around unquoted cells do not count. */
#ifndef SIM_LATENCIES_CSV_H
#define SIM_LATENCIES_CSV_H

#include "reactor/base/arena.h"
#include "reactor/base/diagnostic.h"

#include <stdbool.h>

struct latency_csv {
    const struct base_source *source;
    struct base_arena *arena; /* for cells with doubled quotes */
    size_t offset;
    bool in_row;
};

struct latency_csv_cell {
    const char *text;  /* not terminated */
    size_t length;
    size_t offset;     /* of the text in the file */
    bool ends_row;
};

enum latency_csv_result { LATENCY_CSV_CELL, LATENCY_CSV_END, LATENCY_CSV_MALFORMED };

struct latency_csv latency_csv_start(const struct base_source *source, struct base_arena *arena);
/* Malformed: a quoted cell without its end, or with text after it; cell->offset says where. */
enum latency_csv_result latency_csv_next(struct latency_csv *csv, struct latency_csv_cell *cell);

#endif
