#include "tests/reactor/faults.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reactor/demultiplexers/uring_internal.h"

/* --wrap leaves no other place for it: the wrapped functions have no argument of ours. */
static struct {
    atomic_int call, error; /* call: -1: none */
    atomic_uint first, times, struck;
    atomic_uint counts[FAULT_CALLS];
    atomic_llong held;
} faults = {.call = -1};

const char *fault_name(enum fault_call call)
{
    static const char *const names[FAULT_CALLS] = {
        "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "ppoll", "pselect", "io_uring_setup",
        "enabling the ring", "io_uring_enter", "registering buffers", "io_uring_register_sync_cancel",
        "a receive's completion", "a send's completion", "a send by copy", "an accept's completion", "socket", "setsockopt", "bind",
        "listen", "connect", "SO_ERROR", "accept4", "recv", "send", "shutdown", "recvmsg", "recvmmsg", "sendmmsg",
        "poll", "eventfd", "read", "write", "mmap", "allocation", "pthread_create",
    };
    return call < FAULT_CALLS ? names[call] : "none";
}

void fault_arm(enum fault_call call, int error, unsigned first, unsigned times)
{
    fault_disarm();
    for (unsigned i = 0; i < FAULT_CALLS; i++)
        faults.counts[i] = 0;
    faults.error = error;
    faults.first = first;
    faults.times = times;
    faults.struck = 0;
    faults.call = (int) call;
}

void fault_disarm(void)
{
    faults.call = -1;
}

unsigned fault_count(enum fault_call call)
{
    return faults.counts[call];
}

unsigned fault_struck(void)
{
    return faults.struck;
}

unsigned fault_waits(void)
{
    return faults.counts[CALL_EPOLL_PWAIT] + faults.counts[CALL_EPOLL_PWAIT2] + faults.counts[CALL_PPOLL] +
           faults.counts[CALL_PSELECT] + faults.counts[CALL_URING_ENTER];
}

int64_t fault_held(void)
{
    return faults.held;
}

/* The error to fail with, FAULT_SHORT, or 0. */
static int strikes(enum fault_call call)
{
    unsigned count = ++faults.counts[call];
    if (faults.call != (int) call || count < faults.first || count - faults.first >= faults.times)
        return 0;
    faults.struck++;
    return faults.error;
}

static bool fails(enum fault_call call)
{
    int error = strikes(call);
    if (error > 0)
        errno = error;
    return error > 0;
}

/* Each wrapper: fails as ordered, or calls the real one. */
#define WRAP(call, result, name, parameters, arguments) \
    result __real_##name parameters; \
    result __wrap_##name parameters; \
    result __wrap_##name parameters \
    { \
        return fails(call) ? (result) -1 : __real_##name arguments; \
    }
#define WRAP_URING(call, name, parameters, arguments) \
    int __real_##name parameters; \
    int __wrap_##name parameters; \
    int __wrap_##name parameters \
    { \
        int error = strikes(call); \
        return error > 0 ? -error : __real_##name arguments; \
    }

WRAP(CALL_EPOLL_CREATE, int, epoll_create1, (int flags), (flags))
WRAP(CALL_EPOLL_CTL, int, epoll_ctl, (int set, int operation, int descriptor, struct epoll_event *event),
     (set, operation, descriptor, event))
WRAP(CALL_EPOLL_PWAIT, int, epoll_pwait,
     (int set, struct epoll_event *events, int most, int timeout, const sigset_t *mask),
     (set, events, most, timeout, mask))
WRAP(CALL_EPOLL_PWAIT2, int, epoll_pwait2,
     (int set, struct epoll_event *events, int most, const struct timespec *timeout, const sigset_t *mask),
     (set, events, most, timeout, mask))
WRAP(CALL_PPOLL, int, ppoll, (struct pollfd *items, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
     (items, count, timeout, mask))
WRAP(CALL_POLL, int, poll, (struct pollfd *items, nfds_t count, int timeout), (items, count, timeout))
WRAP(CALL_PSELECT, int, pselect,
     (int end, fd_set *reading, fd_set *writing, fd_set *other, const struct timespec *timeout, const sigset_t *mask),
     (end, reading, writing, other, timeout, mask))
WRAP(CALL_SOCKET, int, socket, (int domain, int type, int protocol), (domain, type, protocol))
WRAP(CALL_SETSOCKOPT, int, setsockopt, (int descriptor, int level, int name, const void *value, socklen_t length),
     (descriptor, level, name, value, length))
WRAP(CALL_BIND, int, bind, (int descriptor, const struct sockaddr *address, socklen_t length),
     (descriptor, address, length))
WRAP(CALL_LISTEN, int, listen, (int descriptor, int backlog), (descriptor, backlog))
WRAP(CALL_CONNECT, int, connect, (int descriptor, const struct sockaddr *address, socklen_t length),
     (descriptor, address, length))
WRAP(CALL_ACCEPT, int, accept4, (int descriptor, struct sockaddr *address, socklen_t *length, int flags),
     (descriptor, address, length, flags))
WRAP(CALL_RECV, ssize_t, recv, (int descriptor, void *bytes, size_t length, int flags),
     (descriptor, bytes, length, flags))
WRAP(CALL_SHUTDOWN, int, shutdown, (int descriptor, int how), (descriptor, how))
WRAP(CALL_RECVMSG, ssize_t, recvmsg, (int descriptor, struct msghdr *message, int flags), (descriptor, message, flags))
WRAP(CALL_RECVMMSG, int, recvmmsg,
     (int descriptor, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout),
     (descriptor, messages, count, flags, timeout))
WRAP(CALL_EVENTFD, int, eventfd, (unsigned value, int flags), (value, flags))
WRAP(CALL_READ, ssize_t, read, (int descriptor, void *bytes, size_t length), (descriptor, bytes, length))

WRAP_URING(CALL_URING_INIT, io_uring_queue_init_params,
           (unsigned entries, struct io_uring *ring, struct io_uring_params *parameters), (entries, ring, parameters))
WRAP_URING(CALL_URING_ENABLE, io_uring_register,
           (unsigned descriptor, unsigned operation, const void *argument, unsigned count),
           (descriptor, operation, argument, count))
WRAP_URING(CALL_URING_ENTER, io_uring_submit, (struct io_uring *ring), (ring))
WRAP_URING(CALL_URING_ENTER, io_uring_submit_and_get_events, (struct io_uring *ring), (ring))
WRAP_URING(CALL_URING_ENTER, io_uring_submit_and_wait, (struct io_uring *ring, unsigned count), (ring, count))
WRAP_URING(CALL_URING_ENTER, io_uring_submit_and_wait_timeout,
           (struct io_uring *ring, struct io_uring_cqe **first, unsigned count, struct __kernel_timespec *timeout,
            sigset_t *mask),
           (ring, first, count, timeout, mask))
WRAP_URING(CALL_URING_BUFFERS, io_uring_register_buf_ring,
           (struct io_uring *ring, struct io_uring_buf_reg *group, unsigned flags), (ring, group, flags))
WRAP_URING(CALL_URING_CANCEL, io_uring_register_sync_cancel,
           (struct io_uring *ring, struct io_uring_sync_cancel_reg *cancelled), (ring, cancelled))

/* --- those that can also come short --- */

ssize_t __real_send(int descriptor, const void *bytes, size_t length, int flags);
ssize_t __wrap_send(int descriptor, const void *bytes, size_t length, int flags);
ssize_t __wrap_send(int descriptor, const void *bytes, size_t length, int flags)
{
    int error = strikes(CALL_SEND);
    if (error <= 0)
        return __real_send(descriptor, bytes, error == FAULT_SHORT && length ? 1 : length, flags);
    errno = error;
    return -1;
}

int __real_sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags);
int __wrap_sendmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags)
{
    int error = strikes(CALL_SENDMMSG);
    if (error <= 0)
        return __real_sendmmsg(descriptor, messages, error == FAULT_SHORT ? 1 : count, flags);
    errno = error;
    return -1;
}

/* An event's count that takes no more is one that is full: with EAGAIN it is. */
ssize_t __real_write(int descriptor, const void *bytes, size_t length);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t length);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t length)
{
    int error = strikes(CALL_WRITE);
    if (error <= 0)
        return __real_write(descriptor, bytes, length);
    if (error == EAGAIN)
        (void) !__real_write(descriptor, &(uint64_t){UINT64_MAX - 1}, sizeof(uint64_t));
    errno = error;
    return -1;
}

/* What the network says of a socket comes as a value. */
int __real_getsockopt(int descriptor, int level, int name, void *value, socklen_t *length);
int __wrap_getsockopt(int descriptor, int level, int name, void *value, socklen_t *length);
int __wrap_getsockopt(int descriptor, int level, int name, void *value, socklen_t *length)
{
    int result = __real_getsockopt(descriptor, level, name, value, length);
    int error = result == 0 && level == SOL_SOCKET && name == SO_ERROR ? strikes(CALL_SO_ERROR) : 0;
    if (error)
        *(int *) value = error;
    return result;
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    int error = strikes(CALL_THREAD);
    return error ? error : __real_pthread_create(thread, attributes, run, context);
}

/* Has no completion unless it fails: so it does, for want of a descriptor, and the report is altered below. */
int __real_uring_send_copy(void *state, int descriptor, uint64_t token, const void *bytes, uint32_t length);
int __wrap_uring_send_copy(void *state, int descriptor, uint64_t token, const void *bytes, uint32_t length);
int __wrap_uring_send_copy(void *state, int descriptor, uint64_t token, const void *bytes, uint32_t length)
{
    int result = __real_uring_send_copy(state, descriptor, token, bytes, length);
    const struct io_uring_sq *queue = &((struct uring_state *) state)->ring.sq;
    if (result == 0 && strikes(CALL_URING_COPIED) > 0)
        queue->sqes[(queue->sqe_tail - 1) & queue->ring_mask].fd = -1;
    return result;
}

/* A completion is altered on its way from the ring; what it brought is undone. */
bool __real_uring_report(struct uring_state *uring, const struct io_uring_cqe *completion, struct reactor_ready *ready);
bool __wrap_uring_report(struct uring_state *uring, const struct io_uring_cqe *completion, struct reactor_ready *ready);
bool __wrap_uring_report(struct uring_state *uring, const struct io_uring_cqe *completion, struct reactor_ready *ready)
{
    struct io_uring_cqe altered = {.user_data = completion->user_data, .res = completion->res,
                                   .flags = completion->flags};
    enum uring_what what = (uint32_t) completion->user_data >> URING_DESCRIPTOR_BITS;
    bool concerns = completion->res >= 0 && (what == URING_RECEIVE || what == URING_SEND || what == URING_ACCEPT);
    int error = !concerns ? 0 : strikes(what == URING_RECEIVE ? CALL_URING_RECEIVED :
                                        what == URING_SEND ? CALL_URING_SENT : CALL_URING_ACCEPTED);
    if (what == URING_COPY && completion->res == -EBADF)
        altered.res = -faults.error;
    if (error > 0) {
        if (what == URING_ACCEPT)
            close(completion->res);
        altered.res = -error;
    }
    return __real_uring_report(uring, &altered, ready);
}

/* --- memory --- */

void *__real_mmap(void *address, size_t bytes, int protection, int flags, int descriptor, off_t offset);
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int descriptor, off_t offset);
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int descriptor, off_t offset)
{
    void *place = fails(CALL_MMAP) ? MAP_FAILED : __real_mmap(address, bytes, protection, flags, descriptor, offset);
    faults.held += place != MAP_FAILED;
    return place;
}

int __real_munmap(void *address, size_t bytes);
int __wrap_munmap(void *address, size_t bytes);
int __wrap_munmap(void *address, size_t bytes)
{
    faults.held--;
    return __real_munmap(address, bytes);
}

static void *counted(void *place)
{
    faults.held += place != NULL;
    return place;
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes)
{
    return fails(CALL_ALLOCATE) ? NULL : counted(__real_malloc(bytes));
}

void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails(CALL_ALLOCATE) ? NULL : counted(__real_calloc(count, bytes));
}

void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return fails(CALL_ALLOCATE) ? NULL : counted(__real_aligned_alloc(alignment, bytes));
}

void *__real_realloc(void *before, size_t bytes);
void *__wrap_realloc(void *before, size_t bytes);
void *__wrap_realloc(void *before, size_t bytes)
{
    void *place = fails(CALL_ALLOCATE) ? NULL : __real_realloc(before, bytes);
    faults.held += place && !before;
    return place;
}

void __real_free(void *place);
void __wrap_free(void *place);
void __wrap_free(void *place)
{
    faults.held -= place != NULL;
    __real_free(place);
}
