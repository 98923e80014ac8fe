#include <stddef.h>
#include <string.h>

#include "sim/commands/command.h"

extern const struct command run_command, check_command, query_command, replay_command, diff_command, compare_command,
    plan_command, graph_command, list_command, repro_command, bench_command;

const struct command *const commands[] = {
    &run_command,
    &check_command,
    &query_command,
    &replay_command,
    &diff_command,
    &compare_command,
    &plan_command,
    &graph_command,
    &list_command,
    &repro_command,
    &bench_command,
    NULL,
};

const struct command *command_find(const char *name)
{
    for (uint32_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}
