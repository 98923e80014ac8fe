/* The engine: a scenario in, a run, a summary (and a trace) out.
 *
 * Life: engine_create binds names and builds peers; engine_run dispatches to the end (or until stopped); then the
 * summary is there; engine_free. Several engines may live in one process. Nothing here prints. */
#ifndef SIM_ENGINE_H
#define SIM_ENGINE_H

#include <signal.h>

#include "sim/summary.h"
#include "topologies/scenario.h"

struct engine;

struct engine_progress {
    uint64_t now_ns, duration_ns;  /* of the scenario's clock */
    uint64_t events;
    double events_per_s;           /* of late */
    uint32_t peers_up;
    double seconds_left;           /* of wall time; negative: not known yet */
    const char *what;              /* "writing peers", "running", "indexing" */
    uint32_t per_mille;            /* of what */
};

struct engine_options {
    const struct scenario *scenario;          /* borrowed, outlives the engine */
    const char *demultiplexer;                /* NULL: epoll where descriptors are used, else none */
    uint32_t threads;                         /* loops to divide the peers among; 0: 1 */
    bool divides_always;                      /* also what is too little to be worth it: for tests of the division */
    const char *trace_path;                   /* NULL: no trace is kept */
    const char *pcap_path;                    /* NULL: no capture is kept */
    const char *command;                      /* that replays the run, for assertions and the trace; may be NULL */
    uint64_t started_wall_ns;                 /* CLOCK_MONOTONIC when the process began; 0: now */
    const volatile sig_atomic_t *stop;        /* 1: end in good order; 2: without indexing either; may be NULL */
    void (*progress)(void *context, const struct engine_progress *progress); /* about ten times a second; may be NULL */
    void *progress_context;
};

/* 0, or negative with diagnostics: -EINVAL the scenario is at fault, others (-EMFILE, -ENOMEM, -ENOSPC ...) the
 * machine. */
int engine_create(struct engine **engine, const struct engine_options *options, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));

/* Everything that engine_create finds wrong with a scenario, without building what runs it. As engine_create. */
int engine_check(const struct scenario *scenario, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));

/* 0: complete; 1: interrupted in good order (stop); negative: the machine failed meanwhile (diagnosed), the trace is
 * closed as interrupted. The summary is filled in all cases. Once. */
int engine_run(struct engine *engine, struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));

/* How many loops the peers are divided among, and why they are fewer than was asked for; NULL: they are not. */
uint32_t engine_loops(const struct engine *engine, const char **why_fewer);

const struct summary *engine_summary(const struct engine *engine);
void engine_free(struct engine *engine);

#endif
