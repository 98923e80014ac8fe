/* Assertions: for our own mistakes, kept in release builds (exit status 70; as a library it aborts, see end.h).
 *
 * A failed assertion prints the condition and its place, then whatever context the running thread has set: the seed,
 * the virtual time and the command that replays the run. Bad input is never an assertion: it is a diagnostic
 * (diagnostic.h) or a counted refusal. */
#ifndef REACTOR_BASE_ASSERT_H
#define REACTOR_BASE_ASSERT_H

#include <stdint.h>

/* What a failed assertion on this thread prints; borrowed, must outlive its use. NULL clears it. */
struct base_assert_context {
    const char *replay;     /* the command that runs the same again */
    uint64_t seed;
    const uint64_t *now_ns; /* read at the moment of failure; may be NULL */
};
void base_assert_context_set(const struct base_assert_context *context);

_Noreturn void base_assert_failed(const char *condition, const char *file, int line, const char *function);

#define base_assert(condition) \
    (__builtin_expect(!!(condition), 1) ? (void) 0 : base_assert_failed(#condition, __FILE__, __LINE__, __func__))

/* For what cannot be reached, such as the end of a function whose switch names every case. */
#define base_never(what) base_assert_failed("never: " what, __FILE__, __LINE__, __func__)

#endif
