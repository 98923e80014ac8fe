#include "sim/faults/schedule.h"

#include <errno.h>
#include <stdlib.h>

static const struct fault_ops *ops_of(const struct topology_fault *fault)
{
    return fault->action.kind->ops;
}

static uint64_t end_of(const struct topology_fault *fault)
{
    bool lasting = fault->for_ns == 0 || fault->at_ns > UINT64_MAX - fault->for_ns;
    return lasting ? UINT64_MAX : fault->at_ns + fault->for_ns;
}

static bool acts_at(const struct topology_fault *fault, uint64_t now_ns)
{
    return ops_of(fault)->link && fault->at_ns <= now_ns && now_ns < end_of(fault);
}

static int bind_fault(const struct topology_fault *fault, const struct scenario *scenario,
                      struct base_diagnostics *diagnostics)
{
    const struct fault_ops *ops = ops_of(fault);
    if (!ops->link && fault->for_ns > 0) {
        base_diagnose(diagnostics, BASE_ERROR, fault->for_place, NULL, "a %s happens at one instant: it takes no \"for\"",
                      fault->action.kind->name);
        return -EINVAL;
    }
    return ops->bind ? ops->bind(fault, scenario, diagnostics) : 0;
}

static int by_instant(const void *one, const void *other)
{
    uint64_t a = *(const uint64_t *) one, b = *(const uint64_t *) other;
    return (a > b) - (a < b);
}

int fault_schedule_build(struct fault_schedule *schedule, const struct scenario *scenario, struct base_arena *arena,
                         struct base_diagnostics *diagnostics)
{
    int result = 0;
    *schedule = (struct fault_schedule) {.scenario = scenario};
    schedule->active = base_arena_array(arena, const struct topology_fault *, scenario->fault_count);
    schedule->boundaries = base_arena_array(arena, uint64_t, 2 * (size_t) scenario->fault_count + 1);
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct topology_fault *fault = &scenario->faults[i];
        int bound = bind_fault(fault, scenario, diagnostics);
        if (bound < 0)
            result = bound;
        if (!ops_of(fault)->link)
            continue;
        schedule->boundaries[schedule->boundary_count++] = fault->at_ns;
        schedule->boundaries[schedule->boundary_count++] = end_of(fault);
    }
    qsort(schedule->boundaries, schedule->boundary_count, sizeof *schedule->boundaries, by_instant);
    schedule->boundaries[schedule->boundary_count] = UINT64_MAX; /* so that there always is a next */
    schedule->boundary_ns = schedule->boundaries[0];
    return result;
}

void fault_schedule_advance(struct fault_schedule *schedule, uint64_t now_ns)
{
    const struct scenario *scenario = schedule->scenario;
    while (schedule->boundary_next < schedule->boundary_count &&
           schedule->boundaries[schedule->boundary_next] <= now_ns)
        schedule->boundary_next++;
    schedule->boundary_ns = schedule->boundaries[schedule->boundary_next];
    schedule->active_count = 0;
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        if (acts_at(&scenario->faults[i], now_ns))
            schedule->active[schedule->active_count++] = &scenario->faults[i];
    }
}

struct network_effect fault_schedule_effect(const struct fault_schedule *schedule, const struct network_ends *ends)
{
    struct network_effect effect = {.delay_ppm = 1000000};
    for (uint32_t i = 0; i < schedule->active_count; i++) {
        const struct topology_fault *fault = schedule->active[i];
        ops_of(fault)->link(fault->action.parameters, ends, &effect);
    }
    return effect;
}

static uint64_t least_ppm_at(const struct scenario *scenario, uint64_t now_ns)
{
    uint64_t ppm = 1000000;
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        const struct topology_fault *fault = &scenario->faults[i];
        const struct fault_ops *ops = ops_of(fault);
        uint64_t own = ops->least_delay_ppm && acts_at(fault, now_ns) ? ops->least_delay_ppm(fault->action.parameters)
                                                                      : 1000000;
        /* One that lengthens may strike other links than one that shortens. */
        if (own < 1000000)
            ppm = fault_scale(ppm, own);
    }
    return ppm;
}

uint64_t fault_schedule_least_ppm(const struct fault_schedule *schedule)
{
    uint64_t least = 1000000;
    for (uint32_t i = 0; i < schedule->boundary_count; i++) {
        uint64_t ppm = least_ppm_at(schedule->scenario, schedule->boundaries[i]);
        least = ppm < least ? ppm : least;
    }
    return least;
}

uint64_t fault_scale(uint64_t x, uint64_t ppm)
{
    unsigned __int128 scaled = ((unsigned __int128) x * ppm + 500000) / 1000000;
    return scaled > INT64_MAX ? INT64_MAX : (uint64_t) scaled;
}
