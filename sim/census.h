/* The census of a converged start: at time 0 only, each instance's members that are up, in the order of their ids. */
#ifndef SIM_CENSUS_H
#define SIM_CENSUS_H

struct run;

int census_take(struct run *run);  /* 0 or -ENOMEM; nothing is taken when no overlay starts converged */
void census_drop(struct run *run);

#endif
