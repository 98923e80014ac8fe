#include "traces/sinks/peer_table.h"

#include <stdlib.h>

/* A transaction each: a log of a few MB, and progress ten times a second. */
#define PEERS_A_STATEMENT 65536u

struct peer_table {
    sqlite3_vtab base;
    const struct trace_peers *peers;
};

struct peer_cursor {
    sqlite3_vtab_cursor base;
    const struct trace_peers *peers;
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
    table->peers = data;
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
    cursor->peers = ((struct peer_table *) table)->peers;
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
    const struct trace_peers *peers = cursor->peers;
    cursor->row = (struct trace_peer) {0};
    if (cursor->peer < peers->end)
        peers->peer(peers->peer_context, cursor->peer, &cursor->row);
}

static int peers_filter(sqlite3_vtab_cursor *base, int index, const char *text, int argc, sqlite3_value **argv)
{
    (void) index, (void) text, (void) argc, (void) argv;
    struct peer_cursor *cursor = (struct peer_cursor *) base;
    cursor->peer = cursor->peers->first;
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
    return cursor->peer >= cursor->peers->end;
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

int trace_peers_open(sqlite3 *database, const struct trace_options *options, struct trace_peers *peers)
{
    *peers = (struct trace_peers) {.peer = options->peer, .peer_context = options->peer_context,
                                   .peer_count = options->peer_count};
    int code = sqlite3_create_module_v2(database, "peers_of_run", &peers_module, peers, NULL);
    return code != SQLITE_OK ? code : sqlite3_prepare_v2(database, "INSERT INTO peer SELECT * FROM peers_of_run", -1,
                                                         &peers->insert, NULL);
}

int trace_peers_write_some(struct trace_peers *peers)
{
    peers->first = peers->end;
    uint32_t left = peers->peer_count - peers->first;
    peers->end += left < PEERS_A_STATEMENT ? left : PEERS_A_STATEMENT;
    sqlite3_step(peers->insert);
    return sqlite3_reset(peers->insert);
}

void trace_peers_close(struct trace_peers *peers)
{
    sqlite3_finalize(peers->insert);
    peers->insert = NULL;
}
