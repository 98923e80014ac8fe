/* Indexes, when the run has ended. */
#ifndef TRACES_SINKS_INDEX_BUILD_H
#define TRACES_SINKS_INDEX_BUILD_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* Runs the statements of indexes.sql; progress (may be NULL) hears of "indexing" from 0 to 1000 per mille, of all of
 * them. An SQLite result code; SQLITE_INTERRUPT when progress wanted no more: those that were built stay. */
int trace_index_build(sqlite3 *database, bool (*progress)(void *context, const char *what, uint32_t per_mille),
                      void *context);

#endif
