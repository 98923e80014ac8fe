#include <stddef.h>

#include "topologies/sections.h"

#define SECTION(rows) {rows, sizeof rows / sizeof *rows}
#define ALL_DISTRIBUTIONS 0x7fu
#define SPANS (ALL_DISTRIBUTIONS & ~(1u << BASE_NORMAL)) /* lives and intervals: never below 0 */

static const struct topology_parameter own[] = {
    {.key = "name", .type = TOPOLOGY_TEXT, .offset = offsetof(struct scenario, name),
     .about = "The scenario's name, for reports."},
    {.key = "about", .type = TOPOLOGY_TEXT, .offset = offsetof(struct scenario, about), .default_text = "",
     .about = "What it shows, in a sentence."},
    {.key = "seed", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct scenario, seed), .default_text = "1",
     .about = "Keys all randomness: the same seed gives the same run."},
    {.key = "duration", .type = TOPOLOGY_DURATION, .offset = offsetof(struct scenario, duration_ns), .minimum = "1 ns",
     .about = "How long the run lasts on the scenario's clock, warm-up included."},
    {.key = "warm_up", .type = TOPOLOGY_DURATION, .offset = offsetof(struct scenario, warm_up_ns),
     .default_text = "0 s", .about = "The beginning that lookups, broadcasts, percentiles and expectations leave out."},
};
const struct topology_section topology_own_section = SECTION(own);

static const struct topology_parameter trace[] = {
    {.key = "sample", .type = TOPOLOGY_SHARE, .offset = offsetof(struct scenario, sample_ppb), .default_text = "100 %",
     .about = "The share of causal trees that are recorded."},
    {.key = "index", .type = TOPOLOGY_BOOLEAN, .offset = offsetof(struct scenario, index), .default_text = "true",
     .about = "Whether indexes are built when the run ends."},
};
const struct topology_section topology_trace_section = SECTION(trace);

static const struct topology_parameter network[] = {
    {.key = "jitter", .type = TOPOLOGY_DISTRIBUTION, .offset = offsetof(struct topology_network, jitter),
     .set_offset = offsetof(struct topology_network, has_jitter), .optional = true, .distributions = ALL_DISTRIBUTIONS,
     .about = "Added to each message's delay, which it never takes below half of its base."},
    {.key = "loss", .type = TOPOLOGY_SHARE, .offset = offsetof(struct topology_network, loss_ppb),
     .default_text = "0 %", .about = "The share of datagrams that the network loses."},
};
const struct topology_section topology_network_section = SECTION(network);

static const struct topology_parameter addresses[] = {
    {.key = "first", .type = TOPOLOGY_TEXT, .offset = offsetof(struct topology_address_keys, first),
     .default_text = "127.1.1.1", .about = "The IPv4 address of peer 0."},
    {.key = "stride", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct topology_address_keys, stride),
     .default_text = "1", .minimum = "1", .maximum = "4294967295",
     .about = "How far the address of each peer is from the one before."},
    {.key = "port", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct topology_address_keys, port),
     .default_text = "6881", .minimum = "1", .maximum = "65535", .about = "The port of every peer."},
};
const struct topology_section topology_address_section = SECTION(addresses);

static const struct topology_parameter group[] = {
    {.key = "name", .type = TOPOLOGY_TEXT, .offset = offsetof(struct topology_group_keys, name),
     .about = "The group's name, usable wherever peers are chosen; it keys their randomness."},
    {.key = "count", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct topology_group_keys, count),
     .maximum = "2146435072", .about = "How many peers it has."},
    {.key = "region", .type = TOPOLOGY_TEXT, .offset = offsetof(struct topology_group_keys, region), .optional = true,
     .about = "Where they are, for a latency by regions."},
};
const struct topology_section topology_group_section = SECTION(group);

static const struct topology_parameter workload[] = {
    {.key = "name", .type = TOPOLOGY_TEXT, .offset = offsetof(struct topology_workload, name), .optional = true,
     .about = "Keys its randomness; the kind and its ordinal unless given."},
    {.key = "every", .type = TOPOLOGY_DISTRIBUTION, .offset = offsetof(struct topology_workload, every),
     .distributions = SPANS, .minimum = "1 ns",
     .about = "The time between two actions of each peer that is up; constant ones start at a random phase."},
    {.key = "count", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct topology_workload, count),
     .set_offset = offsetof(struct topology_workload, has_count), .optional = true,
     .about = "How many actions there are at most, over all peers."},
    {.key = "from", .type = TOPOLOGY_PEERS, .offset = offsetof(struct topology_workload, from), .default_text = "all",
     .about = "The groups whose peers act."},
    {.key = "start", .type = TOPOLOGY_DURATION, .offset = offsetof(struct topology_workload, start_ns),
     .default_text = "0 s", .about = "When it begins."},
    {.key = "stop", .type = TOPOLOGY_DURATION, .offset = offsetof(struct topology_workload, stop_ns), .optional = true,
     .about = "When it ends; with the run unless given."},
    {.key = "keys", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct topology_workload, keys), .minimum = "1",
     .optional = true, .about = "How many different keys there are; a fresh random one each time unless given."},
};
const struct topology_section topology_workload_section = SECTION(workload);

const char *const topology_leave_names[] = {"crash", "graceful", NULL};
const char *const topology_churn_start_names[] = {"stationary", "up", "down", NULL};

static const struct topology_parameter churn[] = {
    {.key = "name", .type = TOPOLOGY_TEXT, .offset = offsetof(struct topology_churn_keys, name), .optional = true,
     .about = "Keys its randomness; churn and its ordinal unless given."},
    {.key = "peers", .type = TOPOLOGY_PEERS, .offset = offsetof(struct topology_churn_keys, peers),
     .about = "The groups whose peers come and go."},
    {.key = "leave", .type = TOPOLOGY_NAME, .offset = offsetof(struct topology_churn_keys, leave),
     .default_text = "crash", .names = topology_leave_names, .about = "Whether a leaving peer says so to others."},
    {.key = "start", .type = TOPOLOGY_NAME, .offset = offsetof(struct topology_churn_keys, start),
     .default_text = "stationary", .names = topology_churn_start_names,
     .about = "Who is up at the start: as after a long time, all, or none."},
};
const struct topology_section topology_churn_section = SECTION(churn);

static const struct topology_parameter fault[] = {
    {.key = "name", .type = TOPOLOGY_TEXT, .offset = offsetof(struct topology_fault, name), .optional = true,
     .about = "Keys its randomness; the kind and its ordinal unless given."},
    {.key = "at", .type = TOPOLOGY_DURATION, .offset = offsetof(struct topology_fault, at_ns),
     .about = "When it strikes, from the start of the run."},
    {.key = "for", .type = TOPOLOGY_DURATION, .offset = offsetof(struct topology_fault, for_ns), .minimum = "1 ns",
     .optional = true, .about = "How long it lasts; to the end of the run unless given."},
};
const struct topology_section topology_fault_section = SECTION(fault);
