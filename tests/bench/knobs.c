/* What each knob of a loop does: the same work under a few values of one option, all others at their defaults.
 *
 * Usage: bench_knobs [KNOB]... [milliseconds=N] [--json]. N (300) each value; none named: all. Everything runs in one
 * thread (posted_max: two), so that what a value gives to one kind of work it takes from another. Rates are a second of
 * wall time; compare the rows of one knob, and of one run. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "reactor/base/assert.h"
#include "reactor/base/histogram.h"
#include "reactor/options.h"

#define MS UINT64_C(1000000)
#define TOKENS 200 /* bouncing, each in a socketpair of its own */
#define TICK_NS (MS / 5)
#define FLOOD 4096
#define BULKS 4
#define CLIENTS 200
#define SERVICE_NS 20000

struct figures {
    double rate;    /* a second */
    double p50_us, p99_us;
    double bytes;   /* 0: none */
    double refused; /* a share; negative: none */
};

struct world {
    struct reactor_loop *loop;
    uint64_t count, bytes, pending_most, refused;
    uint64_t sent_at_ns; /* of the one ping under way */
    struct base_histogram round_trip_ns;
    bool ticking;
    struct reactor_loop_options options;
    uint64_t milliseconds;
};

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 * MS + (uint64_t) now.tv_nsec;
}

static void take_times(struct figures *figures, struct base_histogram *histogram)
{
    if (base_histogram_count(histogram)) {
        figures->p50_us = (double) base_histogram_quantile(histogram, 500000) / 1e3;
        figures->p99_us = (double) base_histogram_quantile(histogram, 990000) / 1e3;
    }
    base_histogram_done(histogram);
}

static void take_lag(struct figures *figures, const struct reactor_histogram *histogram)
{
    figures->p50_us = (double) reactor_histogram_quantile(histogram, 500000) / 1e3;
    figures->p99_us = (double) reactor_histogram_quantile(histogram, 990000) / 1e3;
}

/* --- entries: a tick five thousand times a second, or as many as can be --- */

static void on_entry(void *context, struct reactor_entry *entry)
{
    struct world *world = context;
    world->count++;
    entry->due_ns = world->ticking ? entry->due_ns + TICK_NS : reactor_loop_now(world->loop);
    base_assert(reactor_queue_push(reactor_loop_queue(world->loop), entry) == 0);
}

static void on_post(void *context, struct reactor_entry *entry)
{
    (void) entry;
    ((struct world *) context)->count++;
}

static void begin(struct world *world)
{
    base_assert(reactor_loop_create(&world->loop, &world->options) == 0);
    reactor_loop_dispatch_set(world->loop, &(struct reactor_dispatch){
        .context = world, .handle = {[REACTOR_MESSAGE] = on_post, [REACTOR_USER] = on_entry}});
}

static void push_entries(struct world *world, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct reactor_entry entry = {.due_ns = reactor_loop_now(world->loop), .source = i, .order = REACTOR_USER};
        base_assert(reactor_queue_push(reactor_loop_queue(world->loop), &entry) == 0);
    }
}

/* Returns seconds of wall time. */
static double run(struct world *world)
{
    uint64_t begun_ns = clock_ns();
    base_assert(reactor_loop_run(world->loop, reactor_loop_now(world->loop) + world->milliseconds * MS) >= 0);
    return (double) (clock_ns() - begun_ns) / 1e9;
}

/* --- tokens: one byte bounces between the two ends of a socketpair --- */

struct end {
    struct reactor_handler handler;
    struct world *world;
    bool measures;
};

static void bounce(struct reactor_handler *handler)
{
    struct end *end = (struct end *) (void *) handler;
    struct world *world = end->world;
    char byte;
    if (read(handler->descriptor, &byte, 1) != 1)
        return;
    if (end->measures) {
        uint64_t now_ns = clock_ns();
        base_histogram_add(&world->round_trip_ns, now_ns - world->sent_at_ns);
        world->sent_at_ns = now_ns;
    }
    world->bytes++;
    base_assert(write(handler->descriptor, &byte, 1) == 1);
}

static const struct reactor_handler_ops token_ops = {.name = "token", .input_ready = bounce};

static struct end *open_tokens(struct world *world, uint32_t pairs, bool measures)
{
    struct end *ends = calloc(2 * pairs, sizeof *ends);
    int pair[2];
    for (uint32_t i = 0; i < 2 * pairs; i++) {
        base_assert(i % 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
        ends[i] = (struct end){.handler = {.ops = &token_ops, .descriptor = pair[i % 2]}, .world = world,
                               .measures = measures && i % 2};
        base_assert(reactor_handler_attach(&ends[i].handler, world->loop, REACTOR_READ) == 0);
        base_assert(i % 2 || write(pair[1], "x", 1) == 1);
    }
    world->sent_at_ns = clock_ns();
    return ends;
}

static void close_tokens(struct end *ends, uint32_t pairs)
{
    for (uint32_t i = 0; i < 2 * pairs; i++)
        close(ends[i].handler.descriptor);
    free(ends);
}

/* Messages of the tokens a second; how late a tick was. */
static struct figures run_tokens(struct world *world)
{
    begin(world);
    world->ticking = true;
    struct end *ends = open_tokens(world, TOKENS, false);
    push_entries(world, 1);
    double seconds = run(world);
    struct figures figures = {.rate = (double) world->bytes / seconds, .refused = -1};
    take_lag(&figures, &reactor_loop_statistics(world->loop)->entry_lag_ns);
    reactor_loop_free(world->loop);
    close_tokens(ends, TOKENS);
    return figures;
}

static struct figures vary_descriptors(struct world *world, uint64_t value)
{
    world->options.descriptors_a_turn = (uint32_t) value;
    return run_tokens(world);
}

static struct figures vary_times(struct world *world, uint64_t value)
{
    world->options.measure_times = value == 2;
    world->options.handler_budget_ns = value == 1 ? MS : 0;
    return run_tokens(world);
}

/* Entries a second, of a queue that always has some due; the round trip of one token beside it. */
static struct figures vary_entries(struct world *world, uint64_t value)
{
    world->options.entries_a_turn = (uint32_t) value;
    begin(world);
    struct end *ends = open_tokens(world, 1, true);
    push_entries(world, FLOOD);
    double seconds = run(world);
    reactor_loop_free(world->loop);
    close_tokens(ends, 1);
    struct figures figures = {.rate = (double) world->count / seconds, .refused = -1};
    take_times(&figures, &world->round_trip_ns);
    return figures;
}

/* --- streams: some carry as much as they can, one a ping --- */

struct carrier {
    struct reactor_stream stream; /* first */
    struct world *world;
};

static struct carrier *carrier_of(struct reactor_handler *handler)
{
    return (struct carrier *) (void *) handler;
}

static void pour(struct reactor_handler *handler)
{
    static const uint8_t bytes[4096];
    struct carrier *carrier = carrier_of(handler);
    while (reactor_stream_write(&carrier->stream, bytes, sizeof bytes) == 0)
        continue;
    size_t pending = reactor_stream_pending(&carrier->stream);
    if (pending > carrier->world->pending_most)
        carrier->world->pending_most = pending;
}

static size_t drain(struct carrier *carrier)
{
    size_t length;
    (void) reactor_stream_input(&carrier->stream, &length);
    reactor_stream_consume(&carrier->stream, length);
    return length;
}

static void swallow(struct reactor_handler *handler)
{
    struct carrier *carrier = carrier_of(handler);
    carrier->world->bytes += drain(carrier);
}

static void echo(struct reactor_handler *handler)
{
    struct carrier *carrier = carrier_of(handler);
    (void) drain(carrier);
    base_assert(reactor_stream_write(&carrier->stream, "x", 1) == 0);
}

static void time_and_echo(struct reactor_handler *handler)
{
    struct world *world = carrier_of(handler)->world;
    uint64_t now_ns = clock_ns();
    base_histogram_add(&world->round_trip_ns, now_ns - world->sent_at_ns);
    world->sent_at_ns = now_ns;
    echo(handler);
}

static const struct reactor_handler_ops source_ops = {.name = "source", .output_ready = pour, .input_ready = swallow},
    sink_ops = {.name = "sink", .input_ready = swallow}, pinger_ops = {.name = "pinger", .input_ready = time_and_echo},
    ponger_ops = {.name = "ponger", .input_ready = echo};

static void open_streams(struct world *world, struct carrier ends[2], const struct reactor_handler_ops *first,
                         const struct reactor_handler_ops *second, const struct reactor_stream_options *options)
{
    int pair[2];
    base_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    for (int i = 0; i < 2; i++) {
        ends[i] = (struct carrier){.stream.handler = {.ops = i ? second : first, .descriptor = pair[i]}, .world = world};
        base_assert(reactor_stream_open(&ends[i].stream, world->loop, options) == 0);
    }
}

/* Bytes a second of a few bulk streams; the round trip of a ping on another one. */
static struct figures run_streams(struct world *world, const struct reactor_stream_options *options)
{
    struct carrier bulks[BULKS][2], ping[2];
    begin(world);
    for (int i = 0; i < BULKS; i++) {
        open_streams(world, bulks[i], &source_ops, &sink_ops, options);
        pour(&bulks[i][0].stream.handler);
    }
    open_streams(world, ping, &pinger_ops, &ponger_ops, NULL);
    world->sent_at_ns = clock_ns();
    echo(&ping[0].stream.handler);
    double seconds = run(world);
    reactor_loop_free(world->loop);
    struct figures figures = {.rate = (double) world->bytes / seconds, .refused = -1};
    take_times(&figures, &world->round_trip_ns);
    return figures;
}

static struct figures vary_bytes(struct world *world, uint64_t value)
{
    world->options.bytes_a_turn = (uint32_t) value;
    struct figures figures = run_streams(world, NULL);
    figures.bytes = (double) value; /* what is being read lies there */
    return figures;
}

static struct figures vary_high(struct world *world, uint64_t value)
{
    struct figures figures = run_streams(world, &(struct reactor_stream_options){.output_high = (uint32_t) value});
    figures.bytes = (double) world->pending_most;
    return figures;
}

/* --- connections: each asks again as soon as it was answered --- */

struct service {
    struct reactor_listener listener; /* first */
    struct world *world;
    struct carrier served[CLIENTS];
    uint32_t served_count;
    struct client {
        struct reactor_stream stream; /* first */
        struct world *world;
        uint64_t sent_at_ns;
    } clients[CLIENTS];
};

static void serve(struct reactor_handler *handler)
{
    for (uint64_t until_ns = clock_ns() + SERVICE_NS; clock_ns() < until_ns;)
        continue;
    echo(handler);
}

static void ask(struct reactor_handler *handler)
{
    struct client *client = (struct client *) (void *) handler;
    client->sent_at_ns = clock_ns();
    base_assert(reactor_stream_write(&client->stream, "x", 1) == 0);
}

static void answered(struct reactor_handler *handler)
{
    struct client *client = (struct client *) (void *) handler;
    size_t length;
    (void) reactor_stream_input(&client->stream, &length);
    reactor_stream_consume(&client->stream, length);
    if (!length)
        return;
    base_histogram_add(&client->world->round_trip_ns, clock_ns() - client->sent_at_ns);
    client->world->count++;
    ask(handler);
}

static void turned_away(struct reactor_handler *handler, int reason)
{
    ((struct client *) (void *) handler)->world->refused += reason != 0;
}

static const struct reactor_handler_ops served_ops = {.name = "served", .input_ready = serve},
    client_ops = {.name = "client", .connected = ask, .input_ready = answered, .disconnected = turned_away};

static void accepted(struct reactor_listener *listener, int descriptor)
{
    struct service *service = (struct service *) (void *) listener;
    struct carrier *carrier = &service->served[service->served_count++];
    *carrier = (struct carrier){.stream.handler = {.ops = &served_ops, .descriptor = descriptor}, .world = service->world};
    base_assert(reactor_stream_open(&carrier->stream, service->world->loop,
                                    &(struct reactor_stream_options){.listener = listener}) == 0);
}

static void connect_clients(struct service *service, const struct sockaddr_in *address)
{
    for (int i = 0; i < CLIENTS; i++) {
        struct client *client = &service->clients[i];
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int result = connect(descriptor, (const struct sockaddr *) address, sizeof *address);
        base_assert(descriptor >= 0 && (result == 0 || errno == EINPROGRESS));
        *client = (struct client){.stream.handler = {.ops = &client_ops, .descriptor = descriptor}, .world = service->world};
        base_assert(reactor_stream_open(&client->stream, service->world->loop,
                                        &(struct reactor_stream_options){.connecting = true}) == 0);
    }
}

/* Requests a second; an admitted one's round trip; who was turned away. */
static struct figures vary_connections(struct world *world, uint64_t value)
{
    struct service *service = calloc(1, sizeof *service);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    begin(world);
    service->world = world;
    service->listener.accepted = accepted;
    service->listener.handler.descriptor = reactor_listen((struct sockaddr *) &address, length, CLIENTS, false);
    base_assert(getsockname(service->listener.handler.descriptor, (struct sockaddr *) &address, &length) == 0);
    base_assert(reactor_listener_open(&service->listener, world->loop, &(struct reactor_listener_options){
        .connections_max = (uint32_t) value, .refuse = value != 0}) == 0);
    connect_clients(service, &address);
    double seconds = run(world);
    struct figures figures = {.rate = (double) world->count / seconds, .refused = (double) world->refused / CLIENTS};
    take_times(&figures, &world->round_trip_ns);
    reactor_loop_free(world->loop);
    free(service);
    return figures;
}

/* --- posts: another thread posts as fast as it can, a thousand in a row --- */

struct poster {
    struct world *world;
    atomic_bool over;
    uint64_t tried;
};

static void *post(void *context)
{
    struct poster *poster = context;
    struct reactor_entry entry = {.order = REACTOR_MESSAGE};
    while (!atomic_load(&poster->over)) {
        for (int i = 0; i < 1000; i++, poster->tried++)
            poster->world->refused += reactor_loop_post(poster->world->loop, &entry) < 0;
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    }
    return NULL;
}

/* Posts a second that were taken; how long the first of a burst waited; refused ones. */
static struct figures vary_posted(struct world *world, uint64_t value)
{
    struct poster poster = {.world = world};
    pthread_t thread;
    world->options.posted_max = (uint32_t) value;
    world->options.measure_times = true;
    begin(world);
    base_assert(pthread_create(&thread, NULL, post, &poster) == 0);
    double seconds = run(world);
    atomic_store(&poster.over, true);
    pthread_join(thread, NULL);
    struct figures figures = {.rate = (double) world->count / seconds, .bytes = 32 * (double) value,
                              .refused = (double) world->refused / (double) poster.tried};
    take_lag(&figures, &reactor_loop_statistics(world->loop)->post_lag_ns);
    reactor_loop_free(world->loop);
    return figures;
}

/* A million pushed, over a second: pushes a second; what they need; refused ones. */
static struct figures vary_pending(struct world *world, uint64_t value)
{
    world->options.entries_max = value;
    begin(world);
    uint64_t begun_ns = clock_ns();
    for (uint32_t i = 0; i < 1000000; i++) {
        struct reactor_entry entry = {.due_ns = MS * 1000 + (i * UINT64_C(7919)) % 1000000 * 1000, .source = 1, .count = i,
                                      .order = REACTOR_MESSAGE};
        world->refused += reactor_queue_push(reactor_loop_queue(world->loop), &entry) < 0;
    }
    struct figures figures = {.rate = 1e15 / (double) (clock_ns() - begun_ns), .refused = (double) world->refused / 1e6,
                              .bytes = (double) reactor_queue_bytes(reactor_loop_queue(world->loop))};
    reactor_loop_free(world->loop);
    return figures;
}

static const struct knob {
    const char *name, *unit, *rate, *time, *bytes; /* time: NULL where none is told */
    struct figures (*measure)(struct world *world, uint64_t value);
    uint64_t values[4]; /* 0 only as the last: the default, or no bound */
    uint32_t count;
    const char *names[4]; /* in place of values; NULL: the values */
} knobs[] = {
    {"descriptors_a_turn", "events", "messages", "lag of a tick", NULL, vary_descriptors, {1, 16, 256, 4096}, 4, {0}},
    {"entries_a_turn", "entries", "entries", "round trip of a token", NULL, vary_entries, {16, 256, 1024, 65536}, 4, {0}},
    {"bytes_a_turn", "bytes", "bytes of bulk", "round trip of a ping", "scratch", vary_bytes,
     {4096, 16384, 65536, 1048576}, 4, {0}},
    {"output_high", "bytes", "bytes of bulk", "round trip of a ping", "pending, at most", vary_high,
     {4096, 65536, 1048576}, 3, {0}},
    {"connections_max", "connections", "requests", "round trip, admitted", NULL, vary_connections, {8, 32, 0}, 3,
     {"8", "32", "none"}},
    {"posted_max", "posts", "posts", "lag of a burst's first", "ring", vary_posted, {64, 1024, 65536}, 3, {0}},
    {"entries_max", "entries", "pushes", NULL, "resident", vary_pending, {10000, 100000, 1000000}, 3, {0}},
    {"measure", "", "messages", "lag of a tick", NULL, vary_times, {0, 1, 2}, 3, {"off", "handler_budget_ns", "measure_times"}},
};
#define KNOBS (sizeof knobs / sizeof *knobs)

static void value_text(char *text, size_t bytes, const struct knob *knob, uint32_t i)
{
    if (knob->names[0])
        snprintf(text, bytes, "%s", knob->names[i]);
    else
        snprintf(text, bytes, "%llu", (unsigned long long) knob->values[i]);
}

static void print_figures(const struct knob *knob, const char *value, const struct figures *figures, bool json)
{
    if (json) {
        printf("{\"knob\": \"%s\", \"value\": \"%s\", \"per_s\": %.0f", knob->name, value, figures->rate);
        if (knob->time)
            printf(", \"p50_us\": %.1f, \"p99_us\": %.1f", figures->p50_us, figures->p99_us);
        if (knob->bytes)
            printf(", \"bytes\": %.0f", figures->bytes);
        if (figures->refused >= 0)
            printf(", \"refused\": %.4f", figures->refused);
        printf("}");
        return;
    }
    printf("  %-18s %14.0f", value, figures->rate);
    if (knob->time)
        printf(" %9.0f %9.0f us", figures->p50_us, figures->p99_us);
    if (knob->bytes)
        printf(" %14.0f B", figures->bytes);
    if (figures->refused >= 0)
        printf(" %10.1f %%", 100 * figures->refused);
    puts("");
}

static void measure(const struct knob *knob, uint64_t milliseconds, bool json, bool *first)
{
    if (!json)
        printf("%s (%s): %s a second%s%s%s%s\n", knob->name, knob->unit[0] ? knob->unit : "kept", knob->rate,
               knob->time ? "; median and p99 of the " : "", knob->time ? knob->time : "", knob->bytes ? "; " : "",
               knob->bytes ? knob->bytes : "");
    for (uint32_t i = 0; i < knob->count; i++) {
        char text[32];
        struct world world = {.milliseconds = milliseconds};
        struct figures figures = knob->measure(&world, knob->values[i]);
        value_text(text, sizeof text, knob, i);
        if (json)
            printf("%s", *first ? "[" : ",\n ");
        print_figures(knob, text, &figures, json);
        *first = false;
        fflush(stdout);
    }
}

int main(int count, char **words)
{
    bool chosen[KNOBS] = {false}, any = false, json = false, first = true;
    uint64_t milliseconds = 300;
    for (int i = 1; i < count; i++) {
        size_t which = 0;
        while (which < KNOBS && strcmp(knobs[which].name, words[i]) != 0)
            which++;
        if (which < KNOBS)
            chosen[which] = any = true;
        else if (strcmp(words[i], "--json") == 0)
            json = true;
        else if (sscanf(words[i], "milliseconds=%lu", &milliseconds) != 1 || !milliseconds || milliseconds > 60000)
            return fprintf(stderr, "usage: bench_knobs [KNOB]... [milliseconds=N] [--json]\n"), 2;
    }
    for (size_t i = 0; i < KNOBS; i++)
        if (chosen[i] || !any)
            measure(&knobs[i], milliseconds, json, &first);
    if (json)
        puts("]");
    return 0;
}
