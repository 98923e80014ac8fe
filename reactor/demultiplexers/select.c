#include <errno.h>
#include <fcntl.h>
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

/* What a wait has found. */
struct found {
    fd_set readable, writable;
    fd_set closed; /* without having been removed before */
};

/* select has no words for a hang-up or an error: both read (and write) as ready, and the call then tells. */
static uint32_t readiness_of(const struct found *found, int descriptor)
{
    return (FD_ISSET(descriptor, &found->readable) ? REACTOR_READABLE : 0u) |
           (FD_ISSET(descriptor, &found->writable) ? REACTOR_WRITABLE : 0u) |
           (FD_ISSET(descriptor, &found->closed) ? REACTOR_FAILED : 0u);
}

static int collect(struct select_state *set, const struct found *found, struct reactor_ready *ready, int ready_max,
                   int left)
{
    int count = 0, descriptor = set->next < set->end ? set->next : 0;
    for (int looked = 0; looked < set->end && count < ready_max && left > 0; looked++) {
        uint32_t readiness = readiness_of(found, descriptor);
        if (readiness) {
            ready[count++] = (struct reactor_ready){.token = set->tokens[descriptor], .readiness = readiness};
            left -= __builtin_popcount(readiness); /* pselect counts bits */
        }
        descriptor = descriptor + 1 < set->end ? descriptor + 1 : 0;
    }
    set->next = descriptor;
    return count;
}

/* One closed descriptor makes pselect fail for all: they are looked for one by one, and the others asked without them.
 * How many bits are set, or -1 with errno where none was closed. */
static int look_past_closed(const struct select_state *set, struct found *found)
{
    int closed = 0;
    found->readable = set->reading;
    found->writable = set->writing;
    for (int descriptor = 0; descriptor < set->end; descriptor++) {
        bool asked = FD_ISSET(descriptor, &set->reading) || FD_ISSET(descriptor, &set->writing);
        if (!asked || fcntl(descriptor, F_GETFD) >= 0)
            continue;
        FD_CLR(descriptor, &found->readable);
        FD_CLR(descriptor, &found->writable);
        FD_SET(descriptor, &found->closed);
        closed++;
    }
    int bits = pselect(set->end, &found->readable, &found->writable, NULL, &(struct timespec){0}, NULL);
    if (bits < 0 && !closed)
        return bits;
    if (bits < 0) { /* these next time */
        FD_ZERO(&found->readable);
        FD_ZERO(&found->writable);
        bits = 0;
    }
    return closed + bits;
}

static int select_wait(void *state, struct reactor_ready *ready, int ready_max, uint64_t timeout_ns)
{
    struct select_state *set = state;
    struct found found = {.readable = set->reading, .writable = set->writing};
    struct timespec timeout;
    int bits = pselect(set->end, &found.readable, &found.writable, NULL, demultiplexer_timeout(timeout_ns, &timeout),
                       NULL);
    if (bits < 0 && errno == EBADF)
        bits = look_past_closed(set, &found);
    if (bits < 0)
        return errno == EINTR ? 0 : -errno;
    return collect(set, &found, ready, ready_max, bits);
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
