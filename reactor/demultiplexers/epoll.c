#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "reactor/demultiplexers/demultiplexers.h"

#define EVENTS_A_CALL 256

struct epoll_state {
    int descriptor;
    bool without_pwait2; /* the kernel has no epoll_pwait2 (before 5.11): waits are to the millisecond */
    struct epoll_event events[EVENTS_A_CALL];
};

static int epoll_open(void *state)
{
    struct epoll_state *epoll = state;
    epoll->descriptor = epoll_create1(EPOLL_CLOEXEC);
    return epoll->descriptor < 0 ? -errno : 0;
}

static void epoll_close(void *state)
{
    close(((struct epoll_state *) state)->descriptor);
}

static int control(void *state, int operation, int descriptor, uint32_t interest, uint64_t token)
{
    struct epoll_state *epoll = state;
    struct epoll_event event = {.data.u64 = token};
    if (interest & REACTOR_READ)
        event.events |= EPOLLIN;
    if (interest & REACTOR_WRITE)
        event.events |= EPOLLOUT;
    if (interest & REACTOR_EDGE)
        event.events |= EPOLLET | EPOLLRDHUP;
    return epoll_ctl(epoll->descriptor, operation, descriptor, &event) < 0 ? -errno : 0;
}

static int epoll_add(void *state, int descriptor, uint32_t interest, uint64_t token)
{
    return control(state, EPOLL_CTL_ADD, descriptor, interest, token);
}

static int epoll_change(void *state, int descriptor, uint32_t interest, uint64_t token)
{
    return control(state, EPOLL_CTL_MOD, descriptor, interest, token);
}

static int epoll_remove(void *state, int descriptor)
{
    return control(state, EPOLL_CTL_DEL, descriptor, 0, 0);
}

static int wait_milliseconds(struct epoll_state *epoll, int events_max, uint64_t timeout_ns)
{
    const uint64_t day_ms = 86400000;
    uint64_t timeout_ms = timeout_ns / 1000000 + (timeout_ns % 1000000 != 0);
    int timeout = timeout_ns == REACTOR_WAIT_FOREVER ? -1 : (int) (timeout_ms < day_ms ? timeout_ms : day_ms);
    return epoll_pwait(epoll->descriptor, epoll->events, events_max, timeout, NULL);
}

static int wait_events(struct epoll_state *epoll, int events_max, uint64_t timeout_ns)
{
    if (timeout_ns == 0) /* looking: without copying a timespec in */
        return epoll_pwait(epoll->descriptor, epoll->events, events_max, 0, NULL);
    if (!epoll->without_pwait2) {
        struct timespec timeout;
        int count = epoll_pwait2(epoll->descriptor, epoll->events, events_max,
                                 demultiplexer_timeout(timeout_ns, &timeout), NULL);
        if (count >= 0 || (errno != ENOSYS && errno != EPERM)) /* EPERM: a sandbox that does not know it */
            return count;
        epoll->without_pwait2 = true;
    }
    return wait_milliseconds(epoll, events_max, timeout_ns);
}

static uint32_t readiness_of(uint32_t events)
{
    uint32_t readiness = 0;
    if (events & EPOLLIN)
        readiness |= REACTOR_READABLE;
    if (events & EPOLLOUT)
        readiness |= REACTOR_WRITABLE;
    if (events & EPOLLHUP)
        readiness |= REACTOR_HANGUP;
    if (events & EPOLLERR)
        readiness |= REACTOR_FAILED;
    if (events & EPOLLRDHUP)
        readiness |= REACTOR_ENDING;
    return readiness;
}

/* The kernel puts a level-triggered descriptor that it reports at the end of its list: calls rotate by themselves. */
static int epoll_wait_ready(void *state, struct reactor_ready *ready, int ready_max, uint64_t timeout_ns)
{
    struct epoll_state *epoll = state;
    int count = wait_events(epoll, ready_max < EVENTS_A_CALL ? ready_max : EVENTS_A_CALL, timeout_ns);
    if (count < 0)
        return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++)
        ready[i] = (struct reactor_ready){.token = epoll->events[i].data.u64,
                                          .readiness = readiness_of(epoll->events[i].events)};
    return count;
}

const struct reactor_demultiplexer_ops reactor_demultiplexer_epoll = {
    .name = "epoll",
    .summary = "Linux's interest set, level-triggered: the cost does not depend on the idle descriptors",
    .state_bytes = sizeof(struct epoll_state),
    .open = epoll_open,
    .close = epoll_close,
    .add = epoll_add,
    .change = epoll_change,
    .remove = epoll_remove,
    .edges = true,
    .wait = epoll_wait_ready,
};
