/* What one peer knows in epidemic.c: its rumours, ascending by id, in a chain of blocks.
 *
 * The first block lies inline in the peer's state and holds two rumours, so the common case of one or two touches
 * nothing else; further blocks hold ten each, in a slab that all peers of a loop share. No block is empty but the first
 * of an empty table, and forgetting fills the chain from the front again, so what is left moves back inline. Because
 * messages list their ids in ascending order too, a whole message is merged in one walk along the chain: a cursor. */
#ifndef SIM_OVERLAYS_EPIDEMIC_RUMOURS_H
#define SIM_OVERLAYS_EPIDEMIC_RUMOURS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/base/slab.h"

#define EPIDEMIC_INLINE_RUMOURS 2
#define EPIDEMIC_BLOCK_RUMOURS 10

struct epidemic_rumour {
    uint32_t id;           /* the broadcast's number */
    uint32_t topic;
    uint64_t published_ns; /* of the scenario's clock */
    uint32_t learnt_round; /* number of the round in which this peer learnt it, modulo 2^32 */
    uint16_t hops;         /* copies that led to here; 0 at the publisher */
    uint16_t bytes;        /* of its payload */
};

struct epidemic_block {
    uint32_t next;     /* slab handle; 0: the last */
    uint16_t count;
    uint16_t capacity;
    struct epidemic_rumour rumours[];
};

#define EPIDEMIC_BLOCK_BYTES(rumours) (sizeof(struct epidemic_block) + (rumours) * sizeof(struct epidemic_rumour))

static_assert(sizeof(struct epidemic_rumour) == 24, "two rumours and the peer's own fields are one cache line");

/* A place in a table; valid until the table changes otherwise than through it. */
struct epidemic_cursor {
    struct base_slab *slab;
    struct epidemic_block *block;
    uint32_t index;
};

static inline struct epidemic_cursor epidemic_cursor_first(struct epidemic_block *first, struct base_slab *slab)
{
    return (struct epidemic_cursor){.slab = slab, .block = first};
}

/* The rumour here, or NULL at the end. */
static inline struct epidemic_rumour *epidemic_cursor_get(struct epidemic_cursor *cursor)
{
    if (cursor->index == cursor->block->count && cursor->block->next != 0) {
        cursor->block = base_slab_at(cursor->slab, cursor->block->next);
        cursor->index = 0;
    }
    return cursor->index < cursor->block->count ? &cursor->block->rumours[cursor->index] : NULL;
}

/* Moves on to the first rumour whose id is >= id, never back. Answers it when its id is equal, else NULL: then id would
 * be inserted here. O(blocks passed). */
struct epidemic_rumour *epidemic_cursor_seek(struct epidemic_cursor *cursor, uint32_t id);

/* Inserts where epidemic_cursor_seek for its id has just answered NULL. False, and no change, when the slab is full. */
bool epidemic_cursor_insert(struct epidemic_cursor *cursor, const struct epidemic_rumour *rumour);

/* Forgets all rumours published before oldest_ns; answers how many. O(rumours). */
uint32_t epidemic_rumours_forget(struct epidemic_block *first, struct base_slab *slab, uint64_t oldest_ns);

/* Gives every block but the first back to the slab and empties the first. */
void epidemic_rumours_clear(struct epidemic_block *first, struct base_slab *slab);

/* What is wrong with the chain's shape or order, or NULL; *count becomes the number of rumours. */
const char *epidemic_rumours_check(const struct epidemic_block *first, const struct base_slab *slab, uint32_t *count);

#endif
