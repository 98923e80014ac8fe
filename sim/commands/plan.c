/* peerlab plan: who comes, goes and is struck when: what is certain before a run begins. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/commands/command.h"
#include "sim/commands/print.h"
#include "sim/commands/scenario_options.h"
#include "sim/network.h"
#include "sim/plan.h"

/* Whose doing a step is: a fault's, a workload's, else of churn. */
static const char *why(const struct scenario *scenario, const struct plan_step *step)
{
    if (step->fault != UINT32_MAX)
        return scenario->faults[step->fault].name;
    if (step->workload != UINT32_MAX)
        return scenario->workloads[step->workload].name;
    return step->at_ns ? "churn" : "start";
}

/* What there is to add: through whom it joins, how it goes, what the fault does. */
static void detail(const struct identity *identity, const struct plan_step *step, char *text, size_t bytes)
{
    char peer[64];
    text[0] = '\0';
    if (step->what == PLAN_UP || step->what == PLAN_RESTART) {
        if (step->bootstrap == UINT32_MAX)
            return;
        identity_name(identity, step->bootstrap, peer);
        snprintf(text, bytes, "through %s", peer);
    } else if (step->what == PLAN_DOWN) {
        snprintf(text, bytes, "%s", step->graceful ? "leaves" : "crashes");
    } else if (step->what == PLAN_FAULT_BEGIN) {
        const struct topology_choice *action = &identity->scenario->faults[step->fault].action;
        const struct fault_ops *ops = action->kind->ops;
        if (ops->describe)
            ops->describe(action->parameters, identity->scenario, text, bytes);
    }
}

static void put_row(struct print_table *table, const struct identity *identity, const struct plan_step *step)
{
    char at[PRINT_NUMBER_BYTES], name[192], more[256];
    print_instant(at, step->at_ns);
    plan_step_name(identity, step, name, sizeof name);
    detail(identity, step, more, sizeof more);
    print_table_row(table, (struct print_cell[]){{at, false}, {name, false}, {plan_what_name(step->what), false},
                                                 {why(identity->scenario, step), false},
                                                 {more[0] ? more : NULL, false}});
}

static void put_peer(const struct identity *identity, const char *key, uint32_t peer)
{
    char name[64];
    if (peer != UINT32_MAX)
        identity_name(identity, peer, name);
    printf(",\"%s\":", key);
    base_json_put_text(stdout, peer == UINT32_MAX ? NULL : name);
}

static void put_object(const struct identity *identity, const struct plan_step *step)
{
    const struct scenario *scenario = identity->scenario;
    char name[192];
    bool of_peer = step->what > PLAN_FAULT_END;
    plan_step_name(identity, step, name, sizeof name);
    printf("{\"at_ns\":%" PRIu64 ",\"name\":", step->at_ns);
    base_json_put_text(stdout, name);
    printf(",\"what\":\"%s\",\"why\":", plan_what_name(step->what));
    base_json_put_text(stdout, why(scenario, step));
    put_peer(identity, "peer", of_peer ? step->peer : UINT32_MAX);
    if (of_peer)
        printf(",\"incarnation\":%" PRIu32, step->incarnation);
    else
        fputs(",\"incarnation\":null", stdout);
    bool up = step->what == PLAN_UP || step->what == PLAN_RESTART;
    put_peer(identity, "bootstrap", up ? step->bootstrap : UINT32_MAX);
    printf(",\"graceful\":%s}", step->what != PLAN_DOWN ? "null" : step->graceful ? "true" : "false");
}

static void print_table_of(struct plan *plan, const struct identity *identity)
{
    static const struct print_column columns[] = {{"time", "h:min:s"}, {"name", ""}, {"what", ""}, {"why", ""},
                                                  {"detail", ""}};
    struct print_table *table = print_table_create(columns, sizeof columns / sizeof *columns);
    for (struct plan_step step; plan_next(plan, identity->scenario->duration_ns + 1, &step) && print_good();)
        put_row(table, identity, &step);
    print_table_finish(table);
}

static void print_json_of(struct plan *plan, const struct identity *identity)
{
    bool first = true;
    for (struct plan_step step; plan_next(plan, identity->scenario->duration_ns + 1, &step) && print_good();
         first = false) {
        fputs(first ? "[" : ",\n", stdout);
        put_object(identity, &step);
    }
    fputs(first ? "[]\n" : "]\n", stdout);
}

static int run_plan(const struct arguments *arguments)
{
    struct base_diagnostics diagnostics = {0};
    struct scenario *scenario = NULL;
    struct identity *identity = NULL;
    struct plan *plan = NULL;
    int error = scenario_load(&scenario, arguments, arguments->operands[0], NULL, &diagnostics);
    error = error ? error : identity_create(&identity, scenario, NULL, &diagnostics);
    error = error ? error : plan_create(&plan, identity, &diagnostics);
    print_diagnostics(&diagnostics);
    if (!error && arguments_has(arguments, "json"))
        print_json_of(plan, identity);
    else if (!error)
        print_table_of(plan, identity);
    plan_free(plan);
    if (identity)
        identity_free(identity);
    topology_scenario_free(scenario);
    return error ? command_status(error) : EXIT_GOOD;
}

static const struct command_option options[] = {
    SCENARIO_OPTIONS,
    {"json", 0, NULL, "an array of {at_ns name what why peer incarnation bootstrap\ngraceful}"},
};

const struct command plan_command = {
    .name = "plan",
    .operands = "SCENARIO",
    .summary = "shows who comes, goes and is struck when; each step has a stable name",
    .about = "The plan is a function of scenario and seed alone: nothing that happens in a run\n"
             "changes it. Actions of workloads appear where the plan issues them (those with a\n"
             "`count`, and broadcasts).",
    .examples = "peerlab plan topologies/kademlia-churn.yaml | less\n"
                "peerlab plan s.yaml --seed 7 --json | jq '.[] | select(.what == \"crash\")'",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run_plan,
};
