/* Traces: everything that happened, as records of fixed size, batched, written by a thread of its own.
 *
 * The event loop appends plain structs (a copy into the open batch of their table); full batches go to the writer
 * through a bounded ring. In virtual time a full ring makes the loop wait for room, so nothing is lost; with
 * `may_leave_out` (real time) the record is counted as left out instead, and the run says so. The loop never waits for
 * the disk otherwise. A sink is one struct of functions (sinks/): sqlite, memory (tests), null.
 *
 * Life: open, append, finish. One thread at a time, whichever it is: threads that take turns order their calls among
 * themselves (a barrier, a join, a mutex), for appending takes no lock. Only trace_error and trace_totals may be asked at
 * any time. */
#ifndef TRACES_TRACE_H
#define TRACES_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/base/diagnostic.h"
#include "traces/stream.h"

#define TRACE_NONE_U32 UINT32_MAX /* a column that is null */
#define TRACE_NONE_U64 UINT64_MAX

/* The record structs, one a table of DESIGN.md section 7, in the order of their columns. seq and cause_seq count from 1;
 * 0 is null. Peers are indices. TRACE_NONE_* is null where a column may be. */
struct trace_message {
    uint64_t sent_at_ns, delay_ns, queue_ns; /* delay_ns: TRACE_NONE_U64 where it was dropped at sending */
    uint32_t source, cause_seq, target, target_seq; /* target TRACE_NONE_U32: it resolves to no peer */
    uint32_t bytes;
    uint8_t kind;  /* of message_kind */
    uint8_t fate;  /* of fate */
};
_Static_assert(sizeof(struct trace_message) == 48 && offsetof(struct trace_message, fate) == 45, "as it is stored below");
struct trace_event {
    uint64_t at_ns, detail; /* detail: TRACE_NONE_U64 is null */
    uint32_t peer, seq, other, cause_seq;
    uint8_t kind;  /* of event_kind */
};
_Static_assert(sizeof(struct trace_event) == 40 && offsetof(struct trace_event, kind) == 32, "as it is stored below");
struct trace_session {
    uint64_t up_at_ns, down_at_ns;
    uint32_t peer, incarnation; /* the first is 1 */
    uint8_t ending;             /* of enum trace_ending; TRACE_ENDING_NONE: down_at_ns is null */
    uint8_t id_octets;          /* how many octets of id count */
    uint8_t id[20];             /* overlay id, big-endian; written as lower-case hex */
};
enum trace_ending { TRACE_ENDING_NONE, TRACE_ENDING_LEAVE, TRACE_ENDING_CRASH };
struct trace_lookup {
    uint64_t started_at_ns, ended_at_ns; /* ended: TRACE_NONE_U64 when unfinished */
    uint32_t peer, seq, ended_seq, hops, messages, timeouts;
    uint8_t outcome;    /* enum trace_outcome */
    uint8_t correct;    /* 0, 1, 2: null */
    uint8_t key_octets;
    uint8_t key[20];    /* written as lower-case hex */
};
enum trace_outcome { TRACE_SUCCEEDED, TRACE_FAILED, TRACE_UNFINISHED };
struct trace_broadcast {
    uint64_t published_at_ns;
    uint32_t id, peer, seq, topic, bytes, eligible;
};
struct trace_delivery {
    uint64_t at_ns;
    uint32_t broadcast, peer, seq, hops, duplicates;
};
/* Counted while the run goes on, added to its delivery row when the run ends. */
struct trace_duplicates {
    uint32_t broadcast, peer, duplicates;
};
struct trace_neighbour {
    uint64_t at_ns;
    uint32_t peer, other;
    uint8_t table_name; /* index in trace_names.neighbour_tables, written as text */
    uint8_t added;
};
struct trace_fault {
    uint64_t started_at_ns, ended_at_ns; /* ended: TRACE_NONE_U64 is null */
    uint32_t id;
    const char *name, *kind, *detail;    /* copied */
};
struct trace_fault_peer {
    uint32_t fault, peer;
};
struct trace_sample {
    uint64_t at_ns;
    double value;
    uint32_t peer;   /* TRACE_NONE_U32: of the whole run */
    uint8_t metric;  /* index in trace_names.metrics, written as text */
};

/* A datagram as it reached an overlay: for captures (traces/pcap.h), which know no other records. */
struct trace_packet {
    uint64_t at_ns;       /* since 1970 */
    const uint8_t *bytes; /* copied */
    uint32_t length;      /* at most TRACE_PACKET_LENGTH_MAX */
    uint16_t id;          /* of the IPv4 header */
    uint8_t source[6], target[6]; /* IPv4 address and port, as on the wire */
};
#define TRACE_PACKET_LENGTH_MAX (65535u - 28u) /* behind 20 octets of IPv4 and 8 of UDP */

/* The names behind numbers; arrays of count pointers, index = id. Copied. */
struct trace_name_list {
    const char *const *names;
    uint32_t count;
};
struct trace_names {
    struct trace_name_list message_kinds, event_kinds, fates, neighbour_tables, metrics;
};

/* A peer's fixed row, asked for by the writer. */
struct trace_peer {
    const char *name, *group_name, *region, *address; /* region may be NULL; name and address need to live for the call only */
};

struct trace_input {
    const char *name;
    const char *content;
    size_t length;
};

struct trace_options {
    const char *path;            /* NULL: the null sink */
    struct trace_names names;
    const struct trace_input *inputs;
    uint32_t input_count;
    uint32_t peer_count;
    /* Called in the writer's thread, for each peer in turn, some time between trace_open and the end of trace_finish. */
    void (*peer)(void *context, uint32_t peer, struct trace_peer *row);
    void *peer_context;
    bool index;                  /* build indexes when it finishes */
    bool may_leave_out;          /* real time: a full ring drops rather than waits */
    /* Told by trace_finish: of peers that are still to be written ("writing peers": false leaves out the rest, and the trace
     * is interrupted whatever its status was to be), and while the finished trace is indexed ("indexing": false leaves out
     * what is not indexed yet). May be NULL. */
    bool (*progress)(void *context, const char *what, uint32_t per_mille);
    void *progress_context;
};

struct trace; /* opaque; NULL records nothing */

/* Replaces an existing file only if it is a trace (checked by its application_id / schema), refuses other files. 0, or
 * negative with a diagnostic: -EEXIST it is something else, -ENOSPC/-EROFS/-EACCES/... the machine is at fault. */
int trace_open(struct trace **trace, const struct trace_options *options, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));

/* Where the next record of a table goes: in its open batch. A trace begins with those of its two busiest tables, so that
 * a row costs its stores and a comparison; the rest is trace.c's. */
struct trace_room {
    uint8_t *next, *end; /* equal: the batch is full, or there is none */
};
enum { TRACE_ROOM_MESSAGE, TRACE_ROOM_EVENT };
/* Makes room for one record more; NULL: it is left out. */
uint8_t *trace_make_room(struct trace *trace, unsigned table);

static inline void *trace_next(struct trace *trace, unsigned table, size_t record_bytes)
{
    struct trace_room *room = (struct trace_room *) (void *) trace + table;
    if (!trace)
        return NULL;
    uint8_t *next = room->next;
    if (__builtin_expect(next == room->end, 0) && !(next = trace_make_room(trace, table)))
        return NULL;
    room->next = next + record_bytes;
    return next;
}

/* Field by field: a record that an inlining caller builds stands in registers until it is in the batch. */
static inline void trace_message(struct trace *trace, const struct trace_message *record)
{
    struct trace_message *next = trace_next(trace, TRACE_ROOM_MESSAGE, sizeof *record);
    if (__builtin_expect(!next, 0))
        return;
#if defined STREAM_STORES
    stream_64(&next->sent_at_ns, record->sent_at_ns);
    stream_64(&next->delay_ns, record->delay_ns);
    stream_64(&next->queue_ns, record->queue_ns);
    stream_32(&next->source, record->source, record->cause_seq);
    stream_32(&next->target, record->target, record->target_seq);
    stream_32(&next->bytes, record->bytes, record->kind | (uint32_t) record->fate << 8);
#else
    *next = *record;
#endif
}

static inline void trace_event(struct trace *trace, const struct trace_event *record)
{
    struct trace_event *next = trace_next(trace, TRACE_ROOM_EVENT, sizeof *record);
    if (__builtin_expect(!next, 0))
        return;
#if defined STREAM_STORES
    stream_64(&next->at_ns, record->at_ns);
    stream_64(&next->detail, record->detail);
    stream_32(&next->peer, record->peer, record->seq);
    stream_32(&next->other, record->other, record->cause_seq);
    stream_64(&next->kind, record->kind);
#else
    *next = *record;
#endif
}

void trace_session(struct trace *trace, const struct trace_session *record);
void trace_lookup(struct trace *trace, const struct trace_lookup *record);
void trace_broadcast(struct trace *trace, const struct trace_broadcast *record);
void trace_delivery(struct trace *trace, const struct trace_delivery *record);
void trace_duplicates(struct trace *trace, const struct trace_duplicates *record);
void trace_neighbour(struct trace *trace, const struct trace_neighbour *record);
void trace_fault(struct trace *trace, const struct trace_fault *record);
void trace_fault_peer(struct trace *trace, const struct trace_fault_peer *record);
void trace_sample(struct trace *trace, const struct trace_sample *record);
void trace_packet(struct trace *trace, const struct trace_packet *record);
void trace_violation(struct trace *trace, uint64_t at_ns, uint32_t peer, const char *check_name, const char *detail);
void trace_log(struct trace *trace, uint64_t at_ns, uint32_t peer, unsigned level, const char *text);
/* Into `run`; at any time; the last value of a key counts. Copied. `record` and `sample` (what is recorded, as the scenario
 * says it) are read by trace_compare. */
void trace_run_value(struct trace *trace, const char *key, const char *value);

/* Hands the open batches over if the writer has asked for them (four times a second): to be called several times a
 * second, so that what was recorded last is not kept back. A relaxed load otherwise. */
void trace_flush(struct trace *trace);

/* 0, or -errno of the first write that failed (a full disk: -ENOSPC): the caller stops the run in good order. Cheap
 * (an atomic load), to be asked once a turn. */
int trace_error(const struct trace *trace);

struct trace_totals {
    uint64_t rows;      /* in all tables */
    uint64_t bytes;     /* of the file */
    uint64_t left_out;  /* records not written */
};
/* Writes what is pending, sets run.status to status, then builds indexes: the trace is whole before they are begun.
 * Leaves one plain file (no -wal beside it). 0 or -errno (diagnosed); totals may be NULL. Frees the trace in any case. */
int trace_finish(struct trace *trace, const char *status, struct trace_totals *totals,
                 struct base_diagnostics *diagnostics);
/* What has been written so far; for progress. */
void trace_totals(const struct trace *trace, struct trace_totals *totals);

#endif
