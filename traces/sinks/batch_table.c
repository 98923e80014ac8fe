#include "traces/sinks/batch_table.h"

#include <stdio.h>
#include <stdlib.h>

enum column_type {
    NUMBER_64,    /* uint64_t; TRACE_NONE_U64 is null */
    NUMBER_32,    /* uint32_t; TRACE_NONE_U32 is null */
    NUMBER_SEQ,   /* uint32_t; 0 is null */
    NUMBER_8,     /* uint8_t */
    NUMBER_8_OR_2, /* uint8_t; 2 is null */
    REAL,
    TEXT,         /* const char *; NULL is null */
    HEX,          /* uint8_t[20] behind its length at `extra` */
    ENDING, OUTCOME, NEIGHBOUR_TABLE, METRIC, /* uint8_t, written as a name */
};

struct column {
    const char *name;
    enum column_type type;
    uint32_t offset, extra;
};

#define COLUMN(RECORD, NAME, TYPE) {#NAME, TYPE, (uint32_t) offsetof(struct RECORD, NAME), 0}
#define AS(RECORD, NAME, FIELD, TYPE) {NAME, TYPE, (uint32_t) offsetof(struct RECORD, FIELD), 0}
#define HEX_AS(RECORD, NAME, FIELD) \
    {NAME, HEX, (uint32_t) offsetof(struct RECORD, FIELD), (uint32_t) offsetof(struct RECORD, FIELD##_octets)}

static const struct column message_columns[] = {
    COLUMN(trace_message, sent_at_ns, NUMBER_64), COLUMN(trace_message, source, NUMBER_32),
    COLUMN(trace_message, cause_seq, NUMBER_SEQ), COLUMN(trace_message, target, NUMBER_32),
    COLUMN(trace_message, target_seq, NUMBER_SEQ), COLUMN(trace_message, kind, NUMBER_8),
    COLUMN(trace_message, bytes, NUMBER_32), COLUMN(trace_message, delay_ns, NUMBER_64),
    COLUMN(trace_message, queue_ns, NUMBER_64), COLUMN(trace_message, fate, NUMBER_8), {0}};
static const struct column event_columns[] = {
    COLUMN(trace_event, at_ns, NUMBER_64), COLUMN(trace_event, peer, NUMBER_32), COLUMN(trace_event, seq, NUMBER_SEQ),
    COLUMN(trace_event, kind, NUMBER_8), COLUMN(trace_event, other, NUMBER_32),
    COLUMN(trace_event, cause_seq, NUMBER_SEQ), COLUMN(trace_event, detail, NUMBER_64), {0}};
static const struct column session_columns[] = {
    COLUMN(trace_session, peer, NUMBER_32), COLUMN(trace_session, incarnation, NUMBER_32),
    COLUMN(trace_session, up_at_ns, NUMBER_64), COLUMN(trace_session, down_at_ns, NUMBER_64),
    COLUMN(trace_session, ending, ENDING), HEX_AS(trace_session, "overlay_id", id), {0}};
static const struct column lookup_columns[] = {
    COLUMN(trace_lookup, peer, NUMBER_32), COLUMN(trace_lookup, seq, NUMBER_SEQ),
    COLUMN(trace_lookup, ended_seq, NUMBER_SEQ), HEX_AS(trace_lookup, "key", key),
    COLUMN(trace_lookup, started_at_ns, NUMBER_64), COLUMN(trace_lookup, ended_at_ns, NUMBER_64),
    COLUMN(trace_lookup, hops, NUMBER_32), COLUMN(trace_lookup, messages, NUMBER_32),
    COLUMN(trace_lookup, timeouts, NUMBER_32), COLUMN(trace_lookup, outcome, OUTCOME),
    COLUMN(trace_lookup, correct, NUMBER_8_OR_2), {0}};
static const struct column broadcast_columns[] = {
    COLUMN(trace_broadcast, id, NUMBER_32), COLUMN(trace_broadcast, peer, NUMBER_32),
    COLUMN(trace_broadcast, seq, NUMBER_SEQ), COLUMN(trace_broadcast, topic, NUMBER_32),
    COLUMN(trace_broadcast, published_at_ns, NUMBER_64), COLUMN(trace_broadcast, bytes, NUMBER_32),
    COLUMN(trace_broadcast, eligible, NUMBER_32), {0}};
static const struct column delivery_columns[] = {
    COLUMN(trace_delivery, broadcast, NUMBER_32), COLUMN(trace_delivery, peer, NUMBER_32),
    COLUMN(trace_delivery, seq, NUMBER_SEQ), COLUMN(trace_delivery, at_ns, NUMBER_64),
    COLUMN(trace_delivery, hops, NUMBER_32), COLUMN(trace_delivery, duplicates, NUMBER_32), {0}};
static const struct column duplicates_columns[] = {
    COLUMN(trace_duplicates, broadcast, NUMBER_32), COLUMN(trace_duplicates, peer, NUMBER_32),
    COLUMN(trace_duplicates, duplicates, NUMBER_32), {0}};
static const struct column neighbour_columns[] = {
    COLUMN(trace_neighbour, at_ns, NUMBER_64), COLUMN(trace_neighbour, peer, NUMBER_32),
    COLUMN(trace_neighbour, other, NUMBER_32), COLUMN(trace_neighbour, table_name, NEIGHBOUR_TABLE),
    COLUMN(trace_neighbour, added, NUMBER_8), {0}};
static const struct column fault_columns[] = {
    COLUMN(trace_fault, id, NUMBER_32), COLUMN(trace_fault, name, TEXT), COLUMN(trace_fault, kind, TEXT),
    COLUMN(trace_fault, started_at_ns, NUMBER_64), COLUMN(trace_fault, ended_at_ns, NUMBER_64),
    COLUMN(trace_fault, detail, TEXT), {0}};
static const struct column fault_peer_columns[] = {
    COLUMN(trace_fault_peer, fault, NUMBER_32), COLUMN(trace_fault_peer, peer, NUMBER_32), {0}};
static const struct column sample_columns[] = {
    COLUMN(trace_sample, at_ns, NUMBER_64), COLUMN(trace_sample, metric, METRIC),
    COLUMN(trace_sample, peer, NUMBER_32), COLUMN(trace_sample, value, REAL), {0}};
static const struct column violation_columns[] = {
    COLUMN(trace_violation_record, at_ns, NUMBER_64), COLUMN(trace_violation_record, check_name, TEXT),
    COLUMN(trace_violation_record, peer, NUMBER_32), COLUMN(trace_violation_record, detail, TEXT), {0}};
static const struct column log_columns[] = {
    COLUMN(trace_log_record, at_ns, NUMBER_64), COLUMN(trace_log_record, peer, NUMBER_32),
    COLUMN(trace_log_record, level, NUMBER_32), COLUMN(trace_log_record, text, TEXT), {0}};
static const struct column run_columns[] = {
    COLUMN(trace_run_record, key, TEXT), COLUMN(trace_run_record, value, TEXT), {0}};

static const struct layout {
    const char *table; /* that rows go to */
    const struct column *columns;
    const char *conflict;
} layouts[] = {
    [TRACE_TABLE_MESSAGE] = {"message", message_columns, ""},
    [TRACE_TABLE_EVENT] = {"event", event_columns, ""},
    [TRACE_TABLE_SESSION] = {"session", session_columns, ""},
    [TRACE_TABLE_LOOKUP] = {"lookup", lookup_columns, ""},
    [TRACE_TABLE_BROADCAST] = {"broadcast", broadcast_columns, ""},
    [TRACE_TABLE_DELIVERY] = {"delivery", delivery_columns, ""},
    /* `WHERE true` keeps the parser from reading ON as that of a join. */
    [TRACE_TABLE_DUPLICATES] = {"duplicate", duplicates_columns,
                                " WHERE true ON CONFLICT DO UPDATE SET duplicates = duplicates + excluded.duplicates"},
    [TRACE_TABLE_NEIGHBOUR] = {"neighbour", neighbour_columns, ""},
    [TRACE_TABLE_FAULT] = {"fault", fault_columns, ""},
    [TRACE_TABLE_FAULT_PEER] = {"fault_peer", fault_peer_columns, ""},
    [TRACE_TABLE_SAMPLE] = {"sample", sample_columns, ""},
    [TRACE_TABLE_VIOLATION] = {"violation", violation_columns, ""},
    [TRACE_TABLE_LOG] = {"log", log_columns, ""},
    [TRACE_TABLE_RUN] = {"run", run_columns, " WHERE true ON CONFLICT DO UPDATE SET value = excluded.value"},
};
_Static_assert(sizeof layouts / sizeof *layouts == TRACE_SQL_TABLE_COUNT, "each table has a layout");

struct batch_table {
    sqlite3_vtab base;
    const struct trace_batch_source *source;
    const struct column *columns;
};

struct batch_cursor {
    sqlite3_vtab_cursor base;
    const struct trace_batch_source *source;
    const struct column *columns;
    const uint8_t *record, *end;
    uint32_t record_bytes;
};

/* "sent_at_ns,source,..." */
static void put_column_names(sqlite3_str *text, const struct column *columns)
{
    for (const struct column *column = columns; column->name; column++)
        sqlite3_str_appendf(text, "%s%s", column == columns ? "" : ",", column->name);
}

struct module_data {
    const struct layout *layout;
    const struct trace_batch_source *source;
};

static int table_connect(sqlite3 *database, void *data, int argc, const char *const *argv, sqlite3_vtab **out,
                         char **message)
{
    (void) argc, (void) argv, (void) message;
    const struct module_data *module = data;
    struct batch_table *table = calloc(1, sizeof *table);
    sqlite3_str *text = sqlite3_str_new(database);
    sqlite3_str_appendall(text, "CREATE TABLE batch(");
    put_column_names(text, module->layout->columns);
    sqlite3_str_appendall(text, ")");
    char *sql = sqlite3_str_finish(text);
    int code = table && sql ? sqlite3_declare_vtab(database, sql) : SQLITE_NOMEM;
    sqlite3_free(sql);
    if (code != SQLITE_OK) {
        free(table);
        return code;
    }
    table->source = module->source;
    table->columns = module->layout->columns;
    *out = &table->base;
    return SQLITE_OK;
}

static int table_disconnect(sqlite3_vtab *table)
{
    free(table);
    return SQLITE_OK;
}

static int table_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void) table;
    info->estimatedCost = 1e4;
    return SQLITE_OK;
}

static int cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    struct batch_cursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor)
        return SQLITE_NOMEM;
    cursor->source = ((struct batch_table *) table)->source;
    cursor->columns = ((struct batch_table *) table)->columns;
    *out = &cursor->base;
    return SQLITE_OK;
}

static int cursor_close(sqlite3_vtab_cursor *cursor)
{
    free(cursor);
    return SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int index, const char *text, int argc, sqlite3_value **argv)
{
    (void) index, (void) text, (void) argc, (void) argv;
    struct batch_cursor *cursor = (struct batch_cursor *) base;
    const struct trace_batch *batch = cursor->source->batch;
    cursor->record_bytes = batch->record_bytes;
    cursor->record = batch->bytes;
    cursor->end = batch->bytes + (size_t) batch->count * batch->record_bytes;
    return SQLITE_OK;
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
    struct batch_cursor *cursor = (struct batch_cursor *) base;
    cursor->record += cursor->record_bytes;
    return SQLITE_OK;
}

static int cursor_eof(sqlite3_vtab_cursor *base)
{
    const struct batch_cursor *cursor = (const struct batch_cursor *) base;
    return cursor->record == cursor->end;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    const struct batch_cursor *cursor = (const struct batch_cursor *) base;
    *rowid = (cursor->end - cursor->record) / cursor->record_bytes;
    return SQLITE_OK;
}

static void result_text(sqlite3_context *context, const char *text)
{
    if (text)
        sqlite3_result_text(context, text, -1, SQLITE_STATIC); /* the batch outlives the statement */
}

static void result_name(sqlite3_context *context, const struct trace_name_list *names, uint8_t index)
{
    result_text(context, index < names->count ? names->names[index] : NULL);
}

static void result_hex(sqlite3_context *context, const uint8_t *octets, uint8_t count)
{
    static const char digits[] = "0123456789abcdef";
    char text[40];
    if (!count || count > 20)
        return;
    for (int i = 0; i < count; i++) {
        text[2 * i] = digits[octets[i] >> 4];
        text[2 * i + 1] = digits[octets[i] & 15];
    }
    sqlite3_result_text(context, text, 2 * count, SQLITE_TRANSIENT);
}

static void result_named(sqlite3_context *context, const struct batch_cursor *cursor, const struct column *column)
{
    static const char *const endings[] = {NULL, "leave", "crash"};
    static const char *const outcomes[] = {"succeeded", "failed", "unfinished"};
    uint8_t value = cursor->record[column->offset];
    if (column->type == ENDING)
        result_text(context, value < 3 ? endings[value] : NULL);
    else if (column->type == OUTCOME)
        result_text(context, value < 3 ? outcomes[value] : NULL);
    else if (column->type == NEIGHBOUR_TABLE)
        result_name(context, &cursor->source->neighbour_tables, value);
    else
        result_name(context, &cursor->source->metrics, value);
}

/* A context without a result is null. */
static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index)
{
    const struct batch_cursor *cursor = (const struct batch_cursor *) base;
    const struct column *column = &cursor->columns[index];
    const uint8_t *field = cursor->record + column->offset;
    switch (column->type) {
    case NUMBER_64:
        if (*(const uint64_t *) field != TRACE_NONE_U64)
            sqlite3_result_int64(context, *(const sqlite3_int64 *) field);
        break;
    case NUMBER_32:
        if (*(const uint32_t *) field != TRACE_NONE_U32)
            sqlite3_result_int64(context, *(const uint32_t *) field);
        break;
    case NUMBER_SEQ:
        if (*(const uint32_t *) field != 0)
            sqlite3_result_int64(context, *(const uint32_t *) field);
        break;
    case NUMBER_8: sqlite3_result_int64(context, *field); break;
    case NUMBER_8_OR_2:
        if (*field != 2)
            sqlite3_result_int64(context, *field);
        break;
    case REAL: sqlite3_result_double(context, *(const double *) field); break;
    case TEXT: result_text(context, *(const char *const *) field); break;
    case HEX: result_hex(context, field, cursor->record[column->extra]); break;
    default: result_named(context, cursor, column);
    }
    return SQLITE_OK;
}

/* Without xCreate the table is eponymous: batch_message exists by itself, in this connection only. */
static const sqlite3_module batch_module = {
    .xConnect = table_connect,
    .xBestIndex = table_best_index,
    .xDisconnect = table_disconnect,
    .xOpen = cursor_open,
    .xClose = cursor_close,
    .xFilter = cursor_filter,
    .xNext = cursor_next,
    .xEof = cursor_eof,
    .xColumn = cursor_column,
    .xRowid = cursor_rowid,
};

int trace_batch_tables_register(sqlite3 *database, struct trace_batch_source *source)
{
    for (int i = 0; i < TRACE_SQL_TABLE_COUNT; i++) {
        struct module_data *module = malloc(sizeof *module);
        char name[40];
        if (!module)
            return SQLITE_NOMEM;
        *module = (struct module_data) {&layouts[i], source};
        snprintf(name, sizeof name, "batch_%s", layouts[i].table);
        int code = sqlite3_create_module_v2(database, name, &batch_module, module, free);
        if (code != SQLITE_OK)
            return code;
    }
    return SQLITE_OK;
}

int trace_batch_table_prepare(sqlite3 *database, enum trace_table table, sqlite3_stmt **statement)
{
    const struct layout *layout = &layouts[table];
    sqlite3_str *text = sqlite3_str_new(database);
    sqlite3_str_appendf(text, "INSERT INTO %s(", layout->table);
    put_column_names(text, layout->columns);
    sqlite3_str_appendf(text, ") SELECT * FROM batch_%s%s", layout->table, layout->conflict);
    char *sql = sqlite3_str_finish(text);
    int code = sql ? sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return code;
}
