#include "reactor/timed_queue.h"

#include <errno.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/reserve.h"
#include "reactor/queue_ladder.h"
#include "reactor/queue_parts.h"

#define ENTRIES_MAX_DEFAULT (UINT64_C(1) << 31)
#define OPEN_CAPACITY (2 * QUEUE_SORT_MAX)

struct reactor_queue_far {
    struct queue_ladder ladder;
    struct queue_parts parts;  /* of the opened bucket: what comes after open[end) */
    size_t entries_max;
    uint64_t floor_ns;         /* nothing may be due before it (where open[cursor - 1] does not say more) */
    uint64_t bucket_entries;   /* at different instants, that the opened bucket has had so far */
    uint64_t known_next_ns;    /* the ladder's least due; 0: not known */
    struct queue_sorter sorter;
    struct reactor_entry open[OPEN_CAPACITY];
};

int reactor_queue_init(struct reactor_queue *queue, size_t entries_max)
{
    *queue = (struct reactor_queue){0};
    struct reactor_queue_far *far = base_reserve(sizeof *far);
    if (!far)
        return -ENOMEM;
    far->entries_max = entries_max ? entries_max : ENTRIES_MAX_DEFAULT;
    queue->far = far;
    queue->open = far->open;
    if (queue_ladder_init(&far->ladder, far->entries_max) < 0 || queue_parts_init(&far->parts, far->entries_max) < 0) {
        reactor_queue_done(queue);
        return -ENOMEM;
    }
    return 0;
}

void reactor_queue_done(struct reactor_queue *queue)
{
    if (queue->far) {
        queue_ladder_done(&queue->far->ladder);
        queue_parts_done(&queue->far->parts);
        base_unreserve(queue->far, sizeof *queue->far);
    }
    *queue = (struct reactor_queue){0};
}

static uint64_t floor_ns(const struct reactor_queue *queue)
{
    return queue->cursor ? queue->open[queue->cursor - 1].due_ns : queue->far->floor_ns;
}

/* Moves what is opened to the beginning of its array. */
static void rewind_open(struct reactor_queue *queue)
{
    queue->far->floor_ns = floor_ns(queue);
    memmove(queue->open, queue->open + queue->cursor, (queue->end - queue->cursor) * sizeof queue->open[0]);
    queue->end -= queue->cursor;
    queue->cursor = 0;
}

/* The opened array has grown too long for inserting: its upper half becomes a part. */
static void shed_upper_half(struct reactor_queue *queue)
{
    struct queue_list list = {0};
    size_t keep = queue->cursor + (queue->end - queue->cursor) / 2;
    for (size_t i = keep; i < queue->end; i++)
        queue_list_append(&queue->far->ladder.store, &list, &queue->open[i]);
    queue_parts_add(&queue->far->parts, list, &queue->open[keep]);
    queue->end = keep;
}

/* Where the entry belongs in [low, high), of whose entries only full comparison tells. */
static size_t position_among(const struct reactor_entry *open, size_t low, size_t high,
                             const struct reactor_entry *entry)
{
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (queue_entry_before(entry, &open[middle]))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* First by the instant alone, without branches that would be mispredicted at each step. */
static size_t open_position(const struct reactor_queue *queue, const struct reactor_entry *entry)
{
    const struct reactor_entry *open = queue->open;
    size_t low = queue->cursor, left = queue->end - queue->cursor;
    if (left == 0 || queue_entry_before(&open[queue->end - 1], entry))
        return queue->end; /* most often, in a burst */
    for (; left > 1; left -= left / 2)
        low += open[low + left / 2 - 1].due_ns <= entry->due_ns ? left / 2 : 0;
    low += open[low].due_ns <= entry->due_ns;
    if (low > queue->cursor && open[low - 1].due_ns == entry->due_ns)
        return position_among(open, queue->cursor, low, entry);
    return low;
}

/* The free room before the cursor is used too, so at most half of the opened entries move. */
static void insert_open(struct reactor_queue *queue, const struct reactor_entry *entry)
{
    struct reactor_entry *open = queue->open;
    size_t at = open_position(queue, entry);
    if (queue->cursor && at - queue->cursor < queue->end - at) {
        memmove(&open[queue->cursor - 1], &open[queue->cursor], (at - queue->cursor) * sizeof open[0]);
        queue->cursor--;
        at--;
    } else {
        if (queue->end == OPEN_CAPACITY) {
            at -= queue->cursor;
            rewind_open(queue);
        }
        memmove(&open[at + 1], &open[at], (queue->end - at) * sizeof open[0]);
        queue->end++;
    }
    open[at] = *entry;
    if (queue->end - queue->cursor > QUEUE_SORT_MAX)
        shed_upper_half(queue);
}

static void push_opened(struct reactor_queue *queue, const struct reactor_entry *entry)
{
    struct reactor_queue_far *far = queue->far;
    uint64_t floor = floor_ns(queue);
    base_assert(entry->due_ns >= floor);
    far->bucket_entries += entry->due_ns > floor; /* a narrower bucket cannot tell apart what has one instant */
    if (far->parts.count == 0 || !queue_parts_push(&far->parts, &far->ladder.store, entry))
        insert_open(queue, entry);
}

int reactor_queue_push(struct reactor_queue *queue, const struct reactor_entry *entry)
{
    struct reactor_queue_far *far = queue->far;
    if (reactor_queue_count(queue) >= far->entries_max)
        return -ENOBUFS;
    /* Once the last bucket of all time is open, UINT64_MAX belongs to it, too. */
    if (entry->due_ns < queue->open_end_ns || queue->open_end_ns == UINT64_MAX) {
        push_opened(queue, entry);
        return 0;
    }
    if (entry->due_ns < far->known_next_ns)
        far->known_next_ns = entry->due_ns;
    queue_ladder_push(&far->ladder, entry);
    return 0;
}

static bool is_one_instant(const struct queue_store *store, struct queue_list list)
{
    uint64_t due_ns = queue_store_chunk(store, list.head)->due_ns;
    uint32_t chunk = list.head, here = queue_list_last(list.count);
    for (uint32_t left = list.count; left; left -= here, here = QUEUE_CHUNK_ENTRIES, chunk = store->next[chunk]) {
        const struct reactor_entry *entries = queue_store_chunk(store, chunk);
        for (uint32_t i = 0; i < here; i++) {
            if (entries[i].due_ns != due_ns)
                return false;
        }
    }
    return true;
}

/* Makes the lowest part the opened array, splitting it while it is too large. */
static void open_part(struct reactor_queue *queue)
{
    struct reactor_queue_far *far = queue->far;
    struct queue_store *store = &far->ladder.store;
    struct queue_part part = queue_parts_take(&far->parts);
    while (part.list.count > QUEUE_SORT_MAX) {
        queue_parts_split(&far->parts, &far->sorter, store, part.list, &part.first);
        part = queue_parts_take(&far->parts);
    }
    queue_sort_list(&far->sorter, store, part.list, queue->open);
    queue->end = part.list.count;
}

/* Opens a bucket; a crowded one becomes a part that is split. */
static void open_bucket(struct reactor_queue *queue, const struct queue_bucket *bucket)
{
    struct reactor_queue_far *far = queue->far;
    far->known_next_ns = 0;
    far->bucket_entries = bucket->list.count;
    if (bucket->list.count <= QUEUE_SORT_MAX) {
        queue_sort_list(&far->sorter, &far->ladder.store, bucket->list, queue->open);
        queue->end = bucket->list.count;
        return;
    }
    if (is_one_instant(&far->ladder.store, bucket->list))
        far->bucket_entries = queue_ladder_target(&far->ladder); /* one instant: no width would do better */
    queue_parts_add(&far->parts, bucket->list, &(struct reactor_entry){.due_ns = bucket->begin_ns});
    open_part(queue);
}

bool reactor_queue_open_next(struct reactor_queue *queue, uint64_t limit_ns)
{
    struct reactor_queue_far *far = queue->far;
    rewind_open(queue);
    if (far->parts.count) {
        open_part(queue);
        return true;
    }
    if (far->bucket_entries) {
        queue_ladder_judge(&far->ladder, far->bucket_entries);
        far->bucket_entries = 0;
    }
    struct queue_bucket bucket;
    bool found = queue_ladder_next(&far->ladder, limit_ns, &bucket);
    queue->open_end_ns = queue_ladder_begin_ns(&far->ladder);
    if (found)
        open_bucket(queue, &bucket);
    return found;
}

uint64_t reactor_queue_next_due(struct reactor_queue *queue)
{
    struct reactor_queue_far *far = queue->far;
    if (queue->cursor == queue->end && far->parts.count) {
        rewind_open(queue);
        open_part(queue);
    }
    if (queue->cursor < queue->end)
        return queue->open[queue->cursor].due_ns;
    if (!far->known_next_ns)
        far->known_next_ns = queue_ladder_least_due(&far->ladder);
    return far->known_next_ns;
}

size_t reactor_queue_count(const struct reactor_queue *queue)
{
    return queue->far->ladder.count + queue->far->parts.entries + (queue->end - queue->cursor);
}

size_t reactor_queue_bytes(const struct reactor_queue *queue)
{
    return queue_ladder_bytes(&queue->far->ladder) + sizeof *queue->far;
}

void reactor_queue_each(const struct reactor_queue *queue,
                        void (*visit)(void *context, const struct reactor_entry *entry), void *context)
{
    const struct reactor_queue_far *far = queue->far;
    for (size_t i = queue->cursor; i < queue->end; i++)
        visit(context, &queue->open[i]);
    for (size_t i = 0; i < far->parts.count; i++)
        queue_list_each(&far->ladder.store, far->parts.items[i].list, visit, context);
    queue_ladder_each(&far->ladder, visit, context);
}

static size_t sweep_parts(struct reactor_queue_far *far,
                          bool (*keep)(void *context, const struct reactor_entry *entry), void *context)
{
    size_t before = far->parts.entries, count = far->parts.count;
    far->parts.count = far->parts.entries = 0;
    for (size_t i = 0; i < count; i++) {
        struct queue_part part = far->parts.items[i];
        part.list = queue_list_sweep(&far->ladder.store, part.list, keep, context);
        if (part.list.count)
            queue_parts_add(&far->parts, part.list, &part.first);
    }
    return before - far->parts.entries;
}

size_t reactor_queue_sweep(struct reactor_queue *queue,
                           bool (*keep)(void *context, const struct reactor_entry *entry), void *context)
{
    size_t to = queue->cursor;
    for (size_t i = queue->cursor; i < queue->end; i++) {
        if (keep(context, &queue->open[i]))
            queue->open[to++] = queue->open[i];
    }
    size_t removed = queue->end - to;
    queue->end = to;
    queue->far->known_next_ns = 0;
    removed += sweep_parts(queue->far, keep, context);
    return removed + queue_ladder_sweep(&queue->far->ladder, keep, context);
}
