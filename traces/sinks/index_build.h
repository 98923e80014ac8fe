/* Indexes, when the run has ended. */
#ifndef TRACES_SINKS_INDEX_BUILD_H
#define TRACES_SINKS_INDEX_BUILD_H

#include <sqlite3.h>
#include <stdint.h>

/* Runs the statements of indexes.sql; progress (may be NULL) hears of each "index NAME" from 0 to 1000 per mille. An
 * SQLite result code. */
int trace_index_build(sqlite3 *database, void (*progress)(void *context, const char *what, uint32_t per_mille),
                      void *context);

#endif
