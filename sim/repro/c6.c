/* C6: how deep Kademlia's lookups go when every bucket is full. */
#include "sim/repro/repro.h"

/* The published values are those of a model, without a tolerance of their own: that of C2 is taken. */
#define DEPTH(value) \
    (const struct repro_figure[]){{.name = "hops", .path = "lookups.hops_mean", .published = value, \
                                   .tolerance = 0.03, .relative = true}}
#define CONDITION(k, count, value, cost_s) \
    {.name = "k = " #k ", N = " #count, .figures = DEPTH(value), .figure_count = 1, .replicates = 5, \
     .sets = (const char *const[]){"overlay.k=" #k, "peers.0.count=" #count, NULL}, .seconds = cost_s, \
     .quick = count == 1000}

static const struct repro_condition conditions[] = {
    CONDITION(1, 1000, 4.93, 0.1),  CONDITION(1, 10000, 6.59, 0.5),  CONDITION(8, 1000, 2.43, 0.3),
    CONDITION(8, 10000, 3.18, 0.8), CONDITION(20, 1000, 1.97, 0.8), CONDITION(20, 10000, 2.57, 1.5),
};

const struct repro_row repro_c6 = {
    .name = "C6",
    .summary = "Kademlia, full buckets, alpha = 1: depth at which a lookup discovers the owner",
    .source = "an idealised model of static tables; Maymounkov & Mazieres 2002 for the bound of log2 N",
    .scenario = "c6-kademlia-hops.yaml",
    .tolerance = "none is published with the model's values; that of C2, 3 %, is taken",
    .found = "Ours is 1.5 to 3 % below throughout. At k = 1 that is what is looked up: a key, whose owner is the "
             "likelier the more of the id space lies nearest to it, and such peers are at a lower depth; for the ids "
             "of peers a static model of our own gives 4.92, for keys 4.81. At k = 8 and 20 it gives 2.38 and 1.93 "
             "for ids of peers, 2.36 and 1.93 for keys, like the runs; what the published model does otherwise is "
             "not known.",
    .conditions = conditions,
    .condition_count = sizeof conditions / sizeof *conditions,
};
