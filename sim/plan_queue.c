#include <errno.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"
#include "sim/plan_internal.h"

#define ARITY 4u
#define SWEEP_LEAST 4096u

int plan_queue_init(struct plan_queue *queue, size_t live_max)
{
    /* Swept when it has doubled since the last sweep, after which only the live remain. */
    *queue = (struct plan_queue){.capacity = 2 * live_max + SWEEP_LEAST, .sweep_at = SWEEP_LEAST};
    queue->items = base_reserve(queue->capacity * sizeof *queue->items);
    return queue->items ? 0 : -ENOMEM;
}

void plan_queue_done(struct plan_queue *queue)
{
    if (queue->items)
        base_unreserve(queue->items, queue->capacity * sizeof *queue->items);
}

static void sift_up(struct plan_queue *queue, size_t at, const struct plan_due *due)
{
    while (at > 0) {
        size_t parent = (at - 1) / ARITY;
        if (!plan_due_before(due, &queue->items[parent]))
            break;
        queue->items[at] = queue->items[parent];
        at = parent;
    }
    queue->items[at] = *due;
}

static void sift_down(struct plan_queue *queue, size_t at, const struct plan_due *due)
{
    for (size_t child; (child = at * ARITY + 1) < queue->count;) {
        size_t end = child + ARITY < queue->count ? child + ARITY : queue->count, least = child;
        for (child++; child < end; child++)
            if (plan_due_before(&queue->items[child], &queue->items[least]))
                least = child;
        if (!plan_due_before(&queue->items[least], due))
            break;
        queue->items[at] = queue->items[least];
        at = least;
    }
    queue->items[at] = *due;
}

void plan_queue_push(struct plan_queue *queue, const struct plan_due *due)
{
    base_assert(queue->count < queue->capacity);
    sift_up(queue, queue->count++, due);
}

void plan_queue_pop(struct plan_queue *queue)
{
    base_assert(queue->count > 0);
    struct plan_due last = queue->items[--queue->count];
    if (queue->count > 0)
        sift_down(queue, 0, &last);
}

void plan_queue_sweep(struct plan_queue *queue, bool (*live)(const void *context, const struct plan_due *due),
                      const void *context)
{
    size_t kept = 0;
    for (size_t i = 0; i < queue->count; i++)
        if (live(context, &queue->items[i]))
            queue->items[kept++] = queue->items[i];
    queue->count = kept;
    for (size_t i = kept / ARITY + 1; i-- > 0;) {
        if (i >= kept)
            continue;
        struct plan_due due = queue->items[i];
        sift_down(queue, i, &due);
    }
    queue->sweep_at = 2 * kept > SWEEP_LEAST ? 2 * kept : SWEEP_LEAST;
}
