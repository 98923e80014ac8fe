/* How all commands print: numbers for people, tables, colours, text that leaves the terminal alone. */
#ifndef SIM_COMMANDS_PRINT_H
#define SIM_COMMANDS_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "reactor/base/diagnostic.h"
#include "reactor/base/json.h"

#define PRINT_NUMBER_BYTES 48

/* All write into text of PRINT_NUMBER_BYTES and return it. */
const char *print_count(char *text, uint64_t value);     /* 1,234,567 */
const char *print_real(char *text, double value);        /* 12.3, 0.00123, 1,234 */
const char *print_share(char *text, double ratio);       /* 98.7 %; never 100 % unless it is all */
const char *print_bytes(char *text, uint64_t bytes);     /* 12.3 MiB */
const char *print_rate(char *text, double per_s);        /* 1.62 M/s */
const char *print_span(char *text, uint64_t span_ns);    /* 12.3 ms, 2 h 5 min */
const char *print_instant(char *text, uint64_t at_ns);   /* 0:40:00.000000123, to the digit that is not 0 */

/* Text with control characters escaped as in C (\n, \x1b) and bytes that are not UTF-8 as ?. */
void print_clean(FILE *out, const char *text);

enum print_colour { PRINT_PLAIN, PRINT_BOLD, PRINT_DIM, PRINT_GOOD, PRINT_BAD, PRINT_WARN };
/* Whether colours are for this stream: a terminal that is not dumb, and NO_COLOR unset or empty. */
bool print_coloured(FILE *out);
/* printf in a colour, if colours are for stdout. */
void print_in(enum print_colour colour, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Columns of the terminal behind stdout; 0: it is none, and nothing needs to be cut. */
uint32_t print_width(void);

#define PRINT_COLUMNS 80 /* what all output tries to fit */

/* Text broken at blanks and newlines to fit. */
void print_paragraph(const char *text);

/* "NAME  TEXT" with TEXT broken at blanks to fit, its further lines indented below its beginning. */
void print_term(const char *name, uint32_t indent, const char *text);

/* A table on stdout: widths are those of the first rows, numbers stand to the right, names of columns are broken at _
 * where that helps to fit, text is cut only on a terminal. Rows stream once the widths are known. */
struct print_column {
    const char *name, *unit; /* unit "" or NULL: none */
};
struct print_cell {
    const char *text; /* borrowed for the call; NULL: nothing is known */
    bool number;
};
struct print_table; /* opaque */
struct print_table *print_table_create(const struct print_column *columns, uint32_t column_count); /* copied */
void print_table_row(struct print_table *table, const struct print_cell *cells);
void print_table_finish(struct print_table *table); /* prints what is left, frees */

/* All diagnostics to stderr, and how many more there were. */
void print_diagnostics(const struct base_diagnostics *diagnostics);

/* Whether what was written to stdout so far could be; commands that stream stop when not. */
bool print_good(void);
/* Flushes stdout: true, or false after telling what failed (a closed pipe goes without saying). */
bool print_finish(void);

#endif
