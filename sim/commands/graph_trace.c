#include "sim/commands/graph_trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "traces/query.h"

/* Who is up at :at, and since when: whose last step was to come. */
#define UP \
    "WITH life AS (SELECT e.peer AS peer, max(e.id) AS id FROM event e JOIN event_kind k ON k.id = e.kind " \
    " WHERE k.name IN ('join', 'restart', 'leave', 'crash') AND e.at_ns <= :at GROUP BY e.peer), " \
    "up AS (SELECT e.peer AS peer, e.at_ns AS since FROM life JOIN event e ON e.id = life.id " \
    " JOIN event_kind k ON k.id = e.kind WHERE k.name IN ('join', 'restart')) "

static const char nodes_sql[] = UP "SELECT up.peer, peer.name FROM up JOIN peer USING (peer) ORDER BY up.peer";

/* The last word on each entry of this incarnation's tables. */
static const char edges_sql[] =
    UP ", last AS (SELECT n.peer AS peer, n.other AS other, n.added AS added, max(n.rowid) "
       " FROM neighbour n JOIN up ON up.peer = n.peer WHERE n.at_ns <= :at AND n.at_ns >= up.since "
       " GROUP BY n.peer, n.other, n.table_name) "
       "SELECT DISTINCT peer, other FROM last WHERE added ORDER BY peer, other";

struct reading {
    struct base_arena *arena;
    uint32_t *peers;           /* of the nodes, ascending */
    const char **names;
    uint32_t node_count, capacity;
    struct graph_edges edges;
    uint64_t stale;
};

static void no_header(void *context, uint32_t column_count, const char *const *names)
{
    (void) context;
    (void) column_count;
    (void) names;
}

static void *larger(struct base_arena *arena, const void *old, size_t item_bytes, uint32_t count, uint32_t capacity)
{
    void *items = base_arena_take_array(arena, capacity, item_bytes);
    if (count)
        memcpy(items, old, count * item_bytes);
    return items;
}

static int add_node(void *context, uint32_t column_count, const struct trace_value *values)
{
    struct reading *reading = context;
    (void) column_count;
    if (reading->node_count == reading->capacity) {
        uint32_t capacity = reading->capacity ? 2 * reading->capacity : 1024;
        reading->peers = larger(reading->arena, reading->peers, sizeof *reading->peers, reading->node_count, capacity);
        reading->names = larger(reading->arena, reading->names, sizeof *reading->names, reading->node_count, capacity);
        reading->capacity = capacity;
    }
    reading->peers[reading->node_count] = (uint32_t) values[0].integer;
    reading->names[reading->node_count++] = base_arena_copy_text(reading->arena, values[1].text,
                                                                 strlen(values[1].text));
    return 0;
}

static int compare_peers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;
    return x < y ? -1 : x > y;
}

static int add_edge(void *context, uint32_t column_count, const struct trace_value *values)
{
    struct reading *reading = context;
    (void) column_count;
    uint32_t ends[2];
    for (int i = 0; i < 2; i++) {
        uint32_t peer = (uint32_t) values[i].integer;
        const uint32_t *found = bsearch(&peer, reading->peers, reading->node_count, sizeof peer, compare_peers);
        if (!found) {
            reading->stale++;
            return 0;
        }
        ends[i] = (uint32_t) (found - reading->peers);
    }
    graph_edges_add(&reading->edges, ends[0], ends[1]);
    return reading->edges.error;
}

static bool records(struct trace_reader *reader, const char *what)
{
    char *record = trace_reader_run_value(reader, "record");
    bool found = record && strstr(record, what);
    free(record);
    return found;
}

static int read_rows(struct reading *reading, struct trace_reader *reader, int64_t at_ns,
                     struct base_diagnostics *diagnostics)
{
    char at[48];
    const char *const arguments[] = {at};
    snprintf(at, sizeof at, "at=%" PRId64, at_ns);
    struct trace_rows rows = {.context = reading, .header = no_header, .row = add_node};
    int error = trace_query_run(reader, nodes_sql, arguments, 1, &rows, diagnostics);
    rows.row = add_edge;
    if (error >= 0 && reading->node_count)
        error = trace_query_run(reader, edges_sql, arguments, 1, &rows, diagnostics);
    return error < 0 ? error : reading->edges.error;
}

int graph_trace_read(struct graph_trace *trace, const char *path, int64_t at_ns, struct base_arena *arena,
                     struct base_diagnostics *diagnostics)
{
    struct trace_reader *reader = NULL;
    struct reading reading = {.arena = arena, .edges.directed = true};
    *trace = (struct graph_trace){0};
    int error = trace_reader_open(&reader, path, diagnostics);
    if (error)
        return error;
    if (records(reader, "lifecycle") && records(reader, "neighbours")) {
        error = read_rows(&reading, reader, at_ns, diagnostics);
    } else {
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place){0},
                      "--set 'trace.record=[lifecycle, neighbours]' when it is run",
                      "%s holds no neighbour tables", path);
        error = -EINVAL;
    }
    error = error < 0 ? error : graph_create(&trace->graph, reading.node_count, &reading.edges);
    graph_edges_done(&reading.edges);
    trace_reader_close(reader);
    trace->names = reading.names;
    trace->stale = reading.stale;
    return error;
}
