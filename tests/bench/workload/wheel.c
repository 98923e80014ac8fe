/* The wheel's memory, and the widths of its buckets. */
#include "tests/bench/workload/wheel.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "reactor/base/assert.h"

#define RECORDS_A_BUCKET 700 /* 500-1,000 are best: fewer do not pay for the opening, more fall out of the cache */

void *wheel_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("peerlab bench: memory");
        exit(3);
    }
    (void) madvise(memory, bytes, MADV_HUGEPAGE); /* refused: slower, not wrong */
    return memory;
}

void wheel_crowded(void)
{
    fputs("peerlab bench: more entries in a bucket of the wheel than can be sorted at once\n", stderr);
    exit(70);
}

char *wheel_chunk_fresh(struct wheel *wheel)
{
    base_assert(wheel->fresh < wheel->fresh_end);
    char *chunk = wheel->fresh;
    wheel->fresh += WHEEL_CHUNK;
    return chunk;
}

static unsigned log2_floor(uint64_t number)
{
    return 63 - (unsigned) __builtin_clzll(number | 1);
}

static uint32_t power_above(uint64_t number)
{
    return 1u << (log2_floor(number) + 1);
}

/* Buckets of at most the least latency; a coarse one is 16 fine ones. */
static void choose_widths(struct wheel *wheel, const struct wheel_load *load)
{
    unsigned widest = log2_floor(load->latency_ns_min);
    unsigned wanted = log2_floor((uint64_t) (1.4e9 * RECORDS_A_BUCKET / load->records_per_s));
    wheel->shift = wanted < widest ? wanted : widest;
    wheel->coarse_shift = wheel->shift + 4;
    double records = load->records_per_s * 1e-9 * (double) (UINT64_C(1) << wheel->shift);
    wheel->slots_log2 = log2_floor((uint64_t) (records * 2.8));
    if (wheel->slots_log2 > WHEEL_SLOTS_LOG2_MAX)
        wheel->slots_log2 = WHEEL_SLOTS_LOG2_MAX;
    if (wheel->slots_log2 < 2)
        wheel->slots_log2 = 2; /* they are summed by fours */
    base_assert(wheel->slots_log2 <= wheel->shift && wheel->coarse_shift <= WHEEL_COARSE_SHIFT_MAX);
}

void wheel_init(struct wheel *wheel, const struct wheel_load *load)
{
    choose_widths(wheel, load);
    uint32_t fine = power_above((load->latency_ns_max >> wheel->shift) + 18);
    uint32_t coarse = power_above((load->period_ns_max >> wheel->coarse_shift) + 2);
    uint64_t chunks = load->pending_records * 2 / 31 + load->pending_timers * 2 / 127 + fine + coarse + 4096;
    wheel->mask = fine - 1;
    wheel->coarse_mask = coarse - 1;
    wheel->due_mask = (1u << wheel->shift) - 1;
    wheel->coarse_due_mask = (1u << wheel->coarse_shift) - 1;
    wheel->fine = wheel_memory(fine * sizeof *wheel->fine);
    wheel->coarse = wheel_memory(coarse * sizeof *wheel->coarse);
    wheel->open = wheel_memory((WHEEL_OPEN_MAX + 64) * sizeof *wheel->open);
    wheel->free = NULL;
    wheel->fresh = wheel_memory(chunks * WHEEL_CHUNK);
    wheel->fresh_end = wheel->fresh + chunks * WHEEL_CHUNK;
}
