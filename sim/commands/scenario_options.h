/* The options that change a scenario, the same for every command that takes one: --set, and what stands for one. */
#ifndef SIM_COMMANDS_SCENARIO_OPTIONS_H
#define SIM_COMMANDS_SCENARIO_OPTIONS_H

#include "sim/commands/command.h"
#include "topologies/load.h"

/* Rows of a command's table of options. */
#define SCENARIO_OPTIONS \
    {"set", 0, "KEY=VALUE", "override any key of the scenario: overlay.k=8,\n" \
                            "'network.latency={constant: 20 ms}', peers.home.count=50;\n" \
                            "as often as needed, later ones win"}, \
    {"seed", 0, "N", "the same as --set seed=N"}, \
    {"clock", 0, "CLOCK", "virtual, real, or scaled:10 (ten times as fast as real)"}, \
    {"transport", 0, "NAME", "what carries messages: memory, socketpair or localhost"}

/* Loads the scenario at path (its name; read by reader, NULL: the file system) with these options. As topology_load. */
int scenario_load(struct scenario **scenario, const struct arguments *arguments, const char *path,
                  const struct topology_reader *reader, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));

#endif
