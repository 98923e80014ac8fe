#include "sim/latencies/regions_file.h"

#include <errno.h>
#include <string.h>

#include "sim/latencies/csv.h"

/* The header is bounded before anything is sized by its square. */
#define REGIONS_MAX 4096

struct reading {
    struct latency_region_table *table;
    struct latency_csv csv;
    struct latency_csv_cell cell;
    struct latency_scale scale;
    struct base_diagnostics *diagnostics;
    struct latency_region_name *names;
    bool *seen;
};

static int refuse(struct reading *reading, const char *what)
{
    base_diagnose(reading->diagnostics, BASE_ERROR, latency_place(reading->csv.source, reading->cell.offset), NULL, "%s",
                  what);
    return -EINVAL;
}

static int refuse_name(struct reading *reading, const char *what)
{
    base_diagnose(reading->diagnostics, BASE_ERROR, latency_place(reading->csv.source, reading->cell.offset), NULL,
                  "region \"%.*s\" %s", (int) (reading->cell.length < 60 ? reading->cell.length : 60),
                  reading->cell.text, what);
    return -EINVAL;
}

/* 1: a cell; 0: the file has ended; or negative. */
static int next(struct reading *reading)
{
    switch (latency_csv_next(&reading->csv, &reading->cell)) {
    case LATENCY_CSV_CELL:
        return 1;
    case LATENCY_CSV_END:
        return 0;
    case LATENCY_CSV_MALFORMED:
        break;
    }
    return refuse(reading, "a quoted cell that does not end where it should");
}

uint32_t latency_region_find(const struct latency_region_table *table, const char *name, size_t length)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (table->names[i].length == length && memcmp(table->names[i].text, name, length) == 0)
            return i;
    }
    return table->count;
}

static int read_header(struct reading *reading)
{
    struct latency_region_table *table = reading->table;
    int found = next(reading); /* the corner */
    while (found > 0 && !reading->cell.ends_row) {
        found = next(reading);
        if (found <= 0)
            break;
        if (reading->cell.length == 0)
            return refuse(reading, "a region without a name");
        if (latency_region_find(table, reading->cell.text, reading->cell.length) < table->count)
            return refuse_name(reading, "has two columns");
        if (table->count == REGIONS_MAX)
            return refuse(reading, "too many regions: at most 4096 go");
        reading->names[table->count++] = (struct latency_region_name) {reading->cell.text, reading->cell.length};
    }
    if (found < 0)
        return found;
    return table->count > 0 ? 0 : refuse(reading, "the first row names no regions");
}

static int read_delay(struct reading *reading, uint32_t from, uint32_t to)
{
    const struct latency_region_table *table = reading->table;
    uint64_t *delay_ns = &table->delays_ns[(size_t) from * table->count + to];
    if (reading->cell.length > 0)
        return latency_read_cell(reading->csv.source, reading->cell.offset, reading->cell.length, reading->scale, delay_ns,
                                 reading->diagnostics);
    *delay_ns = LATENCY_EMPTY;
    if (from == to)
        return 0;
    base_diagnose(reading->diagnostics, BASE_ERROR, latency_place(reading->csv.source, reading->cell.offset),
                  "only the diagonal may be empty", "no delay from \"%.*s\" to \"%.*s\"", (int) table->names[from].length,
                  table->names[from].text, (int) table->names[to].length, table->names[to].text);
    return -EINVAL;
}

/* The cell at hand is the row's name. */
static int read_row(struct reading *reading)
{
    const struct latency_region_table *table = reading->table;
    uint32_t from = latency_region_find(table, reading->cell.text, reading->cell.length);
    if (from == table->count)
        return refuse_name(reading, "has a row and no column");
    if (reading->seen[from])
        return refuse_name(reading, "has two rows");
    reading->seen[from] = true;
    int result = 0;
    for (uint32_t to = 0; to < table->count; to++) {
        if (reading->cell.ends_row)
            return refuse(reading, "this row ends too early: it needs a cell for each region of the first row");
        int found = next(reading);
        if (found < 0)
            return found;
        int read = read_delay(reading, from, to);
        result = read < 0 ? read : result;
    }
    return reading->cell.ends_row ? result : refuse(reading, "this row has more cells than the first one");
}

static int read_rows(struct reading *reading)
{
    const struct latency_region_table *table = reading->table;
    int result = 0, found = next(reading);
    for (uint32_t rows = 0; found > 0; rows++) {
        int read = read_row(reading);
        if (read < 0)
            return read;
        found = next(reading);
    }
    for (uint32_t i = 0; found == 0 && i < table->count; i++) {
        if (reading->seen[i])
            continue;
        base_diagnose(reading->diagnostics, BASE_ERROR, (struct base_place) {.source = reading->csv.source}, NULL,
                      "region \"%.*s\" has a column and no row", (int) table->names[i].length, table->names[i].text);
        result = -EINVAL;
    }
    return found < 0 ? found : result;
}

int latency_region_table_read(struct latency_region_table *table, const struct base_source *source,
                              struct latency_scale scale, struct base_arena *arena,
                              struct base_diagnostics *diagnostics)
{
    struct reading reading = {
        .table = table, .csv = latency_csv_start(source, arena), .scale = scale, .diagnostics = diagnostics,
    };
    reading.names = base_arena_array(arena, struct latency_region_name, REGIONS_MAX);
    *table = (struct latency_region_table) {.names = reading.names};
    int result = read_header(&reading);
    if (result < 0)
        return result;
    table->delays_ns = base_arena_array(arena, uint64_t, (size_t) table->count * table->count);
    reading.seen = base_arena_array(arena, bool, table->count);
    return read_rows(&reading);
}
