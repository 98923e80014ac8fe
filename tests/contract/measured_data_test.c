/* Whole runs over measured data, checked against the files themselves. Skips where ../shared/data is absent. */
#include "tests/contract/scenario_run.h"

#define DATA PEERLAB_SOURCE_DIR "/../shared/data/"
#define PLANETLAB DATA "planetlab-490/PlanetLabData_18"
#define SKYPE DATA "skype-superpeers-avt/SKYPE.avt"

static bool absent(const char *path)
{
    if (access(path, R_OK) == 0)
        return false;
    print_message("skipped: %s is not here\n", path);
    return true;
}

static double *read_matrix(const char *path, size_t count)
{
    FILE *file = fopen(path, "r");
    double *entries = calloc(count, sizeof *entries);
    assert_non_null(file);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fscanf(file, "%lf", &entries[i]), 1);
    fclose(file);
    return entries;
}

static void each_message_takes_half_of_its_pairs_round_trip(void **state)
{
    (void) state;
    if (absent(PLANETLAB))
        skip();
    static const char yaml[] =
        "name: planetlab\nduration: 2 min\npeers: [{name: node, count: 490}]\n"
        "network: {latency: {matrix: " PLANETLAB ", unit: ms, of: round-trip, assign: in-order}}\n"
        "overlay: {protocol: kademlia}\nworkload: [{lookup: {every: 20 s}}]\ntrace: {record: [messages]}\n";
    char path[64], digest[40];
    trace_path(path);
    scenario_digest(yaml, NULL, path, digest);
    double *entries = read_matrix(PLANETLAB, 490 * 490);
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "select source, target, delay_ns from message where source <> target", -1,
                                        &statement, NULL), SQLITE_OK);
    long checked = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        double half_ns = entries[sqlite3_column_int(statement, 0) * 490 + sqlite3_column_int(statement, 1)] * 1e6 / 2;
        double delay_ns = (double) sqlite3_column_int64(statement, 2);
        if (delay_ns != half_ns && !(delay_ns - half_ns <= 0.501 && half_ns - delay_ns <= 0.501) &&
            !(half_ns < 1 && delay_ns == 1))
            fail_msg("%d -> %d took %.0f ns, not %.1f", sqlite3_column_int(statement, 0),
                     sqlite3_column_int(statement, 1), delay_ns, half_ns);
        checked++;
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    free(entries);
    unlink(path);
    assert_true(checked > 10000);
}

/* One row a session of the file: peer, up, down in whole ns. */
static size_t import_intervals(sqlite3 *db)
{
    FILE *file = fopen(SKYPE, "r");
    char hash[128];
    int intervals;
    size_t count = 0;
    sqlite3_stmt *insert;
    assert_non_null(file);
    sqlite3_exec(db, "create temp table interval(peer, up, down)", NULL, NULL, NULL);
    sqlite3_prepare_v2(db, "insert into interval values(?, ?, ?)", -1, &insert, NULL);
    for (int peer = 0; fscanf(file, "%127s %d", hash, &intervals) == 2; peer++) {
        for (int i = 0; i < intervals; i++, count++) {
            long long up, down;
            assert_int_equal(fscanf(file, "%lld %lld", &up, &down), 2);
            sqlite3_bind_int(insert, 1, peer);
            sqlite3_bind_int64(insert, 2, up * 1000000000);
            sqlite3_bind_int64(insert, 3, down * 1000000000);
            sqlite3_step(insert);
            sqlite3_reset(insert);
        }
    }
    sqlite3_finalize(insert);
    fclose(file);
    return count;
}

static int number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int value = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void the_sessions_of_a_trace_driven_run_are_the_files_intervals(void **state)
{
    (void) state;
    if (absent(SKYPE))
        skip();
    static const char yaml[] =
        "name: skype\nduration: 2478200 s\npeers: [{name: node, count: 2081}]\nnetwork: {latency: {constant: 50 ms}}\n"
        "overlay: {protocol: epidemic, mode: push}\nchurn: [{peers: node, trace: " SKYPE "}]\n"
        "trace: {record: [lifecycle]}\n";
    char path[64], digest[40];
    trace_path(path);
    scenario_digest(yaml, NULL, path, digest);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(import_intervals(db), 29217);
    assert_int_equal(number(db, "select count(*) from session"), 29217);
    assert_int_equal(number(db, "select count(*) from (select peer, up, down from interval except "
                                "select peer, up_at_ns, down_at_ns from session)"), 0);
    assert_int_equal(number(db, "select count(*) from session where down_at_ns = 2478200000000000"), 682);
    assert_int_equal(number(db, "select count(*) from session where up_at_ns = 0"), 133);
    assert_int_equal(number(db, "select count(*) from session where down_at_ns is null"), 0);
    sqlite3_close(db);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_takes_half_of_its_pairs_round_trip),
        cmocka_unit_test(the_sessions_of_a_trace_driven_run_are_the_files_intervals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
