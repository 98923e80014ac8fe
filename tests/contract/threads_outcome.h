/* What a run with so many threads left behind, and whether it is what one thread leaves. */
#ifndef TESTS_CONTRACT_THREADS_OUTCOME_H
#define TESTS_CONTRACT_THREADS_OUTCOME_H

#include "tests/contract/scenario_run.h"

struct outcome {
    struct scenario_run run;
    uint32_t threads; /* asked for */
    char trace[64], pcap[64];
    char judgement[1024]; /* of the expectations */
};

static inline void outcome_judgement(void *context, const struct engine *engine)
{
    struct outcome *outcome = context;
    const struct summary *summary = engine_summary(engine);
    size_t used = 0;
    for (uint32_t i = 0; i < summary->expectation_count && used < sizeof outcome->judgement; i++)
        used += (size_t) snprintf(outcome->judgement + used, sizeof outcome->judgement - used, "%s %.17g %d; ",
                                  summary->expectations[i].expectation->text, summary->expectations[i].value,
                                  summary->expectations[i].pass);
}

/* Two threads share also the least crowded windows. trace, pcap: a path, or NULL. */
static inline void outcome_run(struct outcome *outcome, const char *yaml, const char *const *sets,
                               const struct topology_vocabulary *vocabulary, const char *trace, const char *pcap)
{
    outcome->run = scenario_run_with(yaml, sets, vocabulary,
                                     (struct engine_options){.threads = outcome->threads, .trace_path = trace,
                                                             .divides_always = outcome->threads == 2, .pcap_path = pcap},
                                     outcome_judgement, outcome);
    if (outcome->run.result != 0)
        fail_msg("with %u threads: %d: %s\n%s", outcome->threads, outcome->run.result, outcome->run.told, yaml);
}

/* Each keeps a trace and a capture. The outcome is the caller's to drop. */
static inline struct outcome outcome_of(uint32_t threads, const char *yaml, const char *const *sets,
                                        const struct topology_vocabulary *vocabulary)
{
    struct outcome outcome = {.threads = threads};
    trace_path(outcome.trace);
    trace_path(outcome.pcap);
    outcome_run(&outcome, yaml, sets, vocabulary, outcome.trace, outcome.pcap);
    return outcome;
}

/* Without files; its run is the caller's to end. */
static inline struct outcome outcome_untraced(uint32_t threads, const char *yaml, const char *const *sets,
                                              const struct topology_vocabulary *vocabulary)
{
    struct outcome outcome = {.threads = threads};
    outcome_run(&outcome, yaml, sets, vocabulary, NULL, NULL);
    return outcome;
}

static inline void outcome_drop(struct outcome *outcome)
{
    unlink(outcome->trace);
    unlink(outcome->pcap);
    scenario_run_done(&outcome->run);
}

/* Of the machine, not of what was simulated. */
static inline bool outcome_is_of_the_machine(const char *figure)
{
    static const char *const names[] = {"threads", "wall_s", "user_cpu_s", "setup_s", "setup_user_cpu_s", "events_per_s",
                                        "peak_rss_bytes"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(figure, names[i]) == 0)
            return true;
    return false;
}

static inline void assert_same_figures(const struct outcome *one, const struct outcome *other, const char *what)
{
    assert_int_equal(one->run.summary.figure_count, other->run.summary.figure_count);
    for (uint32_t i = 0; i < one->run.summary.figure_count; i++) {
        const struct figure *a = &one->run.summary.figures[i], *b = &other->run.summary.figures[i];
        char texts[2][96];
        figure_text(a, texts[0], sizeof texts[0]);
        figure_text(b, texts[1], sizeof texts[1]);
        assert_string_equal(a->path, b->path);
        if (!outcome_is_of_the_machine(a->path) && (a->type != b->type || strcmp(texts[0], texts[1]) != 0))
            fail_msg("%s: %s is %s, with %u threads %s", what, a->path, texts[0], other->threads, texts[1]);
    }
}

/* As numbers where they are: a million columns as text took longer than the runs that wrote them. */
static inline bool outcome_same_column(sqlite3_stmt *const statements[2], int column)
{
    sqlite3_stmt *a = statements[0], *b = statements[1];
    int type = sqlite3_column_type(a, column);
    if (type != sqlite3_column_type(b, column))
        return false;
    if (type == SQLITE_INTEGER)
        return sqlite3_column_int64(a, column) == sqlite3_column_int64(b, column);
    int length = sqlite3_column_bytes(a, column);
    return length == sqlite3_column_bytes(b, column) &&
           (length == 0 || memcmp(sqlite3_column_blob(a, column), sqlite3_column_blob(b, column), (size_t) length) == 0);
}

static inline void assert_same_row(sqlite3_stmt *const statements[2], const char *table, long row, const char *what)
{
    for (int column = 0; column < sqlite3_column_count(statements[0]); column++) {
        if (outcome_same_column(statements, column))
            continue;
        const char *texts[2];
        for (int i = 0; i < 2; i++) {
            texts[i] = (const char *) sqlite3_column_text(statements[i], column);
            texts[i] = texts[i] ? texts[i] : "null";
        }
        fail_msg("%s: %s, row %ld, %s: %s, with several threads %s", what, table, row,
                 sqlite3_column_name(statements[0], column), texts[0], texts[1]);
    }
}

static inline long assert_same_table(sqlite3 *const traces[2], const char *table, const char *what)
{
    char sql[128];
    sqlite3_stmt *statements[2];
    snprintf(sql, sizeof sql, strcmp(table, "run") == 0 ? "SELECT key FROM %s ORDER BY key"
                                                        : "SELECT rowid, * FROM %s ORDER BY rowid", table);
    for (int i = 0; i < 2; i++)
        if (sqlite3_prepare_v2(traces[i], sql, -1, &statements[i], NULL) != SQLITE_OK)
            fail_msg("%s: %s", sql, sqlite3_errmsg(traces[i]));
    long rows = 0;
    for (;; rows++) {
        int got[2] = {sqlite3_step(statements[0]), sqlite3_step(statements[1])};
        if (got[0] != got[1])
            fail_msg("%s: %s: one trace ends after %ld rows, the other does not", what, table, rows);
        if (got[0] != SQLITE_ROW)
            break;
        assert_same_row(statements, table, rows, what);
    }
    for (int i = 0; i < 2; i++)
        sqlite3_finalize(statements[i]);
    return rows;
}

/* All rows of all tables in the same order. Returns how many there are of messages. */
static inline long assert_same_trace(const struct outcome *one, const struct outcome *other, const char *what)
{
    sqlite3 *traces[2];
    sqlite3_stmt *tables;
    long messages = 0;
    assert_int_equal(sqlite3_open_v2(one->trace, &traces[0], SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_open_v2(other->trace, &traces[1], SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(traces[0], "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1,
                                        &tables, NULL), SQLITE_OK);
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *table = (const char *) sqlite3_column_text(tables, 0);
        long rows = assert_same_table(traces, table, what);
        messages = strcmp(table, "message") == 0 ? rows : messages;
    }
    sqlite3_finalize(tables);
    sqlite3_close(traces[0]);
    sqlite3_close(traces[1]);
    return messages;
}

static inline void assert_same_file(const char *one, const char *other, const char *what)
{
    FILE *files[2] = {fopen(one, "rb"), fopen(other, "rb")};
    assert_true(files[0] && files[1]);
    uint8_t blocks[2][4096];
    for (long at = 0;; at += (long) sizeof blocks[0]) {
        size_t got[2] = {fread(blocks[0], 1, sizeof blocks[0], files[0]), fread(blocks[1], 1, sizeof blocks[1], files[1])};
        if (got[0] != got[1] || memcmp(blocks[0], blocks[1], got[0]) != 0)
            fail_msg("%s: the captures differ in the %zu octets from %ld on", what, sizeof blocks[0], at);
        if (got[0] < sizeof blocks[0])
            break;
    }
    fclose(files[0]);
    fclose(files[1]);
}

static inline void assert_same_numbers(const struct outcome *one, const struct outcome *other, const char *what)
{
    if (strcmp(one->run.digest, other->run.digest) != 0)
        fail_msg("%s: digest %s, with %u threads %s", what, one->run.digest, other->threads, other->run.digest);
    assert_same_figures(one, other, what);
    assert_string_equal(one->judgement, other->judgement);
}

/* Returns how many messages the traces hold. */
static inline long assert_same_outcome(const struct outcome *one, const struct outcome *other, const char *what)
{
    assert_same_numbers(one, other, what);
    assert_same_file(one->pcap, other->pcap, what);
    return assert_same_trace(one, other, what);
}

#endif
