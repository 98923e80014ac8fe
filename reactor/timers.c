#include "reactor/timers.h"

#include <errno.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"

#define TIMERS_MAX_DEFAULT (UINT32_C(1) << 28)
#define SWEEP_LEAST 64 /* dead entries below which a sweep is not worth its call */
/* Timers are touched in no order, so that small pages miss their translations: from so many slots on (2.5 MiB) huge ones
 * are asked for. */
#define HUGE_FROM UINT32_C(65536)

/* A timer. Its handle is the slot's number below a few bits of a running number, so that a handle
 * kept too long does not hit the next timer of the slot. */
struct reactor_timer_slot {
    uint32_t handle; /* 0: free */
    uint32_t target, source;
    uint32_t lies_count; /* of its one live entry in the queue: due before due_ns unless this is count, too */
    uint64_t due_ns;     /* as armed last; so are count to kind */
    uint32_t data, count, cause;
    uint16_t step;
    uint8_t order, kind;
};
_Static_assert(sizeof(struct reactor_timer_slot) == REACTOR_TIMER_SLOT_BYTES,
               "with its 32-byte entry a timer costs 72 bytes");

int reactor_timers_init(struct reactor_timers *timers, struct reactor_queue *queue, uint32_t timers_max)
{
    uint32_t capacity = timers_max ? timers_max : TIMERS_MAX_DEFAULT;
    *timers = (struct reactor_timers){.queue = queue, .capacity = capacity, .used_end = 1};
    base_assert(capacity < UINT32_MAX);
    timers->slots = base_reserve(((size_t) capacity + 1) * sizeof timers->slots[0]);
    if (timers->slots && base_bit_tree_init(&timers->given_back, capacity + 1) == 0)
        return 0;
    reactor_timers_done(timers);
    return -ENOMEM;
}

void reactor_timers_done(struct reactor_timers *timers)
{
    if (timers->slots)
        base_unreserve(timers->slots, ((size_t) timers->capacity + 1) * sizeof timers->slots[0]);
    base_bit_tree_done(&timers->given_back);
    *timers = (struct reactor_timers){0};
}

/* The number of a free slot; 0: none. */
static uint32_t take_slot(struct reactor_timers *timers)
{
    uint32_t number = timers->given_last;
    if (number) {
        timers->given_last = 0;
    } else if (timers->given_back.count) {
        number = base_bit_tree_next(&timers->given_back, 0);
        base_bit_tree_remove(&timers->given_back, number);
    } else if (timers->used_end <= timers->capacity) {
        number = timers->used_end++;
        if (number == HUGE_FROM)
            base_reserve_huge(&timers->slots[number], (timers->capacity - number) * sizeof timers->slots[0]);
    }
    timers->live += number != 0;
    return number;
}

static void give_slot(struct reactor_timers *timers, uint32_t number)
{
    timers->slots[number].handle = 0;
    if (timers->given_last)
        base_bit_tree_add(&timers->given_back, timers->given_last);
    timers->given_last = number;
    timers->live--;
}

/* NULL when the handle's timer has fired or was disarmed, or never was. */
static struct reactor_timer_slot *find(const struct reactor_timers *timers, uint32_t handle)
{
    uint32_t number = handle & reactor_timer_mask(timers);
    if (number == 0 || number >= timers->used_end)
        return NULL;
    struct reactor_timer_slot *slot = &timers->slots[number];
    return slot->handle == handle ? slot : NULL;
}

/* The timer whose live entry this is. */
static struct reactor_timer_slot *find_by_entry(const struct reactor_timers *timers, const struct reactor_entry *entry)
{
    struct reactor_timer_slot *slot = find(timers, entry->payload);
    return slot && slot->lies_count == entry->count && slot->source == entry->source ? slot : NULL;
}

static bool is_timer_class(const struct reactor_entry *entry)
{
    unsigned class = entry->order & REACTOR_CLASS_MASK;
    return class == REACTOR_TIMER || class == REACTOR_INTERNAL;
}

static bool keep_live(void *context, const struct reactor_entry *entry)
{
    return !is_timer_class(entry) || entry->order & REACTOR_LOOSE || find_by_entry(context, entry) != NULL;
}

static void add_dead(struct reactor_timers *timers)
{
    timers->dead++;
    if (timers->dead > SWEEP_LEAST && timers->dead > reactor_queue_count(timers->queue) / 2)
        timers->dead -= reactor_queue_sweep(timers->queue, keep_live, timers);
}

static void set(struct reactor_timer_slot *slot, const struct reactor_entry *entry)
{
    slot->due_ns = entry->due_ns;
    slot->count = entry->count;
    slot->cause = entry->cause;
    slot->step = entry->step;
    slot->order = entry->order;
    slot->kind = entry->kind;
}

/* Pushes a timer's entry; false when the queue is full. */
static bool lay(struct reactor_timers *timers, uint32_t handle, const struct reactor_entry *entry)
{
    struct reactor_entry *place = reactor_queue_reserve(timers->queue, entry->due_ns, false);
    if (!place)
        return false;
    *place = *entry;
    place->payload = handle;
    reactor_queue_commit(timers->queue, place);
    return true;
}

uint32_t reactor_timer_arm(struct reactor_timers *timers, const struct reactor_entry *entry, uint32_t data)
{
    base_assert(is_timer_class(entry) && !(entry->order & (REACTOR_LOOSE | REACTOR_CARRIES)));
    uint32_t number = take_slot(timers);
    if (!number)
        return 0;
    timers->serial += reactor_timer_mask(timers) + 1; /* counts in the bits above the slot's number */
    uint32_t handle = number | timers->serial;
    if (!lay(timers, handle, entry)) {
        give_slot(timers, number);
        return 0;
    }
    struct reactor_timer_slot *slot = &timers->slots[number];
    slot->handle = handle;
    slot->target = entry->target;
    slot->source = entry->source;
    slot->lies_count = entry->count;
    slot->data = data;
    set(slot, entry);
    return handle;
}

bool reactor_timer_disarm(struct reactor_timers *timers, uint32_t handle, uint32_t target)
{
    const struct reactor_timer_slot *slot = find(timers, handle);
    if (!slot || slot->target != target)
        return false;
    give_slot(timers, handle & reactor_timer_mask(timers));
    add_dead(timers);
    return true;
}

bool reactor_timer_rearm(struct reactor_timers *timers, uint32_t handle, const struct reactor_entry *moved)
{
    struct reactor_timer_slot *slot = find(timers, handle);
    if (!slot || slot->target != moved->target || slot->source != moved->source)
        return false;
    struct reactor_entry kept = *moved, *entry = &kept;
    kept.kind = slot->kind;
    if (entry->due_ns > slot->due_ns || (entry->due_ns == slot->due_ns && slot->count != slot->lies_count)) {
        set(slot, entry); /* what lies there comes up earlier, and is pushed on then */
        return true;
    }
    if (!lay(timers, handle, entry))
        return false;
    set(slot, entry);
    slot->lies_count = entry->count;
    add_dead(timers);
    return true;
}

bool reactor_timer_fire(struct reactor_timers *timers, const struct reactor_entry *entry, uint32_t *data)
{
    struct reactor_timer_slot *slot = find_by_entry(timers, entry);
    if (!slot) {
        timers->dead--;
        return false;
    }
    if (slot->due_ns > entry->due_ns) {
        struct reactor_entry later = *entry; /* the queue still asks the popped one when it was due */
        later.due_ns = slot->due_ns;
        later.count = slot->lies_count = slot->count;
        later.cause = slot->cause;
        later.step = slot->step;
        later.order = slot->order;
        later.kind = slot->kind;
        bool is_laid = lay(timers, slot->handle, &later);
        base_assert(is_laid); /* in the place of the entry that was popped */
        return false;
    }
    *data = slot->data;
    give_slot(timers, entry->payload & reactor_timer_mask(timers));
    return true;
}

bool reactor_timer_is_live(const struct reactor_timers *timers, const struct reactor_entry *entry)
{
    if (entry->order & REACTOR_LOOSE)
        return true;
    const struct reactor_timer_slot *slot = find_by_entry(timers, entry);
    return slot && slot->due_ns == entry->due_ns;
}
