/* C4: how evenly keys lie on Chord's peers. */
#include "sim/repro/repro.h"

#define LOAD(value) \
    (const struct repro_figure[]){{.name = "p99 / mean", .path = "metrics.keys_held.p99", .published = value, \
                                   .per = "metrics.keys_held.mean", .tolerance = 0.05, .relative = true}}
#define CONDITION(nodes, value, cost_s) \
    {.name = nodes " id a peer", .figures = LOAD(value), .figure_count = 1, .replicates = 10, .seconds = cost_s, \
     .sets = (const char *const[]){"overlay.virtual_nodes=" nodes, NULL}}

static const struct repro_condition conditions[] = {CONDITION("1", 4.8, 1), CONDITION("20", 1.6, 4)};

const struct repro_row repro_c4 = {
    .name = "C4",
    .summary = "Chord, 10^4 peers, 10^6 keys: the 99th percentile of a peer's keys by their mean",
    .source = "Stoica et al. 2003, figures 8 and 9; theory ln 100 = 4.6",
    .scenario = "c4-chord-load.yaml",
    .tolerance = "none is published: 5 %, as the paper and the theory are 4 % apart",
    .conditions = conditions,
    .condition_count = sizeof conditions / sizeof *conditions,
};
