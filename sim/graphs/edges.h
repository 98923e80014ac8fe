/* Edges while a graph is being made, and what its random kinds share. */
#ifndef SIM_GRAPHS_EDGES_H
#define SIM_GRAPHS_EDGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/base/random.h"

#define GRAPH_EDGES_MAX ((UINT64_C(1) << 31) - 1) /* undirected ones stand twice behind 32-bit indices */

struct graph_edges {
    uint32_t *ends;        /* two an edge */
    uint64_t count, capacity;
    bool directed;
    bool full;             /* all that there can be; none is listed */
    int error;             /* -ENOMEM, -E2BIG: what came after it was not kept */
};

void graph_edges_done(struct graph_edges *edges);
/* Room for so many more; error as in edges->error. */
int graph_edges_reserve(struct graph_edges *edges, uint64_t count);
int graph_edges_grow(struct graph_edges *edges);

static inline void graph_edges_add(struct graph_edges *edges, uint32_t a, uint32_t b)
{
    if (edges->count == edges->capacity && graph_edges_grow(edges) < 0)
        return;
    edges->ends[2 * edges->count] = a;
    edges->ends[2 * edges->count + 1] = b;
    edges->count++;
}

/* --- a set of node pairs, unordered --- */
struct graph_pairs {
    uint64_t *slots;       /* open addressing; 0: free (the smaller end stands in the upper half, so no pair is 0) */
    uint64_t mask, count;
};

int graph_pairs_init(struct graph_pairs *pairs, uint64_t expected); /* grows beyond it; -ENOMEM */
void graph_pairs_done(struct graph_pairs *pairs);
bool graph_pairs_has(const struct graph_pairs *pairs, uint32_t a, uint32_t b);
/* 1: added, 0: it was there, -ENOMEM. a and b differ. */
int graph_pairs_add(struct graph_pairs *pairs, uint32_t a, uint32_t b);

/* --- a stream of draws --- */
struct graph_stream {
    uint64_t key, draw;
};

static inline uint64_t graph_draw(struct graph_stream *stream)
{
    return base_random_at(stream->key, stream->draw++);
}

static inline uint64_t graph_draw_below(struct graph_stream *stream, uint64_t bound)
{
    return base_random_below(graph_draw(stream), bound);
}

/* True with probability p, exactly: p is a double, and the draw has 53 bits below 1. */
static inline bool graph_draw_chance(struct graph_stream *stream, double p)
{
    return (double) (graph_draw(stream) >> 11) * 0x1p-53 < p;
}

#endif
