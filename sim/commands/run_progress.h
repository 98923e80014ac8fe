/* The line that says how far a run is, redrawn on stderr while that is a terminal. */
#ifndef SIM_COMMANDS_RUN_PROGRESS_H
#define SIM_COMMANDS_RUN_PROGRESS_H

#include "sim/engine.h"

struct run_progress {
    bool shown, drawn;
    const char *what;         /* what was going on when last drawn, and since when; NULL: nothing */
    uint64_t what_since_ns;
};

struct run_progress run_progress_begin(bool quiet);
void run_progress_draw(struct run_progress *run_progress, const struct engine_progress *progress);
void run_progress_end(struct run_progress *progress); /* clears the line */

#endif
