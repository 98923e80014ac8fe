/* A batch seen by SQLite as a table: a virtual table whose columns are read straight from the records, so that writing
 * a batch is one INSERT INTO message(...) SELECT * FROM batch_message, without binding or stepping a row at a time. */
#ifndef TRACES_SINKS_BATCH_TABLE_H
#define TRACES_SINKS_BATCH_TABLE_H

#include <sqlite3.h>

#include "traces/sinks/sink.h"

/* What is read by all the tables of one connection. */
struct trace_batch_source {
    const struct trace_batch *batch; /* the one being written */
    struct trace_name_list neighbour_tables, metrics;
};

/* The statement that writes a batch of the table. The module must be registered. */
int trace_batch_table_prepare(sqlite3 *database, enum trace_table table, sqlite3_stmt **statement);

/* Registers the module of each table; source is borrowed. An SQLite result code. */
int trace_batch_tables_register(sqlite3 *database, struct trace_batch_source *source);

#endif
