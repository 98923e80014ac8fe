/* A small vocabulary for testing the loader alone, modelled on the real one (which belongs to sim/). */
#ifndef TESTS_TOPOLOGIES_VOCABULARY_H
#define TESTS_TOPOLOGIES_VOCABULARY_H

#include <stddef.h>

#include "topologies/load.h"

#define ROWS(table) .parameters = table, .parameter_count = sizeof table / sizeof *table
#define REGISTRY(variable, many, one, ...) \
    static const struct topology_kind *const variable##_kinds[] = {__VA_ARGS__}; \
    static const struct topology_registry variable = { \
        many, one, variable##_kinds, sizeof variable##_kinds / sizeof *variable##_kinds}

struct test_kademlia {
    uint64_t bits, k, alpha;
    uint32_t start;
    bool k_given;
};
static const char *const test_starts[] = {"converged", "join", NULL};
static const struct topology_parameter test_kademlia_rows[] = {
    {.key = "bits", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct test_kademlia, bits), .default_text = "160",
     .minimum = "8", .maximum = "160", .about = "The length of an id."},
    {.key = "k", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct test_kademlia, k),
     .set_offset = offsetof(struct test_kademlia, k_given), .default_text = "20", .minimum = "1",
     .about = "The contacts of a bucket."},
    {.key = "alpha", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct test_kademlia, alpha), .default_text = "3",
     .minimum = "1", .about = "The requests in flight."},
    {.key = "start", .type = TOPOLOGY_NAME, .offset = offsetof(struct test_kademlia, start),
     .default_text = "converged", .names = test_starts, .about = "How tables begin."},
};
static const struct topology_kind test_kademlia = {
    .name = "kademlia", .summary = "k-buckets", .source = "Maymounkov & Mazieres 2002", ROWS(test_kademlia_rows),
    .parameters_bytes = sizeof(struct test_kademlia)};

struct test_epidemic {
    uint64_t fanout, period_ns, buffer_bytes, rate_bits_per_s;
    uint32_t mode, share_ppb;
    double bias;
};
static const char *const test_modes[] = {"push", "pull", "push-pull", NULL};
static const struct topology_parameter test_epidemic_rows[] = {
    {.key = "mode", .type = TOPOLOGY_NAME, .offset = offsetof(struct test_epidemic, mode), .default_text = "push-pull",
     .names = test_modes, .about = "Who calls whom."},
    {.key = "fanout", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct test_epidemic, fanout), .default_text = "1",
     .minimum = "1", .maximum = "1000", .about = "Partners a round."},
    {.key = "period", .type = TOPOLOGY_DURATION, .offset = offsetof(struct test_epidemic, period_ns),
     .default_text = "1 s", .minimum = "1 us", .maximum = "1 h", .about = "The length of a round."},
    {.key = "buffer", .type = TOPOLOGY_BYTES, .offset = offsetof(struct test_epidemic, buffer_bytes),
     .default_text = "128 KiB", .about = "Rumours kept."},
    {.key = "rate", .type = TOPOLOGY_RATE, .offset = offsetof(struct test_epidemic, rate_bits_per_s), .optional = true,
     .about = "What it may send."},
    {.key = "share", .type = TOPOLOGY_SHARE, .offset = offsetof(struct test_epidemic, share_ppb),
     .default_text = "12.5 %", .about = "Of something."},
    {.key = "bias", .type = TOPOLOGY_REAL, .offset = offsetof(struct test_epidemic, bias), .default_text = "0.5",
     .minimum = "-1", .maximum = "1", .about = "Towards the near."},
};
static const struct topology_kind test_epidemic = {
    .name = "epidemic", .summary = "rumours", .source = "Demers et al. 1987", ROWS(test_epidemic_rows),
    .parameters_bytes = sizeof(struct test_epidemic)};
REGISTRY(test_overlays, "overlays", "overlay", &test_kademlia, &test_epidemic);

struct test_delay {
    struct base_distribution delay;
};
#define DELAY_KIND(which, word) \
    static const struct topology_parameter test_##which##_rows[] = { \
        {.key = "delay", .type = TOPOLOGY_DISTRIBUTION, .offset = offsetof(struct test_delay, delay), \
         .distributions = 1u << (word), .cut = true, .about = "The delay."}}; \
    static const struct topology_kind test_##which = { \
        .name = #which, .summary = "delays", .source = "", ROWS(test_##which##_rows), \
        .parameters_bytes = sizeof(struct test_delay), .bare = "delay"}
DELAY_KIND(constant, BASE_CONSTANT);
DELAY_KIND(uniform, BASE_UNIFORM);
DELAY_KIND(normal, BASE_NORMAL);
DELAY_KIND(lognormal, BASE_LOGNORMAL);
DELAY_KIND(pareto, BASE_PARETO);

struct test_matrix {
    const struct topology_file *file;
    uint32_t unit, of, assign;
};
static const char *const test_time_units[] = {"us", "ms", "s", NULL};
static const char *const test_ofs[] = {"round-trip", "one-way", NULL};
static const char *const test_assigns[] = {"random", "in-order", NULL};
static const struct topology_parameter test_matrix_rows[] = {
    {.key = "file", .type = TOPOLOGY_FILE, .offset = offsetof(struct test_matrix, file), .about = "A square."},
    {.key = "unit", .type = TOPOLOGY_NAME, .offset = offsetof(struct test_matrix, unit), .names = test_time_units,
     .about = "Of an entry."},
    {.key = "of", .type = TOPOLOGY_NAME, .offset = offsetof(struct test_matrix, of), .names = test_ofs,
     .about = "What an entry measures."},
    {.key = "assign", .type = TOPOLOGY_NAME, .offset = offsetof(struct test_matrix, assign), .default_text = "random",
     .names = test_assigns, .about = "Which peer gets which row."},
};
static const struct topology_kind test_matrix = {.name = "matrix", .summary = "measured pairs", .source = "",
    ROWS(test_matrix_rows), .parameters_bytes = sizeof(struct test_matrix), .bare = "file"};
REGISTRY(test_latencies, "latencies", "latency", &test_constant, &test_uniform, &test_normal, &test_lognormal,
         &test_pareto, &test_matrix);

struct test_crash {
    uint32_t fraction_ppb;
    struct topology_peers of;
    uint64_t restart_after_ns;
};
static const struct topology_parameter test_crash_rows[] = {
    {.key = "fraction", .type = TOPOLOGY_SHARE, .offset = offsetof(struct test_crash, fraction_ppb),
     .default_text = "100 %", .about = "Of those up."},
    {.key = "of", .type = TOPOLOGY_PEERS, .offset = offsetof(struct test_crash, of), .default_text = "all",
     .about = "Who is struck."},
    {.key = "restart_after", .type = TOPOLOGY_DURATION, .offset = offsetof(struct test_crash, restart_after_ns),
     .optional = true, .about = "When they are back."},
};
static const struct topology_kind test_crash = {.name = "crash", .summary = "peers go down", .source = "",
    ROWS(test_crash_rows), .parameters_bytes = sizeof(struct test_crash), .bare = "of"};

struct test_partition {
    struct topology_sets sets;
    bool one_way;
};
static const struct topology_parameter test_partition_rows[] = {
    {.key = "sets", .type = TOPOLOGY_PEER_SETS, .offset = offsetof(struct test_partition, sets),
     .about = "Who still hears whom."},
    {.key = "one_way", .type = TOPOLOGY_BOOLEAN, .offset = offsetof(struct test_partition, one_way),
     .default_text = "false", .about = "Only from the first to the others."},
};
static const struct topology_kind test_partition = {.name = "partition", .summary = "the network falls apart",
    .source = "", ROWS(test_partition_rows), .parameters_bytes = sizeof(struct test_partition), .bare = "sets"};

struct test_slower {
    double times;
    struct topology_peers between;
};
static const struct topology_parameter test_slower_rows[] = {
    {.key = "times", .type = TOPOLOGY_REAL, .offset = offsetof(struct test_slower, times), .minimum = "0",
     .about = "The factor."},
    {.key = "between", .type = TOPOLOGY_PEERS, .offset = offsetof(struct test_slower, between), .default_text = "all",
     .about = "Whose delays."},
};
static const struct topology_kind test_slower = {.name = "latency", .summary = "delays grow", .source = "",
    ROWS(test_slower_rows), .parameters_bytes = sizeof(struct test_slower), .bare = "times"};
REGISTRY(test_faults, "faults", "fault", &test_crash, &test_partition, &test_slower);

static const struct topology_kind test_lookup = {.name = "lookup", .summary = "looks a key up", .source = ""};
struct test_publish {
    uint64_t size_bytes;
};
static const struct topology_parameter test_publish_rows[] = {
    {.key = "size", .type = TOPOLOGY_BYTES, .offset = offsetof(struct test_publish, size_bytes),
     .default_text = "100 B", .maximum = "65507 B", .about = "Of the rumour."}};
static const struct topology_kind test_publish = {.name = "publish", .summary = "tells all", .source = "",
    ROWS(test_publish_rows), .parameters_bytes = sizeof(struct test_publish)};
REGISTRY(test_workloads, "workloads", "workload", &test_lookup, &test_publish);

struct test_session {
    struct base_distribution session, downtime;
};
#define LIVES (1u << BASE_CONSTANT | 1u << BASE_UNIFORM | 1u << BASE_LOGNORMAL | 1u << BASE_PARETO | \
               1u << BASE_EXPONENTIAL | 1u << BASE_WEIBULL)
static const struct topology_parameter test_session_rows[] = {
    {.key = "session", .type = TOPOLOGY_DISTRIBUTION, .offset = offsetof(struct test_session, session),
     .distributions = LIVES, .minimum = "1 ns", .about = "How long a peer stays."},
    {.key = "downtime", .type = TOPOLOGY_DISTRIBUTION, .offset = offsetof(struct test_session, downtime),
     .distributions = LIVES, .minimum = "1 ns", .about = "How long it is away."},
};
static const struct topology_kind test_session = {.name = "session", .summary = "renewal", .source = "",
    ROWS(test_session_rows), .parameters_bytes = sizeof(struct test_session)};
struct test_trace {
    const struct topology_file *trace;
};
static const struct topology_parameter test_trace_rows[] = {
    {.key = "trace", .type = TOPOLOGY_FILE, .offset = offsetof(struct test_trace, trace), .about = "Up-intervals."}};
static const struct topology_kind test_trace = {.name = "trace", .summary = "as measured", .source = "",
    ROWS(test_trace_rows), .parameters_bytes = sizeof(struct test_trace)};
REGISTRY(test_churns, "churns", "churn", &test_session, &test_trace);

static const struct topology_kind test_memory = {.name = "memory", .summary = "in the queue", .source = ""};
static const struct topology_kind test_socketpair = {.name = "socketpair", .summary = "over sockets", .source = ""};
REGISTRY(test_transports, "transports", "transport", &test_memory, &test_socketpair);

struct test_lattice {
    uint64_t degree;
    double rewire;
};
static const struct topology_parameter test_lattice_rows[] = {
    {.key = "degree", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct test_lattice, degree), .minimum = "2",
     .about = "Neighbours of a peer."},
    {.key = "rewire", .type = TOPOLOGY_REAL, .offset = offsetof(struct test_lattice, rewire), .minimum = "0",
     .maximum = "1", .about = "How likely an edge goes elsewhere."},
};
static const struct topology_kind test_lattice = {.name = "watts_strogatz", .summary = "a small world", .source = "",
    ROWS(test_lattice_rows), .parameters_bytes = sizeof(struct test_lattice)};
static const struct topology_kind test_ring = {.name = "ring", .summary = "a ring", .source = ""};
struct test_graph_file {
    const struct topology_file *path;
};
static const struct topology_parameter test_graph_file_rows[] = {
    {.key = "path", .type = TOPOLOGY_FILE, .offset = offsetof(struct test_graph_file, path), .about = "Edges."}};
static const struct topology_kind test_graph_file = {.name = "file", .summary = "as measured", .source = "",
    ROWS(test_graph_file_rows), .parameters_bytes = sizeof(struct test_graph_file), .bare = "path"};
REGISTRY(test_graphs, "graphs", "graph", &test_ring, &test_lattice, &test_graph_file);

static const struct topology_vocabulary test_vocabulary = {
    &test_overlays, &test_latencies, &test_faults, &test_workloads, &test_churns, &test_transports, &test_graphs};

#endif
