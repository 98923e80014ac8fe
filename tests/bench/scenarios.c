/* Whole runs, beside what they have to reach. Each runs in a process of its own, so that its CPU time and peak memory
 * are its own:
 *
 *   epidemic          push-pull, own timers, 100,000 peers, 20-200 ms, no trace: over 2 M events a second of user CPU
 *                     after set-up, under 1 KiB of resident memory a peer
 *   kademlia-churn    the demo with its full trace: under 8 s of wall time
 *
 * bench_scenarios [NAME]; exits with 1 where something was not reached. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/engine.h"
#include "sim/vocabulary.h"
#include "topologies/load.h"

struct measured {
    double events, user_cpu_s, wall_s, peers, rss_bytes;
};

struct bench {
    const char *name, *path;
    bool traced;
    bool (*judge)(const struct measured *measured); /* prints, and says whether it was reached */
};

static bool judge_epidemic(const struct measured *measured)
{
    double events_per_s = measured->events / measured->user_cpu_s, peer_bytes = measured->rss_bytes / measured->peers;
    printf("epidemic         %6.2f M events/s of user CPU (2 wanted)   %5.0f B a peer (at most 1,024)\n",
           events_per_s / 1e6, peer_bytes);
    return events_per_s >= 2e6 && peer_bytes <= 1024;
}

static bool judge_demo(const struct measured *measured)
{
    printf("kademlia-churn   %6.2f s with the full trace (at most 8)   %5.2f s of user CPU, %.2f M events\n",
           measured->wall_s, measured->user_cpu_s, measured->events / 1e6);
    return measured->wall_s <= 8;
}

static const struct bench benches[] = {
    {"epidemic", PEERLAB_SOURCE_DIR "/topologies/bench/epidemic.yaml", false, judge_epidemic},
    {"kademlia-churn", PEERLAB_SOURCE_DIR "/topologies/kademlia-churn.yaml", true, judge_demo},
};

static int give_up(const struct base_diagnostics *diagnostics)
{
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        char text[2048];
        base_diagnostic_format(&diagnostics->items[i], text, sizeof text);
        fputs(text, stderr);
    }
    return 2;
}

static double figure(const struct engine *engine, const char *path)
{
    const struct figure *found = summary_find(engine_summary(engine), path);
    return found->type == FIGURE_INTEGER ? (double) found->integer : found->real;
}

/* In the child: exit status. */
static int run(const struct bench *bench, const char *trace_path)
{
    struct base_diagnostics diagnostics = {0};
    struct scenario *scenario = NULL;
    struct engine *engine = NULL;
    struct topology_load_options load = {.path = bench->path};
    if (topology_load(&scenario, &load, &sim_vocabulary, &diagnostics) < 0 ||
        engine_create(&engine, &(struct engine_options){.scenario = scenario, .trace_path = trace_path},
                      &diagnostics) < 0 ||
        engine_run(engine, &diagnostics) < 0)
        return give_up(&diagnostics);
    struct measured measured = {
        .events = figure(engine, "events"), .wall_s = figure(engine, "wall_s"), .peers = figure(engine, "peers"),
        .rss_bytes = figure(engine, "peak_rss_bytes"),
        .user_cpu_s = figure(engine, "user_cpu_s") - figure(engine, "setup_user_cpu_s")};
    bool reached = bench->judge(&measured);
    engine_free(engine);
    topology_scenario_free(scenario);
    return reached ? 0 : 1;
}

static int run_apart(const struct bench *bench)
{
    char trace_path[] = "./bench-scenarios-XXXXXX";
    if (bench->traced) {
        int descriptor = mkstemp(trace_path); /* an empty file is a trace yet to be written */
        if (descriptor < 0)
            return 3;
        close(descriptor);
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        exit(run(bench, bench->traced ? trace_path : NULL));
    int state = 0;
    while (child > 0 && waitpid(child, &state, 0) < 0 && errno == EINTR)
        continue;
    if (bench->traced)
        unlink(trace_path);
    return child > 0 && WIFEXITED(state) ? WEXITSTATUS(state) : 3;
}

int main(int argc, char **argv)
{
    int worst = 0;
    bool any = false;
    for (size_t i = 0; i < sizeof benches / sizeof *benches; i++) {
        if (argc > 1 && strcmp(argv[1], benches[i].name) != 0)
            continue;
        int status = run_apart(&benches[i]);
        worst = status > worst ? status : worst;
        any = true;
    }
    if (!any)
        fprintf(stderr, "bench_scenarios: no scenario %s\n", argv[1]);
    return any ? worst : 2;
}
