/* Tables: the first rows are kept until their widths are known, all others stream. */
#include <stdlib.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/utf8.h"
#include "sim/commands/print.h"

#define ROWS_KEPT 1000
#define COLUMN_WIDTH_LEAST 8 /* no column is cut to less */

struct column {
    char *name, *unit;
    uint32_t width;     /* of the widest cell; then of the whole column */
    bool text; /* a cell was no number: stands to the left */
    bool number;
};

struct print_table {
    struct column *columns;
    uint32_t column_count;
    char **cells; /* of the rows kept, cleaned */
    uint32_t row_count;
    bool streams; /* widths are known, the header is printed */
};

/* Most cells are: then nothing needs to be cleaned, and a million rows stream twice as fast. */
static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static char *copy_clean(const char *text)
{
    char *copy = is_plain(text) ? strdup(text) : NULL;
    if (copy)
        return copy;
    size_t bytes;
    FILE *out = open_memstream(&copy, &bytes);
    base_assert(out);
    print_clean(out, text);
    fclose(out);
    return copy;
}

static uint32_t characters(const char *text)
{
    uint32_t count = 0;
    for (; *text; text++)
        count += !base_utf8_continues(*text);
    return count;
}

struct print_table *print_table_create(const struct print_column *columns, uint32_t column_count)
{
    struct print_table *table = calloc(1, sizeof *table);
    base_assert(table);
    table->column_count = column_count;
    table->columns = calloc(column_count + 1, sizeof *table->columns);
    table->cells = calloc((size_t) ROWS_KEPT * column_count + 1, sizeof *table->cells);
    base_assert(table->columns && table->cells);
    for (uint32_t i = 0; i < column_count; i++) {
        struct column *column = &table->columns[i];
        column->name = copy_clean(columns[i].name);
        column->unit = copy_clean(columns[i].unit ? columns[i].unit : "");
        column->width = characters(column->unit);
    }
    return table;
}

/* Pads to the column's width, or cuts to it. */
static void put_cell(const struct column *column, const char *text, bool last)
{
    uint32_t length = characters(text), width = column->width;
    bool right = column->number && !column->text;
    if (right && length < width && !(last && !length))
        printf("%*s", (int) (width - length), "");
    if (length <= width || !print_width()) {
        fputs(text, stdout);
    } else {
        const char *end = text;
        for (uint32_t seen = 0; *end && (base_utf8_continues(*end) || seen < width - 1); end++)
            seen += !base_utf8_continues(*end);
        printf("%.*s…", (int) (end - text), text);
    }
    if (!right && !last && length < width)
        printf("%*s", (int) (width - length), "");
    fputs(last ? "\n" : "  ", stdout);
}

/* Bytes of the next line of a header: pieces that end in _ as long as they fit, at least one. */
static size_t header_line(const char *name, uint32_t width)
{
    size_t taken = 0;
    while (name[taken]) {
        size_t piece = strcspn(name + taken, "_") + (strchr(name + taken, '_') != NULL);
        if (taken && taken + piece > width)
            break;
        taken += piece;
    }
    return taken;
}

static uint32_t total_width(const struct print_table *table)
{
    uint32_t total = 2 * (table->column_count - 1);
    for (uint32_t i = 0; i < table->column_count; i++)
        total += table->columns[i].width;
    return total;
}

/* Columns become as wide as their names, or, where the whole would not fit, as the widest piece of it. */
static void widen_for_names(struct print_table *table, bool in_pieces)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        struct column *column = &table->columns[i];
        uint32_t need = in_pieces ? 0 : characters(column->name);
        for (const char *at = column->name; in_pieces && *at;) {
            size_t piece = header_line(at, 0);
            need = piece > need ? (uint32_t) piece : need;
            at += piece;
        }
        column->width = need > column->width ? need : column->width;
    }
}

/* On a terminal the widest texts give way until the line fits. */
static void fit(struct print_table *table)
{
    uint32_t room = print_width(), names = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        uint32_t length = characters(column->name);
        names += length > column->width ? length - column->width : 0;
    }
    widen_for_names(table, total_width(table) + names > (room ? room : PRINT_COLUMNS));
    uint32_t total = total_width(table);
    while (room && total > room) {
        struct column *widest = NULL;
        for (uint32_t i = 0; i < table->column_count; i++)
            if (table->columns[i].text && (!widest || table->columns[i].width > widest->width))
                widest = &table->columns[i];
        if (!widest || widest->width <= COLUMN_WIDTH_LEAST)
            return;
        widest->width--;
        total--;
    }
}

static void put_rule(const struct print_table *table)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        for (uint32_t j = 0; j < table->columns[i].width; j++)
            putchar('-');
        fputs(i + 1 == table->column_count ? "\n" : "  ", stdout);
    }
}

/* One line of all names; false when there was nothing left of any. */
static bool put_names(const struct print_table *table, size_t *done)
{
    bool any = false;
    for (uint32_t i = 0; i < table->column_count; i++)
        any |= table->columns[i].name[done[i]] != '\0';
    for (uint32_t i = 0; any && i < table->column_count; i++) {
        const struct column *column = &table->columns[i];
        size_t length = header_line(column->name + done[i], column->width);
        char *piece = strndup(column->name + done[i], length);
        base_assert(piece);
        put_cell(column, piece, i + 1 == table->column_count);
        free(piece);
        done[i] += length;
    }
    return any;
}

static void put_header(const struct print_table *table)
{
    size_t *done = calloc(table->column_count + 1, sizeof *done);
    base_assert(done);
    while (put_names(table, done))
        continue;
    free(done);
    bool units = false;
    for (uint32_t i = 0; i < table->column_count; i++)
        units |= table->columns[i].unit[0] != '\0';
    for (uint32_t i = 0; units && i < table->column_count; i++)
        put_cell(&table->columns[i], table->columns[i].unit, i + 1 == table->column_count);
    put_rule(table);
}

static void begin_streaming(struct print_table *table)
{
    table->streams = true;
    fit(table);
    put_header(table);
    for (uint32_t i = 0; i < table->row_count * table->column_count; i++) {
        uint32_t column = i % table->column_count;
        put_cell(&table->columns[column], table->cells[i], column + 1 == table->column_count);
        free(table->cells[i]);
    }
    table->row_count = 0;
}

void print_table_row(struct print_table *table, const struct print_cell *cells)
{
    if (!table->streams && table->row_count == ROWS_KEPT)
        begin_streaming(table);
    for (uint32_t i = 0; i < table->column_count; i++) {
        struct column *column = &table->columns[i];
        const char *raw = cells[i].text ? cells[i].text : "-";
        if (table->streams && is_plain(raw)) {
            put_cell(column, raw, i + 1 == table->column_count);
            continue;
        }
        char *text = copy_clean(raw);
        if (table->streams) {
            put_cell(column, text, i + 1 == table->column_count);
            free(text);
            continue;
        }
        uint32_t width = characters(text);
        column->width = width > column->width ? width : column->width;
        column->number |= cells[i].number;
        column->text |= cells[i].text && !cells[i].number;
        table->cells[table->row_count * table->column_count + i] = text;
    }
    table->row_count += !table->streams;
}

void print_table_finish(struct print_table *table)
{
    if (!table->streams)
        begin_streaming(table);
    for (uint32_t i = 0; i < table->column_count; i++) {
        free(table->columns[i].name);
        free(table->columns[i].unit);
    }
    free(table->columns);
    free(table->cells);
    free(table);
}
