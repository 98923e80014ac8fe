#include "reactor/queue_sort.h"

#include <string.h>

/* Finishing k entries of one slot by insertion takes k^2 / 4 moves. Above the first a second counting sort, by what
 * orders entries of one instant, costs less; above the other merging everything does. */
#define BUSY_SLOT 8u
#define CROWDED_SLOT 24u
#define RUN 8u
#define FEW 12u /* entries: inserting them costs less than clearing the slots */

static void insertion_sort(struct reactor_entry *entries, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (!queue_entry_before(&entries[i], &entries[i - 1]))
            continue;
        struct reactor_entry moving = entries[i];
        uint32_t at = i;
        do {
            entries[at] = entries[at - 1];
            at--;
        } while (at && queue_entry_before(&moving, &entries[at - 1]));
        entries[at] = moving;
    }
}

static void merge(const struct reactor_entry *a, uint32_t a_count, const struct reactor_entry *b, uint32_t b_count,
                  struct reactor_entry *into)
{
    const struct reactor_entry *a_end = a + a_count, *b_end = b + b_count;
    while (a < a_end && b < b_end) {
        bool take_b = queue_entry_before(b, a);
        *into++ = take_b ? *b : *a;
        b += take_b;
        a += !take_b;
    }
    memcpy(into, a, (size_t) ((const char *) a_end - (const char *) a));
    memcpy(into + (a_end - a), b, (size_t) ((const char *) b_end - (const char *) b));
}

static bool is_sorted(const struct reactor_entry *entries, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (queue_entry_before(&entries[i], &entries[i - 1]))
            return false;
    }
    return true;
}

void queue_sort_array(struct queue_sorter *sorter, struct reactor_entry *entries, uint32_t count)
{
    if (is_sorted(entries, count))
        return;
    for (uint32_t at = 0; at < count; at += RUN)
        insertion_sort(entries + at, count - at < RUN ? count - at : RUN);
    struct reactor_entry *from = entries, *into = sorter->scratch;
    for (uint32_t width = RUN; width < count; width *= 2) {
        for (uint32_t at = 0; at < count; at += 2 * width) {
            uint32_t left = count - at < width ? count - at : width;
            uint32_t right = count - at - left < width ? count - at - left : width;
            merge(from + at, left, from + at + left, right, into + at);
        }
        struct reactor_entry *swap = from;
        from = into;
        into = swap;
    }
    if (from != entries)
        memcpy(entries, from, count * sizeof entries[0]);
}

/* A number by which a counting sort divides entries: monotone in their order, among all or among those of one
 * instant. */
static inline uint64_t number_of(const struct reactor_entry *entry, bool by_key)
{
    return by_key ? (uint64_t) entry->step << 32 | entry->target : entry->due_ns;
}

struct slots {
    uint64_t least;
    unsigned shift; /* of a number above the least: its slot */
    uint32_t count;
    uint32_t most;  /* entries in one slot */
};

static struct slots slots_between(uint64_t least, uint64_t most, uint32_t entries)
{
    unsigned range_bits = most > least ? 64u - (unsigned) __builtin_clzll(most - least) : 0, slot_bits = 3;
    while ((1u << slot_bits) < 2 * entries && slot_bits < 11)
        slot_bits++;
    unsigned shift = range_bits > slot_bits ? range_bits - slot_bits : 0;
    return (struct slots){.least = least, .shift = shift, .count = (uint32_t) ((most - least) >> shift) + 1};
}

static inline uint32_t slot_of(const struct slots *slots, const struct reactor_entry *entry, bool by_key)
{
    return (uint32_t) ((number_of(entry, by_key) - slots->least) >> slots->shift);
}

/* Counts a list's entries by slot, and leaves in ends where each slot's end. */
static inline struct slots count_slots(uint32_t *ends, const struct queue_store *store, struct queue_list list,
                                       bool by_key)
{
    uint64_t least = UINT64_MAX, most = 0;
    uint32_t chunk = list.head, here = queue_list_last(list.count);
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES, chunk = store->next[chunk]) {
        const struct reactor_entry *entries = queue_store_chunk(store, chunk);
        for (uint32_t i = 0; i < here; i++) {
            uint64_t number = number_of(&entries[i], by_key);
            least = number < least ? number : least;
            most = number > most ? number : most;
        }
    }
    struct slots slots = slots_between(least, most, list.count);
    memset(ends, 0, slots.count * sizeof ends[0]);
    chunk = list.head, here = queue_list_last(list.count);
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES, chunk = store->next[chunk]) {
        const struct reactor_entry *entries = queue_store_chunk(store, chunk);
        for (uint32_t i = 0; i < here; i++)
            ends[slot_of(&slots, &entries[i], by_key)]++;
    }
    uint32_t sum = 0;
    for (uint32_t slot = 0; slot < slots.count; slot++) {
        slots.most = ends[slot] > slots.most ? ends[slot] : slots.most;
        ends[slot] = sum += ends[slot];
    }
    return slots;
}

static void gather(struct queue_store *store, struct queue_list list, struct reactor_entry *into)
{
    uint32_t chunk = list.head, here = queue_list_last(list.count);
    for (uint32_t left = list.count; left; here = QUEUE_CHUNK_ENTRIES) {
        left -= here;
        memcpy(into + left, queue_store_chunk(store, chunk), here * sizeof into[0]);
        chunk = queue_store_give(store, chunk);
    }
}

/* From the last to the first, so that entries of one slot keep their order: what was pushed in order stays so. */
static inline void scatter_list(const struct slots *slots, uint32_t *ends, struct queue_store *store,
                                struct queue_list list, bool by_key, struct reactor_entry *into)
{
    uint32_t chunk = list.head, here = queue_list_last(list.count);
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES) {
        const struct reactor_entry *entries = queue_store_chunk(store, chunk);
        for (uint32_t i = here; i-- > 0;)
            into[--ends[slot_of(slots, &entries[i], by_key)]] = entries[i];
        chunk = queue_store_give(store, chunk);
    }
}

/* Many entries of few instants, told apart by the slots: by key, then by instant, as a radix sort does it. */
static void sort_piled(struct queue_sorter *sorter, struct queue_store *store, struct queue_list list,
                       const struct slots *instants, struct reactor_entry *sorted)
{
    struct slots keys = count_slots(sorter->by_key, store, list, true);
    if (keys.most > CROWDED_SLOT) {
        gather(store, list, sorted);
        queue_sort_array(sorter, sorted, list.count);
        return;
    }
    scatter_list(&keys, sorter->by_key, store, list, true, sorter->scratch);
    for (uint32_t i = list.count; i-- > 0;)
        sorted[--sorter->by_due[slot_of(instants, &sorter->scratch[i], false)]] = sorter->scratch[i];
    insertion_sort(sorted, list.count);
}

void queue_sort_list(struct queue_sorter *sorter, struct queue_store *store, struct queue_list list,
                     struct reactor_entry *sorted)
{
    if (list.count <= FEW) {
        gather(store, list, sorted);
        insertion_sort(sorted, list.count);
        return;
    }
    struct slots instants = count_slots(sorter->by_due, store, list, false);
    if (instants.most > BUSY_SLOT && instants.shift == 0) {
        sort_piled(sorter, store, list, &instants, sorted);
    } else if (instants.most > CROWDED_SLOT) {
        gather(store, list, sorted);
        queue_sort_array(sorter, sorted, list.count);
    } else {
        scatter_list(&instants, sorter->by_due, store, list, false, sorted);
        insertion_sort(sorted, list.count);
    }
}
