/* The loop: every case over every demultiplexer and clock of the tables, where it makes sense. */
#include "reactor/loop.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "reactor/handler.h"
#include "tests/reactor/each_loop.h"

struct record {
    struct reactor_loop *loop;
    uint32_t targets[100000];
    uint64_t now_ns[16];
    uint32_t count, stop_after, repeats;
};

static void note(void *context, struct reactor_entry *entry)
{
    struct record *record = context;
    if (record->count < 16)
        record->now_ns[record->count] = reactor_loop_now(record->loop);
    record->targets[record->count++] = entry->target;
    if (record->count == record->stop_after)
        reactor_loop_stop(record->loop);
}

static struct record *begin(const struct reactor_loop_options *options)
{
    struct record *record = calloc(1, sizeof *record);
    assert_non_null(record);
    assert_int_equal(reactor_loop_create(&record->loop, options), 0);
    reactor_loop_dispatch_set(record->loop, &(struct reactor_dispatch){
                                                .context = record,
                                                .handle = {[REACTOR_MESSAGE] = note, [REACTOR_USER] = note},
                                            });
    return record;
}

static void end(struct record *record)
{
    reactor_loop_free(record->loop);
    free(record);
}

static void push(struct record *record, uint64_t due_ns, uint32_t target)
{
    struct reactor_entry entry = {.due_ns = due_ns, .target = target, .order = REACTOR_MESSAGE};
    assert_int_equal(reactor_queue_push(reactor_loop_queue(record->loop), &entry), 0);
}

static void run_in_order(const struct reactor_loop_options *options)
{
    struct record *record = begin(options);
    push(record, 3 * MS, 3);
    push(record, 1 * MS, 1);
    push(record, 2 * MS, 2);
    push(record, 5 * MS, 5);
    reactor_clock_restart(reactor_loop_clock(record->loop), 0);
    assert_int_equal(reactor_loop_run(record->loop, 5 * MS), REACTOR_REACHED);
    assert_int_equal(record->count, 3); /* what is due at the end is not run */
    bool waits = reactor_loop_clock(record->loop)->ops->waits;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(record->targets[i], i + 1);
        assert_true(waits ? record->now_ns[i] >= (i + 1) * MS : record->now_ns[i] == (i + 1) * MS);
    }
    assert_true(waits ? reactor_loop_now(record->loop) >= 5 * MS : reactor_loop_now(record->loop) == 5 * MS);
    assert_int_equal(reactor_loop_run(record->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(record->count, 4);
    assert_int_equal(reactor_loop_statistics(record->loop)->entries, 4);
    end(record);
}

static void entries_run_in_order_and_up_to_the_end(void **state)
{
    (void) state;
    each_pair(ALL_PAIRS, run_in_order);
}

static void stop_inside(const struct reactor_loop_options *options)
{
    struct record *record = begin(options);
    for (uint32_t i = 0; i < 10; i++)
        push(record, 1, i);
    record->stop_after = 4;
    assert_int_equal(reactor_loop_run(record->loop, UINT64_MAX), REACTOR_STOPPED);
    assert_int_equal(record->count, 4);
    reactor_loop_stop(record->loop); /* not running: ends the next run before its first entry */
    assert_int_equal(reactor_loop_run(record->loop, UINT64_MAX), REACTOR_STOPPED);
    assert_int_equal(record->count, 4);
    assert_int_equal(reactor_loop_run(record->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(record->count, 10);
    end(record);
}

static void stop_ends_the_run_after_the_active_handler(void **state)
{
    (void) state;
    each_pair(ALL_PAIRS, stop_inside);
}

static struct reactor_loop *signalled_loop;

static void on_alarm(int number)
{
    (void) number;
    reactor_loop_stop(signalled_loop);
}

static void stop_by_signal(const struct reactor_loop_options *options)
{
    struct record *record = begin(options);
    push(record, UINT64_C(3600000) * MS, 1);
    signalled_loop = record->loop;
    struct sigaction action = {.sa_handler = on_alarm}, before;
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {.tv_usec = 5000}}, NULL);
    assert_int_equal(reactor_loop_run(record->loop, UINT64_MAX), REACTOR_STOPPED);
    assert_int_equal(record->count, 0);
    sigaction(SIGALRM, &before, NULL);
    end(record);
}

static void a_sleeping_loop_is_stopped_from_a_signal_handler(void **state)
{
    (void) state;
    each_pair(WAITING_PAIRS, stop_by_signal);
}

static volatile sig_atomic_t interruptions;

static void on_interruption(int number)
{
    (void) number;
    interruptions++;
}

/* A storm of signals that do not stop it neither ends the wait for good nor the run. */
static void survive_interruptions(const struct reactor_loop_options *options)
{
    struct record *record = begin(options);
    struct sigaction action = {.sa_handler = on_interruption}, before;
    interruptions = 0;
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &(struct itimerval){{.tv_usec = 300}, {.tv_usec = 300}}, NULL);
    for (int waits = 0; waits == 0 || (interruptions <= 3 && waits < 1000); waits++) { /* few on a busy machine */
        uint64_t until_ns = reactor_loop_now(record->loop) + 20 * MS * (options->clock[0] == 's' ? 10 : 1);
        assert_int_equal(reactor_loop_run(record->loop, until_ns), REACTOR_REACHED);
        assert_true(reactor_loop_now(record->loop) >= until_ns);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_true(interruptions > 3);
    end(record);
}

static void signals_neither_end_nor_break_a_wait(void **state)
{
    (void) state;
    each_pair(WAITING_PAIRS, survive_interruptions);
}

#define POSTERS 3
#define POSTS_EACH 5000

struct poster {
    struct reactor_loop *loop;
    uint32_t number;
};

static void *post_many(void *context)
{
    const struct poster *poster = context;
    for (uint32_t i = 0; i < POSTS_EACH; i++) {
        struct reactor_entry entry = {.target = poster->number, .count = i, .order = REACTOR_USER};
        while (reactor_loop_post(poster->loop, &entry) == -ENOBUFS)
            sched_yield();
        if (i % 1000 == 0)
            usleep(200); /* lets the loop fall asleep in between */
    }
    return NULL;
}

struct posted {
    struct reactor_loop *loop;
    uint32_t next[POSTERS], total;
    bool in_order;
};

static void note_posted(void *context, struct reactor_entry *entry)
{
    struct posted *posted = context;
    posted->in_order = posted->in_order && entry->count == posted->next[entry->target];
    posted->next[entry->target]++;
    if (++posted->total == POSTERS * POSTS_EACH)
        reactor_loop_stop(posted->loop);
}

static void post_from_threads(const struct reactor_loop_options *given)
{
    struct reactor_loop_options options = *given;
    options.posted_max = 64; /* full now and then */
    struct posted posted = {.in_order = true};
    assert_int_equal(reactor_loop_create(&posted.loop, &options), 0);
    reactor_loop_dispatch_set(posted.loop, &(struct reactor_dispatch){.context = &posted,
                                                                      .handle = {[REACTOR_USER] = note_posted}});
    /* The run must not end for want of work before the first post. */
    struct reactor_entry far = {.due_ns = UINT64_C(1) << 62, .order = REACTOR_USER};
    assert_int_equal(reactor_queue_push(reactor_loop_queue(posted.loop), &far), 0);
    pthread_t threads[POSTERS];
    struct poster posters[POSTERS];
    for (uint32_t i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){posted.loop, i};
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    assert_int_equal(reactor_loop_run(posted.loop, UINT64_MAX), REACTOR_STOPPED);
    for (uint32_t i = 0; i < POSTERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(posted.in_order);
    assert_int_equal(posted.total, POSTERS * POSTS_EACH);
    reactor_loop_free(posted.loop);
}

static void threads_post_and_each_ones_order_is_kept(void **state)
{
    (void) state;
    each_pair(WAITING_PAIRS, post_from_threads);
}

static void post_again(void *context, struct reactor_entry *entry)
{
    struct record *record = context;
    record->count++;
    assert_int_equal(reactor_loop_post(record->loop, entry), 0);
}

static void post_without_end(const struct reactor_loop_options *options)
{
    struct record *record = begin(options);
    reactor_loop_dispatch_set(record->loop, &(struct reactor_dispatch){.context = record,
                                                                       .handle = {[REACTOR_MESSAGE] = post_again}});
    assert_int_equal(reactor_loop_post(record->loop, &(struct reactor_entry){.order = REACTOR_MESSAGE}), 0);
    assert_int_equal(reactor_loop_run(record->loop, reactor_loop_now(record->loop) + MS), REACTOR_REACHED);
    uint32_t before = record->count;
    assert_true(before >= 64);
    assert_int_equal(reactor_loop_run(record->loop, reactor_loop_now(record->loop)), REACTOR_REACHED);
    assert_true(record->count > before); /* it goes on where it was */
    reactor_loop_free(record->loop);
    free(record);
}

static void what_keeps_coming_does_not_hold_up_the_end_of_a_run(void **state)
{
    (void) state;
    each_pair(WAITING_PAIRS, post_without_end);
}

static void refuse_posts(const struct reactor_loop_options *given)
{
    struct reactor_loop_options options = *given;
    options.posted_max = 8;
    struct record *record = begin(&options);
    struct reactor_entry entry = {.target = 5, .order = REACTOR_USER};
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(reactor_loop_post(record->loop, &entry), 0);
    assert_int_equal(reactor_loop_post(record->loop, &entry), -ENOBUFS);
    assert_int_equal(reactor_loop_run(record->loop, UINT64_MAX), REACTOR_IDLE);
    assert_int_equal(record->count, 8);
    assert_int_equal(reactor_loop_statistics(record->loop)->posts, 8);
    assert_int_equal(reactor_loop_statistics(record->loop)->posts_refused, 1);
    end(record);
}

static void posts_beyond_the_bound_are_refused_and_counted(void **state)
{
    (void) state;
    each_pair(ALL_PAIRS, refuse_posts);
}

static void post_once(void *context, struct reactor_entry *entry)
{
    struct record *record = context;
    note(context, entry);
    if (entry->target == 1) {
        struct reactor_entry posted = {.target = 77, .order = REACTOR_USER};
        assert_int_equal(reactor_loop_post(record->loop, &posted), 0);
    }
}

static void virtual_time_does_not_pass_while_something_is_posted(void **state)
{
    (void) state;
    struct record *record = begin(&(struct reactor_loop_options){.clock = "virtual", .demultiplexer = "none"});
    reactor_loop_dispatch_set(record->loop, &(struct reactor_dispatch){.context = record,
                                                                       .handle = {[REACTOR_MESSAGE] = post_once,
                                                                                  [REACTOR_USER] = note}});
    push(record, 10, 1);
    push(record, 11, 2);
    assert_int_equal(reactor_loop_run(record->loop, 100), REACTOR_REACHED);
    assert_int_equal(record->targets[1], 77);
    assert_true(record->now_ns[1] == 10);
    assert_true(record->now_ns[2] == 11);
    end(record);
}

static void push_for_itself(void *context, struct reactor_entry *entry)
{
    struct record *record = context;
    note(context, entry);
    if (entry->step < 5) {
        entry->step++;
        entry->count++;
        assert_int_equal(reactor_queue_push(reactor_loop_queue(record->loop), entry), 0);
    }
}

static void a_handler_pushes_while_its_entry_is_dispatched(void **state)
{
    (void) state;
    struct record *record = begin(&(struct reactor_loop_options){.clock = "virtual"});
    reactor_loop_dispatch_set(record->loop, &(struct reactor_dispatch){.context = record,
                                                                       .handle = {[REACTOR_MESSAGE] = push_for_itself}});
    push(record, 10, 1);
    push(record, 10, 2);
    assert_int_equal(reactor_loop_run(record->loop, 11), REACTOR_REACHED);
    static const uint32_t expected[] = {1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2};
    assert_int_equal(record->count, 12);
    assert_memory_equal(record->targets, expected, sizeof expected);
    end(record);
}

static uint32_t take_a_batch(void *context, struct reactor_queue *queue, uint64_t until_ns, uint32_t most, uint64_t *now_ns)
{
    struct record *record = context;
    struct reactor_entry *entry;
    uint32_t taken = 0;
    for (; taken < most && (entry = reactor_queue_pop(queue, until_ns)); taken++) {
        *now_ns = entry->due_ns;
        note(context, entry);
    }
    record->repeats++;
    return taken;
}

static void a_batch_takes_the_place_of_the_table(void **state)
{
    (void) state;
    struct record *record = begin(&(struct reactor_loop_options){.clock = "virtual", .demultiplexer = "none",
                                                                 .entries_a_turn = 4});
    reactor_loop_dispatch_set(record->loop, &(struct reactor_dispatch){.context = record, .batch = take_a_batch});
    for (uint32_t i = 0; i < 10; i++)
        push(record, 50 + i, i);
    assert_int_equal(reactor_loop_run(record->loop, 55), REACTOR_REACHED);
    assert_int_equal(record->count, 5);
    assert_int_equal(reactor_loop_run(record->loop, 100), REACTOR_REACHED);
    assert_int_equal(record->count, 10);
    assert_true(record->repeats >= 4); /* at most four entries a turn */
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(record->targets[i], i);
        assert_true(record->now_ns[i] == 50 + i);
    }
    end(record);
}

static void sleep_a_while(void *context, struct reactor_entry *entry)
{
    note(context, entry);
    if (entry->target == 2)
        usleep(3000);
}

static void a_handler_over_its_budget_is_counted_and_named(void **state)
{
    (void) state;
    struct record *record = begin(&(struct reactor_loop_options){.clock = "virtual", .handler_budget_ns = 2 * MS});
    reactor_loop_dispatch_set(record->loop, &(struct reactor_dispatch){.context = record,
                                                                       .handle = {[REACTOR_MESSAGE] = sleep_a_while}});
    push(record, 1, 1);
    push(record, 1, 2);
    assert_int_equal(reactor_loop_run(record->loop, 100), REACTOR_REACHED);
    const struct reactor_statistics *statistics = reactor_loop_statistics(record->loop);
    assert_true(statistics->over_budget >= 1); /* the other may have been interrupted by the machine */
    assert_true(statistics->over_budget_longest_ns >= 3 * MS);
    assert_string_equal(statistics->over_budget_name, "message");
    end(record);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *) a, right = *(const uint64_t *) b;
    return (left > right) - (left < right);
}

#define WAITS 41

static void wait_precisely(const struct reactor_loop_options *options)
{
    struct record *record = begin(options);
    uint64_t late_ns[WAITS];
    for (unsigned i = 0; i < WAITS; i++) {
        uint64_t speed = options->clock[0] == 's' ? SCALE_PPM / 1000000 : 1;
        uint64_t due_ns = reactor_loop_now(record->loop) + 200000 * speed;
        push(record, due_ns, i);
        record->count = 0;
        assert_int_equal(reactor_loop_run(record->loop, due_ns + 1), REACTOR_REACHED);
        assert_int_equal(record->count, 1);
        late_ns[i] = (record->now_ns[0] - due_ns) / speed;
    }
    qsort(late_ns, WAITS, sizeof late_ns[0], compare_u64);
    printf("    %llu ns late in the median\n", (unsigned long long) late_ns[WAITS / 2]);
    assert_true(late_ns[WAITS / 2] < MS / 2); /* to the millisecond it would be 800 us late */
    end(record);
}

static void waits_are_not_to_the_millisecond(void **state)
{
    (void) state;
    each_pair(WAITING_PAIRS, wait_precisely);
}

static void park_and_go_on(const struct reactor_loop_options *options)
{
    struct record *record = begin(options);
    for (uint32_t i = 1; i <= 5; i++)
        push(record, i * MS, i);
    for (uint64_t i = 1; i <= 5; i++) {
        assert_int_equal(reactor_loop_run(record->loop, i * MS + MS / 2), REACTOR_REACHED);
        assert_true(record->count >= i);
    }
    assert_int_equal(record->count, 5);
    end(record);
}

static void runs_go_from_one_instant_to_the_next(void **state)
{
    (void) state;
    each_pair(ALL_PAIRS, park_and_go_on);
}

static void unknown_names_are_refused(void **state)
{
    (void) state;
    struct reactor_loop *loop;
    assert_int_equal(reactor_loop_create(&loop, &(struct reactor_loop_options){.demultiplexer = "kqueue"}), -EINVAL);
    assert_null(loop);
    assert_int_equal(reactor_loop_create(&loop, &(struct reactor_loop_options){.clock = "lunar"}), -EINVAL);
    assert_int_equal(reactor_loop_create(&loop, &(struct reactor_loop_options){.clock = "scaled"}), -EINVAL);
    reactor_loop_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_run_in_order_and_up_to_the_end),
        cmocka_unit_test(stop_ends_the_run_after_the_active_handler),
        cmocka_unit_test(a_sleeping_loop_is_stopped_from_a_signal_handler),
        cmocka_unit_test(signals_neither_end_nor_break_a_wait),
        cmocka_unit_test(threads_post_and_each_ones_order_is_kept),
        cmocka_unit_test(what_keeps_coming_does_not_hold_up_the_end_of_a_run),
        cmocka_unit_test(posts_beyond_the_bound_are_refused_and_counted),
        cmocka_unit_test(virtual_time_does_not_pass_while_something_is_posted),
        cmocka_unit_test(a_handler_pushes_while_its_entry_is_dispatched),
        cmocka_unit_test(a_batch_takes_the_place_of_the_table),
        cmocka_unit_test(a_handler_over_its_budget_is_counted_and_named),
        cmocka_unit_test(waits_are_not_to_the_millisecond),
        cmocka_unit_test(runs_go_from_one_instant_to_the_next),
        cmocka_unit_test(unknown_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
