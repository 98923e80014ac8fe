/* The width of level 0's buckets follows the density of what is pending. */
#include "reactor/queue_ladder.h"

#define SHIFT_LEAST 1u /* so that the number of level 0's buckets fits in 64 bits */
#define SHIFT_MOST 44u /* 5 h */

struct collecting {
    struct queue_bucket *moved;
    size_t count;
};

static void collect(void *context, struct queue_level *level, uint64_t at)
{
    struct collecting *collecting = context;
    collecting->moved[collecting->count++] = queue_bucket_take(level, at);
}

void queue_ladder_lay_out_anew(struct queue_ladder *ladder, unsigned shift, uint64_t begin_ns)
{
    struct collecting collecting = {.moved = ladder->moved};
    ladder->density = (struct queue_density){0};
    queue_ladder_each_bucket(ladder, collect, &collecting);
    queue_ladder_lay_out(ladder, shift, begin_ns);
    queue_ladder_fill(ladder);
    for (size_t i = 0; i < collecting.count; i++)
        queue_ladder_spread(ladder, &ladder->moved[i]);
}

static unsigned log2_of(uint64_t ratio)
{
    return ratio ? 63u - (unsigned) __builtin_clzll(ratio) : 0;
}

void queue_ladder_judge(struct queue_ladder *ladder, uint64_t entries, uint64_t instants)
{
    struct queue_density *density = &ladder->density;
    uint32_t target = queue_ladder_target(ladder);
    density->buckets++;
    density->entries += entries;
    density->instants += instants;
    if (instants > 3 * target) {
        density->crowded_buckets++;
        density->crowded_instants += instants;
    }
    /* Laying out anew costs about four times as much an entry as opening does, and as eight buckets opened. */
    if (4 * density->entries + 32 * density->buckets < ladder->count + 4096)
        return;
    unsigned shift = ladder->levels[0].shift;
    if (2 * density->crowded_instants > density->instants) {
        unsigned narrower = log2_of(density->crowded_instants / density->crowded_buckets / target);
        shift = shift > SHIFT_LEAST + narrower ? shift - narrower : SHIFT_LEAST;
    } else if (density->entries < density->buckets * (target / 3)) {
        unsigned wider = log2_of(density->buckets * target / (density->entries + 1));
        shift = shift + wider < SHIFT_MOST ? shift + wider : SHIFT_MOST;
    }
    *density = (struct queue_density){0};
    if (shift != ladder->levels[0].shift)
        queue_ladder_lay_out_anew(ladder, shift, queue_ladder_begin_ns(ladder));
}

unsigned queue_ladder_shift_for(const struct queue_ladder *ladder, uint64_t entries, uint64_t span_ns)
{
    uint64_t width_ns = span_ns / (entries / queue_ladder_target(ladder) + 1);
    unsigned shift = log2_of(width_ns);
    return shift > SHIFT_LEAST ? shift : SHIFT_LEAST;
}
