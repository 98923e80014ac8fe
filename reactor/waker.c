#include "reactor/waker.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int waker_init(struct waker *waker, const struct reactor_demultiplexer_ops *ops, void *state, uint64_t token)
{
    atomic_init(&waker->sleeping, 0);
    waker->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (waker->descriptor < 0)
        return -errno;
    int result = ops->add(state, waker->descriptor, REACTOR_READ, token);
    if (result < 0)
        waker_done(waker);
    return result == -EOPNOTSUPP ? 0 : result;
}

void waker_done(struct waker *waker)
{
    if (waker->descriptor >= 0)
        close(waker->descriptor);
    waker->descriptor = -1;
}

void waker_sleep(struct waker *waker, uint64_t timeout_ns)
{
    struct timespec timeout = {(time_t) (timeout_ns / 1000000000u), (long) (timeout_ns % 1000000000u)};
    syscall(SYS_futex, &waker->sleeping, FUTEX_WAIT_PRIVATE, 1,
            timeout_ns == REACTOR_WAIT_FOREVER ? NULL : &timeout, NULL, 0);
}

void waker_drain(struct waker *waker)
{
    uint64_t count;
    ssize_t result = read(waker->descriptor, &count, sizeof count);
    (void) result; /* EAGAIN: drained already */
}

void waker_wake(struct waker *waker)
{
    if (atomic_load(&waker->sleeping) == 0 || atomic_exchange(&waker->sleeping, 0) == 0)
        return; /* awake, or somebody else wakes it */
    int saved_errno = errno;
    if (waker->descriptor >= 0) {
        ssize_t result;
        do
            result = write(waker->descriptor, &(uint64_t){1}, sizeof(uint64_t));
        while (result < 0 && errno == EINTR); /* EAGAIN: the count is far from 0, so it is readable */
    } else {
        syscall(SYS_futex, &waker->sleeping, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    errno = saved_errno;
}
