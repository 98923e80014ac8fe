/* The memory sink, for tests: records as they were appended, by table. The struct is the test's; zero it, hand it to
 * trace_open_sink, read it after trace_finish, then trace_memory_done. */
#ifndef TRACES_SINKS_MEMORY_H
#define TRACES_SINKS_MEMORY_H

#include "traces/sinks/sink.h"

struct trace_memory {
    struct trace_batch **batches; /* copies, in the order of writing */
    uint32_t batch_count;
    uint32_t commits;
    int fails_after; /* batches after which write says -ENOSPC; 0: never */
    char status[16];
};

uint64_t trace_memory_count(const struct trace_memory *memory, enum trace_table table);
/* The record at index (from 0) of a table; NULL past the end. Texts in it are valid. */
const void *trace_memory_at(const struct trace_memory *memory, enum trace_table table, uint64_t index);
void trace_memory_done(struct trace_memory *memory);

#endif
