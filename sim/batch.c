/* The fast path of virtual time: events one after the other, each target asked for ahead, a plain message handled without
 * a look at what it does not need. From there it is the overlay's, and peer_send's (route.h). */
#include "sim/handle.h"

/* How many events ahead an upcoming target's block is asked for; and then, when that has come, what the overlay will touch
 * beyond its first line. With each event one of each, not some at once every few events: a burst of misses has the
 * processor wait for a free place among those under way, the same misses one by one go on beside the events. */
#define PREFETCH_FAR 12u
#define PREFETCH_NEAR 5u
#define LINE 64u

/* dispatch.c's on_message, of one that is carried, where run->plain. */
static inline __attribute__((always_inline)) void on_plain_message(struct shard *shard, struct reactor_entry *entry)
{
    struct peer_hot *hot = run_hot(shard->run, entry->target);
    const struct run_carried *carried = (const struct run_carried *) (const void *) entry;
    size_t length = entry->payload;
    if (__builtin_expect(!hot->up, 0)) {
        run_dispatch[REACTOR_MESSAGE](shard, entry);
        return;
    }
    if (length > RUN_CARRIED_MAX || (entry->order & REACTOR_CLASS_MASK) != REACTOR_MESSAGE)
        __builtin_unreachable(); /* told to the compiler, for the digest */
    handle(shard, hot, entry, (struct run_bytes){carried->bytes, length, 0}, true);
}

/* What a message touches beyond the first line, where that is more than one; of a timer, the last line that may matter. */
static inline __attribute__((always_inline)) void prefetch_rest(const struct run *run, const uint8_t *block, bool message)
{
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

/* Whether the upcoming event is a message is not to be guessed, so nothing branches on it while two lines are enough. */
static inline __attribute__((always_inline)) void prefetch_far(const struct shard *shard, const struct reactor_entry *upcoming)
{
    const struct run *run = shard->run;
    const uint8_t *block = run->peers + (size_t) upcoming->target * run->peer_bytes;
    __builtin_prefetch(block, 1);
    if (run->prefetch_bytes > LINE)
        prefetch_rest(run, block, (upcoming->order & REACTOR_CLASS_MASK) == REACTOR_MESSAGE);
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

/* The target's first line has come by now: what it names (of no lookup, the first one's), and what the overlay will
 * touch. */
static inline __attribute__((always_inline)) void prefetch_near(const struct shard *shard, const struct reactor_entry *upcoming)
{
    unsigned class = upcoming->order & REACTOR_CLASS_MASK;
    const struct peer_hot *hot = run_hot(shard->run, upcoming->target);
    __builtin_prefetch(base_slab_at(&shard->lookups, hot->lookups), 1);
    if (class == REACTOR_MESSAGE && shard->prefetch && hot->up) {
        struct run_bytes message = run_bytes_of(shard, upcoming);
        shard->prefetch(hot + 1, shard->shared[0], upcoming->kind, message.bytes, message.length);
    }
    if (class == REACTOR_WORKLOAD)
        prefetch_action(shard, upcoming);
}

/* The entry so many places behind the next one; it is known to be there. */
static inline struct reactor_entry *known_at(const struct reactor_queue *queue, size_t ahead)
{
    return reactor_queue_at(queue, (uint32_t) queue->keys[queue->cursor + ahead]);
}

/* Of a bucket just opened, what comes before all that look_ahead asks for. */
static __attribute__((noinline)) void look_into(const struct shard *shard, const struct reactor_queue *queue)
{
    const size_t known = queue->end - queue->cursor;
    for (size_t i = 0; i < PREFETCH_FAR && i < known; i++)
        prefetch_far(shard, known_at(queue, i));
    for (size_t i = 0; i < PREFETCH_NEAR && i < known && shard->prefetches_near; i++)
        prefetch_near(shard, known_at(queue, i));
}

static inline __attribute__((always_inline)) void look_ahead(const struct shard *shard, const struct reactor_queue *queue)
{
    const size_t known = queue->end - queue->cursor;
    __builtin_prefetch(known_at(queue, REACTOR_QUEUE_AHEAD - 1)); /* there is a key at least */
    if (known > PREFETCH_FAR)
        prefetch_far(shard, known_at(queue, PREFETCH_FAR));
    if (known > PREFETCH_NEAR && shard->prefetches_near)
        prefetch_near(shard, known_at(queue, PREFETCH_NEAR));
}

static inline __attribute__((always_inline)) void run_event(struct shard *shard, struct reactor_entry *entry, unsigned plain_order)
{
    shard->event = entry;
    if (__builtin_expect((entry->order & (REACTOR_CLASS_MASK | REACTOR_CARRIES)) == plain_order, 1))
        on_plain_message(shard, entry);
    else
        run_dispatch[entry->order & REACTOR_CLASS_MASK](shard, entry);
}

/* The events of the opened bucket, as long as there are some. */
static inline __attribute__((always_inline)) uint32_t run_opened(struct shard *shard, struct reactor_queue *queue,
                                                                 uint64_t until_ns, uint32_t most, uint64_t *now_ns,
                                                                 bool prefetches)
{
    const unsigned plain_order = shard->run->plain ? REACTOR_MESSAGE | REACTOR_CARRIES : UINT8_MAX; /* that of none */
    uint32_t left = most;
    for (; left && queue->cursor != queue->end && !shard->failure; left--) {
        struct reactor_entry *entry = known_at(queue, 0);
        if (entry->due_ns >= until_ns)
            break;
        if (prefetches)
            look_ahead(shard, queue);
        queue->cursor++;
        *now_ns = entry->due_ns;
        run_event(shard, entry, plain_order);
    }
    return most - left;
}

uint32_t run_batch(void *context, struct reactor_queue *queue, uint64_t until_ns, uint32_t most, uint64_t *now_ns)
{
    struct shard *shard = context;
    uint64_t opened = queue->opened;
    uint32_t left = most, done = 1;
    while (left && done && !shard->failure) {
        if (queue->cursor == queue->end && !reactor_queue_open_next(queue, until_ns))
            break;
        bool prefetches = shard->run->prefetch_bytes > 0;
        if (prefetches && opened != queue->opened)
            look_into(shard, queue);
        opened = queue->opened;
        done = run_opened(shard, queue, until_ns, left, now_ns, prefetches);
        left -= done;
    }
    return most - left;
}
