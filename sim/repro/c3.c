/* C3: Chord's lookups under churn. */
#include "sim/repro/repro.h"

#define FIGURES(value) \
    (const struct repro_figure[]){ \
        {.name = "hops", .path = "lookups.hops_mean", .published = 3.85, .tolerance = 0.05}, \
        {.name = "timeouts", .path = "lookups.timeouts_mean", .published = value, .tolerance = 0.05}}
#define SPAN(span) "={exponential: " span "}"
#define CONDITION(rate, span, value) \
    {.name = "R = " rate " /s", .figures = FIGURES(value), .figure_count = 2, .replicates = 5, .seconds = 3, \
     .sets = (const char *const[]){"churn.0.session" SPAN(span), "churn.0.downtime" SPAN(span), NULL}}

static const struct repro_condition conditions[] = {
    CONDITION(".05", "20000 s", .05), CONDITION(".40", "2500 s", .46),
};

const struct repro_row repro_c3 = {
    .name = "C3",
    .summary = "Chord, about 1000 peers, R join and R leave a second, stabilise every 30 s",
    .source = "Stoica et al. 2003, table III; formula .058 and .47 timeouts",
    .scenario = "c3-chord-churn.yaml",
    .tolerance = "of the hops the published range, 3.8 to 3.9; of the timeouts none is published: .05",
    .conditions = conditions,
    .condition_count = sizeof conditions / sizeof *conditions,
};
