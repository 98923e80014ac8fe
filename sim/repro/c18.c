/* C18: flooding among 25 peers. Arithmetic: nothing may differ. */
#include "sim/repro/repro.h"

#define MESSAGES(value) \
    {.name = "messages", .path = "messages.sent", .per = "broadcasts.published", .published = value}
#define LAST_MS(value) \
    {.name = "last, ms", .published = value, \
     .sql = "SELECT max(at_ns - published_at_ns) / 1e6 FROM delivery JOIN broadcast ON broadcast.id = broadcast"}
#define CONDITION(graph, figure_list, count) \
    {.name = graph, .figures = figure_list, .figure_count = count, .replicates = 2, .seconds = 0.2, .quick = true, \
     .sets = (const char *const[]){"initial_graph=" graph, "trace.record=[broadcasts]", NULL}}

static const struct repro_figure sparse[] = {MESSAGES(24)}, grid[] = {MESSAGES(56), LAST_MS(800)},
                                 full[] = {MESSAGES(576), LAST_MS(100)};

static const struct repro_condition conditions[] = {
    CONDITION("line", sparse, 1), CONDITION("{tree: {arity: 4}}", sparse, 1), CONDITION("grid", grid, 2),
    CONDITION("full", full, 2),
};

const struct repro_row repro_c18 = {
    .name = "C18",
    .summary = "flooding, 25 peers, links of 100 ms: messages a broadcast, and when the last peer has it",
    .source = "Maelstrom's documentation of its broadcast challenge; arithmetic",
    .scenario = "c18-broadcast.yaml",
    .tolerance = "none: it is arithmetic",
    .conditions = conditions,
    .condition_count = sizeof conditions / sizeof *conditions,
};
