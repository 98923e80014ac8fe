/* Churn by a trace of up-intervals, one line a peer (Godfrey's Repository of Availability Traces, .avt):
 *
 *   NODE <tab> COUNT <tab> START END START END ...
 *
 * NODE names the node and is not used. COUNT is how many intervals follow. Instants are seconds from the start of the
 * trace, decimals allowed, separated by blanks; intervals are in order, of positive length and do not overlap. Where
 * one ends as the next begins, the peer leaves and comes back at that instant. Line i drives peer i of the entry. */
#include <errno.h>

#include "reactor/base/decimal.h"
#include "reactor/base/lines.h"
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
    struct base_lines lines;
    struct base_diagnostics *diagnostics;
    struct interval *intervals;
    size_t interval_count;
};

#define WRONG(reader, at, ...) \
    (base_diagnose((reader)->diagnostics, BASE_ERROR, base_lines_place(&(reader)->lines, at), NULL, __VA_ARGS__), \
     -EINVAL)

/* Reads a number, times scale, that a blank or the line's end follows. */
static int read_number(struct reader *reader, uint64_t scale, const char *what, uint64_t *value)
{
    struct base_lines *lines = &reader->lines;
    base_lines_skip_blanks(lines);
    if (base_lines_at_end(lines))
        return WRONG(reader, lines->at, "%s is missing", what);
    const char *start = lines->at;
    int length = base_decimal_read(start, (size_t) (lines->end - start), scale, 1, value);
    if (length == -ERANGE)
        return WRONG(reader, start, "%s is too large", what);
    if (length > 0)
        lines->at += length;
    if (length < 0 || (!base_lines_at_end(lines) && !base_is_blank(*lines->at)))
        return WRONG(reader, start, "%s is not a number of seconds", what);
    return 0;
}

static int read_interval(struct reader *reader, bool first_of_line)
{
    struct base_lines *lines = &reader->lines;
    struct interval interval;
    base_lines_skip_blanks(lines);
    const char *start_at = lines->at;
    if (read_number(reader, NS_PER_SECOND, "an interval's start", &interval.start_ns) < 0)
        return -EINVAL;
    base_lines_skip_blanks(lines);
    const char *end_at = lines->at;
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
    struct base_lines *lines = &reader->lines;
    base_lines_skip_blanks(lines);
    while (!base_lines_at_end(lines) && !base_is_blank(*lines->at))
        lines->at++; /* the node's name */
    base_lines_skip_blanks(lines);
    *count_at = lines->at;
    if (base_lines_at_end(lines))
        return WRONG(reader, lines->at, "a node's name and its number of intervals are expected");
    const char *at = lines->at;
    *count = 0;
    for (; at < lines->end && *at >= '0' && *at <= '9' && *count <= UINT32_MAX; at++)
        *count = *count * 10 + (uint64_t) (*at - '0');
    if (at == lines->at || (at < lines->end && *at != '\n' && !base_is_blank(*at)))
        return WRONG(reader, lines->at, "the number of intervals is not a whole number");
    lines->at = at;
    return 0;
}

static int read_line(struct reader *reader)
{
    struct base_lines *lines = &reader->lines;
    const char *count_at;
    uint64_t count, given = 0;
    if (read_count(reader, &count_at, &count) < 0)
        return -EINVAL;
    for (base_lines_skip_blanks(lines); !base_lines_at_end(lines); base_lines_skip_blanks(lines), given++)
        if (read_interval(reader, given == 0) < 0)
            return -EINVAL;
    if (given != count)
        return WRONG(reader, count_at, "%llu intervals are announced and %llu given", (unsigned long long) count,
                     (unsigned long long) given);
    return 0;
}

static uint32_t count_lines(const struct base_source *source)
{
    struct base_lines lines = base_lines_start(source);
    while (base_lines_next(&lines))
        continue;
    return lines.line;
}

/* Reads on after a mistake, so that several are reported at once. */
static int read_lines(struct reader *reader, size_t *first)
{
    int result = 0;
    while (base_lines_next(&reader->lines)) {
        *first++ = reader->interval_count;
        if (read_line(reader) < 0)
            result = -EINVAL;
    }
    *first = reader->interval_count;
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
        .lines = base_lines_start(source), .diagnostics = diagnostics,
        .intervals = base_arena_array(arena, struct interval, source->length / 4 + 1), /* "0 1 " is the shortest */
    };
    int read_result = read_lines(&reader, first);
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
