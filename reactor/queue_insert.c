/* What is pushed into the opened bucket. */
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/queue_opened.h"

/* Inserting moves a quarter of the keys: among this many that is some 2 KiB, and more is only moved a few times. */
#define INSERT_AMONG 1024u
#define INSERT_FEW 16u

struct reactor_entry *queue_opened_reserve(struct reactor_queue *queue, bool carries)
{
    struct queue_opened *opened = opened_of(queue);
    queue_opened_settle(queue);
    uint32_t unit = opened->spare[carries];
    if (unit)
        opened->spare[carries] = *(uint32_t *) (void *) reactor_queue_at(queue, unit);
    else
        unit = queue_opened_append(queue, carries);
    return reactor_queue_at(queue, unit);
}

/* The keys from `keep` on become a part. */
static void shed(struct reactor_queue *queue, size_t keep)
{
    struct queue_opened *opened = opened_of(queue);
    struct queue_list list = {0};
    for (size_t i = keep; i < queue->end; i++) {
        uint32_t unit = (uint32_t) opened->keys[i];
        struct queue_record record = queue_record_of(&opened->measure, reactor_queue_at(queue, unit), unit);
        queue_records_add(store_of(queue), &list, record);
    }
    queue_parts_add(&opened->parts, list, reactor_queue_at(queue, (uint32_t) opened->keys[keep]));
    opened->instants -= opened->instants < list.count ? opened->instants : list.count; /* counted when it is sorted */
    queue->end = keep;
}

/* A bucket that had more pushed into it, not due yet, than all that is pending should have been narrower. All that is
 * left of it becomes a part, which is put back when the next entry is asked for. */
static void give_up_if_endless(struct reactor_queue *queue)
{
    struct queue_opened *opened = opened_of(queue);
    const struct queue_ladder *ladder = &queue->far->ladder;
    if (opened->pushed < 16 * queue_ladder_target(ladder) || opened->pushed < reactor_queue_count(queue) ||
        opened->floor_ns <= opened->measure.begin_ns)
        return;
    unsigned shift = queue_ladder_shift_for(ladder, opened->pushed, opened->floor_ns - opened->measure.begin_ns);
    if (shift + 2 >= ladder->levels[0].shift)
        return;
    opened->better_shift = shift;
    if (queue->cursor < queue->end)
        shed(queue, queue->cursor);
}

/* The keys have become too many for inserting: their upper half becomes a part. */
static void shed_if_crowded(struct reactor_queue *queue)
{
    size_t count = queue->end - queue->cursor;
    if (count > QUEUE_SORT_MAX || (count > INSERT_AMONG && opened_of(queue)->inserted > INSERT_FEW))
        shed(queue, queue->cursor + count / 2);
}

/* Where the entry belongs in keys [low, high), of which only their entries tell. */
static size_t position_among(const struct reactor_queue *queue, size_t low, size_t high,
                             const struct reactor_entry *entry)
{
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (queue_entry_before(entry, reactor_queue_at(queue, (uint32_t) queue->keys[middle])))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* First by the instant alone, without branches that would be mispredicted at each step. */
static size_t position_of(const struct reactor_queue *queue, const struct reactor_entry *entry, uint64_t key)
{
    const uint64_t *keys = queue->keys;
    size_t low = queue->cursor, left = queue->end - queue->cursor;
    uint64_t last = key | UINT32_MAX; /* of its instant */
    if (left == 0 || keys[queue->end - 1] >> 32 < key >> 32)
        return queue->end; /* often, in a burst */
    for (; left > 1; left -= left / 2)
        low += keys[low + left / 2 - 1] <= last ? left / 2 : 0;
    low += keys[low] <= last;
    if (low > queue->cursor && keys[low - 1] >> 32 == key >> 32)
        return position_among(queue, queue->cursor, low, entry);
    return low;
}

/* Makes room at `at`. The room before the cursor is used too, so at most half of the keys move. */
static size_t open_gap(struct reactor_queue *queue, size_t at)
{
    struct queue_opened *opened = opened_of(queue);
    uint64_t *keys = opened->keys;
    if (queue->cursor && at - queue->cursor < queue->end - at) {
        memmove(&keys[queue->cursor - 1], &keys[queue->cursor], (at - queue->cursor) * sizeof keys[0]);
        opened->settled = --queue->cursor;
        return at - 1;
    }
    if (queue->end == QUEUE_OPEN_CAPACITY) {
        memmove(keys, keys + queue->cursor, (queue->end - queue->cursor) * sizeof keys[0]);
        at -= queue->cursor;
        queue->end -= queue->cursor;
        queue->cursor = opened->settled = 0;
    }
    memmove(&keys[at + 1], &keys[at], (queue->end - at) * sizeof keys[0]);
    queue->end++;
    return at;
}

void queue_opened_insert(struct reactor_queue *queue, const struct reactor_entry *entry)
{
    struct queue_opened *opened = opened_of(queue); /* all popped is settled: by the reserve */
    base_assert(entry->due_ns >= opened->floor_ns);
    opened->entries++;
    opened->pushed += entry->due_ns > opened->floor_ns;
    if (opened->pushed % 256 == 255)
        give_up_if_endless(queue);
    uint32_t unit = (uint32_t) (((const uint8_t *) entry - queue->units) / QUEUE_UNIT_BYTES);
    struct queue_record record = queue_record_of(&opened->measure, entry, unit);
    if (opened->parts.count && queue_parts_push(&opened->parts, store_of(queue), entry, record))
        return;
    size_t at = open_gap(queue, position_of(queue, entry, record.key));
    opened->keys[at] = record.key;
    opened->instants += entry->due_ns > opened->floor_ns;
    opened->inserted++;
    shed_if_crowded(queue);
}
