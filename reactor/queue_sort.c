#include "reactor/queue_sort.h"

#include <string.h>

/* Above this many entries in one slot of the counting sort, finishing by insertion (k^2 / 4 moves a slot) costs more
 * than merging everything. */
#define CROWDED_SLOT 24u
#define RUN 8u

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

/* Fills starts with where each slot's entries end; returns the most that one slot has. */
static uint32_t count_slots(uint32_t *starts, uint32_t slots, const struct queue_store *store, struct queue_list list,
                            uint64_t first_ns, unsigned shift)
{
    memset(starts, 0, slots * sizeof starts[0]);
    uint32_t chunk = list.head, here = queue_list_last(list.count);
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES, chunk = store->next[chunk]) {
        const struct reactor_entry *entries = queue_store_chunk(store, chunk);
        for (uint32_t i = 0; i < here; i++)
            starts[(entries[i].due_ns - first_ns) >> shift]++;
    }
    uint32_t sum = 0, most = 0;
    for (uint32_t slot = 0; slot < slots; slot++) {
        if (starts[slot] > most)
            most = starts[slot];
        starts[slot] = sum += starts[slot];
    }
    return most;
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
static void scatter(uint32_t *ends, struct queue_store *store, struct queue_list list, uint64_t first_ns,
                    unsigned shift, struct reactor_entry *into)
{
    uint32_t chunk = list.head, here = queue_list_last(list.count);
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES) {
        const struct reactor_entry *entries = queue_store_chunk(store, chunk);
        for (uint32_t i = here; i-- > 0;)
            into[--ends[(entries[i].due_ns - first_ns) >> shift]] = entries[i];
        chunk = queue_store_give(store, chunk);
    }
}

void queue_sort_list(struct queue_sorter *sorter, struct queue_store *store, struct queue_list list, uint64_t first_ns,
                     unsigned width_shift, struct reactor_entry *sorted)
{
    unsigned slot_bits = 3;
    while (slot_bits < 11 && (1u << slot_bits) < 2 * list.count)
        slot_bits++;
    unsigned shift = width_shift > slot_bits ? width_shift - slot_bits : 0;
    uint32_t slots = width_shift > slot_bits ? 1u << slot_bits : 1u << width_shift;
    if (count_slots(sorter->starts, slots, store, list, first_ns, shift) > CROWDED_SLOT) {
        gather(store, list, sorted);
        queue_sort_array(sorter, sorted, list.count);
    } else {
        scatter(sorter->starts, store, list, first_ns, shift, sorted);
        insertion_sort(sorted, list.count);
    }
}
