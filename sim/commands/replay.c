/* peerlab replay: runs again from what a trace holds, and compares digests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/commands/command.h"
#include "sim/commands/conduct.h"
#include "sim/commands/print.h"
#include "sim/vocabulary.h"
#include "topologies/load.h"
#include "traces/query.h"

/* An input of the trace looked for, or found. */
struct wanted {
    const char *name;
    struct base_arena *arena;
    const char *text;
    size_t length;
};

static void take_input(void *context, const char *name, const char *content, size_t length)
{
    struct wanted *wanted = context;
    if (wanted->text || strcmp(name, wanted->name) != 0)
        return;
    wanted->text = base_arena_copy_text(wanted->arena, content, length);
    wanted->length = length;
}

static int read_input(void *context, struct base_arena *arena, const char *name, const char **text, size_t *length)
{
    struct wanted wanted = {.name = name, .arena = arena};
    int error = trace_reader_inputs(context, take_input, &wanted);
    if (error < 0)
        return error;
    *text = wanted.text;
    *length = wanted.length;
    return wanted.text ? 0 : -ENOENT;
}

/* What the trace says of the run that wrote it; NULL where it says nothing. */
struct recorded {
    char *digest, *status, *clock, *version;
};

static struct recorded read_recorded(struct trace_reader *reader)
{
    return (struct recorded){.digest = trace_reader_run_value(reader, "digest"),
                             .status = trace_reader_run_value(reader, "status"),
                             .clock = trace_reader_run_value(reader, "clock"),
                             .version = trace_reader_run_value(reader, "version")};
}

static void recorded_done(struct recorded *recorded)
{
    free(recorded->digest);
    free(recorded->status);
    free(recorded->clock);
    free(recorded->version);
}

/* Refuses, saying why, what has no digest to compare with. */
static int check_comparable(const struct arguments *arguments, const struct recorded *recorded)
{
    const char *path = arguments->operands[0], *status = recorded->status ? recorded->status : "unknown";
    if (strcmp(status, "complete") != 0)
        return command_refuse(arguments->command, "%s is of a run whose status is %s: it has no digest of the whole "
                              "to compare with", path, status);
    if (!recorded->digest)
        return command_refuse(arguments->command, "%s is of a run with a %s clock: what happens in real time does not "
                              "repeat, so there is no digest to compare with", path,
                              recorded->clock ? recorded->clock : "real");
    return 0;
}

static int report(const struct arguments *arguments, const struct recorded *recorded, const struct engine *engine)
{
    const struct figure *digest = summary_find(engine_summary(engine), "digest");
    const char *version = recorded->version ? recorded->version : "unknown";
    bool same = strcmp(digest->text, recorded->digest) == 0;
    if (arguments_has(arguments, "json")) {
        fputs("{\"trace\":", stdout);
        base_json_put_text(stdout, arguments->operands[0]);
        printf(",\"same\":%s,\"digest\":\"%s\",\"recorded_digest\":", same ? "true" : "false", digest->text);
        base_json_put_text(stdout, recorded->digest);
        fputs(",\"version\":\"" PEERLAB_VERSION "\",\"recorded_version\":", stdout);
        base_json_put_text(stdout, version);
        fputs("}\n", stdout);
    } else {
        print_in(same ? PRINT_GOOD : PRINT_BAD, "%s\n", same ? "the same" : "DIFFERENT");
        printf("recorded  %s  by version %s\nreplayed  %s  by version %s\n", recorded->digest, version, digest->text,
               PEERLAB_VERSION);
    }
    return same ? EXIT_GOOD : EXIT_FAILED;
}

static int replay(const struct arguments *arguments, struct trace_reader *reader, const struct recorded *recorded)
{
    struct base_diagnostics diagnostics = {0};
    struct scenario *scenario = NULL;
    struct topology_reader inputs = {read_input, reader};
    int error = topology_load(&scenario, &(struct topology_load_options){.path = "scenario.yaml", .reader = &inputs},
                              &sim_vocabulary, &diagnostics);
    if (error)
        print_diagnostics(&diagnostics); /* warnings were told when it was recorded */
    int status = error ? command_status(error) : EXIT_GOOD;
    struct engine *engine = NULL;
    if (!error)
        status = conduct(&engine, arguments, (struct engine_options){.scenario = scenario}, false);
    if (engine && status == EXIT_GOOD)
        status = report(arguments, recorded, engine);
    engine_free(engine);
    topology_scenario_free(scenario);
    return status;
}

static int run_replay(const struct arguments *arguments)
{
    struct base_diagnostics diagnostics = {0};
    struct trace_reader *reader = NULL;
    int error = trace_reader_open(&reader, arguments->operands[0], &diagnostics);
    print_diagnostics(&diagnostics);
    if (error)
        return command_status(error);
    struct recorded recorded = read_recorded(reader);
    int status = check_comparable(arguments, &recorded);
    status = status ? status : replay(arguments, reader, &recorded);
    recorded_done(&recorded);
    trace_reader_close(reader);
    return status;
}

static const struct command_option options[] = {
    {"json", 0, NULL, "{trace same digest recorded_digest version recorded_version}"},
};

const struct command replay_command = {
    .name = "replay",
    .operands = "TRACE.db",
    .summary = "runs again what a trace holds, and compares digests",
    .about = "A trace holds its scenario and every file that it named, so nothing else is needed.\n"
             "Status 1: the digests differ. A run in real time, or one that was interrupted,\n"
             "cannot be compared: status 2.",
    .examples = "peerlab replay trace.db",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run_replay,
};
