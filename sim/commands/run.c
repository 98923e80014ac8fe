#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/commands/command.h"
#include "sim/engine.h"
#include "sim/vocabulary.h"
#include "topologies/load.h"

static void print_diagnostics(const struct base_diagnostics *diagnostics)
{
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        char text[2048];
        base_diagnostic_format(&diagnostics->items[i], text, sizeof text);
        fputs(text, stderr);
    }
}

static int run_run(int argc, char **argv)
{
    struct base_diagnostics diagnostics = {0};
    struct scenario *scenario = NULL;
    const char *sets[64];
    struct topology_load_options load = {.path = argv[1], .sets = sets};
    const char *trace = NULL;
    for (int i = 2; i + 1 < argc; i++) {
        if (!strcmp(argv[i], "--set"))
            sets[load.set_count++] = argv[++i];
        else if (!strcmp(argv[i], "-o"))
            trace = argv[++i];
    }
    int error = topology_load(&scenario, &load, &sim_vocabulary, &diagnostics);
    struct engine *engine = NULL;
    if (!error)
        error = engine_create(&engine, &(struct engine_options){.scenario = scenario, .trace_path = trace}, &diagnostics);
    if (!error)
        error = engine_run(engine, &diagnostics);
    print_diagnostics(&diagnostics);
    if (engine) {
        char *json = summary_json(engine_summary(engine));
        fputs(json, stdout);
        free(json);
    }
    engine_free(engine);
    topology_scenario_free(scenario);
    return error;
}

const struct command run_command = {.name = "run", .run = run_run};
