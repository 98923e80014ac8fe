/* Running an engine for a person: signals, limits, progress, and the exit status that comes of it. */
#include "sim/commands/conduct.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sim/commands/print.h"
#include "sim/commands/run_progress.h"

/* How often an end was asked for, and by which signal; whether the trace is being indexed. A handler reaches nothing but
 * globals. */
static volatile sig_atomic_t stop_count, stop_signal, indexing;

/* The second does not wait for the good order, unless all is over but the indexes: then it leaves them out. */
static void on_signal(int signal_number)
{
    if (stop_count > (indexing ? 1 : 0))
        _exit(128 + signal_number);
    stop_signal = signal_number;
    stop_count++;
}

static void on_progress(void *context, const struct engine_progress *progress)
{
    struct run_progress *line = context;
    indexing = strcmp(progress->what, "indexing") == 0;
    if (line->shown)
        run_progress_draw(line, progress);
}

void conduct_catch_signals(void (*handler)(int signal_number))
{
    struct sigaction action = {.sa_handler = handler}, before;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN) /* else nohup wants it to go on */
        sigaction(SIGHUP, &action, NULL);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void note_loops(const struct engine *engine)
{
    const char *why;
    uint32_t loops = engine_loops(engine, &why);
    if (why)
        fprintf(stderr, "note: %u %s, fewer than --threads asks for: %s.\n", loops, loops == 1 ? "loop runs" : "loops run",
                why);
}

int conduct(struct engine **engine, const struct arguments *arguments, struct engine_options options, bool quiet)
{
    struct base_diagnostics diagnostics = {0};
    struct run_progress progress = run_progress_begin(quiet);
    raise_descriptor_limit();
    conduct_catch_signals(on_signal); /* for good: a second one counts also while the trace is being indexed */
    options.command = arguments->line;
    options.started_wall_ns = arguments->started_wall_ns;
    options.stop = &stop_count;
    options.progress = on_progress;
    options.progress_context = &progress;
    *engine = NULL;
    int error = engine_create(engine, &options, &diagnostics);
    if (!error && !quiet)
        note_loops(*engine);
    int result = error ? error : engine_run(*engine, &diagnostics);
    run_progress_end(&progress);
    print_diagnostics(&diagnostics);
    if (error)
        return error == -EINTR && stop_signal ? EXIT_SIGNAL + stop_signal : command_status(error);
    if (result < 0)
        return EXIT_MACHINE;
    return result || stop_count ? EXIT_SIGNAL + stop_signal : EXIT_GOOD;
}
