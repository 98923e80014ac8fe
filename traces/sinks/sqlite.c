/* The trace as an SQLite file.
 *
 * While the run goes on the file is in WAL mode, so that others can read it; commits do not wait for the disk
 * (synchronous=OFF: after SIGKILL everything committed is there, as the system holds it; only a loss of power may cost
 * the file). At the end it leaves WAL mode, gets its indexes and is synced once. */
#include "traces/sinks/sink.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reactor/base/assert.h"
#include "traces/sinks/batch_table.h"
#include "traces/sinks/index_build.h"
#include "traces/sinks/peer_table.h"
#include "traces/sinks/trace_file.h"
#include "traces/sql.h"

struct trace_sink {
    sqlite3 *database;
    sqlite3_stmt *insert[TRACE_SQL_TABLE_COUNT];
    struct trace_batch_source source;
    struct trace_peers peers;
    char *path;
    int file; /* holds the lock of trace_file_create */
    bool in_transaction, index;
    bool (*progress)(void *context, const char *what, uint32_t per_mille);
    void *progress_context;
};

/* What the system said to the last failed call on a file; 0: it did not. A commit that could not be written leaves it
 * with the log only. */
static int system_error_of(sqlite3 *database)
{
    sqlite3_file *log = NULL;
    int error = database ? sqlite3_system_errno(database) : 0;
    if (!database || error > 0)
        return error;
    if (sqlite3_file_control(database, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log && log->pMethods)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    return error;
}

/* -errno for a failed call: a full disk and its like are told from damage and from mistakes of ours. */
static int error_of(sqlite3 *database, int code)
{
    int system;
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW: return 0;
    case SQLITE_FULL: return -ENOSPC;
    case SQLITE_NOMEM: return -ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return -EBUSY;
    case SQLITE_READONLY: return -EROFS;
    case SQLITE_INTERRUPT: return -EINTR; /* progress wanted no more */
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: return (system = system_error_of(database)) > 0 ? -system : -EIO;
    default: return -EIO;
    }
}

static int execute(struct trace_sink *sink, const char *sql)
{
    return error_of(sink->database, sqlite3_exec(sink->database, sql, NULL, NULL, NULL));
}

static int run_statement(struct trace_sink *sink, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    int error = error_of(sink->database, code);
    sqlite3_reset(statement);
    return error;
}

/* ---- opening ---- */

/* 16 KiB pages, 390 messages each: between 4 and 64 KiB the size makes less difference than the machine's noise. The cache
 * holds the pages of one commit, and the log is folded back after about each (4 MiB), so that both stay in the processor's
 * cache: a tenth less than with a log of 32 MiB. 10 s of patience for somebody else's lock. */
static int configure(struct trace_sink *sink)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "PRAGMA page_size=16384; PRAGMA auto_vacuum=NONE; PRAGMA secure_delete=OFF; PRAGMA application_id=%d;"
             "PRAGMA user_version=%d; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
             "PRAGMA wal_autocheckpoint=256; PRAGMA cache_size=-8192; PRAGMA temp_store=FILE;",
             TRACE_APPLICATION_ID, TRACE_SCHEMA_VERSION);
    sqlite3_busy_timeout(sink->database, 10000);
    return execute(sink, sql);
}

static int create_tables(struct trace_sink *sink)
{
    int error = execute(sink, "BEGIN");
    if (!error)
        error = execute(sink, trace_schema_sql);
    if (!error)
        error = execute(sink, trace_views_sql);
    if (!error)
        error = execute(sink, "CREATE TEMP TABLE duplicate(broadcast INTEGER, peer INTEGER, duplicates INTEGER,"
                              " PRIMARY KEY(broadcast, peer)) WITHOUT ROWID;" /* untyped, its key would not be used */
                              "INSERT INTO run VALUES('status', 'running')");
    return error;
}

static int prepare(struct trace_sink *sink, const char *sql, sqlite3_stmt **statement)
{
    return error_of(sink->database, sqlite3_prepare_v2(sink->database, sql, -1, statement, NULL));
}

static int write_names(struct trace_sink *sink, const char *sql, const struct trace_name_list *names)
{
    sqlite3_stmt *statement;
    int error = prepare(sink, sql, &statement);
    for (uint32_t i = 0; !error && i < names->count; i++) {
        sqlite3_bind_int64(statement, 1, i);
        sqlite3_bind_text(statement, 2, names->names[i], -1, SQLITE_STATIC);
        error = run_statement(sink, statement);
    }
    sqlite3_finalize(statement);
    return error;
}

static int hash_text(const struct trace_input *input, char hex[65])
{
    unsigned char digest[32];
    if (!EVP_Digest(input->content, input->length, digest, NULL, EVP_sha256(), NULL))
        return -EIO;
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

static int write_inputs(struct trace_sink *sink, const struct trace_options *options)
{
    sqlite3_stmt *statement;
    int error = prepare(sink, "INSERT INTO input VALUES(?, ?, ?)", &statement);
    for (uint32_t i = 0; !error && i < options->input_count; i++) {
        const struct trace_input *input = &options->inputs[i];
        char hex[65];
        error = hash_text(input, hex);
        sqlite3_bind_text(statement, 1, input->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, hex, -1, SQLITE_STATIC);
        sqlite3_bind_text64(statement, 3, input->content, input->length, SQLITE_STATIC, SQLITE_UTF8);
        if (!error)
            error = run_statement(sink, statement);
    }
    sqlite3_finalize(statement);
    return error;
}

static int copy_names(struct trace_name_list *copy, const struct trace_name_list *names)
{
    const char **list = calloc(names->count + 1, sizeof *list);
    copy->names = list;
    for (uint32_t i = 0; list && i < names->count; i++, copy->count++)
        if (!(list[i] = strdup(names->names[i])))
            return -ENOMEM;
    return list ? 0 : -ENOMEM;
}

static void free_names(struct trace_name_list *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free((char *) (uintptr_t) names->names[i]);
    free((void *) (uintptr_t) names->names);
}

static int prepare_inserts(struct trace_sink *sink, const struct trace_options *options)
{
    int error = copy_names(&sink->source.neighbour_tables, &options->names.neighbour_tables);
    if (!error)
        error = copy_names(&sink->source.metrics, &options->names.metrics);
    if (!error)
        error = error_of(sink->database, trace_batch_tables_register(sink->database, &sink->source));
    for (int i = 0; !error && i < TRACE_SQL_TABLE_COUNT; i++)
        error = error_of(sink->database,
                         trace_batch_table_prepare(sink->database, (enum trace_table) i, &sink->insert[i]));
    return error;
}

static int fill(struct trace_sink *sink, const struct trace_options *options)
{
    int error = configure(sink);
    if (!error)
        error = create_tables(sink);
    if (!error)
        error = write_names(sink, "INSERT INTO fate VALUES(?, ?)", &options->names.fates);
    if (!error)
        error = write_names(sink, "INSERT INTO message_kind VALUES(?, ?)", &options->names.message_kinds);
    if (!error)
        error = write_names(sink, "INSERT INTO event_kind VALUES(?, ?)", &options->names.event_kinds);
    if (!error)
        error = write_inputs(sink, options);
    if (!error)
        error = execute(sink, "COMMIT");
    if (!error)
        error = error_of(sink->database, trace_peers_open(sink->database, options, &sink->peers));
    if (!error)
        error = prepare_inserts(sink, options);
    return error;
}

static int close_database(struct trace_sink *sink)
{
    trace_peers_close(&sink->peers);
    for (int i = 0; i < TRACE_SQL_TABLE_COUNT; i++)
        sqlite3_finalize(sink->insert[i]);
    return error_of(NULL, sqlite3_close(sink->database));
}

static void free_sink(struct trace_sink *sink)
{
    free_names(&sink->source.neighbour_tables);
    free_names(&sink->source.metrics);
    free(sink->path);
    free(sink);
}

static int open_database(struct trace_sink *sink, const struct trace_options *options)
{
    char *name = trace_file_sqlite_name(options->path);
    if (!name)
        return -ENOMEM;
    int error = error_of(NULL, sqlite3_open_v2(name, &sink->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    free(name);
    return error ? error : fill(sink, options);
}

static int sqlite_open(struct trace_sink **out, const struct trace_options *options,
                       struct base_diagnostics *diagnostics)
{
    int file = trace_file_create(options->path, diagnostics);
    if (file < 0)
        return file;
    struct trace_sink *sink = calloc(1, sizeof *sink);
    int error = sink && (sink->path = strdup(options->path)) ? open_database(sink, options) : -ENOMEM;
    if (!error) {
        sink->file = file;
        sink->index = options->index;
        sink->progress = options->progress;
        sink->progress_context = options->progress_context;
        *out = sink;
        return 0;
    }
    struct base_place nowhere = {0};
    base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "cannot begin the trace %s: %s", options->path,
                  strerror(-error));
    if (sink) {
        close_database(sink);
        free_sink(sink);
    }
    trace_file_remove(options->path);
    close(file);
    return error;
}

/* ---- writing ---- */

static int sqlite_write_peers(struct trace_sink *sink, uint32_t *written)
{
    int error = error_of(sink->database, trace_peers_write_some(&sink->peers));
    *written = sink->peers.end;
    return error;
}

static int sqlite_write(struct trace_sink *sink, const struct trace_batch *batch)
{
    int error = sink->in_transaction ? 0 : execute(sink, "BEGIN IMMEDIATE");
    if (error)
        return error;
    sink->in_transaction = true;
    sink->source.batch = batch;
    base_assert(batch->table < TRACE_SQL_TABLE_COUNT);
    return run_statement(sink, sink->insert[batch->table]);
}

static int sqlite_commit(struct trace_sink *sink)
{
    if (!sink->in_transaction)
        return 0;
    sink->in_transaction = false;
    return execute(sink, "COMMIT");
}

static uint64_t sqlite_bytes(const struct trace_sink *sink)
{
    return trace_file_bytes(sink->path);
}

/* ---- the end ---- */

/* A peer that got a broadcast in two of its lives has two rows: what came again counts with the first. */
static const char add_duplicates_sql[] =
    "UPDATE delivery SET duplicates = delivery.duplicates + again.duplicates FROM ("
    "  SELECT min(first.rowid) AS first, d.duplicates FROM delivery AS first"
    "  CROSS JOIN temp.duplicate AS d ON d.broadcast = first.broadcast AND d.peer = first.peer"
    "  GROUP BY d.broadcast, d.peer) AS again "
    "WHERE delivery.rowid = again.first";

static int write_status(struct trace_sink *sink, const char *status)
{
    sqlite3_stmt *statement;
    int error = prepare(sink, "UPDATE run SET value = ? WHERE key = 'status'", &statement);
    if (!error) {
        sqlite3_bind_text(statement, 1, status, -1, SQLITE_STATIC);
        error = run_statement(sink, statement);
    }
    sqlite3_finalize(statement);
    return error;
}

/* The log is folded into the file. Somebody who still reads keeps it in WAL mode: then the last one to close does that. */
static int leave_log(struct trace_sink *sink)
{
    int error = execute(sink, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE");
    return error == -EBUSY ? 0 : error;
}

static int complete(struct trace_sink *sink, const char *status)
{
    int error = execute(sink, "BEGIN IMMEDIATE");
    if (!error)
        error = execute(sink, add_duplicates_sql);
    if (!error)
        error = write_status(sink, status);
    if (!error)
        error = execute(sink, "COMMIT");
    if (!error)
        error = leave_log(sink);
    return error;
}

/* A failure here costs the index only: the rows are whole and the status stays. */
static int build_indexes(struct trace_sink *sink)
{
    int error = error_of(sink->database, trace_index_build(sink->database, sink->progress, sink->progress_context));
    if (error && !sqlite3_get_autocommit(sink->database))
        (void) execute(sink, "ROLLBACK");
    return error == -EINTR ? 0 : error;
}

/* After a failure what was committed stays; that it is incomplete is written if there is room for as much. */
static void give_up(struct trace_sink *sink)
{
    if (!sqlite3_get_autocommit(sink->database))
        (void) execute(sink, "ROLLBACK");
    (void) write_status(sink, "interrupted");
    (void) leave_log(sink);
}

static int sqlite_finish(struct trace_sink *sink, const char *status, int error, uint64_t *bytes,
                         struct base_diagnostics *diagnostics)
{
    if (!error)
        error = complete(sink, status);
    if (error)
        give_up(sink);
    else if (sink->index)
        error = build_indexes(sink);
    int close_error = close_database(sink);
    if (!error)
        error = close_error ? close_error : fsync(sink->file) < 0 ? -errno : 0;
    close(sink->file);
    *bytes = trace_file_bytes(sink->path);
    struct base_place nowhere = {0};
    if (error)
        base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "the trace %s is not whole: %s", sink->path,
                      strerror(-error));
    free_sink(sink);
    return error;
}

const struct trace_sink_ops trace_sink_sqlite = {
    .name = "sqlite",
    .open = sqlite_open,
    .write = sqlite_write,
    .commit = sqlite_commit,
    .finish = sqlite_finish,
    .bytes = sqlite_bytes,
    .write_peers = sqlite_write_peers,
};
