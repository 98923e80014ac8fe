/* A service on TCP over 127.0.0.1: a connection is accepted, sends a request, gets a reply as long and is closed by the
 * server. Who asks is a process of its own, so that CPU time is the server's. */
#ifndef TESTS_BENCH_EVENT_LOOPS_SERVICE_H
#define TESTS_BENCH_EVENT_LOOPS_SERVICE_H

#include <stddef.h>

#include "tests/bench/event_loops/bench.h"

#define SERVICE_BYTES 64
#define SERVICE_ACCEPTS 64        /* at most, each time the listening socket is ready */
#define SERVICE_DESCRIPTORS 4096u /* none is beyond it: connections may stand in an array, by descriptor */

struct service {
    int listener;                  /* non-blocking */
    uint64_t left, connections;    /* until the phase ends; to be measured */
    unsigned phase;                /* as in world.h */
    struct bench_figures *figures;
};

/* The next connection, non-blocking; -1: none. */
int service_accept(struct service *service);
/* What a readable connection is served by where the loop only tells readiness: false while the request has not come.
 * True: answered, to be closed. */
bool service_answer(int descriptor);
/* After a connection was closed. True: all is over. */
bool service_count(struct service *service);

struct service_subject {
    const char *name;
    const char *missing;       /* NULL; else why not */
    void (*run)(struct service *service, const void *argument);
    const void *argument;
    const char *demultiplexer; /* that it runs on, of ours; NULL: none of ours */
    double goal;               /* of the ratio to the raw loop; 0: none */
};

/* Each ended by a row without a name; the first one is the raw loop. */
extern const struct service_subject services_bare[], services_ours[], services_streams[], services_libuv[],
    services_libev[], services_libevent[];

#endif
