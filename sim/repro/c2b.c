/* C2b: Chord's keys that died with their peers. */
#include "sim/repro/repro.h"

#define FAILED(value) \
    (const struct repro_figure[]){{.name = "failed", .path = "lookups.success_ratio", .offset = 1, .scale = -1, \
                                   .published = value, .tolerance = 0.005}}
/* What the dead peers owned varies by sqrt(p (1 - p) / N) of all: .004 to .005 in a run, .0016 in the mean of ten. */
#define CONDITION(percent, share) \
    {.name = "p = " #percent " %", .figures = FAILED(share), .figure_count = 1, .replicates = 10, \
     .sets = (const char *const[]){"faults.0.crash.fraction=" #percent " %", NULL}, .seconds = 4}

static const struct repro_condition conditions[] = {CONDITION(10, .1), CONDITION(20, .2), CONDITION(50, .5)};

const struct repro_row repro_c2b = {
    .name = "C2b",
    .summary = "Chord, 10^4 peers, 10^6 keys without copies: lookups that fail after a fraction p crashed",
    .source = "Stoica et al. 2001, figure 12; theory: the keys that died, p",
    .scenario = "c2b-chord-lost-keys.yaml",
    .tolerance = "published: half a point",
    .conditions = conditions,
    .condition_count = sizeof conditions / sizeof *conditions,
};
