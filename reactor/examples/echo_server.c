/* An echo server over TCP: what streams and listeners are for, on one loop or on several.
 *
 *     echo_server [--threads N] [--port N] [--demultiplexer NAME]      try it:  nc 127.0.0.1 PORT
 *
 * Read from main downwards in time, upwards in the file: main makes a listening socket for each loop and starts the
 * loops; each loop opens its listener (begin); the listener hands over a connection (accepted); the connection's handler
 * is told what happens to it (input_ready, output_ready, disconnected). A connection lives on one loop from its first
 * byte to its last, so nothing here needs a lock. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <reactor/listener.h>
#include <reactor/loops.h>
#include <reactor/stream.h>

#define THREADS_MAX 64
#define CONNECTIONS_MAX 10000u /* of each loop */
#define IDLE_TIMEOUT_NS (60 * UINT64_C(1000000000))

/* One connection. The stream comes first, so a pointer to its handler is a pointer to all of it. */
struct echo {
    struct reactor_stream stream;
};

/* What one loop needs: its own listening socket under the common address. */
struct worker {
    struct reactor_listener listener;
};

struct server {
    struct reactor_loops *loops;
    struct reactor_handler signals; /* Ctrl-C, as a descriptor that the first loop watches */
    struct worker workers[THREADS_MAX];
};

/* ---- A connection ---- */

/* Bytes have come: they are in place, in the stream's own buffer. Writing copies them into its output, which goes to the
 * kernel when the turn ends, for all that was written in it at once. */
static void echo_input_ready(struct reactor_handler *handler)
{
    struct reactor_stream *stream = (struct reactor_stream *) handler;
    size_t length;
    const uint8_t *bytes = reactor_stream_input(stream, &length);
    if (length == 0)
        return; /* the peer has ended; as we did not ask for half_open, the stream ends by itself behind its output */
    int written = reactor_stream_write(stream, bytes, length);
    if (written < 0) {
        reactor_stream_fail(stream, written);
        return;
    }
    reactor_stream_consume(stream, length);
    if (written == 1)                  /* taken, but much is pending: the peer sends faster than it reads. */
        reactor_stream_pause(stream);  /* We stop reading, so the kernel's window makes it stop sending. */
}

/* What was pending has gone out (down to the low mark): on with it. */
static void echo_output_ready(struct reactor_handler *handler)
{
    reactor_stream_resume((struct reactor_stream *) handler);
}

/* The last call: by the peer's end, an error, the idle time-out, or the loop's own end. The descriptor is closed. */
static void echo_disconnected(struct reactor_handler *handler, int reason)
{
    if (reason < 0 && reason != -ECONNRESET && reason != -ETIMEDOUT)
        fprintf(stderr, "a connection ended: %s\n", strerror(-reason));
    free(handler); /* the handler is the first member of what accepted allocated */
}

static const struct reactor_handler_ops echo_ops = {
    .name = "echo",
    .input_ready = echo_input_ready,
    .output_ready = echo_output_ready,
    .disconnected = echo_disconnected,
};

/* ---- A loop ---- */

/* A new connection: the descriptor is ours until a stream is open on it, then the stream's. */
static void accepted(struct reactor_listener *listener, int descriptor)
{
    struct reactor_stream_options options = {
        .idle_timeout_ns = IDLE_TIMEOUT_NS,
        .listener = listener, /* counted there until it is over: see CONNECTIONS_MAX */
    };
    struct echo *echo = calloc(1, sizeof(*echo));
    if (echo) {
        echo->stream.handler.ops = &echo_ops;
        echo->stream.handler.descriptor = descriptor;
        if (reactor_stream_open(&echo->stream, listener->handler.loop, &options) == 0)
            return;
    }
    free(echo);
    close(descriptor);
    reactor_listener_release(listener); /* no stream tells the listener, so we do */
}

static const struct reactor_handler_ops listener_ops = {.name = "listener"};

/* Ctrl-C. Stopping is allowed from anywhere; each loop ends after the handler that is active. */
static void signal_arrived(struct reactor_handler *handler)
{
    struct server *server = (struct server *) ((char *) handler - offsetof(struct server, signals));
    reactor_loops_stop(server->loops);
}

static const struct reactor_handler_ops signal_ops = {.name = "signals", .input_ready = signal_arrived};

/* Called by each loop's own thread before it runs. A negative result stops all loops, and join tells which. */
static int begin(void *context, struct reactor_loop *loop, uint32_t index)
{
    struct server *server = context;
    struct reactor_listener_options options = {.connections_max = CONNECTIONS_MAX};
    int status = reactor_listener_open(&server->workers[index].listener, loop, &options);
    if (status == 0 && index == 0)
        status = reactor_handler_attach(&server->signals, loop, REACTOR_READ);
    return status;
}

/* ---- The program ---- */

/* What was not handed to a loop (an earlier step had failed) is still ours to close. */
static void close_all(struct server *server, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (server->workers[i].listener.handler.descriptor >= 0)
            close(server->workers[i].listener.handler.descriptor);
    if (server->signals.descriptor >= 0)
        close(server->signals.descriptor);
}

/* A listening socket for each loop, all under one address: SO_REUSEPORT has the kernel divide connections among them.
 * Port 0 lets the system choose, so the first one tells the others' port. */
static int listen_all(struct server *server, uint32_t count, struct sockaddr_in *address)
{
    for (uint32_t i = 0; i < count; i++) {
        struct reactor_listener *listener = &server->workers[i].listener;
        socklen_t length = sizeof(*address);
        listener->handler.ops = &listener_ops;
        listener->accepted = accepted;
        listener->handler.descriptor = reactor_listen((struct sockaddr *) address, length, SOMAXCONN, true);
        if (listener->handler.descriptor < 0)
            return listener->handler.descriptor;
        if (getsockname(listener->handler.descriptor, (struct sockaddr *) address, &length) != 0)
            return -errno;
    }
    return 0;
}

/* SIGINT and SIGTERM as a descriptor. They are blocked here, before there are threads, which inherit that. */
static int open_signals(struct server *server)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    server->signals.ops = &signal_ops;
    server->signals.descriptor = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    return server->signals.descriptor < 0 ? -errno : 0;
}

/* What went wrong, in the words of the library: it never prints by itself. */
static void print_all(const struct base_diagnostics *diagnostics)
{
    char text[1024];
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        base_diagnostic_format(&diagnostics->items[i], text, sizeof(text));
        fputs(text, stderr);
    }
}

static void print_totals(const struct reactor_loops *loops)
{
    uint64_t accepted_count = 0, bytes = 0;
    for (uint32_t i = 0; i < reactor_loops_count(loops); i++) {
        const struct reactor_statistics *statistics = reactor_loop_statistics(reactor_loops_at(loops, i));
        accepted_count += statistics->accepted;
        bytes += statistics->bytes_sent;
    }
    printf("%llu connections, %llu bytes echoed\n", (unsigned long long) accepted_count, (unsigned long long) bytes);
}

static int serve(struct server *server, const struct reactor_loops_options *options, struct sockaddr_in *address)
{
    struct base_diagnostics diagnostics = {.count = 0};
    int status = reactor_loops_create(&server->loops, options, &diagnostics); /* says what is wrong, and what may be */
    if (status == 0)
        status = reactor_loops_start(server->loops, &diagnostics);
    if (status == 0) {
        printf("listening on 127.0.0.1:%u, %u loops; Ctrl-C ends it\n", ntohs(address->sin_port), options->count);
        fflush(stdout);
        status = reactor_loops_join(server->loops, &diagnostics); /* until Ctrl-C, or a loop's error */
        print_totals(server->loops);
    }
    print_all(&diagnostics);
    return status;
}

static int usage(void)
{
    fprintf(stderr, "echo_server [--threads 1..%d] [--port N] [--demultiplexer NAME]; the demultiplexers:\n", THREADS_MAX);
    for (int i = 0; reactor_demultiplexers[i]; i++)
        fprintf(stderr, "  %-8s  %s\n", reactor_demultiplexers[i]->name, reactor_demultiplexers[i]->summary);
    return 2;
}

int main(int argc, char **argv)
{
    static struct server server; /* static for its size, not to be shared: it is handed to whoever needs it */
    struct reactor_loops_options options = {
        .count = 1,
        /* A loop reserves address space for what it may have to hold (20 GiB, unless told): two timers a connection are
         * enough here, and leave Valgrind, which has little of it, room for as many loops as we like. */
        .loop = {.handlers_max = 2 * CONNECTIONS_MAX, .timers_max = 4 * CONNECTIONS_MAX, .entries_max = 1 << 20},
        .begin = begin,
        .context = &server,
    };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--threads") == 0)
            options.count = (uint32_t) strtoul(argv[i + 1], NULL, 10);
        else if (i + 1 < argc && strcmp(argv[i], "--port") == 0)
            address.sin_port = htons((uint16_t) strtoul(argv[i + 1], NULL, 10));
        else if (i + 1 < argc && strcmp(argv[i], "--demultiplexer") == 0)
            options.loop.demultiplexer = argv[i + 1];
        else
            return usage();
    }
    if (options.count < 1 || options.count > THREADS_MAX)
        return usage();
    for (uint32_t i = 0; i < THREADS_MAX; i++)
        server.workers[i].listener.handler.descriptor = -1;
    int status = open_signals(&server);
    if (status == 0)
        status = listen_all(&server, options.count, &address);
    if (status == 0)
        status = serve(&server, &options, &address);
    /* Freeing the loops ends all that is attached to them: connections and listeners are told, and their descriptors
     * closed (and -1). The signals' one is at the readiness level, where descriptors stay their owner's. */
    reactor_loops_free(server.loops);
    close_all(&server, options.count);
    if (status < 0)
        fprintf(stderr, "echo_server: %s\n", strerror(-status));
    return status < 0;
}
