/* Published results against ours: what `peerlab repro` runs. One file and one row in registry.c a published result.
 *
 * A row names a scenario of topologies/papers/ and its conditions (overrides as in --set). A condition is run several
 * times with the seeds 1, 2, 3 ... and each run gives one value of each of the condition's figures. Nothing here
 * prints: sim/commands/repro.c shows what comes of it. */
#ifndef SIM_REPRO_REPRO_H
#define SIM_REPRO_REPRO_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define REPRO_FIGURES_MAX 16 /* of a condition */

struct scenario;
struct base_diagnostics;

/* A number that a run gives, and what was published. path or sql says where it comes from, or neither, and it is what
 * the condition measures in the figure's place. */
struct repro_figure {
    const char *name;
    const char *path;      /* of the summary: "lookups.hops_mean" */
    const char *per;       /* the path of what it is divided by; NULL: nothing */
    const char *sql;       /* asked of the trace: one row, one number; the scenario has to record what it needs */
    double scale;          /* ours is offset + scale times the number; 0 counts as 1 */
    double offset;
    double published;
    double tolerance;      /* of the mean over the replicates */
    bool relative;         /* the tolerance is a share of the published value */
};

struct repro_condition {
    const char *name;
    const char *const *sets;           /* KEY=VALUE, NULL-terminated */
    const struct repro_figure *figures;
    uint32_t figure_count;
    /* For what is there without a run: takes the numbers of all figures from the scenario. 0, or -errno, diagnosed.
     * NULL: the scenario is run. */
    int (*measure)(const struct scenario *scenario, double *numbers, struct base_diagnostics *diagnostics);
    uint32_t replicates;
    double seconds;        /* about what one run takes: of a row the longest start first; the time left is told by it */
    bool quick;            /* part of --quick, and so of `make test` */
};

struct repro_row {
    const char *name;      /* "C6" */
    const char *summary;
    const char *source;    /* of the published values: paper, theory or model */
    const char *scenario;  /* file in topologies/papers */
    const char *tolerance; /* where the tolerance comes from */
    const char *found;     /* what is known of a difference; NULL: there is none */
    const struct repro_condition *conditions;
    uint32_t condition_count;
};

extern const struct repro_row *const repro_rows[]; /* NULL-terminated */

/* --- one run (job.c) --- */

enum repro_status { REPRO_GOOD, REPRO_INPUT_AT_FAULT, REPRO_MACHINE_AT_FAULT, REPRO_DIED };

struct repro_result {
    enum repro_status status;
    double seconds;                    /* that it took */
    double values[REPRO_FIGURES_MAX];  /* NaN: the run has no such figure */
    char message[1024];                /* why it is not good */
};

struct repro_job {
    const struct repro_row *row;
    const struct repro_condition *condition;
    const char *folder;    /* of the scenarios */
    const char *trace;     /* file that it may use for its trace; left behind */
    uint32_t seed;
};

/* Runs it in this process. */
void repro_job_run(const struct repro_job *job, struct repro_result *result);
/* Whether a condition's runs keep a trace. */
bool repro_condition_traces(const struct repro_condition *condition);

/* --- many of them (crew.c) --- */

struct repro_crew {
    const struct repro_job *jobs;
    struct repro_result *results;      /* one a job; filled in as they end */
    uint32_t job_count;
    uint32_t workers;                  /* processes at a time */
    const volatile sig_atomic_t *stop;
    /* A job has ended, or (job_count) a fifth of a second has passed; non-zero: stop. */
    int (*ended)(void *context, uint32_t job);
    void *context;
};

/* Runs each job in a process of its own, so that a failed assertion is one job's; the jobs of a row, which stand
 * together, the longest first. 0 when all have ended; 1 when stopped (their processes are ended); -errno when no
 * process could be started. */
int repro_crew_run(const struct repro_crew *crew) __attribute__((warn_unused_result));

/* --- judging (verdict.c) --- */

struct repro_verdict {
    uint32_t count;        /* of the values known */
    double mean;           /* NaN: none is known */
    double half;           /* of the mean's 95 % interval, Student's t over the replicates; NaN: one value has none */
    bool pass;             /* every run gave a value, and their mean is within the tolerance */
};

struct repro_verdict repro_judge(const struct repro_figure *figure, const double *values, uint32_t count);

/* All rows. */
extern const struct repro_row repro_c1, repro_c2, repro_c2b, repro_c3, repro_c4, repro_c6, repro_c9,
    repro_c16, repro_c18;

#endif
