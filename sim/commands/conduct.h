/* Running an engine for a person: signals, limits, progress, and the exit status that comes of it. */
#ifndef SIM_COMMANDS_CONDUCT_H
#define SIM_COMMANDS_CONDUCT_H

#include "sim/commands/command.h"
#include "sim/engine.h"

/* Builds and runs an engine to the end or until a signal: EXIT_GOOD, EXIT_SIGNAL and its number, or, diagnosed,
 * EXIT_INPUT or EXIT_MACHINE. *engine is NULL when it could not be built; else it has its summary: free it. options:
 * scenario, trace_path and demultiplexer; the rest is filled in. The signals stay caught. */
int conduct(struct engine **engine, const struct arguments *arguments, struct engine_options options, bool quiet);

/* Has handler called for what asks for an end: SIGINT, SIGTERM, and SIGHUP unless it is ignored (nohup). */
void conduct_catch_signals(void (*handler)(int signal_number));

#endif
