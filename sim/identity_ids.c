#include "sim/identity_ids.h"

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
#define AHEAD 16 /* ids whose slots are asked of the cache while another is put in */

static uint8_t *id_of(const struct identity_instance *instance, uint32_t number)
{
    return instance->ids + (size_t) number * instance->id_octets;
}

static void draw_id(const struct identity_instance *instance, uint64_t key, uint64_t attempt, uint8_t *id)
{
    uint64_t word = 0;
    for (uint32_t i = 0; i < instance->id_octets; i++) {
        if (i % 8 == 0)
            word = base_random_at(key, attempt * 3 + i / 8);
        id[i] = (uint8_t) (word >> (56 - 8 * (i % 8)));
    }
    uint32_t unused_bits = instance->id_octets * 8 - instance->id_bits;
    id[instance->id_octets - 1] = (uint8_t) (id[instance->id_octets - 1] & (0xff << unused_bits));
}

static size_t slot_of(const struct id_table *table, const uint8_t *id)
{
    uint64_t leading = 0;
    for (uint32_t i = 0; i < 8; i++)
        leading = leading << 8 | (i < table->instance->id_octets ? id[i] : 0);
    return (size_t) (leading >> (64 - table->slot_bits));
}

static int table_init(struct id_table *table, struct identity_instance *instance)
{
    *table = (struct id_table){.instance = instance, .slot_bits = 1};
    while ((UINT64_C(1) << table->slot_bits) < 2 * (uint64_t) instance->id_count)
        table->slot_bits++;
    if (table->slot_bits >= instance->id_bits) {
        table->slot_bits = instance->id_bits;
        table->exact = true;
    }
    table->slot_count = (UINT64_C(1) << table->slot_bits) + SLACK_SLOTS;
    table->slots = base_reserve(table->slot_count * sizeof *table->slots);
    return table->slots ? 0 : -ENOMEM;
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
    const struct identity_instance *instance = table->instance;
    const uint8_t *id = id_of(instance, number);
    size_t slot = slot_of(table, id);
    for (uint32_t other; (other = table->slots[slot]) != 0; slot++)
        if (memcmp(id_of(instance, other - 1), id, instance->id_octets) == 0)
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
    const struct identity_instance *instance = table->instance;
    uint8_t *id = id_of(instance, number);
    uint32_t slot = base_bit_tree_next(&table->free, (uint32_t) slot_of(table, id));
    if (slot == BASE_BIT_TREE_NONE)
        slot = base_bit_tree_next(&table->free, 0);
    base_assert(slot != BASE_BIT_TREE_NONE);
    uint64_t value = (uint64_t) slot << (64 - table->slot_bits);
    for (uint32_t i = 0; i < instance->id_octets; i++)
        id[i] = (uint8_t) (value >> (56 - 8 * i)); /* an exact table has at most 31 bits */
    table_set(table, slot, number);
    return 0;
}

static int place_id(struct id_table *table, uint32_t number, uint64_t key)
{
    for (uint64_t attempt = 1; !table_try_put(table, number); attempt++) {
        if (table->exact && attempt == EXACT_ATTEMPTS)
            return table_walk(table, number);
        draw_id(table->instance, key, attempt, id_of(table->instance, number));
    }
    return 0;
}

/* The key of the i-th id of a group whose peers have so many each: a peer's first id is the same whatever that is. */
static uint64_t id_key(uint64_t group_key, uint32_t i, uint32_t ids_a_peer)
{
    uint64_t key = base_random_subkey(group_key, i / ids_a_peer);
    return i % ids_a_peer == 0 ? key : base_random_subkey(key, i % ids_a_peer);
}

static int place_group(struct id_table *table, const struct identity *identity, uint32_t group)
{
    const struct topology_group *of = &identity->scenario->groups[group];
    const struct identity_instance *instance = table->instance;
    uint64_t group_key = base_random_key(identity->scenario->seed, "id", of->name);
    uint32_t each = instance->ids_a_peer, first = identity->group_member[group] * each, count = of->count * each;
    for (uint32_t i = 0; i < count; i++)
        draw_id(instance, id_key(group_key, i, each), 0, id_of(instance, first + i));
    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            __builtin_prefetch(&table->slots[slot_of(table, id_of(instance, first + i + AHEAD))], 1);
        int result = place_id(table, first + i, id_key(group_key, i, each));
        if (result < 0)
            return result;
    }
    return 0;
}

/* Reads the id numbers off the table and puts those into order that probing has pushed on. */
static void read_order(const struct id_table *table)
{
    const struct identity_instance *instance = table->instance;
    uint32_t *order = instance->order, count = 0;
    for (size_t slot = 0; slot < table->slot_count; slot++) {
        if (slot + AHEAD < table->slot_count && table->slots[slot + AHEAD] != 0)
            __builtin_prefetch(id_of(instance, table->slots[slot + AHEAD] - 1));
        if (table->slots[slot] == 0)
            continue;
        uint32_t number = table->slots[slot] - 1, at = count++;
        for (; at > 0; at--) {
            if (memcmp(id_of(instance, order[at - 1]), id_of(instance, number), instance->id_octets) < 0)
                break;
            order[at] = order[at - 1];
        }
        order[at] = number;
    }
    base_assert(count == instance->id_count);
}

int identity_draw_ids(const struct identity *identity, struct identity_instance *instance)
{
    instance->ids = base_arena_take_array(identity->arena, instance->id_count, instance->id_octets);
    instance->order = base_arena_array(identity->arena, uint32_t, instance->id_count);
    struct id_table table;
    int result = table_init(&table, instance);
    if (result < 0)
        return result;
    for (uint32_t i = 0; i < instance->group_count && result == 0; i++)
        result = place_group(&table, identity, instance->groups[i]);
    if (result == 0)
        read_order(&table);
    table_done(&table);
    return result;
}
