#include <stdio.h>

#include "reactor/base/assert.h"
#include "sim/plan.h"

const char *plan_what_name(enum plan_what what)
{
    static const char *const names[] = {
        [PLAN_FAULT_BEGIN] = "begin", [PLAN_FAULT_END] = "end", [PLAN_CRASH] = "crash",   [PLAN_DOWN] = "down",
        [PLAN_RESTART] = "restart",   [PLAN_UP] = "up",         [PLAN_ACTION] = "action",
    };
    base_assert((unsigned) what < sizeof names / sizeof *names);
    return names[what];
}

void plan_step_name(const struct identity *identity, const struct plan_step *step, char *text, size_t bytes)
{
    const struct scenario *scenario = identity->scenario;
    const char *what = plan_what_name(step->what);
    if (step->what <= PLAN_FAULT_END) {
        snprintf(text, bytes, "%s %s", scenario->faults[step->fault].name, what);
        return;
    }
    char peer[64];
    identity_name(identity, step->peer, peer);
    if (step->what == PLAN_ACTION)
        snprintf(text, bytes, "%s#%u %s#%llu", peer, step->incarnation, scenario->workloads[step->workload].name,
                 (unsigned long long) step->number);
    else
        snprintf(text, bytes, "%s#%u %s", peer, step->incarnation, what);
}
