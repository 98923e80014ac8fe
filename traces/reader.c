#include "traces/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "traces/sinks/trace_file.h"
#include "traces/sql.h"

static int errno_of(sqlite3 *database)
{
    int system = sqlite3_system_errno(database);
    switch (sqlite3_errcode(database) & 0xff) {
    case SQLITE_NOTADB: return -EINVAL;
    case SQLITE_CORRUPT: return -EBADMSG;
    case SQLITE_NOMEM: return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return -EBUSY;
    case SQLITE_FULL: return -ENOSPC; /* for its temporary files */
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR: return system > 0 ? -system : -EIO;
    default: return -EINVAL; /* a mistake in the question */
    }
}

static struct base_place place_of(const struct base_source *sql, int offset)
{
    struct base_place place = {.source = sql};
    if (!sql || offset < 0 || (size_t) offset > sql->length)
        return place;
    place.line = place.column = 1;
    for (int i = 0; i < offset; i++, place.column++)
        if (sql->text[i] == '\n') {
            place.line++;
            place.column = 0;
        }
    return place;
}

int trace_reader_diagnose(struct trace_reader *reader, const struct base_source *sql,
                          struct base_diagnostics *diagnostics)
{
    struct base_place place = place_of(sql, sqlite3_error_offset(reader->database));
    base_diagnose(diagnostics, BASE_ERROR, place, NULL, "%s", sqlite3_errmsg(reader->database));
    return errno_of(reader->database);
}

/* ---- opening ---- */

/* PRAGMA application_id or user_version; -1 when it cannot be read. */
static int64_t read_pragma(sqlite3 *database, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static int check_trace(struct trace_reader *reader, const char *path, struct base_diagnostics *diagnostics)
{
    struct base_place nowhere = {0};
    int64_t application = read_pragma(reader->database, "PRAGMA application_id");
    if (application < 0) {
        int error = errno_of(reader->database);
        base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "%s is not a peerlab trace, or is damaged: %s", path,
                      sqlite3_errmsg(reader->database));
        return error;
    }
    if (application != TRACE_APPLICATION_ID) {
        base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "%s is not a peerlab trace", path);
        return -EINVAL;
    }
    int64_t version = read_pragma(reader->database, "PRAGMA user_version");
    if (version != TRACE_SCHEMA_VERSION) {
        base_diagnose(diagnostics, BASE_ERROR, nowhere, "read it with the peerlab that wrote it, or with sqlite3",
                      "%s has trace schema %lld; this peerlab reads %d", path, (long long) version,
                      TRACE_SCHEMA_VERSION);
        return -ENOTSUP;
    }
    if (sqlite3_exec(reader->database, "SELECT 1 FROM run, timeline LIMIT 0", NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    int error = errno_of(reader->database);
    base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "%s is damaged: %s", path,
                  sqlite3_errmsg(reader->database));
    return error == -EINVAL ? -EBADMSG : error;
}

static int open_file(struct trace_reader *reader, const char *path, struct base_diagnostics *diagnostics)
{
    struct stat status;
    struct base_place nowhere = {0};
    int error = stat(path, &status) < 0 ? -errno : S_ISDIR(status.st_mode) ? -EISDIR : 0;
    if (error) {
        base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "cannot read the trace %s: %s", path, strerror(-error));
        return error;
    }
    char *name = trace_file_sqlite_name(path);
    if (!name)
        return -ENOMEM;
    int code = sqlite3_open_v2(name, &reader->database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    free(name);
    if (code != SQLITE_OK)
        return reader->database ? trace_reader_diagnose(reader, NULL, diagnostics) : -ENOMEM;
    /* Patience for the moments in which the writer changes the file's mode. */
    sqlite3_busy_timeout(reader->database, 10000);
    /* Rows behind an index lie anywhere in the file: mapped, they cost no system call each (9 s to 1 s for 5 M). */
    (void) sqlite3_exec(reader->database, "PRAGMA mmap_size=2147418112", NULL, NULL, NULL);
    return check_trace(reader, path, diagnostics);
}

int trace_reader_open(struct trace_reader **out, const char *path, struct base_diagnostics *diagnostics)
{
    struct trace_reader *reader = calloc(1, sizeof *reader);
    int error = reader ? open_file(reader, path, diagnostics) : -ENOMEM;
    if (!error)
        *out = reader;
    else if (reader)
        trace_reader_close(reader);
    return error;
}

void trace_reader_close(struct trace_reader *reader)
{
    if (!reader)
        return;
    sqlite3_close(reader->database);
    free((char *) (uintptr_t) reader->sql.text);
    free(reader);
}

/* ---- what the run says of itself ---- */

char *trace_reader_run_value(struct trace_reader *reader, const char *key)
{
    sqlite3_stmt *statement = NULL;
    char *value = NULL;
    if (sqlite3_prepare_v2(reader->database, "SELECT value FROM run WHERE key = ?", -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
        if (sqlite3_step(statement) == SQLITE_ROW)
            value = strdup((const char *) sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return value;
}

int trace_reader_inputs(struct trace_reader *reader,
                        void (*each)(void *context, const char *name, const char *content, size_t length),
                        void *context)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(reader->database, "SELECT name, content FROM input ORDER BY rowid", -1, &statement, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *name = (const char *) sqlite3_column_text(statement, 0);
        const char *content = (const char *) sqlite3_column_text(statement, 1);
        each(context, name, content, (size_t) sqlite3_column_bytes(statement, 1));
        code = SQLITE_OK;
    }
    int error = code == SQLITE_DONE ? 0 : errno_of(reader->database);
    sqlite3_finalize(statement);
    return error;
}
