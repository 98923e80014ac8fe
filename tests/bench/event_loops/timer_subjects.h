/* Timers of one kind under test, N of them. */
#ifndef TESTS_BENCH_EVENT_LOOPS_TIMER_SUBJECTS_H
#define TESTS_BENCH_EVENT_LOOPS_TIMER_SUBJECTS_H

#include "tests/bench/event_loops/bench.h"

/* All numbers are of timers, 0 to count - 1; delays from now, drawn by who measures. */
struct timer_subject {
    const char *name;
    const char *missing; /* NULL; else why not */
    void *(*create)(uint32_t count, uint64_t *fired); /* adds 1 to *fired for each that fires */
    void (*arm)(void *state, uint32_t number, uint64_t delay_ns);
    void (*rearm)(void *state, uint32_t number, uint64_t delay_ns); /* armed as it is */
    void (*cancel)(void *state, uint32_t number);
    void (*refresh)(void *state); /* the loop's idea of now; between turns */
    void (*run)(void *state);     /* dispatches all that is due, at least; does not wait longer than the next */
};

extern const struct timer_subject timers_ours, timers_libuv, timers_libev, timers_libevent;

#endif
