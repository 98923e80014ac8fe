/* What a datagram costs from one socket to another on this machine: ns of CPU for sending and receiving it, by the
 * reactor's datagrams and by one system call each (a level-triggered epoll loop, sendto, recvfrom until EAGAIN).
 *
 * One thread, 100-byte datagrams in bursts; the next burst is sent when the last has come whole. Mixed: each datagram of
 * a burst has another destination, either addresses of one socket (as peers of an emulation have) or sockets. Runs: all
 * have one. Repetitions alternate; the ratio's median and the 95 % interval of that (bootstrap) are printed.
 * Usage: bench_datagrams [REPETITIONS] [--json]; exits with 1 where a ratio is below what is wanted. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "reactor/base/assert.h"
#include "reactor/base/random.h"
#include "reactor/datagram.h"

#define LENGTH 100
#define DESTINATIONS_MAX 64
#define REPETITIONS_MAX 201
#define RESAMPLES 1000
#define RECEIVE_QUEUE_BYTES (8 << 20)

struct row {
    const char *name;
    uint32_t destinations, sockets, burst, datagrams;
    double wanted; /* 0: only shown */
};

static const struct row rows[] = {
    {"mixed, 64 addresses of one socket", 64, 1, 64, 40960, 1.2},
    {"mixed, 64 sockets", 64, 64, 64, 40960, 0}, /* each receives one: a call each, whoever makes it */
    {"runs of 16 to one destination", 1, 1, 16, 81920, 0},
    {"runs of 64 to one destination", 1, 1, 64, 163840, 10},
    {"runs of 1024 to one destination", 1, 1, 1024, 327680, 10},
};

struct net {
    const struct row *row;
    int sender, receivers[DESTINATIONS_MAX];
    struct sockaddr_in names[DESTINATIONS_MAX];
    uint32_t received, left; /* of the burst; of all */
};

static int open_socket(struct in_addr address, struct sockaddr_in *name)
{
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), bytes = RECEIVE_QUEUE_BYTES;
    socklen_t length = sizeof *name;
    *name = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = address};
    base_assert(descriptor >= 0 && bind(descriptor, (struct sockaddr *) name, sizeof *name) == 0 &&
                getsockname(descriptor, (struct sockaddr *) name, &length) == 0);
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return descriptor;
}

static void open_net(struct net *net, const struct row *row)
{
    struct sockaddr_in name;
    *net = (struct net){.row = row, .left = row->datagrams};
    net->sender = open_socket((struct in_addr){htonl(INADDR_LOOPBACK)}, &name);
    for (uint32_t i = 0; i < row->destinations; i++) {
        if (i < row->sockets)
            net->receivers[i] = open_socket((struct in_addr){INADDR_ANY}, &net->names[i]);
        else
            net->names[i] = net->names[0];
        net->names[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + i);
    }
}

static double cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return 1e9 * (double) now.tv_sec + (double) now.tv_nsec;
}

static const uint8_t payload[LENGTH] = "a datagram";

/* --- one system call each --- */

static void raw_send(struct net *net)
{
    for (uint32_t i = 0; i < net->row->burst; i++)
        base_assert(sendto(net->sender, payload, LENGTH, 0, (struct sockaddr *) &net->names[i % net->row->destinations],
                           sizeof net->names[0]) == LENGTH);
}

static void raw_receive(struct net *net, int descriptor)
{
    uint8_t bytes[2048];
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    while (recvfrom(descriptor, bytes, sizeof bytes, 0, (struct sockaddr *) &from, &length) >= 0) {
        net->left--;
        if (++net->received != net->row->burst || net->left == 0)
            continue;
        net->received = 0;
        raw_send(net);
    }
}

static double run_raw(const struct row *row)
{
    struct net net;
    struct epoll_event events[DESTINATIONS_MAX];
    int epoll = epoll_create1(0);
    open_net(&net, row);
    for (uint32_t i = 0; i < row->sockets; i++)
        base_assert(epoll_ctl(epoll, EPOLL_CTL_ADD, net.receivers[i],
                              &(struct epoll_event){.events = EPOLLIN, .data.fd = net.receivers[i]}) == 0);
    base_assert(epoll_ctl(epoll, EPOLL_CTL_ADD, net.sender, /* answers could come; the reactor watches it, too */
                          &(struct epoll_event){.events = EPOLLIN, .data.fd = net.sender}) == 0);
    double begun_ns = cpu_ns();
    raw_send(&net);
    while (net.left) {
        int count = epoll_wait(epoll, events, DESTINATIONS_MAX, -1);
        for (int i = 0; i < count; i++)
            raw_receive(&net, events[i].data.fd);
    }
    double ns = (cpu_ns() - begun_ns) / row->datagrams;
    for (uint32_t i = 0; i < row->sockets; i++)
        close(net.receivers[i]);
    close(net.sender);
    close(epoll);
    return ns;
}

/* --- the reactor's --- */

struct end {
    struct reactor_datagrams datagrams;
    struct net *net;
    struct end *sender;
};

static void reactor_send(struct net *net, struct end *sender)
{
    for (uint32_t i = 0; i < net->row->burst; i++) {
        const struct sockaddr *to = (const struct sockaddr *) (const void *) &net->names[i % net->row->destinations];
        base_assert(reactor_datagrams_send(&sender->datagrams, to, payload, LENGTH) == 0);
    }
}

static void on_received(struct reactor_datagrams *datagrams, const struct sockaddr *from, const uint8_t *bytes,
                        size_t length)
{
    (void) from, (void) bytes, (void) length;
    struct end *end = (struct end *) (void *) datagrams;
    struct net *net = end->net;
    net->left--;
    if (net->left == 0)
        reactor_loop_stop(datagrams->handler.loop);
    if (++net->received != net->row->burst || net->left == 0)
        return;
    net->received = 0;
    reactor_send(net, end->sender);
}

static const struct reactor_datagrams_ops end_ops = {.handler.name = "end", .received = on_received};

static void open_end(struct end *end, struct reactor_loop *loop, int descriptor, struct net *net, struct end *sender)
{
    *end = (struct end){.net = net, .sender = sender,
                        .datagrams.handler = {.ops = &end_ops.handler, .descriptor = descriptor}};
    base_assert(reactor_datagrams_open(&end->datagrams, loop, NULL) == 0);
}

static double run_reactor(const struct row *row)
{
    struct net net;
    struct reactor_loop *loop;
    struct end sender, receivers[DESTINATIONS_MAX];
    base_assert(reactor_loop_create(&loop, &(struct reactor_loop_options){.demultiplexer = "epoll"}) == 0);
    open_net(&net, row);
    open_end(&sender, loop, net.sender, &net, NULL);
    for (uint32_t i = 0; i < row->sockets; i++)
        open_end(&receivers[i], loop, net.receivers[i], &net, &sender);
    double begun_ns = cpu_ns();
    reactor_send(&net, &sender);
    base_assert(reactor_loop_run(loop, UINT64_MAX) == REACTOR_STOPPED);
    double ns = (cpu_ns() - begun_ns) / row->datagrams;
    reactor_loop_free(loop);
    return ns;
}

/* --- figures --- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static double median(const double *values, uint32_t count)
{
    double sorted[REPETITIONS_MAX];
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, compare);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

static void interval(const double *values, uint32_t count, double *low, double *high)
{
    static double medians[RESAMPLES];
    for (uint64_t i = 0; i < RESAMPLES; i++) {
        double drawn[REPETITIONS_MAX];
        for (uint32_t j = 0; j < count; j++)
            drawn[j] = values[base_random_below(base_random_at(1, i * REPETITIONS_MAX + j), count)];
        medians[i] = median(drawn, count);
    }
    qsort(medians, RESAMPLES, sizeof *medians, compare);
    *low = medians[RESAMPLES * 25 / 1000];
    *high = medians[RESAMPLES * 975 / 1000];
}

static bool measure(const struct row *row, uint32_t repetitions, bool json)
{
    double raw_ns[REPETITIONS_MAX], reactor_ns[REPETITIONS_MAX], ratios[REPETITIONS_MAX], low, high;
    for (uint32_t i = 0; i < repetitions; i++) {
        for (uint32_t turn = 0; turn < 2; turn++)
            if (turn == i % 2)
                raw_ns[i] = run_raw(row);
            else
                reactor_ns[i] = run_reactor(row);
        ratios[i] = raw_ns[i] / reactor_ns[i];
    }
    interval(ratios, repetitions, &low, &high);
    printf(json ? "{\"name\":\"%s\",\"one_call_each_ns\":%.1f,\"reactor_ns\":%.1f,\"ratio\":%.3f,\"low\":%.3f,"
                  "\"high\":%.3f,\"wanted\":%g}\n"
                : "%-36s %8.0f ns %8.0f ns %8.2f x [%.2f, %.2f]  wanted %g\n",
           row->name, median(raw_ns, repetitions), median(reactor_ns, repetitions), median(ratios, repetitions), low,
           high, row->wanted);
    fflush(stdout);
    return median(ratios, repetitions) >= row->wanted;
}

int main(int argc, char **argv)
{
    uint32_t repetitions = 15;
    bool json = false, reached = true;
    for (int i = 1; i < argc; i++) {
        json = json || strcmp(argv[i], "--json") == 0;
        if (atoi(argv[i]) > 0)
            repetitions = (uint32_t) atoi(argv[i]);
    }
    if (repetitions > REPETITIONS_MAX)
        repetitions = REPETITIONS_MAX;
    if (!json)
        printf("%-36s %11s %11s %10s\n", "ns of CPU, sent and received", "a call each", "reactor", "ratio");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        reached = measure(&rows[i], repetitions, json) && reached;
    return !reached;
}
