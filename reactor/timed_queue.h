/* The timed queue: the simulator's event queue and the emulator's timer queue alike (DESIGN.md section 1).
 *
 * An entry is 32 bytes of plain data, not an object with a callback; 32 bytes more of the caller's may stand right
 * behind it. Entries leave in the total order (due, step, target, class, source, count); count is the source's own
 * count of entries, so no two entries tie and the order does not depend on who pushed first. Free of allocation after
 * start-up (storage is reserved address space), built for millions of pending entries: a ladder of buckets in which an
 * entry stays where it was written; of the opened bucket 8-byte keys are sorted, so the caller sees what comes next and
 * can prefetch for it.
 *
 * Life: init, push or reserve + commit / pop (from inside a dispatch too), done. One queue, one thread. The layout
 * below is open because the loops inline the common paths; treat it as read-only. */
#ifndef REACTOR_TIMED_QUEUE_H
#define REACTOR_TIMED_QUEUE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/api.h"

REACTOR_API_BEGIN

#define REACTOR_CLASS_MASK 7u
#define REACTOR_CLASSES 8
/* Bits of order that say something to this folder; the rest is the caller's and travels along. */
#define REACTOR_LOOSE 16u   /* a timer without a slot among reactor_timers: nobody can stop it */
#define REACTOR_CARRIES 32u /* 32 bytes of the caller's stand behind the entry, the two in one aligned cache line */
#define REACTOR_CARRIED_BYTES 32u
enum reactor_class { /* in the order in which one target's entries of one instant and step are dispatched */
    REACTOR_FAULT,
    REACTOR_LIFECYCLE,
    REACTOR_WORKLOAD,
    REACTOR_STREAM,
    REACTOR_MESSAGE,
    REACTOR_TIMER,
    REACTOR_USER,     /* what else a program has; the simulator: samples of its loop */
    REACTOR_INTERNAL, /* the loop's own: handlers' timeouts */
};

struct reactor_entry {
    uint64_t due_ns;  /* of the loop's clock */
    uint32_t target;  /* who is dispatched to: a peer's or a handler's index */
    uint32_t source;  /* 0: the plan; p + 1: peer p */
    uint32_t count;   /* of the source's entries: unique for a source */
    uint16_t step;    /* 0; an entry for its own source at the current instant: the current step + 1 */
    uint8_t order;    /* low 3 bits: enum reactor_class; the bits above; the rest is the caller's */
    uint8_t kind;     /* the caller's: a message or timer kind */
    uint32_t payload; /* the caller's: a handle */
    uint32_t cause;   /* the caller's: the causing event's number at its source */
};
static_assert(sizeof(struct reactor_entry) == 32, "two entries fill a cache line");

/* True when a leaves before b. */
static inline bool reactor_entry_before(const struct reactor_entry *a, const struct reactor_entry *b)
{
    if (a->due_ns != b->due_ns)
        return a->due_ns < b->due_ns;
    if (a->step != b->step)
        return a->step < b->step;
    if (a->target != b->target)
        return a->target < b->target;
    unsigned class_a = a->order & REACTOR_CLASS_MASK, class_b = b->order & REACTOR_CLASS_MASK;
    if (class_a != class_b)
        return class_a < class_b;
    if (a->source != b->source)
        return a->source < b->source;
    return a->count < b->count;
}

/* Field by field: the compiler makes wide copies of small stores otherwise, and those wait for each other. */
static inline void reactor_entry_fill(struct reactor_entry *place, const struct reactor_entry *entry)
{
    place->due_ns = entry->due_ns;
    place->target = entry->target;
    place->source = entry->source;
    place->count = entry->count;
    place->step = entry->step;
    place->order = entry->order;
    place->kind = entry->kind;
    place->payload = entry->payload;
    place->cause = entry->cause;
}

#define REACTOR_QUEUE_CHUNK 64u /* units of 16 bytes that are taken at once for the entries of a bucket */
/* An entry is asked for when so many are popped before it. Keys may be read so far beyond the end. */
#define REACTOR_QUEUE_AHEAD 32u
struct reactor_queue_far; /* what the common paths do not touch: queue_far.h */

struct reactor_queue {
    uint8_t *units;        /* where entries lie: unit i at 16 i */
    const uint64_t *keys;  /* the opened bucket, sorted: the low half of a key is its entry's unit */
    size_t cursor, end;    /* keys[cursor .. end) are still to come */
    uint64_t open_end_ns;  /* entries due before it go into the opened bucket; the next bucket begins there */
    uint64_t span_ns[2];   /* how far behind that entries (0: without, 1: with carried bytes) are appended at once */
    uint8_t *dues;         /* by chunk: the low halves of its entries' due_ns, so that opening reads 4 bytes of each */
    uint32_t *tails[2];    /* where in the last chunk of each bucket the next such entry goes, as a unit */
    uint32_t shift, mask;  /* an instant's bucket: instant >> shift & mask */
    size_t room;           /* this many entries at least may be pushed */
    struct reactor_entry *staged; /* reserved, and the commit has something to do; else NULL */
    uint64_t opened;       /* how many times a bucket, or a part of one, was opened */
    struct reactor_queue_far *far;
};

/* entries_max bounds the pending entries (address space is reserved for it; 0: 2^31). 0, or -ENOMEM. */
int reactor_queue_init(struct reactor_queue *queue, size_t entries_max);
void reactor_queue_done(struct reactor_queue *queue);

static inline struct reactor_entry *reactor_queue_at(const struct reactor_queue *queue, uint32_t unit)
{
    return (struct reactor_entry *) (void *) (queue->units + (size_t) unit * 16);
}

/* Where the low half of due_ns is noted beside the entry at a unit: 4 bytes of 4 or, where entries carry, of 8. */
static inline uint32_t *reactor_queue_due_at(uint8_t *dues, uint32_t unit)
{
    return (uint32_t *) (void *) (dues + (size_t) unit * 2);
}

/* Slow paths of the two below. */
struct reactor_entry *reactor_queue_reserve_slow(struct reactor_queue *queue, uint64_t due_ns, bool carries);
void reactor_queue_commit_staged(struct reactor_queue *queue);
/* As reserve, for an entry without carried bytes that is not to be packed: it is written in its place however far. */
struct reactor_entry *reactor_queue_reserve_unpacked(struct reactor_queue *queue, uint64_t due_ns);

/* Where to write an entry due at due_ns: all 32 bytes of it, with that due_ns and with REACTOR_CARRIES in order if it
 * carries, and then the 32 carried bytes; at once, and then commit. NULL when the bound is reached. (An entry that is
 * built elsewhere by small stores and copied by wide ones waits for those stores.) An entry due before what was popped
 * last is a mistake of the caller (asserted). O(1) amortised. */
static inline struct reactor_entry *reactor_queue_reserve_shown(struct reactor_queue *queue, uint64_t due_ns, bool carries);
static inline struct reactor_entry *reactor_queue_reserve(struct reactor_queue *queue, uint64_t due_ns, bool carries)
{
    struct reactor_entry *place = reactor_queue_reserve_shown(queue, due_ns, carries);
    return __builtin_expect(place != NULL, 1) ? place : reactor_queue_reserve_slow(queue, due_ns, carries);
}

/* The common case of it, for callers who have a slow path of their own: what it gives need not be committed. NULL: this
 * is not that case. */
static inline struct reactor_entry *reactor_queue_reserve_shown(struct reactor_queue *queue, uint64_t due_ns, bool carries)
{
    uint32_t *tail = &queue->tails[carries][due_ns >> queue->shift & queue->mask];
    uint32_t unit = *tail;
    bool is_shown = due_ns - queue->open_end_ns < queue->span_ns[carries];
    if (__builtin_expect(!is_shown || unit % REACTOR_QUEUE_CHUNK == 0 || !queue->room, 0))
        return NULL;
    *tail = unit + (carries ? 4 : 2);
    *reactor_queue_due_at(queue->dues, unit) = (uint32_t) due_ns;
    queue->room--;
    return reactor_queue_at(queue, unit);
}

static inline void reactor_queue_commit(struct reactor_queue *queue, const struct reactor_entry *entry)
{
    if (__builtin_expect(entry == queue->staged, 0))
        reactor_queue_commit_staged(queue);
}

/* Copies *entry, and what stands behind it if it carries. 0, or -ENOBUFS at the bound (nothing was pushed). */
int reactor_queue_push(struct reactor_queue *queue, const struct reactor_entry *entry)
    __attribute__((warn_unused_result));

/* Opens the next bucket; false when nothing is pending before limit_ns. Slow path of pop. */
bool reactor_queue_open_next(struct reactor_queue *queue, uint64_t limit_ns);

/* The next entry if it is due before limit_ns, else NULL. It stays where it is until the next peek, pop or next_due,
 * whatever is pushed or swept in between: a handler may read its message's bytes there while it sends others. It may
 * write to it, but leave REACTOR_CARRIES in order as it is. */
static inline struct reactor_entry *reactor_queue_peek(struct reactor_queue *queue, uint64_t limit_ns)
{
    if (queue->cursor == queue->end && !reactor_queue_open_next(queue, limit_ns))
        return NULL;
    struct reactor_entry *entry = reactor_queue_at(queue, (uint32_t) queue->keys[queue->cursor]);
    return entry->due_ns < limit_ns ? entry : NULL;
}

/* As peek, and takes it out. */
static inline struct reactor_entry *reactor_queue_pop(struct reactor_queue *queue, uint64_t limit_ns)
{
    struct reactor_entry *entry = reactor_queue_peek(queue, limit_ns);
    if (__builtin_expect(!entry, 0))
        return NULL;
    __builtin_prefetch(reactor_queue_at(queue, (uint32_t) queue->keys[queue->cursor + REACTOR_QUEUE_AHEAD]));
    queue->cursor++;
    return entry;
}

/* The entry that comes `ahead` after the next one, as far as is known yet (inside the opened bucket), else NULL: for
 * prefetching only, another may come in between. */
static inline const struct reactor_entry *reactor_queue_upcoming(const struct reactor_queue *queue, size_t ahead)
{
    size_t at = queue->cursor + ahead;
    return at < queue->end ? reactor_queue_at(queue, (uint32_t) queue->keys[at]) : NULL;
}

/* When the next entry is due; UINT64_MAX when there is none. May open a bucket. */
uint64_t reactor_queue_next_due(struct reactor_queue *queue);
size_t reactor_queue_count(const struct reactor_queue *queue);
size_t reactor_queue_bytes(const struct reactor_queue *queue); /* resident, for reports */

/* Calls visit for each pending entry, in no order; carried bytes stand behind it. */
void reactor_queue_each(const struct reactor_queue *queue,
                        void (*visit)(void *context, const struct reactor_entry *entry), void *context);
/* Removes the entries for which choose sets keep to false; keeps the order of the others. It is asked about up to
 * REACTOR_QUEUE_CHUNK entries at once, in no order, so that it can look many things up side by side. O(n). */
size_t reactor_queue_sweep(struct reactor_queue *queue,
                           void (*choose)(void *context, const struct reactor_entry *const *entries, size_t count,
                                          bool *keep), void *context);

REACTOR_API_END

#endif
