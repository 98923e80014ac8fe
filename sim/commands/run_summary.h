/* The summary of a run for people; what it prints comes from the same figures as --json. */
#ifndef SIM_COMMANDS_RUN_SUMMARY_H
#define SIM_COMMANDS_RUN_SUMMARY_H

#include "sim/summary.h"

/* To stdout, within 80 columns. trace_path, pcap_path: NULL without one. */
void run_summary_print(const struct scenario *scenario, const struct summary *summary, const char *trace_path,
                       const char *pcap_path);
/* To stderr: what a reader of the figures has to know of how the run went. */
void run_summary_notes(const struct summary *summary);

#endif
