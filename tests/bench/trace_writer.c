/* How fast a trace is written, beside what SQLite can do by itself, in one run:
 *
 *   trace      trace_message -> batches -> writer thread -> SQLite in WAL mode, to a closed file without indexes
 *   table      the same records through the same virtual table, INSERT ... SELECT, one thread, a commit every
 *              8 MiB, no journal: the limit
 *   prepared   one prepared INSERT a row, likewise
 *   append     what recording costs the simulating thread alone (null sink)
 *
 * trace_writer [MILLIONS [DIRECTORY]]; prints JSON. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reactor/base/random.h"
#include "traces/sinks/batch_table.h"
#include "traces/sinks/sink.h"
#include "traces/sql.h"
#include "traces/trace.h"

struct timing {
    double wall_s, thread_s, process_s; /* CPU: of this thread, of all */
};

static double clock_s(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (double) at.tv_sec + (double) at.tv_nsec / 1e9;
}

static struct timing now(void)
{
    return (struct timing) {clock_s(CLOCK_MONOTONIC), clock_s(CLOCK_THREAD_CPUTIME_ID),
                            clock_s(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct timing since(struct timing start)
{
    struct timing end = now();
    return (struct timing) {end.wall_s - start.wall_s, end.thread_s - start.thread_s, end.process_s - start.process_s};
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "trace_writer: %s\n", what);
    exit(1);
}

/* A Kademlia run of 100,000 peers for two hours, as far as the sizes of its columns go. */
static struct trace_message message_at(uint64_t i)
{
    uint64_t bits = base_random_at(42, i);
    uint32_t source = (uint32_t) base_random_below(bits, 100000);
    bool lost = (bits & 255) == 0;
    return (struct trace_message) {
        .sent_at_ns = i * 1000000 + (bits & 0xffff),
        .delay_ns = lost ? TRACE_NONE_U64 : 20000000 + (bits >> 8 & 0x3ffffff),
        .source = source,
        .cause_seq = (uint32_t) (i / 40) + 1,
        .target = (source + 17) % 100000,
        .target_seq = lost ? 0 : (uint32_t) (i / 50) + 1,
        .bytes = 26 + (uint32_t) (bits & 511),
        .kind = (uint8_t) (bits & 3),
        .fate = lost ? 2 : 0,
    };
}

static const char *const kinds[] = {"ping", "pong", "find_node", "nodes"};
static const char *const fates[] = {"delivered", "in_flight", "loss"};

static void name_peer(void *context, uint32_t peer, struct trace_peer *row)
{
    char *text = context;
    snprintf(text, 32, "peer-%u", peer);
    *row = (struct trace_peer) {.name = text, .group_name = "peer", .address = text};
}

static struct timing run_trace(const char *path, uint64_t rows, bool index, struct timing *appending, uint64_t *bytes)
{
    static struct base_diagnostics diagnostics;
    char text[32];
    struct trace_options options = {
        .path = path, .index = index, .peer_count = 1, .peer = name_peer, .peer_context = text,
        .names = {.message_kinds = {kinds, 4}, .fates = {fates, 3}},
    };
    struct trace *trace = NULL;
    if (trace_open(&trace, &options, &diagnostics) < 0)
        fail(diagnostics.items[0].message);
    struct timing start = now();
    for (uint64_t i = 0; i < rows; i++) {
        struct trace_message record = message_at(i);
        trace_message(trace, &record);
    }
    *appending = since(start);
    struct trace_totals totals;
    if (trace_finish(trace, "complete", &totals, &diagnostics) < 0)
        fail(diagnostics.items[0].message);
    *bytes = totals.bytes;
    return since(start);
}

static struct timing run_making(uint64_t rows)
{
    struct timing start = now();
    for (uint64_t i = 0; i < rows; i++) {
        struct trace_message record = message_at(i);
        __asm__ volatile("" : : "r"(&record) : "memory"); /* made, not kept */
    }
    return since(start);
}

static sqlite3 *open_plain(const char *path)
{
    sqlite3 *database;
    unlink(path);
    if (sqlite3_open(path, &database) != SQLITE_OK ||
        sqlite3_exec(database, "PRAGMA page_size=16384; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                               "PRAGMA cache_size=-32768", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(database, trace_schema_sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(path);
    sqlite3_exec(database, "CREATE TEMP TABLE duplicate(broadcast, peer, duplicates)", NULL, NULL, NULL);
    return database;
}

static struct timing run_table(const char *path, uint64_t rows)
{
    sqlite3 *database = open_plain(path);
    sqlite3_stmt *insert;
    struct trace_batch *batch = aligned_alloc(64, TRACE_BATCH_BYTES);
    *batch = (struct trace_batch) {.record_bytes = sizeof(struct trace_message)};
    struct trace_batch_source source = {.batch = batch};
    if (trace_batch_tables_register(database, &source) != SQLITE_OK ||
        trace_batch_table_prepare(database, TRACE_TABLE_MESSAGE, &insert) != SQLITE_OK)
        fail(sqlite3_errmsg(database));
    uint32_t room = TRACE_BATCH_ROOM / batch->record_bytes;
    struct timing start = now();
    uint32_t batches = 0;
    for (uint64_t i = 0; i < rows; batches++) {
        if (batches % 32 == 0)
            sqlite3_exec(database, batches ? "COMMIT; BEGIN" : "BEGIN", NULL, NULL, NULL);
        for (batch->count = 0; i < rows && batch->count < room; i++)
            ((struct trace_message *) (void *) batch->bytes)[batch->count++] = message_at(i);
        if (sqlite3_step(insert) != SQLITE_DONE)
            fail(sqlite3_errmsg(database));
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    sqlite3_exec(database, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(database);
    free(batch);
    return since(start);
}

static void bind_message(sqlite3_stmt *insert, const struct trace_message *record)
{
    sqlite3_bind_int64(insert, 1, (sqlite3_int64) record->sent_at_ns);
    sqlite3_bind_int64(insert, 2, record->source);
    sqlite3_bind_int64(insert, 3, record->cause_seq);
    sqlite3_bind_int64(insert, 4, record->target);
    sqlite3_bind_int64(insert, 6, record->kind);
    sqlite3_bind_int64(insert, 7, record->bytes);
    sqlite3_bind_int64(insert, 9, (sqlite3_int64) record->queue_ns);
    sqlite3_bind_int64(insert, 10, record->fate);
    if (record->target_seq) {
        sqlite3_bind_int64(insert, 5, record->target_seq);
        sqlite3_bind_int64(insert, 8, (sqlite3_int64) record->delay_ns);
    } else {
        sqlite3_bind_null(insert, 5);
        sqlite3_bind_null(insert, 8);
    }
}

static struct timing run_prepared(const char *path, uint64_t rows)
{
    sqlite3 *database = open_plain(path);
    sqlite3_stmt *insert;
    if (sqlite3_prepare_v2(database, "INSERT INTO message VALUES(NULL,?,?,?,?,?,?,?,?,?,?)", -1, &insert, NULL) !=
        SQLITE_OK)
        fail(sqlite3_errmsg(database));
    struct timing start = now();
    for (uint64_t i = 0; i < rows; i++) {
        if (i % 175000 == 0)
            sqlite3_exec(database, i ? "COMMIT; BEGIN" : "BEGIN", NULL, NULL, NULL);
        struct trace_message record = message_at(i);
        bind_message(insert, &record);
        if (sqlite3_step(insert) != SQLITE_DONE)
            fail(sqlite3_errmsg(database));
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    sqlite3_exec(database, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(database);
    return since(start);
}

int main(int argc, char **argv)
{
    uint64_t rows = (uint64_t) (1e6 * (argc > 1 ? atof(argv[1]) : 3));
    char path[4096];
    snprintf(path, sizeof path, "%s/trace_writer.db", argc > 2 ? argv[2] : ".");
    struct timing appending, null_appending, indexed_appending;
    uint64_t bytes, null_bytes, indexed_bytes;
    struct timing making = run_making(rows);
    struct timing table = run_table(path, rows);
    unlink(path);
    struct timing trace = run_trace(path, rows, false, &appending, &bytes);
    struct timing prepared = run_prepared(path, rows);
    unlink(path);
    struct timing indexed = run_trace(path, rows, true, &indexed_appending, &indexed_bytes);
    run_trace(NULL, rows, false, &null_appending, &null_bytes);
    unlink(path);
    double millions = (double) rows / 1e6;
    printf("{\"rows\": %llu, \"bytes_a_row\": %.1f, \"bytes_a_row_indexed\": %.1f,\n"
           " \"trace_rows_per_s\": %.0f, \"table_rows_per_s\": %.0f, \"prepared_rows_per_s\": %.0f,\n"
           " \"trace_of_table_wall\": %.3f, \"trace_writer_cpu_s\": %.3f, \"table_cpu_s\": %.3f, \"index_s\": %.3f,\n"
           " \"append_ns\": %.2f, \"append_null_ns\": %.2f, \"making_ns\": %.2f}\n",
           (unsigned long long) rows, (double) bytes / (double) rows, (double) indexed_bytes / (double) rows,
           (double) rows / trace.wall_s, (double) rows / table.wall_s, (double) rows / prepared.wall_s,
           table.wall_s / trace.wall_s, trace.process_s - appending.thread_s, table.process_s,
           indexed.wall_s - trace.wall_s, (appending.thread_s - making.thread_s) / millions * 1e3,
           (null_appending.thread_s - making.thread_s) / millions * 1e3, making.thread_s / millions * 1e3);
    return 0;
}
