/* peerlab run: a scenario to its end, a summary on stdout. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/demultiplexer.h"
#include "sim/commands/command.h"
#include "sim/commands/conduct.h"
#include "sim/commands/print.h"
#include "sim/commands/run_summary.h"
#include "sim/commands/scenario_options.h"

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
    return command_refuse(arguments->command, "--demultiplexer %s: there is none of this name; %s%s%s",
                          name, nearest ? "did you mean " : "see peerlab list demultiplexers", nearest ? nearest : "",
                          nearest ? "?" : "");
}

/* By name, or NULL: the engine's choice. What auto stands for is said. */
static const char *demultiplexer_of(const struct arguments *arguments)
{
    const char *name = arguments_value(arguments, "demultiplexer");
    if (!name || strcmp(name, "auto") != 0)
        return name;
    name = reactor_demultiplexer_find(name)->name;
    if (!arguments_has(arguments, "quiet"))
        fprintf(stderr, "note: --demultiplexer auto: %s is the best that the kernel offers.\n", name);
    return name;
}

static int check_files(const struct arguments *arguments)
{
    const char *trace = arguments_value(arguments, "output"), *pcap = arguments_value(arguments, "pcap");
    if (trace && !*trace)
        return command_refuse(arguments->command, "-o: a file name is needed");
    if (pcap && !*pcap)
        return command_refuse(arguments->command, "--pcap: a file name is needed");
    if (trace && pcap && strcmp(trace, pcap) == 0)
        return command_refuse(arguments->command, "-o and --pcap name the same file: %s", trace);
    return 0;
}

#define THREADS_MAX 256

static int check_options(const struct arguments *arguments)
{
    const char *threads = arguments_value(arguments, "threads");
    if (threads) {
        char *end;
        errno = 0;
        unsigned long count = strtoul(threads, &end, 10);
        if (errno || *end || *threads < '0' || *threads > '9' || count < 1)
            return command_refuse(arguments->command, "--threads %s: a number from 1 on is needed", threads);
        if (count > THREADS_MAX)
            return command_refuse(arguments->command, "--threads %s: at most %u", threads, THREADS_MAX);
    }
    int status = check_files(arguments);
    return status ? status : check_demultiplexer(arguments);
}

static void report(const struct arguments *arguments, const struct scenario *scenario, const struct summary *summary)
{
    if (arguments_has(arguments, "json")) {
        char *json = summary_json(summary);
        fputs(json, stdout);
        free(json);
    } else if (!arguments_has(arguments, "quiet")) {
        run_summary_print(scenario, summary, arguments_value(arguments, "output"), arguments_value(arguments, "pcap"));
    }
    fflush(stdout); /* before what is said on stderr; main sees whether it could be written */
    run_summary_notes(summary);
}

static uint32_t threads_of(const struct arguments *arguments)
{
    const char *threads = arguments_value(arguments, "threads");
    return threads ? (uint32_t) strtoul(threads, NULL, 10) : 1;
}

static int run_scenario(const struct arguments *arguments, const struct scenario *scenario)
{
    struct engine *engine;
    int status = conduct(&engine, arguments, (struct engine_options){
        .scenario = scenario, .demultiplexer = demultiplexer_of(arguments),
        .threads = threads_of(arguments),
        .trace_path = arguments_value(arguments, "output"), .pcap_path = arguments_value(arguments, "pcap")},
        arguments_has(arguments, "quiet"));
    if (!engine)
        return status;
    report(arguments, scenario, engine_summary(engine));
    if (status == EXIT_GOOD && !engine_summary(engine)->passed)
        status = EXIT_FAILED;
    engine_free(engine);
    return status;
}

static int run_run(const struct arguments *arguments)
{
    int status = check_options(arguments);
    if (status)
        return status;
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
    {"pcap", 0, "FILE", "keep each delivered datagram as a packet, for tshark"},
    SCENARIO_OPTIONS,
    {"threads", 0, "N", "loops to divide the peers among, a thread each; the result is the same (1)"},
    {"demultiplexer", 0, "NAME", "how descriptors are watched, or auto: peerlab list demultiplexers (epoll)"},
    {"json", 0, NULL, "the summary as one JSON object"},
    {"quiet", 0, NULL, "no progress, no summary (but with --json)"},
};

const struct command run_command = {
    .name = "run",
    .operands = "SCENARIO",
    .summary = "runs a scenario and prints its summary; -o keeps every event",
    .about = "The same scenario and seed give the same digest in virtual time, always. Ctrl-C ends\n"
             "a run in good order, a second one at once. Status 1: an expectation failed.\n"
             "--threads pays from some 100,000 peers on. It needs virtual time, transport memory and\n"
             "at least 10 us for each message: else one loop runs, and says so.",
    .examples = "peerlab run topologies/kademlia-churn.yaml\n"
                "peerlab run topologies/kademlia-churn.yaml -o trace.db --seed 7\n"
                "peerlab run s.yaml --set overlay.k=8 --set 'network.latency={constant: 20 ms}'\n"
                "peerlab run topologies/bench/chord-converged.yaml --threads 2\n"
                "peerlab run s.yaml --clock scaled:10 --transport socketpair --json\n"
                "peerlab run s.yaml --pcap packets.pcap && tshark -r packets.pcap",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .operands_min = 1,
    .operands_max = 1,
    .run = run_run,
};
