#include <errno.h>
#include <unistd.h>

#include "reactor/demultiplexers/uring_internal.h"

static int want(struct uring_state *uring, int descriptor, uint64_t token, unsigned wanted,
                struct uring_record **record)
{
    int result = uring_record_need(uring, descriptor, record);
    if (result < 0)
        return result;
    (*record)->token = token;
    (*record)->flags |= (uint16_t) (wanted | URING_COMPLETES);
    uring_record_list(uring, *record);
    return 0;
}

static int uring_receive(void *state, int descriptor, uint64_t token)
{
    struct uring_state *uring = state;
    struct uring_record *record;
    int result = uring_buffers_need(uring);
    return result < 0 ? result : want(uring, descriptor, token, URING_RECEIVES, &record);
}

static int uring_accept(void *state, int descriptor, uint64_t token)
{
    struct uring_record *record;
    return want(state, descriptor, token, URING_ACCEPTS, &record);
}

static int uring_send(void *state, int descriptor, uint64_t token, const void *bytes, uint32_t length)
{
    struct uring_record *record = uring_record_of(state, descriptor);
    if (record && (record->flags & URING_SENDS || (record->flags & URING_SENDING && !record->delayed)))
        return -EBUSY;
    int result = want(state, descriptor, token, URING_SENDS, &record);
    if (result < 0)
        return result;
    record->bytes = bytes;
    record->length = length;
    return 0;
}

static void uring_pause(void *state, int descriptor)
{
    struct uring_record *record = uring_record_of(state, descriptor);
    if (!record)
        return;
    record->flags &= (uint16_t) ~(URING_RECEIVES | URING_ACCEPTS);
    uring_record_cancel(state, record, URING_RECEIVE, false);
    uring_record_cancel(state, record, URING_ACCEPT, false);
}

void uring_stop(void *state, int descriptor)
{
    struct uring_record *record = uring_record_of(state, descriptor);
    if (!record)
        return;
    record->flags &= (uint16_t) ~(URING_RECEIVES | URING_ACCEPTS | URING_SENDS | URING_COMPLETES);
    uring_record_cancel(state, record, URING_RECEIVE, true);
    uring_record_cancel(state, record, URING_ACCEPT, true);
    uring_record_cancel(state, record, URING_SEND, true);
    uring_copies_stop(state, record, false);
}

static void uring_close(void *state, int descriptor)
{
    struct uring_record *record = uring_record_of(state, descriptor);
    if (record) {
        uring_record_cancel(state, record, URING_SEND, true); /* first: it may be reading what is freed next */
        uring_copies_stop(state, record, true);
    }
    (void) reactor_demultiplexer_io_uring.remove(state, descriptor); /* -ENOENT: only completions */
    if (uring_record_need(state, descriptor, &record) < 0) {
        close(descriptor);
        return;
    }
    record->flags |= URING_CLOSES;
    uring_record_list(state, record);
}

static void uring_give(void *state, uint32_t buffer)
{
    uring_buffer_give(state, buffer);
}

static void uring_statistics(const void *state, struct reactor_completion_statistics *statistics)
{
    *statistics = ((const struct uring_state *) state)->statistics;
}

const struct reactor_completion_ops uring_completions = {
    .receive = uring_receive,
    .send = uring_send,
    .send_copy = uring_send_copy,
    .all_sent = uring_all_sent,
    .accept = uring_accept,
    .pause = uring_pause,
    .stop = uring_stop,
    .close = uring_close,
    .give = uring_give,
    .statistics = uring_statistics,
};
