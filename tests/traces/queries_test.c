/* Each named query on a trace whose rows are known; with and without indexes; and as the stock shell would run it. */
#include "tests/traces/fixture.h"

#include <sqlite3.h>

static const struct {
    const char *name, *argument, *expected;
} cases[] = {
    {"lookups-over-time", NULL,
     "0|1|1|0|1.0|1.0|110.0|110.0|1.0\n60|2|1|0|0.5|0.0|25.0|25.0|1.0\n120|1|0|1|||||\n"},
    {"lookups-over-time", "bucket_s=200", "0|4|2|1|0.6667|0.3333|25.0|110.0|1.0\n"},
    {"fault-impact", NULL,
     "cut|before|0.0|1|1.0|1.0|110.0|110.0\ncut|during|65.0|1|0.0|0.0||\n"
     "cut|after|100.0|2|1.0|0.0|25.0|25.0\n"},
    {"fault-impact", "window_s=20",
     "cut|before|45.0|0||||\ncut|during|65.0|1|0.0|0.0||\n"
     "cut|after|100.0|1|1.0|0.0|25.0|25.0\n"},
    {"lookup-path", "lookup=1",
     "0|1000.0|0.0|a-0|2|lookup|||\n1|1050.0|50.0|b-0|2|delivered|find_node|a-0|30\n"
     "2|1110.0|110.0|a-0|3|delivered|nodes|b-0|100\n"},
    {"lookup-path", "lookup=2", "0|70000.0|0.0|a-1|2|lookup|||\n1|72000.0|2000.0|a-1|3|timer|||\n"},
    {"lookup-path", "lookup=4", ""},
    {"drops", NULL,
     "partition|find_node|1|14.286|30|70.0|70.0\ntarget_down|find_node|1|14.286|30|110.025|110.025\n"},
    {"sessions", NULL, "a|2|0|0||||0|||\nb|2|0|1||||1|40.0|40.0|40.0\n"},
    {"message-kinds", NULL, "find_node|5|71.43|40.0|150|30.0|32.5\nnodes|2|28.57|100.0|200|100.0|35.0\n"},
    {"busiest-peers", NULL, "a-0|a|4|2|120|200|54.545\na-1|a|2|1|130|30|27.273\nb-0|b|1|1|100|30|18.182\n"},
    {"busiest-peers", "count=1", "a-0|a|4|2|120|200|54.545\n"},
    {"group-latency", NULL,
     "a|a|2|10.0|10.0|10.0|2.5\na|b|1|50.0|50.0|50.0|0.0\nb|a|1|60.0|60.0|60.0|0.0\n"},
    {"broadcast-hops", NULL, "0|1|1|33.33|0.0|0.0|0\n1|1|2|66.67|10.0|10.0|3\n2|1|3|100.0|50.0|50.0|0\n"},
    {"population", NULL, "60|3|0|3\n120|0|1|2\n180|1|0|3\n"},
    {"peer-timeline", "peer=a-1",
     "0.0|1|join|||||\n70000.0|2|lookup|||||\n70000.0||sent|find_node|b-0|30|2|partition\n72000.0|3|timer||||2|\n"
     "110015.0|4|delivered|find_node|a-0|30|4|\n110015.0||sent|nodes|a-0|100|4|delivered\n"},
    {"peer-timeline", "peer=2",
     "0.0|1|join|||||\n1050.0|2|delivered|find_node|a-0|30|2|\n1050.0||sent|nodes|a-0|100|2|delivered\n"
     "80000.0|3|crash|||||\n110075.0||target_down|find_node|a-0|30|5|\n120000.0|4|restart|||||\n"
     "150000.0||in_flight|find_node|a-0|30|6|\n"},
    {"loop-load", NULL, "0|40||||2.0|||90.3|\n1|5||||1.0|||7.0|\n"},
    {"loop-load", "bucket_s=2", "0|45||||1.67|||90.3|\n"},
    {"slowest-lookups", NULL,
     "2|a-1|70.0|2000.0|0|1|1|failed|0\n1|a-0|1.0|110.0|1|1|0|succeeded|1\n3|a-0|110.0|25.0|1|2|0|succeeded|0\n"},
};

static void check_answers(void **state, bool index)
{
    char *path = fixture_path(state, "trace.db");
    fixture_write(path, index, false);
    struct trace_reader *reader = fixture_reader(path);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct fixture_answer *answer = fixture_ask(reader, cases[i].name, cases[i].argument);
        if (strcmp(answer->text, cases[i].expected) != 0)
            fail_msg("%s %s:\n%sexpected:\n%s", cases[i].name, cases[i].argument ? cases[i].argument : "", answer->text,
                     cases[i].expected);
    }
    trace_reader_close(reader);
    free(path);
}

static void every_query_answers_what_is_known(void **state)
{
    check_answers(state, true);
}

static void every_query_answers_the_same_without_indexes(void **state)
{
    check_answers(state, false);
}

static void every_named_query_has_a_case(void **state)
{
    (void) state;
    size_t count = 0;
    for (const struct trace_query *const *query = trace_queries; *query; query++, count++) {
        bool found = false;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            found |= strcmp(cases[i].name, (*query)->name) == 0;
        if (!found)
            fail_msg("%s is not tested", (*query)->name);
        assert_ptr_equal(trace_query_find((*query)->name), *query);
    }
    assert_true(count >= 12);
    assert_null(trace_query_find("nothing"));
}

/* What the front comment says is what comes. */
static void columns_are_those_of_the_front_comment(void **state)
{
    char *path = fixture_path(state, "trace.db");
    fixture_write(path, true, false);
    struct trace_reader *reader = fixture_reader(path);
    for (const struct trace_query *const *query = trace_queries; *query; query++) {
        const char *argument = strcmp((*query)->name, "lookup-path") == 0     ? "lookup=1"
                               : strcmp((*query)->name, "peer-timeline") == 0 ? "peer=a-0"
                                                                             : NULL;
        char expected[1024] = "";
        for (uint32_t i = 0; i < (*query)->column_count; i++) {
            strcat(expected, i ? "|" : "");
            strcat(expected, (*query)->columns[i].name);
        }
        assert_string_equal(fixture_ask(reader, (*query)->name, argument)->header, expected);
        assert_non_null(strstr((*query)->example, (*query)->name));
        assert_true(strlen((*query)->purpose) > 20);
    }
    trace_reader_close(reader);
    free(path);
}

static int count_row(void *context, int count, char **values, char **names)
{
    (void) count, (void) values, (void) names;
    ++*(int *) context;
    return 0;
}

/* Parameters that are not bound are null, and the SQL itself holds the defaults. */
static void the_stock_shell_runs_every_query_without_parameters(void **state)
{
    char *path = fixture_path(state, "trace.db");
    sqlite3 *database;
    fixture_write(path, true, false);
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    for (const struct trace_query *const *query = trace_queries; *query; query++) {
        int rows = 0;
        assert_int_equal(sqlite3_exec(database, (*query)->sql, count_row, &rows, NULL), SQLITE_OK);
        bool needs_argument = false;
        for (uint32_t i = 0; i < (*query)->parameter_count; i++)
            needs_argument |= !(*query)->parameters[i].default_text;
        assert_true(rows > 0 || needs_argument);
    }
    sqlite3_close(database);
    free(path);
}

static void population_counts_those_who_are_still_up_while_the_run_goes_on(void **state)
{
    char *path = fixture_path(state, "trace.db");
    struct trace_options options = fixture_options(path);
    struct trace *trace = fixture_open(&options);
    fixture_event(trace, 0, A0, 1, JOIN, 0);
    fixture_event(trace, 0, A1, 1, JOIN, 0);
    fixture_event(trace, 30 * S, A1, 2, LEAVE, 0);
    const char *text = ""; /* no session yet: those rows may come later than the events, or never, after a kill */
    for (int i = 0; i < 300 && strcmp(text, "60|2|1|1\n") != 0; i++) {
        usleep(10000);
        trace_flush(trace);
        text = fixture_ask_file(path, "population");
    }
    assert_string_equal(text, "60|2|1|1\n");
    fixture_finish(trace);
    free(path);
}

int main(void)
{
#define CASE(NAME) cmocka_unit_test_setup_teardown(NAME, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_query_answers_what_is_known),
        CASE(every_query_answers_the_same_without_indexes),
        CASE(every_named_query_has_a_case),
        CASE(columns_are_those_of_the_front_comment),
        CASE(the_stock_shell_runs_every_query_without_parameters),
        CASE(population_counts_those_who_are_still_up_while_the_run_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
