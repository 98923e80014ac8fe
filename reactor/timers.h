/* Timers that can be disarmed and re-armed, over the timed queue.
 *
 * A timer is a slot and at most one live queue entry (its payload is the slot's handle). Disarming frees the
 * slot at once; the entry dies where it lies and is dropped when it comes up, or swept out when the dead outnumber
 * the live. Re-arming to a later instant moves no entry: the one that lies there is pushed on when it comes up. So an
 * idle timer re-armed on each message costs a store. */
#ifndef REACTOR_TIMERS_H
#define REACTOR_TIMERS_H

#include "reactor/api.h"
#include "reactor/base/bit_tree.h"
#include "reactor/timed_queue.h"

REACTOR_API_BEGIN

#define REACTOR_TIMER_SLOT_BYTES 32u
#define REACTOR_TIMER_REST_BYTES 8u

struct reactor_timers {
    struct reactor_timer_slot *slots; /* by number; number 0 is never used */
    struct reactor_timer_rest *rests; /* by number: what only firing reads */
    uint8_t *marks;                   /* by number: of its live entry; so little that they stay in the cache */
    struct reactor_queue *queue;      /* borrowed */
    struct base_bit_tree given_back;  /* numbers: the lowest are taken first, so that what is armed lies together */
    uint64_t taken_bits;              /* the free ones of 64 numbers, from taken_first on: taken out of there at once */
    uint32_t taken_first;
    uint32_t given_last;              /* but before them the last one, still in the cache; 0: none */
    uint32_t capacity, used_end, live;
    size_t dead;                 /* entries in the queue whose timer is gone */
    uint32_t serial;             /* in the bits of a handle that timers_max leaves free: tells a slot's timers apart */
};

int reactor_timers_init(struct reactor_timers *timers, struct reactor_queue *queue, uint32_t timers_max);
void reactor_timers_done(struct reactor_timers *timers);

/* Arms a timer: entry says when, for whom, of which kind (its payload is overwritten); data comes back when it fires.
 * Its class is REACTOR_TIMER or REACTOR_INTERNAL: all entries of these classes are timers of this struct but those with
 * REACTOR_LOOSE in their order, which are pushed into the queue as they are and cannot be stopped: less than half as
 * dear. A handle (> 0), or 0 when a bound is reached. If it returns 0 it never fires, else exactly once or is disarmed. */
uint32_t reactor_timer_arm(struct reactor_timers *timers, const struct reactor_entry *entry, uint32_t data);
/* Stops it. A handle that is 0, has fired or is not target's is ignored (false). */
bool reactor_timer_disarm(struct reactor_timers *timers, uint32_t handle, uint32_t target);
/* Moves a pending timer of this target and source to another instant under a new count; its kind stays, whatever moved
 * says. False (and no effect) if it is not pending, or the queue is full. */
bool reactor_timer_rearm(struct reactor_timers *timers, uint32_t handle, const struct reactor_entry *moved);

/* To be called with each timer entry popped: true, with the data, when the timer fires now (its slot is free again, and
 * *entry is as it was armed last: count and cause); false when the entry was dead or has been pushed on. */
bool reactor_timer_fire(struct reactor_timers *timers, const struct reactor_entry *entry, uint32_t *data);

/* For walking the queue: whether an entry of timer class will fire as it stands. False: it is dead, or its timer has
 * been moved to a later instant. */
bool reactor_timer_is_live(const struct reactor_timers *timers, const struct reactor_entry *entry);

static inline uint32_t reactor_timer_mask(const struct reactor_timers *timers) /* of a number in a handle */
{
    return UINT32_MAX >> __builtin_clz(timers->capacity);
}

/* Asks the cache for what firing this upcoming entry will touch. */
static inline __attribute__((always_inline)) void reactor_timer_prefetch(const struct reactor_timers *timers, const struct reactor_entry *upcoming)
{
    size_t number = upcoming->payload & reactor_timer_mask(timers);
    const char *slot = (const char *) timers->slots + number * REACTOR_TIMER_SLOT_BYTES;
    __builtin_prefetch(slot, 1);
    __builtin_prefetch((const char *) timers->rests + number * REACTOR_TIMER_REST_BYTES);
}

REACTOR_API_END

#endif
