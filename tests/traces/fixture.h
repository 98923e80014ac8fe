/* A folder of its own for each test, a small trace whose every row is known, and queries answered as text. */
#ifndef TESTS_TRACES_FIXTURE_H
#define TESTS_TRACES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "traces/query.h"
#include "traces/trace.h"

#define MS UINT64_C(1000000)
#define S (1000 * MS)
#define FIXTURE_LIST(NAMES) {NAMES, sizeof(NAMES) / sizeof *(NAMES)}

enum { FIND_NODE, NODES };
enum { JOIN, LEAVE, CRASH, RESTART, TIMER, LOOKUP };
enum { DELIVERED, IN_FLIGHT, PARTITION, TARGET_DOWN };
enum { A0, A1, B0, PEERS };
enum { LOAD, SPREAD, LOOP_TURNS, LOOP_EVENTS_A_TURN, LOOP_LAG_US_MAX };

static inline int fixture_setup(void **state)
{
    char *folder = strdup("/tmp/peerlab-traces-XXXXXX");
    *state = folder;
    return mkdtemp(folder) ? 0 : -1;
}

static inline int fixture_teardown(void **state)
{
    char *folder = *state, path[600];
    DIR *list = opendir(folder);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path);
    }
    if (list)
        closedir(list);
    rmdir(folder);
    free(folder);
    return 0;
}

static inline char *fixture_path(void **state, const char *name) /* free() */
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", (const char *) *state, name) < 0 ? NULL : path;
}

static inline void fixture_peer(void *context, uint32_t peer, struct trace_peer *row)
{
    static const struct trace_peer rows[PEERS] = {{"a-0", "a", "eu", "127.0.0.1:1"},
                                                  {"a-1", "a", "eu", "127.0.0.2:1"},
                                                  {"b-0", "b", NULL, "127.0.0.3:1"}};
    (void) context;
    *row = rows[peer % PEERS];
}

static inline struct trace_options fixture_options(const char *path)
{
    static const struct trace_input inputs[] = {{"scenario.yaml", "abc", 3}, {"rtt.txt", "", 0}};
    static const char *const messages[] = {"find_node", "nodes"};
    static const char *const events[] = {"join", "leave", "crash", "restart", "timer", "lookup"};
    static const char *const fates[] = {"delivered", "in_flight", "partition", "target_down"};
    static const char *const tables[] = {"bucket", "cache"};
    static const char *const metrics[] = {"load", "spread", "loop.turns", "loop.events_a_turn", "loop.lag_us_max"};
    return (struct trace_options) {
        .path = path,
        .names = {.message_kinds = FIXTURE_LIST(messages), .event_kinds = FIXTURE_LIST(events),
                  .fates = FIXTURE_LIST(fates), .neighbour_tables = FIXTURE_LIST(tables),
                  .metrics = FIXTURE_LIST(metrics)},
        .inputs = inputs, .input_count = 2, .peer_count = PEERS, .peer = fixture_peer, .index = true,
    };
}

static inline struct trace *fixture_open(const struct trace_options *options)
{
    struct base_diagnostics diagnostics = {0};
    struct trace *trace = NULL;
    int error = trace_open(&trace, options, &diagnostics);
    if (error)
        fail_msg("trace_open: %d %s", error, diagnostics.items[0].message);
    return trace;
}

static inline struct trace_totals fixture_finish(struct trace *trace)
{
    struct base_diagnostics diagnostics = {0};
    struct trace_totals totals;
    int error = trace_finish(trace, "complete", &totals, &diagnostics);
    if (error)
        fail_msg("trace_finish: %d %s", error, diagnostics.items[0].message);
    return totals;
}

/* Of the loop: what it did in the last tenth of a second, and how late it was. */
static inline void fixture_loop(struct trace *trace, uint64_t at_ns, double turns, double events_a_turn, double lag_us)
{
    double values[] = {turns, events_a_turn, lag_us};
    for (uint8_t i = 0; i < 3; i++)
        trace_sample(trace, &(struct trace_sample) {.at_ns = at_ns, .value = values[i], .peer = TRACE_NONE_U32,
                                                    .metric = (uint8_t) (LOOP_TURNS + i)});
}

static inline void fixture_event(struct trace *trace, uint64_t at_ns, uint32_t peer, uint32_t seq, uint8_t kind,
                                 uint32_t cause_seq)
{
    trace_event(trace, &(struct trace_event) {.at_ns = at_ns, .detail = TRACE_NONE_U64, .peer = peer, .seq = seq,
                                              .other = TRACE_NONE_U32, .cause_seq = cause_seq, .kind = kind});
}

static inline void fixture_message(struct trace *trace, struct trace_message message)
{
    trace_message(trace, &message);
}

/* 140 s of three peers; b-0 crashes at 80 s and is back at 120 s; a fault from 65 s to 100 s; four lookups. odd: one
 * message is of another size. */
static inline void fixture_rows(struct trace *t, bool odd)
{
    trace_run_value(t, "duration_ns", "140000000000");
    fixture_loop(t, 100 * MS, 10, 1.5, 90.25);
    fixture_loop(t, 200 * MS, 30, 2.5, 20);
    fixture_loop(t, 1100 * MS, 5, 1, 7);
    for (uint32_t peer = 0; peer < PEERS; peer++)
        fixture_event(t, 0, peer, 1, JOIN, 0);
    fixture_event(t, S, A0, 2, LOOKUP, 0);
    fixture_message(t, (struct trace_message) {.sent_at_ns = S, .delay_ns = 50 * MS, .source = A0, .cause_seq = 2,
        .target = B0, .target_seq = 2, .bytes = 30, .kind = FIND_NODE});
    fixture_message(t, (struct trace_message) {.sent_at_ns = S + 50 * MS, .delay_ns = 60 * MS, .source = B0,
        .cause_seq = 2, .target = A0, .target_seq = 3, .bytes = odd ? 101 : 100, .kind = NODES});
    trace_lookup(t, &(struct trace_lookup) {.started_at_ns = S, .ended_at_ns = S + 110 * MS, .peer = A0, .seq = 2,
        .ended_seq = 3, .hops = 1, .messages = 1, .correct = 1, .key_octets = 2, .key = {0xab, 0x01}});
    trace_broadcast(t, &(struct trace_broadcast) {.published_at_ns = 20 * S, .id = 1, .peer = A0, .bytes = 9,
        .eligible = 3});
    trace_delivery(t, &(struct trace_delivery) {.at_ns = 20 * S, .broadcast = 1, .peer = A0});
    trace_delivery(t, &(struct trace_delivery) {.at_ns = 20 * S + 10 * MS, .broadcast = 1, .peer = A1, .hops = 1});
    trace_delivery(t, &(struct trace_delivery) {.at_ns = 20 * S + 50 * MS, .broadcast = 1, .peer = B0, .hops = 2});
    trace_fault(t, &(struct trace_fault) {.started_at_ns = 65 * S, .ended_at_ns = 100 * S, .id = 1, .name = "cut",
        .kind = "partition", .detail = "a | b"});
    trace_fault_peer(t, &(struct trace_fault_peer) {1, B0});
    fixture_event(t, 70 * S, A1, 2, LOOKUP, 0);
    fixture_message(t, (struct trace_message) {.sent_at_ns = 70 * S, .delay_ns = TRACE_NONE_U64, .source = A1,
        .cause_seq = 2, .target = B0, .bytes = 30, .kind = FIND_NODE, .fate = PARTITION});
    fixture_event(t, 72 * S, A1, 3, TIMER, 2);
    trace_lookup(t, &(struct trace_lookup) {.started_at_ns = 70 * S, .ended_at_ns = 72 * S, .peer = A1, .seq = 2,
        .ended_seq = 3, .messages = 1, .timeouts = 1, .outcome = TRACE_FAILED});
    fixture_event(t, 80 * S, B0, 3, CRASH, 0);
    trace_session(t, &(struct trace_session) {.up_at_ns = 0, .down_at_ns = 80 * S, .peer = B0, .incarnation = 1,
        .ending = TRACE_ENDING_CRASH, .id_octets = 2, .id = {0xff, 0x02}});
    fixture_event(t, 110 * S, A0, 4, LOOKUP, 0);
    fixture_message(t, (struct trace_message) {.sent_at_ns = 110 * S, .delay_ns = 10 * MS, .queue_ns = 5 * MS,
        .source = A0, .cause_seq = 4, .target = A1, .target_seq = 4, .bytes = 30, .kind = FIND_NODE});
    fixture_message(t, (struct trace_message) {.sent_at_ns = 110 * S + 15 * MS, .delay_ns = 10 * MS, .source = A1,
        .cause_seq = 4, .target = A0, .target_seq = 5, .bytes = 100, .kind = NODES});
    trace_lookup(t, &(struct trace_lookup) {.started_at_ns = 110 * S, .ended_at_ns = 110 * S + 25 * MS, .peer = A0,
        .seq = 4, .ended_seq = 5, .hops = 1, .messages = 2});
    fixture_message(t, (struct trace_message) {.sent_at_ns = 110 * S + 25 * MS, .delay_ns = 50 * MS, .source = A0,
        .cause_seq = 5, .target = B0, .bytes = 30, .kind = FIND_NODE, .fate = TARGET_DOWN});
    fixture_event(t, 120 * S, B0, 4, RESTART, 0);
    fixture_event(t, 130 * S, A0, 6, LOOKUP, 0);
    fixture_message(t, (struct trace_message) {.sent_at_ns = 130 * S, .delay_ns = 20 * S, .source = A0, .cause_seq = 6,
        .target = B0, .bytes = 30, .kind = FIND_NODE, .fate = IN_FLIGHT});
    trace_lookup(t, &(struct trace_lookup) {.started_at_ns = 130 * S, .ended_at_ns = TRACE_NONE_U64, .peer = A0,
        .seq = 6, .messages = 1, .outcome = TRACE_UNFINISHED, .correct = 2});
    static const struct trace_session open_ended[] = {{.peer = A0, .incarnation = 1}, {.peer = A1, .incarnation = 1},
                                                      {.peer = B0, .incarnation = 2, .up_at_ns = 120 * S}};
    for (int i = 0; i < 3; i++) {
        struct trace_session session = open_ended[i];
        session.down_at_ns = TRACE_NONE_U64;
        trace_session(t, &session);
    }
    trace_duplicates(t, &(struct trace_duplicates) {1, A1, 2});
    trace_duplicates(t, &(struct trace_duplicates) {1, A1, 1});
}

static inline void fixture_write(const char *path, bool index, bool odd)
{
    struct trace_options options = fixture_options(path);
    options.index = index;
    struct trace *trace = fixture_open(&options);
    fixture_rows(trace, odd);
    fixture_finish(trace);
}

/* ---- asking ---- */

struct fixture_answer {
    char text[8192]; /* a line a row, columns separated by | ; nulls empty */
    char header[1024];
    size_t length;
};

static inline void fixture_header(void *context, uint32_t count, const char *const *names)
{
    struct fixture_answer *answer = context;
    size_t length = 0;
    for (uint32_t i = 0; i < count; i++)
        length += (size_t) snprintf(answer->header + length, sizeof answer->header - length, "%s%s", i ? "|" : "",
                                    names[i]);
}

static inline int fixture_row(void *context, uint32_t count, const struct trace_value *values)
{
    struct fixture_answer *answer = context;
    for (uint32_t i = 0; i < count; i++)
        answer->length += (size_t) snprintf(answer->text + answer->length, sizeof answer->text - answer->length, "%s%s",
                                            values[i].text, i + 1 < count ? "|" : "\n");
    assert_true(answer->length < sizeof answer->text);
    return 0;
}

static inline struct trace_reader *fixture_reader(const char *path)
{
    struct base_diagnostics diagnostics = {0};
    struct trace_reader *reader = NULL;
    if (trace_reader_open(&reader, path, &diagnostics) < 0)
        fail_msg("%s", diagnostics.items[0].message);
    return reader;
}

/* argument may be NULL. The result is good until the next call. */
static inline struct fixture_answer *fixture_ask(struct trace_reader *reader, const char *query, const char *argument)
{
    static struct fixture_answer answer;
    struct base_diagnostics diagnostics = {0};
    struct trace_rows rows = {&answer, fixture_header, fixture_row};
    answer = (struct fixture_answer) {0};
    int error = trace_query_run(reader, query, &argument, argument != NULL, &rows, &diagnostics);
    if (error)
        fail_msg("%s: %d %s", query, error, diagnostics.items[0].message);
    return &answer;
}

static inline const char *fixture_ask_file(const char *path, const char *sql)
{
    struct trace_reader *reader = fixture_reader(path);
    const char *text = fixture_ask(reader, sql, NULL)->text;
    trace_reader_close(reader);
    return text;
}

#endif
