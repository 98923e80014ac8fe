#include "sim/graphs/edges.h"

#include <errno.h>
#include <stdlib.h>

void graph_edges_done(struct graph_edges *edges)
{
    free(edges->ends);
    *edges = (struct graph_edges){0};
}

static int resize(struct graph_edges *edges, uint64_t capacity)
{
    uint32_t *ends = capacity > SIZE_MAX / 8 ? NULL : realloc(edges->ends, capacity * 2 * sizeof *ends);
    if (!ends)
        return edges->error = -ENOMEM;
    edges->ends = ends;
    edges->capacity = capacity;
    return 0;
}

int graph_edges_reserve(struct graph_edges *edges, uint64_t count)
{
    if (count > GRAPH_EDGES_MAX - edges->count)
        return edges->error = -E2BIG;
    return edges->count + count <= edges->capacity ? 0 : resize(edges, edges->count + count);
}

int graph_edges_grow(struct graph_edges *edges)
{
    if (edges->error)
        return edges->error;
    if (edges->count >= GRAPH_EDGES_MAX)
        return edges->error = -E2BIG;
    return resize(edges, edges->capacity ? 2 * edges->capacity : 1024);
}

static uint64_t pair_of(uint32_t a, uint32_t b)
{
    return a < b ? (uint64_t) a << 32 | b : (uint64_t) b << 32 | a;
}

int graph_pairs_init(struct graph_pairs *pairs, uint64_t expected)
{
    uint64_t slots = 64;
    while (slots < 2 * expected)
        slots *= 2;
    *pairs = (struct graph_pairs){.slots = calloc(slots, sizeof *pairs->slots), .mask = slots - 1};
    return pairs->slots ? 0 : -ENOMEM;
}

void graph_pairs_done(struct graph_pairs *pairs)
{
    free(pairs->slots);
    pairs->slots = NULL;
}

/* The slot of a pair, or the free one where it would stand. */
static uint64_t *find(const struct graph_pairs *pairs, uint64_t pair)
{
    uint64_t at = base_random_mix(pair) & pairs->mask;
    while (pairs->slots[at] && pairs->slots[at] != pair)
        at = (at + 1) & pairs->mask;
    return &pairs->slots[at];
}

bool graph_pairs_has(const struct graph_pairs *pairs, uint32_t a, uint32_t b)
{
    return *find(pairs, pair_of(a, b)) != 0;
}

static int double_slots(struct graph_pairs *pairs)
{
    struct graph_pairs larger;
    int error = graph_pairs_init(&larger, pairs->mask + 1);
    if (error)
        return error;
    for (uint64_t i = 0; i <= pairs->mask; i++)
        if (pairs->slots[i])
            *find(&larger, pairs->slots[i]) = pairs->slots[i];
    larger.count = pairs->count;
    graph_pairs_done(pairs);
    *pairs = larger;
    return 0;
}

int graph_pairs_add(struct graph_pairs *pairs, uint32_t a, uint32_t b)
{
    uint64_t pair = pair_of(a, b), *slot = find(pairs, pair);
    if (*slot)
        return 0;
    if (pairs->count > pairs->mask / 4 * 3) {
        int error = double_slots(pairs);
        if (error)
            return error;
        slot = find(pairs, pair);
    }
    *slot = pair;
    pairs->count++;
    return 1;
}
