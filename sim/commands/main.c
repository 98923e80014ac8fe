/* peerlab: finds the command, and sees to what all of them need: whole output, streams that are open. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reactor/base/diagnostic.h"
#include "sim/commands/command.h"
#include "sim/commands/print.h"

static uint64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

/* A trace opened under the number of a closed stream would be written into by every printf. The stand-in is opened so
 * that using the stream still fails. */
static void keep_streams_apart(void)
{
    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) < 0)
            _exit(EXIT_MACHINE);
}

static void print_overview(FILE *out)
{
    fputs("peerlab simulates and emulates peer-to-peer overlays: scenario in, trace out.\n\n"
          "usage: peerlab COMMAND ...\n\n", out);
    for (uint32_t i = 0; commands[i]; i++)
        fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\npeerlab COMMAND --help tells more about one; peerlab --version is the version.\n"
          "Exit status: 0 good, 1 an expectation or comparison failed, 2 the input is at\n"
          "fault, 3 the machine is, 70 peerlab is, 129, 130 and 143 ended in good order.\n", out);
}

static const char *command_name_at(const void *context, size_t i)
{
    (void) context;
    return commands[i]->name;
}

static int unknown_command(const char *name)
{
    size_t count = 0;
    while (commands[count])
        count++;
    const char *nearest = base_nearest_name(name, count, command_name_at, NULL);
    fputs("peerlab: unknown command ", stderr);
    print_clean(stderr, name);
    if (nearest)
        fprintf(stderr, "; did you mean %s?\n", nearest);
    else
        fputs("; see peerlab --help\n", stderr);
    return EXIT_INPUT;
}

static int run_command_line(int argc, char **argv, uint64_t started_wall_ns)
{
    const struct command *command = command_find(argv[0]);
    if (!command)
        return unknown_command(argv[0]);
    struct arguments arguments;
    int status = arguments_parse(&arguments, command, argc, argv);
    arguments.started_wall_ns = started_wall_ns;
    if (!status && arguments.help && command->help && arguments.operand_count)
        status = command->help(&arguments);
    else if (!status && arguments.help)
        command_help(command);
    else if (!status)
        status = command->run(&arguments);
    arguments_done(&arguments);
    return status;
}

static int help(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stdout);
        return EXIT_GOOD;
    }
    const struct command *command = command_find(argv[1]);
    if (!command)
        return unknown_command(argv[1]);
    command_help(command);
    return EXIT_GOOD;
}

static int dispatch(int argc, char **argv, uint64_t started_wall_ns)
{
    if (argc < 1) {
        print_overview(stderr);
        return EXIT_INPUT;
    }
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0 || strcmp(argv[0], "help") == 0)
        return help(argc, argv);
    if (strcmp(argv[0], "--version") == 0) {
        puts("peerlab " PEERLAB_VERSION);
        return EXIT_GOOD;
    }
    return run_command_line(argc, argv, started_wall_ns);
}

int main(int argc, char **argv)
{
    uint64_t started_wall_ns = wall_ns();
    keep_streams_apart();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write(2): EFBIG */
    int status = dispatch(argc - 1, argv + 1, started_wall_ns);
    if (!print_finish() && (status == EXIT_GOOD || status == EXIT_FAILED))
        status = EXIT_MACHINE;
    return status;
}
