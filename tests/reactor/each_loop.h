/* "For each demultiplexer": what the tests of loops and of what lives on them have in common. Each is named before its
 * turn, and so is one that is left out because the kernel does not offer it. */
#ifndef TESTS_REACTOR_EACH_LOOP_H
#define TESTS_REACTOR_EACH_LOOP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reactor/clock.h"
#include "reactor/demultiplexer.h"
#include "reactor/loop_internal.h" /* that no buffer is left behind */

#define MS UINT64_C(1000000)
#define SCALE_PPM UINT64_C(10000000) /* of the scaled clock: 10 x real */

static inline bool is_offered(const struct reactor_demultiplexer_ops *ops)
{
    bool offered = reactor_demultiplexer_offered(ops);
    if (!offered)
        printf("  %s: skipped, the kernel does not offer it\n", ops->name);
    return offered;
}

static inline bool watches(const struct reactor_demultiplexer_ops *ops)
{
    return strcmp(ops->name, "none") != 0;
}

static inline bool watches_here(const struct reactor_demultiplexer_ops *ops)
{
    bool here = watches(ops) && is_offered(ops);
    if (here)
        printf("  %s\n", ops->name);
    fflush(stdout);
    return here;
}

/* Each that watches descriptors. */
static inline void each_demultiplexer(void (*test)(const char *demultiplexer))
{
    for (size_t d = 0; reactor_demultiplexers[d]; d++)
        if (watches_here(reactor_demultiplexers[d]))
            test(reactor_demultiplexers[d]->name);
}

/* A loop on each that watches descriptors. The test leaves no handler and no buffer; the loop is freed here. */
static inline void each_loop_with(const struct reactor_loop_options *options, void (*test)(struct reactor_loop *loop))
{
    for (size_t d = 0; reactor_demultiplexers[d]; d++) {
        struct reactor_loop_options own = *options;
        struct reactor_loop *loop;
        own.demultiplexer = reactor_demultiplexers[d]->name;
        if (!watches_here(reactor_demultiplexers[d]))
            continue;
        assert_int_equal(reactor_loop_create(&loop, &own), 0);
        test(loop);
        assert_int_equal(reactor_loop_handler_count(loop), 0);
        assert_int_equal(loop->buffers.taken_bytes, 0);
        reactor_loop_free(loop);
    }
}

static inline void each_loop(void (*test)(struct reactor_loop *loop))
{
    each_loop_with(&(struct reactor_loop_options){0}, test);
}

#define TURNS_AT_LEAST 20

/* For so long (real, or virtual time), and so many turns that what has come is answered for, also when the machine stood
 * still meanwhile. */
static inline void run_for(struct reactor_loop *loop, uint64_t span_ns)
{
    span_ns = span_ns * reactor_loop_clock(loop)->scale_ppm / 1000000;
    assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop) + span_ns), REACTOR_REACHED);
    for (unsigned turns = 0; turns < TURNS_AT_LEAST; turns++)
        assert_int_equal(reactor_loop_run(loop, reactor_loop_now(loop)), REACTOR_REACHED);
}

/* However long a loaded machine takes; the test behind it says whether it came. */
#define RUN_UNTIL(loop, condition) \
    for (unsigned tries = 0; tries < 5000 && !(condition); tries++) \
        run_for(loop, MS)

/* Which pairs of a demultiplexer and a clock. */
enum pairs { ALL_PAIRS, WAITING_PAIRS /* the clock takes time */, WATCHING_PAIRS /* descriptors are watched */ };

static inline void each_pair(enum pairs pairs, void (*test)(const struct reactor_loop_options *options))
{
    for (size_t d = 0; reactor_demultiplexers[d]; d++) {
        const struct reactor_demultiplexer_ops *ops = reactor_demultiplexers[d];
        if ((pairs == WATCHING_PAIRS && !watches(ops)) || !is_offered(ops))
            continue;
        for (size_t c = 0; reactor_clocks[c]; c++) {
            if (pairs == WAITING_PAIRS && !reactor_clocks[c]->waits)
                continue;
            printf("  %s, %s\n", ops->name, reactor_clocks[c]->name);
            fflush(stdout);
            test(&(struct reactor_loop_options){.demultiplexer = ops->name, .clock = reactor_clocks[c]->name,
                                                .scale_ppm = SCALE_PPM});
        }
    }
}

#endif
