/* Chain and ping-pong over pairs of connected stream sockets: what every event loop under test runs.
 *
 * Chain (libevent's benchmark): a message that comes out of a pair is written into the next one; few pairs are active.
 * Ping-pong: both ends of each pair write back what they read; all are active. Ends 2 i and 2 i + 1 are pair i's.
 *
 * A subject watches the ends that world_watched names, and calls world_forward (or, where it reads and writes by
 * itself, world_target and world_count) for each that is readable until that says that all is over. */
#ifndef TESTS_BENCH_EVENT_LOOPS_WORLD_H
#define TESTS_BENCH_EVENT_LOOPS_WORLD_H

#include <errno.h>
#include <unistd.h>

#include "tests/bench/event_loops/bench.h"

#define WORLD_MESSAGE_BYTES 64
#define WORLD_READ_BYTES 4096 /* a multiple of it: messages are never cut */

struct world {
    bool is_chain;
    uint32_t pairs, active; /* active: messages under way */
    int *ends;              /* 2 x pairs descriptors, non-blocking */
    uint64_t left;          /* messages until the phase ends */
    uint64_t reads;
    bool drained;           /* world_forward's last read came short */
    uint64_t messages;      /* to be measured */
    unsigned phase;         /* 0: warming up, 1: measured, 2: over */
    struct bench_figures *figures;
};

void world_open(struct world *world);  /* pairs */
void world_start(struct world *world); /* the first messages: when all is watched */
bool world_next_phase(struct world *world);

static inline uint32_t world_watched_count(const struct world *world)
{
    return world->is_chain ? world->pairs : 2 * world->pairs;
}

/* The end that is the k-th to be watched. */
static inline uint32_t world_watched(const struct world *world, uint32_t k)
{
    return world->is_chain ? 2 * k : k;
}

/* Where what was read from an end is written to. */
static inline uint32_t world_target(const struct world *world, uint32_t end)
{
    if (!world->is_chain)
        return end;
    return end + 2 < 2 * world->pairs ? end + 3 : 1;
}

/* After a read of so many octets was forwarded. True: all is over. */
static inline bool world_count(struct world *world, size_t bytes)
{
    uint64_t messages = bytes / WORLD_MESSAGE_BYTES;
    world->reads++;
    if (__builtin_expect(messages < world->left, 1)) {
        world->left -= messages;
        return world->phase == 2;
    }
    return world_next_phase(world);
}

/* The handler of a loop that tells readiness. True: all is over. */
static inline bool world_forward(struct world *world, uint32_t end)
{
    char bytes[WORLD_READ_BYTES];
    ssize_t got = read(world->ends[end], bytes, sizeof bytes);
    world->drained = got < (ssize_t) sizeof bytes;
    if (got < 0 && errno == EAGAIN)
        return world->phase == 2;
    if (got <= 0)
        bench_fail("a pair ended", got < 0 ? errno : 0);
    if (write(world->ends[world_target(world, end)], bytes, (size_t) got) != got)
        bench_fail("a pair takes no more", errno);
    return world_count(world, (size_t) got);
}

/* A loop under test, or the two lines that are none. */
struct world_subject {
    const char *name;
    const char *missing;           /* NULL; else why it cannot be measured at all */
    void (*run)(struct world *world, const void *argument); /* returns when world says that all is over */
    const void *argument;
    const char *demultiplexer;     /* that it runs on, of ours; NULL: none of ours */
    uint32_t descriptors_max;      /* 0: no bound; of the highest descriptor */
    uint32_t pairs_max;            /* 0: no bound: beyond it too slow to be waited for */
    struct world_goals {
        double small, large;       /* of the ratio: up to 1,000 pairs; above. 0: nothing wanted */
        double large_active;       /* above 1,000 pairs, where all are active; 0: as large */
        double user_ns, calls;     /* 0: nothing wanted */
    } goals;
};

/* Each library's in its own file, ended by a row without a name. */
extern const struct world_subject world_bare[], world_handlers[], world_streams[], world_libuv[], world_libev[],
    world_libevent[], world_uring[];

#endif
