#include "sim/identity_ids.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/bit_tree.h"
#include "reactor/base/reserve.h"

/* Ids are put into a table by their leading bits, which both finds repetitions and sorts: an id stands at the slot that
 * its leading bits name or, where that is taken, in the next free one, so reading the table from the front gives ids
 * all but in order. At most a half is filled; behind the last slot there is room for what the last run pushes on.
 *
 * Where the id space is small (not twice the ids), the table has a slot an id, none is ever pushed on, and an id number
 * whose draws have all been taken walks up from the last one to the next free id: every id can be used. */
struct id_table {
    struct identity_instance *instance;
    const volatile sig_atomic_t *stop; /* may be NULL */
    uint32_t *slots;  /* id number + 1; 0: free */
    uint32_t slot_bits;
    size_t slot_count; /* with the room behind */
    bool exact;        /* a slot an id */
    struct base_bit_tree free; /* of the slots; built when first needed */
    bool has_free;
};

/* What the greatest run of linear probing in a half-filled table stays below for any 32-bit count of slots: runs grow
 * with the logarithm, about 10 ln(slots). */
#define SLACK_SLOTS 4096
/* An exact table filled to a share f takes a draw with probability 1 - f: 16 draws all fail below f = 1/2 once in
 * 65,536 times, and above it the walk, whose bias nobody can see by then, costs less than more draws. */
#define EXACT_ATTEMPTS 16
#define HUGE_FROM_SLOTS ((size_t) 1 << 20) /* written in no order: small pages would miss page tables too */

static size_t slot_of(const struct id_table *table, uint32_t number)
{
    return (size_t) (identity_leading(table->instance, number) >> (64 - table->slot_bits));
}

static int table_init(struct id_table *table, struct identity_instance *instance, const volatile sig_atomic_t *stop)
{
    *table = (struct id_table){.instance = instance, .stop = stop, .slot_bits = 1};
    while ((UINT64_C(1) << table->slot_bits) < 2 * (uint64_t) instance->id_count)
        table->slot_bits++;
    if (table->slot_bits >= instance->id_bits) {
        table->slot_bits = instance->id_bits;
        table->exact = true;
    }
    table->slot_count = (UINT64_C(1) << table->slot_bits) + SLACK_SLOTS;
    table->slots = base_reserve(table->slot_count * sizeof *table->slots);
    if (!table->slots)
        return -ENOMEM;
    if (table->slot_count >= HUGE_FROM_SLOTS)
        base_reserve_huge(table->slots, table->slot_count * sizeof *table->slots);
    return 0;
}

static void table_done(struct id_table *table)
{
    base_unreserve(table->slots, table->slot_count * sizeof *table->slots);
    if (table->has_free)
        base_bit_tree_done(&table->free);
}

static void table_set(struct id_table *table, size_t slot, uint32_t number)
{
    table->slots[slot] = number + 1;
    if (table->has_free)
        base_bit_tree_remove(&table->free, (uint32_t) slot);
}

/* Puts the id number in with the id that it has now; false when another has that id. */
static bool table_try_put(struct id_table *table, uint32_t number)
{
    size_t slot = slot_of(table, number);
    for (uint32_t other; (other = table->slots[slot]) != 0; slot++)
        if (identity_compare(table->instance, other - 1, number) == 0)
            return false;
    base_assert(slot < table->slot_count - 1); /* the last one stays free and ends every search */
    table_set(table, slot, number);
    return true;
}

static int table_build_free(struct id_table *table)
{
    base_assert(table->exact && table->slot_bits < 32); /* else 2^31 peers and more */
    uint32_t slots = UINT32_C(1) << table->slot_bits;
    int result = base_bit_tree_init(&table->free, slots);
    if (result < 0)
        return result;
    table->has_free = true;
    for (uint32_t slot = 0; slot < slots; slot++)
        if (table->slots[slot] == 0)
            base_bit_tree_add(&table->free, slot);
    return 0;
}

/* Gives the id number the next free id upwards from the one it has. */
static int table_walk(struct id_table *table, uint32_t number)
{
    int result = table->has_free ? 0 : table_build_free(table);
    if (result < 0)
        return result;
    uint32_t slot = base_bit_tree_next(&table->free, (uint32_t) slot_of(table, number));
    if (slot == BASE_BIT_TREE_NONE)
        slot = base_bit_tree_next(&table->free, 0);
    base_assert(slot != BASE_BIT_TREE_NONE);
    uint64_t value = htobe64((uint64_t) slot << (64 - table->slot_bits)); /* at most 31 bits */
    memcpy(identity_stored(table->instance, number), &value, table->instance->id_octets);
    table_set(table, slot, number);
    return 0;
}

static int place_id(struct id_table *table, uint32_t number)
{
    const struct identity_instance *instance = table->instance;
    for (uint64_t attempt = 1; !table_try_put(table, number); attempt++) {
        base_assert(instance->ids); /* wide ones do not repeat */
        if (table->exact && attempt == EXACT_ATTEMPTS)
            return table_walk(table, number);
        identity_draw(instance, identity_id_key(instance, number), attempt, identity_stored(instance, number));
    }
    return 0;
}

static void prefetch_place(const struct id_table *table, uint32_t number)
{
    const struct identity_instance *instance = table->instance;
    if (number + IDENTITY_AHEAD < instance->id_count)
        __builtin_prefetch(&table->slots[slot_of(table, number + IDENTITY_AHEAD)], 1);
    if (instance->ids && number + IDENTITY_AHEAD / 2 < instance->id_count) {
        uint32_t other = table->slots[slot_of(table, number + IDENTITY_AHEAD / 2)];
        if (other)
            identity_prefetch(instance, other - 1);
    }
}

static int place_all(struct id_table *table)
{
    const struct identity_instance *instance = table->instance;
    int result = 0;
    for (uint32_t number = 0; number < instance->id_count && result == 0; number++) {
        if (identity_stops(table->stop, number))
            return -EINTR;
        prefetch_place(table, number);
        result = place_id(table, number);
    }
    return result;
}

/* Reads the id numbers off the table and puts those into order that probing has pushed on. */
static int read_order(const struct id_table *table)
{
    const struct identity_instance *instance = table->instance;
    uint32_t *order = instance->order, count = 0;
    for (size_t slot = 0; slot < table->slot_count; slot++) {
        if (identity_stops(table->stop, slot))
            return -EINTR;
        if (slot + IDENTITY_AHEAD < table->slot_count && table->slots[slot + IDENTITY_AHEAD] != 0)
            identity_prefetch(instance, table->slots[slot + IDENTITY_AHEAD] - 1);
        if (table->slots[slot] == 0)
            continue;
        uint32_t number = table->slots[slot] - 1, at = count++;
        for (; at > 0 && identity_compare(instance, order[at - 1], number) > 0; at--)
            order[at] = order[at - 1];
        order[at] = number;
    }
    base_assert(count == instance->id_count);
    return 0;
}

/* --- all --- */

static void init_streams(const struct identity *identity, struct identity_instance *instance)
{
    struct identity_stream *streams = base_arena_array(identity->arena, struct identity_stream, instance->group_count);
    for (uint32_t i = 0; i < instance->group_count; i++) {
        uint32_t group = instance->groups[i];
        streams[i] = (struct identity_stream){
            .key = base_random_key(identity->scenario->seed, "id", identity->scenario->groups[group].name),
            .first_id = identity->group_member[group] * instance->ids_a_peer,
        };
    }
    instance->streams = streams;
}

static void draw_first(const struct identity *identity, struct identity_instance *instance)
{
    instance->ids = base_arena_take(identity->arena, (size_t) instance->id_count * instance->id_octets + 8);
    for (uint32_t number = 0; number < instance->id_count; number++)
        identity_draw(instance, identity_id_key(instance, number), 0, identity_stored(instance, number));
}

int identity_draw_ids(const struct identity *identity, struct identity_instance *instance,
                      const volatile sig_atomic_t *stop)
{
    init_streams(identity, instance);
    bool wide = instance->id_bits >= IDENTITY_WIDE_BITS;
    bool ordered = instance->ops->closeness != OVERLAY_NO_KEYS || instance->ops->starts_converged;
    if (wide && !ordered)
        return 0;
    if (!wide)
        draw_first(identity, instance);
    struct id_table table;
    int result = table_init(&table, instance, stop);
    if (result < 0)
        return result;
    result = place_all(&table);
    if (ordered && result == 0) {
        instance->order = base_arena_array(identity->arena, uint32_t, instance->id_count);
        result = read_order(&table);
    }
    if (ordered && result == 0)
        result = identity_find_places(identity, instance, stop);
    table_done(&table);
    return result;
}
