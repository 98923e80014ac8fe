/* What two traces measured, read into samples. */
#include "traces/distance.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traces/reader.h"

/* Each gives rows of (group, value), groups together. A lookup is a group of its own; a broadcast is one with all of
 * its deliveries, which share its origin and its instant; a peer is one with all that it sent. */
static const struct measure {
    const char *name, *unit, *sql;
} measures[] = {
    {"lookups.success", "share", "SELECT id, outcome = 'succeeded' FROM lookup WHERE outcome <> 'unfinished'"},
    {"lookups.correct", "share", "SELECT id, correct IS 1 FROM lookup WHERE outcome <> 'unfinished'"},
    {"lookups.hops", "", "SELECT id, hops FROM lookup WHERE outcome = 'succeeded'"},
    {"lookups.latency", "ms", "SELECT id, (ended_at_ns - started_at_ns) / 1e6 FROM lookup WHERE outcome = 'succeeded'"},
    {"lookups.messages", "", "SELECT id, messages FROM lookup WHERE outcome = 'succeeded'"},
    {"lookups.timeouts", "", "SELECT id, timeouts FROM lookup WHERE outcome = 'succeeded'"},
    {"broadcasts.delivery", "share",
     "SELECT id, min(1.0, (SELECT count(*) FROM delivery WHERE broadcast = id) * 1.0 / eligible) FROM broadcast "
     "WHERE eligible > 0"},
    {"broadcasts.hops", "", "SELECT broadcast, hops FROM delivery ORDER BY broadcast"},
    {"broadcasts.latency", "ms",
     "SELECT broadcast, (at_ns - published_at_ns) / 1e6 FROM delivery JOIN broadcast ON broadcast.id = broadcast "
     "ORDER BY broadcast"},
};
#define MEASURE_COUNT (sizeof measures / sizeof *measures)

/* Peers that sent none count too, unless no messages at all were recorded. The kind is the one parameter. */
static const char by_kind_sql[] =
    "WITH sent AS (SELECT source, count(*) AS messages FROM message JOIN message_kind ON message_kind.id = kind "
    "WHERE name = ?1 GROUP BY source) "
    "SELECT peer, coalesce(messages, 0) FROM peer LEFT JOIN sent ON source = peer "
    "WHERE EXISTS (SELECT 1 FROM message) ORDER BY peer";
static const char kinds_sql[] = "SELECT name FROM message_kind WHERE id IN (SELECT DISTINCT kind FROM message)";

static int read_sample(struct trace_reader *reader, const char *sql, const char *parameter,
                       struct trace_measured *sample, struct base_diagnostics *diagnostics)
{
    sqlite3_stmt *rows = NULL;
    int result = sqlite3_prepare_v2(reader->database, sql, -1, &rows, NULL), error = 0;
    if (result == SQLITE_OK && parameter)
        result = sqlite3_bind_text(rows, 1, parameter, -1, SQLITE_STATIC);
    while (result == SQLITE_OK && !error && (result = sqlite3_step(rows)) == SQLITE_ROW) {
        error = trace_measured_add(sample, (uint32_t) sqlite3_column_int64(rows, 0), sqlite3_column_double(rows, 1));
        result = SQLITE_OK;
    }
    if (result != SQLITE_OK && result != SQLITE_DONE)
        error = trace_reader_diagnose(reader, NULL, diagnostics);
    else if (error)
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place) {0}, NULL, "no memory for a trace's figures");
    sqlite3_finalize(rows);
    return error;
}

/* Adds the distance of one measure, unless neither trace has any of it. */
static int add(struct trace_reader *const readers[2], const struct measure *measure, const char *parameter,
               struct trace_distance *distances, uint32_t *count, struct base_diagnostics *diagnostics)
{
    struct trace_measured samples[2] = {{0}};
    struct trace_distance *distance = &distances[*count];
    *distance = (struct trace_distance) {.unit = measure->unit};
    snprintf(distance->measure, sizeof distance->measure, "%s%s", measure->name, parameter ? parameter : "");
    int error = read_sample(readers[0], measure->sql, parameter, &samples[0], diagnostics);
    error = error ? error : read_sample(readers[1], measure->sql, parameter, &samples[1], diagnostics);
    if (!error && samples[0].count + samples[1].count > 0) {
        error = trace_distance_between(distance, &samples[0], &samples[1]);
        if (error)
            base_diagnose(diagnostics, BASE_ERROR, (struct base_place) {0}, NULL, "no memory to compare %s",
                          distance->measure);
        *count += !error;
    }
    trace_measured_done(&samples[0]);
    trace_measured_done(&samples[1]);
    return error;
}

/* --- the kinds of messages of both, by name --- */

struct kinds {
    char **names;
    uint32_t count;
};

static int kinds_add(struct kinds *kinds, const char *name)
{
    for (uint32_t i = 0; i < kinds->count; i++)
        if (strcmp(kinds->names[i], name) == 0)
            return 0;
    char **names = realloc(kinds->names, (kinds->count + 1) * sizeof *names);
    kinds->names = names ? names : kinds->names;
    if (!names || !(names[kinds->count] = strdup(name)))
        return -ENOMEM;
    kinds->count++;
    return 0;
}

static int kinds_read(struct kinds *kinds, struct trace_reader *reader, struct base_diagnostics *diagnostics)
{
    sqlite3_stmt *rows = NULL;
    int result = sqlite3_prepare_v2(reader->database, kinds_sql, -1, &rows, NULL), error = 0;
    while (result == SQLITE_OK && !error && (result = sqlite3_step(rows)) == SQLITE_ROW) {
        error = kinds_add(kinds, (const char *) sqlite3_column_text(rows, 0));
        result = SQLITE_OK;
    }
    if (result != SQLITE_OK && result != SQLITE_DONE)
        error = trace_reader_diagnose(reader, NULL, diagnostics);
    sqlite3_finalize(rows);
    return error;
}

static void kinds_done(struct kinds *kinds)
{
    for (uint32_t i = 0; i < kinds->count; i++)
        free(kinds->names[i]);
    free(kinds->names);
}

int trace_distances(struct trace_reader *a, struct trace_reader *b, struct trace_distance **distances, uint32_t *count,
                    struct base_diagnostics *diagnostics)
{
    static const struct measure by_kind = {"messages.", "a peer", by_kind_sql};
    struct trace_reader *const readers[2] = {a, b};
    struct kinds kinds = {0};
    *count = 0;
    int error = kinds_read(&kinds, a, diagnostics);
    error = error ? error : kinds_read(&kinds, b, diagnostics);
    *distances = calloc(MEASURE_COUNT + kinds.count + 1, sizeof **distances);
    if (!*distances)
        error = error ? error : -ENOMEM;
    for (size_t i = 0; i < MEASURE_COUNT && !error; i++)
        error = add(readers, &measures[i], NULL, *distances, count, diagnostics);
    for (uint32_t i = 0; i < kinds.count && !error; i++)
        error = add(readers, &by_kind, kinds.names[i], *distances, count, diagnostics);
    kinds_done(&kinds);
    return error;
}
