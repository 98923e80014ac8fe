/* The ladder of the timed queue (internal): buckets by time, each level 256 times as coarse as the one below.
 *
 * Level 0 is a window of buckets that slides along with time; the levels above have 1024 buckets each and together
 * reach to the end of time. Level k + 1 owns what begins where level k ends; its first bucket is spread over level k
 * when that has room. So an entry is moved once a level it lies beyond: most messages never, a timer once or twice, and
 * that in 16 bytes. The width of level 0 follows the density by itself (queue_density.c): when many opened buckets were
 * crowded or nearly empty, all is laid out anew, at a cost that the entries opened in between have paid for. */
#ifndef REACTOR_QUEUE_LADDER_H
#define REACTOR_QUEUE_LADDER_H

#include "reactor/base/bit_tree.h"
#include "reactor/queue_lists.h"

#define QUEUE_LEVELS_MAX 8 /* level 0 of 2 ns: 1 + 8 x 7 + 8 bits reach beyond 64 */
#define QUEUE_WINDOW_BITS 12u
#define QUEUE_SPREAD_BITS 8u
#define QUEUE_WINDOW (1u << QUEUE_WINDOW_BITS)
#define QUEUE_SPREAD (1u << QUEUE_SPREAD_BITS)
#define QUEUE_COARSE (4 * QUEUE_SPREAD) /* buckets of a level above 0: at 1 ms, level 1 holds 4.5 min */
/* What is due within an eighth of level 0, or within 2^30 ns there, is not packed: it will not lie around for long. */
#define QUEUE_NEAR (QUEUE_WINDOW / 8)
#define QUEUE_NEAR_BITS 30u

struct queue_level {
    uint64_t position, limit; /* buckets [position, limit) of this level's own width are held */
    unsigned shift;           /* a bucket is 2^shift ns wide */
    uint32_t mask;
    uint32_t *tails[QUEUE_KINDS]; /* by kind, by bucket */
    struct base_bit_tree occupied;
};

struct queue_density { /* since the layout was last judged */
    uint64_t buckets, entries, instants, crowded_buckets, crowded_instants;
};

/* A bucket, taken out of its level. */
struct queue_bucket {
    uint32_t tails[QUEUE_KINDS];
    uint64_t begin_ns;
};

struct queue_ladder {
    struct queue_store store;
    struct queue_level levels[QUEUE_LEVELS_MAX];
    unsigned level_count;
    size_t count;
    struct queue_density density;
    uint32_t *tails;            /* of the buckets of all levels */
    struct queue_bucket *moved; /* as many: while all is laid out anew */
};

int queue_ladder_init(struct queue_ladder *ladder, size_t entries_max); /* 0 or -ENOMEM */
void queue_ladder_done(struct queue_ladder *ladder);
size_t queue_ladder_bytes(const struct queue_ladder *ladder);

/* How many entries a bucket should have at present: few enough to insert among; but about as many as there are buckets,
 * so that both what is opened and the ends of the buckets that are appended to stay in the cache. */
static inline uint32_t queue_ladder_target(const struct queue_ladder *ladder)
{
    unsigned half_bits = ladder->count ? (66u - (unsigned) __builtin_clzll(ladder->count)) / 2 : 0;
    return half_bits < 6 ? 64 : half_bits < 10 ? 1u << half_bits : 1024;
}

/* How many buckets level 0 should hold: those that messages go to, and as many again a few times over. With more,
 * timers of a short queue would lie in a chunk each. */
static inline uint64_t queue_ladder_window(const struct queue_ladder *ladder)
{
    uint64_t wanted = 6 * ladder->count / queue_ladder_target(ladder) + QUEUE_SPREAD;
    return wanted < QUEUE_WINDOW ? wanted : QUEUE_WINDOW;
}

/* How many buckets of level 0 are near. */
static inline uint64_t queue_ladder_near(const struct queue_ladder *ladder)
{
    const struct queue_level *level = &ladder->levels[0];
    uint64_t held = level->limit - level->position, near = UINT64_C(1) << QUEUE_NEAR_BITS >> level->shift;
    near = near > QUEUE_NEAR ? near : QUEUE_NEAR;
    return held < near ? held : near;
}

/* Where level 0 begins: what is due before it was opened already. Saturates. */
uint64_t queue_ladder_begin_ns(const struct queue_ladder *ladder);
/* The entry must be due at or after the begin. It is not counted: that is the caller's. */
void queue_ladder_place(struct queue_ladder *ladder, const struct reactor_entry *entry);

/* The place of an entry in level 0, or NULL: it is to be placed when it is written. */
struct reactor_entry *queue_ladder_reserve(struct queue_ladder *ladder, uint64_t due_ns, bool carries);

/* The place of one without carried bytes that is never packed, however far. */
struct reactor_entry *queue_ladder_reserve_unpacked(struct queue_ladder *ladder, uint64_t due_ns);

static inline struct queue_list queue_bucket_list(const struct queue_store *store, const struct queue_bucket *bucket,
                                                  enum queue_kind kind)
{
    return queue_list_of(store, bucket->tails[kind], kind);
}

uint32_t queue_bucket_count(const struct queue_store *store, const struct queue_bucket *bucket);
/* Bucket `at` of a level, left in its place; taken out of it. */
static inline struct queue_bucket queue_bucket_at(const struct queue_level *level, uint64_t at)
{
    struct queue_bucket bucket = {.begin_ns = at << level->shift};
    for (unsigned kind = 0; kind < QUEUE_KINDS; kind++)
        bucket.tails[kind] = level->tails[kind][at & level->mask];
    return bucket;
}

struct queue_bucket queue_bucket_take(struct queue_level *level, uint64_t at);
/* Takes the first bucket that is not empty if it begins before limit_ns. The ladder begins behind it then; it may have
 * moved on (never beyond limit_ns) when the answer is false, too. */
bool queue_ladder_next(struct queue_ladder *ladder, uint64_t limit_ns, struct queue_bucket *bucket);
/* Asks the cache for the entries of level 0's first bucket. */
void queue_ladder_prefetch(const struct queue_ladder *ladder);
uint64_t queue_ladder_least_due(const struct queue_ladder *ladder); /* UINT64_MAX: empty. Reads one bucket through. */

/* Places the entries of a bucket in order and frees its chunks. */
void queue_ladder_spread(struct queue_ladder *ladder, const struct queue_bucket *bucket);
/* Lays the empty levels out from begin_ns on, rounded down. */
void queue_ladder_lay_out(struct queue_ladder *ladder, unsigned shift, uint64_t begin_ns);
/* Spreads coarser buckets while level 0 has room for them. */
void queue_ladder_fill(struct queue_ladder *ladder);

/* To be told how many entries a bucket had in the end, and at how many instants: no width could tell apart what has
 * one. Lays out anew where that pays. */
void queue_ladder_judge(struct queue_ladder *ladder, uint64_t entries, uint64_t instants);
/* How wide buckets should be where so many entries were within a span. */
unsigned queue_ladder_shift_for(const struct queue_ladder *ladder, uint64_t entries, uint64_t span_ns);
/* Level 0 begins at begin_ns then, which no entry is due before. */
void queue_ladder_lay_out_anew(struct queue_ladder *ladder, unsigned shift, uint64_t begin_ns);

typedef void queue_choose(void *context, const struct reactor_entry *const *entries, size_t count, bool *keep);
typedef void queue_visit(void *context, const struct reactor_entry *entry);
void queue_ladder_each(const struct queue_ladder *ladder, queue_visit *visit, void *context);
size_t queue_ladder_sweep(struct queue_ladder *ladder, queue_choose *choose, void *context);
/* Calls for each bucket that is not empty; at: its number in its level. */
void queue_ladder_each_bucket(const struct queue_ladder *ladder,
                              void (*visit)(void *context, struct queue_level *level, uint64_t at), void *context);

#endif
