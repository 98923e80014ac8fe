/* Churn by a trace of up-intervals, one line a peer (Godfrey's Repository of Availability Traces, .avt):
 *
 *   NODE <tab> COUNT <tab> START END START END ...
 *
 * NODE names the node and is not used. COUNT is how many intervals follow. Instants are seconds from the start of the
 * trace, decimals allowed, separated by blanks; intervals are in order, of positive length and do not overlap. Where
 * one ends as the next begins, the peer leaves and comes back at that instant. Line i drives peer i of the entry. */
#include <errno.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/decimal.h"
#include "sim/churn/churn.h"

#define NS_PER_SECOND UINT64_C(1000000000)

struct trace_parameters {
    const struct topology_file *trace;
};

static const struct topology_parameter parameters[] = {
    {
        .key = "trace", .type = TOPOLOGY_FILE, .offset = offsetof(struct trace_parameters, trace),
        .about = "File with the up-intervals of one peer a line (.avt).",
    },
};

struct interval {
    uint64_t start_ns, end_ns;
};

struct trace_model {
    const struct interval *intervals;
    const size_t *first; /* by line, and the count of all behind the last */
};

struct reader {
    const struct base_source *source;
    struct base_diagnostics *diagnostics;
    const char *at, *end, *line_start;
    uint32_t line;
    struct interval *intervals;
    size_t interval_count;
};

static struct base_place place_of(const struct reader *reader, const char *at)
{
    return (struct base_place){reader->source, reader->line, (uint32_t) (at - reader->line_start) + 1};
}

#define WRONG(reader, at, ...) \
    (base_diagnose((reader)->diagnostics, BASE_ERROR, place_of(reader, at), NULL, __VA_ARGS__), -EINVAL)

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && is_blank(*reader->at))
        reader->at++;
}

static bool at_line_end(const struct reader *reader)
{
    return reader->at == reader->end || *reader->at == '\n';
}

/* Reads a number, times scale, that a blank or the line's end follows. */
static int read_number(struct reader *reader, uint64_t scale, const char *what, uint64_t *value)
{
    skip_blanks(reader);
    if (at_line_end(reader))
        return WRONG(reader, reader->at, "%s is missing", what);
    const char *start = reader->at;
    int length = base_decimal_read(start, (size_t) (reader->end - start), scale, 1, value);
    if (length == -ERANGE)
        return WRONG(reader, start, "%s is too large", what);
    if (length > 0)
        reader->at += length;
    if (length < 0 || (!at_line_end(reader) && !is_blank(*reader->at)))
        return WRONG(reader, start, "%s is not a number of seconds", what);
    return 0;
}

static int read_interval(struct reader *reader, bool first_of_line)
{
    struct interval interval;
    skip_blanks(reader);
    const char *start_at = reader->at;
    if (read_number(reader, NS_PER_SECOND, "an interval's start", &interval.start_ns) < 0)
        return -EINVAL;
    skip_blanks(reader);
    const char *end_at = reader->at;
    if (read_number(reader, NS_PER_SECOND, "an interval's end", &interval.end_ns) < 0)
        return -EINVAL;
    if (interval.end_ns <= interval.start_ns)
        return WRONG(reader, end_at, "the interval ends no later than it starts");
    if (!first_of_line && interval.start_ns < reader->intervals[reader->interval_count - 1].end_ns)
        return WRONG(reader, start_at, "the interval starts before the one before it ends");
    reader->intervals[reader->interval_count++] = interval;
    return 0;
}

static int read_count(struct reader *reader, const char **count_at, uint64_t *count)
{
    skip_blanks(reader);
    while (!at_line_end(reader) && !is_blank(*reader->at))
        reader->at++; /* the node's name */
    skip_blanks(reader);
    *count_at = reader->at;
    if (at_line_end(reader))
        return WRONG(reader, reader->at, "a node's name and its number of intervals are expected");
    const char *at = reader->at;
    *count = 0;
    for (; at < reader->end && *at >= '0' && *at <= '9' && *count <= UINT32_MAX; at++)
        *count = *count * 10 + (uint64_t) (*at - '0');
    if (at == reader->at || (at < reader->end && *at != '\n' && !is_blank(*at)))
        return WRONG(reader, reader->at, "the number of intervals is not a whole number");
    reader->at = at;
    return 0;
}

static int read_line(struct reader *reader)
{
    const char *count_at;
    uint64_t count, given = 0;
    if (read_count(reader, &count_at, &count) < 0)
        return -EINVAL;
    for (skip_blanks(reader); !at_line_end(reader); skip_blanks(reader), given++)
        if (read_interval(reader, given == 0) < 0)
            return -EINVAL;
    if (given != count)
        return WRONG(reader, count_at, "%llu intervals are announced and %llu given", (unsigned long long) count,
                     (unsigned long long) given);
    return 0;
}

static uint32_t count_lines(const struct base_source *source)
{
    size_t count = source->length > 0 && source->text[source->length - 1] != '\n';
    for (size_t i = 0; i < source->length; i++)
        count += source->text[i] == '\n';
    base_assert(count < UINT32_MAX); /* the loader bounds data files */
    return (uint32_t) count;
}

/* Reads on after a mistake, so that several are reported at once. */
static int read_lines(struct reader *reader, uint32_t line_count, size_t *first)
{
    int result = 0;
    for (uint32_t line = 0; line < line_count; line++) {
        reader->line = line + 1;
        reader->line_start = reader->at;
        first[line] = reader->interval_count;
        if (read_line(reader) < 0)
            result = -EINVAL;
        const char *newline = memchr(reader->at, '\n', (size_t) (reader->end - reader->at));
        reader->at = newline ? newline + 1 : reader->end;
    }
    first[line_count] = reader->interval_count;
    return result;
}

static int check_entry(const struct topology_churn *churn, uint32_t line_count, uint32_t peer_count,
                       struct base_diagnostics *diagnostics)
{
    const struct trace_parameters *chosen = churn->model.parameters;
    int result = 0;
    if (churn->start != TOPOLOGY_STATIONARY) {
        base_diagnose(diagnostics, BASE_ERROR, churn->place, "leave `start` out",
                      "a trace says itself who is up at the start");
        result = -EINVAL;
    }
    if (line_count < peer_count) {
        base_diagnose(diagnostics, BASE_ERROR, chosen->trace->place, NULL, "%s has %u lines for %u peers",
                      chosen->trace->name, line_count, peer_count);
        result = -EINVAL;
    }
    return result;
}

static int bind(const struct topology_churn *churn, uint32_t peer_count, struct base_arena *arena, const void **built,
                struct base_diagnostics *diagnostics)
{
    const struct trace_parameters *chosen = churn->model.parameters;
    const struct base_source *source = &chosen->trace->source;
    uint32_t line_count = count_lines(source);
    size_t *first = base_arena_array(arena, size_t, (size_t) line_count + 1);
    struct reader reader = {
        .source = source, .diagnostics = diagnostics, .at = source->text, .end = source->text + source->length,
        .intervals = base_arena_array(arena, struct interval, source->length / 4 + 1), /* "0 1 " is the shortest */
    };
    int read_result = read_lines(&reader, line_count, first);
    int entry_result = check_entry(churn, line_count, peer_count, diagnostics);
    struct trace_model *model = base_arena_take(arena, sizeof *model);
    *model = (struct trace_model){.intervals = reader.intervals, .first = first};
    *built = model;
    return read_result < 0 ? read_result : entry_result;
}

/* Even spans are the gaps before the intervals, odd ones the intervals. */
static struct churn_span span(const void *of, const struct churn_peer *peer, uint32_t number)
{
    const struct trace_model *model = of;
    const struct interval *interval = model->intervals + model->first[peer->ordinal] + number / 2;
    if (interval >= model->intervals + model->first[peer->ordinal + 1])
        return (struct churn_span){.length_ns = UINT64_MAX};
    if (number & 1)
        return (struct churn_span){.length_ns = interval->end_ns - interval->start_ns, .up = true};
    return (struct churn_span){.length_ns = interval->start_ns - (number == 0 ? 0 : interval[-1].end_ns)};
}

static const struct churn_ops ops = {.bind = bind, .span = span, .resumes = true};

const struct topology_kind churn_trace = {
    .name = "trace",
    .summary = "peers are up in the intervals of a trace, a line a peer",
    .source = "Godfrey, Repository of Availability Traces",
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof *parameters,
    .parameters_bytes = sizeof(struct trace_parameters),
    .ops = &ops,
};
