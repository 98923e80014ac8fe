/* What the io_uring backend is made of, shared by its files (internal).
 *
 * A record for each descriptor holds what is wanted and what the kernel is doing for it. Calls only change what is
 * wanted and list the record; `uring_submit_wanted` turns the listed records into submissions right before they go to
 * the kernel. So a submission never waits in the queue while its descriptor's number is closed and used again.
 * Cancellations name what they cancel by its user data, not by descriptor, and are queued at once: before whatever is
 * wanted next. */
#ifndef REACTOR_DEMULTIPLEXERS_URING_INTERNAL_H
#define REACTOR_DEMULTIPLEXERS_URING_INTERNAL_H

#include <liburing.h>

#include "reactor/demultiplexers/demultiplexers.h"

/* User data: generation (32 bits), what (4), descriptor (28). A record's generations grow with each cancellation, which
 * makes what is still reported of the cancelled one stale. */
enum uring_what {
    URING_POLL, URING_RECEIVE, URING_ACCEPT, URING_SEND,
    URING_COPY, /* only when it fails */
    URING_WHATS, URING_SILENT = URING_WHATS
};
#define URING_DESCRIPTOR_BITS 28
#define URING_DESCRIPTORS_MAX (1 << URING_DESCRIPTOR_BITS)

enum uring_flags {
    /* What the kernel does now: shifted by enum uring_what (but URING_COPY: see uring_is_copying). */
    URING_POLLING = 1 << URING_POLL,
    URING_RECEIVING = 1 << URING_RECEIVE,
    URING_ACCEPTING = 1 << URING_ACCEPT,
    URING_SENDING = 1 << URING_SEND,
    URING_TAKING = URING_RECEIVING | URING_ACCEPTING,
    /* What is wanted. */
    URING_ADDED = 32,      /* watched: interest holds */
    URING_RECEIVES = 64,   /* until it is paused or over */
    URING_ACCEPTS = 128,   /* likewise; never with the former */
    URING_SENDS = 256,     /* until it is submitted */
    URING_COMPLETES = 512, /* was asked for completions: not polled without interest */
    /* Where it is listed. */
    URING_LISTED = 1024,  /* what to submit */
    URING_STARVED = 2048, /* receives that found no buffer */
    URING_CLOSES = 4096,  /* wanted: nothing else is */
};

struct uring_record {
    uint64_t token;
    const void *bytes; /* to send */
    uint32_t length;
    uint32_t generation[URING_WHATS];
    uint32_t copy_length;
    uint64_t copy_end; /* of the last one sent by copy, see uring_copies.c */
    struct uring_delayed *delayed; /* what was left of it, to be sent before anything else; NULL: nothing */
    int32_t next_listed, next_starved; /* descriptors; -1: the last */
    uint16_t flags;                    /* enum uring_flags */
    uint16_t interest;
};

struct uring_delayed {
    uint32_t begin, end;
    uint8_t bytes[];
};

/* Bytes sent by copy, in a ring, until it is known what became of them. Positions count all that was ever copied. */
struct uring_copies {
    uint8_t *bytes;
    uint64_t begin;     /* what lies before is known: taken, or reported */
    uint64_t end;
    uint64_t submitted; /* what lies before is known when the completions before `reports_end` are reported */
    uint32_t reports_end;
};

struct uring_list {
    int32_t first, last; /* descriptors; -1: empty */
};

struct uring_state {
    struct io_uring ring;
    bool enabled; /* since the first wait: the ring then is that thread's */
    struct uring_record *records; /* by descriptor */
    int32_t record_count;
    struct uring_list listed, starved;
    struct uring_list held; /* listed, but their sends wait until a copy before them is known to be taken */
    struct uring_copies copies;
    bool copies_at_once; /* the kernel works only while we are in it */
    struct io_uring_buf_ring *buffers; /* NULL until the first receive */
    uint8_t *buffer_bytes;             /* URING_BUFFERS of URING_BUFFER_BYTES */
    void *buffers_reserved;            /* what they lie in */
    uint32_t buffers_out;              /* reported and not yet given back */
    uint32_t buffers_given;            /* back, and not yet shown to the kernel */
    struct reactor_completion_statistics statistics;
};

#define URING_BUFFERS 1024u /* a power of two; more receives than this in a turn wait for the next */
#define URING_BUFFER_BYTES 4032u /* not 4,096: the first lines of all would share a few places of each cache */

/* The record of a descriptor that has or may have one; NULL: it never had. */
static inline struct uring_record *uring_record_of(const struct uring_state *uring, int descriptor)
{
    return descriptor >= 0 && descriptor < uring->record_count ? &uring->records[descriptor] : NULL;
}

static inline int uring_descriptor_of(const struct uring_state *uring, const struct uring_record *record)
{
    return (int) (record - uring->records);
}

/* uring_records.c: what is wanted of each descriptor, into the submission queue. */
int uring_record_need(struct uring_state *uring, int descriptor, struct uring_record **record);
void uring_record_list(struct uring_state *uring, struct uring_record *record);
void uring_records_release(struct uring_state *uring); /* those held are listed */
void uring_record_starve(struct uring_state *uring, struct uring_record *record);
/* If the kernel does that. stale: what is still reported of it is dropped, and another may begin. */
void uring_record_cancel(struct uring_state *uring, struct uring_record *record, enum uring_what what, bool stale);
void uring_submit_wanted(struct uring_state *uring);
/* NULL: the queue is full and the kernel takes nothing now. */
struct io_uring_sqe *uring_take_submission(struct uring_state *uring);
uint64_t uring_user_data(uint32_t generation, unsigned what, int descriptor);
/* Submits what is queued without waiting; 0 or -errno. */
int uring_submit(struct uring_state *uring);

/* uring_buffers.c: the ring of buffers that the kernel receives into. */
int uring_buffers_need(struct uring_state *uring);
void uring_buffers_done(struct uring_state *uring);
/* A buffer that was reported (or would have been): the kernel may have it again with the next wait. */
void uring_buffer_give(struct uring_state *uring, uint32_t buffer);
void uring_buffers_publish(struct uring_state *uring);

/* uring_copies.c: what is sent by copy, without a report. */
int uring_send_copy(void *state, int descriptor, uint64_t token, const void *bytes, uint32_t length);
bool uring_all_sent(void *state, int descriptor);
/* What is sent by copy and what is left of such is forgotten; keep: what is queued yet goes to the kernel. */
void uring_copies_stop(struct uring_state *uring, struct uring_record *record, bool keep);
void uring_copies_submitted(struct uring_state *uring);   /* before reports are taken */
void uring_copies_collected(struct uring_state *uring); /* after reports were taken */
/* It has failed, or come short: begins what can be done about it. Fills ready but for its token. */
void uring_copy_failed(struct uring_state *uring, struct uring_record *record, int32_t result,
                       struct reactor_ready *ready);
void uring_copies_done(struct uring_state *uring);
static inline bool uring_is_copying(const struct uring_state *uring, const struct uring_record *record)
{
    return record->copy_end > uring->copies.begin;
}

/* uring_report.c: what the kernel tells. Fills ready when that concerns the caller: whether it did. */
bool uring_report(struct uring_state *uring, const struct io_uring_cqe *completion, struct reactor_ready *ready);

/* uring_completions.c */
void uring_stop(void *state, int descriptor);
extern const struct reactor_completion_ops uring_completions;

#endif
