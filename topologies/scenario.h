/* A scenario, as loaded: immutable, in one arena, every value with its place (DESIGN.md section 5).
 *
 * topology_load turns YAML into a located tree, applies --set, checks all, and fills this struct; the engine only reads
 * it. Units are in the names; instants count from 0 of the scenario's clock. */
#ifndef TOPOLOGIES_SCENARIO_H
#define TOPOLOGIES_SCENARIO_H

#include "reactor/base/arena.h"
#include "topologies/parameter.h"

enum topology_clock { TOPOLOGY_CLOCK_VIRTUAL, TOPOLOGY_CLOCK_REAL, TOPOLOGY_CLOCK_SCALED };

struct topology_group {
    const char *name;
    uint32_t first;  /* peer index of its first member */
    uint32_t count;
    const char *region;             /* NULL: none */
    struct topology_choice overlay; /* kind NULL: the scenario's */
    struct base_place place, region_place;
};

struct topology_network {
    struct topology_choice latency;
    bool latency_per_message;         /* `per: message`: drawn for each message instead of once a pair */
    bool has_jitter;
    struct base_distribution jitter;  /* each message; signed, cut below half of the base delay */
    uint32_t loss_ppb;
};

struct topology_workload {
    const char *name;                 /* keys its randomness; default: kind and ordinal, "lookup-0" */
    struct topology_choice action;    /* kind lookup, publish, ... */
    struct base_distribution every;
    bool has_count;
    uint64_t count;                   /* over all peers */
    struct topology_peers from;       /* default: all */
    uint64_t start_ns, stop_ns;       /* in [start, stop); default: 0, the duration */
    uint64_t keys;                    /* 0: a fresh uniform key each time; else one of so many, fixed by the name */
    struct base_place place;
};

enum topology_leave { TOPOLOGY_LEAVE_CRASH, TOPOLOGY_LEAVE_GRACEFUL };
enum topology_churn_start { TOPOLOGY_STATIONARY, TOPOLOGY_START_UP, TOPOLOGY_START_DOWN };

struct topology_churn {
    const char *name;                 /* default "churn-0" */
    struct topology_peers peers;
    struct topology_choice model;     /* session | trace, with their parameters */
    enum topology_leave leave;
    enum topology_churn_start start;
    struct base_place place;
};

struct topology_fault {
    const char *name;                 /* default: kind and ordinal, "crash-0" */
    uint64_t at_ns, for_ns;           /* for_ns 0: not given */
    struct topology_choice action;
    struct base_place place, for_place;
};

enum topology_record { /* bits of trace.record, in the order of topology_record_names */
    TOPOLOGY_RECORD_LIFECYCLE = 1, TOPOLOGY_RECORD_MESSAGES = 2, TOPOLOGY_RECORD_TIMERS = 4,
    TOPOLOGY_RECORD_STREAMS = 8, TOPOLOGY_RECORD_LOOKUPS = 16, TOPOLOGY_RECORD_BROADCASTS = 32,
    TOPOLOGY_RECORD_NEIGHBOURS = 64, TOPOLOGY_RECORD_FAULTS = 128, TOPOLOGY_RECORD_LOG = 256,
    TOPOLOGY_RECORD_SAMPLES = 512,
};
extern const char *const topology_record_names[]; /* NULL-terminated */

enum topology_comparison { TOPOLOGY_LESS, TOPOLOGY_AT_MOST, TOPOLOGY_MORE, TOPOLOGY_AT_LEAST, TOPOLOGY_EQUAL,
                           TOPOLOGY_UNEQUAL };

struct topology_expectation {
    const char *text;                 /* as written */
    const char *path;                 /* of a figure in the JSON summary: "lookups.success_ratio" */
    enum topology_comparison comparison;
    double value;                     /* a percentage is its ratio: 99 % is 0.99 */
    struct base_place place;
};

struct scenario {
    const char *name, *about;         /* about: "" when absent */
    uint64_t seed, duration_ns, warm_up_ns;
    enum topology_clock clock;
    uint64_t clock_scale_ppm;         /* 1000000 unless scaled */
    struct topology_choice transport;
    uint32_t address_first;           /* IPv4, host order */
    uint32_t address_stride;
    uint16_t address_port;
    const struct topology_group *groups;
    uint32_t group_count;
    uint32_t peer_count;
    struct topology_network network;
    struct topology_choice overlay;
    struct topology_choice initial_graph; /* kind NULL: none */
    const struct topology_workload *workloads;
    uint32_t workload_count;
    const struct topology_churn *churns;
    uint32_t churn_count;
    const struct topology_fault *faults;
    uint32_t fault_count;
    uint32_t record;                  /* enum topology_record, or-ed */
    uint32_t sample_ppb;
    bool index;
    const struct topology_expectation *expectations;
    uint32_t expectation_count;
    const struct topology_file *const *files; /* that it names, each once */
    uint32_t file_count;
    const char *resolved;             /* the whole as YAML with all --set and overrides applied, defaults left out */
    struct base_arena *arena;         /* owns all of the above */
};

#endif
