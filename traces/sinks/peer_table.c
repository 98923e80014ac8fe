#include "traces/sinks/peer_table.h"

#include <stdlib.h>

/* A transaction each: a log of a few MB, and progress ten times a second. */
#define PEERS_A_STATEMENT 65536u

/* What the table shows: peers first to end. */
struct peer_range {
    const struct trace_options *options;
    uint32_t first, end;
};

struct peer_table {
    sqlite3_vtab base;
    const struct peer_range *range;
};

struct peer_cursor {
    sqlite3_vtab_cursor base;
    const struct peer_range *range;
    uint32_t peer;
    struct trace_peer row;
};

static int peers_connect(sqlite3 *database, void *data, int argc, const char *const *argv, sqlite3_vtab **out,
                         char **message)
{
    (void) argc, (void) argv, (void) message;
    int code = sqlite3_declare_vtab(database, "CREATE TABLE peers(peer, name, group_name, region, address)");
    struct peer_table *table = code == SQLITE_OK ? calloc(1, sizeof *table) : NULL;
    if (!table)
        return code == SQLITE_OK ? SQLITE_NOMEM : code;
    table->range = data;
    *out = &table->base;
    return SQLITE_OK;
}

static int peers_disconnect(sqlite3_vtab *table)
{
    free(table);
    return SQLITE_OK;
}

static int peers_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void) table;
    info->estimatedCost = 1e4;
    return SQLITE_OK;
}

static int peers_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    struct peer_cursor *cursor = calloc(1, sizeof *cursor);
    if (!cursor)
        return SQLITE_NOMEM;
    cursor->range = ((struct peer_table *) table)->range;
    *out = &cursor->base;
    return SQLITE_OK;
}

static int peers_close(sqlite3_vtab_cursor *cursor)
{
    free(cursor);
    return SQLITE_OK;
}

static void ask(struct peer_cursor *cursor)
{
    const struct trace_options *options = cursor->range->options;
    cursor->row = (struct trace_peer) {0};
    if (cursor->peer < cursor->range->end)
        options->peer(options->peer_context, cursor->peer, &cursor->row);
}

static int peers_filter(sqlite3_vtab_cursor *base, int index, const char *text, int argc, sqlite3_value **argv)
{
    (void) index, (void) text, (void) argc, (void) argv;
    struct peer_cursor *cursor = (struct peer_cursor *) base;
    cursor->peer = cursor->range->first;
    ask(cursor);
    return SQLITE_OK;
}

static int peers_next(sqlite3_vtab_cursor *base)
{
    struct peer_cursor *cursor = (struct peer_cursor *) base;
    cursor->peer++;
    ask(cursor);
    return SQLITE_OK;
}

static int peers_eof(sqlite3_vtab_cursor *base)
{
    const struct peer_cursor *cursor = (const struct peer_cursor *) base;
    return cursor->peer >= cursor->range->end;
}

static int peers_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    *rowid = ((const struct peer_cursor *) base)->peer;
    return SQLITE_OK;
}

/* The texts live until the next row is asked for, by when this one is stored. */
static int peers_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    const struct peer_cursor *cursor = (const struct peer_cursor *) base;
    const char *const texts[] = {NULL, cursor->row.name, cursor->row.group_name, cursor->row.region, cursor->row.address};
    if (column == 0)
        sqlite3_result_int64(context, cursor->peer);
    else
        sqlite3_result_text(context, texts[column], -1, SQLITE_STATIC); /* NULL is null */
    return SQLITE_OK;
}

static const sqlite3_module peers_module = {
    .xConnect = peers_connect,
    .xBestIndex = peers_best_index,
    .xDisconnect = peers_disconnect,
    .xOpen = peers_open,
    .xClose = peers_close,
    .xFilter = peers_filter,
    .xNext = peers_next,
    .xEof = peers_eof,
    .xColumn = peers_column,
    .xRowid = peers_rowid,
};

static bool wanted(const struct trace_options *options, uint32_t written)
{
    uint32_t per_mille = (uint32_t) ((uint64_t) written * 1000 / options->peer_count);
    return !options->progress || options->progress(options->progress_context, "writing peers", per_mille);
}

static int write_ranges(sqlite3_stmt *insert, struct peer_range *range)
{
    const struct trace_options *options = range->options;
    int code = SQLITE_OK;
    while (code == SQLITE_OK && range->end < options->peer_count) {
        if (!wanted(options, range->end))
            return SQLITE_INTERRUPT;
        range->first = range->end;
        uint32_t left = options->peer_count - range->first;
        range->end += left < PEERS_A_STATEMENT ? left : PEERS_A_STATEMENT;
        sqlite3_step(insert);
        code = sqlite3_reset(insert);
    }
    return code;
}

int trace_peers_write(sqlite3 *database, const struct trace_options *options)
{
    struct peer_range range = {.options = options};
    sqlite3_stmt *insert = NULL;
    int code = sqlite3_create_module_v2(database, "peers_of_run", &peers_module, &range, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(database, "INSERT INTO peer SELECT * FROM peers_of_run", -1, &insert, NULL);
    if (code == SQLITE_OK)
        code = write_ranges(insert, &range);
    sqlite3_finalize(insert);
    sqlite3_create_module_v2(database, "peers_of_run", NULL, NULL, NULL); /* range ends here */
    return code;
}
