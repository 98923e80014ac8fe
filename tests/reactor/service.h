/* A service for tests of what runs streams: answers each octet with one that says who has served it. Its handlers know
 * nothing of what runs them. */
#ifndef TESTS_REACTOR_SERVICE_H
#define TESTS_REACTOR_SERVICE_H

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "reactor/stream.h"

struct service {
    atomic_uint opened, over, ended, failed; /* over: by disconnected */
    atomic_int reason_last;
};

struct connection {
    struct reactor_stream stream; /* first */
    struct service *service;
    uint8_t name;
};

static inline void service_input(struct reactor_handler *handler)
{
    struct connection *connection = (struct connection *) (void *) handler;
    size_t length;
    const uint8_t *bytes = reactor_stream_input(&connection->stream, &length);
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '!') { /* breaks the protocol */
            reactor_stream_fail(&connection->stream, -EPROTO);
            return;
        }
        if (reactor_stream_write(&connection->stream, &connection->name, 1) < 0)
            atomic_fetch_add(&connection->service->failed, 1);
    }
    reactor_stream_consume(&connection->stream, length);
    if (reactor_stream_ended(&connection->stream))
        atomic_fetch_add(&connection->service->ended, 1);
}

static inline void service_disconnected(struct reactor_handler *handler, int reason)
{
    struct connection *connection = (struct connection *) (void *) handler;
    atomic_store(&connection->service->reason_last, reason);
    atomic_fetch_add(&connection->service->over, 1);
    free(connection);
}

static const struct reactor_handler_ops service_ops = {
    .name = "service", .input_ready = service_input, .disconnected = service_disconnected,
};

static inline struct connection *service_connection(struct service *service, int descriptor, uint8_t name)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        abort();
    connection->stream.handler.ops = &service_ops;
    connection->stream.handler.descriptor = descriptor;
    connection->service = service;
    connection->name = name;
    atomic_fetch_add(&service->opened, 1);
    return connection;
}

static inline struct sockaddr_in loopback(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A client's socket, blocking, that gives up after 5 s. */
static inline int client_connect(const struct sockaddr_storage *address, socklen_t bytes)
{
    int descriptor = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    struct timeval patience = {.tv_sec = 5};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(descriptor, (const struct sockaddr *) address, bytes), 0);
    return descriptor;
}

/* Asks once: who has answered, or -errno, or -EPIPE at the end. */
static inline int client_ask(int descriptor)
{
    uint8_t answer = '?';
    if (send(descriptor, &answer, 1, MSG_NOSIGNAL) < 0)
        return -errno;
    ssize_t count;
    do /* (a ring that this thread had before may interrupt it) */
        count = recv(descriptor, &answer, 1, 0);
    while (count < 0 && errno == EINTR);
    return count < 0 ? -errno : count == 0 ? -EPIPE : answer;
}

static inline void doze(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static inline int count_threads(void)
{
    int count = -2; /* . and .. */
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static inline void *do_nothing(void *context)
{
    return context;
}

/* Before threads are counted: ThreadSanitizer starts one of its own beside the first. A group's setup. */
static inline int settle_threads(void **state)
{
    pthread_t thread;
    (void) state;
    return pthread_create(&thread, NULL, do_nothing, NULL) || pthread_join(thread, NULL);
}

/* A thread that was joined may be seen for a moment yet. */
static inline void assert_threads_become(int wanted)
{
    for (int i = 0; i < 1000 && count_threads() != wanted; i++)
        doze();
    assert_int_equal(count_threads(), wanted);
}

static inline int count_descriptors(void)
{
    int count = -3; /* ., .. and the folder's own */
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

#endif
