#include "traces/trace.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "traces/handover.h"
#include "traces/sinks/sink.h"

/* Open batches are asked for this often, and what was written is committed as often: a record is in the file after two
 * periods at most, well within the second that may be lost. */
#define FLUSH_PERIOD_NS 250000000
#define PROGRESS_PERIOD_NS 100000000
/* A commit writes its pages in one go; this much keeps them in SQLite's page cache until then. */
#define COMMIT_BYTES (4u * 1024 * 1024)
/* Longer texts are cut: a text must fit a batch. */
#define TEXT_BYTES_MAX (16u * 1024)

struct trace {
    struct trace_room rooms[TRACE_TABLE_COUNT]; /* first: trace.h writes there. In the batches of `open` */
    struct trace_batch *open[TRACE_TABLE_COUNT]; /* the appending thread's, like may_leave_out */
    bool may_leave_out;
    struct trace_handover handover;
    const struct trace_sink_ops *ops;
    struct trace_sink *sink; /* the writer's, once it runs */
    pthread_t writer;
    uint32_t peer_count;
    atomic_uint peers_written; /* by the writer, before any batch */
    atomic_bool peers_unwanted;
    bool (*progress)(void *context, const char *what, uint32_t per_mille);
    void *progress_context;
    atomic_int error;
    atomic_uint_least64_t rows, left_out;
};

uint32_t trace_record_bytes(enum trace_table table)
{
    static const uint32_t bytes[] = {
        [TRACE_TABLE_MESSAGE] = sizeof(struct trace_message),
        [TRACE_TABLE_EVENT] = sizeof(struct trace_event),
        [TRACE_TABLE_SESSION] = sizeof(struct trace_session),
        [TRACE_TABLE_LOOKUP] = sizeof(struct trace_lookup),
        [TRACE_TABLE_BROADCAST] = sizeof(struct trace_broadcast),
        [TRACE_TABLE_DELIVERY] = sizeof(struct trace_delivery),
        [TRACE_TABLE_DUPLICATES] = sizeof(struct trace_duplicates),
        [TRACE_TABLE_NEIGHBOUR] = sizeof(struct trace_neighbour),
        [TRACE_TABLE_FAULT] = sizeof(struct trace_fault),
        [TRACE_TABLE_FAULT_PEER] = sizeof(struct trace_fault_peer),
        [TRACE_TABLE_SAMPLE] = sizeof(struct trace_sample),
        [TRACE_TABLE_VIOLATION] = sizeof(struct trace_violation_record),
        [TRACE_TABLE_LOG] = sizeof(struct trace_log_record),
        [TRACE_TABLE_RUN] = sizeof(struct trace_run_record),
        [TRACE_TABLE_PACKET] = sizeof(struct trace_packet),
    };
    _Static_assert(sizeof bytes / sizeof *bytes == TRACE_TABLE_COUNT, "each table has a record");
    return bytes[table];
}

/* ---- the writer's thread ---- */

static struct timespec period_later(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += FLUSH_PERIOD_NS;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

static bool has_passed(const struct timespec *deadline)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > deadline->tv_sec || (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

static void note_error(struct trace *trace, int error)
{
    int none = 0;
    if (error < 0)
        atomic_compare_exchange_strong(&trace->error, &none, error);
}

static void free_run_values(const struct trace_batch *batch)
{
    const struct trace_run_record *records = (const void *) batch->bytes;
    for (uint32_t i = 0; i < batch->count; i++)
        free((char *) (uintptr_t) records[i].key);
}

/* After an error batches are still taken, so that nobody waits for room; what is in them is counted as left out. */
static uint32_t write_batch(struct trace *trace, struct trace_batch *batch)
{
    uint32_t bytes = batch->count * batch->record_bytes;
    if (!atomic_load_explicit(&trace->error, memory_order_relaxed))
        note_error(trace, trace->ops->write(trace->sink, batch));
    bool good = !atomic_load_explicit(&trace->error, memory_order_relaxed);
    atomic_fetch_add_explicit(good ? &trace->rows : &trace->left_out, batch->count, memory_order_relaxed);
    if (batch->table == TRACE_TABLE_RUN)
        free_run_values(batch);
    trace_handover_recycle(&trace->handover, batch);
    return bytes;
}

static void commit(struct trace *trace)
{
    if (!atomic_load_explicit(&trace->error, memory_order_relaxed))
        note_error(trace, trace->ops->commit(trace->sink));
}

/* A microsecond a peer, which the run does not wait for: its rows wait in their batches meanwhile. */
static void write_peers(struct trace *trace)
{
    uint32_t written = 0;
    int error = 0;
    while (written < trace->peer_count && !error &&
           !atomic_load_explicit(&trace->peers_unwanted, memory_order_relaxed)) {
        error = trace->ops->write_peers(trace->sink, &written);
        atomic_store_explicit(&trace->peers_written, written, memory_order_relaxed);
    }
    note_error(trace, error);
}

static void *writer_main(void *argument)
{
    struct trace *trace = argument;
    pthread_setname_np(pthread_self(), "trace writer");
    write_peers(trace);
    struct timespec deadline = period_later();
    uint32_t uncommitted_bytes = 0;
    do {
        struct trace_batch *batch = trace_handover_next(&trace->handover, &deadline);
        if (batch)
            uncommitted_bytes += write_batch(trace, batch);
        bool due = has_passed(&deadline);
        if (uncommitted_bytes >= COMMIT_BYTES || (due && uncommitted_bytes)) {
            commit(trace);
            uncommitted_bytes = 0;
        }
        if (due) {
            atomic_store_explicit(&trace->handover.wanted, true, memory_order_relaxed);
            deadline = period_later();
        }
    } while (!trace_handover_ended(&trace->handover));
    commit(trace);
    return NULL;
}

/* Signals are the simulating thread's business: the writer has them all blocked. */
static int start_writer(struct trace *trace)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&trace->writer, NULL, writer_main, trace);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

/* Until the writer has ended. Peers that it is still at then are told of, and no longer wanted when progress says so. */
static void join_writer(struct trace *trace)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    do {
        at.tv_nsec += PROGRESS_PERIOD_NS;
        at.tv_sec += at.tv_nsec / 1000000000;
        at.tv_nsec %= 1000000000;
        uint32_t written = atomic_load_explicit(&trace->peers_written, memory_order_relaxed);
        if (written < trace->peer_count && trace->progress && !trace->peers_unwanted &&
            !trace->progress(trace->progress_context, "writing peers",
                             (uint32_t) ((uint64_t) written * 1000 / trace->peer_count)))
            atomic_store_explicit(&trace->peers_unwanted, true, memory_order_relaxed);
    } while (pthread_timedjoin_np(trace->writer, NULL, &at) == ETIMEDOUT);
}

/* ---- the simulating thread: appending ---- */

_Static_assert(offsetof(struct trace, rooms) == 0, "as trace.h has it");
_Static_assert(TRACE_ROOM_MESSAGE == (int) TRACE_TABLE_MESSAGE && TRACE_ROOM_EVENT == (int) TRACE_TABLE_EVENT,
               "as trace.h has them");

static void hand_over(struct trace *trace, unsigned table)
{
    struct trace_batch *batch = trace->open[table];
    const struct trace_room *room = &trace->rooms[table];
    batch->count = (uint32_t) (room->next - batch->bytes) / batch->record_bytes;
    batch->bytes_end = (uint32_t) (room->end - batch->bytes);
    stream_end();
    trace_handover_give(&trace->handover, batch);
    trace->open[table] = NULL;
    trace->rooms[table] = (struct trace_room) {0};
}

static void hand_over_all(struct trace *trace)
{
    atomic_store_explicit(&trace->handover.wanted, false, memory_order_relaxed);
    for (unsigned table = 0; table < TRACE_TABLE_COUNT; table++)
        if (trace->open[table])
            hand_over(trace, table);
}

uint8_t *trace_make_room(struct trace *trace, unsigned table)
{
    if (trace->open[table])
        hand_over(trace, table);
    trace_flush(trace);
    /* What the run is called and how it ended is never left out. */
    bool may_wait = !trace->may_leave_out || table == TRACE_TABLE_RUN;
    struct trace_batch *batch = trace_handover_take(&trace->handover, (enum trace_table) table, may_wait);
    trace->open[table] = batch;
    if (batch)
        trace->rooms[table] = (struct trace_room) {batch->bytes, batch->bytes + batch->bytes_end};
    else
        atomic_fetch_add_explicit(&trace->left_out, 1, memory_order_relaxed);
    return batch ? batch->bytes : NULL;
}

/* The room of a table, with place for a record and text_bytes more; NULL: it is left out. */
static struct trace_room *room_for(struct trace *trace, enum trace_table table, size_t record_bytes, size_t text_bytes)
{
    struct trace_room *room = &trace->rooms[table];
    bool full = room->next == room->end || (size_t) (room->end - room->next) < record_bytes + text_bytes;
    return full && !trace_make_room(trace, table) ? NULL : room;
}

static void put_record(struct trace_room *room, const void *record, size_t record_bytes)
{
    memcpy(room->next, record, record_bytes);
    room->next += record_bytes;
}

#define DEFINE_APPEND(NAME, TABLE) \
    void trace_##NAME(struct trace *trace, const struct trace_##NAME *record) \
    { \
        struct trace_##NAME *next = trace_next(trace, TRACE_TABLE_##TABLE, sizeof *record); \
        if (next) \
            *next = *record; \
    }
DEFINE_APPEND(session, SESSION)
DEFINE_APPEND(lookup, LOOKUP)
DEFINE_APPEND(broadcast, BROADCAST)
DEFINE_APPEND(delivery, DELIVERY)
DEFINE_APPEND(duplicates, DUPLICATES)
DEFINE_APPEND(neighbour, NEIGHBOUR)
DEFINE_APPEND(fault_peer, FAULT_PEER)
DEFINE_APPEND(sample, SAMPLE)

static uint32_t text_length(const char *text)
{
    size_t length = text ? strlen(text) : 0;
    return length < TEXT_BYTES_MAX ? (uint32_t) length : TEXT_BYTES_MAX;
}

/* A copy at the end of the room, which is large enough; NULL stays NULL. */
static const char *put_text(struct trace_room *room, const char *text)
{
    if (!text)
        return NULL;
    uint32_t length = text_length(text);
    room->end -= length + 1;
    char *copy = (char *) room->end;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void trace_fault(struct trace *trace, const struct trace_fault *record)
{
    if (!trace)
        return;
    uint32_t text_bytes = text_length(record->name) + text_length(record->kind) + text_length(record->detail) + 3;
    struct trace_room *room = room_for(trace, TRACE_TABLE_FAULT, sizeof *record, text_bytes);
    if (!room)
        return;
    struct trace_fault copy = *record;
    copy.name = put_text(room, record->name);
    copy.kind = put_text(room, record->kind);
    copy.detail = put_text(room, record->detail);
    put_record(room, &copy, sizeof copy);
}

void trace_violation(struct trace *trace, uint64_t at_ns, uint32_t peer, const char *check_name, const char *detail)
{
    if (!trace)
        return;
    struct trace_violation_record record = {.at_ns = at_ns, .peer = peer};
    uint32_t text_bytes = text_length(check_name) + text_length(detail) + 2;
    struct trace_room *room = room_for(trace, TRACE_TABLE_VIOLATION, sizeof record, text_bytes);
    if (!room)
        return;
    record.check_name = put_text(room, check_name);
    record.detail = put_text(room, detail);
    put_record(room, &record, sizeof record);
}

void trace_log(struct trace *trace, uint64_t at_ns, uint32_t peer, unsigned level, const char *text)
{
    if (!trace)
        return;
    struct trace_log_record record = {.at_ns = at_ns, .peer = peer, .level = level};
    struct trace_room *room = room_for(trace, TRACE_TABLE_LOG, sizeof record, text_length(text) + 1);
    if (!room)
        return;
    record.text = put_text(room, text);
    put_record(room, &record, sizeof record);
}

void trace_packet(struct trace *trace, const struct trace_packet *record)
{
    if (!trace)
        return;
    base_assert(record->length <= TRACE_PACKET_LENGTH_MAX);
    struct trace_room *room = room_for(trace, TRACE_TABLE_PACKET, sizeof *record, record->length);
    if (!room)
        return;
    struct trace_packet copy = *record;
    room->end -= record->length;
    copy.bytes = memcpy(room->end, record->bytes, record->length);
    put_record(room, &copy, sizeof copy);
}

/* Rare and of any length, so it is a block of its own rather than a text in the batch. */
void trace_run_value(struct trace *trace, const char *key, const char *value)
{
    if (!trace)
        return;
    size_t key_bytes = strlen(key) + 1, value_bytes = strlen(value) + 1;
    char *block = malloc(key_bytes + value_bytes);
    struct trace_run_record record = {.key = block, .value = block ? block + key_bytes : NULL};
    struct trace_room *room = block ? room_for(trace, TRACE_TABLE_RUN, sizeof record, 0) : NULL;
    if (!room) {
        note_error(trace, -ENOMEM);
        free(block);
        return;
    }
    memcpy(block, key, key_bytes);
    memcpy(block + key_bytes, value, value_bytes);
    put_record(room, &record, sizeof record);
}

void trace_flush(struct trace *trace)
{
    if (trace && atomic_load_explicit(&trace->handover.wanted, memory_order_relaxed))
        hand_over_all(trace);
}

/* ---- its life ---- */

static void free_trace(struct trace *trace)
{
    trace_handover_done(&trace->handover);
    free(trace);
}

int trace_open_sink(struct trace **out, const struct trace_sink_ops *ops, struct trace_sink *sink,
                    const struct trace_options *options, struct base_diagnostics *diagnostics)
{
    struct base_place nowhere = {0};
    struct trace *trace = calloc(1, sizeof *trace);
    int error = trace ? trace_handover_init(&trace->handover) : -ENOMEM;
    if (error) {
        free(trace);
        base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "no memory for the trace");
        return error;
    }
    trace->ops = ops;
    trace->sink = sink;
    trace->may_leave_out = options->may_leave_out;
    trace->peer_count = ops->write_peers ? options->peer_count : 0;
    trace->progress = options->progress;
    trace->progress_context = options->progress_context;
    error = ops->open(&trace->sink, options, diagnostics);
    if (error) {
        free_trace(trace);
        return error;
    }
    error = start_writer(trace);
    if (error) {
        uint64_t bytes;
        base_diagnose(diagnostics, BASE_ERROR, nowhere, NULL, "no thread for the trace: %s", strerror(-error));
        ops->finish(trace->sink, "interrupted", error, &bytes, diagnostics);
        free_trace(trace);
        return error;
    }
    *out = trace;
    return 0;
}

int trace_open(struct trace **trace, const struct trace_options *options, struct base_diagnostics *diagnostics)
{
    return trace_open_sink(trace, options->path ? &trace_sink_sqlite : &trace_sink_null, NULL, options, diagnostics);
}

int trace_error(const struct trace *trace)
{
    return trace ? atomic_load_explicit(&trace->error, memory_order_relaxed) : 0;
}

void trace_totals(const struct trace *trace, struct trace_totals *totals)
{
    *totals = (struct trace_totals) {0};
    if (!trace)
        return;
    totals->rows = atomic_load_explicit(&trace->rows, memory_order_relaxed);
    totals->left_out = atomic_load_explicit(&trace->left_out, memory_order_relaxed);
    totals->bytes = trace->ops->bytes(trace->sink);
}

int trace_finish(struct trace *trace, const char *status, struct trace_totals *totals,
                 struct base_diagnostics *diagnostics)
{
    if (!trace) {
        if (totals)
            *totals = (struct trace_totals) {0};
        return 0;
    }
    hand_over_all(trace);
    trace_handover_close(&trace->handover);
    join_writer(trace);
    if (!trace_error(trace) && trace->peers_written < trace->peer_count)
        status = "interrupted";
    struct trace_totals ending = {.rows = trace->rows, .left_out = trace->left_out};
    int error = trace->ops->finish(trace->sink, status, trace_error(trace), &ending.bytes, diagnostics);
    if (totals)
        *totals = ending;
    free_trace(trace);
    return error;
}
