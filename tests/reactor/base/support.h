/* What the tests of this folder share: seeds that can be given again, and functions that must end their process. */
#ifndef TESTS_REACTOR_BASE_SUPPORT_H
#define TESTS_REACTOR_BASE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef UNDER_ADDRESS_SANITIZER
#define UNDER_ADDRESS_SANITIZER 0
#endif

/* Another each time, for comparisons with a model; PEERLAB_TEST_SEED=N gives one again. */
static inline uint64_t test_seed(void)
{
    const char *given = getenv("PEERLAB_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t) now.tv_nsec;
    print_message("             PEERLAB_TEST_SEED=%llu\n", (unsigned long long) seed);
    return seed;
}

/* Runs body in a child whose stdout and stderr go to output; returns its exit status, 256 + signal if it was killed. */
static inline int run_in_child(void (*body)(void), char *output, size_t bytes)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], output + length, bytes - 1 - length)) > 0;)
        length += (size_t) got;
    output[length] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

#define assert_contains(text, part) \
    do { \
        if (strstr((text), (part)) == NULL) \
            fail_msg("\"%s\" lacks \"%s\"", (text), (part)); \
    } while (0)

#endif
