/* A run of the engine or of the hand-written loop, in a process of its own, which its CPU time and peak memory are. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/engine.h"
#include "sim/vocabulary.h"
#include "tests/bench/workload/workload.h"
#include "topologies/load.h"

static double wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

static double user_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double) usage.ru_utime.tv_sec + (double) usage.ru_utime.tv_usec * 1e-6;
}

static double peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double) usage.ru_maxrss * 1024;
}

/* --- the limit --- */

void workload_set_up(struct workload_measured *measured)
{
    measured->set_up_s += wall_s();
    measured->user_s -= user_s();
}

static int run_limit(const struct workload *workload, const struct workload_size *size,
                     struct workload_measured *measured)
{
    *measured = (struct workload_measured){.set_up_s = -wall_s(), .check = NAN};
    workload->limit(size->peers, (uint64_t) (size->duration_s * 1e9), measured);
    measured->user_s += user_s();
    measured->peak_bytes = peak_bytes();
    return 0;
}

/* --- the engine --- */

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
    const struct figure *found = path ? summary_find(engine_summary(engine), path) : NULL;
    if (!found || found->type == FIGURE_NULL)
        return NAN;
    return found->type == FIGURE_INTEGER ? (double) found->integer : found->real;
}

static int run_engine(const struct workload *workload, const struct workload_size *size,
                      struct workload_measured *measured)
{
    char path[512], peers[64], duration[64];
    snprintf(path, sizeof path, "%s/topologies/bench/%s.yaml", PEERLAB_SOURCE_DIR, workload->name);
    snprintf(peers, sizeof peers, "peers.0.count=%u", size->peers);
    snprintf(duration, sizeof duration, "duration=%.0f ms", size->duration_s * 1000);
    const char *sets[] = {peers, duration, size->set};
    struct base_diagnostics diagnostics = {0};
    struct scenario *scenario = NULL;
    struct engine *engine = NULL;
    struct topology_load_options load = {.path = path, .sets = sets, .set_count = size->set ? 3 : 2};
    if (topology_load(&scenario, &load, &sim_vocabulary, &diagnostics) < 0 ||
        engine_create(&engine, &(struct engine_options){.scenario = scenario}, &diagnostics) < 0 ||
        engine_run(engine, &diagnostics) < 0)
        return give_up(&diagnostics);
    *measured = (struct workload_measured){
        .counted = figure(engine, workload->counted), .set_up_s = figure(engine, "setup_s"),
        .user_s = figure(engine, "user_cpu_s") - figure(engine, "setup_user_cpu_s"),
        .peak_bytes = figure(engine, "peak_rss_bytes"), .check = figure(engine, workload->check_figure)};
    engine_free(engine);
    topology_scenario_free(scenario);
    return 0;
}

/* --- in a child, which tells through a pipe --- */

typedef int run_function(const struct workload *workload, const struct workload_size *size,
                         struct workload_measured *measured);

static int child(run_function *run, const struct workload *workload, const struct workload_size *size, int to)
{
    struct workload_measured measured;
    int status = run(workload, size, &measured);
    if (status == 0 && write(to, &measured, sizeof measured) != sizeof measured)
        status = 3;
    return status;
}

static int run_apart(run_function *run, const struct workload *workload, const struct workload_size *size,
                     struct workload_measured *measured)
{
    int ends[2], state = 0;
    fflush(NULL);
    pid_t pid = pipe(ends) == 0 ? fork() : -1;
    if (pid < 0) {
        fprintf(stderr, "peerlab bench: %s\n", strerror(errno));
        return 3;
    }
    if (pid == 0)
        exit(child(run, workload, size, ends[1]));
    close(ends[1]);
    bool told = read(ends[0], measured, sizeof *measured) == sizeof *measured;
    close(ends[0]);
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR)
        continue;
    if (told)
        return 0;
    fprintf(stderr, "peerlab bench: %s at %u peers could not be run\n", workload->name, size->peers);
    return WIFEXITED(state) && WEXITSTATUS(state) ? WEXITSTATUS(state) : 3;
}

int workload_measure_limit(const struct workload *workload, const struct workload_size *size,
                           struct workload_measured *measured)
{
    return run_apart(run_limit, workload, size, measured);
}

int workload_measure_engine(const struct workload *workload, const struct workload_size *size,
                            struct workload_measured *measured)
{
    return run_apart(run_engine, workload, size, measured);
}
