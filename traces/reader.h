/* What the files behind query.h share: an opened trace. */
#ifndef TRACES_READER_H
#define TRACES_READER_H

#include <sqlite3.h>

#include "traces/query.h"

struct trace_reader {
    sqlite3 *database;
    struct base_source sql; /* of the last run: what diagnostics point into */
};

/* Adds what SQLite says of the last call, with its place in sql (may be NULL). Returns -errno. */
int trace_reader_diagnose(struct trace_reader *reader, const struct base_source *sql,
                          struct base_diagnostics *diagnostics);

#endif
