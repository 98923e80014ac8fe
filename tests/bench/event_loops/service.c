#include "tests/bench/event_loops/service.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int service_accept(struct service *service)
{
    int descriptor = accept4(service->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
        bench_fail("accept", errno);
    if (descriptor >= (int) SERVICE_DESCRIPTORS)
        bench_fail("more connections than were begun", 0);
    return descriptor;
}

bool service_answer(int descriptor)
{
    char bytes[SERVICE_BYTES];
    ssize_t got = read(descriptor, bytes, sizeof bytes);
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got != sizeof bytes)
        bench_fail("a request is not whole", got < 0 ? errno : 0);
    if (write(descriptor, bytes, sizeof bytes) != sizeof bytes)
        bench_fail("a reply was not taken", errno);
    return true;
}

bool service_count(struct service *service)
{
    if (--service->left)
        return service->phase == 2;
    if (service->phase == 0) {
        service->left = service->connections;
        bench_begin(service->figures);
    } else if (service->phase == 1) {
        bench_end(service->figures);
        service->left = UINT64_MAX;
        service->figures->done = (double) service->connections;
    }
    return ++service->phase == 2;
}

static void watch(int poller, int descriptor)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) < 0)
        bench_fail("epoll_ctl", errno);
}

static void accept_all(struct service *service, int poller)
{
    for (unsigned i = 0; i < SERVICE_ACCEPTS; i++) {
        int descriptor = service_accept(service);
        if (descriptor < 0)
            return;
        watch(poller, descriptor);
    }
}

/* The raw loop. Closing a descriptor ends its being watched. */
static void run_raw(struct service *service, const void *argument)
{
    (void) argument;
    struct epoll_event events[256];
    int poller = epoll_create1(EPOLL_CLOEXEC);
    watch(poller, service->listener);
    for (;;) {
        int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int descriptor = events[i].data.fd;
            if (descriptor == service->listener) {
                accept_all(service, poller);
            } else if (service_answer(descriptor)) {
                close(descriptor);
                if (service_count(service))
                    return;
            }
        }
    }
}

const struct service_subject services_bare[] = {{.name = "raw epoll", .run = run_raw}, {0}};
