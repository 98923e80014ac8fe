#include "reactor/base/assert.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include "reactor/base/end.h"

/* sysexits.h's EX_SOFTWARE: "peerlab is at fault". */
#define EXIT_OUR_FAULT 70

/* One a thread and only read while dying: the way by which a failure deep inside can name the run it happened in. */
static _Thread_local const struct base_assert_context *current_context;

void base_assert_context_set(const struct base_assert_context *context)
{
    current_context = context;
}

static void print_context(const struct base_assert_context *context)
{
    dprintf(STDERR_FILENO, "  seed: %" PRIu64 "\n", context->seed);
    if (context->now_ns != NULL) {
        uint64_t now_ns = *context->now_ns;
        dprintf(STDERR_FILENO, "  virtual time: %" PRIu64 ".%09" PRIu64 " s\n", now_ns / UINT64_C(1000000000),
                now_ns % UINT64_C(1000000000));
    }
    if (context->replay != NULL)
        dprintf(STDERR_FILENO, "  to see it again: %s\n", context->replay);
}

_Noreturn void base_assert_failed(const char *condition, const char *file, int line, const char *function)
{
    dprintf(STDERR_FILENO, BASE_AT_FAULT ": %s:%d: %s: assertion failed: %s\n", file, line, function, condition);
    if (current_context != NULL)
        print_context(current_context);
    base_end(EXIT_OUR_FAULT);
}
