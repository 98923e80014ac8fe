/* The tables of the keys that are no kind's: decoding, description and schema come from them. */
#ifndef TOPOLOGIES_SECTIONS_H
#define TOPOLOGIES_SECTIONS_H

#include "topologies/scenario.h"

struct topology_section {
    const struct topology_parameter *parameters;
    uint32_t parameter_count;
};

#define TOPOLOGY_RECORD_DEFAULT \
    (TOPOLOGY_RECORD_LIFECYCLE | TOPOLOGY_RECORD_LOOKUPS | TOPOLOGY_RECORD_BROADCASTS | TOPOLOGY_RECORD_FAULTS | \
     TOPOLOGY_RECORD_LOG)

/* Rows of topology_own_section by number. */
enum { TOPOLOGY_OWN_NAME, TOPOLOGY_OWN_ABOUT, TOPOLOGY_OWN_SEED, TOPOLOGY_OWN_DURATION, TOPOLOGY_OWN_WARM_UP };

extern const struct topology_section topology_own_section;      /* into struct scenario */
extern const struct topology_section topology_trace_section;    /* into struct scenario */
extern const struct topology_section topology_network_section;  /* into struct topology_network */

struct topology_address_keys {
    const char *first;
    uint64_t stride, port;
};
extern const struct topology_section topology_address_section;

struct topology_group_keys {
    const char *name, *region;
    uint64_t count;
};
enum { TOPOLOGY_GROUP_NAME, TOPOLOGY_GROUP_COUNT, TOPOLOGY_GROUP_REGION, TOPOLOGY_GROUP_ROWS };
extern const struct topology_section topology_group_section;

enum { TOPOLOGY_WORKLOAD_NAME, TOPOLOGY_WORKLOAD_EVERY, TOPOLOGY_WORKLOAD_COUNT, TOPOLOGY_WORKLOAD_FROM,
       TOPOLOGY_WORKLOAD_START, TOPOLOGY_WORKLOAD_STOP, TOPOLOGY_WORKLOAD_KEYS, TOPOLOGY_WORKLOAD_ROWS };
extern const struct topology_section topology_workload_section; /* into struct topology_workload */

struct topology_churn_keys {
    const char *name;
    struct topology_peers peers;
    uint32_t leave, start; /* by the order of their enums */
};
enum { TOPOLOGY_CHURN_NAME, TOPOLOGY_CHURN_PEERS, TOPOLOGY_CHURN_LEAVE, TOPOLOGY_CHURN_START, TOPOLOGY_CHURN_ROWS };
extern const struct topology_section topology_churn_section;
extern const char *const topology_leave_names[], *const topology_churn_start_names[];

enum { TOPOLOGY_FAULT_NAME, TOPOLOGY_FAULT_AT, TOPOLOGY_FAULT_FOR, TOPOLOGY_FAULT_ROWS };
extern const struct topology_section topology_fault_section;    /* into struct topology_fault */

#endif
