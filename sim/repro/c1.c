/* C1: hops of Chord's lookups over ideal fingers. */
#include "sim/repro/repro.h"

#define HOPS(value) {.name = "hops", .path = "lookups.hops_mean", .published = value, .tolerance = 0.2}
/* Of a share that comes without a tolerance: what the last of its three digits leaves open, and the noise of five runs,
 * come to .002; the paper's curve is read to .005. */
#define SHARE(count, value) \
    {.name = "share of " #count " hops", .published = value, .tolerance = 0.005, \
     .sql = "SELECT avg(hops = " #count ") FROM lookup WHERE outcome = 'succeeded'"}

static const struct repro_figure small[] = {HOPS(5.84)};
static const struct repro_figure large[] = {
    HOPS(6.86), SHARE(4, .058), SHARE(5, .129), SHARE(6, .205), SHARE(7, .233), SHARE(8, .192), SHARE(9, .110),
    SHARE(10, .041),
};

static const struct repro_condition conditions[] = {
    {.name = "N = 1000", .sets = (const char *const[]){"peers.0.count=1000", NULL}, .figures = small,
     .figure_count = sizeof small / sizeof *small, .replicates = 5, .seconds = 0.2, .quick = true},
    {.name = "N = 4096", .sets = (const char *const[]){"peers.0.count=4096", NULL}, .figures = large,
     .figure_count = sizeof large / sizeof *large, .replicates = 5, .seconds = 1},
};

const struct repro_row repro_c1 = {
    .name = "C1",
    .summary = "Chord, ideal fingers, one successor: hops of a lookup",
    .source = "Stoica et al. 2001, 2003; model",
    .scenario = "c1-chord-hops.yaml",
    .tolerance = "of the hops published: .2; of the shares none is: .005",
    .conditions = conditions,
    .condition_count = sizeof conditions / sizeof *conditions,
};
