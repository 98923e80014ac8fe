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
    uint32_t count;  /* as armed last; so are due_ns to kind */
    uint64_t due_ns;
    uint32_t cause;
    uint16_t step;
    uint8_t order, kind;
};
_Static_assert(sizeof(struct reactor_timer_slot) == REACTOR_TIMER_SLOT_BYTES, "never in two cache lines");

/* What re-arming to a later instant, or disarming, needs not look at. */
struct reactor_timer_rest {
    uint32_t lies_count; /* of its one live entry in the queue: due before due_ns unless this is count, too */
    uint32_t data;
};
_Static_assert(sizeof(struct reactor_timer_rest) == REACTOR_TIMER_REST_BYTES, "is asked for by its number");

/* Whatever the bits of an entry's payload that hold a slot's number say, it can be looked up. */
static size_t marks_bytes(const struct reactor_timers *timers)
{
    return ((size_t) reactor_timer_mask(timers) + 1) * sizeof timers->marks[0];
}

int reactor_timers_init(struct reactor_timers *timers, struct reactor_queue *queue, uint32_t timers_max)
{
    uint32_t capacity = timers_max ? timers_max : TIMERS_MAX_DEFAULT;
    *timers = (struct reactor_timers){.queue = queue, .capacity = capacity, .used_end = 1};
    base_assert(capacity < UINT32_MAX);
    timers->slots = base_reserve(((size_t) capacity + 1) * sizeof timers->slots[0]);
    timers->rests = base_reserve(((size_t) capacity + 1) * sizeof timers->rests[0]);
    timers->marks = base_reserve(marks_bytes(timers));
    if (timers->slots && timers->rests && timers->marks && base_bit_tree_init(&timers->given_back, capacity + 1) == 0)
        return 0;
    reactor_timers_done(timers);
    return -ENOMEM;
}

void reactor_timers_done(struct reactor_timers *timers)
{
    if (timers->slots)
        base_unreserve(timers->slots, ((size_t) timers->capacity + 1) * sizeof timers->slots[0]);
    if (timers->rests)
        base_unreserve(timers->rests, ((size_t) timers->capacity + 1) * sizeof timers->rests[0]);
    if (timers->marks)
        base_unreserve(timers->marks, marks_bytes(timers));
    base_bit_tree_done(&timers->given_back);
    *timers = (struct reactor_timers){0};
}

static uint32_t take_again(struct reactor_timers *timers)
{
    uint32_t number = timers->taken_first + (uint32_t) __builtin_ctzll(timers->taken_bits);
    timers->taken_bits &= timers->taken_bits - 1;
    return number;
}

/* The number of a free slot; 0: none. */
static uint32_t take_slot(struct reactor_timers *timers)
{
    uint32_t number = timers->given_last;
    if (number) {
        timers->given_last = 0;
    } else if (timers->taken_bits) {
        number = take_again(timers);
    } else if (timers->given_back.count) {
        timers->taken_bits = base_bit_tree_take_word(&timers->given_back, &timers->taken_first);
        number = take_again(timers);
    } else if (timers->used_end <= timers->capacity) {
        number = timers->used_end++;
        if (number == HUGE_FROM) {
            base_reserve_huge(&timers->slots[number], (timers->capacity - number) * sizeof timers->slots[0]);
            base_reserve_huge(&timers->rests[number], (timers->capacity - number) * sizeof timers->rests[0]);
            base_reserve_huge(&timers->marks[number], (timers->capacity - number) * sizeof timers->marks[0]);
        }
    }
    timers->live += number != 0;
    return number;
}

static void give_slot(struct reactor_timers *timers, uint32_t number)
{
    timers->slots[number].handle = 0;
    timers->marks[number] = 0;
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

static inline struct reactor_timer_rest *rest_of(const struct reactor_timers *timers,
                                                 const struct reactor_timer_slot *slot)
{
    return &timers->rests[slot - timers->slots];
}

/* The timer whose live entry this is. */
static struct reactor_timer_slot *find_by_entry(const struct reactor_timers *timers, const struct reactor_entry *entry)
{
    struct reactor_timer_slot *slot = find(timers, entry->payload);
    return slot && rest_of(timers, slot)->lies_count == entry->count && slot->source == entry->source ? slot : NULL;
}

static bool is_timer_class(const struct reactor_entry *entry)
{
    unsigned class = entry->order & REACTOR_CLASS_MASK;
    return class == REACTOR_TIMER || class == REACTOR_INTERNAL;
}

/* What a live entry leaves beside its slot's number; 0 is left of none. An entry that says otherwise is dead. One in 128
 * dead ones whose slot was taken again may say the same by chance; it is found out by the slot when it comes up. */
static inline uint8_t mark_of(uint32_t handle, uint32_t source, uint32_t count)
{
    uint64_t mixed = ((uint64_t) source << 32 | handle) * UINT64_C(0x9e3779b97f4a7c15) +
                     count * UINT64_C(0xc2b2ae3d27d4eb4f);
    return (uint8_t) (mixed >> 56 | 1);
}

/* Without branches, which would be mispredicted so often that look-ups could not overlap. */
static void keep_live(void *context, const struct reactor_entry *const *entries, size_t count, bool *keep)
{
    const struct reactor_timers *timers = context;
    uint32_t mask = reactor_timer_mask(timers);
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&timers->marks[entries[i]->payload & mask]);
    for (size_t i = 0; i < count; i++) {
        const struct reactor_entry *entry = entries[i];
        unsigned class = entry->order & REACTOR_CLASS_MASK;
        keep[i] = ((class != REACTOR_TIMER) & (class != REACTOR_INTERNAL)) | ((entry->order & REACTOR_LOOSE) != 0) |
                  (timers->marks[entry->payload & mask] == mark_of(entry->payload, entry->source, entry->count));
    }
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

/* A caller's entry, field by field. It was built by small stores just before: a wide load, as compilers like to make of
 * several fields side by side, would wait until those have reached the cache, behind all that is on its way there. */
static inline struct reactor_entry read_entry(const volatile struct reactor_entry *entry)
{
    return (struct reactor_entry){.due_ns = entry->due_ns, .target = entry->target, .source = entry->source,
                                  .count = entry->count, .step = entry->step, .order = entry->order,
                                  .kind = entry->kind, .payload = entry->payload, .cause = entry->cause};
}

/* Pushes a timer's entry; false when the queue is full. */
static inline __attribute__((always_inline)) bool lay(struct reactor_timers *timers, uint32_t handle, const struct reactor_entry *entry)
{
    struct reactor_entry *place = reactor_queue_reserve_shown(timers->queue, entry->due_ns, false);
    if (!place && !(place = reactor_queue_reserve_unpacked(timers->queue, entry->due_ns)))
        return false;
    __builtin_prefetch((const char *) place + 64, 1); /* the bucket's next entry but one */
    reactor_entry_fill(place, entry);
    place->payload = handle;
    timers->marks[handle & reactor_timer_mask(timers)] = mark_of(handle, entry->source, entry->count);
    reactor_queue_commit(timers->queue, place);
    return true;
}

uint32_t reactor_timer_arm(struct reactor_timers *timers, const struct reactor_entry *armed, uint32_t data)
{
    const struct reactor_entry read = read_entry(armed), *entry = &read;
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
    *rest_of(timers, slot) = (struct reactor_timer_rest){entry->count, data};
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
    struct reactor_entry kept = read_entry(moved), *entry = &kept;
    kept.kind = slot->kind;
    if (entry->due_ns > slot->due_ns || (entry->due_ns == slot->due_ns && slot->count != rest_of(timers, slot)->lies_count)) {
        set(slot, entry); /* what lies there comes up earlier, and is pushed on then */
        return true;
    }
    if (!lay(timers, handle, entry))
        return false;
    set(slot, entry);
    rest_of(timers, slot)->lies_count = entry->count;
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
        later.count = rest_of(timers, slot)->lies_count = slot->count;
        later.cause = slot->cause;
        later.step = slot->step;
        later.order = slot->order;
        later.kind = slot->kind;
        bool is_laid = lay(timers, slot->handle, &later);
        base_assert(is_laid); /* in the place of the entry that was popped */
        return false;
    }
    *data = rest_of(timers, slot)->data;
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
