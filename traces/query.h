/* Questions to a trace: named queries (queries/NAME.sql, embedded at build time) or SQL, read-only.
 *
 * A query file begins with a comment that `peerlab query` shows:
 *   -- PURPOSE, one line
 *   -- parameters: name (type, default): sentence      -- one line each, or "none"
 *   -- columns: name (unit): sentence                   -- one line each
 *   -- example: peerlab query trace.db NAME KEY=VALUE
 * and takes its parameters as :name bindings. Types are text, integer, number, integer > 0, number > 0, and peer,
 * lookup, broadcast: the name or index of a peer, an id, of what is in the trace. */
#ifndef TRACES_QUERY_H
#define TRACES_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/base/diagnostic.h"

struct trace_query_parameter {
    const char *name, *type, *default_text, *about; /* default_text NULL: required */
};
struct trace_query_column {
    const char *name, *unit, *about; /* unit "" when there is none */
};
struct trace_query {
    const char *name, *purpose, *sql, *example;
    const struct trace_query_parameter *parameters;
    uint32_t parameter_count;
    const struct trace_query_column *columns;
    uint32_t column_count;
};
extern const struct trace_query *const trace_queries[]; /* NULL-terminated, by name */
const struct trace_query *trace_query_find(const char *name);

struct trace_reader; /* an opened trace: read-only, works while the run goes on */
/* 0, or negative with a diagnostic: not there, not a trace, a schema version that is not ours, damaged. */
int trace_reader_open(struct trace_reader **reader, const char *path, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));
void trace_reader_close(struct trace_reader *reader); /* NULL is fine */

enum trace_value_type { TRACE_NULL, TRACE_INTEGER, TRACE_REAL, TRACE_TEXT };
struct trace_value {
    enum trace_value_type type;
    int64_t integer;
    double real;
    const char *text; /* any type's text form; valid during the row's call */
};
struct trace_rows { /* called back */
    void *context;
    void (*header)(void *context, uint32_t column_count, const char *const *names);
    int (*row)(void *context, uint32_t column_count, const struct trace_value *values); /* non-zero stops */
};
/* Runs a named query (arguments "KEY=VALUE") or plain SQL. Read-only: writes are refused by an authorizer. 0, or
 * negative with a diagnostic (place within the SQL where SQLite tells it, good until the reader's next run or close;
 * nearest query or parameter name as hint). In plain SQL an argument is a number if it reads as one. */
int trace_query_run(struct trace_reader *reader, const char *name_or_sql, const char *const *arguments,
                    uint32_t argument_count, const struct trace_rows *rows, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));

/* run.key as text (caller frees with free()), or NULL. */
char *trace_reader_run_value(struct trace_reader *reader, const char *key);
/* Calls each for every input file of the run, in order. */
int trace_reader_inputs(struct trace_reader *reader, void (*each)(void *context, const char *name, const char *content,
                                                                  size_t length), void *context);

/* The first event in which two traces differ: both in the order of their timelines. Where the run values `record` or
 * `sample` differ, so must the timelines, and note says it. */
struct trace_difference {
    bool differs;
    char *note;             /* NULL, or a sentence */
    uint64_t compared;      /* events that were the same before it */
    char *a, *b;            /* the event as one line of text each; NULL: that trace had ended */
    char *a_path, *b_path;  /* what led to it: the causal path, a line each, oldest first; "" when unknown */
};
int trace_compare(struct trace_reader *a, struct trace_reader *b, struct trace_difference *difference,
                  struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));
void trace_difference_done(struct trace_difference *difference);

#endif
