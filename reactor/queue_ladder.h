/* The ladder of the timed queue (internal): buckets by time, each level 1024 times as coarse as the one below.
 *
 * Level 0 is a window of up to 2^15 buckets that slides along with time; the levels above have 1024 buckets each and
 * together reach to the end of time. Level k + 1 owns what begins where level k ends; its first bucket is spread over
 * level k when that has room. So an entry is moved once a level it lies beyond: most messages never, a timer once or
 * twice. The width of level 0 follows the density by itself: when many opened buckets were crowded or nearly empty,
 * all is laid out anew, at a cost that the entries opened in between have paid for. */
#ifndef REACTOR_QUEUE_LADDER_H
#define REACTOR_QUEUE_LADDER_H

#include "reactor/base/bit_tree.h"
#include "reactor/queue_lists.h"

#define QUEUE_LEVELS_MAX 7 /* level 0 of 2 ns: 1 + 10 x 6 + 10 bits reach beyond 64 */

struct queue_level {
    uint64_t position, limit; /* buckets [position, limit) of this level's own width are held */
    unsigned shift;           /* a bucket is 2^shift ns wide */
    uint32_t mask;
    struct queue_list *buckets;
    struct base_bit_tree occupied;
};

struct queue_density { /* since the layout was last judged */
    uint64_t buckets, entries, crowded_buckets, crowded_entries;
};

struct queue_ladder {
    struct queue_store store;
    struct queue_level levels[QUEUE_LEVELS_MAX];
    unsigned level_count;
    size_t count;
    struct queue_density density;
    struct queue_list *lists; /* the buckets of all levels */
    struct queue_list *moved; /* as many: while all is laid out anew */
};

int queue_ladder_init(struct queue_ladder *ladder, size_t entries_max); /* 0 or -ENOMEM */
void queue_ladder_done(struct queue_ladder *ladder);
size_t queue_ladder_bytes(const struct queue_ladder *ladder);

/* Where level 0 begins: what is due before it was opened already. Saturates. */
uint64_t queue_ladder_begin_ns(const struct queue_ladder *ladder);
/* The entry must be due at or after the begin. */
void queue_ladder_push(struct queue_ladder *ladder, const struct reactor_entry *entry);

struct queue_bucket {
    struct queue_list list;
    uint64_t begin_ns;
};

/* Takes the first bucket that is not empty if it begins before limit_ns. The ladder begins behind it then; it may have
 * moved on (never beyond limit_ns) when the answer is false, too. */
bool queue_ladder_next(struct queue_ladder *ladder, uint64_t limit_ns, struct queue_bucket *bucket);
uint64_t queue_ladder_least_due(const struct queue_ladder *ladder); /* UINT64_MAX: empty. Reads one bucket through. */

/* How many entries a bucket should have at present: enough to be worth its opening, few enough to insert among. */
static inline uint32_t queue_ladder_target(const struct queue_ladder *ladder)
{
    return ladder->count < 4096 ? 64 : 256;
}

/* To be told how many entries a bucket had in the end, at different instants; lays out anew where that pays. */
void queue_ladder_judge(struct queue_ladder *ladder, uint64_t entries);

void queue_ladder_each(const struct queue_ladder *ladder,
                       void (*visit)(void *context, const struct reactor_entry *entry), void *context);
size_t queue_ladder_sweep(struct queue_ladder *ladder, bool (*keep)(void *context, const struct reactor_entry *entry),
                          void *context);

/* For lists, wherever they lie. */
void queue_list_each(const struct queue_store *store, struct queue_list list,
                     void (*visit)(void *context, const struct reactor_entry *entry), void *context);
struct queue_list queue_list_sweep(struct queue_store *store, struct queue_list list,
                                   bool (*keep)(void *context, const struct reactor_entry *entry), void *context);

#endif
