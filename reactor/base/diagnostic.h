/* What a person must act on, with its place in what they wrote.
 *
 * Library folders never print and never exit: they add to a caller-owned struct base_diagnostics and return a negative
 * number; only sim/commands/ prints. Up to 20 are kept; the rest is counted. */
#ifndef REACTOR_BASE_DIAGNOSTIC_H
#define REACTOR_BASE_DIAGNOSTIC_H

#include <stddef.h>
#include <stdint.h>

#include "reactor/api.h"

REACTOR_API_BEGIN

/* A text that places point into: a file, or a --set argument (named "--set KEY=VALUE"). Outlives all its places. */
struct base_source {
    const char *name;
    const char *text;
    size_t length;
};

/* 1-based line and column (in bytes); line 0: the file as a whole; source NULL: nowhere. */
struct base_place {
    const struct base_source *source;
    uint32_t line, column;
};

enum base_severity { BASE_ERROR, BASE_WARNING };

#define BASE_DIAGNOSTIC_MAX 20
#define BASE_DIAGNOSTIC_TEXT_BYTES 320

struct base_diagnostic {
    enum base_severity severity;
    struct base_place place;
    char message[BASE_DIAGNOSTIC_TEXT_BYTES];
    char hint[BASE_DIAGNOSTIC_TEXT_BYTES]; /* "" when there is none; a sentence without its full stop */
};

struct base_diagnostics {
    struct base_diagnostic items[BASE_DIAGNOSTIC_MAX];
    uint32_t count;         /* kept */
    uint32_t error_count;   /* seen, kept or not */
    uint32_t warning_count; /* seen, kept or not */
};

/* Adds one; hint may be NULL. An error past the 20th replaces the last warning kept, if any. */
void base_diagnose(struct base_diagnostics *diagnostics, enum base_severity severity, struct base_place place,
                   const char *hint, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Writes one into text, NUL-terminated, cut at bytes; returns the length that the whole would have (as snprintf):
 *   FILE:LINE:COLUMN: error: MESSAGE
 *      12 | overlay: {protocol: chrod}
 *         |                     ^
 *         = HINT
 * Every line ends in a newline, the last one too. Tabs and control characters of the source line print as spaces,
 * bytes that are not UTF-8 as "?", long lines are windowed around the caret (100 columns), which is placed by
 * characters. Without a source there is no place; with line 0 only "FILE: error: ...". */
size_t base_diagnostic_format(const struct base_diagnostic *diagnostic, char *text, size_t bytes);

/* The nearest of count names to word by edit distance (a transposition counts one), or NULL when none is near enough
 * (at most a third of its length, at least 1). Names are reached through name_at(context, i). */
const char *base_nearest_name(const char *word, size_t count, const char *(*name_at)(const void *context, size_t i),
                              const void *context);

REACTOR_API_END

#endif
