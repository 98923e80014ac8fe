/* peerlab check: what is wrong with scenarios, all of it at once, or what they come to. */
#include <stdio.h>
#include <string.h>

#include "sim/commands/command.h"
#include "sim/commands/print.h"
#include "sim/commands/scenario_options.h"
#include "sim/engine.h"

static void put_diagnostic(const struct base_diagnostic *diagnostic)
{
    const struct base_place *place = &diagnostic->place;
    fputs("{\"file\":", stdout);
    base_json_put_text(stdout, place->source ? place->source->name : NULL);
    if (place->source && place->line)
        printf(",\"line\":%u,\"column\":%u", place->line, place->column);
    else
        fputs(",\"line\":null,\"column\":null", stdout);
    printf(",\"severity\":\"%s\",\"message\":", diagnostic->severity == BASE_ERROR ? "error" : "warning");
    base_json_put_text(stdout, diagnostic->message);
    fputs(",\"hint\":", stdout);
    base_json_put_text(stdout, diagnostic->hint[0] ? diagnostic->hint : NULL);
    putchar('}');
}

static void put_json(const char *path, bool valid, const struct base_diagnostics *diagnostics)
{
    fputs("{\"file\":", stdout);
    base_json_put_text(stdout, path);
    printf(",\"valid\":%s,\"errors\":[", valid ? "true" : "false");
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        fputs(i ? "," : "", stdout);
        put_diagnostic(&diagnostics->items[i]);
    }
    fputs("]}", stdout);
}

static int check_one(const struct arguments *arguments, const char *path)
{
    struct base_diagnostics diagnostics = {0};
    struct scenario *scenario = NULL;
    int error = scenario_load(&scenario, arguments, path, NULL, &diagnostics);
    if (!error)
        error = engine_check(scenario, &diagnostics);
    if (arguments_has(arguments, "json"))
        put_json(path, !error, &diagnostics);
    else
        print_diagnostics(&diagnostics);
    if (!error && !arguments_has(arguments, "json")) {
        if (arguments->operand_count == 1)
            fputs(topology_describe(scenario), stdout);
        else
            printf("%s: good\n", path);
    }
    topology_scenario_free(scenario);
    return error ? command_status(error) : EXIT_GOOD;
}

static int run_check(const struct arguments *arguments)
{
    bool array = arguments_has(arguments, "json") && arguments->operand_count > 1;
    int worst = EXIT_GOOD;
    for (uint32_t i = 0; i < arguments->operand_count; i++) {
        if (array)
            fputs(i ? ",\n" : "[", stdout);
        int status = check_one(arguments, arguments->operands[i]);
        worst = status > worst ? status : worst;
    }
    fputs(array ? "]\n" : arguments_has(arguments, "json") ? "\n" : "", stdout);
    return worst;
}

static const struct command_option options[] = {
    SCENARIO_OPTIONS,
    {"json", 0, NULL, "{file valid errors[{file line column severity message hint}]};\nof several scenarios an array"},
};

const struct command check_command = {
    .name = "check",
    .operands = "SCENARIO...",
    .summary = "tells what is wrong with scenarios, or shows one with all defaults",
    .about = "Checks all that a run would check before it begins: keys, values and names, then\n"
             "matrices, traces of churn and what overlays ask of their parameters. Up to 20\n"
             "mistakes are told at once, each with its place. Status 2: there are some.",
    .examples = "peerlab check topologies/kademlia-churn.yaml\n"
                "peerlab check topologies/*.yaml\n"
                "peerlab check s.yaml --set overlay.k=8 --json",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 1,
    .operands_max = UINT32_MAX,
    .run = run_check,
};
