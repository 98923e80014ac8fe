/* Runs scenarios from text for tests: loads, runs, keeps the figures and, where asked, the trace. */
#ifndef TESTS_CONTRACT_SCENARIO_RUN_H
#define TESTS_CONTRACT_SCENARIO_RUN_H

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "sim/engine.h"
#include "sim/overlay.h"
#include "sim/vocabulary.h"
#include "topologies/load.h"

struct scenario_run {
    char digest[96];
    struct summary summary; /* figures only, owned */
    int result;             /* of engine_run, or the failure before it */
    struct base_diagnostics diagnostics; /* their places name no source any more: it went with the scenario */
    char told[8192];                     /* what a person would have read */
};

static int text_reader(void *context, struct base_arena *arena, const char *name, const char **text, size_t *length)
{
    if (strcmp(name, "test.yaml") == 0) {
        *text = context;
        *length = strlen(context);
        return 0;
    }
    FILE *file = fopen(name, "rb");
    if (!file)
        return -2;
    fseek(file, 0, SEEK_END);
    *length = (size_t) ftell(file);
    rewind(file);
    char *copy = base_arena_take(arena, *length + 1);
    size_t got = fread(copy, 1, *length, file);
    fclose(file);
    *text = copy;
    return got == *length ? 0 : -5;
}

static inline void print_diagnostics(const struct base_diagnostics *diagnostics)
{
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        char text[2048];
        base_diagnostic_format(&diagnostics->items[i], text, sizeof text);
        print_message("%s", text);
    }
}

static inline void scenario_run_keep(struct scenario_run *run, const struct summary *summary)
{
    run->summary = *summary;
    run->summary.expectations = NULL;
    run->summary.figures = malloc(summary->figure_count * sizeof *summary->figures);
    memcpy(run->summary.figures, summary->figures, summary->figure_count * sizeof *summary->figures);
    const struct figure *digest = summary_find(summary, "digest");
    snprintf(run->digest, sizeof run->digest, "%s", digest->type == FIGURE_TEXT ? digest->text : "");
}

/* While the sources that the places point into are still there. */
static inline void scenario_run_tell(struct scenario_run *run)
{
    size_t used = 0;
    for (uint32_t i = 0; i < run->diagnostics.count; i++) {
        struct base_diagnostic *diagnostic = &run->diagnostics.items[i];
        if (used < sizeof run->told)
            used += base_diagnostic_format(diagnostic, run->told + used, sizeof run->told - used);
        diagnostic->place.source = NULL;
    }
}

/* sets: NULL-terminated KEY=VALUE; options: but the scenario. ended: sees the engine while its summary is whole; or NULL. */
static inline struct scenario_run scenario_run_with(const char *yaml, const char *const *sets,
                                                    const struct topology_vocabulary *vocabulary,
                                                    struct engine_options options,
                                                    void (*ended)(void *context, const struct engine *engine), void *context)
{
    struct scenario_run run = {0};
    struct topology_reader reader = {.read = text_reader, .context = (void *) yaml};
    struct topology_load_options load = {.path = "test.yaml", .reader = &reader, .sets = sets};
    while (sets && sets[load.set_count])
        load.set_count++;
    struct scenario *scenario = NULL;
    struct engine *engine = NULL;
    run.result = topology_load(&scenario, &load, vocabulary, &run.diagnostics);
    options.scenario = scenario;
    if (!run.result)
        run.result = engine_create(&engine, &options, &run.diagnostics);
    if (!run.result) {
        run.result = engine_run(engine, &run.diagnostics);
        scenario_run_keep(&run, engine_summary(engine));
        if (ended)
            ended(context, engine);
    }
    scenario_run_tell(&run);
    engine_free(engine);
    topology_scenario_free(scenario);
    return run;
}

/* trace, pcap: a path or NULL. */
static inline struct scenario_run scenario_run_captured(const char *yaml, const char *const *sets, const char *trace,
                                                        const char *pcap)
{
    return scenario_run_with(yaml, sets, &sim_vocabulary,
                             (struct engine_options){.trace_path = trace, .pcap_path = pcap}, NULL, NULL);
}

static inline struct scenario_run scenario_run(const char *yaml, const char *const *sets, const char *trace)
{
    return scenario_run_captured(yaml, sets, trace, NULL);
}

static inline void scenario_run_done(struct scenario_run *run)
{
    free(run->summary.figures);
    run->summary.figures = NULL;
}

static inline double scenario_figure(const struct scenario_run *run, const char *path)
{
    const struct figure *figure = summary_find(&run->summary, path);
    if (!figure)
        fail_msg("no figure %s", path);
    return figure->type == FIGURE_INTEGER ? (double) figure->integer : figure->real;
}

/* Of two workload entries the one whose action the overlay has, lookup before publish; "" where it acts by itself. */
static inline const char *scenario_workload(const struct overlay_ops *ops, const char *lookup, const char *publish)
{
    return ops->lookup ? lookup : ops->publish ? publish : "";
}

/* The digest of a run that must go well. */
static inline void scenario_digest(const char *yaml, const char *const *sets, const char *trace, char digest[40])
{
    struct scenario_run run = scenario_run(yaml, sets, trace);
    print_diagnostics(&run.diagnostics);
    assert_int_equal(run.result, 0);
    snprintf(digest, 40, "%.39s", run.digest);
    scenario_run_done(&run);
}

/* The folder of this process's traces. owner: who made it, 0 before that. */
struct trace_folder {
    char path[40];
    pid_t owner;
};

static inline struct trace_folder *trace_folder(void)
{
    static struct trace_folder folder;
    return &folder;
}

/* At exit, so that nothing is left where a test failed before it could remove its files. */
static inline void trace_folder_remove(void)
{
    const struct trace_folder *folder = trace_folder();
    DIR *list = folder->owner == getpid() ? opendir(folder->path) : NULL;
    for (struct dirent *entry; list && (entry = readdir(list));)
        unlinkat(dirfd(list), entry->d_name, 0);
    if (list) {
        closedir(list);
        rmdir(folder->path);
    }
}

/* A path for a trace. */
static inline void trace_path(char path[64])
{
    static unsigned count;
    struct trace_folder *folder = trace_folder();
    if (!folder->owner) {
        snprintf(folder->path, sizeof folder->path, P_tmpdir "/peerlab-test-XXXXXX");
        assert_non_null(mkdtemp(folder->path));
        folder->owner = getpid();
        atexit(trace_folder_remove);
    }
    snprintf(path, 64, "%s/%u.db", folder->path, count++);
}

/* The first column of the first row as text (empty when there is none), into a static buffer. */
static inline const char *trace_text(const char *path, const char *sql)
{
    static char text[65536];
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    text[0] = '\0';
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0))
        snprintf(text, sizeof text, "%s", (const char *) sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return text;
}

static inline long trace_number(const char *path, const char *sql)
{
    return strtol(trace_text(path, sql), NULL, 10);
}

#endif
