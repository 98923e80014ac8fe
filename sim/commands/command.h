/* Commands: one file and one row in registry.c each. Only this folder prints and decides exit statuses. */
#ifndef SIM_COMMANDS_COMMAND_H
#define SIM_COMMANDS_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

enum { /* exit statuses: a contract */
    EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_INPUT = 2, EXIT_MACHINE = 3, EXIT_PEERLAB = 70,
    EXIT_INTERRUPTED = 130, EXIT_TERMINATED = 143,
};

struct command {
    const char *name;
    const char *arguments; /* after the name, for usage */
    const char *summary;   /* one line */
    const char *help;      /* the rest of `peerlab NAME --help`: options and examples */
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns an exit status */
};

extern const struct command *const commands[]; /* NULL-terminated, in the order of the help */

#endif
