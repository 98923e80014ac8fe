/* Two traces side by side: both timelines are read once, a row at a time, so size does not matter.
 *
 * Rows of message and of event stand in the order in which they happened; merging the two by (instant, peer, seq) gives
 * the timeline without sorting it and without indexes. */
#include "traces/query.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traces/reader.h"

/* How much of what led to an event is told. */
#define PATH_STEPS_MAX 24

enum side { MESSAGE, EVENT, SIDES };

/* What one row says, names in place of numbers, as two runs may number them differently. -1 is null. */
struct happening {
    int64_t at_ns, peer, seq, other, bytes, delay_ns, queue_ns, cause_peer, cause_seq, detail;
    const char *what, *kind; /* kind NULL: not a message */
};

struct names {
    char **texts;
    uint32_t count;
};

struct side_cursor {
    sqlite3_stmt *statement;
    bool ended;
    struct happening head;
};

struct timeline {
    struct trace_reader *reader;
    struct names fates, message_kinds, event_kinds;
    struct side_cursor sides[SIDES];
    sqlite3_stmt *find[SIDES]; /* by identity (peer, seq) */
};

#define MESSAGE_COLUMNS \
    "SELECT sent_at_ns, source, cause_seq, target, target_seq, kind, bytes, delay_ns, queue_ns, fate FROM message "
#define EVENT_COLUMNS "SELECT at_ns, peer, seq, kind, other, cause_seq, detail FROM event "

static const char *const all_sql[SIDES] = {MESSAGE_COLUMNS "ORDER BY id", EVENT_COLUMNS "ORDER BY id"};
/* Causes lie close behind, so where there is no index the scan goes backwards. */
static const char *const find_sql[SIDES] = {
    MESSAGE_COLUMNS "WHERE target = ? AND target_seq = ? ORDER BY id DESC LIMIT 1",
    EVENT_COLUMNS "WHERE peer = ? AND seq = ? ORDER BY id DESC LIMIT 1",
};

/* ---- reading ---- */

static int64_t integer_or_none(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL ? -1 : sqlite3_column_int64(statement, column);
}

static const char *name_of(const struct names *names, int64_t id)
{
    return id >= 0 && id < names->count && names->texts[id] ? names->texts[id] : "?";
}

/* The same rule of place and instant as the view `timeline`. */
static struct happening read_message(const struct timeline *timeline, sqlite3_stmt *row)
{
    int64_t sent_at_ns = sqlite3_column_int64(row, 0), source = integer_or_none(row, 1);
    int64_t target = integer_or_none(row, 3), delay_ns = integer_or_none(row, 7);
    int64_t queue_ns = sqlite3_column_int64(row, 8);
    bool at_source = delay_ns < 0 || target < 0;
    return (struct happening) {
        .at_ns = delay_ns < 0 ? sent_at_ns : sent_at_ns + queue_ns + delay_ns,
        .peer = at_source ? source : target,
        .seq = integer_or_none(row, 4),
        .other = at_source ? target : source,
        .bytes = sqlite3_column_int64(row, 6),
        .delay_ns = delay_ns,
        .queue_ns = queue_ns,
        .cause_peer = source,
        .cause_seq = integer_or_none(row, 2),
        .detail = -1,
        .what = name_of(&timeline->fates, sqlite3_column_int64(row, 9)),
        .kind = name_of(&timeline->message_kinds, sqlite3_column_int64(row, 5)),
    };
}

static struct happening read_event(const struct timeline *timeline, sqlite3_stmt *row)
{
    int64_t peer = sqlite3_column_int64(row, 1);
    return (struct happening) {
        .at_ns = sqlite3_column_int64(row, 0),
        .peer = peer,
        .seq = integer_or_none(row, 2),
        .other = integer_or_none(row, 4),
        .bytes = -1,
        .delay_ns = -1,
        .queue_ns = -1,
        .cause_peer = peer,
        .cause_seq = integer_or_none(row, 5),
        .detail = integer_or_none(row, 6),
        .what = name_of(&timeline->event_kinds, sqlite3_column_int64(row, 3)),
    };
}

static struct happening read_side(const struct timeline *timeline, enum side side, sqlite3_stmt *row)
{
    return side == MESSAGE ? read_message(timeline, row) : read_event(timeline, row);
}

static int advance(struct timeline *timeline, enum side side, struct base_diagnostics *diagnostics)
{
    struct side_cursor *cursor = &timeline->sides[side];
    int code = sqlite3_step(cursor->statement);
    cursor->ended = code != SQLITE_ROW;
    if (code == SQLITE_ROW)
        cursor->head = read_side(timeline, side, cursor->statement);
    return code == SQLITE_ROW || code == SQLITE_DONE ? 0 : trace_reader_diagnose(timeline->reader, NULL, diagnostics);
}

static bool is_before(const struct happening *a, const struct happening *b)
{
    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns;
    return a->peer != b->peer ? a->peer < b->peer : a->seq < b->seq;
}

/* The side whose head comes next; SIDES when both have ended. */
static enum side next_side(const struct timeline *timeline)
{
    const struct side_cursor *message = &timeline->sides[MESSAGE], *event = &timeline->sides[EVENT];
    if (message->ended)
        return event->ended ? SIDES : EVENT;
    return event->ended || is_before(&message->head, &event->head) ? MESSAGE : EVENT;
}

/* ---- opening ---- */

static int read_names(struct timeline *timeline, const char *sql, struct names *names)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(timeline->reader->database, sql, -1, &statement, NULL);
    while (code == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(statement, 0);
        if (id < 0 || id > UINT8_MAX)
            continue;
        char **texts = realloc(names->texts, ((size_t) id + 1) * sizeof *texts);
        if (!texts)
            break;
        names->texts = texts;
        while (names->count <= id)
            texts[names->count++] = NULL;
        texts[id] = strdup((const char *) sqlite3_column_text(statement, 1));
    }
    sqlite3_finalize(statement);
    return code;
}

static int open_timeline(struct timeline *timeline, struct trace_reader *reader, struct base_diagnostics *diagnostics)
{
    *timeline = (struct timeline) {.reader = reader};
    int code = read_names(timeline, "SELECT id, name FROM fate ORDER BY id", &timeline->fates);
    if (code == SQLITE_OK)
        code = read_names(timeline, "SELECT id, name FROM message_kind ORDER BY id", &timeline->message_kinds);
    if (code == SQLITE_OK)
        code = read_names(timeline, "SELECT id, name FROM event_kind ORDER BY id", &timeline->event_kinds);
    for (int i = 0; i < SIDES && code == SQLITE_OK; i++) {
        code = sqlite3_prepare_v2(reader->database, all_sql[i], -1, &timeline->sides[i].statement, NULL);
        if (code == SQLITE_OK)
            code = sqlite3_prepare_v2(reader->database, find_sql[i], -1, &timeline->find[i], NULL);
    }
    int error = code == SQLITE_OK ? 0 : trace_reader_diagnose(reader, NULL, diagnostics);
    for (int i = 0; i < SIDES && !error; i++)
        error = advance(timeline, (enum side) i, diagnostics);
    return error;
}

static void free_names(struct names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        free(names->texts[i]);
    free(names->texts);
}

static void close_timeline(struct timeline *timeline)
{
    for (int i = 0; i < SIDES; i++) {
        sqlite3_finalize(timeline->sides[i].statement);
        sqlite3_finalize(timeline->find[i]);
    }
    free_names(&timeline->fates);
    free_names(&timeline->message_kinds);
    free_names(&timeline->event_kinds);
}

/* ---- telling ---- */

static void put_peer(FILE *out, struct timeline *timeline, int64_t peer)
{
    sqlite3_stmt *statement = NULL;
    const char *name = NULL;
    if (sqlite3_prepare_v2(timeline->reader->database, "SELECT name FROM peer WHERE peer = ?", -1, &statement, NULL) ==
        SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, peer);
        if (sqlite3_step(statement) == SQLITE_ROW)
            name = (const char *) sqlite3_column_text(statement, 0);
    }
    if (name)
        fputs(name, out);
    else
        fprintf(out, peer < 0 ? "nobody" : "peer %" PRId64, peer);
    sqlite3_finalize(statement);
}

static void put_message(FILE *out, struct timeline *timeline, const struct happening *row)
{
    fprintf(out, "%s %s %s ", row->kind, row->what, row->peer == row->cause_peer ? "to" : "from");
    put_peer(out, timeline, row->other);
    fprintf(out, ", %" PRId64 " bytes", row->bytes);
    if (row->delay_ns >= 0)
        fprintf(out, ", %.6f ms on the way", (double) (row->delay_ns + row->queue_ns) / 1e6);
}

static void put_happening(FILE *out, struct timeline *timeline, const struct happening *row)
{
    fprintf(out, "%" PRId64 ".%09" PRId64 " s  ", row->at_ns / 1000000000, row->at_ns % 1000000000);
    put_peer(out, timeline, row->peer);
    if (row->seq >= 0)
        fprintf(out, " #%" PRId64, row->seq);
    fputs("  ", out);
    if (row->kind) {
        put_message(out, timeline, row);
        return;
    }
    fputs(row->what, out);
    if (row->other >= 0) {
        fputs(" with ", out);
        put_peer(out, timeline, row->other);
    }
    if (row->detail >= 0)
        fprintf(out, ", detail %" PRId64, row->detail);
}

static char *tell_one(struct timeline *timeline, const struct happening *row)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    put_happening(out, timeline, row);
    fclose(out);
    return text;
}

/* Whatever was dispatched as (peer, seq). */
static bool find(struct timeline *timeline, int64_t peer, int64_t seq, struct happening *found)
{
    bool there = false;
    for (int side = SIDES - 1; side >= 0 && !there; side--) { /* events first: mostly the smaller table */
        sqlite3_stmt *statement = timeline->find[side];
        sqlite3_bind_int64(statement, 1, peer);
        sqlite3_bind_int64(statement, 2, seq);
        there = sqlite3_step(statement) == SQLITE_ROW;
        if (there)
            *found = read_side(timeline, (enum side) side, statement);
        sqlite3_reset(statement);
    }
    return there;
}

/* From its nearest cause backwards, at most PATH_STEPS_MAX; told oldest first. */
static char *tell_path(struct timeline *timeline, const struct happening *row)
{
    struct happening steps[PATH_STEPS_MAX];
    int count = 0;
    const struct happening *last = row;
    while (count < PATH_STEPS_MAX && last->cause_seq >= 0 &&
           find(timeline, last->cause_peer, last->cause_seq, &steps[count]))
        last = &steps[count++];
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    while (count--) {
        put_happening(out, timeline, &steps[count]);
        fputc('\n', out);
    }
    fclose(out);
    return text;
}

/* ---- comparing ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_same(const struct happening *a, const struct happening *b)
{
    return a->at_ns == b->at_ns && a->peer == b->peer && a->seq == b->seq && a->other == b->other &&
           a->bytes == b->bytes && a->delay_ns == b->delay_ns && a->queue_ns == b->queue_ns &&
           a->cause_peer == b->cause_peer && a->cause_seq == b->cause_seq && a->detail == b->detail &&
           same_text(a->what, b->what) && same_text(a->kind, b->kind);
}

static bool tell_head(struct timeline *timeline, enum side side, char **text, char **path)
{
    *text = NULL;
    *path = NULL;
    if (side == SIDES)
        return (*path = strdup("")) != NULL;
    *text = tell_one(timeline, &timeline->sides[side].head);
    *path = tell_path(timeline, &timeline->sides[side].head);
    return *text && *path;
}

static int compare_timelines(struct timeline *a, struct timeline *b, struct trace_difference *difference,
                             struct base_diagnostics *diagnostics)
{
    for (;; difference->compared++) {
        enum side from_a = next_side(a), from_b = next_side(b);
        if (from_a == SIDES && from_b == SIDES)
            return 0;
        if (from_a != from_b || !is_same(&a->sides[from_a].head, &b->sides[from_b].head)) {
            difference->differs = true;
            return tell_head(a, from_a, &difference->a, &difference->a_path) &&
                           tell_head(b, from_b, &difference->b, &difference->b_path) ? 0 : -ENOMEM;
        }
        int error = advance(a, from_a, diagnostics);
        if (!error)
            error = advance(b, from_b, diagnostics);
        if (error)
            return error;
    }
}

static char *note_value(struct trace_reader *a, struct trace_reader *b, const char *key, const char *sentence)
{
    char *of_a = trace_reader_run_value(a, key), *of_b = trace_reader_run_value(b, key), *note = NULL;
    if (of_a && of_b && strcmp(of_a, of_b) != 0 && asprintf(&note, sentence, of_a, of_b) < 0)
        note = NULL;
    free(of_a);
    free(of_b);
    return note;
}

/* Known from the run's values; or seen, where one trace has none of what the other has. */
static char *note_settings(struct timeline *a, struct timeline *b)
{
    char *note = note_value(a->reader, b->reader, "record", "they recorded different things: [%s] and [%s]");
    if (!note)
        note = note_value(a->reader, b->reader, "sample", "they recorded different shares: %s and %s");
    static const char *const what[SIDES] = {"messages", "events"};
    for (int i = 0; i < SIDES && !note; i++)
        if (a->sides[i].ended != b->sides[i].ended &&
            asprintf(&note, "only the %s trace holds %s", a->sides[i].ended ? "second" : "first", what[i]) < 0)
            note = NULL;
    return note;
}

int trace_compare(struct trace_reader *reader_a, struct trace_reader *reader_b, struct trace_difference *difference,
                  struct base_diagnostics *diagnostics)
{
    struct timeline a, b;
    *difference = (struct trace_difference) {0};
    int error = open_timeline(&a, reader_a, diagnostics);
    int error_b = open_timeline(&b, reader_b, diagnostics);
    if (!error)
        error = error_b;
    if (!error) {
        difference->note = note_settings(&a, &b);
        error = compare_timelines(&a, &b, difference, diagnostics);
    }
    close_timeline(&a);
    close_timeline(&b);
    if (error)
        trace_difference_done(difference);
    return error;
}

void trace_difference_done(struct trace_difference *difference)
{
    free(difference->note);
    free(difference->a);
    free(difference->b);
    free(difference->a_path);
    free(difference->b_path);
    *difference = (struct trace_difference) {0};
}
