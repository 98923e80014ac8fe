/* The opened bucket of the timed queue (internal): its sorted keys, what is pushed into it, and its memory.
 *
 * Its entries lie in the chunks in which they came, and those are freed together when the bucket is used up: so what
 * was popped stays valid while its handler runs. What is pushed meanwhile takes the places of entries that were popped
 * before the last one, so a bucket that is never used up (a cascade of tiny delays) needs no more memory than it has
 * entries. */
#ifndef REACTOR_QUEUE_OPENED_H
#define REACTOR_QUEUE_OPENED_H

#include "reactor/queue_ladder.h"
#include "reactor/queue_parts.h"

#define QUEUE_OPEN_CAPACITY (2 * QUEUE_SORT_MAX)

struct queue_opened {
    struct queue_measure measure;
    struct queue_parts parts;        /* what comes after keys[end) */
    uint32_t chunk_first, chunk_last; /* the chain of all chunks that its entries lie in; 0: none */
    uint32_t tails[2];               /* in those taken since it was opened; 0: entries without, 1: with carried bytes */
    uint32_t spare[2];               /* units of popped entries, chained through their first four bytes */
    uint32_t held;                   /* the unit of the entry popped last when all before it were settled */
    size_t settled;                  /* what keys[.. settled) led to is spare or held */
    uint64_t floor_ns;               /* when the held entry was due: nothing may be due before */
    uint64_t entries, instants;      /* that it has had so far; instants of what was sorted */
    uint64_t pushed;                 /* into it, not due at once */
    uint32_t inserted;               /* among the keys since they were sorted */
    unsigned better_shift;           /* it is endless: buckets should be so wide; else 0 */
    struct queue_sorter sorter;
    uint64_t keys[QUEUE_OPEN_CAPACITY + REACTOR_QUEUE_AHEAD];
};

struct reactor_queue_far {
    struct queue_ladder ladder;
    struct queue_opened opened;
    size_t entries_max;
    size_t room_counted;    /* the queue's room when the ladder's count was right: pushes into the ladder lower it */
    uint64_t known_next_ns; /* the ladder's least due; 0: not known */
    struct { /* what has to be placed once it is written */
        _Alignas(64) struct reactor_entry entry;
        uint8_t carried[REACTOR_CARRIED_BYTES];
    } staging;
};

static inline struct queue_opened *opened_of(const struct reactor_queue *queue)
{
    return &queue->far->opened;
}

static inline struct queue_store *store_of(const struct reactor_queue *queue)
{
    return &queue->far->ladder.store;
}

/* Accounts for what was popped: the last one may still be looked at, the others' places are free. */
void queue_opened_settle(struct reactor_queue *queue);
/* A place in a chunk of the bucket's own: its unit. */
uint32_t queue_opened_append(struct reactor_queue *queue, bool carries);

/* All popped, nothing left in parts: frees its memory. */
void queue_opened_close(struct reactor_queue *queue);
/* Opens a bucket; a crowded one becomes a part that is split. */
void queue_opened_begin(struct reactor_queue *queue, const struct queue_bucket *bucket, uint64_t end_ns);
/* Makes the lowest part the opened keys, splitting it while it is too large. All keys are popped. */
void queue_opened_next_part(struct reactor_queue *queue);

/* Of a bucket that has had more pushed into it than all that is pending, and would go on so: puts what is left of it
 * back into the ladder, laid out for the density that it showed, and closes it. All keys are popped. */
void queue_opened_put_back(struct reactor_queue *queue);

/* A place for an entry, which is to be inserted when it is written. */
struct reactor_entry *queue_opened_reserve(struct reactor_queue *queue, bool carries);
void queue_opened_insert(struct reactor_queue *queue, const struct reactor_entry *entry);

void queue_opened_each(const struct reactor_queue *queue, queue_visit *visit, void *context);
size_t queue_opened_sweep(struct reactor_queue *queue, queue_choose *choose, void *context);

#endif
