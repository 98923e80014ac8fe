#include "traces/sinks/memory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct trace_memory *memory_of(struct trace_sink *sink)
{
    return (struct trace_memory *) sink;
}

static int memory_open(struct trace_sink **sink, const struct trace_options *options,
                       struct base_diagnostics *diagnostics)
{
    (void) options, (void) diagnostics;
    return *sink ? 0 : -EINVAL;
}

static void move_text(const char **text, const struct trace_batch *from, const struct trace_batch *to)
{
    if (*text)
        *text = (const char *) to->bytes + (*text - (const char *) from->bytes);
}

/* Texts are in the batch, so they move with it; those of run values are blocks of their own. */
static int fix_texts(struct trace_batch *copy, const struct trace_batch *batch)
{
    for (uint32_t i = 0; i < copy->count; i++) {
        void *record = copy->bytes + (size_t) i * copy->record_bytes;
        if (copy->table == TRACE_TABLE_FAULT) {
            struct trace_fault *fault = record;
            move_text(&fault->name, batch, copy);
            move_text(&fault->kind, batch, copy);
            move_text(&fault->detail, batch, copy);
        } else if (copy->table == TRACE_TABLE_VIOLATION) {
            struct trace_violation_record *violation = record;
            move_text(&violation->check_name, batch, copy);
            move_text(&violation->detail, batch, copy);
        } else if (copy->table == TRACE_TABLE_LOG) {
            struct trace_log_record *log = record;
            move_text(&log->text, batch, copy);
        } else if (copy->table == TRACE_TABLE_PACKET) {
            struct trace_packet *packet = record;
            packet->bytes = copy->bytes + (packet->bytes - batch->bytes);
        } else if (copy->table == TRACE_TABLE_RUN) {
            struct trace_run_record *run = record;
            run->key = strdup(run->key);
            run->value = strdup(run->value);
            if (!run->key || !run->value)
                return -ENOMEM;
        }
    }
    return 0;
}

static int memory_write(struct trace_sink *sink, const struct trace_batch *batch)
{
    struct trace_memory *memory = memory_of(sink);
    if (memory->fails_after && memory->batch_count >= (uint32_t) memory->fails_after)
        return -ENOSPC;
    struct trace_batch **list = realloc(memory->batches, (memory->batch_count + 1) * sizeof *list);
    struct trace_batch *copy = aligned_alloc(64, TRACE_BATCH_BYTES);
    if (list)
        memory->batches = list;
    if (!list || !copy) {
        free(copy);
        return -ENOMEM;
    }
    memcpy(copy, batch, sizeof *batch);
    memcpy(copy->bytes, batch->bytes, (size_t) batch->count * batch->record_bytes);
    memcpy(copy->bytes + batch->bytes_end, batch->bytes + batch->bytes_end, TRACE_BATCH_ROOM - batch->bytes_end);
    list[memory->batch_count++] = copy;
    return fix_texts(copy, batch);
}

static int memory_commit(struct trace_sink *sink)
{
    memory_of(sink)->commits++;
    return 0;
}

static int memory_finish(struct trace_sink *sink, const char *status, int error, uint64_t *bytes,
                         struct base_diagnostics *diagnostics)
{
    struct base_place nowhere = {0};
    snprintf(memory_of(sink)->status, sizeof memory_of(sink)->status, "%s", status);
    *bytes = (uint64_t) memory_of(sink)->batch_count * TRACE_BATCH_BYTES;
    if (error)
        base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "the trace is not whole: %s", strerror(-error));
    return error;
}

static uint64_t memory_bytes(const struct trace_sink *sink)
{
    (void) sink;
    return 0;
}

uint64_t trace_memory_count(const struct trace_memory *memory, enum trace_table table)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < memory->batch_count; i++)
        if (memory->batches[i]->table == table)
            count += memory->batches[i]->count;
    return count;
}

const void *trace_memory_at(const struct trace_memory *memory, enum trace_table table, uint64_t index)
{
    for (uint32_t i = 0; i < memory->batch_count; i++) {
        const struct trace_batch *batch = memory->batches[i];
        if (batch->table != table)
            continue;
        if (index < batch->count)
            return batch->bytes + index * batch->record_bytes;
        index -= batch->count;
    }
    return NULL;
}

void trace_memory_done(struct trace_memory *memory)
{
    for (uint32_t i = 0; i < memory->batch_count; i++) {
        struct trace_batch *batch = memory->batches[i];
        const struct trace_run_record *runs = (const void *) batch->bytes;
        for (uint32_t j = 0; batch->table == TRACE_TABLE_RUN && j < batch->count; j++) {
            free((char *) (uintptr_t) runs[j].key);
            free((char *) (uintptr_t) runs[j].value);
        }
        free(batch);
    }
    free(memory->batches);
}

const struct trace_sink_ops trace_sink_memory = {
    .name = "memory",
    .open = memory_open,
    .write = memory_write,
    .commit = memory_commit,
    .finish = memory_finish,
    .bytes = memory_bytes,
};
