#include "reactor/queue_sort.h"

#include <string.h>

/* Finishing k keys of one slot by insertion takes k^2 / 4 moves. Above this many a sort in four passes costs less. */
#define CROWDED_SLOT 24u
#define FEW 16u  /* keys: inserting them costs less than clearing the slots */
#define FEW_TIED 8u /* entries of one instant, likewise */
#define RUN 8u

struct slots {
    uint64_t least;
    unsigned shift; /* of a number above the least: its slot */
    uint32_t count;
};

/* About two slots for each of count numbers between least and most. */
static struct slots slots_between(uint64_t least, uint64_t most, uint32_t count)
{
    unsigned range_bits = most > least ? 64u - (unsigned) __builtin_clzll(most - least) : 0;
    unsigned slot_bits = 33u - (unsigned) __builtin_clz(count);
    slot_bits = (1u << slot_bits) > QUEUE_SLOTS_MAX ? slot_bits - 1 : slot_bits;
    unsigned shift = range_bits > slot_bits ? range_bits - slot_bits : 0;
    return (struct slots){.least = least, .shift = shift, .count = (uint32_t) ((most - least) >> shift) + 1};
}

static inline uint32_t slot_of(const struct slots *slots, uint64_t number)
{
    return (uint32_t) ((number - slots->least) >> slots->shift);
}

/* Turns how many each slot has into where each ends; how many the fullest has. */
static uint32_t sum_up(uint32_t *ends, uint32_t count)
{
    uint32_t sum = 0, most = 0;
    for (uint32_t slot = 0; slot < count; slot++) {
        most = ends[slot] > most ? ends[slot] : most;
        ends[slot] = sum += ends[slot];
    }
    return most;
}

static inline uint64_t due_of(uint64_t key)
{
    return key >> 32;
}

/* By the instant alone: what ties keeps its order, in which it was pushed. */
static void insertion_sort(uint64_t *keys, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint64_t moving = keys[i];
        if (due_of(moving) >= due_of(keys[i - 1]))
            continue;
        uint32_t at = i;
        do {
            keys[at] = keys[at - 1];
            at--;
        } while (at && due_of(moving) < due_of(keys[at - 1]));
        keys[at] = moving;
    }
}

/* By the instant, a byte at a time: for what is clustered. */
static void radix_sort(const struct slots *slots, uint64_t most, struct queue_sorter *sorter, uint32_t count,
                       uint64_t *sorted)
{
    memcpy(sorted, sorter->keys, count * sizeof sorted[0]);
    for (unsigned shift = 0; (most - slots->least) >> shift; shift += 8) {
        uint32_t *ends = sorter->slots;
        memset(ends, 0, 256 * sizeof ends[0]);
        for (uint32_t i = 0; i < count; i++)
            ends[(due_of(sorted[i]) - slots->least) >> shift & 255]++;
        if (sum_up(ends, 256) == count)
            continue;
        for (uint32_t i = count; i-- > 0;)
            sorter->scratch[--ends[(due_of(sorted[i]) - slots->least) >> shift & 255]] = sorted[i];
        memcpy(sorted, sorter->scratch, count * sizeof sorted[0]);
    }
}

static inline bool tied_before(const struct queue_store *store, uint64_t a, uint64_t b)
{
    return queue_entry_before(queue_store_entry(store, a), queue_store_entry(store, b));
}

static void insertion_sort_tied(const struct queue_store *store, uint64_t *keys, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        uint64_t moving = keys[i];
        uint32_t at = i;
        for (; at && tied_before(store, moving, keys[at - 1]); at--)
            keys[at] = keys[at - 1];
        keys[at] = moving;
    }
}

/* For what is piled up in every way: all for one target, say. */
static void merge_sort_tied(const struct queue_store *store, uint64_t *keys, uint32_t count, uint64_t *scratch)
{
    if (count <= RUN) {
        insertion_sort_tied(store, keys, count);
        return;
    }
    uint32_t half = count / 2, low = 0, high = half;
    merge_sort_tied(store, keys, half, scratch);
    merge_sort_tied(store, keys + half, count - half, scratch);
    memcpy(scratch, keys, half * sizeof keys[0]);
    for (uint32_t at = 0; low < half; at++) {
        bool take_high = high < count && tied_before(store, keys[high], scratch[low]);
        keys[at] = take_high ? keys[high++] : scratch[low++];
    }
}

void queue_sort_records(const struct queue_store *store, struct queue_record *records, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        struct queue_record moving = records[i];
        uint32_t at = i;
        for (; at && queue_record_before(store, &moving, &records[at - 1]); at--)
            records[at] = records[at - 1];
        records[at] = moving;
    }
}

/* Many keys of one upper half: by a counting sort of what orders the entries of one instant. */
static void sort_tied(struct queue_sorter *sorter, const struct queue_store *store, uint64_t *keys, uint32_t count)
{
    const struct queue_measure exact = {0};
    struct queue_record *records = sorter->records[0], *scattered = sorter->records[1];
    uint64_t least = UINT64_MAX, most = 0, dues = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct reactor_entry *entry = queue_store_entry(store, keys[i]);
        records[i] = (struct queue_record){keys[i], queue_record_of(&exact, entry, 0).order};
        least = records[i].order < least ? records[i].order : least;
        most = records[i].order > most ? records[i].order : most;
        dues |= entry->due_ns ^ queue_store_entry(store, keys[0])->due_ns;
    }
    struct slots slots = slots_between(least, most, count);
    memset(sorter->slots, 0, slots.count * sizeof sorter->slots[0]);
    for (uint32_t i = 0; i < count; i++)
        sorter->slots[slot_of(&slots, records[i].order)]++;
    if (sum_up(sorter->slots, slots.count) > CROWDED_SLOT || dues) {
        merge_sort_tied(store, keys, count, sorter->scratch);
        return;
    }
    for (uint32_t i = count; i-- > 0;)
        scattered[--sorter->slots[slot_of(&slots, records[i].order)]] = records[i];
    queue_sort_records(store, scattered, count);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = scattered[i].key;
}

/* Sorts what ties among sorted keys. */
static void settle_ties(struct queue_sorter *sorter, const struct queue_store *store, uint64_t *keys, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (due_of(keys[i]) != due_of(keys[i - 1]))
            continue;
        uint32_t first = i - 1;
        bool in_order = true;
        for (; i < count && due_of(keys[i]) == due_of(keys[first]); i++)
            in_order = in_order && !tied_before(store, keys[i], keys[i - 1]);
        if (in_order)
            continue;
        if (i - first <= FEW_TIED)
            insertion_sort_tied(store, keys + first, i - first);
        else
            sort_tied(sorter, store, keys + first, i - first);
    }
}

static void sort_many(struct queue_sorter *sorter, uint32_t count, uint64_t *sorted)
{
    const uint64_t *keys = sorter->keys;
    uint64_t least = UINT64_MAX, most = 0, before = 0;
    bool in_order = true;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t due = due_of(keys[i]);
        in_order &= due >= before;
        before = due;
        least = due < least ? due : least;
        most = due > most ? due : most;
    }
    if (in_order) {
        memcpy(sorted, keys, count * sizeof sorted[0]);
        return;
    }
    struct slots slots = slots_between(least, most, count);
    memset(sorter->slots, 0, slots.count * sizeof sorter->slots[0]);
    for (uint32_t i = 0; i < count; i++)
        sorter->slots[slot_of(&slots, due_of(keys[i]))]++;
    if (sum_up(sorter->slots, slots.count) > CROWDED_SLOT && slots.shift) {
        radix_sort(&slots, most, sorter, count, sorted);
        return;
    }
    for (uint32_t i = count; i-- > 0;)
        sorted[--sorter->slots[slot_of(&slots, due_of(keys[i]))]] = keys[i];
    if (slots.shift)
        insertion_sort(sorted, count);
}

void queue_sort_keys(struct queue_sorter *sorter, const struct queue_store *store, uint32_t count, uint64_t *sorted)
{
    if (count <= FEW) {
        memcpy(sorted, sorter->keys, count * sizeof sorted[0]);
        insertion_sort(sorted, count);
    } else {
        sort_many(sorter, count, sorted);
    }
    settle_ties(sorter, store, sorted, count);
}
