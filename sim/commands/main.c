#include <stdio.h>
#include <string.h>

#include "sim/commands/command.h"

int main(int argc, char **argv)
{
    for (int i = 0; argc > 1 && commands[i]; i++)
        if (strcmp(argv[1], commands[i]->name) == 0)
            return commands[i]->run(argc - 1, argv + 1);
    return EXIT_INPUT;
}
