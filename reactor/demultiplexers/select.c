#include <errno.h>
#include <sys/select.h>

#include "reactor/demultiplexers/demultiplexers.h"

struct select_state {
    fd_set present, reading, writing;
    uint64_t tokens[FD_SETSIZE]; /* by descriptor */
    int end;                     /* beyond the greatest descriptor */
    int next;                    /* where the next look begins: so that a small ready_max reaches all in turn */
};

static int select_open(void *state)
{
    (void) state; /* zeroed: empty */
    return 0;
}

static void select_close(void *state)
{
    (void) state;
}

static bool is_present(const struct select_state *set, int descriptor)
{
    return descriptor >= 0 && descriptor < FD_SETSIZE && FD_ISSET(descriptor, &set->present);
}

static void note_interest(struct select_state *set, int descriptor, uint32_t interest)
{
    FD_CLR(descriptor, &set->reading);
    FD_CLR(descriptor, &set->writing);
    if (interest & REACTOR_READ)
        FD_SET(descriptor, &set->reading);
    if (interest & REACTOR_WRITE)
        FD_SET(descriptor, &set->writing);
}

static int select_add(void *state, int descriptor, uint32_t interest, uint64_t token)
{
    struct select_state *set = state;
    if (descriptor < 0)
        return -EBADF;
    if (descriptor >= FD_SETSIZE)
        return -EMFILE;
    if (is_present(set, descriptor))
        return -EEXIST;
    FD_SET(descriptor, &set->present);
    note_interest(set, descriptor, interest);
    set->tokens[descriptor] = token;
    if (descriptor >= set->end)
        set->end = descriptor + 1;
    return 0;
}

static int select_change(void *state, int descriptor, uint32_t interest, uint64_t token)
{
    struct select_state *set = state;
    if (!is_present(set, descriptor))
        return -ENOENT;
    note_interest(set, descriptor, interest);
    set->tokens[descriptor] = token;
    return 0;
}

static int select_remove(void *state, int descriptor)
{
    struct select_state *set = state;
    if (!is_present(set, descriptor))
        return -ENOENT;
    note_interest(set, descriptor, 0);
    FD_CLR(descriptor, &set->present);
    while (set->end && !FD_ISSET(set->end - 1, &set->present))
        set->end--;
    return 0;
}

/* select has no words for a hang-up or an error: both read (and write) as ready, and the call then tells. */
static int collect(struct select_state *set, const fd_set *readable, const fd_set *writable,
                   struct reactor_ready *ready, int ready_max, int left)
{
    int found = 0, descriptor = set->next < set->end ? set->next : 0;
    for (int looked = 0; looked < set->end && found < ready_max && left > 0; looked++) {
        bool reads = FD_ISSET(descriptor, readable), writes = FD_ISSET(descriptor, writable);
        if (reads || writes) {
            uint32_t readiness = (reads ? REACTOR_READABLE : 0u) | (writes ? REACTOR_WRITABLE : 0u);
            ready[found++] = (struct reactor_ready){.token = set->tokens[descriptor],
                                                    .readiness = readiness};
            left -= reads + writes; /* pselect counts bits */
        }
        descriptor = descriptor + 1 < set->end ? descriptor + 1 : 0;
    }
    set->next = descriptor;
    return found;
}

static int select_wait(void *state, struct reactor_ready *ready, int ready_max, uint64_t timeout_ns)
{
    struct select_state *set = state;
    fd_set readable = set->reading, writable = set->writing;
    struct timespec timeout;
    int bits = pselect(set->end, &readable, &writable, NULL, demultiplexer_timeout(timeout_ns, &timeout), NULL);
    if (bits < 0)
        return errno == EINTR ? 0 : -errno;
    return collect(set, &readable, &writable, ready, ready_max, bits);
}

const struct reactor_demultiplexer_ops reactor_demultiplexer_select = {
    .name = "select",
    .summary = "4.2BSD: descriptors below FD_SETSIZE only",
    .state_bytes = sizeof(struct select_state),
    .open = select_open,
    .close = select_close,
    .add = select_add,
    .change = select_change,
    .remove = select_remove,
    .wait = select_wait,
};
