/* Opening, asking, and what is refused. */
#include "tests/traces/fixture.h"

#include <errno.h>
#include <sqlite3.h>

static int stop_at_once(void *context, uint32_t count, const struct trace_value *values)
{
    (void) count, (void) values;
    ++*(int *) context;
    return 1;
}

static void ignore_header(void *context, uint32_t count, const char *const *names)
{
    (void) context, (void) count, (void) names;
}

static int ignore_row(void *context, uint32_t count, const struct trace_value *values)
{
    (void) context, (void) count, (void) values;
    return 0;
}

struct opened {
    char *path;
    struct trace_reader *reader;
};

static struct opened open_example(void **state)
{
    struct opened opened = {.path = fixture_path(state, "trace.db")};
    fixture_write(opened.path, true, false);
    opened.reader = fixture_reader(opened.path);
    return opened;
}

static void close_example(struct opened *opened)
{
    trace_reader_close(opened->reader);
    free(opened->path);
}

static void what_is_refused_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *query, *argument;
        int error;
        const char *message, *hint;
        uint32_t line, column;
    } cases[] = {
        {"lookups-over-tim", NULL, -EINVAL, "there is no query `lookups-over-tim`", "lookups-over-time", 0, 0},
        {"zzz", NULL, -EINVAL, "there is no query `zzz`", "", 0, 0},
        {"population", "bucket=3", -EINVAL, "the query population has no parameter `bucket`", "", 0, 0},
        {"population", "bucket_z=3", -EINVAL, "the query population has no parameter `bucket_z`", "bucket_s", 0, 0},
        {"population", "bucket_s=soon", -EINVAL, "bucket_s: `soon` is not a number", "", 0, 0},
        {"busiest-peers", "count=1.5", -EINVAL, "count: `1.5` is not an integer", "", 0, 0},
        {"population", "bucket_s=0", -EINVAL, "bucket_s: `0` is not a number > 0", "", 0, 0},
        {"population", "bucket_s=-.5", -EINVAL, "bucket_s: `-.5` is not a number > 0", "", 0, 0},
        {"population", "bucket_s=inf", -EINVAL, "bucket_s: `inf` is not a number > 0", "", 0, 0},
        {"fault-impact", "window_s=nan", -EINVAL, "window_s: `nan` is not a number > 0", "", 0, 0},
        {"group-latency", "every=0", -EINVAL, "every: `0` is not an integer > 0", "", 0, 0},
        {"peer-timeline", "peer=nobody", -EINVAL, "peer: the trace has no peer `nobody`", "its name", 0, 0},
        {"peer-timeline", "peer=3", -EINVAL, "peer: the trace has no peer `3`", "its name", 0, 0},
        {"lookup-path", "lookup=99", -EINVAL, "lookup: the trace has no lookup `99`", "its id", 0, 0},
        {"lookup-path", "lookup=x", -EINVAL, "lookup: `x` is not a number", "", 0, 0},
        {"broadcast-hops", "broadcast=2", -EINVAL, "broadcast: the trace has no broadcast `2`", "its id", 0, 0},
        {"population", "bucket_s", -EINVAL, "`bucket_s`: expected KEY=VALUE", "", 0, 0},
        {"population", "=3", -EINVAL, "`=3`: expected KEY=VALUE", "", 0, 0},
        {"lookup-path", NULL, -EINVAL, "the query lookup-path needs lookup=...", "peerlab query trace.db lookup-path", 0,
         0},
        {"SELECT * FROM mesage", NULL, -EINVAL, "no such table: mesage", "", 0, 0},
        {"SELECT id,\n byte FROM message", NULL, -EINVAL, "no such column: byte", "", 2, 2},
        {"SELECT * FRM message", NULL, -EINVAL, "near \"FRM\": syntax error", "", 1, 10},
        {"DELETE FROM message", NULL, -EPERM, "only read", "", 0, 0},
        {"CREATE TEMP TABLE t(a)", NULL, -EPERM, "only read", "", 0, 0},
        {"ATTACH '/etc/passwd' AS p", NULL, -EPERM, "only read", "", 0, 0},
        {"PRAGMA journal_mode = DELETE", NULL, -EPERM, "only read", "", 0, 0},
        {"BEGIN IMMEDIATE;", NULL, -EPERM, "only read", "", 0, 0},
        {"SELECT load_extension('x')", NULL, -EINVAL, "not authorized to use function", "", 1, 8},
        {"SELECT 1; SELECT 2", NULL, -EINVAL, "expected one statement", "", 0, 0},
        {" -- nothing", NULL, -EINVAL, "expected one statement", "", 0, 0},
        {"SELECT :a", "b=1", -EINVAL, "the SQL has no parameter `b`", "", 0, 0},
    };
    struct opened opened = open_example(state);
    struct trace_rows rows = {NULL, ignore_header, ignore_row};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct base_diagnostics diagnostics = {0};
        const char *argument = cases[i].argument;
        int error = trace_query_run(opened.reader, cases[i].query, &argument, argument != NULL, &rows, &diagnostics);
        const struct base_diagnostic *first = &diagnostics.items[0];
        if (error != cases[i].error || diagnostics.error_count != 1 || !strstr(first->message, cases[i].message) ||
            strncmp(first->hint, cases[i].hint, strlen(cases[i].hint)) != 0 || first->place.line != cases[i].line ||
            first->place.column != cases[i].column)
            fail_msg("%s: %d `%s` hint `%s` at %u:%u", cases[i].query, error, first->message, first->hint,
                     first->place.line, first->place.column);
    }
    close_example(&opened);
}

static void an_argument_given_twice_is_refused(void **state)
{
    struct opened opened = open_example(state);
    struct trace_rows rows = {NULL, ignore_header, ignore_row};
    static const char *const queries[] = {"population", "SELECT :bucket_s"};
    for (size_t i = 0; i < 2; i++) {
        struct base_diagnostics diagnostics = {0};
        const char *const arguments[] = {"bucket_s=60", "bucket_s=60"};
        assert_int_equal(trace_query_run(opened.reader, queries[i], arguments, 2, &rows, &diagnostics), -EINVAL);
        assert_string_equal(diagnostics.items[0].message, "bucket_s is given twice");
    }
    close_example(&opened);
}

static void plain_sql_takes_arguments(void **state)
{
    struct opened opened = open_example(state);
    assert_string_equal(fixture_ask(opened.reader, "SELECT :x, typeof(:x) -- end", "x=12")->text, "12|integer\n");
    assert_string_equal(fixture_ask(opened.reader, "SELECT :x, typeof(:x);", "x=.5")->text, "0.5|real\n");
    assert_string_equal(fixture_ask(opened.reader, "SELECT :x, typeof(:x)", "x=a=b")->text, "a=b|text\n");
    assert_string_equal(fixture_ask(opened.reader, "WITH a(n) AS (VALUES(1), (NULL)) SELECT * FROM a", NULL)->text,
                        "1\n\n");
    close_example(&opened);
}

static void a_row_can_be_the_last(void **state)
{
    struct opened opened = open_example(state);
    int count = 0;
    struct base_diagnostics diagnostics = {0};
    struct trace_rows rows = {&count, ignore_header, stop_at_once};
    assert_int_equal(trace_query_run(opened.reader, "SELECT * FROM message", NULL, 0, &rows, &diagnostics), 0);
    assert_int_equal(count, 1);
    close_example(&opened);
}

static void add_input(void *context, const char *name, const char *content, size_t length)
{
    char *text = context;
    sprintf(text + strlen(text), "%s=%s(%zu);", name, content, length);
}

static void the_run_says_what_it_was(void **state)
{
    struct opened opened = open_example(state);
    char *status = trace_reader_run_value(opened.reader, "status");
    assert_string_equal(status, "complete");
    free(status);
    assert_null(trace_reader_run_value(opened.reader, "nothing"));
    char text[100] = "";
    assert_int_equal(trace_reader_inputs(opened.reader, add_input, text), 0);
    assert_string_equal(text, "scenario.yaml=abc(3);rtt.txt=(0);");
    close_example(&opened);
}

static void assert_not_opened(const char *path, int expected, const char *message)
{
    struct base_diagnostics diagnostics = {0};
    struct trace_reader *reader = NULL;
    int error = trace_reader_open(&reader, path, &diagnostics);
    if (error != expected || !strstr(diagnostics.items[0].message, message))
        fail_msg("%s: %d %s", path, error, diagnostics.items[0].message);
}

static void execute(const char *path, const char *sql)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static void what_is_no_trace_is_not_opened(void **state)
{
    char *path = fixture_path(state, "trace.db");
    assert_not_opened(path, -ENOENT, "No such file");
    assert_not_opened(*state, -EISDIR, "directory");
    execute(path, "CREATE TABLE a(b)");
    assert_not_opened(path, -EINVAL, "is not a peerlab trace");
    unlink(path);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 100; i++)
        fputs("these are not the pages of a database\n", file);
    fclose(file);
    assert_not_opened(path, -EINVAL, "is not a peerlab trace");
    unlink(path);
    fixture_write(path, true, false);
    execute(path, "PRAGMA user_version = 99");
    assert_not_opened(path, -ENOTSUP, "schema 99");
    execute(path, "PRAGMA user_version = 1; DROP TABLE message");
    assert_not_opened(path, -EBADMSG, "damaged");
    free(path);
}

static void a_damaged_trace_is_told(void **state)
{
    char *path = fixture_path(state, "trace.db");
    fixture_write(path, true, false);
    FILE *file = fopen(path, "r+");
    for (long at = 2 * 16384; fseek(file, at, SEEK_SET) == 0 && at < 20 * 16384; at += 16384)
        fputs("rubbish where a page begins", file);
    fclose(file);
    struct base_diagnostics diagnostics = {0};
    struct trace_reader *reader = NULL;
    struct trace_rows rows = {NULL, ignore_header, ignore_row};
    int error = trace_reader_open(&reader, path, &diagnostics);
    if (!error)
        error = trace_query_run(reader, "SELECT * FROM message, event, lookup", NULL, 0, &rows, &diagnostics);
    assert_int_equal(error, -EBADMSG);
    assert_int_equal(diagnostics.error_count, 1);
    if (reader)
        trace_reader_close(reader);
    free(path);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(what_is_refused_is_refused_with_a_reason), CASE(plain_sql_takes_arguments),
        CASE(an_argument_given_twice_is_refused), CASE(a_row_can_be_the_last),
        CASE(the_run_says_what_it_was),                 CASE(what_is_no_trace_is_not_opened),
        CASE(a_damaged_trace_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
