#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "reactor/demultiplexers/demultiplexers.h"

struct poll_state {
    struct pollfd *items;
    uint64_t *tokens;    /* by item */
    int *item_of;        /* by descriptor: its item + 1, or 0 */
    int count, capacity; /* of items and tokens */
    int descriptors;     /* length of item_of */
    int next;            /* where the next look begins: so that a small ready_max reaches all in turn */
};

static int poll_open(void *state)
{
    (void) state; /* zeroed: empty */
    return 0;
}

static void poll_close(void *state)
{
    struct poll_state *set = state;
    free(set->items);
    free(set->tokens);
    free(set->item_of);
}

static int grow_items(struct poll_state *set)
{
    int capacity = set->capacity ? 2 * set->capacity : 64;
    struct pollfd *items = realloc(set->items, (size_t) capacity * sizeof items[0]);
    if (!items)
        return -ENOMEM;
    set->items = items;
    uint64_t *tokens = realloc(set->tokens, (size_t) capacity * sizeof tokens[0]);
    if (!tokens)
        return -ENOMEM;
    set->tokens = tokens;
    set->capacity = capacity;
    return 0;
}

static int grow_descriptors(struct poll_state *set, int descriptor)
{
    int length = descriptor < 32 ? 64 : 2 * descriptor;
    int *item_of = realloc(set->item_of, (size_t) length * sizeof item_of[0]);
    if (!item_of)
        return -ENOMEM;
    for (int i = set->descriptors; i < length; i++)
        item_of[i] = 0;
    set->item_of = item_of;
    set->descriptors = length;
    return 0;
}

static int item_of(const struct poll_state *set, int descriptor)
{
    return descriptor >= 0 && descriptor < set->descriptors ? set->item_of[descriptor] - 1 : -1;
}

static short events_of(uint32_t interest)
{
    return (short) ((interest & REACTOR_READ ? POLLIN : 0) | (interest & REACTOR_WRITE ? POLLOUT : 0));
}

static int poll_add(void *state, int descriptor, uint32_t interest, uint64_t token)
{
    struct poll_state *set = state;
    if (descriptor < 0)
        return -EBADF;
    if (item_of(set, descriptor) >= 0)
        return -EEXIST;
    if (set->count == set->capacity && grow_items(set) < 0)
        return -ENOMEM;
    if (descriptor >= set->descriptors && grow_descriptors(set, descriptor) < 0)
        return -ENOMEM;
    set->items[set->count] = (struct pollfd){.fd = descriptor, .events = events_of(interest)};
    set->tokens[set->count] = token;
    set->item_of[descriptor] = ++set->count;
    return 0;
}

static int poll_change(void *state, int descriptor, uint32_t interest, uint64_t token)
{
    struct poll_state *set = state;
    int item = item_of(set, descriptor);
    if (item < 0)
        return -ENOENT;
    set->items[item].events = events_of(interest);
    set->tokens[item] = token;
    return 0;
}

static int poll_remove(void *state, int descriptor)
{
    struct poll_state *set = state;
    int item = item_of(set, descriptor);
    if (item < 0)
        return -ENOENT;
    set->count--;
    set->items[item] = set->items[set->count];
    set->tokens[item] = set->tokens[set->count];
    set->item_of[set->items[item].fd] = item + 1;
    set->item_of[descriptor] = 0;
    return 0;
}

static uint32_t readiness_of(short events)
{
    uint32_t readiness = 0;
    if (events & POLLIN)
        readiness |= REACTOR_READABLE;
    if (events & POLLOUT)
        readiness |= REACTOR_WRITABLE;
    if (events & POLLHUP)
        readiness |= REACTOR_HANGUP;
    if (events & (POLLERR | POLLNVAL))
        readiness |= REACTOR_FAILED;
    return readiness;
}

static int collect(struct poll_state *set, struct reactor_ready *ready, int ready_max, int left)
{
    int found = 0, item = set->next < set->count ? set->next : 0;
    for (int looked = 0; looked < set->count && found < ready_max && left; looked++) {
        if (set->items[item].revents) {
            ready[found++] = (struct reactor_ready){.token = set->tokens[item],
                                                    .readiness = readiness_of(set->items[item].revents)};
            left--;
        }
        item = item + 1 < set->count ? item + 1 : 0;
    }
    set->next = item;
    return found;
}

static int poll_wait(void *state, struct reactor_ready *ready, int ready_max, uint64_t timeout_ns)
{
    struct poll_state *set = state;
    struct timespec timeout;
    int count = ppoll(set->items, (nfds_t) set->count, demultiplexer_timeout(timeout_ns, &timeout), NULL);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    return collect(set, ready, ready_max, count);
}

const struct reactor_demultiplexer_ops reactor_demultiplexer_poll = {
    .name = "poll",
    .summary = "POSIX: the cost of a wait grows with all descriptors",
    .state_bytes = sizeof(struct poll_state),
    .open = poll_open,
    .close = poll_close,
    .add = poll_add,
    .change = poll_change,
    .remove = poll_remove,
    .wait = poll_wait,
};
