/* Who asks: so many connections at once, each asks once and is begun anew when the server has closed it. */
#include "tests/bench/event_loops/service_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/event_loops/service.h"

static void begin(int poller, const struct sockaddr_in *address)
{
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Closing resets: neither side keeps the connection for a while and its port with it. */
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    struct epoll_event event = {.events = EPOLLOUT, .data.fd = descriptor};
    if (descriptor < 0 ||
        (connect(descriptor, (const struct sockaddr *) address, sizeof *address) < 0 && errno != EINPROGRESS) ||
        epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event) < 0)
        bench_fail("connect", errno);
}

static void ask(int poller, int descriptor)
{
    static const char bytes[SERVICE_BYTES];
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (send(descriptor, bytes, sizeof bytes, MSG_NOSIGNAL) != sizeof bytes ||
        epoll_ctl(poller, EPOLL_CTL_MOD, descriptor, &event) < 0)
        bench_fail("a request was not taken", errno);
}

/* True: it has ended. */
static bool hear(int descriptor)
{
    char bytes[2 * SERVICE_BYTES];
    ssize_t got;
    while ((got = recv(descriptor, bytes, sizeof bytes, 0)) > 0)
        continue;
    if (got < 0 && errno != EAGAIN)
        bench_fail("a reply", errno);
    return got == 0;
}

static noreturn void run(const struct sockaddr_in *address)
{
    struct epoll_event events[256];
    int poller = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < SERVICE_CLIENT_CONNECTIONS; i++)
        begin(poller, address);
    for (;;) {
        int count = epoll_wait(poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int descriptor = events[i].data.fd;
            if (events[i].events & EPOLLOUT) {
                ask(poller, descriptor);
            } else if (hear(descriptor)) {
                close(descriptor);
                begin(poller, address);
            }
        }
    }
}

pid_t service_client_start(const struct sockaddr_in *address)
{
    pid_t server = getpid(), client = fork();
    if (client < 0)
        bench_fail("fork", errno);
    if (client > 0)
        return client;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != server)
        _exit(0);
    run(address);
}
