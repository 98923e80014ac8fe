/* What the parts of bench_reactor share: a measurement in a process of its own, and what many of them say together.
 *
 * Each repetition of each subject runs in a child: nothing of one library, no descriptor and no warm cache is left for
 * the next. A subject stands in the table of its part; subjects of one part do the same work. */
#ifndef TESTS_BENCH_EVENT_LOOPS_BENCH_H
#define TESTS_BENCH_EVENT_LOOPS_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

#define BENCH_VALUES 4
#define BENCH_REPETITIONS_MAX 101

/* One run of the bench: what was asked for, and how far its report is. */
struct bench {
    uint32_t repetitions;
    uint32_t pairs[8], pairs_count; /* streams: numbers of pairs */
    uint64_t messages;              /* streams: a repetition; 0: as the part thinks fit */
    uint32_t timers;                /* pending */
    const char *subjects;           /* comma-separated; NULL: all */
    bool beside_uring;              /* streams: ratios are to the raw loop on io_uring, not on epoll */
    bool json;
    uint32_t rows; /* reported */
    bool missed;   /* something that is wanted */
};

/* Of the part of the work that was measured; what values mean is the part's. */
struct bench_figures {
    double cpu_ns, user_ns, wall_ns; /* of the child */
    double calls;                    /* system calls; only where it was traced */
    double done;                     /* messages, connections, ... */
    double values[BENCH_VALUES];
};

/* --- child.c --- */
/* In the child. begin and end bound what is measured: CPU times are of all its threads. */
void bench_begin(struct bench_figures *figures);
void bench_end(struct bench_figures *figures);
noreturn void bench_fail(const char *what, int error); /* error: -errno or errno; 0: none. Ends the child, told */

/* Runs job in a child, which fills figures; false: it failed, and said why. */
bool bench_in_child(void job(void *context, struct bench_figures *figures), void *context,
                    struct bench_figures *figures);
/* The same, its system calls counted between begin and end by ptrace; calls is NaN where that is forbidden. */
bool bench_in_traced_child(void job(void *context, struct bench_figures *figures), void *context,
                           struct bench_figures *figures);
/* Raises the limit on descriptors to the hard one; false when even that is below wanted. */
bool bench_descriptors(uint32_t wanted);

/* --- statistics.c --- */
struct bench_interval {
    double median, least, most; /* a bootstrap 95 % interval of the median */
};
double bench_median(const double *values, uint32_t count);
struct bench_interval bench_interval_of(const double *values, uint32_t count);

/* --- report.c: rows of a table for people, or objects of one array of JSON --- */
enum bench_wanted { BENCH_NOTHING, BENCH_AT_MOST, BENCH_AT_LEAST };

struct bench_goal {
    enum bench_wanted wanted;
    double bound;
};

struct bench_row {
    const char *part, *subject;
    const char *unit;                /* of figure: "ns of CPU a message" */
    const char *reason;              /* NULL: measured; else why not */
    uint32_t pairs;                  /* 0: not of streams */
    double figure;                   /* median */
    bool has_ratio;
    const char *beside;              /* what the ratio is to */
    struct bench_interval ratio;
    double user_ns, calls;           /* NaN: not told */
    struct bench_goal goal, user_goal, calls_goal; /* goal: of the ratio, or of the figure where there is none */
    const char *remark;              /* NULL: none */
};

void bench_report_begin(const struct bench *bench);
/* beside NULL: no ratios. figure: what stands over the numbers. */
void bench_report_head(const struct bench *bench, const char *title, const char *figure, const char *beside);
void bench_report_row(struct bench *bench, const struct bench_row *row);
void bench_report_end(const struct bench *bench);
bool bench_is_chosen(const struct bench *bench, const char *subject);

/* --- the parts: false when something could not be run --- */
bool bench_chain(struct bench *bench);
bool bench_ping_pong(struct bench *bench);
bool bench_timers(struct bench *bench);
bool bench_posts(struct bench *bench);
bool bench_accept(struct bench *bench);
bool bench_two_loops(struct bench *bench);

#endif
