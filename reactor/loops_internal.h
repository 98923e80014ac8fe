/* What several loops are made of: loops.c (their lives) and loops_listen.c (their connections). Internal. */
#ifndef REACTOR_LOOPS_INTERNAL_H
#define REACTOR_LOOPS_INTERNAL_H

#include <pthread.h>

#include "reactor/listener.h"
#include "reactor/loop_internal.h"
#include "reactor/loops.h"

struct loops_member {
    struct reactor_loops *loops;
    struct reactor_loop *loop;
    pthread_t thread;
    uint32_t index;
    int result;            /* of the run */
    const char *failed_at;
    bool running;          /* its thread must be joined */
    bool wound_down;
    uint32_t handed;       /* connections posted to it: the acceptor's, modulo 2^32 */
    /* its own thread's, for others to read */
    _Alignas(64) _Atomic uint32_t taken; /* of those handed, modulo 2^32 */
    _Atomic uint64_t accepted;
    _Atomic uint64_t refused;
};

struct loops_listening;

/* A listening socket, on one of the loops. */
struct loops_listener {
    struct reactor_listener listener; /* first */
    struct loops_listening *listening;
    struct loops_member *member;
};

struct loops_listening {
    struct loops_listening *next;
    struct reactor_loops *loops;
    struct reactor_loops_listen_options options; /* address is not kept */
    uint32_t turn;                               /* of REACTOR_ROUND_ROBIN: the acceptor's */
    uint32_t number;                             /* told with a descriptor that is handed over */
    uint32_t count;                              /* of the listeners that are open */
    struct loops_listener listeners[];
};

struct reactor_loops {
    struct reactor_loops_options options;
    struct loops_member *members;
    uint32_t count;
    bool begun; /* start was called */
    struct loops_listening *listenings; /* the last made first */
};

/* loops.c: -EALREADY they run, -ESHUTDOWN they have run; both are diagnosed. 0: they were not started yet. */
int loops_refuse_begun(const struct reactor_loops *loops, const char *what, struct base_diagnostics *diagnostics);

/* loops_listen.c */
void loops_take_handed(void *context, struct reactor_entry *entry); /* by the member's loop */
void loops_close_handed(struct loops_member *member);               /* those not taken; no thread runs */
void loops_free_listenings(struct reactor_loops *loops);            /* the loops are freed */

#endif
