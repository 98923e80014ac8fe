/* peerlab run: a scenario to its end, a summary on stdout. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "reactor/demultiplexer.h"
#include "sim/commands/command.h"
#include "sim/commands/print.h"
#include "sim/commands/run_progress.h"
#include "sim/commands/run_summary.h"
#include "sim/commands/scenario_options.h"
#include "sim/engine.h"

/* Which signal asked for the end, 0: none. A handler reaches nothing but globals. */
static volatile sig_atomic_t stop_signal;

static void on_signal(int signal_number)
{
    if (stop_signal)
        _exit(128 + signal_number); /* the second does not wait for the good order */
    stop_signal = signal_number;
}

/* Handlers stay until the process ends: a second signal counts also while the trace is being indexed. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static const char *demultiplexer_at(const void *context, size_t i)
{
    (void) context;
    return reactor_demultiplexers[i]->name;
}

static int check_demultiplexer(const struct arguments *arguments)
{
    const char *name = arguments_value(arguments, "demultiplexer");
    if (!name || reactor_demultiplexer_find(name))
        return 0;
    size_t count = 0;
    while (reactor_demultiplexers[count])
        count++;
    const char *nearest = base_nearest_name(name, count, demultiplexer_at, NULL);
    return command_refuse(arguments->command, "--demultiplexer %s: there is none of this name; %s%s", name,
                          nearest ? "did you mean " : "see peerlab list demultiplexers",
                          nearest ? nearest : "");
}

static int check_options(const struct arguments *arguments)
{
    const char *threads = arguments_value(arguments, "threads"), *trace = arguments_value(arguments, "output");
    if (threads) {
        char *end;
        errno = 0;
        unsigned long count = strtoul(threads, &end, 10);
        if (errno || *end || end == threads || strchr(threads, '-') || count < 1)
            return command_refuse(arguments->command, "--threads %s: a number from 1 on is needed", threads);
        if (count > 1)
            return command_refuse(arguments->command, "--threads %s: more than one thread is not built yet", threads);
    }
    if (trace && !*trace)
        return command_refuse(arguments->command, "-o: a file name is needed");
    return check_demultiplexer(arguments);
}

static int finish(const struct arguments *arguments, const struct scenario *scenario, const struct engine *engine,
                  int result)
{
    const struct summary *summary = engine_summary(engine);
    if (arguments_has(arguments, "json")) {
        char *json = summary_json(summary);
        fputs(json, stdout);
        free(json);
    } else if (!arguments_has(arguments, "quiet")) {
        run_summary_print(scenario, summary, arguments_value(arguments, "output"));
    }
    fflush(stdout); /* before what is said on stderr; main sees whether it could be written */
    run_summary_notes(summary);
    if (result < 0)
        return EXIT_MACHINE;
    if (result > 0)
        return stop_signal == SIGTERM ? EXIT_TERMINATED : EXIT_INTERRUPTED;
    return summary->passed ? EXIT_GOOD : EXIT_FAILED;
}

static int run_scenario(const struct arguments *arguments, const struct scenario *scenario)
{
    struct base_diagnostics diagnostics = {0};
    struct run_progress progress = run_progress_begin(arguments_has(arguments, "quiet"));
    struct engine *engine = NULL;
    int error = engine_create(&engine, &(struct engine_options){
        .scenario = scenario, .demultiplexer = arguments_value(arguments, "demultiplexer"),
        .trace_path = arguments_value(arguments, "output"), .command = arguments->line,
        .started_wall_ns = arguments->started_wall_ns, .stop = &stop_signal,
        .progress = progress.shown ? run_progress_draw : NULL, .progress_context = &progress}, &diagnostics);
    int result = error ? error : engine_run(engine, &diagnostics);
    run_progress_end(&progress);
    print_diagnostics(&diagnostics);
    int status = error ? command_status(error) : finish(arguments, scenario, engine, result);
    engine_free(engine);
    return status;
}

static int run_run(const struct arguments *arguments)
{
    int status = check_options(arguments);
    if (status)
        return status;
    raise_descriptor_limit();
    catch_signals();
    struct base_diagnostics diagnostics = {0};
    struct scenario *scenario = NULL;
    int error = scenario_load(&scenario, arguments, arguments->operands[0], NULL, &diagnostics);
    print_diagnostics(&diagnostics);
    status = error ? command_status(error) : run_scenario(arguments, scenario);
    topology_scenario_free(scenario);
    return status;
}

static const struct command_option options[] = {
    {"output", 'o', "TRACE.db", "keep a trace; an older trace of this name is replaced"},
    SCENARIO_OPTIONS,
    {"threads", 0, "N", "1; more are not built yet"},
    {"demultiplexer", 0, "NAME", "how descriptors are watched: peerlab list demultiplexers"},
    {"json", 0, NULL, "the summary as one JSON object"},
    {"quiet", 0, NULL, "no progress, no summary (but with --json)"},
};

const struct command run_command = {
    .name = "run",
    .operands = "SCENARIO",
    .summary = "runs a scenario and prints its summary; -o keeps every event",
    .about = "The same scenario and seed give the same digest in virtual time, always. Ctrl-C ends\n"
             "a run in good order, a second one at once. Status 1: an expectation failed.",
    .examples = "peerlab run topologies/kademlia-churn.yaml\n"
                "peerlab run topologies/kademlia-churn.yaml -o trace.db --seed 7\n"
                "peerlab run s.yaml --set overlay.k=8 --set 'network.latency={constant: 20 ms}'\n"
                "peerlab run s.yaml --clock scaled:10 --transport socketpair --json",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run_run,
};
