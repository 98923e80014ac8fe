/* Commands: one file and one row in registry.c each. Only this folder prints and decides exit statuses.
 *
 * A command says what it takes in a table; parsing, --help and the errors come from it (arguments.c). */
#ifndef SIM_COMMANDS_COMMAND_H
#define SIM_COMMANDS_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

enum { /* exit statuses: a contract */
    EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_INPUT = 2, EXIT_MACHINE = 3, EXIT_PEERLAB = 70,
    EXIT_SIGNAL = 128, /* and the number of what ended a run in good order: 129, 130, 143 */
};

struct command_option {
    const char *name;     /* without its dashes; a value may follow after a blank or after = */
    char letter;          /* 'o' for -o; 0: none */
    const char *argument; /* "FILE"; NULL: it takes none */
    const char *about;    /* for the help, which breaks its lines */
};

struct arguments;

struct command {
    const char *name;
    const char *operands;   /* for usage: "SCENARIO..." */
    const char *summary;    /* one line of at most 69 columns */
    const char *about;      /* what else there is to say, one paragraph; "" */
    const char *examples;   /* a line each, of at most 78 columns */
    const struct command_option *options; /* --help is added to them */
    uint32_t option_count;
    uint32_t operands_min, operands_max;
    /* More particular help where operands are given (`query TRACE.db NAME --help`); NULL: none. Exit status. */
    int (*help)(const struct arguments *arguments);
    int (*run)(const struct arguments *arguments); /* exit status */
};

struct command_given {
    const struct command_option *option;
    const char *value; /* NULL: it takes none */
};

/* A command line, taken apart. */
struct arguments {
    const struct command *command;
    const char *const *operands;
    uint32_t operand_count;
    const struct command_given *given; /* in order */
    uint32_t given_count;
    bool help;
    const char *line;         /* the whole as a shell would take it again */
    uint64_t started_wall_ns; /* CLOCK_MONOTONIC at the beginning of main */
};

/* Takes argv (the first is the command's name) apart: 0, or the exit status after telling what is wrong. Everything in
 * *arguments points into argv or is freed by arguments_done. */
int arguments_parse(struct arguments *arguments, const struct command *command, int argc, char **argv);
void arguments_done(struct arguments *arguments);
bool arguments_has(const struct arguments *arguments, const char *option);
/* The value given last; NULL: not given. */
const char *arguments_value(const struct arguments *arguments, const char *option);

extern const struct command *const commands[]; /* NULL-terminated, in the order of the help */
const struct command *command_find(const char *name);
/* The command's own --help; to stdout. */
void command_help(const struct command *command);

/* "peerlab run: ..." to stderr; returns EXIT_INPUT. */
int command_refuse(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* EXIT_MACHINE where error (-errno) says that the machine is at fault, else EXIT_INPUT. */
int command_status(int error);

#endif
