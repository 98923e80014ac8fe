#include <stddef.h>
#include <string.h>

#include "sim/commands/command.h"

extern const struct command run_command;

const struct command *const commands[] = {
    &run_command,
    NULL,
};

const struct command *command_find(const char *name)
{
    for (uint32_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}
