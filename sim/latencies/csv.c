#include "sim/latencies/csv.h"

#include <string.h>

struct latency_csv latency_csv_start(const struct base_source *source, struct base_arena *arena)
{
    bool marked = source->length >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0;
    return (struct latency_csv) {.source = source, .arena = arena, .offset = marked ? 3 : 0};
}

/* The byte at an offset; '\n' at the end of the file, which ends its last row too. */
static char byte_at(const struct latency_csv *csv, size_t offset)
{
    return offset < csv->source->length ? csv->source->text[offset] : '\n';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct latency_csv *csv)
{
    while (is_blank(byte_at(csv, csv->offset)))
        csv->offset++;
}

/* To the first line that has cells; false: there is none. */
static bool find_row(struct latency_csv *csv)
{
    while (csv->offset < csv->source->length) {
        skip_blanks(csv);
        if (byte_at(csv, csv->offset) != '\n' && byte_at(csv, csv->offset) != '#')
            return true;
        while (byte_at(csv, csv->offset) != '\n')
            csv->offset++;
        csv->offset++;
    }
    return false;
}

static void read_plain(struct latency_csv *csv, struct latency_csv_cell *cell)
{
    size_t end = csv->offset;
    while (byte_at(csv, end) != ',' && byte_at(csv, end) != '\n')
        end++;
    cell->offset = csv->offset;
    csv->offset = end;
    while (end > cell->offset && is_blank(byte_at(csv, end - 1)))
        end--;
    cell->length = end - cell->offset;
    cell->text = csv->source->text + cell->offset;
}

static const char *without_doubled_quotes(struct latency_csv *csv, struct latency_csv_cell *cell)
{
    char *copy = base_arena_copy_text(csv->arena, cell->text, cell->length);
    size_t length = 0;
    for (size_t i = 0; i < cell->length; i++) {
        copy[length++] = copy[i];
        i += copy[i] == '"';
    }
    cell->length = length;
    return copy;
}

/* The offset is behind the opening quote. */
static bool read_quoted(struct latency_csv *csv, struct latency_csv_cell *cell)
{
    bool doubled = false;
    cell->offset = csv->offset;
    cell->text = csv->source->text + csv->offset;
    for (;; csv->offset++) {
        if (csv->offset >= csv->source->length)
            return false;
        if (csv->source->text[csv->offset] != '"')
            continue;
        if (byte_at(csv, csv->offset + 1) != '"')
            break;
        doubled = true;
        csv->offset++;
    }
    cell->length = csv->offset - cell->offset;
    csv->offset++;
    if (doubled)
        cell->text = without_doubled_quotes(csv, cell);
    skip_blanks(csv);
    return byte_at(csv, csv->offset) == ',' || byte_at(csv, csv->offset) == '\n';
}

enum latency_csv_result latency_csv_next(struct latency_csv *csv, struct latency_csv_cell *cell)
{
    if (!csv->in_row && !find_row(csv))
        return LATENCY_CSV_END;
    skip_blanks(csv);
    if (byte_at(csv, csv->offset) == '"') {
        csv->offset++;
        if (!read_quoted(csv, cell))
            return LATENCY_CSV_MALFORMED;
    } else {
        read_plain(csv, cell);
    }
    cell->ends_row = byte_at(csv, csv->offset) == '\n';
    csv->in_row = !cell->ends_row;
    csv->offset++;
    return LATENCY_CSV_CELL;
}
