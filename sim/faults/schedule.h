/* Which faults act on links at an instant: those with ops->link, in [at, at + for), or to the end without `for`.
 *
 * A cache over a pure function of time: the instants at which the set changes are sorted once, and the set is gathered
 * anew when time crosses one. Time only grows. */
#ifndef SIM_FAULTS_SCHEDULE_H
#define SIM_FAULTS_SCHEDULE_H

#include "sim/network.h"

struct fault_schedule {
    uint64_t boundary_ns;                /* the next instant at which the set changes; UINT64_MAX: none */
    uint32_t active_count;
    const struct topology_fault **active; /* in the scenario's order */
    const struct scenario *scenario;
    uint64_t *boundaries;                /* ascending */
    uint32_t boundary_count, boundary_next;
};

/* Binds all faults and builds the schedule in the arena. 0, or negative with diagnostics. */
int fault_schedule_build(struct fault_schedule *schedule, const struct scenario *scenario, struct base_arena *arena,
                         struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));
/* Brings the set up to now_ns; needed only when now_ns >= boundary_ns. */
void fault_schedule_advance(struct fault_schedule *schedule, uint64_t now_ns);
/* What the active faults together do to a message. */
struct network_effect fault_schedule_effect(const struct fault_schedule *schedule, const struct network_ends *ends);
/* How much the faults can shorten delays at any time of the run: 1000000 is not at all. */
uint64_t fault_schedule_least_ppm(const struct fault_schedule *schedule);

/* x * ppm / 10^6, halves up, at most INT64_MAX. */
uint64_t fault_scale(uint64_t x, uint64_t ppm);

#endif
