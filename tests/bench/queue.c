/* What an entry costs in the timed queue, beside a binary heap (what it has to beat) and a FIFO (the floor).
 *
 * Hold model: N entries pending; one is popped, another pushed a random delay later. All three get the same delays in
 * the same run; the time to draw them is measured too and taken off. Usage: bench_queue [MIX] [N_MAX] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "reactor/base/random.h"
#include "reactor/base/reserve.h"
#include "reactor/timed_queue.h"

struct mix {
    const char *name, *summary;
    uint64_t (*delay_ns)(uint64_t bits, uint64_t index);
};

static uint64_t below(uint64_t bits, uint64_t bound)
{
    return base_random_below(bits, bound);
}

static uint64_t messages(uint64_t bits, uint64_t index)
{
    (void) index;
    return 20000000 + below(bits, 180000000);
}

static uint64_t mixed_timers(uint64_t bits, uint64_t index)
{
    return index & 1 ? 50000000 + below(bits, 1000000) : 5000000000 + below(bits, 115000000000);
}

static uint64_t constant(uint64_t bits, uint64_t index)
{
    (void) bits;
    (void) index;
    return 50000000;
}

static uint64_t one_instant(uint64_t bits, uint64_t index)
{
    (void) bits;
    (void) index;
    return UINT64_C(1) << 63; /* replaced: all meet at the next full second */
}

static uint64_t one_far(uint64_t bits, uint64_t index)
{
    return index % 1000003 == 0 ? UINT64_C(86400000000000) : 20000000 + below(bits, 180000000);
}

static uint64_t sub_microsecond(uint64_t bits, uint64_t index)
{
    (void) index;
    return 100 + below(bits, 800);
}

static uint64_t zero_latency(uint64_t bits, uint64_t index)
{
    return index % 16 ? 1 : below(bits, 1000000);
}

static uint64_t exponential_like(uint64_t bits, uint64_t index)
{
    (void) index;
    return 1 + (below(bits, UINT64_C(1) << 30) >> (__builtin_ctzll(bits | 1u << 20)));
}

static const struct mix mixes[] = {
    {"messages", "20-200 ms uniform", messages},
    {"timers", "half of the pushes 5-120 s, half 50 ms", mixed_timers},
    {"constant", "50 ms: first in, first out", constant},
    {"rounds", "all at the next full second", one_instant},
    {"one-far", "20-200 ms, one in a million a day", one_far},
    {"sub-us", "100-900 ns", sub_microsecond},
    {"cascade", "1 ns, one in 16 up to 1 ms", zero_latency},
    {"wild", "1 ns to 1 s over the magnitudes", exponential_like},
};

static uint64_t due_ns(const struct mix *mix, uint64_t now_ns, uint64_t index)
{
    uint64_t delay_ns = mix->delay_ns(base_random_at(7, index), index);
    return delay_ns >> 63 ? (now_ns / 1000000000 + 1) * 1000000000 : now_ns + delay_ns;
}

/* The first entries of a constant delay are pushed as if over 50 ms, else all would be due at one instant. */
static uint64_t first_ns(const struct mix *mix, uint64_t index, uint64_t pending)
{
    return mix->delay_ns == constant ? index * 50000000 / pending : 0;
}

static struct reactor_entry entry_of(uint64_t at_ns, uint64_t index)
{
    return (struct reactor_entry){.due_ns = at_ns, .target = (uint32_t) (index * 2654435761u), .source = 1,
                                  .count = (uint32_t) index, .order = REACTOR_MESSAGE};
}

struct heap {
    struct reactor_entry *entries;
    size_t count;
};

static void heap_push(struct heap *heap, const struct reactor_entry *entry)
{
    size_t at = heap->count++;
    for (; at && reactor_entry_before(entry, &heap->entries[(at - 1) / 2]); at = (at - 1) / 2)
        heap->entries[at] = heap->entries[(at - 1) / 2];
    heap->entries[at] = *entry;
}

static void heap_pop(struct heap *heap, struct reactor_entry *top)
{
    *top = heap->entries[0];
    struct reactor_entry last = heap->entries[--heap->count];
    size_t at = 0;
    for (size_t child = 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && reactor_entry_before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!reactor_entry_before(&heap->entries[child], &last))
            break;
        heap->entries[at] = heap->entries[child];
        at = child;
    }
    heap->entries[at] = last;
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e9 * (double) now.tv_sec + (double) now.tv_nsec;
}

struct result {
    double ns;
    uint64_t check; /* folds what was popped: the same for queue and heap */
};

static uint64_t fold(uint64_t check, const struct reactor_entry *entry)
{
    return check * 31 + entry->due_ns + entry->count;
}

static struct result run_queue(const struct mix *mix, uint64_t pending, uint64_t holds, size_t *bytes)
{
    struct reactor_queue queue;
    if (reactor_queue_init(&queue, pending + 1) < 0)
        abort();
    uint64_t index = 0, check = 0;
    double start = 0;
    for (; index < pending; index++) {
        struct reactor_entry entry = entry_of(due_ns(mix, first_ns(mix, index, pending), index), index);
        if (reactor_queue_push(&queue, &entry) < 0)
            abort();
    }
    for (uint64_t hold = 0; hold < 2 * holds; hold++, index++) {
        if (hold == holds)
            start = cpu_ns();
        struct reactor_entry entry = *reactor_queue_pop(&queue, UINT64_MAX);
        check = fold(check, &entry);
        entry = entry_of(due_ns(mix, entry.due_ns, index), index);
        if (reactor_queue_push(&queue, &entry) < 0)
            abort();
    }
    double took = cpu_ns() - start;
    *bytes = reactor_queue_bytes(&queue);
    reactor_queue_done(&queue);
    return (struct result){took / (double) holds, check};
}

static struct result run_heap(const struct mix *mix, uint64_t pending, uint64_t holds)
{
    struct heap heap = {.entries = base_reserve((pending + 1) * sizeof heap.entries[0])};
    if (!heap.entries)
        abort();
    uint64_t index = 0, check = 0;
    double start = 0;
    for (; index < pending; index++) {
        struct reactor_entry entry = entry_of(due_ns(mix, first_ns(mix, index, pending), index), index);
        heap_push(&heap, &entry);
    }
    for (uint64_t hold = 0; hold < 2 * holds; hold++, index++) {
        if (hold == holds)
            start = cpu_ns();
        struct reactor_entry entry;
        heap_pop(&heap, &entry);
        check = fold(check, &entry);
        entry = entry_of(due_ns(mix, entry.due_ns, index), index);
        heap_push(&heap, &entry);
    }
    double took = cpu_ns() - start;
    base_unreserve(heap.entries, (pending + 1) * sizeof heap.entries[0]);
    return (struct result){took / (double) holds, check};
}

static struct result run_fifo(const struct mix *mix, uint64_t pending, uint64_t holds)
{
    struct reactor_entry *ring = base_reserve(pending * sizeof ring[0]);
    if (!ring)
        abort();
    uint64_t index = 0, check = 0, at = 0;
    for (; index < pending; index++)
        ring[index] = entry_of(due_ns(mix, first_ns(mix, index, pending), index), index);
    double start = cpu_ns();
    for (uint64_t hold = 0; hold < holds; hold++, index++) {
        struct reactor_entry entry = ring[at];
        check = fold(check, &entry);
        ring[at] = entry_of(due_ns(mix, entry.due_ns, index), index);
        at = at + 1 < pending ? at + 1 : 0;
    }
    double took = cpu_ns() - start;
    base_unreserve(ring, pending * sizeof ring[0]);
    return (struct result){took / (double) holds, check};
}

/* The drawing of delays alone, which all three pay alike. */
static double run_nothing(const struct mix *mix, uint64_t holds)
{
    uint64_t check = 0, now_ns = 0;
    double start = cpu_ns();
    for (uint64_t index = 0; index < holds; index++, now_ns += 1000) {
        struct reactor_entry entry = entry_of(due_ns(mix, now_ns, index), index);
        check = fold(check, &entry);
    }
    double took = cpu_ns() - start;
    if (check == 1) /* keeps the compiler from dropping the loop */
        puts("");
    return took / (double) holds;
}

static int bench_queue(const char *only, uint64_t pending_max)
{
    int wrong = 0;
    printf("%-10s %9s %9s %9s %9s %7s %9s\n", "mix", "pending", "queue ns", "heap ns", "fifo ns", "ratio", "B/entry");
    for (size_t m = 0; m < sizeof mixes / sizeof mixes[0]; m++) {
        if (only && strcmp(only, "all") != 0 && strcmp(only, mixes[m].name) != 0)
            continue;
        for (uint64_t pending = 100; pending <= pending_max; pending *= 10) {
            uint64_t holds = pending < 1000000 ? 2000000 : 2 * pending;
            size_t bytes;
            double drawing = run_nothing(&mixes[m], holds);
            struct result queue = run_queue(&mixes[m], pending, holds, &bytes);
            struct result heap = run_heap(&mixes[m], pending, holds);
            struct result fifo = run_fifo(&mixes[m], pending, holds);
            wrong |= queue.check != heap.check;
            printf("%-10s %9llu %9.1f %9.1f %9.1f %7.2f %9.1f%s\n", mixes[m].name, (unsigned long long) pending,
                   queue.ns - drawing, heap.ns - drawing, fifo.ns - drawing, (heap.ns - drawing) / (queue.ns - drawing),
                   (double) bytes / (double) pending, queue.check == heap.check ? "" : "  ORDER DIFFERS");
            fflush(stdout);
        }
    }
    return wrong;
}

int main(int argument_count, char **arguments)
{
    const char *only = argument_count > 1 ? arguments[1] : NULL;
    uint64_t pending_max = argument_count > 2 ? strtoull(arguments[2], NULL, 0) : 1000000;
    return bench_queue(only, pending_max);
}
