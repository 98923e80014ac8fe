#include "reactor/timers.h"

#include "reactor/base/assert.h"

#define TIMERS_MAX_DEFAULT (UINT32_C(1) << 28)
#define SWEEP_LEAST 64 /* dead entries below which a sweep is not worth its call */

/* A timer. Its handle is the slot's number below a few bits of a running number, so that a handle kept too long does
 * not hit the next timer of the slot. While the slot is free the slab's chain stands in the handle's place: another
 * slot's number or 0, so never its own. */
struct timer_slot {
    uint32_t handle;
    uint32_t target;
    uint64_t due_ns;     /* as armed last; so are source to kind */
    uint32_t data, source, count, cause;
    uint32_t lies_count; /* of its one live entry in the queue: due before due_ns unless this is count, too */
    uint16_t step;
    uint8_t order, kind;
};
_Static_assert(sizeof(struct timer_slot) == 40, "with its 32-byte entry a timer costs 72 bytes");

static uint32_t slot_mask(const struct reactor_timers *timers)
{
    return UINT32_MAX >> __builtin_clz(timers->slots.capacity);
}

int reactor_timers_init(struct reactor_timers *timers, struct reactor_queue *queue, uint32_t timers_max)
{
    *timers = (struct reactor_timers){.queue = queue};
    return base_slab_init(&timers->slots, sizeof(struct timer_slot), timers_max ? timers_max : TIMERS_MAX_DEFAULT);
}

void reactor_timers_done(struct reactor_timers *timers)
{
    base_slab_done(&timers->slots);
}

/* NULL when the handle's timer has fired or was disarmed, or never was. */
static struct timer_slot *find(const struct reactor_timers *timers, uint32_t handle)
{
    uint32_t number = handle & slot_mask(timers);
    if (number == 0 || number >= timers->slots.used_end)
        return NULL;
    struct timer_slot *slot = base_slab_at(&timers->slots, number);
    return slot->handle == handle ? slot : NULL;
}

/* The timer whose live entry this is. */
static struct timer_slot *find_by_entry(const struct reactor_timers *timers, const struct reactor_entry *entry)
{
    struct timer_slot *slot = find(timers, entry->payload);
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

static void set(struct timer_slot *slot, const struct reactor_entry *entry)
{
    slot->target = entry->target;
    slot->due_ns = entry->due_ns;
    slot->source = entry->source;
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
    uint32_t number = base_slab_take(&timers->slots);
    if (!number)
        return 0;
    timers->serial += slot_mask(timers) + 1; /* counts in the bits above the slot's number */
    uint32_t handle = number | timers->serial;
    if (!lay(timers, handle, entry)) {
        base_slab_give(&timers->slots, number);
        return 0;
    }
    struct timer_slot *slot = base_slab_at(&timers->slots, number);
    set(slot, entry);
    slot->handle = handle;
    slot->lies_count = entry->count;
    slot->data = data;
    return handle;
}

bool reactor_timer_disarm(struct reactor_timers *timers, uint32_t handle, uint32_t target)
{
    struct timer_slot *slot = find(timers, handle);
    if (!slot || slot->target != target)
        return false;
    base_slab_give(&timers->slots, handle & slot_mask(timers));
    add_dead(timers);
    return true;
}

bool reactor_timer_rearm(struct reactor_timers *timers, uint32_t handle, const struct reactor_entry *moved)
{
    struct timer_slot *slot = find(timers, handle);
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
    struct timer_slot *slot = find_by_entry(timers, entry);
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
    base_slab_give(&timers->slots, entry->payload & slot_mask(timers));
    return true;
}

bool reactor_timer_is_live(const struct reactor_timers *timers, const struct reactor_entry *entry)
{
    if (entry->order & REACTOR_LOOSE)
        return true;
    const struct timer_slot *slot = find_by_entry(timers, entry);
    return slot && slot->due_ns == entry->due_ns;
}
