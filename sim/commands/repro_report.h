/* What `peerlab repro` is about to run, and how what came of it is shown. */
#ifndef SIM_COMMANDS_REPRO_REPORT_H
#define SIM_COMMANDS_REPRO_REPORT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "reactor/base/arena.h"
#include "sim/commands/command.h"
#include "sim/commands/run_progress.h"
#include "sim/repro/repro.h"

/* A row that was asked for, and where its jobs stand among all. */
struct chosen {
    const struct repro_row *row;
    uint32_t first_job, job_count, left;
    bool pass;
};

struct campaign {
    const struct arguments *arguments;
    struct base_arena *arena;
    const char *folder;          /* of the scenarios */
    char scratch[PATH_MAX];      /* of the traces; "": none is kept */
    struct chosen *rows;
    uint32_t row_count, rows_shown;
    struct repro_job *jobs;
    struct repro_result *results;
    uint32_t job_count, done;
    uint32_t workers;
    double seconds_hoped, seconds_hoped_done, seconds_done;
    struct run_progress progress;
    int status;
};

/* Whether a condition is among what was asked for. */
bool repro_is_wanted(const struct campaign *campaign, const struct repro_condition *condition);

/* Judges a row whose runs have all ended: whether all figures are within their tolerances. */
bool repro_row_passes(struct campaign *campaign, const struct chosen *chosen);
/* Its table, to stdout. */
void repro_print_row(struct campaign *campaign, const struct chosen *chosen);
/* All that were chosen, as one JSON array. */
void repro_put_json(struct campaign *campaign);

#endif
