/* A workload: what the engine is measured at, and a hand-written loop that does the same and nothing else.
 *
 * The loop is the engine's limit: no digest, no trace, no network model, no churn, no checks and no choice of anything.
 * It handles the same events in the same order, and touches the octets that the overlay touches: a peer's state is as
 * large and laid out as there, messages are encoded and decoded. Time-outs that never fire it does without. */
#ifndef TESTS_BENCH_WORKLOAD_WORKLOAD_H
#define TESTS_BENCH_WORKLOAD_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define WORKLOAD_SIZES_MAX 6
#define WORKLOAD_REPETITIONS_MAX 9

struct workload_size {
    uint32_t peers;
    double duration_s;       /* of virtual time: enough to be measured */
    uint32_t repetitions;
    /* What is wanted of the engine; 0: nothing. */
    double ratio_wanted;     /* to the limit */
    double rate_wanted;      /* a second of user CPU */
    double bytes_wanted;     /* a peer, of the whole process; at most */
    double set_up_wanted_s;  /* at most */
    double check_least, check_most; /* of the workload's check, also of the limit's */
    double limit_published;  /* the hand-written loop's rate that is to be reached */
    const char *set;         /* KEY=VALUE beyond peers and duration; NULL: none */
    bool on_request;         /* only when named: it takes long, or is of interest to the plot alone */
};

struct workload_measured {
    double counted;          /* messages delivered, or events */
    double user_s;           /* CPU, behind the set-up */
    double set_up_s;         /* wall time */
    double peak_bytes;
    double check;            /* NaN: none */
};

struct workload {
    const char *name;        /* the scenario's: topologies/bench/NAME.yaml */
    const char *unit;        /* "messages", "events" */
    const char *counted;     /* the engine's figure of that */
    const char *check;       /* what is checked, "hops"; NULL: nothing */
    const char *check_figure; /* the engine's figure of that; NULL: the limit alone tells */
    struct workload_size sizes[WORKLOAD_SIZES_MAX]; /* by peers; the rest: 0 peers */
    /* The hand-written loop, in a process of its own. Calls workload_set_up once, and fills counted and check. */
    void (*limit)(uint32_t peers, uint64_t duration_ns, struct workload_measured *measured);
};

/* Begins the measuring: all before it was set-up. */
void workload_set_up(struct workload_measured *measured);

/* --- registry.c --- */
extern const struct workload *const workloads[]; /* ends with NULL */
const struct workload *workload_named(const char *name); /* NULL: none, told */
/* A size of the table, or for other numbers of peers one made of it, where nothing is wanted. */
struct workload_size workload_size_of(const struct workload *workload, uint32_t peers);
/* The sizes that operands name, or all that need not be named; how many, negative: an operand is at fault, told. */
int workload_sizes(const struct workload *workload, char *const *operands, int operand_count,
                   struct workload_size sizes[WORKLOAD_SIZES_MAX]);

/* --- measure.c: both in a child; 0 or an exit status, told --- */
int workload_measure_limit(const struct workload *workload, const struct workload_size *size,
                           struct workload_measured *measured);
int workload_measure_engine(const struct workload *workload, const struct workload_size *size,
                            struct workload_measured *measured);

/* --- compare.c --- */
struct workload_compared {
    struct workload_size size;
    struct workload_measured engine, limit; /* medians */
    double engine_rate, limit_rate;         /* medians, a second of user CPU */
    double ratio, ratio_least, ratio_most;  /* of the runs side by side */
    bool reached;
};

double workload_rate(const struct workload_measured *measured);
double workload_median(const double *values, uint32_t count);
/* In turns. 0 or an exit status. */
int workload_compare(const struct workload *workload, const struct workload_size *size,
                     struct workload_compared *compared);

/* --- report.c --- */
void workload_report_head(const struct workload *workload);
void workload_report_row(const struct workload *workload, const struct workload_compared *compared);
void workload_report_json(const struct workload *workload, const struct workload_compared *compared, uint32_t count);

#endif
