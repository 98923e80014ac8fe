/* Takes everything, keeps nothing: a run without a trace file, and what recording costs the simulating thread. */
#include "traces/sinks/sink.h"

static int null_open(struct trace_sink **sink, const struct trace_options *options,
                     struct base_diagnostics *diagnostics)
{
    (void) options, (void) diagnostics;
    *sink = NULL;
    return 0;
}

static int null_write(struct trace_sink *sink, const struct trace_batch *batch)
{
    (void) sink, (void) batch;
    return 0;
}

static int null_commit(struct trace_sink *sink)
{
    (void) sink;
    return 0;
}

static int null_finish(struct trace_sink *sink, const char *status, int error, uint64_t *bytes,
                       struct base_diagnostics *diagnostics)
{
    (void) sink, (void) status, (void) diagnostics;
    *bytes = 0;
    return error;
}

static uint64_t null_bytes(const struct trace_sink *sink)
{
    (void) sink;
    return 0;
}

const struct trace_sink_ops trace_sink_null = {
    .name = "null",
    .open = null_open,
    .write = null_write,
    .commit = null_commit,
    .finish = null_finish,
    .bytes = null_bytes,
};
