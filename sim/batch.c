/* The fast path of virtual time: events one after the other, each target asked for ahead, a plain message handled without
 * a look at what it does not need. From there it is the overlay's, and peer_send's (route.h). */
#include "sim/handle.h"

/* How many events ahead an upcoming target's block is asked for; and then, when that has come, what the overlay will touch
 * beyond its first line. */
#define PREFETCH_FAR 12
#define PREFETCH_NEAR 5
#define LINE 64u

/* dispatch.c's on_message where run->plain. */
static inline void on_plain_message(struct shard *shard, struct reactor_entry *entry)
{
    struct peer_hot *hot = run_hot(shard->run, entry->target);
    if (__builtin_expect(!hot->up, 0)) {
        run_dispatch[REACTOR_MESSAGE](shard, entry);
        return;
    }
    handle(shard, hot, entry, run_bytes_of(shard, entry), true);
    give_flight(shard, entry);
}

/* Whether the upcoming event is a message is not to be guessed, so nothing branches on it while two lines are enough. */
static inline __attribute__((always_inline)) void prefetch_block(const struct run *run, const struct reactor_entry *upcoming)
{
    const uint8_t *block = run->peers + (size_t) upcoming->target * run->peer_bytes;
    bool message = (upcoming->order & REACTOR_CLASS_MASK) == REACTOR_MESSAGE;
    __builtin_prefetch(block, 1);
    if (run->prefetch_bytes <= LINE)
        return;
    uint32_t last = message ? run->prefetch_message_bytes - 1 : run->prefetch_bytes - 1;
    __builtin_prefetch(block + last / LINE * LINE, 1);
    for (uint32_t at = LINE; at + 2 * LINE <= run->prefetch_message_bytes; at += LINE)
        __builtin_prefetch(block + at, 1);
}

/* What does not stand in the entry itself. */
static inline __attribute__((always_inline)) void prefetch_payload(const struct shard *shard, const struct reactor_entry *upcoming)
{
    unsigned class = upcoming->order & REACTOR_CLASS_MASK;
    if (class == REACTOR_MESSAGE)
        __builtin_prefetch(flight_at(&shard->flights, upcoming->payload), 1);
    else if (class == REACTOR_TIMER)
        reactor_timer_prefetch(shard->timers, upcoming);
}

static inline __attribute__((always_inline)) void prefetch_far(const struct shard *shard, const struct reactor_entry *upcoming)
{
    prefetch_block(shard->run, upcoming);
    if (!(upcoming->order & (REACTOR_CARRIES | REACTOR_LOOSE)))
        prefetch_payload(shard, upcoming);
}

static __attribute__((noinline)) void prefetch_action(const struct shard *shard, const struct reactor_entry *upcoming)
{
    const struct run *run = shard->run;
    const struct peer_hot *hot = run_hot(run, upcoming->target);
    const struct workload_ops *ops = run->scenario->workloads[upcoming->kind].action.kind->ops;
    const struct overlay_ops *overlay = shard->active.instance->ops;
    struct overlay_id key;
    if (!shard->prefetch || !ops->key || !overlay->prefetch_lookup || !hot->up)
        return;
    ops->key(run, upcoming->kind, 0, draw_of(run, hot, upcoming), &key);
    overlay->prefetch_lookup(hot + 1, shard->shared[0], &key);
}

/* The target's first line has come by now: what it names, and what the overlay will touch. */
static inline __attribute__((always_inline)) void prefetch_near(const struct shard *shard, const struct reactor_entry *upcoming)
{
    unsigned class = upcoming->order & REACTOR_CLASS_MASK;
    if (class == REACTOR_WORKLOAD)
        prefetch_action(shard, upcoming);
    if (class != REACTOR_MESSAGE)
        return;
    const struct peer_hot *hot = run_hot(shard->run, upcoming->target);
    if (hot->lookups)
        __builtin_prefetch(base_slab_at(&shard->lookups, hot->lookups), 1);
    if (!shard->prefetch || !hot->up)
        return;
    struct run_bytes message = run_bytes_of(shard, upcoming);
    shard->prefetch(hot + 1, shard->shared[0], upcoming->kind, message.bytes, message.length);
}

/* Of a bucket just opened, the first ones at once. */
static __attribute__((noinline)) void look_into(const struct shard *shard, const struct reactor_queue *queue)
{
    const struct reactor_entry *upcoming;
    for (size_t ahead = 0; ahead < PREFETCH_FAR - 1 && (upcoming = reactor_queue_upcoming(queue, ahead)); ahead++)
        prefetch_far(shard, upcoming);
    for (size_t ahead = 0; ahead < PREFETCH_NEAR - 1 && (upcoming = reactor_queue_upcoming(queue, ahead)); ahead++)
        prefetch_near(shard, upcoming);
}

/* What is known to come is asked for one by one. */
static inline __attribute__((always_inline)) void look_ahead(const struct shard *shard, const struct reactor_queue *queue)
{
    const struct reactor_entry *far = reactor_queue_upcoming(queue, PREFETCH_FAR - 1);
    const struct reactor_entry *near =
        shard->prefetches_near ? reactor_queue_upcoming(queue, PREFETCH_NEAR - 1) : NULL;
    if (far)
        prefetch_far(shard, far);
    if (near)
        prefetch_near(shard, near);
}

uint32_t run_batch(void *context, struct reactor_queue *queue, uint64_t until_ns, uint32_t most, uint64_t *now_ns)
{
    struct shard *shard = context;
    bool prefetches = shard->run->prefetch_bytes > 0, plain = shard->run->plain;
    uint32_t left = most;
    for (; left && !shard->failure; left--) {
        uint64_t opened = queue->opened;
        struct reactor_entry *entry = reactor_queue_pop(queue, until_ns);
        if (!entry)
            break;
        if (prefetches) {
            if (__builtin_expect(opened != queue->opened, 0))
                look_into(shard, queue);
            look_ahead(shard, queue);
        }
        *now_ns = entry->due_ns;
        shard->event = entry;
        unsigned class = entry->order & REACTOR_CLASS_MASK;
        if (__builtin_expect(class == REACTOR_MESSAGE && plain, 1))
            on_plain_message(shard, entry);
        else
            run_dispatch[class](shard, entry);
    }
    return most - left;
}
