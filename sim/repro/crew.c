#include "sim/repro/repro.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reactor/base/assert.h"

#define LOOK_EVERY_MS 200

/* A result comes through a pipe in one piece. */
_Static_assert(sizeof(struct repro_result) <= 4096, "PIPE_BUF: written at once or not at all");

struct worker {
    pid_t process; /* 0: idle */
    int pipe;
    uint32_t job;
};

struct team {
    const struct repro_crew *crew;
    struct worker *workers;
    struct pollfd *watched;
    uint32_t *order; /* of the jobs: row by row, so that each can be shown early; within a row the longest first */
    uint32_t next, busy;
};

/* What the parent catches ends a worker; what it ignores (SIGHUP under nohup) does not. */
static void end_when_signalled(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (signal(signals[i], SIG_DFL) == SIG_IGN)
            signal(signals[i], SIG_IGN);
}

static void work(const struct repro_job *job, int pipe)
{
    struct repro_result result;
    end_when_signalled();
    repro_job_run(job, &result);
    ssize_t written = write(pipe, &result, sizeof result);
    _exit(written == sizeof result ? 0 : 1);
}

static int start(struct team *team, struct worker *worker)
{
    int ends[2];
    uint32_t job = team->order[team->next];
    if (pipe(ends) < 0)
        return -errno;
    pid_t process = fork();
    if (process == 0) {
        close(ends[0]);
        work(&team->crew->jobs[job], ends[1]);
    }
    int error = process < 0 ? -errno : 0;
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return error;
    }
    *worker = (struct worker){.process = process, .pipe = ends[0], .job = job};
    team->next++;
    team->busy++;
    return 0;
}

static void collect(struct team *team, struct worker *worker)
{
    struct repro_result *result = &team->crew->results[worker->job];
    int state = 0;
    ssize_t length = read(worker->pipe, result, sizeof *result);
    while (waitpid(worker->process, &state, 0) < 0 && errno == EINTR)
        continue;
    if (length != sizeof *result) {
        *result = (struct repro_result){.status = REPRO_DIED};
        snprintf(result->message, sizeof result->message, "its process ended early, with %s %d\n",
                 WIFSIGNALED(state) ? "signal" : "status", WIFSIGNALED(state) ? WTERMSIG(state) : WEXITSTATUS(state));
    }
    close(worker->pipe);
    worker->process = 0;
    team->busy--;
}

static void end_all(struct team *team)
{
    for (uint32_t i = 0; i < team->crew->workers; i++) {
        struct worker *worker = &team->workers[i];
        if (!worker->process)
            continue;
        kill(worker->process, SIGKILL);
        collect(team, worker);
    }
}

/* Starts what there is room for. */
static int fill(struct team *team)
{
    for (uint32_t i = 0; i < team->crew->workers && team->next < team->crew->job_count; i++) {
        int error = team->workers[i].process ? 0 : start(team, &team->workers[i]);
        if (error)
            return error;
    }
    return 0;
}

/* Waits for the next results; 1: told to stop. */
static int await(struct team *team)
{
    const struct repro_crew *crew = team->crew;
    for (uint32_t i = 0; i < crew->workers; i++)
        team->watched[i] = (struct pollfd){.fd = team->workers[i].process ? team->workers[i].pipe : -1,
                                           .events = POLLIN};
    int ready = poll(team->watched, crew->workers, LOOK_EVERY_MS);
    if (*crew->stop)
        return 1;
    if (ready <= 0)
        return crew->ended(crew->context, crew->job_count) != 0;
    for (uint32_t i = 0; i < crew->workers; i++) {
        if (!team->watched[i].revents)
            continue;
        collect(team, &team->workers[i]);
        if (crew->ended(crew->context, team->workers[i].job))
            return 1;
    }
    return 0;
}

static int longer_first(const void *a, const void *b, void *context)
{
    const struct repro_job *jobs = context;
    uint32_t i = *(const uint32_t *) a, j = *(const uint32_t *) b;
    double apart = jobs[i].row == jobs[j].row ? jobs[j].condition->seconds - jobs[i].condition->seconds : 0;
    return apart > 0 ? 1 : apart < 0 ? -1 : i < j ? -1 : 1;
}

int repro_crew_run(const struct repro_crew *crew)
{
    struct team team = {.crew = crew};
    team.workers = calloc(crew->workers, sizeof *team.workers);
    team.watched = calloc(crew->workers, sizeof *team.watched);
    team.order = calloc(crew->job_count + 1, sizeof *team.order);
    base_assert(team.workers && team.watched && team.order);
    for (uint32_t i = 0; i < crew->job_count; i++)
        team.order[i] = i;
    qsort_r(team.order, crew->job_count, sizeof *team.order, longer_first, (void *) (uintptr_t) crew->jobs);
    int status = 0;
    while (!status && (team.next < crew->job_count || team.busy)) {
        status = fill(&team);
        status = status ? status : await(&team);
    }
    end_all(&team);
    free(team.workers);
    free(team.watched);
    free(team.order);
    return status;
}
