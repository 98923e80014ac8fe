/* What bench_queue compares: the timed queue with its timers, a binary heap with timers that are deleted lazily, and a
 * FIFO. All take the same entries, and are inlined into the loop that measures them. */
#ifndef TESTS_BENCH_QUEUE_SUBJECTS_H
#define TESTS_BENCH_QUEUE_SUBJECTS_H

#include <stdlib.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"
#include "reactor/timers.h"

enum subject_kind { SUBJECT_QUEUE, SUBJECT_HEAP, SUBJECT_FIFO, SUBJECTS };

struct heap_timer {
    uint64_t due_ns;
    uint32_t lies_count; /* of its live entry; 0: none */
};

struct subject {
    struct reactor_queue queue;
    struct reactor_timers timers;
    uint32_t *handles;             /* by timer, with the queue */
    struct heap_timer *slots;      /* by timer, with the heap */
    struct reactor_entry *entries; /* of the heap or the FIFO */
    struct reactor_entry popped;
    size_t count, capacity, at, dead;
};

static inline void subject_init(struct subject *subject, enum subject_kind kind, size_t pending, uint32_t timers)
{
    *subject = (struct subject){.capacity = 3 * pending + 4096};
    if (kind == SUBJECT_QUEUE) {
        base_assert(reactor_queue_init(&subject->queue, subject->capacity) == 0);
        base_assert(reactor_timers_init(&subject->timers, &subject->queue, timers + 1) == 0);
        subject->handles = calloc(timers + 1, sizeof subject->handles[0]);
        base_assert(subject->handles);
        return;
    }
    subject->entries = base_reserve(subject->capacity * sizeof subject->entries[0]);
    subject->slots = calloc(timers + 1, sizeof subject->slots[0]);
    base_assert(subject->entries && subject->slots);
}

static inline void subject_done(struct subject *subject, enum subject_kind kind)
{
    if (kind == SUBJECT_QUEUE) {
        reactor_timers_done(&subject->timers);
        reactor_queue_done(&subject->queue);
        free(subject->handles);
        return;
    }
    base_unreserve(subject->entries, subject->capacity * sizeof subject->entries[0]);
    free(subject->slots);
}

static inline void heap_sink(struct subject *heap, size_t at, struct reactor_entry moving)
{
    struct reactor_entry *entries = heap->entries;
    for (size_t child = 2 * at + 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && reactor_entry_before(&entries[child + 1], &entries[child]))
            child++;
        if (!reactor_entry_before(&entries[child], &moving))
            break;
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = moving;
}

static inline __attribute__((always_inline)) void heap_push(struct subject *heap, const struct reactor_entry *entry)
{
    struct reactor_entry *entries = heap->entries;
    size_t at = heap->count++;
    base_assert(at < heap->capacity);
    for (; at && reactor_entry_before(entry, &entries[(at - 1) / 2]); at = (at - 1) / 2)
        entries[at] = entries[(at - 1) / 2];
    entries[at] = *entry;
}

static inline bool heap_is_live(const struct subject *heap, const struct reactor_entry *entry)
{
    return entry->order != REACTOR_TIMER || heap->slots[entry->payload].lies_count == entry->count;
}

/* As many dead as live: out with them, and the heap is made anew. */
static inline void heap_add_dead(struct subject *heap)
{
    if (++heap->dead <= heap->count / 2)
        return;
    size_t to = 0;
    for (size_t i = 0; i < heap->count; i++) {
        if (heap_is_live(heap, &heap->entries[i]))
            heap->entries[to++] = heap->entries[i];
    }
    heap->count = to;
    heap->dead = 0;
    for (size_t at = to / 2; at-- > 0;)
        heap_sink(heap, at, heap->entries[at]);
}

/* A message, written in its place where there is one: bytes that are copied wide just after they were stored narrow
 * wait for those stores. */
static inline __attribute__((always_inline)) void subject_push(struct subject *subject, enum subject_kind kind,
                                                               uint64_t due_ns, uint32_t target, uint32_t count)
{
    struct reactor_entry local, *place = &local;
    if (kind == SUBJECT_QUEUE) {
        place = reactor_queue_reserve(&subject->queue, due_ns, false);
        base_assert(place);
    } else if (kind == SUBJECT_FIFO) {
        size_t end = subject->at + subject->count++;
        place = &subject->entries[end < subject->capacity ? end : end - subject->capacity];
    }
    place->due_ns = due_ns;
    place->target = target;
    place->source = 1;
    place->count = count;
    place->step = 0;
    place->order = REACTOR_MESSAGE;
    place->kind = 0;
    place->payload = place->cause = 0;
    if (kind == SUBJECT_QUEUE)
        reactor_queue_commit(&subject->queue, place);
    else if (kind == SUBJECT_HEAP)
        heap_push(subject, place);
}

/* The next entry, dead timers too. */
static inline __attribute__((always_inline)) const struct reactor_entry *subject_pop(struct subject *subject,
                                                                                     enum subject_kind kind)
{
    if (kind == SUBJECT_QUEUE)
        return reactor_queue_pop(&subject->queue, UINT64_MAX);
    subject->count--;
    if (kind == SUBJECT_HEAP) {
        subject->popped = subject->entries[0];
        heap_sink(subject, 0, subject->entries[subject->count]);
        return &subject->popped;
    }
    const struct reactor_entry *entry = &subject->entries[subject->at];
    subject->at = subject->at + 1 < subject->capacity ? subject->at + 1 : 0;
    return entry;
}

/* Timer number `number`, which has none pending. */
static inline void subject_arm(struct subject *subject, enum subject_kind kind, uint32_t number,
                               struct reactor_entry *entry)
{
    if (kind == SUBJECT_QUEUE) {
        subject->handles[number] = reactor_timer_arm(&subject->timers, entry, number);
        base_assert(subject->handles[number]);
        return;
    }
    entry->payload = number;
    subject->slots[number] = (struct heap_timer){entry->due_ns, entry->count};
    heap_push(subject, entry);
}

static inline void subject_rearm(struct subject *subject, enum subject_kind kind, uint32_t number,
                                 struct reactor_entry *entry)
{
    if (kind == SUBJECT_QUEUE) {
        base_assert(reactor_timer_rearm(&subject->timers, subject->handles[number], entry));
        return;
    }
    struct heap_timer *slot = &subject->slots[number];
    if (entry->due_ns > slot->due_ns) { /* what lies there comes up before, and is pushed on then */
        slot->due_ns = entry->due_ns;
        return;
    }
    subject_arm(subject, kind, number, entry);
    heap_add_dead(subject);
}

static inline void subject_disarm(struct subject *subject, enum subject_kind kind, uint32_t number)
{
    if (kind == SUBJECT_QUEUE) {
        base_assert(reactor_timer_disarm(&subject->timers, subject->handles[number], number));
        return;
    }
    subject->slots[number].lies_count = 0;
    heap_add_dead(subject);
}

/* Whether a popped timer fires; *number tells which. It has none pending then. */
static inline bool subject_fires(struct subject *subject, enum subject_kind kind, const struct reactor_entry *popped,
                                 uint32_t *number)
{
    struct reactor_entry entry = *popped;
    if (kind == SUBJECT_QUEUE)
        return reactor_timer_fire(&subject->timers, &entry, number);
    struct heap_timer *slot = &subject->slots[*number = entry.payload];
    if (!heap_is_live(subject, &entry)) {
        subject->dead--;
        return false;
    }
    if (slot->due_ns > entry.due_ns) {
        entry.due_ns = slot->due_ns;
        heap_push(subject, &entry);
        return false;
    }
    slot->lies_count = 0;
    return true;
}

#endif
