#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "reactor/demultiplexers/uring_internal.h"

static uint32_t readiness_of(int32_t events)
{
    uint32_t readiness = 0;
    if (events < 0)
        return REACTOR_FAILED;
    if (events & POLLIN)
        readiness |= REACTOR_READABLE;
    if (events & POLLOUT)
        readiness |= REACTOR_WRITABLE;
    if (events & POLLHUP)
        readiness |= REACTOR_HANGUP;
    if (events & (POLLERR | POLLNVAL))
        readiness |= REACTOR_FAILED;
    return readiness;
}

/* The poll was for once: it is asked again with the next wait, level-triggered. */
static bool report_poll(struct uring_state *uring, struct uring_record *record, const struct io_uring_cqe *completion,
                        struct reactor_ready *ready)
{
    record->flags &= (uint16_t) ~URING_POLLING;
    uring_record_list(uring, record);
    ready->readiness = readiness_of(completion->res);
    return record->interest || !(record->flags & URING_COMPLETES);
}

/* Without IORING_CQE_F_MORE the kernel has ended it, which it may do at any time: begun again while it is wanted. */
static void note_end(struct uring_state *uring, struct uring_record *record, const struct io_uring_cqe *completion,
                     unsigned busy)
{
    if (completion->flags & IORING_CQE_F_MORE)
        return;
    record->flags &= (uint16_t) ~busy;
    uring_record_list(uring, record);
}

static bool report_receive(struct uring_state *uring, struct uring_record *record,
                           const struct io_uring_cqe *completion, struct reactor_ready *ready)
{
    note_end(uring, record, completion, URING_RECEIVING);
    if (completion->res == -ECANCELED) /* paused, and perhaps wanted again by now */
        return false;
    if (completion->res == -ENOBUFS) {
        uring->statistics.exhausted++;
        uring_record_starve(uring, record);
        return false;
    }
    *ready = (struct reactor_ready){.readiness = REACTOR_RECEIVED, .result = completion->res};
    if (completion->res <= 0) {
        record->flags &= (uint16_t) ~URING_RECEIVES;
        return true;
    }
    ready->buffer = completion->flags >> IORING_CQE_BUFFER_SHIFT;
    ready->bytes = uring->buffer_bytes + (size_t) ready->buffer * URING_BUFFER_BYTES;
    return true;
}

static bool report_accept(struct uring_state *uring, struct uring_record *record,
                          const struct io_uring_cqe *completion, struct reactor_ready *ready)
{
    note_end(uring, record, completion, URING_ACCEPTING);
    if (completion->res == -ECANCELED)
        return false;
    if (completion->res < 0)
        record->flags &= (uint16_t) ~URING_ACCEPTS;
    *ready = (struct reactor_ready){.readiness = REACTOR_ACCEPTED, .result = completion->res};
    return true;
}

/* Of what was left of a copy: told when all of it is out. False: not yet. */
static bool report_delayed(struct uring_state *uring, struct uring_record *record, struct reactor_ready *ready)
{
    struct uring_delayed *delayed = record->delayed;
    if (ready->result > 0)
        delayed->begin += (uint32_t) ready->result;
    uring_record_list(uring, record); /* the rest, or what was to be sent behind it */
    if (ready->result >= 0 && delayed->begin < delayed->end)
        return false;
    ready->result = ready->result < 0 ? ready->result : (int32_t) delayed->end;
    free(delayed);
    record->delayed = NULL;
    return true;
}

static bool report_send(struct uring_state *uring, struct uring_record *record, const struct io_uring_cqe *completion,
                        struct reactor_ready *ready)
{
    record->flags &= (uint16_t) ~URING_SENDING;
    *ready = (struct reactor_ready){.readiness = REACTOR_SENT, .result = completion->res};
    return !record->delayed || report_delayed(uring, record, ready);
}

static bool report_current(struct uring_state *uring, enum uring_what what, struct uring_record *record,
                           const struct io_uring_cqe *completion, struct reactor_ready *ready)
{
    switch (what) {
    case URING_POLL:
        return report_poll(uring, record, completion, ready);
    case URING_RECEIVE:
        return report_receive(uring, record, completion, ready);
    case URING_ACCEPT:
        return report_accept(uring, record, completion, ready);
    case URING_SEND:
        return report_send(uring, record, completion, ready);
    case URING_COPY:
        uring_copy_failed(uring, record, completion->res, ready);
        return true;
    default:
        return false;
    }
}

bool uring_report(struct uring_state *uring, const struct io_uring_cqe *completion, struct reactor_ready *ready)
{
    uint64_t user_data = completion->user_data;
    enum uring_what what = (uint32_t) user_data >> URING_DESCRIPTOR_BITS;
    if (what >= URING_WHATS)
        return false;
    struct uring_record *record = &uring->records[user_data & (URING_DESCRIPTORS_MAX - 1)];
    bool concerns = record->generation[what] == user_data >> 32 &&
                    report_current(uring, what, record, completion, ready);
    if (completion->flags & IORING_CQE_F_BUFFER) {
        uring->buffers_out++;
        if (!concerns || !ready->bytes)
            uring_buffer_give(uring, completion->flags >> IORING_CQE_BUFFER_SHIFT);
    } else if (!concerns && what == URING_ACCEPT && completion->res >= 0) {
        close(completion->res);
    }
    ready->token = record->token;
    return concerns;
}
