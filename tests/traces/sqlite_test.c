/* The file: its columns, what it replaces, what is left after a kill and on a full disk. */
#include "tests/traces/fixture.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static bool is_there(const char *path, const char *suffix)
{
    char name[700];
    struct stat status;
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return stat(name, &status) == 0;
}

static void put_file(const char *path, const char *suffix, const char *content)
{
    char name[700];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void assert_one_plain_file(const char *path)
{
    assert_true(is_there(path, ""));
    assert_false(is_there(path, "-wal"));
    assert_false(is_there(path, "-shm"));
    assert_false(is_there(path, "-journal"));
}

static void every_column_holds_what_was_recorded(void **state)
{
    static const char *const cases[][2] = {
        {"SELECT * FROM run", "duration_ns|140000000000\nstatus|complete\n"},
        {"SELECT name, sha256, content FROM input",
         "scenario.yaml|ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad|abc\n"
         "rtt.txt|e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855|\n"},
        {"SELECT * FROM peer", "0|a-0|a|eu|127.0.0.1:1\n1|a-1|a|eu|127.0.0.2:1\n2|b-0|b||127.0.0.3:1\n"},
        {"SELECT * FROM session", "2|1|0|80000000000|crash|ff02\n0|1|0|||\n1|1|0|||\n2|2|120000000000|||\n"},
        {"SELECT * FROM fate", "0|delivered\n1|in_flight\n2|partition\n3|target_down\n"},
        {"SELECT * FROM message WHERE id IN (1, 3, 4)",
         "1|1000000000|0|2|2|2|0|30|50000000|0|0\n3|70000000000|1|2|2||0|30||0|2\n"
         "4|110000000000|0|4|1|4|0|30|10000000|5000000|0\n"},
        {"SELECT * FROM event WHERE id IN (1, 6)", "1|0|0|1|0|||\n6|72000000000|1|3|4||2|\n"},
        {"SELECT * FROM lookup WHERE id IN (1, 4)",
         "1|0|2|3|ab01|1000000000|1110000000|1|1|0|succeeded|1\n4|0|6|||130000000000||0|1|0|unfinished|\n"},
        {"SELECT * FROM broadcast", "1|0||0|20000000000|9|3\n"},
        {"SELECT * FROM delivery", "1|0||20000000000|0|0\n1|1||20010000000|1|3\n1|2||20050000000|2|0\n"},
        {"SELECT * FROM fault", "1|cut|partition|65000000000|100000000000|a | b\n"},
        {"SELECT * FROM fault_peer", "1|2\n"},
        {"SELECT * FROM message_named WHERE id = 4",
         "4|110000000000|110015000000|a-0|4|a-1|4|find_node|30|10000000|5000000|delivered\n"},
        {"SELECT * FROM fault_named", "cut|partition|65000000000|100000000000|b-0\n"},
        {"SELECT at_ns / 1000000 AS ms, peer, seq, what, other, kind, bytes, cause_peer, cause_seq FROM timeline "
         "LIMIT -1 OFFSET 3",
         "1000|0|2|lookup||||0|\n1050|2|2|delivered|0|find_node|30|0|2\n1110|0|3|delivered|2|nodes|100|2|2\n"
         "70000|1||partition|2|find_node|30|1|2\n70000|1|2|lookup||||1|\n72000|1|3|timer||||1|2\n"
         "80000|2|3|crash||||2|\n110000|0|4|lookup||||0|\n110015|1|4|delivered|0|find_node|30|0|4\n"
         "110025|0|5|delivered|1|nodes|100|1|4\n110075|2||target_down|0|find_node|30|0|5\n120000|2|4|restart||||2|\n"
         "130000|0|6|lookup||||0|\n150000|2||in_flight|0|find_node|30|0|6\n"},
        {"SELECT application_id, user_version FROM pragma_application_id, pragma_user_version", "1886151010|1\n"},
        {"SELECT count(*) > 3 FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL", "1\n"},
    };
    char *path = fixture_path(state, "trace.db");
    fixture_write(path, true, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(fixture_ask_file(path, cases[i][0]), cases[i][1]);
    assert_one_plain_file(path);
    free(path);
}

static void the_other_tables_too(void **state)
{
    char *path = fixture_path(state, "trace.db");
    struct trace_options options = fixture_options(path);
    struct trace *trace = fixture_open(&options);
    trace_neighbour(trace, &(struct trace_neighbour) {.at_ns = 5, .peer = 1, .other = 2, .table_name = 1, .added = 1});
    trace_sample(trace, &(struct trace_sample) {.at_ns = 6, .value = 0.25, .peer = TRACE_NONE_U32, .metric = 1});
    trace_violation(trace, 7, TRACE_NONE_U32, "ring", "broken");
    trace_log(trace, 8, 1, 2, "hello");
    trace_run_value(trace, "key", "first");
    trace_run_value(trace, "key", "last");
    fixture_finish(trace);
    assert_string_equal(fixture_ask_file(path, "SELECT * FROM neighbour"), "5|1|2|cache|1\n");
    assert_string_equal(fixture_ask_file(path, "SELECT * FROM sample"), "6|spread||0.25\n");
    assert_string_equal(fixture_ask_file(path, "SELECT * FROM violation"), "7|ring||broken\n");
    assert_string_equal(fixture_ask_file(path, "SELECT * FROM log"), "8|1|2|hello\n");
    assert_string_equal(fixture_ask_file(path, "SELECT value FROM run WHERE key = 'key'"), "last\n");
    free(path);
}

static void the_same_records_make_the_same_tables(void **state)
{
    char *a = fixture_path(state, "a.db"), *b = fixture_path(state, "b.db");
    fixture_write(a, true, false);
    fixture_write(b, true, false);
    char *first = strdup(fixture_ask_file(a, "SELECT m.*, e.* FROM message m, event e"));
    assert_string_equal(fixture_ask_file(b, "SELECT m.*, e.* FROM message m, event e"), first);
    free(first);
    free(a);
    free(b);
}

static void indexes_can_be_left_out(void **state)
{
    char *path = fixture_path(state, "trace.db");
    fixture_write(path, false, false);
    assert_string_equal(fixture_ask_file(path, "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"), "0\n");
    assert_one_plain_file(path);
    free(path);
}

/* What progress has told; wants no more of `unwanted` from the calls-th call on. */
struct told {
    uint32_t peers, indexing;
    uint32_t calls_of_indexing, calls_of_peers;
    const char *unwanted;
    uint32_t calls;
};

static bool note_progress(void *context, const char *what, uint32_t per_mille)
{
    struct told *told = context;
    bool indexing = strcmp(what, "indexing") == 0;
    uint32_t *last = indexing ? &told->indexing : &told->peers;
    assert_true(indexing || strcmp(what, "writing peers") == 0);
    assert_in_range(per_mille, *last, 1000);
    *last = per_mille;
    told->calls_of_indexing += indexing;
    told->calls_of_peers += !indexing;
    return !told->unwanted || strcmp(told->unwanted, what) != 0 || told->calls-- > 0;
}

static void progress_ends_at_the_whole(void **state)
{
    char *path = fixture_path(state, "trace.db");
    struct told told = {0};
    struct trace_options options = fixture_options(path);
    options.progress = note_progress;
    options.progress_context = &told;
    struct trace *trace = fixture_open(&options);
    for (uint32_t i = 0; i < 300000; i++)
        fixture_message(trace, (struct trace_message) {.sent_at_ns = i, .target = i * 7919 % PEERS, .target_seq = i + 1});
    fixture_finish(trace);
    assert_int_equal(told.indexing, 1000);
    assert_in_range(told.calls_of_indexing, 10, 1000);
    assert_string_equal(fixture_ask_file(path, "SELECT count(*) FROM message INDEXED BY message_by_target WHERE target < 9"),
                        "300000\n");
    assert_string_equal(fixture_ask_file(path, "SELECT * FROM pragma_table_list WHERE name = 'duplicate'"), "");
    free(path);
}

static void indexing_that_is_not_wanted_any_more_leaves_a_whole_trace(void **state)
{
    char *path = fixture_path(state, "trace.db");
    for (uint32_t calls = 0; calls < 12; calls += 6) {
        struct told told = {.unwanted = "indexing", .calls = calls};
        struct trace_options options = fixture_options(path);
        options.progress = note_progress;
        options.progress_context = &told;
        struct trace *trace = fixture_open(&options);
        for (uint32_t i = 0; i < 300000; i++)
            fixture_message(trace, (struct trace_message) {.sent_at_ns = i, .target_seq = i + 1});
        fixture_finish(trace);
        assert_one_plain_file(path);
        assert_true(told.indexing < 1000);
        assert_string_equal(fixture_ask_file(path, "SELECT value FROM run WHERE key = 'status'"), "complete\n");
        assert_string_equal(fixture_ask_file(path, "SELECT count(*) FROM message"), "300000\n");
        assert_string_equal(fixture_ask_file(path, "SELECT * FROM pragma_integrity_check"), "ok\n");
        assert_string_equal(fixture_ask_file(path, "SELECT name FROM sqlite_schema WHERE name = 'session_by_peer'"), "");
    }
    free(path);
}

/* The writer stops at one of them until progress has been asked. */
struct crowd {
    struct told told;
    sem_t asked;
    char text[32];
};

static void name_numbered(void *context, uint32_t peer, struct trace_peer *row)
{
    struct crowd *crowd = context;
    if (peer == 70000)
        sem_wait(&crowd->asked);
    snprintf(crowd->text, sizeof crowd->text, "peer-%u", peer);
    *row = (struct trace_peer) {.name = crowd->text, .group_name = "many", .region = peer % 2 ? "odd" : NULL,
                                .address = crowd->text};
}

static bool note_and_let_go(void *context, const char *what, uint32_t per_mille)
{
    struct crowd *crowd = context;
    bool goes_on = note_progress(&crowd->told, what, per_mille);
    sem_post(&crowd->asked);
    return goes_on;
}

/* A trace of many peers and one message. */
static void write_crowd(const char *path, struct crowd *crowd)
{
    struct trace_options options = fixture_options(path);
    options.peer = name_numbered;
    options.peer_count = 200001; /* several ranges and one more */
    options.progress = note_and_let_go;
    options.peer_context = options.progress_context = crowd;
    sem_init(&crowd->asked, 0, 0);
    struct trace *trace = fixture_open(&options);
    fixture_message(trace, (struct trace_message) {.sent_at_ns = 1, .target_seq = 1});
    fixture_finish(trace);
    sem_destroy(&crowd->asked);
}

static void each_of_many_peers_has_its_row(void **state)
{
    char *path = fixture_path(state, "trace.db");
    struct crowd crowd = {.told = {.peers = 0}};
    write_crowd(path, &crowd);
    assert_in_range(crowd.told.calls_of_peers, 1, 1000);
    assert_in_range(crowd.told.peers, 0, 999);
    assert_string_equal(fixture_ask_file(path, "SELECT count(*), min(peer), max(peer) FROM peer"), "200001|0|200000\n");
    assert_string_equal(fixture_ask_file(path, "SELECT count(*) FROM peer WHERE name = 'peer-' || peer AND address = name"
                                               " AND region IS iif(peer % 2, 'odd', NULL) AND group_name = 'many'"),
                        "200001\n");
    assert_string_equal(fixture_ask_file(path, "SELECT value FROM run WHERE key = 'status'"), "complete\n");
    free(path);
}

static void peers_that_are_not_wanted_any_more_leave_a_trace_that_says_so(void **state)
{
    char *path = fixture_path(state, "trace.db");
    struct crowd crowd = {.told = {.unwanted = "writing peers"}};
    write_crowd(path, &crowd);
    assert_int_equal(crowd.told.calls_of_peers, 1);
    assert_string_equal(fixture_ask_file(path, "SELECT count(*) IN (0, 65536, 131072) FROM peer"), "1\n");
    assert_string_equal(fixture_ask_file(path, "SELECT count(*) FROM message"), "1\n");
    assert_string_equal(fixture_ask_file(path, "SELECT value FROM run WHERE key = 'status'"), "interrupted\n");
    assert_string_equal(fixture_ask_file(path, "SELECT * FROM pragma_integrity_check"), "ok\n");
    assert_one_plain_file(path);
    free(path);
}

/* ---- making way ---- */

static void assert_refused(const char *path, int expected)
{
    struct trace_options options = fixture_options(path);
    struct base_diagnostics diagnostics = {0};
    struct trace *trace = NULL;
    assert_int_equal(trace_open(&trace, &options, &diagnostics), expected);
    assert_int_equal(diagnostics.error_count, 1);
}

static void an_older_trace_is_replaced_with_what_is_beside_it(void **state)
{
    char *path = fixture_path(state, "trace.db");
    fixture_write(path, true, false);
    put_file(path, "-wal", "old");
    put_file(path, "-shm", "old");
    struct trace_options options = fixture_options(path);
    struct trace *trace = fixture_open(&options);
    fixture_finish(trace);
    assert_string_equal(fixture_ask_file(path, "SELECT count(*) FROM message"), "0\n");
    assert_one_plain_file(path);
    free(path);
}

static void a_trace_that_is_being_written_is_not_replaced(void **state)
{
    char *path = fixture_path(state, "trace.db");
    fixture_write(path, true, false); /* an old one, so that the lock is also taken where there was a file */
    struct trace_options options = fixture_options(path);
    struct trace *trace = fixture_open(&options);
    assert_refused(path, -EBUSY);
    fixture_rows(trace, false);
    pid_t child = fork(); /* another process: SQLite's own locks do not hold within one */
    if (child == 0) {
        struct base_diagnostics diagnostics = {0};
        struct trace *other = NULL;
        bool refused = trace_open(&other, &options, &diagnostics) == -EBUSY && diagnostics.items[0].hint[0];
        _exit(refused ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    fixture_finish(trace);
    assert_string_equal(fixture_ask_file(path, "SELECT count(*) FROM message"), "7\n");
    fixture_write(path, true, false); /* the lock has gone with it */
    free(path);
}

static void what_is_not_a_trace_is_not_touched(void **state)
{
    char *path = fixture_path(state, "notes.txt"), *database_path = fixture_path(state, "other.db");
    put_file(path, "", "my notes");
    assert_refused(path, -EEXIST);
    char text[16] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "my notes");
    sqlite3 *database;
    sqlite3_open(database_path, &database);
    sqlite3_exec(database, "CREATE TABLE message(a); INSERT INTO message VALUES(7)", NULL, NULL, NULL);
    sqlite3_close(database);
    assert_refused(database_path, -EEXIST);
    assert_true(is_there(database_path, ""));
    assert_refused(*state, -EEXIST); /* a folder */
    free(path);
    free(database_path);
}

static void a_log_left_alone_is_not_played_into_the_new_trace(void **state)
{
    char *path = fixture_path(state, "trace.db");
    put_file(path, "-wal", "my notes");
    assert_refused(path, -EEXIST); /* no log of SQLite's */
    assert_true(is_there(path, "-wal"));
    put_file(path, "-wal", "\x37\x7f\x06\x82 and more");
    fixture_write(path, true, false);
    assert_one_plain_file(path);
    free(path);
}

static void a_folder_that_is_not_there_is_told(void **state)
{
    char *path = fixture_path(state, "nowhere/trace.db");
    assert_refused(path, -ENOENT);
    free(path);
}

static void a_name_that_looks_like_a_uri_is_a_name(void **state)
{
    char before[500];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(*state), 0);
    fixture_write("file:trace.db?mode=memory", true, false);
    assert_true(is_there("file:trace.db?mode=memory", ""));
    assert_string_equal(fixture_ask_file("file:trace.db?mode=memory", "SELECT count(*) FROM message"), "7\n");
    assert_int_equal(chdir(before), 0);
}

/* ---- while it runs, and when it is killed ---- */

static void a_trace_is_read_while_it_is_written(void **state)
{
    char *path = fixture_path(state, "trace.db");
    struct trace_options options = fixture_options(path);
    struct trace *trace = fixture_open(&options);
    assert_string_equal(fixture_ask_file(path, "SELECT value FROM run WHERE key = 'status'"), "running\n");
    fixture_rows(trace, false);
    const char *text = "";
    for (int i = 0; i < 300 && strcmp(text, "7\n") != 0; i++) {
        usleep(10000);
        trace_flush(trace);
        text = fixture_ask_file(path, "SELECT count(*) FROM message_named");
    }
    assert_string_equal(text, "7\n");
    fixture_finish(trace);
    free(path);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static _Noreturn void record_until_killed(const char *path, int told)
{
    struct trace_options options = fixture_options(path);
    struct trace *trace = fixture_open(&options);
    for (uint32_t i = 0;; i++) {
        fixture_message(trace, (struct trace_message) {.sent_at_ns = i, .target_seq = i + 1});
        trace_flush(trace);
        if (i % 10 == 0 && write(told, &i, sizeof i) < 0)
            _exit(1);
        usleep(100);
    }
}

static void after_a_kill_at_most_the_last_second_is_lost(void **state)
{
    char *path = fixture_path(state, "trace.db");
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    if (child == 0)
        record_until_killed(path, told[1]);
    uint32_t a_second_ago = 0, last;
    double start_s = now_s(), passed_s;
    do {
        assert_int_equal(read(told[0], &last, sizeof last), sizeof last);
        passed_s = now_s() - start_s;
        if (passed_s < 0.7)
            a_second_ago = last;
    } while (passed_s < 1.7);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(told[0]);
    close(told[1]);
    assert_string_equal(fixture_ask_file(path, "SELECT value FROM run WHERE key = 'status'"), "running\n");
    long rows = atol(fixture_ask_file(path, "SELECT count(*) FROM message"));
    assert_true(a_second_ago > 100);
    if (rows < (long) a_second_ago)
        fail_msg("%ld rows; %u were there a second before", rows, a_second_ago);
    assert_int_equal(rows, atol(fixture_ask_file(path, "SELECT max(id) FROM message")));
    fixture_write(path, true, false); /* nobody writes it any more */
    free(path);
}

static void a_reader_that_stays_does_not_keep_the_trace_from_ending(void **state)
{
    char *path = fixture_path(state, "trace.db");
    struct trace_options options = fixture_options(path);
    struct trace *trace = fixture_open(&options);
    struct trace_reader *reader = fixture_reader(path);
    fixture_rows(trace, false);
    (void) fixture_ask(reader, "SELECT count(*) FROM message", NULL);
    fixture_finish(trace);
    assert_string_equal(fixture_ask(reader, "SELECT count(*) FROM message", NULL)->text, "7\n");
    assert_string_equal(fixture_ask(reader, "SELECT value FROM run WHERE key = 'status'", NULL)->text, "complete\n");
    trace_reader_close(reader);
    free(path);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_column_holds_what_was_recorded),
        CASE(the_other_tables_too),
        CASE(the_same_records_make_the_same_tables),
        CASE(indexes_can_be_left_out),
        CASE(progress_ends_at_the_whole),
        CASE(indexing_that_is_not_wanted_any_more_leaves_a_whole_trace),
        CASE(each_of_many_peers_has_its_row),
        CASE(peers_that_are_not_wanted_any_more_leave_a_trace_that_says_so),
        CASE(an_older_trace_is_replaced_with_what_is_beside_it),
        CASE(a_trace_that_is_being_written_is_not_replaced),
        CASE(what_is_not_a_trace_is_not_touched),
        CASE(a_log_left_alone_is_not_played_into_the_new_trace),
        CASE(a_folder_that_is_not_there_is_told),
        CASE(a_name_that_looks_like_a_uri_is_a_name),
        CASE(a_trace_is_read_while_it_is_written),
        CASE(after_a_kill_at_most_the_last_second_is_lost),
        CASE(a_reader_that_stays_does_not_keep_the_trace_from_ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
