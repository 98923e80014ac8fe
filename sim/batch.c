/* The fast path of virtual time: events one after the other, each target asked for ahead, a plain message handled without
 * a look at what it does not need. From there it is the overlay's, and peer_send's (route.h). */
#include "sim/handle.h"

/* Events run in groups. Before each, the first lines of the targets' blocks of a later group are asked for, all at once: where
 * a page has yet to be found the processor waits for it, but finds those of others meanwhile. What is beyond a first line is
 * asked for with each event, of one: many misses at once would wait for a free place among those under way. */
#define GROUP 8u
#define FIRST (2 * GROUP) /* events behind the next one: where that group begins; */
#define REST 14u          /* of the one whose other lines are asked for; */
#define NEAR 6u           /* and whose first line has come, which says what the overlay will touch */
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
    __builtin_prefetch(block + run->prefetch_last[message], 1); /* (a choice between two becomes a branch) */
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

/* The entry so many places behind the next one; it is known to be there. */
static inline struct reactor_entry *known_at(const struct reactor_queue *queue, size_t ahead)
{
    return reactor_queue_at(queue, (uint32_t) queue->keys[queue->cursor + ahead]);
}

static inline const uint8_t *block_of(const struct run *run, const struct reactor_entry *entry)
{
    return run->peers + (size_t) entry->target * run->peer_bytes;
}

static inline __attribute__((always_inline)) void prefetch_first(const struct run *run, const struct reactor_queue *queue,
                                                                 size_t from, size_t end)
{
    for (size_t i = from; i < end; i++)
        __builtin_prefetch(block_of(run, known_at(queue, i)), 1);
}

/* Whether an upcoming event is a message is not to be guessed, so nothing branches on it while two lines are enough. */
static inline __attribute__((always_inline)) void prefetch_beyond(const struct shard *shard, const struct reactor_entry *upcoming)
{
    const struct run *run = shard->run;
    if (run->prefetch_bytes > LINE)
        prefetch_rest(run, block_of(run, upcoming), (upcoming->order & REACTOR_CLASS_MASK) == REACTOR_MESSAGE);
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

/* The target's first line has come by now: what the overlay will touch, and a lookup that may end (where there is none, a
 * record that nobody uses). */
static inline __attribute__((always_inline)) void prefetch_near(const struct shard *shard, const struct reactor_entry *upcoming)
{
    unsigned class = upcoming->order & REACTOR_CLASS_MASK;
    const struct peer_hot *hot = run_hot(shard->run, upcoming->target);
    if (class == REACTOR_WORKLOAD)
        prefetch_action(shard, upcoming);
    if (class != REACTOR_MESSAGE || !hot->up)
        return;
    struct run_bytes message = run_bytes_of(shard, upcoming);
    if (!shard->prefetch || shard->prefetch(hot + 1, shard->shared[0], upcoming->kind, message.bytes, message.length))
        __builtin_prefetch(base_slab_at(&shard->lookups, hot->lookups), 1);
}

static inline uint32_t least_of(uint64_t a, uint64_t b)
{
    return (uint32_t) (a < b ? a : b);
}

/* Of a bucket just opened, what comes before all that the two below ask for. */
static __attribute__((noinline)) void look_into(const struct shard *shard, const struct reactor_queue *queue)
{
    const size_t known = queue->end - queue->cursor;
    prefetch_first(shard->run, queue, 0, least_of(known, FIRST));
    for (size_t i = 0; i < REST && i < known; i++)
        prefetch_beyond(shard, known_at(queue, i));
    for (size_t i = 0; i < NEAR && i < known && shard->prefetches_near; i++)
        prefetch_near(shard, known_at(queue, i));
}

/* With each group. */
static inline __attribute__((always_inline)) void look_far(const struct shard *shard, const struct reactor_queue *queue)
{
    for (size_t i = FIRST + GROUP; i < FIRST + 2 * GROUP; i++)
        __builtin_prefetch(known_at(queue, i)); /* beyond the end there are keys, too */
    prefetch_first(shard->run, queue, FIRST, least_of(queue->end - queue->cursor, FIRST + GROUP));
}

/* With each event. */
static inline __attribute__((always_inline)) void look_near(const struct shard *shard, const struct reactor_queue *queue)
{
    const size_t known = queue->end - queue->cursor;
    if (known > REST)
        prefetch_beyond(shard, known_at(queue, REST));
    if (known > NEAR && shard->prefetches_near)
        prefetch_near(shard, known_at(queue, NEAR));
}

static inline __attribute__((always_inline)) void run_event(struct shard *shard, struct reactor_entry *entry, unsigned plain_order)
{
    shard->event = entry;
    if (__builtin_expect((entry->order & (REACTOR_CLASS_MASK | REACTOR_CARRIES)) == plain_order, 1))
        on_plain_message(shard, entry);
    else
        run_dispatch[entry->order & REACTOR_CLASS_MASK](shard, entry);
}

/* The next events of the opened bucket, so many at most. How many were due: fewer, too, where an event has dead timers swept out. */
static inline __attribute__((always_inline)) uint32_t run_group(struct shard *shard, struct reactor_queue *queue,
                                                                uint64_t until_ns, uint32_t most, uint64_t *now_ns,
                                                                bool prefetches)
{
    const unsigned plain_order = shard->run->plain ? REACTOR_MESSAGE | REACTOR_CARRIES : UINT8_MAX; /* that of none */
    if (prefetches)
        look_far(shard, queue);
    uint32_t done = 0;
    for (; done < most && queue->cursor != queue->end; done++) {
        struct reactor_entry *entry = known_at(queue, 0);
        if (entry->due_ns >= until_ns)
            break;
        if (prefetches)
            look_near(shard, queue);
        queue->cursor++;
        *now_ns = entry->due_ns;
        run_event(shard, entry, plain_order);
    }
    return done;
}

uint32_t run_batch(void *context, struct reactor_queue *queue, uint64_t until_ns, uint32_t most, uint64_t *now_ns)
{
    struct shard *shard = context;
    const bool prefetches = shard->run->prefetch_bytes > 0;
    uint64_t opened = queue->opened;
    uint32_t left = most, wanted = 1, done = 1;
    for (; done == wanted && left && !shard->failure; left -= done) {
        if (queue->cursor == queue->end && !reactor_queue_open_next(queue, until_ns))
            break;
        if (prefetches && opened != queue->opened)
            look_into(shard, queue);
        opened = queue->opened;
        wanted = least_of(least_of(queue->end - queue->cursor, GROUP), left);
        done = run_group(shard, queue, until_ns, wanted, now_ns, prefetches);
    }
    return most - left;
}
