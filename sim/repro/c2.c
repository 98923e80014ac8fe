/* C2: Chord's lookups after many peers crashed at once. */
#include "sim/repro/repro.h"

#define FIGURES(hops, timeouts) \
    (const struct repro_figure[]){ \
        {.name = "hops", .path = "lookups.hops_mean", .published = hops, .tolerance = 0.03, .relative = true}, \
        {.name = "timeouts", .path = "lookups.timeouts_mean", .published = timeouts, .tolerance = 0.25}, \
        {.name = "succeeded", .path = "lookups.success_ratio", .published = 1}, \
        {.name = "correct", .path = "lookups.correct_ratio", .published = 1}}
#define CONDITION(percent, hops, timeouts) \
    {.name = "p = " #percent " %", .figures = FIGURES(hops, timeouts), .figure_count = 4, .replicates = 30, \
     .sets = (const char *const[]){"faults.0.crash.fraction=" #percent " %", NULL}, .seconds = 0.2}

static const struct repro_condition conditions[] = {
    CONDITION(0, 3.84, 0), CONDITION(10, 4.03, .60), CONDITION(20, 4.22, 1.17), CONDITION(50, 5.09, 5.10),
};

const struct repro_row repro_c2 = {
    .name = "C2",
    .summary = "Chord, N = 1000, r = 20: a fraction p crashes at once, lookups before any repair",
    .source = "Stoica et al. 2003, table II; model 3.82, 4.00, 4.23, 5.19 hops, 0, .45, 1.12, 5.25 timeouts",
    .scenario = "c2-chord-crash.yaml",
    .tolerance = "published: 3 % of the hops, .25 timeouts, and no lookup fails",
    .conditions = conditions,
    .condition_count = sizeof conditions / sizeof *conditions,
};
