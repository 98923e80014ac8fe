/* The file under a trace: making way for a new one without ever destroying what is not a trace. */
#ifndef TRACES_SINKS_TRACE_FILE_H
#define TRACES_SINKS_TRACE_FILE_H

#include "reactor/base/diagnostic.h"

/* Removes an older trace at path with what SQLite left beside it (-wal, -shm, -journal), and makes an empty file there:
 * its descriptor, to be closed after SQLite's own. As long as that is open, this call refuses the path in any process;
 * the lock (flock, which SQLite's do not meet) ends with its process. -EEXIST: something else is there, -EBUSY: a trace
 * that is being written (both untouched); or -errno. Diagnosed. */
int trace_file_create(const char *path, struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));

void trace_file_remove(const char *path); /* the file and what is beside it */
uint64_t trace_file_bytes(const char *path); /* with its -wal; 0 when it is not there */

/* What to hand to sqlite3_open for path: a copy (free()) that SQLite takes for neither a URI nor ":memory:". */
char *trace_file_sqlite_name(const char *path);

#endif
