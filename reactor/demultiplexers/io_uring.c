#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reactor/demultiplexers/uring_internal.h"

#define SUBMISSIONS 1024u  /* more in a turn go to the kernel in further calls */
#define LOOKS_A_WAIT 4     /* a report that is nobody's may hide one that is somebody's, whose cause came later */
#define COMPLETIONS 16384u /* two for each of some thousand active descriptors; beyond, the kernel keeps them aside */

/* Multishot receives came with single-issuer rings (6.0): a kernel that refuses those is left to epoll. Deferred task
 * work (6.1) lets the kernel work for us only while we wait. The ring is disabled until the first wait, whose thread
 * becomes its issuer. */
static int set_up(struct io_uring *ring, unsigned task_work)
{
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_CQSIZE | task_work,
        .cq_entries = COMPLETIONS,
    };
    return io_uring_queue_init_params(SUBMISSIONS, ring, &parameters);
}

static int uring_open(void *state)
{
    struct uring_state *uring = state;
    uring->listed = uring->starved = uring->held = (struct uring_list){-1, -1};
    int result = set_up(&uring->ring, IORING_SETUP_DEFER_TASKRUN);
    uring->copies_at_once = result == 0;
    if (result == -EINVAL)
        result = set_up(&uring->ring, IORING_SETUP_COOP_TASKRUN);
    return result == -EINVAL ? -ENOSYS : result;
}

/* The kernel ends a closed ring's work when it finds time: what is cancelled here is closed, and its ports free, now.
 * From another thread than the ring's it fails, and is then left to the kernel. */
static void cancel_all(struct uring_state *uring)
{
    struct io_uring_sync_cancel_reg all = {
        .fd = -1,
        .flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL,
        .timeout = {-1, -1},
    };
    (void) uring_submit(uring); /* (without memory for that the rest may yet be cancelled) */
    (void) io_uring_register_sync_cancel(&uring->ring, &all); /* -ENOENT: there is nothing */
    (void) io_uring_get_events(&uring->ring);
}

/* What the kernel has accepted and nobody was told of. */
static void close_accepted(struct uring_state *uring)
{
    unsigned head, count = 0;
    struct io_uring_cqe *completion;
    io_uring_for_each_cqe(&uring->ring, head, completion) {
        if ((uint32_t) completion->user_data >> URING_DESCRIPTOR_BITS == URING_ACCEPT && completion->res >= 0)
            close(completion->res);
        count++;
    }
    io_uring_cq_advance(&uring->ring, count);
}

/* What of a closing descriptor lies in the queue yet: the last copy, and behind it the closing. */
static void do_ourselves(const struct io_uring_sqe *submission)
{
    const void *bytes = (const void *) (uintptr_t) submission->addr;
    if (submission->opcode == IORING_OP_CLOSE)
        close(submission->fd);
    else if ((uint32_t) submission->user_data >> URING_DESCRIPTOR_BITS == URING_COPY)
        (void) send(submission->fd, bytes, submission->len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What the kernel was to send and close: no wait came at all, or no more of the ring's own thread, or it failed. */
static void close_wanted(const struct uring_state *uring)
{
    const struct io_uring_sq *queue = &uring->ring.sq;
    for (unsigned place = IO_URING_READ_ONCE(*queue->khead); place != queue->sqe_tail; place++)
        do_ourselves(&queue->sqes[place & queue->ring_mask]);
    for (int32_t descriptor = 0; descriptor < uring->record_count; descriptor++) {
        if (uring->records[descriptor].flags & URING_CLOSES)
            close(descriptor);
    }
}

static void uring_close(void *state)
{
    struct uring_state *uring = state;
    if (uring->enabled)
        cancel_all(uring);
    close_accepted(uring);
    close_wanted(uring);
    io_uring_queue_exit(&uring->ring);
    uring_buffers_done(uring);
    uring_copies_done(uring);
    free(uring->records);
}

static int uring_add(void *state, int descriptor, uint32_t interest, uint64_t token)
{
    struct uring_record *record;
    int result = uring_record_need(state, descriptor, &record);
    if (result < 0)
        return result;
    if (record->flags & URING_ADDED)
        return -EEXIST;
    record->flags |= URING_ADDED;
    record->interest = interest & (REACTOR_READ | REACTOR_WRITE);
    record->token = token;
    uring_record_list(state, record);
    return 0;
}

static struct uring_record *added(struct uring_state *uring, int descriptor)
{
    struct uring_record *record = uring_record_of(uring, descriptor);
    return record && record->flags & URING_ADDED ? record : NULL;
}

static int uring_change(void *state, int descriptor, uint32_t interest, uint64_t token)
{
    struct uring_record *record = added(state, descriptor);
    if (!record)
        return -ENOENT;
    record->token = token;
    interest &= REACTOR_READ | REACTOR_WRITE;
    if (interest == record->interest)
        return 0;
    record->interest = (uint16_t) interest;
    uring_record_cancel(state, record, URING_POLL, true);
    uring_record_list(state, record);
    return 0;
}

static int uring_remove(void *state, int descriptor)
{
    uring_stop(state, descriptor);
    struct uring_record *record = added(state, descriptor);
    if (!record)
        return -ENOENT;
    record->flags &= (uint16_t) ~URING_ADDED;
    uring_record_cancel(state, record, URING_POLL, true);
    return 0;
}

static int enable(struct uring_state *uring)
{
    /* (io_uring_enable_rings is declared by liburing 2.3, but its shared library forgets it.) */
    int result = io_uring_register((unsigned) uring->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    uring->enabled = result >= 0;
    return result;
}

/* Hands over what is wanted and has the kernel report, waiting for the first report if there is none. */
static int enter(struct uring_state *uring, uint64_t timeout_ns)
{
    struct io_uring_cqe *first;
    int result;
    uring->statistics.enters++;
    if (timeout_ns == 0) {
        result = io_uring_submit_and_get_events(&uring->ring);
    } else if (timeout_ns == REACTOR_WAIT_FOREVER) {
        result = io_uring_submit_and_wait(&uring->ring, 1);
    } else {
        struct __kernel_timespec timeout = {.tv_sec = (int64_t) (timeout_ns / 1000000000u),
                                            .tv_nsec = (long long) (timeout_ns % 1000000000u)};
        result = io_uring_submit_and_wait_timeout(&uring->ring, &first, 1, &timeout, NULL);
    }
    /* Out of memory for the moment: what was not taken stays queued for the next wait. */
    bool passes = result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN || result == -EBUSY;
    return passes ? 0 : result;
}

/* Whether looking needs the kernel: it has work to do for us, or we for it. */
static bool must_enter(const struct uring_state *uring)
{
    unsigned flags = IO_URING_READ_ONCE(*uring->ring.sq.kflags);
    return io_uring_sq_ready(&uring->ring) || flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static int collect(struct uring_state *uring, struct reactor_ready *ready, int ready_max, unsigned *looked)
{
    int found = 0;
    unsigned head, count = 0;
    struct io_uring_cqe *completion;
    io_uring_for_each_cqe(&uring->ring, head, completion) {
        if (found == ready_max)
            break;
        ready[found].bytes = NULL;
        found += uring_report(uring, completion, &ready[found]);
        count++;
    }
    io_uring_cq_advance(&uring->ring, count);
    uring_copies_collected(uring);
    *looked = count;
    return found;
}

/* What was left by a small ready_max comes first, then what the kernel has meanwhile. Reports that concern nobody
 * (a cancelled poll's, a receive to be begun again) do not count as looking: a wait of 0 finds whatever is ready. */
static int uring_wait(void *state, struct reactor_ready *ready, int ready_max, uint64_t timeout_ns)
{
    struct uring_state *uring = state;
    int found, result = uring->enabled ? 0 : enable(uring);
    unsigned looked, tries = LOOKS_A_WAIT;
    if (result < 0)
        return result;
    do {
        uring_submit_wanted(uring);
        bool waits = timeout_ns && !io_uring_cq_ready(&uring->ring);
        uring->statistics.overflowed += io_uring_cq_has_overflow(&uring->ring);
        if (waits || must_enter(uring))
            result = enter(uring, waits ? timeout_ns : 0);
        uring_copies_submitted(uring);
        found = collect(uring, ready, ready_max, &looked);
        timeout_ns = 0;
    } while (result == 0 && found == 0 && looked && --tries);
    return found ? found : result;
}

const struct reactor_demultiplexer_ops reactor_demultiplexer_io_uring = {
    .name = "io_uring",
    .summary = "Linux 6: one system call a turn submits and waits; receives, sends and accepts where asked to",
    .state_bytes = sizeof(struct uring_state),
    .open = uring_open,
    .close = uring_close,
    .add = uring_add,
    .change = uring_change,
    .remove = uring_remove,
    .wait = uring_wait,
    .completions = &uring_completions,
};
