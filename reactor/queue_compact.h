/* An idle timer, packed (internal): most of the memory of a run with millions of peers is timers that are far. */
#ifndef REACTOR_QUEUE_COMPACT_H
#define REACTOR_QUEUE_COMPACT_H

#include "reactor/timed_queue.h"

/* Of a bucket no wider than this many bits of ns. */
#define QUEUE_COMPACT_BITS 32u

/* An entry for its own source, of step 0, with neither a cause nor a large payload nor carried bytes. */
struct queue_compact {
    uint32_t offset_ns; /* behind the bucket's begin */
    uint32_t target, count;
    uint16_t payload;
    uint8_t order, kind;
};
_Static_assert(sizeof(struct queue_compact) == 16, "half an entry");

static inline bool queue_compact_fits(const struct reactor_entry *entry)
{
    return ((entry->source - entry->target - 1) | entry->step | entry->cause | entry->payload >> 16 |
            (entry->order & REACTOR_CARRIES)) == 0;
}

static inline struct queue_compact queue_compact_of(const struct reactor_entry *entry, uint64_t begin_ns)
{
    return (struct queue_compact){(uint32_t) (entry->due_ns - begin_ns), entry->target, entry->count,
                                  (uint16_t) entry->payload, entry->order, entry->kind};
}

static inline struct reactor_entry queue_compact_expand(const struct queue_compact *compact, uint64_t begin_ns)
{
    return (struct reactor_entry){.due_ns = begin_ns + compact->offset_ns, .target = compact->target,
                                  .source = compact->target + 1, .count = compact->count, .order = compact->order,
                                  .kind = compact->kind, .payload = compact->payload};
}

#endif
