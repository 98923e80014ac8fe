/* The peers of a run seen by SQLite as a table, each row asked for as it is read: filling `peer` is a few
 * INSERT ... SELECT, as with batches. */
#ifndef TRACES_SINKS_PEER_TABLE_H
#define TRACES_SINKS_PEER_TABLE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "traces/trace.h"

/* Fills `peer`, a transaction for every so many rows (none may be open), telling options->progress. An SQLite result
 * code; SQLITE_INTERRUPT when progress wanted no more. */
int trace_peers_write(sqlite3 *database, const struct trace_options *options);

#endif
