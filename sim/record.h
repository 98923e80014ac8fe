/* What a run puts into its trace beyond messages and events: names, peers, faults, run values; and its progress. */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include "sim/run.h"

/* Opens the trace that the options ask for; record stays 0 without one. */
int record_open(struct run *run, struct base_diagnostics *diagnostics);
void record_step(struct run *run, const struct plan_step *step); /* fault, fault_peer */
void record_progress(struct run *run);                           /* at most ten times a second */
void record_checks(struct run *run);                             /* overlays' invariants at the end: violation */
/* Ends the trace in good order; 0 or -errno, diagnosed. */
int record_finish(struct run *run, struct base_diagnostics *diagnostics);

#endif
