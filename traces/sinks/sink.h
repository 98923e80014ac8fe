/* Sinks: where batches of records go. One struct of functions each; called by the writer thread only, except open and
 * finish, which run in the simulating thread while there is no writer.
 *
 *   trace.c appends to the open batch of a table -> handover.h -> writer thread -> sink write, commit */
#ifndef TRACES_SINKS_SINK_H
#define TRACES_SINKS_SINK_H

#include "traces/trace.h"

/* The last one is handed as a pair of pointers to the writer; duplicates become part of delivery when the run ends. */
enum trace_table {
    TRACE_TABLE_MESSAGE,
    TRACE_TABLE_EVENT,
    TRACE_TABLE_SESSION,
    TRACE_TABLE_LOOKUP,
    TRACE_TABLE_BROADCAST,
    TRACE_TABLE_DELIVERY,
    TRACE_TABLE_DUPLICATES,
    TRACE_TABLE_NEIGHBOUR,
    TRACE_TABLE_FAULT,
    TRACE_TABLE_FAULT_PEER,
    TRACE_TABLE_SAMPLE,
    TRACE_TABLE_VIOLATION,
    TRACE_TABLE_LOG,
    TRACE_TABLE_RUN,
    TRACE_TABLE_PACKET, /* of captures only: the tables before it are those of SQLite */
    TRACE_TABLE_COUNT,
    TRACE_SQL_TABLE_COUNT = TRACE_TABLE_PACKET
};

struct trace_violation_record {
    uint64_t at_ns;
    const char *check_name, *detail;
    uint32_t peer;
};
struct trace_log_record {
    uint64_t at_ns;
    const char *text;
    uint32_t peer, level;
};
struct trace_run_record {
    const char *key, *value; /* one block of malloc, begun by key */
};

/* 256 KiB: about 5,000 messages, over which waking the writer costs nothing; a few of them fit the second-level cache. */
#define TRACE_BATCH_BYTES (256u * 1024)

/* Records of one table, in order, from the front of the block; texts and payloads that they point to from its end. */
struct trace_batch {
    struct trace_batch *next;
    enum trace_table table;
    uint32_t count;
    uint32_t record_bytes;
    uint32_t bytes_end; /* where the texts begin: records stay below it */
    _Alignas(64) uint8_t bytes[];
};
#define TRACE_BATCH_ROOM (TRACE_BATCH_BYTES - (uint32_t) sizeof(struct trace_batch))

struct trace_sink; /* each sink's own */

struct trace_sink_ops {
    const char *name;
    /* 0 or negative with a diagnostic. *sink is what trace_open_sink was given; options are borrowed for the call. */
    int (*open)(struct trace_sink **sink, const struct trace_options *options, struct base_diagnostics *diagnostics);
    /* Appends the rows of a batch in order; -errno when that failed, after which only finish is called. */
    int (*write)(struct trace_sink *sink, const struct trace_batch *batch);
    /* What was written is safe from now on. 0 or -errno. */
    int (*commit)(struct trace_sink *sink);
    /* Closes in good order and frees; error: what write or commit returned, 0 when all went well. Fills bytes. */
    int (*finish)(struct trace_sink *sink, const char *status, int error, uint64_t *bytes,
                  struct base_diagnostics *diagnostics);
    uint64_t (*bytes)(const struct trace_sink *sink); /* of the file so far; asked from any thread */
    /* Writes some more of the peers, whose rows come before all batches; written: so many of them are there now. 0 or
     * -errno. NULL: the sink keeps no peers. */
    int (*write_peers)(struct trace_sink *sink, uint32_t *written);
};

extern const struct trace_sink_ops trace_sink_sqlite, trace_sink_memory, trace_sink_null;

/* trace_open with a sink of one's choice (trace_open takes sqlite with a path, else null). sink: for the sinks that are
 * the caller's (memory), else NULL. */
int trace_open_sink(struct trace **trace, const struct trace_sink_ops *ops, struct trace_sink *sink,
                    const struct trace_options *options, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));

uint32_t trace_record_bytes(enum trace_table table);

#endif
