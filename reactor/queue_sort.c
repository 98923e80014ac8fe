#include "reactor/queue_sort.h"

#include <string.h>

/* Finishing k keys of one slot by insertion takes k^2 / 4 moves. Above this many a sort in four passes costs less. */
#define CROWDED_SLOT 24
#define MOVES_A_KEY 4u /* more, and the keys are clustered */
#define FEW 8u /* keys: insertion alone */
#define FEW_TIED 24u /* entries of one instant: inserting them costs less than clearing the slots */
#define RUN 8u

static unsigned bits_of(uint64_t number)
{
    return number ? 64u - (unsigned) __builtin_clzll(number) : 0;
}

/* Two to four slots a key; whole vectors of slots. */
static unsigned slot_bits_for(uint32_t count)
{
    unsigned bits = bits_of(count) + 1;
    return bits < 3 ? 3 : (1u << bits) < QUEUE_SLOTS_MAX ? bits : bits_of(QUEUE_SLOTS_MAX) - 1;
}

typedef uint16_t eight __attribute__((vector_size(16)));

/* Turns how many each slot has into where each ends, eight slots at a time. */
static void sum_up(uint16_t *slots, uint32_t count)
{
    eight carried = {0};
    const eight zero = {0};
    for (uint32_t slot = 0; slot < count; slot += 8) {
        eight sums = *(eight *) (void *) &slots[slot];
        sums += __builtin_shufflevector(zero, sums, 0, 8, 9, 10, 11, 12, 13, 14);
        sums += __builtin_shufflevector(zero, sums, 0, 1, 8, 9, 10, 11, 12, 13);
        sums += __builtin_shufflevector(zero, sums, 0, 1, 2, 3, 8, 9, 10, 11);
        sums += carried;
        carried = __builtin_shufflevector(sums, sums, 7, 7, 7, 7, 7, 7, 7, 7);
        *(eight *) (void *) &slots[slot] = sums;
    }
}

/* A key's upper half, read alone. */
static inline uint32_t due_of(const uint64_t *key)
{
    uint32_t halves[2];
    memcpy(halves, key, sizeof halves);
    return halves[1];
}

/* By the instant alone: what ties keeps its order, in which it was pushed. False after too many moves, with some keys
 * sorted; *tied: how many tie with one before them. */
static bool insertion_sort(uint64_t *keys, uint32_t count, size_t moves_max, uint32_t *tied)
{
    size_t moves = 0;
    *tied = 0;
    for (uint64_t *next = keys + 1, *end = keys + count; next < end; next++) {
        if (__builtin_expect(due_of(next) > due_of(next - 1), 1))
            continue;
        uint64_t moving = *next, *to = next;
        for (; to > keys && moving >> 32 < due_of(to - 1); to--)
            *to = to[-1];
        *to = moving;
        *tied += to > keys && moving >> 32 == due_of(to - 1);
        moves += (size_t) (next - to);
        if (__builtin_expect(moves > moves_max, 0))
            return false;
    }
    return true;
}

/* By the instant, a byte at a time: for what is clustered. */
static void radix_sort(struct queue_sorter *sorter, uint32_t count, uint64_t *sorted)
{
    uint16_t *ends = sorter->slots;
    memcpy(sorted, sorter->keys, count * sizeof sorted[0]);
    for (unsigned shift = 32; shift < 64; shift += 8) {
        memset(ends, 0, 256 * sizeof ends[0]);
        for (uint32_t i = 0; i < count; i++)
            ends[sorted[i] >> shift & 255]++;
        if (ends[sorted[0] >> shift & 255] == count)
            continue;
        sum_up(ends, 256);
        for (uint32_t i = count; i-- > 0;)
            sorter->scratch[--ends[sorted[i] >> shift & 255]] = sorted[i];
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

/* By a counting sort of what orders the entries of one instant; false where that is crowded, too. */
static bool count_tied(struct queue_sorter *sorter, uint32_t count, uint64_t least, uint64_t most)
{
    struct queue_record *records = sorter->records[0], *scattered = sorter->records[1];
    unsigned bits = bits_of(most - least), slot_bits = slot_bits_for(count);
    unsigned shift = bits > slot_bits ? bits - slot_bits : 0;
    memset(sorter->slots, 0, sizeof sorter->slots[0] << slot_bits);
    unsigned fullest = 0;
    for (uint32_t i = 0; i < count; i++) {
        unsigned in_slot = ++sorter->slots[(records[i].order - least) >> shift];
        fullest = in_slot > fullest ? in_slot : fullest;
    }
    if (fullest > CROWDED_SLOT)
        return false;
    sum_up(sorter->slots, 1u << slot_bits);
    for (uint32_t i = count; i-- > 0;)
        scattered[--sorter->slots[(records[i].order - least) >> shift]] = records[i];
    memcpy(records, scattered, count * sizeof records[0]);
    return true;
}

/* Sorts keys of one upper half, all that there are of it. */
static void sort_tied(struct queue_sorter *sorter, const struct queue_store *store, uint64_t *keys, uint32_t count)
{
    const uint64_t due_ns = queue_store_entry(store, keys[0])->due_ns;
    struct queue_record *records = sorter->records[0];
    uint64_t least = UINT64_MAX, most = 0, differ = 0;
    bool in_order = true;
    for (uint32_t i = 0; i < count; i++) {
        const struct reactor_entry *entry = queue_store_entry(store, keys[i]);
        uint64_t order = queue_order_of(entry);
        records[i] = (struct queue_record){keys[i], order};
        in_order &= most < order || i == 0;
        least = order < least ? order : least;
        most = order > most ? order : most;
        differ |= entry->due_ns ^ due_ns;
    }
    if (in_order && !differ)
        return;
    if (differ || (count > FEW_TIED && !count_tied(sorter, count, least, most))) {
        merge_sort_tied(store, keys, count, sorter->scratch);
        return;
    }
    queue_sort_records(store, records, count);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = records[i].key;
}

/* Sorts what ties among sorted keys. */
static void settle_ties(struct queue_sorter *sorter, const struct queue_store *store, uint64_t *keys, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (due_of(&keys[i]) != due_of(&keys[i - 1]))
            continue;
        uint32_t first = i - 1;
        while (i < count && due_of(&keys[i]) == due_of(&keys[first]))
            i++;
        sort_tied(sorter, store, keys + first, i - first);
    }
}

typedef int32_t halves __attribute__((vector_size(16)));

static inline halves two_at(const uint64_t *keys)
{
    halves two;
    memcpy(&two, keys, sizeof two);
    return two;
}

/* Whether an instant is said of any of the keys that were compared. */
static inline bool any_due(halves found)
{
    return (found[1] | found[3]) != 0;
}

/* Four keys at a time, once the first few are. Halves are compared as signed numbers: what rises as such rises as they
 * are, too, unless the sign changes on the way, and then the last is below the first. */
static bool is_in_order(const uint64_t *keys, uint32_t count)
{
    halves falls = {0}, falls_too = {0};
    uint32_t i = 1;
    for (; i < 4 && i < count; i++) {
        if (due_of(&keys[i]) < due_of(&keys[i - 1]))
            return false;
    }
    for (; i + 3 < count; i += 4) {
        falls |= two_at(&keys[i - 1]) > two_at(&keys[i]);
        falls_too |= two_at(&keys[i + 1]) > two_at(&keys[i + 2]);
    }
    bool in_order = !any_due(falls | falls_too) && due_of(&keys[0]) <= due_of(&keys[count - 1]);
    for (; i < count; i++)
        in_order &= due_of(&keys[i]) >= due_of(&keys[i - 1]);
    return in_order;
}

/* By the upper bits of the instant. Loops of four: a key is only a few instructions. */
static void counting_sort(uint16_t *ends, const uint64_t *keys, uint32_t count, unsigned span_bits, uint64_t *sorted)
{
    unsigned bits = slot_bits_for(count), shift = 32 + (span_bits > bits ? span_bits - bits : 0);
    const uint64_t *key = keys + count;
    memset(ends, 0, sizeof ends[0] << bits);
    for (; key - keys >= 4; key -= 4) {
        ends[key[-1] >> shift]++;
        ends[key[-2] >> shift]++;
        ends[key[-3] >> shift]++;
        ends[key[-4] >> shift]++;
    }
    while (key > keys)
        ends[*--key >> shift]++;
    sum_up(ends, 1u << bits);
    for (key = keys + count; key - keys >= 4; key -= 4) {
        sorted[--ends[key[-1] >> shift]] = key[-1];
        sorted[--ends[key[-2] >> shift]] = key[-2];
        sorted[--ends[key[-3] >> shift]] = key[-3];
        sorted[--ends[key[-4] >> shift]] = key[-4];
    }
    for (; key > keys; key--)
        sorted[--ends[key[-1] >> shift]] = key[-1];
}

/* By the instant alone; how many tie with one before them. */
static uint32_t sort_by_due(struct queue_sorter *sorter, uint32_t count, unsigned span_bits, uint64_t *sorted)
{
    uint32_t tied;
    if (count <= FEW || is_in_order(sorter->keys, count))
        memcpy(sorted, sorter->keys, count * sizeof sorted[0]);
    else
        counting_sort(sorter->slots, sorter->keys, count, span_bits, sorted);
    if (!insertion_sort(sorted, count, count <= FEW ? SIZE_MAX : MOVES_A_KEY * count, &tied)) {
        radix_sort(sorter, count, sorted);
        insertion_sort(sorted, count, SIZE_MAX, &tied);
    }
    return tied;
}

/* Puts few among many, both sorted by the instant; the many have room for two more behind. */
static void merge(const uint64_t *few, uint32_t few_count, uint64_t *many, uint32_t many_count, uint64_t *sorted)
{
    const uint64_t *few_end = few + few_count, *many_end = many + many_count;
    many[many_count] = many[many_count + 1] = UINT64_MAX;
    for (; few < few_end; few++) {
        const uint64_t moving = *few;
        for (; many[1] < moving; many += 2, sorted += 2)
            memcpy(sorted, many, 2 * sizeof sorted[0]);
        if (many[0] < moving)
            *sorted++ = *many++;
        *sorted++ = moving;
    }
    memcpy(sorted, many, (size_t) (many_end - many) * sizeof sorted[0]);
}

/* How many sorted keys tie with the one before them. Mostly none do, which is seen four keys at a time. */
static uint32_t count_ties(const uint64_t *keys, uint32_t count)
{
    halves equal = {0}, equal_too = {0};
    uint32_t i = 1, tied = 0;
    for (; i + 3 < count; i += 4) {
        equal |= two_at(&keys[i - 1]) == two_at(&keys[i]);
        equal_too |= two_at(&keys[i + 1]) == two_at(&keys[i + 2]);
    }
    if (any_due(equal | equal_too))
        i = 1;
    for (; i < count; i++)
        tied += due_of(&keys[i]) == due_of(&keys[i - 1]);
    return tied;
}

uint32_t queue_sort(struct queue_sorter *sorter, const struct queue_store *store, uint32_t count, uint32_t listed,
                    unsigned span_bits, uint64_t *sorted)
{
    uint32_t tied, others = count - listed;
    if (listed >= others && count > FEW && is_in_order(sorter->keys + others, listed)) {
        if (others)
            sort_by_due(sorter, others, span_bits, sorter->scratch);
        merge(sorter->scratch, others, sorter->keys + others, listed, sorted);
        tied = count_ties(sorted, count);
    } else {
        tied = sort_by_due(sorter, count, span_bits, sorted);
    }
    if (tied)
        settle_ties(sorter, store, sorted, count);
    return count - tied;
}
