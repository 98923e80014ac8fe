/* Batches and the writer thread: what is appended arrives, in order, whatever the sink and the disk do. */
#include "tests/traces/fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "traces/handover.h"
#include "traces/sinks/memory.h"

/* More messages than all batches hold. */
#define MANY (2 * TRACE_BATCH_MAX * (TRACE_BATCH_ROOM / (uint32_t) sizeof(struct trace_message)))

static struct trace *open_memory(struct trace_memory *memory, bool may_leave_out)
{
    struct trace_options options = fixture_options(NULL);
    options.may_leave_out = may_leave_out;
    struct base_diagnostics diagnostics = {0};
    struct trace *trace = NULL;
    assert_int_equal(
        trace_open_sink(&trace, &trace_sink_memory, (struct trace_sink *) memory, &options, &diagnostics), 0);
    return trace;
}

static void append_numbered(struct trace *trace, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count; i++)
        trace_message(trace, &(struct trace_message) {.sent_at_ns = i, .target_seq = i});
}

static void rows_arrive_whole_and_in_order(void **state)
{
    (void) state;
    struct trace_memory memory = {0};
    struct trace *trace = open_memory(&memory, false);
    const uint32_t count = 200000; /* dozens of batches */
    append_numbered(trace, 0, count);
    struct trace_totals totals = fixture_finish(trace);
    assert_int_equal(totals.rows, count);
    assert_int_equal(totals.left_out, 0);
    assert_int_equal(trace_memory_count(&memory, TRACE_TABLE_MESSAGE), count);
    uint32_t next = 0;
    for (uint32_t i = 0; i < memory.batch_count; i++)
        for (uint32_t j = 0; j < memory.batches[i]->count; j++)
            assert_int_equal(((const struct trace_message *) (const void *) memory.batches[i]->bytes)[j].sent_at_ns,
                             next++);
    assert_string_equal(memory.status, "complete");
    trace_memory_done(&memory);
}

static void texts_are_copied(void **state)
{
    (void) state;
    struct trace_memory memory = {0};
    struct trace *trace = open_memory(&memory, false);
    char text[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "line %d", i);
        trace_log(trace, (uint64_t) i, 0, 2, text);
    }
    snprintf(text, sizeof text, "ring");
    trace_violation(trace, 1, 2, text, "broken");
    trace_fault(trace, &(struct trace_fault) {.id = 1, .name = text, .kind = text, .detail = NULL});
    trace_run_value(trace, text, text);
    memset(text, 'x', sizeof text - 1);
    fixture_finish(trace);
    const struct trace_log_record *last = trace_memory_at(&memory, TRACE_TABLE_LOG, 19999);
    assert_string_equal(last->text, "line 19999");
    const struct trace_violation_record *violation = trace_memory_at(&memory, TRACE_TABLE_VIOLATION, 0);
    assert_string_equal(violation->check_name, "ring");
    const struct trace_fault *fault = trace_memory_at(&memory, TRACE_TABLE_FAULT, 0);
    assert_string_equal(fault->kind, "ring");
    assert_null(fault->detail);
    const struct trace_run_record *run = trace_memory_at(&memory, TRACE_TABLE_RUN, 0);
    assert_string_equal(run->value, "ring");
    trace_memory_done(&memory);
}

static void a_text_that_is_too_long_is_cut_and_a_run_value_is_not(void **state)
{
    (void) state;
    struct trace_memory memory = {0};
    struct trace *trace = open_memory(&memory, false);
    char *text = malloc(1000001);
    memset(text, 'y', 1000000);
    text[1000000] = '\0';
    for (int i = 0; i < 100; i++)
        trace_log(trace, 0, 0, 0, text);
    trace_run_value(trace, "long", text);
    fixture_finish(trace);
    const struct trace_log_record *log = trace_memory_at(&memory, TRACE_TABLE_LOG, 99);
    assert_int_equal(strlen(log->text), 16384);
    const struct trace_run_record *run = trace_memory_at(&memory, TRACE_TABLE_RUN, 0);
    assert_int_equal(strlen(run->value), 1000000);
    free(text);
    trace_memory_done(&memory);
}

/* A sink whose first write waits until it is let go. */
struct slow_sink {
    pthread_mutex_t mutex;
    pthread_cond_t gone_on;
    bool open;
    uint64_t rows;
};

static int slow_open(struct trace_sink **sink, const struct trace_options *options, struct base_diagnostics *diagnostics)
{
    (void) sink, (void) options, (void) diagnostics;
    return 0;
}

static int slow_write(struct trace_sink *sink, const struct trace_batch *batch)
{
    struct slow_sink *slow = (struct slow_sink *) sink;
    pthread_mutex_lock(&slow->mutex);
    while (!slow->open)
        pthread_cond_wait(&slow->gone_on, &slow->mutex);
    slow->rows += batch->count;
    pthread_mutex_unlock(&slow->mutex);
    return 0;
}

static int slow_commit(struct trace_sink *sink)
{
    (void) sink;
    return 0;
}

static int slow_finish(struct trace_sink *sink, const char *status, int error, uint64_t *bytes,
                       struct base_diagnostics *diagnostics)
{
    (void) sink, (void) status, (void) diagnostics;
    *bytes = 0;
    return error;
}

static uint64_t slow_bytes(const struct trace_sink *sink)
{
    (void) sink;
    return 0;
}

static const struct trace_sink_ops slow_ops = {.name = "slow", .open = slow_open, .write = slow_write, .commit = slow_commit,
                                               .finish = slow_finish, .bytes = slow_bytes};

static void let_go(struct slow_sink *slow)
{
    pthread_mutex_lock(&slow->mutex);
    slow->open = true;
    pthread_cond_signal(&slow->gone_on);
    pthread_mutex_unlock(&slow->mutex);
}

static struct trace *open_slow(struct slow_sink *slow, bool may_leave_out)
{
    struct trace_options options = fixture_options(NULL);
    options.may_leave_out = may_leave_out;
    struct base_diagnostics diagnostics = {0};
    struct trace *trace = NULL;
    pthread_mutex_init(&slow->mutex, NULL);
    pthread_cond_init(&slow->gone_on, NULL);
    assert_int_equal(trace_open_sink(&trace, &slow_ops, (struct trace_sink *) slow, &options, &diagnostics), 0);
    return trace;
}

static void in_real_time_what_finds_no_room_is_left_out_and_counted(void **state)
{
    (void) state;
    struct slow_sink slow = {0};
    struct trace *trace = open_slow(&slow, true);
    const uint32_t count = MANY;
    append_numbered(trace, 0, count);
    let_go(&slow);
    struct trace_totals totals = fixture_finish(trace);
    assert_true(totals.left_out > 0);
    assert_int_equal(totals.rows + totals.left_out, count);
    assert_int_equal(totals.rows, slow.rows);
}

static void *let_go_later(void *argument)
{
    usleep(50000);
    let_go(argument);
    return NULL;
}

static void in_virtual_time_the_run_waits_for_room(void **state)
{
    (void) state;
    struct slow_sink slow = {0};
    struct trace *trace = open_slow(&slow, false);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, let_go_later, &slow), 0);
    append_numbered(trace, 0, MANY);
    pthread_join(thread, NULL);
    struct trace_totals totals = fixture_finish(trace);
    assert_int_equal(totals.left_out, 0);
    assert_int_equal(slow.rows, MANY);
}

struct appender {
    struct trace *trace;
    atomic_uint appended;
};

static void *append_many(void *argument)
{
    struct appender *appender = argument;
    for (uint32_t i = 0; i < MANY; i++) {
        append_numbered(appender->trace, i, 1);
        atomic_store(&appender->appended, i + 1);
    }
    return NULL;
}

static void while_nothing_is_written_the_run_stands_still(void **state)
{
    (void) state;
    struct slow_sink slow = {0};
    struct appender appender = {.trace = open_slow(&slow, false)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, append_many, &appender), 0);
    uint32_t before, appended = 0;
    do { /* until it has stood still for .2 s */
        before = appended;
        usleep(200000);
        appended = atomic_load(&appender.appended);
    } while (appended == 0 || appended != before);
    assert_in_range(appended, MANY / 4, MANY / 2);
    let_go(&slow);
    pthread_join(thread, NULL);
    struct trace_totals totals = fixture_finish(appender.trace);
    assert_int_equal(totals.rows, MANY);
    assert_int_equal(totals.left_out, 0);
    assert_int_equal(slow.rows, MANY);
}

/* Threads that append in turns, as they do between barriers: what orders their turns is all that is needed. */
struct turns {
    struct trace *trace;
    pthread_mutex_t mutex;
    uint32_t next;
};

static void *append_in_turn(void *argument)
{
    struct turns *turns = argument;
    for (bool more = true; more;) {
        pthread_mutex_lock(&turns->mutex);
        more = turns->next < 200000;
        for (int i = 0; more && i < 100; i++)
            append_numbered(turns->trace, turns->next++, 1);
        trace_log(turns->trace, turns->next, 0, 2, "turn");
        trace_flush(turns->trace);
        pthread_mutex_unlock(&turns->mutex);
    }
    return NULL;
}

static void threads_may_take_turns(void **state)
{
    (void) state;
    struct trace_memory memory = {0};
    struct turns turns = {.trace = open_memory(&memory, false)};
    pthread_t threads[3];
    pthread_mutex_init(&turns.mutex, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, append_in_turn, &turns), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fixture_finish(turns.trace).rows, 200000 + 2000 + 3);
    for (uint32_t i = 0; i < 200000; i += 4999) {
        const struct trace_message *message = trace_memory_at(&memory, TRACE_TABLE_MESSAGE, i);
        assert_int_equal(message->sent_at_ns, i);
    }
    trace_memory_done(&memory);
}

static void after_a_failed_write_nobody_waits_and_the_error_is_told(void **state)
{
    (void) state;
    struct trace_memory memory = {.fails_after = 3};
    struct trace *trace = open_memory(&memory, false);
    assert_int_equal(trace_error(trace), 0);
    append_numbered(trace, 0, MANY);
    assert_int_equal(trace_error(trace), -ENOSPC);
    struct trace_totals totals;
    struct base_diagnostics diagnostics = {0};
    assert_int_equal(trace_finish(trace, "complete", &totals, &diagnostics), -ENOSPC);
    assert_int_equal(diagnostics.error_count, 1);
    assert_int_equal(totals.rows + totals.left_out, MANY);
    assert_int_equal(totals.rows, trace_memory_count(&memory, TRACE_TABLE_MESSAGE));
    trace_memory_done(&memory);
}

/* Two periods of a quarter second, and some for a loaded machine. */
static void what_an_idle_loop_recorded_last_is_written_soon(void **state)
{
    (void) state;
    struct trace_memory memory = {0};
    struct trace *trace = open_memory(&memory, false);
    append_numbered(trace, 0, 1);
    struct trace_totals totals = {0};
    for (int i = 0; i < 300 && totals.rows == 0; i++) {
        usleep(10000);
        trace_flush(trace);
        trace_totals(trace, &totals);
    }
    assert_int_equal(totals.rows, 1);
    fixture_finish(trace);
    assert_true(memory.commits >= 1);
    trace_memory_done(&memory);
}

static void without_a_trace_nothing_is_recorded(void **state)
{
    (void) state;
    append_numbered(NULL, 0, 3);
    fixture_rows(NULL, false);
    trace_log(NULL, 0, 0, 0, "x");
    trace_flush(NULL);
    assert_int_equal(trace_error(NULL), 0);
    assert_int_equal(fixture_finish(NULL).rows, 0);
}

static void the_null_sink_counts_and_keeps_nothing(void **state)
{
    (void) state;
    struct trace_options options = fixture_options(NULL);
    struct trace *trace = fixture_open(&options);
    append_numbered(trace, 0, 100000);
    struct trace_totals totals = fixture_finish(trace);
    assert_int_equal(totals.rows, 100000);
    assert_int_equal(totals.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_arrive_whole_and_in_order),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(a_text_that_is_too_long_is_cut_and_a_run_value_is_not),
        cmocka_unit_test(in_real_time_what_finds_no_room_is_left_out_and_counted),
        cmocka_unit_test(in_virtual_time_the_run_waits_for_room),
        cmocka_unit_test(while_nothing_is_written_the_run_stands_still),
        cmocka_unit_test(threads_may_take_turns),
        cmocka_unit_test(after_a_failed_write_nobody_waits_and_the_error_is_told),
        cmocka_unit_test(what_an_idle_loop_recorded_last_is_written_soon),
        cmocka_unit_test(without_a_trace_nothing_is_recorded),
        cmocka_unit_test(the_null_sink_counts_and_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
