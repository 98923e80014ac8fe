#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/event_loops/bench.h"

#define MARK_NUMBER 0x7fff0b0b /* no system call has it: it fails, and who traces sees where measuring begins, ends */

#define SECONDS_MAX 60 /* a repetition: one that takes longer hangs, and is ended by SIGALRM */

static double clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return 1e9 * (double) now.tv_sec + (double) now.tv_nsec;
}

static double user_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return 1e9 * (double) usage.ru_utime.tv_sec + 1e3 * (double) usage.ru_utime.tv_usec;
}

void bench_begin(struct bench_figures *figures)
{
    figures->user_ns = user_ns();
    figures->wall_ns = clock_ns(CLOCK_MONOTONIC);
    figures->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    syscall(MARK_NUMBER);
}

void bench_end(struct bench_figures *figures)
{
    syscall(MARK_NUMBER);
    figures->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - figures->cpu_ns;
    figures->wall_ns = clock_ns(CLOCK_MONOTONIC) - figures->wall_ns;
    figures->user_ns = user_ns() - figures->user_ns;
}

noreturn void bench_fail(const char *what, int error)
{
    fflush(stdout);
    fprintf(stderr, "bench reactor: %s%s%s\n", what, error ? ": " : "", error ? strerror(abs(error)) : "");
    _exit(3);
}

bool bench_descriptors(uint32_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return false;
    limit.rlim_cur = limit.rlim_max;
    (void) setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_max >= wanted;
}

/* Shared with the child, so that the figures come back without a system call in the way. */
static pid_t start(void job(void *context, struct bench_figures *figures), void *context,
                   struct bench_figures **shared, bool traced)
{
    *shared = mmap(NULL, sizeof **shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (*shared == MAP_FAILED)
        bench_fail("no memory", errno);
    (*shared)->calls = NAN;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        bench_fail("fork", errno);
    if (child == 0) {
        alarm(SECONDS_MAX);
        if (traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
            raise(SIGSTOP);
        job(context, *shared);
        _exit(0);
    }
    return child;
}

static bool finish(int state, struct bench_figures *shared, struct bench_figures *figures)
{
    *figures = *shared;
    munmap(shared, sizeof *shared);
    if (WIFSIGNALED(state))
        fprintf(stderr, "bench reactor: a subject was ended by signal %d\n", WTERMSIG(state));
    return WIFEXITED(state) && WEXITSTATUS(state) == 0;
}

bool bench_in_child(void job(void *context, struct bench_figures *figures), void *context,
                    struct bench_figures *figures)
{
    struct bench_figures *shared;
    pid_t child = start(job, context, &shared, false);
    int state = 0;
    while (waitpid(child, &state, 0) < 0 && errno == EINTR)
        continue;
    return finish(state, shared, figures);
}

/* At a system call's entry: counts it between the two marks. */
static void count_call(pid_t child, unsigned *marks, double *calls)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return;
    if (info.entry.nr == MARK_NUMBER)
        ++*marks;
    else if (*marks == 1)
        ++*calls;
}

/* Drives a child that stopped for its tracer until it ends; its state, and how many calls it made. */
static int trace(pid_t child, double *calls)
{
    int state = 0;
    unsigned marks = 0;
    double counted = 0;
    while (waitpid(child, &state, 0) == child && WIFSTOPPED(state)) {
        int signal = WSTOPSIG(state);
        if (signal == (SIGTRAP | 0x80))
            count_call(child, &marks, &counted);
        else if (signal == SIGSTOP)
            ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
        bool is_ours = signal == (SIGTRAP | 0x80) || signal == SIGSTOP || signal == SIGTRAP;
        ptrace(PTRACE_SYSCALL, child, NULL, is_ours ? 0 : signal);
    }
    if (marks == 2)
        *calls = counted;
    return state;
}

bool bench_in_traced_child(void job(void *context, struct bench_figures *figures), void *context,
                           struct bench_figures *figures)
{
    struct bench_figures *shared;
    pid_t child = start(job, context, &shared, true);
    double calls = NAN;
    int state = trace(child, &calls);
    bool good = finish(state, shared, figures);
    figures->calls = calls;
    return good;
}
