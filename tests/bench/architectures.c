/* peerlab bench architectures: one service, event-driven and thread-based, side by side.
 *
 * The service reads a request of 64 octets, computes a little and answers 1 KiB; its handlers are the same everywhere.
 * Each server runs in a process of its own, and is asked over 127.0.0.1 by this one: every connection sends its next
 * request when it has its reply, so the number of connections is the number of requests under way. A bounded pool of
 * threads refuses what it cannot take; what it queues waits as long as those it serves stay.
 *
 * bench_architectures [CONNECTIONS]... [--json]; without any: 10, 100, 1,000 and 9,000. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reactor/base/histogram.h"
#include "reactor/loops.h"
#include "reactor/stream.h"
#include "reactor/threads.h"

#define REQUEST_BYTES 64
#define REPLY_BYTES 1024
#define WORK_ROUNDS 512 /* about 0.7 us */
#define CONNECTIONS_MAX 9000
#define CONNECTIONS_COUNT_MAX 8
#define SETTLE_NS_MAX UINT64_C(1500000000) /* until each connection has had a reply, or not */
#define WINDOW_NS UINT64_C(1000000000)

struct architecture {
    const char *name, *summary;
    const char *demultiplexer; /* NULL: threads */
    uint32_t loops;            /* 0: one a processor */
    uint32_t threads, queue;   /* 0: as many as there are connections */
};

static const struct architecture architectures[] = {
    {"one loop, epoll", "event-driven, one thread", "epoll", 1, 0, 0},
    {"one loop, io_uring", "event-driven, one thread", "io_uring", 1, 0, 0},
    {"n loops, epoll", "event-driven, one loop a processor", "epoll", 0, 0, 0},
    {"threads", "a thread a connection, as many as there are", NULL, 0, 0, 0},
    {"threads, bounded", "a pool of 256 threads, a queue of 64", NULL, 0, 256, 64},
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

/* The service. */

struct connection {
    struct reactor_stream stream; /* first */
};

static void answer(struct reactor_stream *stream, const uint8_t *request)
{
    uint8_t reply[REPLY_BYTES];
    uint64_t hash = 14695981039346656037u;
    for (uint32_t i = 0; i < WORK_ROUNDS; i++)
        hash = (hash ^ request[i % REQUEST_BYTES]) * 1099511628211u;
    memset(reply, 0, sizeof reply);
    memcpy(reply, &hash, sizeof hash);
    if (reactor_stream_write(stream, reply, sizeof reply) < 0)
        reactor_stream_close(stream); /* (its memory is freed with the process) */
}

static void input_ready(struct reactor_handler *handler)
{
    struct reactor_stream *stream = &((struct connection *) (void *) handler)->stream;
    size_t length;
    const uint8_t *bytes = reactor_stream_input(stream, &length);
    if (length < REQUEST_BYTES)
        return;
    answer(stream, bytes);
    if (stream->backend)
        reactor_stream_consume(stream, REQUEST_BYTES); /* one under way at a time */
}

static void disconnected(struct reactor_handler *handler, int reason)
{
    (void) reason;
    free(handler);
}

static const struct reactor_handler_ops service_ops = {
    .name = "service", .input_ready = input_ready, .disconnected = disconnected};

static struct connection *connection_new(int descriptor)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    (void) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    connection->stream.handler.ops = &service_ops;
    connection->stream.handler.descriptor = descriptor;
    return connection;
}

static void loop_accepted(void *context, struct reactor_loop *loop, uint32_t index, int descriptor)
{
    struct connection *connection = connection_new(descriptor);
    (void) context, (void) index;
    if (connection && reactor_stream_open(&connection->stream, loop, NULL) == 0)
        return;
    close(descriptor);
    free(connection);
}

static struct reactor_stream *thread_accepted(void *context, int descriptor)
{
    struct connection *connection = connection_new(descriptor);
    (void) context;
    return connection ? &connection->stream : NULL;
}

/* The server's process: told what to do by single octets, and tells what it has used. */

struct usage {
    uint64_t switches, cpu_ns, resident_bytes, refused;
};

struct server {
    const struct architecture *architecture;
    struct reactor_loops *loops;
    struct reactor_threads *threads;
};

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file)
        return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (uint64_t) pages * (uint64_t) sysconf(_SC_PAGESIZE);
}

static struct usage usage_now(const struct server *server)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (struct usage){
        .switches = (uint64_t) (used.ru_nvcsw + used.ru_nivcsw),
        .cpu_ns = (uint64_t) (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000000u +
                  (uint64_t) (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000u,
        .resident_bytes = resident_bytes(),
        .refused = server->loops ? reactor_loops_statistics(server->loops).refused
                                 : reactor_threads_statistics(server->threads).refused,
    };
}

static int start_loops(struct server *server, const struct sockaddr_in *address)
{
    const struct architecture *architecture = server->architecture;
    struct reactor_loops_options options = {.count = architecture->loops, .pin = architecture->loops != 1,
                                            .loop.demultiplexer = architecture->demultiplexer};
    struct reactor_loops_listen_options listen = {.address = (const struct sockaddr *) address,
                                                  .address_bytes = sizeof *address, .spread = REACTOR_ROUND_ROBIN,
                                                  .accepted = loop_accepted};
    int result = reactor_loops_create(&server->loops, &options, NULL);
    if (result == 0)
        result = reactor_loops_listen(server->loops, &listen, NULL);
    return result == 0 ? reactor_loops_start(server->loops, NULL) : result;
}

static int start_threads(struct server *server, const struct sockaddr_in *address, uint32_t connections)
{
    const struct architecture *architecture = server->architecture;
    struct reactor_threads_options options = {
        .address = (const struct sockaddr *) address, .address_bytes = sizeof *address, .accepted = thread_accepted,
        .threads_max = architecture->threads ? architecture->threads : connections,
        .queue_max = architecture->queue ? architecture->queue : connections};
    int result = reactor_threads_create(&server->threads, &options);
    return result == 0 ? reactor_threads_start(server->threads) : result;
}

/* The port, or -errno. */
static int server_start(struct server *server, uint32_t connections)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_storage address;
    socklen_t bytes;
    int result = server->architecture->demultiplexer ? start_loops(server, &loopback)
                                                     : start_threads(server, &loopback, connections);
    if (result == 0)
        result = server->loops ? reactor_loops_address(server->loops, &address, &bytes)
                               : reactor_threads_address(server->threads, &address, &bytes);
    return result == 0 ? ntohs(((struct sockaddr_in *) &address)->sin_port) : result;
}

static void server_process(const struct architecture *architecture, uint32_t connections, int control)
{
    struct server server = {.architecture = architecture};
    int port = server_start(&server, connections);
    char told;
    if (write(control, &port, sizeof port) != sizeof port || port < 0)
        _exit(1);
    while (read(control, &told, 1) == 1) {
        struct usage usage = usage_now(&server);
        if (write(control, &usage, sizeof usage) != sizeof usage)
            break;
    }
    reactor_loops_free(server.loops);
    reactor_threads_free(server.threads);
    _exit(0);
}

/* The clients: this process. */

struct client {
    int descriptor; /* -1: refused */
    uint32_t received;
    uint32_t replies;
    uint64_t asked_at_ns;
};

struct measured {
    double per_s, p50_us, p99_us, p999_us, switches_a_request, cpu_us_a_request, bytes_a_connection;
    uint64_t requests, refused;
    uint32_t served, waiting; /* connections that had a reply; that had neither reply nor refusal */
};

struct load {
    struct client clients[CONNECTIONS_MAX];
    uint32_t count, answered, refused;
    int epoll;
    bool counts; /* in the window */
    uint64_t requests;
    struct base_histogram latency_ns;
};

static void ask(struct client *client)
{
    static const uint8_t request[REQUEST_BYTES];
    client->received = 0;
    client->asked_at_ns = now_ns();
    ssize_t count = send(client->descriptor, request, sizeof request, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void) count; /* an error shows as end of input */
}

static void client_gone(struct load *load, struct client *client)
{
    load->refused += client->replies == 0;
    close(client->descriptor);
    client->descriptor = -1;
}

static void client_ready(struct load *load, struct client *client)
{
    uint8_t bytes[REPLY_BYTES];
    ssize_t count = recv(client->descriptor, bytes, REPLY_BYTES - client->received, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        client_gone(load, client);
        return;
    }
    client->received += (uint32_t) count;
    if (client->received < REPLY_BYTES)
        return;
    if (load->counts) {
        base_histogram_add(&load->latency_ns, now_ns() - client->asked_at_ns);
        load->requests++;
    }
    load->answered += client->replies++ == 0;
    ask(client);
}

static void turn(struct load *load)
{
    struct epoll_event events[256];
    int count = epoll_wait(load->epoll, events, 256, 10);
    for (int i = 0; i < count; i++)
        client_ready(load, events[i].data.ptr);
}

static int connect_one(struct load *load, const struct sockaddr_in *address)
{
    struct client *client = &load->clients[load->count];
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, (const struct sockaddr *) address, sizeof *address) < 0)
        return -errno;
    (void) setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    /* Closed with a reset: no port stays in TIME_WAIT. */
    (void) setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    *client = (struct client){.descriptor = descriptor};
    load->count++;
    ask(client);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    return epoll_ctl(load->epoll, EPOLL_CTL_ADD, descriptor, &event) < 0 ? -errno : 0;
}

static int connect_all(struct load *load, int port, uint32_t connections)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t) port)};
    int result = 0;
    for (uint32_t i = 0; i < connections && result == 0; i++)
        result = connect_one(load, &address);
    uint64_t until_ns = now_ns() + SETTLE_NS_MAX;
    while (result == 0 && load->answered + load->refused < load->count && now_ns() < until_ns)
        turn(load);
    return result;
}

static bool server_usage(int control, struct usage *usage)
{
    return write(control, "u", 1) == 1 && read(control, usage, sizeof *usage) == sizeof *usage;
}

static void evaluate(const struct load *load, const struct usage usage[3], uint64_t took_ns, struct measured *measured)
{
    double requests = load->requests ? (double) load->requests : 1;
    *measured = (struct measured){
        .per_s = (double) load->requests * 1e9 / (double) took_ns,
        .switches_a_request = (double) (usage[2].switches - usage[1].switches) / requests,
        .cpu_us_a_request = (double) (usage[2].cpu_ns - usage[1].cpu_ns) / 1e3 / requests,
        .requests = load->requests,
        .refused = usage[2].refused,
        .served = load->answered,
        .waiting = load->count - load->answered - load->refused,
    };
    if (load->answered)
        measured->bytes_a_connection =
            ((double) usage[2].resident_bytes - (double) usage[0].resident_bytes) / load->answered;
    if (!load->requests)
        return;
    measured->p50_us = (double) base_histogram_quantile(&load->latency_ns, 500000) / 1e3;
    measured->p99_us = (double) base_histogram_quantile(&load->latency_ns, 990000) / 1e3;
    measured->p999_us = (double) base_histogram_quantile(&load->latency_ns, 999000) / 1e3;
}

static int apply_load(struct load *load, int control, uint32_t connections, struct measured *measured)
{
    struct usage usage[3];
    int port = 0;
    if (read(control, &port, sizeof port) != sizeof port)
        return -EIO;
    if (port < 0)
        return port;
    if (!server_usage(control, &usage[0]))
        return -EIO;
    int result = connect_all(load, port, connections);
    if (result < 0 || !server_usage(control, &usage[1]))
        return result < 0 ? result : -EIO;
    load->counts = true;
    uint64_t begun_ns = now_ns();
    while (now_ns() < begun_ns + WINDOW_NS)
        turn(load);
    uint64_t took_ns = now_ns() - begun_ns;
    if (!server_usage(control, &usage[2]))
        return -EIO;
    evaluate(load, usage, took_ns, measured);
    return 0;
}

static int measure(const struct architecture *architecture, uint32_t connections, struct measured *measured)
{
    int pair[2];
    struct load *load = calloc(1, sizeof *load);
    if (!load || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        free(load);
        return -errno;
    }
    fflush(stdout);
    pid_t server = fork();
    if (server == 0) {
        close(pair[0]);
        server_process(architecture, connections, pair[1]);
    }
    close(pair[1]);
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    int result = server < 0 || load->epoll < 0 ? -errno : apply_load(load, pair[0], connections, measured);
    for (uint32_t i = 0; i < load->count; i++)
        if (load->clients[i].descriptor >= 0)
            close(load->clients[i].descriptor);
    close(load->epoll);
    close(pair[0]);
    while (server > 0 && waitpid(server, NULL, 0) < 0 && errno == EINTR)
        ;
    base_histogram_done(&load->latency_ns);
    free(load);
    return result;
}

static void print_text(const struct architecture *architecture, uint32_t connections, const struct measured *m)
{
    printf("%-20s %6u  %9.0f/s  p50 %8.0f  p99 %8.0f  p99.9 %8.0f us   refused %5lu waiting %4u   %8.0f B a connection"
           "   %5.2f switches  %5.1f us CPU a request\n", architecture->name, connections, m->per_s, m->p50_us,
           m->p99_us, m->p999_us, (unsigned long) m->refused, m->waiting, m->bytes_a_connection, m->switches_a_request,
           m->cpu_us_a_request);
}

static void print_json(const struct architecture *architecture, uint32_t connections, const struct measured *m,
                       bool first)
{
    printf("%s\n  {\"architecture\": \"%s\", \"connections\": %u, \"requests_per_s\": %.0f, \"latency_us_p50\": %.1f, "
           "\"latency_us_p99\": %.1f, \"latency_us_p999\": %.1f, \"served\": %u, \"refused\": %lu, \"waiting\": %u, "
           "\"bytes_a_connection\": %.0f, \"switches_a_request\": %.3f, \"cpu_us_a_request\": %.2f}", first ? "" : ",",
           architecture->name, connections, m->per_s, m->p50_us, m->p99_us, m->p999_us, m->served,
           (unsigned long) m->refused, m->waiting, m->bytes_a_connection, m->switches_a_request, m->cpu_us_a_request);
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int measure_all(const uint32_t *connections, int count, bool json)
{
    bool first = true;
    int failed = 0;
    for (int c = 0; c < count; c++) {
        for (size_t a = 0; a < sizeof architectures / sizeof *architectures; a++) {
            struct measured measured = {0};
            int result = measure(&architectures[a], connections[c], &measured);
            if (result < 0) {
                fprintf(stderr, "%s, %u connections: %s\n", architectures[a].name, connections[c], strerror(-result));
                failed |= result != -ENOSYS && result != -EPERM; /* no io_uring here */
                continue;
            }
            if (json)
                print_json(&architectures[a], connections[c], &measured, first);
            else
                print_text(&architectures[a], connections[c], &measured);
            first = false;
        }
    }
    return failed;
}

int main(int argc, char **argv)
{
    uint32_t connections[CONNECTIONS_COUNT_MAX] = {10, 100, 1000, CONNECTIONS_MAX};
    int count = 0, failed;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
            continue;
        }
        long given = strtol(argv[i], NULL, 10);
        if (given < 1 || given > CONNECTIONS_MAX || count == CONNECTIONS_COUNT_MAX) {
            fprintf(stderr, "bench architectures: 1 to %d connections, at most %d times\n", CONNECTIONS_MAX,
                    CONNECTIONS_COUNT_MAX);
            return 2;
        }
        connections[count++] = (uint32_t) given;
    }
    raise_descriptors();
    if (json)
        printf("{\"request_bytes\": %d, \"reply_bytes\": %d, \"runs\": [", REQUEST_BYTES, REPLY_BYTES);
    failed = measure_all(connections, count ? count : 4, json);
    if (json)
        printf("\n]}\n");
    return failed;
}
