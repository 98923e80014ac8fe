/* Tasks: a function that another thread wants called by a loop's thread.
 *
 * A post (reactor_loop_post) is an entry in a bounded ring and may be refused. A task is the submitter's own memory,
 * put in front of a list without a lock, so it is never refused and never lost: for what must arrive, such as the end
 * of a job (offload.h). Tasks of one submitter run in the order of submitting, once a turn, before posts.
 *
 * Life: the submitter fills in run; submit; run is called once, on the loop's thread, and may free or reuse the task.
 * What is still waiting when the loop is freed is called then. */
#ifndef REACTOR_TASK_H
#define REACTOR_TASK_H

#include "reactor/api.h"
#include "reactor/loop.h"

REACTOR_API_BEGIN

struct reactor_task {
    struct reactor_task *next; /* the loop's, from submit until run */
    void (*run)(struct reactor_loop *loop, struct reactor_task *task);
};

/* From any thread. Wakes the loop only when it sleeps. */
void reactor_loop_submit(struct reactor_loop *loop, struct reactor_task *task);

/* A run without an instant to reach ends when nothing can happen any more. Holding says that a task or post is still to
 * come from elsewhere, so the run sleeps instead. Both belong to the loop's thread, or to a parked loop; they nest. */
void reactor_loop_hold(struct reactor_loop *loop);
void reactor_loop_release(struct reactor_loop *loop);

REACTOR_API_END

#endif
