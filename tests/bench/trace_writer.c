/* How fast a trace is written, beside what SQLite can do by itself, in turns in one run:
 *
 *   trace      trace_message -> batches -> writer thread -> SQLite in WAL mode, to a closed file without indexes
 *   table      the same records through the same virtual table, INSERT ... SELECT, one thread, no journal, making the
 *              records not counted: the limit
 *   prepared   one prepared INSERT a row, likewise
 *   append     what a row costs the appending thread, user CPU: with the writer beside it, and with the null sink
 *   runs       whole scenarios with everything recorded and with nothing: user CPU of the simulating thread
 *
 * Only the trace ends with its file on the disk: the others are limits. On a busy machine only the CPU a row means
 * something: trace has two threads.
 *
 * trace_writer [MILLIONS [REPETITIONS [DIRECTORY]]] [--json]. Exits with 1 where the trace is under .8 of the table (the
 * median pair), over 48 bytes a row, or over 1.25 of a run's user CPU. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reactor/base/random.h"
#include "sim/engine.h"
#include "sim/vocabulary.h"
#include "topologies/load.h"
#include "traces/sinks/batch_table.h"
#include "traces/sinks/sink.h"
#include "traces/sql.h"
#include "traces/trace.h"

#define REPETITIONS_MAX 99

struct timing {
    double wall_s, cpu_s; /* CPU: of all threads */
};

static double seconds(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (double) at.tv_sec + (double) at.tv_nsec / 1e9;
}

static double thread_user_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (double) usage.ru_utime.tv_sec + (double) usage.ru_utime.tv_usec / 1e6;
}

static struct timing now(void)
{
    return (struct timing) {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct timing since(struct timing start)
{
    struct timing end = now();
    return (struct timing) {end.wall_s - start.wall_s, end.cpu_s - start.cpu_s};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return x < y ? -1 : x > y;
}

static double median(double *values, int count)
{
    qsort(values, (size_t) count, sizeof *values, by_value);
    return values[count / 2];
}

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "trace_writer: %s\n", what);
    exit(3);
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

/* user_s: of this thread, for making and appending the rows. */
static struct timing run_trace(const char *path, uint64_t rows, bool index, double *user_s, uint64_t *bytes)
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
    double user_start_s = thread_user_s();
    for (uint64_t i = 0; i < rows; i++) {
        struct trace_message record = message_at(i);
        trace_message(trace, &record);
    }
    *user_s = thread_user_s() - user_start_s;
    struct trace_totals totals;
    if (trace_finish(trace, "complete", &totals, &diagnostics) < 0)
        fail(diagnostics.items[0].message);
    *bytes = totals.bytes;
    return since(start);
}

static double making_s(uint64_t rows)
{
    double start_s = thread_user_s();
    for (uint64_t i = 0; i < rows; i++) {
        struct trace_message record = message_at(i);
        __asm__ volatile("" : : "r"(&record) : "memory"); /* made, not kept */
    }
    return thread_user_s() - start_s;
}

static sqlite3 *open_plain(const char *path)
{
    sqlite3 *database;
    unlink(path);
    if (sqlite3_open(path, &database) != SQLITE_OK ||
        sqlite3_exec(database, "PRAGMA page_size=16384; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                               "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-4096", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(database, trace_schema_sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(path);
    sqlite3_exec(database, "CREATE TEMP TABLE duplicate(broadcast, peer, duplicates)", NULL, NULL, NULL);
    return database;
}

static void end_plain(sqlite3 *database, sqlite3_stmt *insert)
{
    sqlite3_finalize(insert);
    sqlite3_exec(database, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(database);
}

static uint32_t fill(struct trace_batch *batch, uint64_t first, uint64_t rows)
{
    uint32_t room = TRACE_BATCH_ROOM / batch->record_bytes;
    struct trace_message *records = (void *) batch->bytes;
    for (batch->count = 0; first + batch->count < rows && batch->count < room; batch->count++)
        records[batch->count] = message_at(first + batch->count);
    return batch->count;
}

static void add(struct timing *sum, struct timing part)
{
    sum->wall_s += part.wall_s;
    sum->cpu_s += part.cpu_s;
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
    struct timing sum = {0};
    uint32_t batches = 0;
    for (uint64_t i = 0; i < rows; batches++) {
        i += fill(batch, i, rows);
        struct timing start = now();
        if (batches % 32 == 0)
            sqlite3_exec(database, batches ? "COMMIT; BEGIN" : "BEGIN", NULL, NULL, NULL);
        if (sqlite3_step(insert) != SQLITE_DONE)
            fail(sqlite3_errmsg(database));
        sqlite3_reset(insert);
        add(&sum, since(start));
    }
    struct timing start = now();
    end_plain(database, insert);
    add(&sum, since(start));
    free(batch);
    return sum;
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
    end_plain(database, insert);
    return since(start);
}

/* ---- the writer ---- */

struct writer_result {
    double rows_per_s, cpu_ns, bytes_a_row, bytes_a_row_indexed, index_s; /* the trace's; CPU: the writer's thread, a row */
    double table_rows_per_s, table_cpu_ns, prepared_rows_per_s, of_table;
    double append_ns, append_null_ns; /* user CPU of the appending thread, a row */
};

static struct writer_result bench_writer(const char *path, uint64_t rows, int repetitions)
{
    double of_table[REPETITIONS_MAX], trace_s[REPETITIONS_MAX], table_s[REPETITIONS_MAX], table_cpu_s[REPETITIONS_MAX];
    double cpu_s[REPETITIONS_MAX], append_s[REPETITIONS_MAX], null_s[REPETITIONS_MAX], user_s, count = (double) rows;
    uint64_t bytes = 0, indexed_bytes, null_bytes;
    for (int i = 0; i < repetitions; i++) {
        double making = making_s(rows), null_user_s;
        struct timing table = run_table(path, rows);
        unlink(path);
        struct timing trace = run_trace(path, rows, false, &user_s, &bytes);
        unlink(path);
        run_trace(NULL, rows, false, &null_user_s, &null_bytes);
        of_table[i] = table.wall_s / trace.wall_s;
        trace_s[i] = trace.wall_s, table_s[i] = table.wall_s;
        cpu_s[i] = trace.cpu_s - user_s, table_cpu_s[i] = table.cpu_s;
        append_s[i] = user_s - making, null_s[i] = null_user_s - making;
    }
    struct timing prepared = run_prepared(path, rows);
    unlink(path);
    struct timing indexed = run_trace(path, rows, true, &user_s, &indexed_bytes);
    unlink(path);
    double trace = median(trace_s, repetitions);
    return (struct writer_result) {
        .rows_per_s = count / trace, .cpu_ns = median(cpu_s, repetitions) / count * 1e9,
        .bytes_a_row = (double) bytes / count, .bytes_a_row_indexed = (double) indexed_bytes / count,
        .index_s = indexed.wall_s - trace, .table_rows_per_s = count / median(table_s, repetitions),
        .table_cpu_ns = median(table_cpu_s, repetitions) / count * 1e9, .prepared_rows_per_s = count / prepared.wall_s,
        .of_table = median(of_table, repetitions), .append_ns = median(append_s, repetitions) / count * 1e9,
        .append_null_ns = median(null_s, repetitions) / count * 1e9};
}

static bool writer_reached(const struct writer_result *result)
{
    return result->of_table >= 0.8 && result->bytes_a_row <= 48;
}

static void print_writer(const struct writer_result *r)
{
    printf("%-16s %10s %12s %11s\n", "writer", "rows/s", "CPU ns a row", "bytes a row");
    printf("%-16s %10.0f %12.0f %11.1f   %.3f of the table (%s); %.1f bytes with indexes, built in %.2f s\n", "trace",
           r->rows_per_s, r->cpu_ns, r->bytes_a_row, r->of_table, r->of_table >= 0.8 ? "reached" : "under .8",
           r->bytes_a_row_indexed, r->index_s);
    printf("%-16s %10.0f %12.0f\n%-16s %10.0f\n", "table", r->table_rows_per_s, r->table_cpu_ns, "prepared",
           r->prepared_rows_per_s);
    printf("%-16s %10s %12.1f %11s   %.1f with the null sink\n\n", "append", "", r->append_ns, "", r->append_null_ns);
    fflush(stdout);
}

static void print_writer_json(const struct writer_result *r)
{
    printf("{\"bytes_a_row\": %.1f, \"bytes_a_row_indexed\": %.1f, \"trace_of_table\": %.3f,\n"
           " \"trace_rows_per_s\": %.0f, \"table_rows_per_s\": %.0f, \"prepared_rows_per_s\": %.0f,\n"
           " \"trace_cpu_ns\": %.0f, \"table_cpu_ns\": %.0f, \"index_s\": %.2f, \"append_ns\": %.1f,"
           " \"append_null_ns\": %.1f", r->bytes_a_row, r->bytes_a_row_indexed, r->of_table, r->rows_per_s,
           r->table_rows_per_s, r->prepared_rows_per_s, r->cpu_ns, r->table_cpu_ns, r->index_s, r->append_ns,
           r->append_null_ns);
}

/* ---- whole runs ---- */

static const struct scenario_run {
    const char *name, *path, *sets[4];
    uint32_t set_count;
} scenario_runs[] = {
    {"kademlia-churn", PEERLAB_SOURCE_DIR "/topologies/kademlia-churn.yaml", {"duration=40 min"}, 1},
    {"chord-converged", PEERLAB_SOURCE_DIR "/topologies/bench/chord-converged.yaml", {"peers.0.count=20000"}, 1},
    {"averaging", PEERLAB_SOURCE_DIR "/topologies/bench/averaging.yaml", {0}, 0},
};

/* User CPU of the simulating thread alone, s: of engine_run, which ends when the writer has. */
struct run_cost {
    double whole_s;
    double setup_s; /* of it until the first event; only without a trace, for it is told of all threads */
    double rows;
};

static double figure(const struct engine *engine, const char *path)
{
    const struct figure *found = summary_find(engine_summary(engine), path);
    return !found || found->type == FIGURE_NULL ? 0
           : found->type == FIGURE_INTEGER ? (double) found->integer : found->real;
}

static struct run_cost run_scenario(const struct scenario_run *chosen, const char *trace_path)
{
    struct base_diagnostics diagnostics = {0};
    struct scenario *scenario = NULL;
    struct engine *engine = NULL;
    const char *sets[8];
    struct topology_load_options load = {.path = chosen->path, .sets = sets, .set_count = chosen->set_count + 2};
    memcpy(sets, chosen->sets, sizeof chosen->sets);
    sets[chosen->set_count] = "trace.index=false";
    sets[chosen->set_count + 1] = "trace.record=[lifecycle, messages, timers, streams, lookups, broadcasts, neighbours, "
                                  "faults, log, samples]";
    if (topology_load(&scenario, &load, &sim_vocabulary, &diagnostics) < 0 ||
        engine_create(&engine, &(struct engine_options) {.scenario = scenario, .trace_path = trace_path},
                      &diagnostics) < 0)
        fail(diagnostics.items[0].message);
    double start_s = thread_user_s();
    struct run_cost cost = {0};
    if (engine_run(engine, &diagnostics) < 0)
        fail(diagnostics.items[0].message);
    cost.whole_s = thread_user_s() - start_s;
    cost.setup_s = figure(engine, "setup_user_cpu_s") - start_s;
    cost.rows = figure(engine, "trace.rows");
    engine_free(engine);
    topology_scenario_free(scenario);
    return cost;
}

/* In a process of its own, so that set-up is its own. */
static struct run_cost run_apart(const struct scenario_run *chosen, const char *trace_path)
{
    struct run_cost cost;
    int ends[2];
    fflush(stdout);
    if (pipe(ends) < 0)
        fail("no pipe");
    pid_t child = fork();
    if (child == 0) {
        cost = run_scenario(chosen, trace_path);
        _exit(write(ends[1], &cost, sizeof cost) == sizeof cost ? 0 : 3);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &cost, sizeof cost) != sizeof cost)
        fail(chosen->name);
    close(ends[0]);
    waitpid(child, NULL, 0);
    return cost;
}

struct run_result {
    double ratio, row_ns, bare_s, traced_s, rows;
};

/* In turns. Whatever tracing adds, at set-up too, is held against the run behind its set-up. */
static struct run_result bench_run(const struct scenario_run *chosen, const char *path, int repetitions)
{
    double ratios[REPETITIONS_MAX], row_ns[REPETITIONS_MAX], bare_s[REPETITIONS_MAX], traced_s[REPETITIONS_MAX], rows = 0;
    for (int i = 0; i < repetitions; i++) {
        struct run_cost bare = run_apart(chosen, NULL), traced = run_apart(chosen, path);
        unlink(path);
        bare_s[i] = bare.whole_s - bare.setup_s;
        traced_s[i] = traced.whole_s - bare.setup_s;
        ratios[i] = traced_s[i] / bare_s[i];
        rows = traced.rows;
        row_ns[i] = (traced_s[i] - bare_s[i]) / rows * 1e9;
    }
    return (struct run_result) {median(ratios, repetitions), median(row_ns, repetitions), median(bare_s, repetitions),
                                median(traced_s, repetitions), rows};
}

static bool run_reached(const struct run_result *result)
{
    return result->ratio <= 1.25;
}

static void print_run(const char *name, const struct run_result *r)
{
    printf("%-16s %10.0f %10.3f %12.3f %8.3f %8.1f   %s\n", name, r->rows, r->bare_s, r->traced_s, r->ratio, r->row_ns,
           run_reached(r) ? "reached" : "above 1.25");
    fflush(stdout);
}

static void print_run_json(const char *name, const struct run_result *r)
{
    printf(",\n \"%s\": {\"traced_of_bare_user_cpu\": %.3f, \"ns_a_row\": %.1f, \"rows\": %.0f,"
           " \"bare_user_cpu_s\": %.3f, \"traced_user_cpu_s\": %.3f}", name, r->ratio, r->row_ns, r->rows, r->bare_s,
           r->traced_s);
}

/* Each as soon as it is measured. */
static bool bench_all(const char *path, uint64_t rows, int repetitions, bool json)
{
    struct writer_result writer = bench_writer(path, rows, repetitions);
    bool reached = writer_reached(&writer);
    (json ? print_writer_json : print_writer)(&writer);
    if (!json)
        printf("%-16s %10s %10s %12s %8s %8s\n", "everything", "rows", "user CPU s", "with trace s", "ratio", "ns a row");
    for (size_t i = 0; i < sizeof scenario_runs / sizeof *scenario_runs; i++) {
        struct run_result run = bench_run(&scenario_runs[i], path, repetitions);
        reached &= run_reached(&run);
        (json ? print_run_json : print_run)(scenario_runs[i].name, &run);
    }
    if (json)
        puts("}");
    return reached;
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[argc - 1], "--json") == 0;
    argc -= json;
    uint64_t rows = (uint64_t) (1e6 * (argc > 1 ? atof(argv[1]) : 2));
    int repetitions = argc > 2 ? atoi(argv[2]) : 5;
    char path[4096];
    if (rows == 0 || repetitions < 1 || repetitions > REPETITIONS_MAX)
        fail("usage: trace_writer [MILLIONS [REPETITIONS [DIRECTORY]]] [--json]");
    snprintf(path, sizeof path, "%s/trace_writer.db", argc > 3 ? argv[3] : ".");
    return bench_all(path, rows, repetitions, json) ? 0 : 1;
}
