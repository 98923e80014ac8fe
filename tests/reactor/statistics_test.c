/* What a loop counts, who may read it, and which options it refuses. */
#include "reactor/statistics.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "reactor/options.h"
#include "reactor/statistics_internal.h"
#include "tests/reactor/each_loop.h"

/* --- histograms --- */

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return x < y ? -1 : x > y;
}

/* The same numbering, found by walking. */
static uint32_t cell_by_definition(uint64_t value)
{
    uint32_t cell = 0;
    for (uint64_t least = 0, width = 1; cell < REACTOR_HISTOGRAM_CELLS - 1; cell++) {
        if (value < least + width)
            return cell;
        least += width;
        if (cell >= 15 && (cell + 1) % 8 == 0)
            width *= 2;
    }
    return cell;
}

static void add(struct reactor_histogram *histogram, uint64_t value)
{
    assert_int_equal(histogram_cell(value), cell_by_definition(value));
    loop_histogram_add(histogram, value);
}

static void quantiles_and_the_mean_are_within_six_in_a_hundred(void **state)
{
    (void) state;
    uint64_t seed = (uint64_t) time(NULL) | 1, random = seed;
    print_message("seed %llu\n", (unsigned long long) seed);
    static uint64_t values[5000];
    struct reactor_histogram histogram = {0};
    double sum = 0;
    for (uint64_t bit = 1; bit; bit <<= 1)
        for (uint64_t value = bit - 1; value <= bit + 1; value++)
            assert_int_equal(histogram_cell(value), cell_by_definition(value));
    for (size_t i = 0; i < 5000; i++) {
        values[i] = draw(&random) >> (24 + draw(&random) % 40);
        sum += (double) values[i];
        add(&histogram, values[i]);
    }
    qsort(values, 5000, sizeof *values, ascending);
    for (uint32_t ppm = 0; ppm <= 1000000; ppm += 12500) {
        size_t rank = ((size_t) ppm * 5000 + 999999) / 1000000;
        double exact = (double) values[rank ? rank - 1 : 0];
        double told = (double) reactor_histogram_quantile(&histogram, ppm);
        assert_true(told >= exact * 0.94 - 1 && told <= exact * 1.0625 + 1);
    }
    assert_int_equal(reactor_histogram_quantile(&histogram, 1000000), values[4999]);
    assert_int_equal(reactor_histogram_count(&histogram), 5000);
    double mean = reactor_histogram_mean(&histogram);
    assert_true(mean > sum / 5000 * 0.94 && mean < sum / 5000 * 1.0625);
}

static void an_empty_histogram_says_zero(void **state)
{
    (void) state;
    struct reactor_histogram histogram = {0};
    assert_int_equal(reactor_histogram_quantile(&histogram, 990000), 0);
    assert_int_equal(reactor_histogram_count(&histogram), 0);
    assert_true(reactor_histogram_mean(&histogram) == 0);
    reactor_histogram_since(&histogram, &(struct reactor_histogram){0});
    assert_int_equal(histogram.most, 0);
}

static void what_came_since_a_snapshot_is_told_apart(void **state)
{
    (void) state;
    struct reactor_histogram earlier = {0}, now;
    add(&earlier, 1000000);
    now = earlier;
    add(&now, 10);
    add(&now, 12);
    struct reactor_histogram since = now;
    reactor_histogram_since(&since, &earlier);
    assert_int_equal(reactor_histogram_count(&since), 2);
    assert_int_equal(since.most, 12);
    add(&now, 5000000);
    since = now;
    reactor_histogram_since(&since, &earlier);
    assert_int_equal(since.most, 5000000); /* a new greatest one is known exactly */
}

/* --- what a loop counts --- */

static void sleep_for(uint64_t span_ns)
{
    struct timespec span = {.tv_nsec = (long) span_ns};
    while (nanosleep(&span, &span) < 0 && errno == EINTR)
        continue;
}

static void hold_up(void *context, struct reactor_entry *entry)
{
    (void) context;
    sleep_for(entry->kind * MS);
}

static struct reactor_loop *create(const struct reactor_loop_options *options)
{
    struct reactor_loop *loop;
    assert_int_equal(reactor_loop_create(&loop, options), 0);
    reactor_loop_dispatch_set(loop, &(struct reactor_dispatch){.handle = {[REACTOR_MESSAGE] = hold_up}});
    return loop;
}

static void push(struct reactor_loop *loop, uint64_t due_ns, uint32_t count, uint8_t sleep_ms)
{
    struct reactor_entry entry = {.due_ns = due_ns, .source = 1, .count = count, .order = REACTOR_MESSAGE,
                                  .kind = sleep_ms};
    assert_int_equal(reactor_queue_push(reactor_loop_queue(loop), &entry), 0);
}

static void a_handler_that_takes_long_shows_as_lag_of_those_behind_it(void **state)
{
    (void) state;
    struct reactor_loop *loop = create(&(struct reactor_loop_options){.entries_a_turn = 1});
    reactor_clock_restart(reactor_loop_clock(loop), 0);
    push(loop, 1 * MS, 1, 8);
    push(loop, 2 * MS, 2, 0);
    assert_int_equal(reactor_loop_run(loop, 20 * MS), REACTOR_REACHED);
    const struct reactor_statistics *statistics = reactor_loop_statistics(loop);
    assert_int_equal(reactor_histogram_count(&statistics->entry_lag_ns), 2);
    assert_true(statistics->entry_lag_ns.most >= 6 * MS); /* due at 2, dispatched at 9 */
    assert_int_equal(reactor_histogram_count(&statistics->handler_ns), 0); /* nobody asked for clock reads */
    reactor_loop_free(loop);
}

static void under_virtual_time_nothing_lags(void **state)
{
    (void) state;
    struct reactor_loop *loop = create(&(struct reactor_loop_options){.clock = "virtual", .demultiplexer = "none"});
    for (uint32_t i = 0; i < 10; i++)
        push(loop, i * MS, i, 0);
    assert_int_equal(reactor_loop_run(loop, 5 * MS), REACTOR_REACHED);
    const struct reactor_statistics *statistics = reactor_loop_statistics(loop);
    assert_int_equal(reactor_histogram_count(&statistics->entry_lag_ns), 0);
    assert_int_equal(statistics->entries, 5);
    assert_int_equal(statistics->entries_pending, 5);
    assert_int_equal(reactor_histogram_count(&statistics->events_a_turn), statistics->turns);
    assert_int_equal(statistics->events_a_turn.most, 5);
    assert_int_equal(statistics->queue_depth.most, 5);
    reactor_loop_free(loop);
}

static void times_of_calls_and_posts_are_measured_when_asked_for(void **state)
{
    (void) state;
    struct reactor_loop *loop = create(&(struct reactor_loop_options){.measure_times = true});
    struct reactor_entry entry = {.order = REACTOR_MESSAGE, .kind = 2};
    assert_int_equal(reactor_loop_post(loop, &entry), 0);
    assert_int_equal(reactor_loop_post(loop, &entry), 0);
    sleep_for(3 * MS);
    assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop)), REACTOR_REACHED);
    const struct reactor_statistics *statistics = reactor_loop_statistics(loop);
    assert_int_equal(statistics->posts, 2);
    assert_int_equal(reactor_histogram_count(&statistics->handler_ns), 2);
    assert_true(reactor_histogram_quantile(&statistics->handler_ns, 0) >= 2 * MS * 94 / 100);
    assert_int_equal(reactor_histogram_count(&statistics->post_lag_ns), 1); /* a burst's first */
    assert_true(statistics->post_lag_ns.most >= 3 * MS);
    assert_int_equal(statistics->over_budget, 0); /* there is none */
    assert_int_equal(reactor_loop_post(loop, &entry), 0);
    assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop)), REACTOR_REACHED);
    assert_int_equal(reactor_histogram_count(&statistics->post_lag_ns), 2);
    reactor_loop_free(loop);
}

struct watched {
    struct reactor_loop *loop;
    atomic_bool over;
    uint64_t reads, backwards;
};

static void *watch(void *context)
{
    struct watched *watched = context;
    static _Thread_local struct reactor_statistics now, before;
    while (!atomic_load(&watched->over)) {
        reactor_loop_statistics_read(watched->loop, &now);
        watched->reads++;
        watched->backwards += now.turns < before.turns || now.entries < before.entries ||
                              reactor_histogram_count(&now.entry_lag_ns) < reactor_histogram_count(&before.entry_lag_ns);
        before = now;
    }
    return NULL;
}

static void another_thread_reads_while_the_loop_runs(void **state)
{
    (void) state;
    struct watched watched = {.loop = create(&(struct reactor_loop_options){.measure_times = true})};
    pthread_t thread;
    for (uint32_t i = 0; i < 20000; i++)
        push(watched.loop, i * 1000, i, 0);
    assert_int_equal(pthread_create(&thread, NULL, watch, &watched), 0);
    reactor_clock_restart(reactor_loop_clock(watched.loop), 0);
    assert_int_equal(reactor_loop_run(watched.loop, 30 * MS), REACTOR_REACHED);
    atomic_store(&watched.over, true);
    pthread_join(thread, NULL);
    assert_true(watched.reads > 0);
    assert_int_equal(watched.backwards, 0);
    struct reactor_statistics last;
    reactor_loop_statistics_read(watched.loop, &last);
    assert_int_equal(last.entries, 20000);
    assert_int_equal(reactor_histogram_count(&last.entry_lag_ns), 20000);
    assert_int_equal(last.turns, reactor_loop_statistics(watched.loop)->turns);
    reactor_loop_free(watched.loop);
}

static void do_nothing(struct reactor_handler *handler)
{
    (void) handler;
}

static void bounds_on_handlers_and_timers_are_kept_and_counted(void **state)
{
    (void) state;
    static const struct reactor_handler_ops ops = {.name = "idle", .timed_out = do_nothing};
    struct reactor_loop *loop = create(&(struct reactor_loop_options){.handlers_max = 2, .timers_max = 1});
    struct reactor_handler handlers[3];
    int ends[3][2];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends[i]), 0);
        handlers[i] = (struct reactor_handler){.ops = &ops, .descriptor = ends[i][0]};
        assert_int_equal(reactor_handler_attach(&handlers[i], loop, REACTOR_READ), i < 2 ? 0 : -ENOBUFS);
    }
    assert_int_equal(reactor_handler_timer_arm(&handlers[0], MS), 0);
    assert_int_equal(reactor_handler_timer_arm(&handlers[1], MS), -ENOBUFS);
    assert_int_equal(reactor_loop_statistics(loop)->handlers_refused, 1);
    assert_int_equal(reactor_loop_statistics(loop)->timers_refused, 1);
    reactor_handler_detach(&handlers[0]); /* there is room again */
    assert_int_equal(reactor_handler_attach(&handlers[2], loop, REACTOR_READ), 0);
    assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop)), REACTOR_REACHED);
    assert_int_equal(reactor_loop_statistics(loop)->handlers, 2);
    reactor_loop_free(loop);
    for (int i = 0; i < 6; i++)
        close(ends[i / 2][i % 2]);
}

static void consume_all(struct reactor_handler *handler)
{
    struct reactor_stream *stream = (struct reactor_stream *) (void *) handler;
    size_t length;
    (void) reactor_stream_input(stream, &length);
    reactor_stream_consume(stream, length);
}

static void coalesce(struct reactor_loop *loop)
{
    static const struct reactor_handler_ops ops = {.name = "stream", .input_ready = consume_all};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    struct reactor_stream stream = {.handler = {.ops = &ops, .descriptor = ends[0]}};
    assert_int_equal(reactor_stream_open(&stream, loop, &(struct reactor_stream_options){.output_max = 100}), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(reactor_stream_write(&stream, "ten bytes.", 10), 0);
    assert_int_equal(reactor_stream_write(&stream, "ten bytes.", 91), -ENOBUFS);
    assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop) + 5 * MS), REACTOR_REACHED);
    const struct reactor_statistics *statistics = reactor_loop_statistics(loop);
    assert_int_equal(statistics->stream_coalesced, 2);
    assert_int_equal(statistics->stream_sends, 1);
    assert_int_equal(statistics->bytes_sent, 30);
    assert_int_equal(statistics->stream_writes_refused, 1);
    reactor_stream_close(&stream);
    close(ends[1]);
}

static void writes_that_leave_together_are_counted_as_coalesced(void **state)
{
    (void) state;
    each_loop(coalesce);
}

static void keep(struct reactor_listener *listener, int descriptor)
{
    (void) listener;
    close(descriptor); /* not released: it counts as open */
}

static void accepting_that_waits_for_room_is_counted(void **state)
{
    (void) state;
    struct reactor_loop *loop = create(&(struct reactor_loop_options){0});
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct reactor_listener listener = {.accepted = keep};
    listener.handler.descriptor = reactor_listen((struct sockaddr *) &address, length, 8, false);
    assert_true(listener.handler.descriptor >= 0);
    assert_int_equal(getsockname(listener.handler.descriptor, (struct sockaddr *) &address, &length), 0);
    assert_int_equal(reactor_listener_open(&listener, loop, &(struct reactor_listener_options){.refuse = true}), -EINVAL);
    assert_int_equal(reactor_listener_open(&listener, loop, &(struct reactor_listener_options){.connections_max = 1}), 0);
    int clients[2];
    for (int i = 0; i < 2; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *) &address, length), 0);
    }
    assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop) + 5 * MS), REACTOR_REACHED);
    assert_int_equal(reactor_loop_statistics(loop)->accepted, 1);
    assert_int_equal(reactor_loop_statistics(loop)->accept_waits, 1);
    reactor_listener_release(&listener);
    assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop) + 5 * MS), REACTOR_REACHED);
    assert_int_equal(reactor_loop_statistics(loop)->accepted, 2);
    reactor_loop_free(loop);
    close(clients[0]);
    close(clients[1]);
}

/* --- options --- */

static void refused_loop(struct reactor_loop_options options, const char *message, const char *hint)
{
    struct base_diagnostics diagnostics = {0};
    struct reactor_loop *loop = (void *) &options;
    assert_int_equal(reactor_loop_options_check(&options, &diagnostics), -EINVAL);
    assert_int_equal(diagnostics.error_count, 1);
    assert_string_equal(diagnostics.items[0].message, message);
    assert_string_equal(diagnostics.items[0].hint, hint);
    assert_int_equal(reactor_loop_create(&loop, &options), -EINVAL);
    assert_null(loop);
}

static void options_of_a_loop_that_make_no_sense_are_named(void **state)
{
    (void) state;
    refused_loop((struct reactor_loop_options){.bytes_a_turn = 5},
                 "bytes_a_turn: 5 is not between 4096 and 16777216 bytes", "");
    refused_loop((struct reactor_loop_options){.entries_a_turn = UINT32_MAX},
                 "entries_a_turn: 4294967295 is not between 1 and 16777216 entries", "");
    refused_loop((struct reactor_loop_options){.descriptors_a_turn = 1u << 21},
                 "descriptors_a_turn: 2097152 is not between 1 and 1048576 events", "");
    refused_loop((struct reactor_loop_options){.handlers_max = UINT32_MAX},
                 "handlers_max: 4294967295 is not between 1 and 4194304 handlers", "");
    refused_loop((struct reactor_loop_options){.entries_max = SIZE_MAX},
                 "entries_max: 18446744073709551615 is not between 1 and 2147483648 entries", "");
    refused_loop((struct reactor_loop_options){.timers_max = UINT32_MAX},
                 "timers_max: 4294967295 is not between 1 and 1073741824 timers", "");
    refused_loop((struct reactor_loop_options){.posted_max = UINT32_MAX},
                 "posted_max: 4294967295 is not between 1 and 67108864 posts", "");
    refused_loop((struct reactor_loop_options){.handler_budget_ns = 3},
                 "handler_budget_ns: 3 is not between 1000 and 3600000000000 ns", "");
    refused_loop((struct reactor_loop_options){.demultiplexer = "epol"}, "demultiplexer: there is no epol",
                 "did you mean epoll");
    refused_loop((struct reactor_loop_options){.clock = "lunar"}, "clock: there is no lunar", "");
    refused_loop((struct reactor_loop_options){.clock = "scaled"},
                 "scale_ppm: a scaled clock needs one, 1000000 is real speed", "");
}

static void all_that_is_wrong_is_told_at_once(void **state)
{
    (void) state;
    struct base_diagnostics diagnostics = {0};
    struct reactor_loop_options options = {.bytes_a_turn = 1, .posted_max = UINT32_MAX, .clock = "lunar"};
    assert_int_equal(reactor_loop_options_check(&options, &diagnostics), -EINVAL);
    assert_int_equal(diagnostics.error_count, 3);
}

static void the_least_and_the_most_of_each_option_work(void **state)
{
    (void) state;
    const struct reactor_loop_options both[] = {
        {.entries_a_turn = 1, .descriptors_a_turn = 1, .bytes_a_turn = 4096, .handlers_max = 1, .entries_max = 1,
         .timers_max = 1, .posted_max = 1, .handler_budget_ns = 1000},
        {.entries_a_turn = 1u << 24, .descriptors_a_turn = 1u << 20, .bytes_a_turn = 16u << 20, .handlers_max = 1u << 22,
         .entries_max = (size_t) 1 << 31, .timers_max = 1u << 28, .posted_max = 1u << 20,
         .handler_budget_ns = 3600000 * MS},
    };
    for (size_t i = 0; i < 2; i++) {
        struct reactor_loop *loop = create(&both[i]);
        struct reactor_entry entry = {.due_ns = 0, .source = 1, .count = 1, .order = REACTOR_MESSAGE};
        assert_int_equal(reactor_loop_post(loop, &entry), 0);
        push(loop, 0, 2, 0);
        assert_int_equal(reactor_queue_push(reactor_loop_queue(loop), &entry), i ? 0 : -ENOBUFS);
        assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop)), REACTOR_REACHED);
        assert_int_equal(reactor_loop_statistics(loop)->posts, 1);
        assert_int_equal(reactor_loop_statistics(loop)->entries, 1 + i);
        reactor_loop_free(loop);
    }
}

static void options_that_contradict_each_other_are_refused(void **state)
{
    (void) state;
    const struct reactor_stream_options streams[] = {
        {.output_high = 10, .output_low = 11},
        {.output_high = 1001, .output_max = 1000},
        {.output_high = 1000, .output_max = 1000},
        {.output_low = 70000},
        {.output_low = 501, .output_max = 1000},
        {.output_high = 20000000},
        {.idle_bytes_min = 5},
        {.input_max = UINT32_MAX},
    };
    const char *named[] = {"output_low: 11 bytes are more than output_high, 10",
                           "output_high: 1001 bytes are not less than output_max, 1000:",
                           "output_high: 1000 bytes are not less than output_max, 1000:",
                           "output_low: 70000 bytes are more than output_high, 65536 by default",
                           "output_low: 501 bytes are more than output_high, 500 by default",
                           "output_high: 20000000 bytes are not less than output_max, 16777216 by default",
                           "idle_bytes_min: 5", "input_max: 4294967295"};
    struct reactor_loop *loop = create(&(struct reactor_loop_options){0});
    static const struct reactor_handler_ops ops = {.name = "stream"};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct base_diagnostics diagnostics = {0};
        struct reactor_stream stream = {.handler = {.ops = &ops, .descriptor = 0}};
        assert_int_equal(reactor_stream_options_check(&streams[i], &diagnostics), -EINVAL);
        assert_int_equal(diagnostics.error_count, 1);
        assert_memory_equal(diagnostics.items[0].message, named[i], strlen(named[i]));
        assert_int_equal(reactor_stream_open(&stream, loop, &streams[i]), -EINVAL);
    }
    assert_int_equal(reactor_listener_options_check(&(struct reactor_listener_options){.retry_ns = 1}, NULL), -EINVAL);
    assert_int_equal(reactor_datagrams_options_check(&(struct reactor_datagrams_options){.length_max = 70000}, NULL),
                     -EINVAL);
    reactor_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_and_the_mean_are_within_six_in_a_hundred),
        cmocka_unit_test(an_empty_histogram_says_zero),
        cmocka_unit_test(what_came_since_a_snapshot_is_told_apart),
        cmocka_unit_test(a_handler_that_takes_long_shows_as_lag_of_those_behind_it),
        cmocka_unit_test(under_virtual_time_nothing_lags),
        cmocka_unit_test(times_of_calls_and_posts_are_measured_when_asked_for),
        cmocka_unit_test(another_thread_reads_while_the_loop_runs),
        cmocka_unit_test(bounds_on_handlers_and_timers_are_kept_and_counted),
        cmocka_unit_test(writes_that_leave_together_are_counted_as_coalesced),
        cmocka_unit_test(accepting_that_waits_for_room_is_counted),
        cmocka_unit_test(options_of_a_loop_that_make_no_sense_are_named),
        cmocka_unit_test(all_that_is_wrong_is_told_at_once),
        cmocka_unit_test(the_least_and_the_most_of_each_option_work),
        cmocka_unit_test(options_that_contradict_each_other_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
