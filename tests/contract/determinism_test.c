/* DESIGN.md section 8: a scenario and a seed give one digest, whatever is recorded, whatever carries the messages; and
 * adding one thing never reshuffles another. Each with churn, loss and faults. */
#include "tests/contract/scenario_run.h"

#define PEERS_AND_TROUBLE                                                                                     \
    "seed: 7\n"                                                                                               \
    "duration: 10 min\n"                                                                                      \
    "peers:\n"                                                                                                \
    "  - {name: home, count: 120}\n"                                                                          \
    "  - {name: server, count: 30}\n"                                                                         \
    "network: {latency: {lognormal: {median: 60 ms, sigma: 0.5}}, jitter: {normal: 2 ms}, loss: 1 %}\n"       \
    "churn:\n"                                                                                                \
    "  - {name: tide, peers: home, session: {weibull: {shape: 0.6, scale: 4 min}}, downtime: {exponential: 3 min}}\n" \
    "faults:\n"                                                                                               \
    "  - {name: cut, at: 2 min, for: 1 min, partition: [[home], [server]]}\n"                                 \
    "  - {name: crash, at: 4 min, crash: {fraction: 30 %, of: home}, restart_after: 1 min}\n"                 \
    "  - {name: rain, at: 6 min, for: 1 min, loss: {add: 10 %, of: home}}\n"                                  \
    "  - {name: jam, at: 7 min, for: 1 min, latency: {times: 3, between: [home, server]}}\n"

static const char kademlia[] = "name: k\n" PEERS_AND_TROUBLE
                               "overlay: {protocol: kademlia, k: 8}\n"
                               "workload: [{lookup: {name: seek, every: {exponential: 30 s}}}]\n";
static const char epidemic[] = "name: e\n" PEERS_AND_TROUBLE
                               "overlay: {protocol: epidemic, mode: push-pull, rounds: own-timers}\n"
                               "workload: [{publish: {every: 5 min}}]\n";

static const char *const overlays[] = {kademlia, epidemic};
#define OVERLAYS (sizeof overlays / sizeof *overlays)

#define WITH(...) ((const char *const[]){__VA_ARGS__, NULL})

static void the_same_seed_gives_the_same_digest_and_another_seed_another(void **state)
{
    (void) state;
    for (size_t i = 0; i < OVERLAYS; i++) {
        char first[40], second[40], other[40];
        scenario_digest(overlays[i], NULL, NULL, first);
        scenario_digest(overlays[i], NULL, NULL, second);
        scenario_digest(overlays[i], WITH("seed=8"), NULL, other);
        assert_string_equal(first, second);
        assert_string_not_equal(first, other);
        assert_int_equal(strlen(first), 32);
    }
}

static void tracing_does_not_change_the_digest(void **state)
{
    (void) state;
    static const char *const settings[] = {
        "trace.record=[]", "trace.record=[lifecycle, messages, timers, lookups, broadcasts, neighbours, faults, log, samples]",
        "trace={record: [messages, timers], sample: 10 %}", "trace={record: [messages], index: false}"};
    for (size_t i = 0; i < OVERLAYS; i++) {
        char plain[40], traced[40], path[64];
        scenario_digest(overlays[i], NULL, NULL, plain);
        for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
            trace_path(path);
            scenario_digest(overlays[i], WITH(settings[s]), path, traced);
            assert_string_equal(plain, traced);
            unlink(path);
        }
    }
}

static void memory_and_socketpair_are_one_program(void **state)
{
    (void) state;
    for (size_t i = 0; i < OVERLAYS; i++) {
        char memory[40], sockets[40];
        scenario_digest(overlays[i], WITH("transport=memory"), NULL, memory);
        scenario_digest(overlays[i], WITH("transport=socketpair"), NULL, sockets);
        assert_string_equal(memory, sockets);
    }
}

static void two_traces_of_one_seed_are_the_same_row_by_row(void **state)
{
    (void) state;
    static const char *const tables[] = {"message", "event", "session", "lookup", "fault", "fault_peer", "peer",
                                         "delivery", "broadcast", "neighbour", "sample", "input"};
    char a[64], b[64], digest[40], sql[256];
    trace_path(a);
    trace_path(b);
    const char *const *sets = WITH("trace.record=[lifecycle, messages, timers, lookups, neighbours, faults, samples]");
    scenario_digest(kademlia, sets, a, digest);
    scenario_digest(kademlia, sets, b, digest);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(a, &db), SQLITE_OK);
    snprintf(sql, sizeof sql, "attach '%s' as b", b);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        sqlite3_stmt *statement;
        snprintf(sql, sizeof sql,
                 "select (select count(*) from (select * from main.%s except select * from b.%s)) + abs((select count(*) "
                 "from main.%s) - (select count(*) from b.%s))", tables[i], tables[i], tables[i], tables[i]);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        if (sqlite3_column_int(statement, 0))
            fail_msg("table %s differs", tables[i]);
        sqlite3_finalize(statement);
    }
    sqlite3_close(db);
    unlink(a);
    unlink(b);
}

/* Sessions of home and the instants and keys of its lookups, as one text. */
/* Returns the length of the sessions' part. */
static size_t fingerprint(const char *const *sets, char *text, size_t bytes)
{
    char path[64], digest[40];
    trace_path(path);
    scenario_digest(kademlia, sets, path, digest);
    snprintf(text, bytes, "%s",
             trace_text(path, "select group_concat(x, ' ') from (select p.name || up_at_ns || ending as x from session s "
                              "join peer p using (peer) where group_name = 'home' order by s.peer, incarnation)"));
    size_t used = strlen(text);
    snprintf(text + used, bytes - used, "%s",
             trace_text(path, "select group_concat(x, ' ') from (select p.name || started_at_ns || key as x from lookup l "
                              "join peer p using (peer) where group_name = 'home' and started_at_ns < 230000000000 "
                              "order by l.peer, started_at_ns limit 900)"));
    unlink(path);
    return used;
}

static void adding_a_group_a_fault_or_a_workload_leaves_the_other_draws(void **state)
{
    (void) state;
    static char plain[131072], more[131072];
    static const char *const additions[] = {
        "peers=[{name: home, count: 120}, {name: server, count: 30}, {name: new, count: 40}]",
        "peers=[{name: new, count: 40}, {name: home, count: 120}, {name: server, count: 30}]",
        "faults=[{name: cut, at: 2 min, for: 1 min, partition: [[home], [server]]},"
        "{name: late, at: 9 min, for: 30 s, loss: {add: 20 %, of: server}},"
        "{name: crash, at: 4 min, crash: {fraction: 30 %, of: home}, restart_after: 1 min}]",
        "workload=[{lookup: {name: other, every: 20 s}}, {lookup: {name: seek, every: {exponential: 30 s}}}]",
    };
    size_t sessions = fingerprint(NULL, plain, sizeof plain);
    assert_true(strlen(plain) > 10000);
    for (size_t i = 0; i < sizeof additions / sizeof *additions; i++) {
        fingerprint(WITH(additions[i]), more, sizeof more);
        if (i == 3) /* there are more lookups then: the sessions are what must stand */
            assert_memory_equal(plain, more, sessions);
        else
            assert_string_equal(plain, more);
    }
}

/* All that was handled in the first ten minutes. */
static void first_ten_minutes(const char *const *sets, char text[256])
{
    char path[64], digest[40];
    trace_path(path);
    scenario_digest(kademlia, sets, path, digest);
    snprintf(text, 256, "%s", trace_text(path,
        "WITH handled(peer, seq, at_ns) AS ("
        "  SELECT target, target_seq, sent_at_ns + queue_ns + delay_ns FROM message WHERE target_seq IS NOT NULL"
        "  UNION ALL SELECT peer, seq, at_ns FROM event) "
        "SELECT count(*) || ' ' || sum((at_ns % 1000003) * (1 + peer * 7919 + seq * 104729 % 1000033)) "
        "FROM handled WHERE at_ns < 600000000000"));
    unlink(path);
}

static void a_longer_run_begins_as_the_shorter_one(void **state)
{
    (void) state;
    char shorter[256], longer[256];
    first_ten_minutes(WITH("trace.record=[lifecycle, messages, timers, lookups]"), shorter);
    first_ten_minutes(WITH("trace.record=[lifecycle, messages, timers, lookups]", "duration=13 min"), longer);
    assert_true(strlen(shorter) > 12);
    assert_string_equal(shorter, longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_digest_and_another_seed_another),
        cmocka_unit_test(tracing_does_not_change_the_digest),
        cmocka_unit_test(memory_and_socketpair_are_one_program),
        cmocka_unit_test(two_traces_of_one_seed_are_the_same_row_by_row),
        cmocka_unit_test(adding_a_group_a_fault_or_a_workload_leaves_the_other_draws),
        cmocka_unit_test(a_longer_run_begins_as_the_shorter_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
