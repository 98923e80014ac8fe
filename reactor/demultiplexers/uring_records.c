#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "reactor/demultiplexers/uring_internal.h"

int uring_record_need(struct uring_state *uring, int descriptor, struct uring_record **record)
{
    if (descriptor < 0 || descriptor >= URING_DESCRIPTORS_MAX)
        return -EBADF;
    if (descriptor >= uring->record_count) {
        int32_t count = descriptor < 32 ? 64 : 2 * descriptor;
        struct uring_record *records = realloc(uring->records, (size_t) count * sizeof records[0]);
        if (!records)
            return -ENOMEM;
        for (int32_t i = uring->record_count; i < count; i++)
            records[i] = (struct uring_record){0};
        uring->records = records;
        uring->record_count = count;
    }
    *record = &uring->records[descriptor];
    return 0;
}

static void append(struct uring_state *uring, struct uring_list *list, struct uring_record *record)
{
    int descriptor = uring_descriptor_of(uring, record);
    record->next_listed = -1;
    if (list->first < 0)
        list->first = descriptor;
    else
        uring->records[list->last].next_listed = descriptor;
    list->last = descriptor;
}

void uring_record_list(struct uring_state *uring, struct uring_record *record)
{
    if (record->flags & URING_LISTED)
        return;
    record->flags |= URING_LISTED;
    append(uring, &uring->listed, record);
}

static struct uring_record *take_first(struct uring_state *uring, struct uring_list *list)
{
    struct uring_record *record = &uring->records[list->first];
    list->first = record->next_listed;
    record->flags &= (uint16_t) ~URING_LISTED;
    return record;
}

void uring_records_release(struct uring_state *uring)
{
    while (uring->held.first >= 0)
        uring_record_list(uring, take_first(uring, &uring->held));
}

void uring_record_starve(struct uring_state *uring, struct uring_record *record)
{
    if (record->flags & URING_STARVED)
        return;
    int descriptor = uring_descriptor_of(uring, record);
    record->flags |= URING_STARVED;
    record->next_starved = -1;
    if (uring->starved.first < 0)
        uring->starved.first = descriptor;
    else
        uring->records[uring->starved.last].next_starved = descriptor;
    uring->starved.last = descriptor;
}

int uring_submit(struct uring_state *uring)
{
    uring->statistics.enters++;
    int result = io_uring_submit(&uring->ring);
    return result < 0 ? result : 0;
}

struct io_uring_sqe *uring_take_submission(struct uring_state *uring)
{
    struct io_uring_sqe *submission = io_uring_get_sqe(&uring->ring);
    if (submission || !uring->enabled)
        return submission;
    (void) uring_submit(uring); /* -EAGAIN, -EBUSY: seen by there being no room still */
    return io_uring_get_sqe(&uring->ring);
}

uint64_t uring_user_data(uint32_t generation, unsigned what, int descriptor)
{
    return (uint64_t) generation << 32 | (uint64_t) what << URING_DESCRIPTOR_BITS | (unsigned) descriptor;
}

/* Nobody waits for it: reported only when it fails, and dropped then. */
static void be_silent(struct io_uring_sqe *submission)
{
    submission->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(submission, uring_user_data(0, URING_SILENT, 0));
}

/* Only a kernel out of memory makes the second way necessary. */
void uring_record_cancel(struct uring_state *uring, struct uring_record *record, enum uring_what what, bool stale)
{
    if (!(record->flags & 1u << what))
        return;
    uint64_t cancelled = uring_user_data(record->generation[what], what, uring_descriptor_of(uring, record));
    struct io_uring_sqe *submission = uring_take_submission(uring);
    if (submission) {
        io_uring_prep_cancel64(submission, cancelled, 0);
        be_silent(submission);
    } else {
        struct io_uring_sync_cancel_reg now = {.addr = cancelled, .fd = -1, .timeout = {-1, -1}};
        (void) io_uring_register_sync_cancel(&uring->ring, &now); /* -ENOENT: it was over */
    }
    if (!stale)
        return;
    record->generation[what]++;
    record->flags &= (uint16_t) ~(1u << what);
}

static struct io_uring_sqe *begin(struct uring_state *uring, struct uring_record *record, enum uring_what what)
{
    struct io_uring_sqe *submission = uring_take_submission(uring);
    if (submission)
        record->flags |= (uint16_t) (1u << what);
    return submission;
}

static bool identify(const struct uring_state *uring, struct io_uring_sqe *submission,
                     const struct uring_record *record, enum uring_what what)
{
    int descriptor = uring_descriptor_of(uring, record);
    io_uring_sqe_set_data64(submission, uring_user_data(record->generation[what], what, descriptor));
    return true;
}

/* These: false when there is no room. */
static bool begin_poll(struct uring_state *uring, struct uring_record *record)
{
    struct io_uring_sqe *submission = begin(uring, record, URING_POLL);
    if (!submission)
        return false;
    unsigned events = (record->interest & REACTOR_READ ? POLLIN : 0u) |
                      (record->interest & REACTOR_WRITE ? POLLOUT : 0u);
    io_uring_prep_poll_add(submission, uring_descriptor_of(uring, record), events);
    return identify(uring, submission, record, URING_POLL);
}

static bool begin_receive(struct uring_state *uring, struct uring_record *record)
{
    struct io_uring_sqe *submission = begin(uring, record, URING_RECEIVE);
    if (!submission)
        return false;
    io_uring_prep_recv_multishot(submission, uring_descriptor_of(uring, record), NULL, 0, 0);
    submission->flags |= IOSQE_BUFFER_SELECT; /* of group 0 */
    return identify(uring, submission, record, URING_RECEIVE);
}

static bool begin_accept(struct uring_state *uring, struct uring_record *record)
{
    struct io_uring_sqe *submission = begin(uring, record, URING_ACCEPT);
    if (!submission)
        return false;
    io_uring_prep_multishot_accept(submission, uring_descriptor_of(uring, record), NULL, NULL,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
    return identify(uring, submission, record, URING_ACCEPT);
}

static bool begin_send(struct uring_state *uring, struct uring_record *record)
{
    struct io_uring_sqe *submission = begin(uring, record, URING_SEND);
    if (!submission)
        return false;
    const struct uring_delayed *delayed = record->delayed;
    const void *bytes = delayed ? delayed->bytes + delayed->begin : record->bytes;
    uint32_t length = delayed ? delayed->end - delayed->begin : record->length;
    if (!delayed)
        record->flags &= (uint16_t) ~URING_SENDS;
    io_uring_prep_send(submission, uring_descriptor_of(uring, record), bytes, length, MSG_WAITALL | MSG_NOSIGNAL);
    return identify(uring, submission, record, URING_SEND);
}

static bool begin_close(struct uring_state *uring, struct uring_record *record)
{
    struct io_uring_sqe *submission = uring_take_submission(uring);
    if (!submission)
        return false;
    record->flags &= (uint16_t) ~URING_CLOSES;
    io_uring_prep_close(submission, uring_descriptor_of(uring, record));
    be_silent(submission);
    return true;
}

static bool begin_wanted(struct uring_state *uring, struct uring_record *record)
{
    unsigned flags = record->flags;
    if (flags & URING_CLOSES)
        return begin_close(uring, record);
    bool sends = record->delayed || ((flags & URING_SENDS) && !uring_is_copying(uring, record));
    if (sends && !(flags & URING_SENDING) && !begin_send(uring, record))
        return false;
    if ((flags & URING_RECEIVES) && !(flags & (URING_TAKING | URING_STARVED)) && !begin_receive(uring, record))
        return false;
    if ((flags & URING_ACCEPTS) && !(flags & URING_TAKING) && !begin_accept(uring, record))
        return false;
    bool polls = (flags & URING_ADDED) && (record->interest || !(flags & URING_COMPLETES));
    return !polls || (flags & URING_POLLING) || begin_poll(uring, record);
}

/* As many receives begin again as there are buffers, the first to starve first. What waits to be reported holds some,
 * and while it does, half are left to receives that did not starve: or these would, and so on for ever. */
static void feed(struct uring_state *uring)
{
    uint32_t reported = io_uring_cq_ready(&uring->ring), taken = uring->buffers_out + reported;
    uint32_t most = reported ? URING_BUFFERS / 2 : URING_BUFFERS;
    uint32_t free_count = taken < most ? most - taken : 0;
    while (uring->starved.first >= 0 && free_count--) {
        struct uring_record *record = &uring->records[uring->starved.first];
        uring->starved.first = record->next_starved;
        record->flags &= (uint16_t) ~URING_STARVED;
        uring_record_list(uring, record);
    }
}

/* What finds no room stays listed for the next time. */
void uring_submit_wanted(struct uring_state *uring)
{
    if (uring->buffers_given)
        uring_buffers_publish(uring);
    if (uring->starved.first >= 0)
        feed(uring);
    while (uring->listed.first >= 0) {
        struct uring_record *record = &uring->records[uring->listed.first];
        if (!begin_wanted(uring, record))
            return;
        (void) take_first(uring, &uring->listed);
        if (record->flags & URING_SENDS && uring_is_copying(uring, record)) {
            record->flags |= URING_LISTED;
            append(uring, &uring->held, record);
        }
    }
}
