#include "sim/overlays/epidemic_rumours.h"

#include <string.h>

struct epidemic_rumour *epidemic_cursor_seek(struct epidemic_cursor *cursor, uint32_t id)
{
    struct epidemic_block *block = cursor->block;
    while (block->next != 0 && block->rumours[block->count - 1].id < id) {
        block = base_slab_at(cursor->slab, block->next);
        cursor->index = 0;
    }
    cursor->block = block;
    while (cursor->index < block->count && block->rumours[cursor->index].id < id)
        cursor->index++;
    bool found = cursor->index < block->count && block->rumours[cursor->index].id == id;
    return found ? &block->rumours[cursor->index] : NULL;
}

/* Makes room at the cursor in a full block: its upper half moves to a new one. At the chain's end nothing moves, so
 * that ids which arrive in ascending order, as publications do, leave full blocks behind. */
static bool split(struct epidemic_cursor *cursor)
{
    struct epidemic_block *block = cursor->block;
    uint32_t handle = base_slab_take(cursor->slab);
    if (handle == 0)
        return false;
    struct epidemic_block *upper = base_slab_at(cursor->slab, handle);
    uint16_t keep = cursor->index == block->count ? block->count : (uint16_t) (block->count / 2);
    upper->next = block->next;
    upper->capacity = EPIDEMIC_BLOCK_RUMOURS;
    upper->count = (uint16_t) (block->count - keep);
    memcpy(upper->rumours, &block->rumours[keep], upper->count * sizeof(struct epidemic_rumour));
    block->next = handle;
    block->count = keep;
    if (cursor->index >= keep) {
        cursor->block = upper;
        cursor->index -= keep;
    }
    return true;
}

bool epidemic_cursor_insert(struct epidemic_cursor *cursor, const struct epidemic_rumour *rumour)
{
    if (cursor->block->count == cursor->block->capacity && !split(cursor))
        return false;
    struct epidemic_block *block = cursor->block;
    struct epidemic_rumour *place = &block->rumours[cursor->index];
    memmove(place + 1, place, (block->count - cursor->index) * sizeof(*place));
    *place = *rumour;
    block->count++;
    return true;
}

static void give_chain(struct base_slab *slab, uint32_t handle)
{
    while (handle != 0) {
        struct epidemic_block *block = base_slab_at(slab, handle);
        uint32_t next = block->next;
        base_slab_give(slab, handle);
        handle = next;
    }
}

void epidemic_rumours_clear(struct epidemic_block *first, struct base_slab *slab)
{
    give_chain(slab, first->next);
    first->next = 0;
    first->count = 0;
}

/* Appends at the writing end of a compaction: the block there is full, or takes one more. */
static void put(struct epidemic_cursor *end, const struct epidemic_rumour *rumour)
{
    if (end->index == end->block->capacity) {
        end->block->count = end->block->capacity;
        end->block = base_slab_at(end->slab, end->block->next);
        end->index = 0;
    }
    end->block->rumours[end->index++] = *rumour;
}

/* Copies the living towards the front. The writing end never overtakes the reading one: it has written no more than was
 * read and fills each block wholly. A block's count is only lowered by the writer, after the reader has left it. */
static uint32_t compact(struct epidemic_block *first, struct base_slab *slab, uint64_t oldest_ns)
{
    struct epidemic_cursor end = epidemic_cursor_first(first, slab);
    struct epidemic_block *block = first;
    uint32_t forgotten = 0;
    for (;;) {
        uint32_t count = block->count, next = block->next;
        for (uint32_t i = 0; i < count; i++) {
            if (block->rumours[i].published_ns >= oldest_ns)
                put(&end, &block->rumours[i]);
            else
                forgotten++;
        }
        if (next == 0)
            break;
        block = base_slab_at(slab, next);
    }
    end.block->count = (uint16_t) end.index;
    give_chain(slab, end.block->next);
    end.block->next = 0;
    return forgotten;
}

uint32_t epidemic_rumours_forget(struct epidemic_block *first, struct base_slab *slab, uint64_t oldest_ns)
{
    struct epidemic_cursor cursor = epidemic_cursor_first(first, slab);
    for (struct epidemic_rumour *rumour; (rumour = epidemic_cursor_get(&cursor)) != NULL; cursor.index++) {
        if (rumour->published_ns < oldest_ns)
            return compact(first, slab, oldest_ns);
    }
    return 0;
}

const char *epidemic_rumours_check(const struct epidemic_block *first, const struct base_slab *slab, uint32_t *count)
{
    uint64_t least = 0; /* one more than the last id */
    *count = 0;
    for (const struct epidemic_block *block = first;; block = base_slab_at(slab, block->next)) {
        if (block->count > block->capacity)
            return "a block of rumours holds more than it has room for";
        if (block->count == 0 && (block != first || block->next != 0))
            return "an empty block in the chain of rumours";
        for (uint32_t i = 0; i < block->count; i++) {
            if (block->rumours[i].id < least)
                return "rumours are not in ascending order of their ids";
            least = (uint64_t) block->rumours[i].id + 1;
        }
        *count += block->count;
        if (block->next == 0)
            return NULL;
    }
}
