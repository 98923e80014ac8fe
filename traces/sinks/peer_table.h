/* The peers of a run seen by SQLite as a table, each row asked for as it is read: filling `peer` is a few
 * INSERT ... SELECT, as with batches. */
#ifndef TRACES_SINKS_PEER_TABLE_H
#define TRACES_SINKS_PEER_TABLE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "traces/trace.h"

/* What has been written, and what the table shows: peers first to end. */
struct trace_peers {
    void (*peer)(void *context, uint32_t peer, struct trace_peer *row); /* as the options have them */
    void *peer_context;
    uint32_t peer_count, first, end;
    sqlite3_stmt *insert;
};

/* An SQLite result code. peers: where it is until the connection is closed. */
int trace_peers_open(sqlite3 *database, const struct trace_options *options, struct trace_peers *peers);
/* Fills `peer` with the next so many rows, a transaction (none may be open). An SQLite result code. */
int trace_peers_write_some(struct trace_peers *peers);
void trace_peers_close(struct trace_peers *peers);

#endif
