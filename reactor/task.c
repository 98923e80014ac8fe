#include "reactor/task.h"

#include "reactor/base/assert.h"
#include "reactor/loop_internal.h"

void reactor_loop_submit(struct reactor_loop *loop, struct reactor_task *task)
{
    task->next = atomic_load_explicit(&loop->tasks, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&loop->tasks, &task->next, task))
        ;
    waker_wake(&loop->waker);
}

/* The list has the newest in front. */
static struct reactor_task *turned_round(struct reactor_task *task)
{
    struct reactor_task *first = NULL;
    while (task) {
        struct reactor_task *next = task->next;
        task->next = first;
        first = task;
        task = next;
    }
    return first;
}

uint32_t loop_run_tasks(struct reactor_loop *loop)
{
    uint32_t count = 0;
    struct reactor_task **end = &loop->tasks_taken; /* not empty: a task has brought us here (it frees its pool) */
    while (*end)
        end = &(*end)->next;
    *end = turned_round(atomic_exchange_explicit(&loop->tasks, NULL, memory_order_acquire));
    for (struct reactor_task *task; (task = loop->tasks_taken) != NULL; count++) {
        loop->tasks_taken = task->next; /* run may free it */
        task->run(loop, task);
    }
    return count;
}

void reactor_loop_hold(struct reactor_loop *loop)
{
    loop->hold_count++;
}

void reactor_loop_release(struct reactor_loop *loop)
{
    base_assert(loop->hold_count);
    loop->hold_count--;
}
