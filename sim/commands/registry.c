#include "sim/commands/command.h"

#include <stddef.h>

extern const struct command run_command;

const struct command *const commands[] = {
    &run_command,
    NULL,
};
