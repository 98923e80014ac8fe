/* Demultiplexers: the contract of demultiplexer.h, for each row of the table that watches descriptors. */
#include "reactor/demultiplexer.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PIPES 20

struct bed {
    const struct reactor_demultiplexer_ops *ops;
    void *state;
    int pipes[PIPES][2];
};

static void each(void (*test)(struct bed *bed))
{
    for (size_t i = 0; reactor_demultiplexers[i]; i++) {
        if (strcmp(reactor_demultiplexers[i]->name, "none") == 0)
            continue;
        if (!reactor_demultiplexer_offered(reactor_demultiplexers[i])) {
            printf("  %s: left out, this kernel does not offer it\n", reactor_demultiplexers[i]->name);
            continue;
        }
        struct bed bed = {.ops = reactor_demultiplexers[i]};
        printf("  %s\n", bed.ops->name);
        bed.state = calloc(1, bed.ops->state_bytes);
        assert_non_null(bed.state);
        assert_int_equal(bed.ops->open(bed.state), 0);
        for (unsigned k = 0; k < PIPES; k++)
            assert_int_equal(pipe(bed.pipes[k]), 0);
        test(&bed);
        for (unsigned k = 0; k < PIPES; k++) {
            close(bed.pipes[k][0]);
            close(bed.pipes[k][1]);
        }
        bed.ops->close(bed.state);
        free(bed.state);
    }
}

static int look(struct bed *bed, struct reactor_ready *ready, int ready_max)
{
    return bed->ops->wait(bed->state, ready, ready_max, 0);
}

static void report_readiness(struct bed *bed)
{
    struct reactor_ready ready[4];
    const uint64_t token = UINT64_C(0xfedcba9876543210);
    int reader = bed->pipes[0][0], writer = bed->pipes[0][1];
    assert_int_equal(bed->ops->add(bed->state, reader, REACTOR_READ, token), 0);
    assert_int_equal(look(bed, ready, 4), 0);
    assert_int_equal(bed->ops->add(bed->state, writer, REACTOR_WRITE, 7), 0);
    assert_int_equal(look(bed, ready, 4), 1);
    assert_true(ready[0].token == 7 && ready[0].readiness == REACTOR_WRITABLE);
    assert_int_equal(bed->ops->remove(bed->state, writer), 0);
    assert_int_equal(write(writer, "x", 1), 1);
    for (unsigned i = 0; i < 3; i++) { /* level-triggered: until it is read */
        assert_int_equal(look(bed, ready, 4), 1);
        assert_true(ready[0].token == token && ready[0].readiness == REACTOR_READABLE);
    }
    assert_int_equal(bed->ops->change(bed->state, reader, 0, token), 0);
    assert_int_equal(look(bed, ready, 4), 0);
    assert_int_equal(bed->ops->change(bed->state, reader, REACTOR_READ, 9), 0);
    assert_int_equal(look(bed, ready, 4), 1);
    assert_true(ready[0].token == 9);
    assert_int_equal(bed->ops->remove(bed->state, reader), 0);
    assert_int_equal(look(bed, ready, 4), 0);
}

static void readiness_is_reported_under_its_token_while_it_lasts(void **state)
{
    (void) state;
    each(report_readiness);
}

static void rotate(struct bed *bed)
{
    unsigned seen[PIPES] = {0};
    for (unsigned i = 0; i < PIPES; i++) {
        assert_int_equal(bed->ops->add(bed->state, bed->pipes[i][0], REACTOR_READ, i), 0);
        assert_int_equal(write(bed->pipes[i][1], "x", 1), 1);
    }
    struct reactor_ready ready[3];
    for (unsigned call = 0; call < 10 * PIPES; call++) {
        int count = look(bed, ready, 3);
        assert_true(count > 0 && count <= 3);
        for (int i = 0; i < count; i++)
            seen[ready[i].token]++;
    }
    for (unsigned i = 0; i < PIPES; i++)
        assert_true(seen[i] >= 20);
}

static void small_calls_reach_every_ready_descriptor_in_turn(void **state)
{
    (void) state;
    each(rotate);
}

static void refuse(struct bed *bed)
{
    int reader = bed->pipes[0][0];
    assert_int_equal(bed->ops->add(bed->state, -1, REACTOR_READ, 1), -EBADF);
    assert_int_equal(bed->ops->remove(bed->state, reader), -ENOENT);
    assert_int_equal(bed->ops->change(bed->state, reader, REACTOR_READ, 1), -ENOENT);
    assert_int_equal(bed->ops->add(bed->state, reader, REACTOR_READ, 1), 0);
    assert_int_equal(bed->ops->add(bed->state, reader, REACTOR_READ, 1), -EEXIST);
    assert_int_equal(bed->ops->remove(bed->state, reader), 0);
    assert_int_equal(bed->ops->remove(bed->state, reader), -ENOENT);
}

static void mistakes_are_refused_by_name(void **state)
{
    (void) state;
    each(refuse);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

static bool waits_long_enough(const struct reactor_demultiplexer_ops *ops)
{
    struct reactor_ready ready[1];
    void *memory = calloc(1, ops->state_bytes);
    bool good = memory && ops->open(memory) == 0;
    for (uint64_t span_ns = 1000; good && span_ns <= 5000000; span_ns *= 70) {
        uint64_t begun_ns = now_ns();
        good = ops->wait(memory, ready, 1, span_ns) == 0 && now_ns() - begun_ns >= span_ns;
    }
    return good;
}

/* Each in a process that has had no ring before: while the kernel takes one apart, it interrupts the waits of the thread
 * that had it, as a signal would. */
static void waits_last_as_long_as_asked(void **state)
{
    (void) state;
    for (size_t i = 0; reactor_demultiplexers[i]; i++) {
        int status;
        if (!reactor_demultiplexer_offered(reactor_demultiplexers[i]))
            continue;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(waits_long_enough(reactor_demultiplexers[i]) ? 0 : 1);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("%s: a wait ended early", reactor_demultiplexers[i]->name);
    }
}

/* A filter on system calls, as containers have one: in a child, it stays for good. */
static int forbid_io_uring(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void where_io_uring_is_forbidden_auto_is_epoll_and_its_row_says_so(void **state)
{
    (void) state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct reactor_demultiplexer_ops *uring = reactor_demultiplexer_find("io_uring");
        void *memory = calloc(1, uring->state_bytes);
        if (forbid_io_uring())
            _exit(77);
        bool good = memory && uring->open(memory) == -EPERM && !reactor_demultiplexer_offered(uring) &&
                    strcmp(reactor_demultiplexer_find("auto")->name, "epoll") == 0;
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* no seccomp here */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void removed_and_used_again(struct bed *bed)
{
    struct reactor_ready ready[4];
    int old = bed->pipes[0][0];
    assert_int_equal(bed->ops->add(bed->state, old, REACTOR_READ, 1), 0);
    assert_int_equal(look(bed, ready, 4), 0);
    assert_int_equal(write(bed->pipes[0][1], "x", 1), 1);
    assert_int_equal(bed->ops->remove(bed->state, old), 0);
    assert_int_equal(dup2(bed->pipes[1][0], old), old);
    assert_int_equal(bed->ops->add(bed->state, old, REACTOR_READ, 2), 0);
    assert_int_equal(look(bed, ready, 4), 0);
    assert_int_equal(write(bed->pipes[1][1], "y", 1), 1);
    assert_int_equal(look(bed, ready, 4), 1);
    assert_true(ready[0].token == 2);
}

static void a_number_that_is_used_again_reports_its_new_file_only(void **state)
{
    (void) state;
    each(removed_and_used_again);
}

static void the_table_finds_its_rows_and_nothing_else(void **state)
{
    (void) state;
    for (size_t i = 0; reactor_demultiplexers[i]; i++)
        assert_ptr_equal(reactor_demultiplexer_find(reactor_demultiplexers[i]->name), reactor_demultiplexers[i]);
    const struct reactor_demultiplexer_ops *best = reactor_demultiplexer_find("auto");
    assert_true(best == reactor_demultiplexer_find("io_uring") || best == reactor_demultiplexer_find("epoll"));
    assert_true(reactor_demultiplexer_offered(best));
    assert_null(reactor_demultiplexer_find("kqueue"));
    assert_null(reactor_demultiplexer_find(""));
}

static void close_before_removing(struct bed *bed)
{
    struct reactor_ready ready[4];
    int closed = bed->pipes[0][0], other = bed->pipes[1][0];
    bool tells = strcmp(bed->ops->name, "select") == 0 || strcmp(bed->ops->name, "poll") == 0;
    assert_int_equal(bed->ops->add(bed->state, closed, REACTOR_READ, 1), 0);
    assert_int_equal(bed->ops->add(bed->state, other, REACTOR_READ, 2), 0);
    assert_int_equal(look(bed, ready, 4), 0);
    assert_int_equal(write(bed->pipes[1][1], "x", 1), 1);
    close(closed);
    for (unsigned i = 0; i < 3; i++) {
        unsigned seen = 0;
        int count = look(bed, ready, 4);
        assert_in_range(count, 1, 2);
        for (int k = 0; k < count; k++) {
            seen |= 1u << ready[k].token;
            assert_int_equal(ready[k].readiness, ready[k].token == 2 ? REACTOR_READABLE : REACTOR_FAILED);
        }
        assert_int_equal(seen, tells ? 6 : 4); /* (the kernel's own lists forget it, or keep the file) */
    }
    int removed = bed->ops->remove(bed->state, closed);
    assert_true(!tells || removed == 0);
    assert_int_equal(look(bed, ready, 4), 1);
    assert_true(ready[0].token == 2);
    assert_int_equal(dup2(other, closed), closed); /* for the bed to close */
}

static void one_closed_before_it_was_removed_has_failed_and_the_others_go_on(void **state)
{
    (void) state;
    each(close_before_removing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readiness_is_reported_under_its_token_while_it_lasts),
        cmocka_unit_test(small_calls_reach_every_ready_descriptor_in_turn),
        cmocka_unit_test(mistakes_are_refused_by_name),
        cmocka_unit_test(waits_last_as_long_as_asked),
        cmocka_unit_test(a_number_that_is_used_again_reports_its_new_file_only),
        cmocka_unit_test(where_io_uring_is_forbidden_auto_is_epoll_and_its_row_says_so),
        cmocka_unit_test(the_table_finds_its_rows_and_nothing_else),
        cmocka_unit_test(one_closed_before_it_was_removed_has_failed_and_the_others_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
