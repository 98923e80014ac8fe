#include "reactor/options.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "reactor/options_internal.h"

#define SECOND_NS UINT64_C(1000000000)
#define OUTPUT_HIGH_DEFAULT (64u << 10)
#define OUTPUT_MAX_DEFAULT (16u << 20)
#define INPUT_MAX_DEFAULT (1u << 20)
#define STREAM_BYTES_MOST (UINT64_C(1) << 31) /* what the buffer pool has in one piece */

/* A number, 32 or 64 bits wide. */
struct option {
    const char *name, *unit;
    size_t offset, bytes;
    uint64_t least, most; /* but for 0, the default */
    uint64_t otherwise;   /* what 0 stands for, where this file fills it in */
};

#define OPTION(type, field, unit, least, most, otherwise) \
    {#field, unit, offsetof(struct type, field), sizeof(((struct type *) 0)->field), least, most, otherwise}

static const struct option loop_options[] = {
    OPTION(reactor_loop_options, entries_a_turn, "entries", 1, 1u << 24, 1024),
    OPTION(reactor_loop_options, descriptors_a_turn, "events", 1, 1u << 20, 256),
    OPTION(reactor_loop_options, bytes_a_turn, "bytes", BYTES_A_TURN_LEAST, 16u << 20, 64u << 10),
    OPTION(reactor_loop_options, handlers_max, "handlers", 1, HANDLERS_MAX, HANDLERS_MAX),
    OPTION(reactor_loop_options, entries_max, "entries", 1, UINT64_C(1) << 31, UINT64_C(1) << 26),
    OPTION(reactor_loop_options, timers_max, "timers", 1, 1u << 30, 1u << 28),
    OPTION(reactor_loop_options, posted_max, "posts", 1, 1u << 26, 1u << 16),
    /* Less than a microsecond is what reading the clock itself may take. */
    OPTION(reactor_loop_options, handler_budget_ns, "ns", 1000, 3600 * SECOND_NS, 0),
    {0}};

static const struct option stream_options[] = {
    OPTION(reactor_stream_options, output_high, "bytes", 1, STREAM_BYTES_MOST, 0),
    OPTION(reactor_stream_options, output_low, "bytes", 1, STREAM_BYTES_MOST, 0),
    OPTION(reactor_stream_options, output_max, "bytes", 1, STREAM_BYTES_MOST, 0),
    OPTION(reactor_stream_options, input_max, "bytes", 1, STREAM_BYTES_MOST, 0),
    {0}};

static const struct option listener_options[] = {
    OPTION(reactor_listener_options, accepts_a_turn, "connections", 1, 1u << 16, 0),
    OPTION(reactor_listener_options, connections_max, "connections", 1, HANDLERS_MAX, 0),
    OPTION(reactor_listener_options, retry_ns, "ns", 1000000, 3600 * SECOND_NS, 0), /* sooner is spinning */
    {0}};

static const struct option datagrams_options[] = {
    OPTION(reactor_datagrams_options, output_max, "bytes", 64, 1u << 30, 0),
    OPTION(reactor_datagrams_options, length_max, "bytes", 1, 65535, 0),
    OPTION(reactor_datagrams_options, datagrams_a_turn, "datagrams", 1, 1u << 24, 0),
    {0}};

static const struct option threads_options[] = {
    OPTION(reactor_threads_options, threads_max, "threads", 1, 1u << 16, 0),
    OPTION(reactor_threads_options, queue_max, "connections", 1, 1u << 20, 0),
    /* A handler's frames, and what a signal's leave of them; most systems start no thread with less than 16 KiB. */
    OPTION(reactor_threads_options, stack_bytes, "bytes", 64u << 10, 1u << 30, 0),
    {0}};

static const struct option offload_options[] = {
    OPTION(reactor_offload_options, threads_max, "threads", 1, 1024, 0),
    OPTION(reactor_offload_options, jobs_max, "jobs", 1, OFFLOAD_JOBS_MOST, 0),
    {0}};

static uint64_t value_of(const void *options, const struct option *option)
{
    uint64_t wide;
    uint32_t narrow;
    const uint8_t *at = (const uint8_t *) options + option->offset;
    if (option->bytes == sizeof narrow)
        return memcpy(&narrow, at, sizeof narrow), narrow;
    return memcpy(&wide, at, sizeof wide), wide;
}

#define REFUSE(diagnostics, hint, ...) \
    (diagnostics ? base_diagnose(diagnostics, BASE_ERROR, (struct base_place){0}, hint, __VA_ARGS__) : (void) 0, -EINVAL)

static int check(const struct option *option, const void *options, struct base_diagnostics *diagnostics)
{
    int result = 0;
    for (; option->name; option++) {
        uint64_t value = value_of(options, option);
        if (value && (value < option->least || value > option->most))
            result = REFUSE(diagnostics, NULL, "%s: %" PRIu64 " is not between %" PRIu64 " and %" PRIu64 " %s",
                            option->name, value, option->least, option->most, option->unit);
    }
    return result;
}

static const char *demultiplexer_at(const void *context, size_t i)
{
    (void) context;
    return reactor_demultiplexers[i]->name;
}

static const char *clock_at(const void *context, size_t i)
{
    (void) context;
    return reactor_clocks[i]->name;
}

static int refuse_name(struct base_diagnostics *diagnostics, const char *option, const char *name, size_t count,
                       const char *(*name_at)(const void *context, size_t i))
{
    const char *nearest = base_nearest_name(name, count, name_at, NULL);
    char hint[64] = "";
    if (nearest)
        strcat(strcpy(hint, "did you mean "), nearest);
    return REFUSE(diagnostics, nearest ? hint : NULL, "%s: there is no %s", option, name);
}

static int check_names(const struct reactor_loop_options *options, struct base_diagnostics *diagnostics)
{
    size_t demultiplexers = 0, clocks = 0;
    int result = 0;
    struct reactor_clock clock;
    while (reactor_demultiplexers[demultiplexers])
        demultiplexers++;
    while (reactor_clocks[clocks])
        clocks++;
    if (options->demultiplexer && !reactor_demultiplexer_find(options->demultiplexer))
        result = refuse_name(diagnostics, "demultiplexer", options->demultiplexer, demultiplexers, demultiplexer_at);
    if (options->clock && strcmp(options->clock, "scaled") == 0 && !options->scale_ppm)
        return REFUSE(diagnostics, NULL, "scale_ppm: a scaled clock needs one, 1000000 is real speed");
    if (options->clock && reactor_clock_init(&clock, options->clock, options->scale_ppm) < 0)
        result = refuse_name(diagnostics, "clock", options->clock, clocks, clock_at);
    return result;
}

int reactor_loop_options_check(const struct reactor_loop_options *options, struct base_diagnostics *diagnostics)
{
    int numbers = check(loop_options, options, diagnostics);
    int names = check_names(options, diagnostics);
    return numbers < 0 ? numbers : names;
}

struct reactor_loop_options loop_options_filled(const struct reactor_loop_options *options)
{
    struct reactor_loop_options filled = *options;
    filled.demultiplexer = filled.demultiplexer ? filled.demultiplexer : "epoll";
    filled.clock = filled.clock ? filled.clock : "real";
    for (const struct option *option = loop_options; option->name; option++) {
        uint32_t narrow = (uint32_t) option->otherwise;
        bool is_narrow = option->bytes == sizeof narrow;
        if (value_of(options, option) == 0)
            memcpy((uint8_t *) &filled + option->offset, is_narrow ? (const void *) &narrow : &option->otherwise,
                   option->bytes);
    }
    return filled;
}

struct reactor_stream_options stream_options_filled(const struct reactor_stream_options *options)
{
    struct reactor_stream_options filled = options ? *options : (struct reactor_stream_options){0};
    filled.output_max = filled.output_max ? filled.output_max : OUTPUT_MAX_DEFAULT;
    uint32_t high = filled.output_max / 2 < OUTPUT_HIGH_DEFAULT ? filled.output_max / 2 : OUTPUT_HIGH_DEFAULT;
    filled.output_high = filled.output_high ? filled.output_high : high;
    filled.output_low = filled.output_low ? filled.output_low : filled.output_high / 4;
    filled.input_max = filled.input_max ? filled.input_max : INPUT_MAX_DEFAULT;
    filled.idle_bytes_min = filled.idle_bytes_min ? filled.idle_bytes_min : 1;
    return filled;
}

static const char *if_default(uint32_t asked)
{
    return asked ? "" : " by default";
}

int reactor_stream_options_check(const struct reactor_stream_options *options, struct base_diagnostics *diagnostics)
{
    const struct reactor_stream_options filled = stream_options_filled(options);
    int result = check(stream_options, options, diagnostics);
    if (filled.output_low > filled.output_high)
        result = REFUSE(diagnostics, NULL, "output_low: %u bytes are more than output_high, %u%s", filled.output_low,
                        filled.output_high, if_default(options->output_high));
    if (filled.output_high >= filled.output_max)
        result = REFUSE(diagnostics, NULL, "output_high: %u bytes are not less than output_max, %u%s: write would never "
                        "return 1", filled.output_high, filled.output_max, if_default(options->output_max));
    if (options->idle_bytes_min && !options->idle_timeout_ns)
        result = REFUSE(diagnostics, NULL, "idle_bytes_min: %u bytes, but in what time? idle_timeout_ns is 0",
                        options->idle_bytes_min);
    return result;
}

int reactor_listener_options_check(const struct reactor_listener_options *options, struct base_diagnostics *diagnostics)
{
    int result = check(listener_options, options, diagnostics);
    if (options->refuse && !options->connections_max)
        result = REFUSE(diagnostics, NULL, "refuse: nothing is to be refused without connections_max");
    return result;
}

int reactor_datagrams_options_check(const struct reactor_datagrams_options *options,
                                    struct base_diagnostics *diagnostics)
{
    return check(datagrams_options, options, diagnostics);
}

int reactor_threads_options_check(const struct reactor_threads_options *options, struct base_diagnostics *diagnostics)
{
    int result = check(threads_options, options, diagnostics);
    if (!options->address)
        result = REFUSE(diagnostics, NULL, "address: there is none to listen at");
    if (!options->accepted)
        result = REFUSE(diagnostics, NULL, "accepted: there is none, so nobody would serve a connection");
    int stream = reactor_stream_options_check(&options->stream, diagnostics);
    return result < 0 ? result : stream;
}

int reactor_loops_listen_options_check(const struct reactor_loops_listen_options *options,
                                       struct base_diagnostics *diagnostics)
{
    int result = 0;
    if (!options->address)
        result = REFUSE(diagnostics, NULL, "address: there is none to listen at");
    if (options->address_bytes > sizeof(struct sockaddr_storage))
        result = REFUSE(diagnostics, NULL, "address_bytes: %u are more than any address has", options->address_bytes);
    if (!options->accepted)
        result = REFUSE(diagnostics, NULL, "accepted: there is none, so nobody would serve a connection");
    if ((unsigned) options->spread > REACTOR_REUSEPORT)
        result = REFUSE(diagnostics, NULL, "spread: %u is none of enum reactor_spread", (unsigned) options->spread);
    return result;
}

int reactor_offload_options_check(const struct reactor_offload_options *options, struct base_diagnostics *diagnostics)
{
    return check(offload_options, options, diagnostics);
}
