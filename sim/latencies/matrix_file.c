#include "sim/latencies/matrix_file.h"

#include <errno.h>

/* Rows have 16-bit numbers; and 1.6 GB of entries are as much as a run should hold. */
#define ROWS_MAX 20000

struct scanner {
    const struct base_source *source;
    size_t offset;
};

struct cell {
    size_t offset, length;
    bool ends_row;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == ',' || c == '\r';
}

/* Moves to the next entry, a newline or the end, over blanks and a comment. */
static void skip(struct scanner *scanner)
{
    const struct base_source *source = scanner->source;
    while (scanner->offset < source->length && is_blank(source->text[scanner->offset]))
        scanner->offset++;
    if (scanner->offset < source->length && source->text[scanner->offset] == '#') {
        while (scanner->offset < source->length && source->text[scanner->offset] != '\n')
            scanner->offset++;
    }
}

static bool at_line_end(const struct scanner *scanner)
{
    return scanner->offset >= scanner->source->length || scanner->source->text[scanner->offset] == '\n';
}

static bool next_cell(struct scanner *scanner, struct cell *cell)
{
    const struct base_source *source = scanner->source;
    skip(scanner);
    while (at_line_end(scanner)) {
        if (scanner->offset >= source->length)
            return false;
        scanner->offset++;
        skip(scanner);
    }
    cell->offset = scanner->offset;
    while (!at_line_end(scanner) && !is_blank(source->text[scanner->offset]) && source->text[scanner->offset] != '#')
        scanner->offset++;
    cell->length = scanner->offset - cell->offset;
    skip(scanner);
    cell->ends_row = at_line_end(scanner);
    return true;
}

static int refuse_shape(const struct base_source *source, size_t offset, struct base_diagnostics *diagnostics,
                        uint32_t rows, uint32_t columns)
{
    base_diagnose(diagnostics, BASE_ERROR, latency_place(source, offset), NULL,
                  rows == 0 ? "the matrix has no entries" : "the matrix is not square: %u rows of %u entries", rows,
                  columns);
    return -EINVAL;
}

static int refuse_row(const struct base_source *source, size_t offset, struct base_diagnostics *diagnostics,
                      uint32_t entries, uint32_t columns)
{
    base_diagnose(diagnostics, BASE_ERROR, latency_place(source, offset), NULL,
                  "this row has %u entries, the first one has %u", entries, columns);
    return -EINVAL;
}

/* The number of rows of a square matrix, or negative. Nothing is allocated by what a file merely claims. */
static int measure(const struct base_source *source, struct base_diagnostics *diagnostics)
{
    struct scanner scanner = {.source = source};
    struct cell cell;
    uint32_t rows = 0, columns = 0, entries = 0;
    size_t row_offset = 0;
    while (next_cell(&scanner, &cell)) {
        row_offset = entries++ == 0 ? cell.offset : row_offset;
        if (!cell.ends_row)
            continue;
        if (rows++ == 0)
            columns = entries;
        if (entries != columns)
            return refuse_row(source, row_offset, diagnostics, entries, columns);
        entries = 0;
    }
    if (rows == 0 || rows != columns)
        return refuse_shape(source, row_offset, diagnostics, rows, columns);
    if (rows > ROWS_MAX) {
        base_diagnose(diagnostics, BASE_ERROR, latency_place(source, 0), NULL, "the matrix has %u rows, at most %d go",
                      rows, ROWS_MAX);
        return -EINVAL;
    }
    return (int) rows;
}

/* Reads all entries into narrow or wide. 1: one does not fit into narrow. */
static int read_entries(const struct base_source *source, struct latency_scale scale, uint32_t *narrow, uint64_t *wide,
                        struct base_diagnostics *diagnostics)
{
    struct scanner scanner = {.source = source};
    struct cell cell;
    int result = 0;
    for (size_t i = 0; next_cell(&scanner, &cell); i++) {
        uint64_t delay_ns = 0;
        int read = latency_read_cell(source, cell.offset, cell.length, scale, &delay_ns, diagnostics);
        if (read < 0)
            result = read;
        if (diagnostics->error_count >= BASE_DIAGNOSTIC_MAX)
            return -EINVAL;
        if (wide)
            wide[i] = delay_ns;
        else if (delay_ns > UINT32_MAX)
            return result < 0 ? result : 1;
        else
            narrow[i] = (uint32_t) delay_ns;
    }
    return result;
}

int latency_square_read(struct latency_square *square, const struct base_source *source, struct latency_scale scale,
                        struct base_arena *arena, struct base_diagnostics *diagnostics)
{
    int rows = measure(source, diagnostics);
    if (rows < 0)
        return rows;
    size_t entries = (size_t) rows * (size_t) rows;
    uint32_t *narrow = base_arena_array(arena, uint32_t, entries);
    *square = (struct latency_square) {.row_count = (uint32_t) rows, .narrow = narrow};
    int result = read_entries(source, scale, narrow, NULL, diagnostics);
    if (result <= 0)
        return result;
    uint64_t *wide = base_arena_array(arena, uint64_t, entries);
    square->narrow = NULL;
    square->wide = wide;
    return read_entries(source, scale, NULL, wide, diagnostics);
}
