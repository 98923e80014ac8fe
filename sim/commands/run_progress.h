/* The line that says how far a run is, redrawn on stderr while that is a terminal. */
#ifndef SIM_COMMANDS_RUN_PROGRESS_H
#define SIM_COMMANDS_RUN_PROGRESS_H

#include "sim/engine.h"

struct run_progress {
    bool shown, drawn;
};

struct run_progress run_progress_begin(bool quiet);
void run_progress_draw(void *run_progress, const struct engine_progress *progress); /* engine_options.progress */
void run_progress_end(struct run_progress *progress); /* clears the line */

#endif
