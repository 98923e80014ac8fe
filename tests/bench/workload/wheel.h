/* The queue of the hand-written loops: a two-level wheel, all of it inline.
 *
 * Fine buckets, no wider than the least latency, hold records of 32 bytes; so nothing is ever put into the bucket that
 * is being worked off, and each is sorted once, when it opens: a counting sort by time, finished by insertion in the
 * contract's order. Timers that are far wait as 8 bytes in coarse buckets, which become records when they open.
 * Both kinds of bucket are chains of small chunks from one pool that gives back what it was given last.
 *
 * What a bucket of the fine wheel knows of its records' time need not stand in them: 4 bytes of due are enough. */
#ifndef TESTS_BENCH_WORKLOAD_WHEEL_H
#define TESTS_BENCH_WORKLOAD_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WHEEL_OCTETS 17
#define WHEEL_TIMERS 8      /* kinds: a timer's only octet; the first one of a message is not below it */
#define WHEEL_CHUNK 1024u   /* bytes, and how they are aligned */
#define WHEEL_SLOTS_LOG2_MAX 11 /* of the counting sort */
#define WHEEL_OPEN_MAX ((1u << 16) - 64) /* records of a bucket; a loop may look some beyond them */
#define WHEEL_INLINE static inline __attribute__((always_inline))

struct __attribute__((packed, aligned(32))) wheel_record {
    uint32_t due;           /* ns after its bucket's begin */
    uint32_t target, source;
    uint8_t count[3];       /* the source's: its low octets tell entries of one instant apart */
    uint8_t octets[WHEEL_OCTETS];
};
_Static_assert(sizeof(struct wheel_record) == 32, "two a cache line");

/* A timer that is far: 32 bits of peer, 2 of kind, 30 of ns after its coarse bucket's begin. */
typedef uint64_t wheel_timer;
#define WHEEL_COARSE_SHIFT_MAX 30

/* A bucket: where its next item goes; aligned to a chunk: there is no room. A chunk begins with the one before it, in
 * the place of an item. */
struct wheel_bucket {
    char *next;
};

struct wheel {
    unsigned shift, coarse_shift;
    uint32_t mask, coarse_mask;      /* of the number of buckets; */
    uint32_t due_mask, coarse_due_mask; /* and of a bucket's width */
    struct wheel_bucket *fine, *coarse;
    char *free;                      /* chunks: given back, each beginning with the next */
    char *fresh, *fresh_end;         /* and never used */
    struct wheel_record *open;       /* the opened bucket, sorted */
    uint64_t open_begin_ns;
    unsigned slots_log2;             /* one to three slots for each record of a bucket */
    uint16_t ends[1 << WHEEL_SLOTS_LOG2_MAX];
};

/* What a loop expects: it gives the widths of the buckets and the room of the pool. */
struct wheel_load {
    uint64_t latency_ns_min, latency_ns_max, period_ns_max;
    double records_per_s;            /* of virtual time */
    uint64_t pending_records, pending_timers;
};

/* Nothing is given back: a loop has a process of its own, which ends with it. */
void wheel_init(struct wheel *wheel, const struct wheel_load *load);
char *wheel_chunk_fresh(struct wheel *wheel);
void *wheel_memory(size_t bytes); /* zeroed, in huge pages; exits where there is none */
void wheel_crowded(void) __attribute__((noreturn, cold));

WHEEL_INLINE void *wheel_place(struct wheel *wheel, struct wheel_bucket *bucket, size_t bytes)
{
    char *at = bucket->next;
    if (__builtin_expect(((uintptr_t) at & (WHEEL_CHUNK - 1)) == 0, 0)) {
        char *chunk = wheel->free;
        if (chunk)
            memcpy(&wheel->free, (void *) chunk, sizeof(char *));
        else
            chunk = wheel_chunk_fresh(wheel);
        memcpy(chunk, &at, sizeof at); /* at: the end of the chunk before, or NULL */
        at = chunk + bytes;
    }
    bucket->next = at + bytes;
    return at;
}

/* Puts in a record that is due in one of the buckets behind the opened one; its octets are the caller's to fill. */
WHEEL_INLINE struct wheel_record *wheel_put(struct wheel *wheel, uint64_t due_ns, uint32_t target, uint32_t source,
                                            uint32_t count)
{
    struct wheel_bucket *bucket = &wheel->fine[due_ns >> wheel->shift & wheel->mask];
    struct wheel_record *record = wheel_place(wheel, bucket, sizeof *record);
    uint32_t head[4] = {(uint32_t) due_ns & wheel->due_mask, target, source, count};
    memcpy((void *) record, head, sizeof head); /* the count's fourth octet makes way for the octets */
    return record;
}

/* Due at or behind the next coarse bucket's begin. */
WHEEL_INLINE void wheel_arm(struct wheel *wheel, uint64_t due_ns, uint32_t peer, uint32_t kind)
{
    wheel_timer *timer = wheel_place(wheel, &wheel->coarse[due_ns >> wheel->coarse_shift & wheel->coarse_mask],
                                     sizeof *timer);
    *timer = (uint64_t) peer << 32 | kind << WHEEL_COARSE_SHIFT_MAX | ((uint32_t) due_ns & wheel->coarse_due_mask);
}

/* For each chunk of a bucket: its items and how many they are. Gives the chunk back behind the body. */
WHEEL_INLINE char *wheel_chunk_give(struct wheel *wheel, char *chunk)
{
    char *before;
    memcpy(&before, chunk, sizeof before);
    memcpy((void *) chunk, &wheel->free, sizeof(char *));
    wheel->free = chunk;
    return before;
}

WHEEL_INLINE char *wheel_chunk_of(const char *end)
{
    return (char *) ((uintptr_t) (end - 1) & ~(uintptr_t) (WHEEL_CHUNK - 1));
}

WHEEL_INLINE void wheel_spread(struct wheel *wheel, uint64_t begin_ns)
{
    struct wheel_bucket *bucket = &wheel->coarse[begin_ns >> wheel->coarse_shift & wheel->coarse_mask];
    char *end = bucket->next;
    bucket->next = NULL;
    while (end) {
        char *chunk = wheel_chunk_of(end);
        for (wheel_timer *timer = (wheel_timer *) (void *) chunk + 1; (char *) timer < end; timer++) {
            uint32_t low = (uint32_t) *timer, peer = (uint32_t) (*timer >> 32);
            uint64_t due_ns = begin_ns + (low & ((1u << WHEEL_COARSE_SHIFT_MAX) - 1));
            struct wheel_record *record = wheel_put(wheel, due_ns, peer, peer, 0);
            record->octets[0] = (uint8_t) (low >> WHEEL_COARSE_SHIFT_MAX);
        }
        end = wheel_chunk_give(wheel, chunk);
    }
}

/* The contract's order behind the due and the target (a step other than 0 there is not): class, source, count. Timers
 * stand behind messages, but for kind 0, the workload. */
WHEEL_INLINE uint64_t wheel_rank(const struct wheel_record *record)
{
    uint8_t first = record->octets[0];
    uint32_t count = record->count[0] | (uint32_t) record->count[1] << 8 | (uint32_t) record->count[2] << 16;
    uint32_t class = first == 0 ? 0 : first >= WHEEL_TIMERS ? 1 : 1u + first;
    return (uint64_t) class << 56 | (uint64_t) record->source << 24 | count;
}

WHEEL_INLINE bool wheel_before(const struct wheel_record *a, const struct wheel_record *b)
{
    if (a->due != b->due)
        return a->due < b->due;
    if (a->target != b->target)
        return a->target < b->target;
    return wheel_rank(a) < wheel_rank(b);
}

WHEEL_INLINE void wheel_finish(struct wheel_record *records, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (__builtin_expect(!wheel_before(&records[i], &records[i - 1]), 1))
            continue;
        struct wheel_record moving = records[i];
        uint32_t at = i;
        do {
            records[at] = records[at - 1];
            at--;
        } while (at && wheel_before(&moving, &records[at - 1]));
        records[at] = moving;
    }
}

/* How many records of a bucket are in each slot of its time; how many in all. */
WHEEL_INLINE uint32_t wheel_count(uint16_t *counts, const struct wheel_bucket *bucket, unsigned slot_shift)
{
    size_t bytes = 0;
    for (char *end = bucket->next; end;) {
        char *chunk = wheel_chunk_of(end);
        bytes += (size_t) (end - chunk) - sizeof(struct wheel_record);
        for (struct wheel_record *record = (struct wheel_record *) (void *) chunk + 1; (char *) record < end; record++)
            counts[record->due >> slot_shift]++;
        memcpy(&end, chunk, sizeof end);
    }
    return (uint32_t) (bytes / sizeof(struct wheel_record));
}

/* Where each slot ends, from how many it has: four at a time in one word. */
WHEEL_INLINE void wheel_sum(uint16_t *counts, uint32_t slots)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first of four is the word's lowest");
    uint64_t before = 0;
    for (uint32_t slot = 0; slot < slots; slot += 4) {
        uint64_t four;
        memcpy(&four, &counts[slot], sizeof four);
        four += four << 16;
        four += four << 32;
        four += before * UINT64_C(0x0001000100010001);
        memcpy(&counts[slot], &four, sizeof four);
        before = four >> 48;
    }
}

/* Opens the bucket that begins then (coarse ones first) and sorts it into wheel->open; how many it has. From the last
 * item to the first, so that what was put in in order stays so. */
WHEEL_INLINE uint32_t wheel_open(struct wheel *wheel, uint64_t begin_ns)
{
    if (((uint32_t) begin_ns & wheel->coarse_due_mask) == 0)
        wheel_spread(wheel, begin_ns);
    struct wheel_bucket *bucket = &wheel->fine[begin_ns >> wheel->shift & wheel->mask];
    unsigned slot_shift = wheel->shift - wheel->slots_log2;
    uint16_t *ends = wheel->ends;
    struct wheel_record *open = wheel->open;
    wheel->open_begin_ns = begin_ns;
    memset(ends, 0, sizeof *ends << wheel->slots_log2);
    uint32_t count = wheel_count(ends, bucket, slot_shift);
    if (__builtin_expect(count >= WHEEL_OPEN_MAX, 0))
        wheel_crowded();
    wheel_sum(ends, 1u << wheel->slots_log2);
    for (char *end = bucket->next; end;) {
        char *chunk = wheel_chunk_of(end);
        for (struct wheel_record *record = (struct wheel_record *) (void *) end - 1; (char *) record > chunk; record--)
            open[--ends[record->due >> slot_shift]] = *record;
        end = wheel_chunk_give(wheel, chunk);
    }
    bucket->next = NULL;
    wheel_finish(open, count);
    return count;
}

#endif
