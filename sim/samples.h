/* What the loop of an emulation says of itself (reactor/statistics.h), into the trace's table `sample`, without a peer.
 *
 * Only in real time, and only where the trace records samples: ten times a second in a run of up to 100 s, a thousand
 * times in a longer one, but at least once a second of real time. All but gauges speak of the time since the sample
 * before. To add a metric: a row in samples.c. */
#ifndef SIM_SAMPLES_H
#define SIM_SAMPLES_H

#include "sim/run.h"

#define SAMPLES_METRICS 14u

/* Whether this run will have them: then its loop measures what calls take. */
bool samples_wanted(const struct run *run);
/* The metrics' names, in the order of their numbers, which follow those of the overlays. */
void samples_names(const char *names[SAMPLES_METRICS]);
/* When the clock has started: the first sample is due a period later. */
void samples_begin(struct run *run);
void samples_end(struct run *run);
void samples_take(void *shard, struct reactor_entry *entry); /* dispatched as REACTOR_USER */

#endif
