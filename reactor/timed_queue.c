#include "reactor/timed_queue.h"

#include <errno.h>
#include <string.h>

#include "reactor/base/reserve.h"
#include "reactor/queue_opened.h"

#define ENTRIES_MAX_DEFAULT (UINT64_C(1) << 31)
#define AHEAD_FROM 16384u /* entries: with fewer the next bucket is in the cache anyway */

/* What the inlined paths know of level 0. While the next instant is known every push is looked at. */
static void show_window(struct reactor_queue *queue)
{
    const struct reactor_queue_far *far = queue->far;
    const struct queue_level *level = &far->ladder.levels[0];
    bool is_shown = far->known_next_ns == 0 && queue->open_end_ns != UINT64_MAX;
    queue->span_ns[0] = is_shown ? queue_ladder_near(&far->ladder) << level->shift : 0;
    queue->span_ns[1] = is_shown ? (level->limit - level->position) << level->shift : 0;
    queue->tails[0] = level->tails[QUEUE_PLAIN];
    queue->tails[1] = level->tails[QUEUE_CARRYING];
    queue->shift = level->shift;
    queue->mask = level->mask;
}

int reactor_queue_init(struct reactor_queue *queue, size_t entries_max)
{
    *queue = (struct reactor_queue){0};
    struct reactor_queue_far *far = base_reserve(sizeof *far);
    if (!far)
        return -ENOMEM;
    queue->far = far;
    far->entries_max = entries_max ? entries_max : ENTRIES_MAX_DEFAULT;
    if (queue_ladder_init(&far->ladder, far->entries_max) < 0 ||
        queue_parts_init(&far->opened.parts, far->entries_max) < 0) {
        reactor_queue_done(queue);
        return -ENOMEM;
    }
    queue->units = far->ladder.store.units;
    queue->dues = far->ladder.store.dues;
    queue->keys = far->opened.keys;
    queue->room = far->room_counted = far->entries_max;
    show_window(queue);
    return 0;
}

void reactor_queue_done(struct reactor_queue *queue)
{
    if (queue->far) {
        queue_ladder_done(&queue->far->ladder);
        queue_parts_done(&queue->far->opened.parts);
        base_unreserve(queue->far, sizeof *queue->far);
    }
    *queue = (struct reactor_queue){0};
}

size_t reactor_queue_count(const struct reactor_queue *queue)
{
    const struct reactor_queue_far *far = queue->far;
    return far->ladder.count + (far->room_counted - queue->room) + far->opened.parts.entries +
           (queue->end - queue->cursor);
}

/* Makes the ladder's count right and the room exact. */
static void count_pushes(struct reactor_queue *queue)
{
    struct reactor_queue_far *far = queue->far;
    far->ladder.count += far->room_counted - queue->room;
    queue->room = far->room_counted = 0;
    queue->room = far->room_counted = far->entries_max - reactor_queue_count(queue);
}

static bool has_room(struct reactor_queue *queue)
{
    if (!queue->room)
        count_pushes(queue);
    return queue->room && queue_store_has_room(&queue->far->ladder.store);
}

/* Counts an entry that is to be reserved. Its place if that is in the opened bucket; else NULL: in the ladder. */
static inline struct reactor_entry *reserve_opened(struct reactor_queue *queue, uint64_t due_ns, bool carries)
{
    struct reactor_queue_far *far = queue->far;
    queue->room--;
    /* Once the last bucket of all time is open, UINT64_MAX belongs to it, too. */
    if (due_ns < queue->open_end_ns || queue->open_end_ns == UINT64_MAX) {
        far->room_counted--;
        return queue->staged = queue_opened_reserve(queue, carries);
    }
    if (due_ns < far->known_next_ns)
        far->known_next_ns = due_ns;
    return NULL;
}

struct reactor_entry *reactor_queue_reserve_slow(struct reactor_queue *queue, uint64_t due_ns, bool carries)
{
    if (!has_room(queue))
        return NULL;
    struct reactor_entry *place = reserve_opened(queue, due_ns, carries);
    if (!place)
        place = queue_ladder_reserve(&queue->far->ladder, due_ns, carries);
    return place ? place : (queue->staged = &queue->far->staging.entry);
}

struct reactor_entry *reactor_queue_reserve_unpacked(struct reactor_queue *queue, uint64_t due_ns)
{
    if (!has_room(queue))
        return NULL;
    struct reactor_entry *place = reserve_opened(queue, due_ns, false);
    return place ? place : queue_ladder_reserve_unpacked(&queue->far->ladder, due_ns);
}

void reactor_queue_commit_staged(struct reactor_queue *queue)
{
    const struct reactor_entry *entry = queue->staged;
    queue->staged = NULL;
    if (entry == &queue->far->staging.entry)
        queue_ladder_place(&queue->far->ladder, entry);
    else
        queue_opened_insert(queue, entry);
}

/* Not inlined: where an entry that carries nothing is a local, the compiler would warn of reading what is behind it. */
__attribute__((noinline)) int reactor_queue_push(struct reactor_queue *queue, const struct reactor_entry *entry)
{
    bool carries = entry->order & REACTOR_CARRIES;
    struct reactor_entry *place = reactor_queue_reserve(queue, entry->due_ns, carries);
    if (!place)
        return -ENOBUFS;
    if (carries)
        memcpy(place, entry, sizeof *entry + REACTOR_CARRIED_BYTES);
    else
        *place = *entry;
    reactor_queue_commit(queue, place);
    return 0;
}

bool reactor_queue_open_next(struct reactor_queue *queue, uint64_t limit_ns)
{
    struct reactor_queue_far *far = queue->far;
    struct queue_ladder *ladder = &far->ladder;
    count_pushes(queue);
    if (far->opened.better_shift && far->opened.parts.count)
        queue_opened_put_back(queue);
    if (far->opened.parts.count) {
        queue_opened_next_part(queue);
        return true;
    }
    queue_opened_close(queue);
    if (far->opened.entries)
        queue_ladder_judge(ladder, far->opened.entries, far->opened.instants);
    struct queue_bucket bucket = {.begin_ns = far->opened.floor_ns};
    bool found = queue_ladder_next(ladder, limit_ns, &bucket);
    queue->open_end_ns = queue_ladder_begin_ns(ladder);
    if (found)
        far->known_next_ns = 0;
    show_window(queue);
    queue_opened_begin(queue, &bucket, queue->open_end_ns);
    ladder->count -= far->opened.parts.entries + queue->end;
    if (ladder->count > AHEAD_FROM)
        queue_ladder_prefetch(ladder);
    return found;
}

uint64_t reactor_queue_next_due(struct reactor_queue *queue)
{
    struct reactor_queue_far *far = queue->far;
    if (queue->cursor == queue->end && far->opened.parts.count)
        queue_opened_next_part(queue);
    if (queue->cursor < queue->end)
        return reactor_queue_at(queue, (uint32_t) queue->keys[queue->cursor])->due_ns;
    if (!far->known_next_ns) {
        far->known_next_ns = queue_ladder_least_due(&far->ladder);
        show_window(queue);
    }
    return far->known_next_ns;
}

size_t reactor_queue_bytes(const struct reactor_queue *queue)
{
    return queue_ladder_bytes(&queue->far->ladder) + sizeof *queue->far;
}

void reactor_queue_each(const struct reactor_queue *queue,
                        void (*visit)(void *context, const struct reactor_entry *entry), void *context)
{
    queue_opened_each(queue, visit, context);
    queue_ladder_each(&queue->far->ladder, visit, context);
}

size_t reactor_queue_sweep(struct reactor_queue *queue,
                           void (*choose)(void *context, const struct reactor_entry *const *entries, size_t count,
                                          bool *keep), void *context)
{
    count_pushes(queue);
    size_t removed = queue_opened_sweep(queue, choose, context);
    removed += queue_ladder_sweep(&queue->far->ladder, choose, context);
    queue->far->known_next_ns = 0;
    show_window(queue);
    return removed;
}
