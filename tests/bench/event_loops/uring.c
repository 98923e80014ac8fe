/* What io_uring itself allows: a loop written by hand for this work and no other, as raw epoll is for epoll. One system
 * call a turn; receives stay under way, into few buffers that are used again soon; what was received is sent from where
 * it lies; only a send that fails is reported; descriptors are registered. */
#include <liburing.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "tests/bench/event_loops/world.h"

#define SUBMISSIONS 1024u
#define COMPLETIONS 16384u
#define BUFFERS 128u         /* a power of two; some 40 are in use a turn */
#define STRIDE (4096u + 64u) /* their first lines are not all of one set of the cache */
#define RECEIVE UINT32_MAX   /* in place of a buffer: user data is (buffer sent from, end) */

struct state {
    struct io_uring ring;
    struct io_uring_buf_ring *shown;
    uint8_t *bytes;
    uint32_t sent_from[SUBMISSIONS], sent_count; /* the kernel's until the next call returns */
};

static uint8_t *buffer_at(const struct state *state, uint32_t buffer)
{
    return state->bytes + (size_t) buffer * STRIDE;
}

static void give(struct state *state, uint32_t buffer)
{
    io_uring_buf_ring_add(state->shown, buffer_at(state, buffer), WORLD_READ_BYTES, (unsigned short) buffer,
                          io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(state->shown, 1);
}

static void give_sent(struct state *state)
{
    while (state->sent_count)
        give(state, state->sent_from[--state->sent_count]);
}

static struct io_uring_sqe *take(struct state *state)
{
    struct io_uring_sqe *submission = io_uring_get_sqe(&state->ring);
    if (submission)
        return submission;
    io_uring_submit(&state->ring);
    give_sent(state);
    submission = io_uring_get_sqe(&state->ring);
    if (!submission)
        bench_fail("no room for a submission", 0);
    return submission;
}

static void receive(struct state *state, uint32_t end)
{
    struct io_uring_sqe *submission = take(state);
    io_uring_prep_recv_multishot(submission, (int) end, NULL, 0, 0);
    submission->flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(submission, (uint64_t) RECEIVE << 32 | end);
}

static void *map(size_t bytes)
{
    void *place = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        bench_fail("no memory", errno);
    return place;
}

static void set_up(struct state *state, const struct world *world)
{
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CQSIZE,
        .cq_entries = COMPLETIONS,
    };
    state->shown = map(BUFFERS * sizeof(struct io_uring_buf));
    state->bytes = map((size_t) BUFFERS * STRIDE);
    struct io_uring_buf_reg group = {.ring_addr = (uintptr_t) state->shown, .ring_entries = BUFFERS};
    int result = io_uring_queue_init_params(SUBMISSIONS, &state->ring, &parameters);
    if (result == 0)
        result = io_uring_register_buf_ring(&state->ring, &group, 0);
    if (result == 0)
        result = io_uring_register_files(&state->ring, world->ends, 2 * world->pairs);
    if (result < 0)
        bench_fail("io_uring", result);
    for (uint32_t buffer = 0; buffer < BUFFERS; buffer++)
        give(state, buffer);
    for (uint32_t k = 0; k < world_watched_count(world); k++)
        receive(state, world_watched(world, k));
}

static void send_on(struct state *state, const struct world *world, uint32_t end, uint32_t buffer, int32_t length)
{
    struct io_uring_sqe *submission = take(state);
    io_uring_prep_send(submission, (int) world_target(world, end), buffer_at(state, buffer), (size_t) length,
                       MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    submission->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data64(submission, (uint64_t) buffer << 32 | end);
    state->sent_from[state->sent_count++] = buffer;
}

/* True: all is over. */
static bool handle(struct state *state, struct world *world, const struct io_uring_cqe *completion)
{
    uint32_t end = (uint32_t) completion->user_data;
    if (completion->user_data >> 32 != RECEIVE)
        bench_fail("a pair takes no more", completion->res);
    if (completion->res <= 0 && completion->res != -ENOBUFS)
        bench_fail("a pair ended", completion->res);
    if (completion->res > 0)
        send_on(state, world, end, completion->flags >> IORING_CQE_BUFFER_SHIFT, completion->res);
    if (!(completion->flags & IORING_CQE_F_MORE))
        receive(state, end);
    return completion->res > 0 && world_count(world, (size_t) completion->res);
}

static void run(struct world *world, const void *argument)
{
    (void) argument;
    struct state *state = calloc(1, sizeof *state);
    if (!state)
        bench_fail("no memory", 0);
    set_up(state, world);
    io_uring_submit(&state->ring);
    world_start(world);
    for (;;) {
        unsigned head, count = 0;
        struct io_uring_cqe *completion;
        int result = io_uring_submit_and_wait(&state->ring, 1);
        if (result < 0)
            bench_fail("io_uring_enter", result);
        give_sent(state);
        io_uring_for_each_cqe(&state->ring, head, completion) {
            if (handle(state, world, completion))
                return;
            count++;
        }
        io_uring_cq_advance(&state->ring, count);
    }
}

const struct world_subject world_uring[] = {
    {.name = "raw io_uring", .run = run, .demultiplexer = "io_uring"},
    {0},
};
