/* Sends by copy. As a rule the kernel takes a short message at once and all of it, and then says nothing: no completion
 * is made, looked at and answered for. So what became of a copy is known from there being no report of it, when all that
 * was reported up to the return of the call that submitted it has been looked at. Until then its bytes stay in a ring.
 * What the kernel did not take is put aside and sent on in the ordinary way, waiting for room. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "reactor/demultiplexers/uring_internal.h"

#define RING_BYTES 65536u      /* a power of two */
#define COPY_BYTES_MAX 4096u   /* longer ones: copying costs as much as a report */
#define LINE_BYTES 64u

/* A call of the library's: knowing the bound, the compiler would copy by `rep movs`, which is slow to begin. */
static void copy_bytes(uint8_t *place, const void *bytes, size_t length)
{
    __asm__("" : "+r"(length));
    memcpy(place, bytes, length);
}

/* Where so many bytes may lie, in one piece; NULL: nowhere now. */
static uint8_t *find_place(struct uring_copies *copies, uint32_t length)
{
    uint64_t end = copies->end;
    if ((end & (RING_BYTES - 1)) + length > RING_BYTES)
        end += RING_BYTES - (end & (RING_BYTES - 1));
    if (end + length - copies->begin > RING_BYTES)
        return NULL;
    copies->end = end + ((length + LINE_BYTES - 1) & ~(uint64_t) (LINE_BYTES - 1));
    return copies->bytes + (end & (RING_BYTES - 1));
}

static const uint8_t *bytes_of(const struct uring_copies *copies, const struct uring_record *record)
{
    uint64_t begin = record->copy_end - ((record->copy_length + LINE_BYTES - 1) & ~(uint64_t) (LINE_BYTES - 1));
    return copies->bytes + (begin & (RING_BYTES - 1));
}

/* What a failed call leaves in the queue, and what the kernel keeps aside for want of room, is not known yet. */
static bool is_all_reported(const struct uring_state *uring)
{
    return io_uring_sq_ready(&uring->ring) == 0 && !io_uring_cq_has_overflow(&uring->ring);
}

void uring_copies_submitted(struct uring_state *uring)
{
    struct uring_copies *copies = &uring->copies;
    if (copies->submitted == copies->end || !is_all_reported(uring))
        return;
    copies->submitted = copies->end;
    copies->reports_end = io_uring_smp_load_acquire(uring->ring.cq.ktail);
}

void uring_copies_collected(struct uring_state *uring)
{
    struct uring_copies *copies = &uring->copies;
    if (copies->begin == copies->submitted || (int32_t) (*uring->ring.cq.khead - copies->reports_end) < 0)
        return;
    copies->begin = copies->submitted;
    if (uring->held.first >= 0)
        uring_records_release(uring);
    if (copies->begin == copies->end) /* from the start again: it is in the cache */
        copies->begin = copies->end = copies->submitted = (copies->end + RING_BYTES - 1) & ~(uint64_t) (RING_BYTES - 1);
}

/* Whether what is not known of a descriptor's last copy is that it was taken: asks the kernel where that may help. */
static bool is_taken(struct uring_state *uring, const struct uring_record *record)
{
    if (!uring_is_copying(uring, record))
        return true;
    if (record->copy_end > uring->copies.submitted && io_uring_sq_ready(&uring->ring) && uring->enabled)
        (void) uring_submit(uring);
    if (!is_all_reported(uring))
        return false;
    uint64_t failed = uring_user_data(record->generation[URING_COPY], URING_COPY, uring_descriptor_of(uring, record));
    unsigned head;
    struct io_uring_cqe *completion;
    io_uring_for_each_cqe(&uring->ring, head, completion)
        if (completion->user_data == failed)
            return false;
    return true;
}

static bool is_sending(const struct uring_record *record)
{
    return record->flags & (URING_SENDS | URING_SENDING) || record->delayed;
}

bool uring_all_sent(void *state, int descriptor)
{
    const struct uring_record *record = uring_record_of(state, descriptor);
    return !record || (!is_sending(record) && is_taken(state, record));
}

int uring_send_copy(void *state, int descriptor, uint64_t token, const void *bytes, uint32_t length)
{
    struct uring_state *uring = state;
    struct uring_record *record;
    if (length == 0 || length > COPY_BYTES_MAX || !uring->copies_at_once)
        return -ENOBUFS;
    int result = uring_record_need(uring, descriptor, &record);
    if (result < 0)
        return result;
    if (is_sending(record) || (uring_is_copying(uring, record) && !is_taken(uring, record)))
        return -EBUSY;
    if (!uring->copies.bytes && !(uring->copies.bytes = malloc(RING_BYTES)))
        return -ENOMEM;
    uint8_t *place = find_place(&uring->copies, length);
    struct io_uring_sqe *submission = place ? uring_take_submission(uring) : NULL;
    if (!submission)
        return -ENOBUFS;
    copy_bytes(place, bytes, length);
    record->token = token;
    record->flags |= URING_COMPLETES;
    record->copy_length = length;
    record->copy_end = uring->copies.end;
    io_uring_prep_send(submission, descriptor, place, length, MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    submission->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(submission, uring_user_data(record->generation[URING_COPY], URING_COPY, descriptor));
    return 0;
}

void uring_copy_failed(struct uring_state *uring, struct uring_record *record, int32_t result,
                       struct reactor_ready *ready)
{
    uint32_t taken = result > 0 ? (uint32_t) result : 0, left = record->copy_length - taken;
    const uint8_t *bytes = bytes_of(&uring->copies, record);
    *ready = (struct reactor_ready){.readiness = REACTOR_SENT, .result = result};
    record->copy_end = 0;
    uring_record_list(uring, record);
    if (result < 0 && result != -EAGAIN)
        return;
    struct uring_delayed *delayed = malloc(sizeof *delayed + left);
    if (!delayed) {
        ready->result = -ENOMEM;
        return;
    }
    *delayed = (struct uring_delayed){.end = left};
    memcpy(delayed->bytes, bytes + taken, left);
    record->delayed = delayed;
    ready->readiness = REACTOR_DELAYED;
    ready->result = (int32_t) left;
}

/* Takes what is queued out of the queue: the descriptor's number may soon be another's. */
static void unqueue(struct uring_state *uring, uint64_t user_data)
{
    const struct io_uring_sq *queue = &uring->ring.sq;
    for (unsigned place = IO_URING_READ_ONCE(*queue->khead); place != queue->sqe_tail; place++) {
        struct io_uring_sqe *submission = &queue->sqes[place & queue->ring_mask];
        if (submission->user_data == user_data) {
            io_uring_prep_nop(submission);
            submission->flags |= IOSQE_CQE_SKIP_SUCCESS;
        }
    }
}

void uring_copies_stop(struct uring_state *uring, struct uring_record *record, bool keep)
{
    if (uring_is_copying(uring, record)) {
        uint64_t stale = uring_user_data(record->generation[URING_COPY]++, URING_COPY,
                                         uring_descriptor_of(uring, record));
        if (!keep && record->copy_end > uring->copies.submitted)
            unqueue(uring, stale);
    }
    record->copy_end = 0;
    uring_records_release(uring);
    free(record->delayed);
    record->delayed = NULL;
}

void uring_copies_done(struct uring_state *uring)
{
    for (int32_t descriptor = 0; descriptor < uring->record_count; descriptor++)
        free(uring->records[descriptor].delayed);
    free(uring->copies.bytes);
}
