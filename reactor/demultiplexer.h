/* Demultiplexers: which descriptors are ready (Schmidt 1995's synchronous event demultiplexer), level-triggered; and,
 * where the kernel can, what it has received, sent and accepted for us (his proactor's half, behind the same wait).
 *
 * A backend is one struct of functions and one row in demultiplexers/registry.c. It knows descriptors and a 64-bit
 * token for each, nothing of handlers; stale events are filtered above it, by the token.
 *
 * Life of a state: open (any thread); add, change, remove, wait and the completion calls, all from the thread that
 * first waits (calls before the first wait may come from another); close. */
#ifndef REACTOR_DEMULTIPLEXER_H
#define REACTOR_DEMULTIPLEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reactor/api.h"

REACTOR_API_BEGIN

enum reactor_interest {
    REACTOR_READ = 1,
    REACTOR_WRITE = 2,
    /* A hint for who reads until a short read and remembers what it left: readiness need only be told when it becomes
     * so, but then with REACTOR_ENDING, as a short read does not show the end behind it. epoll follows it. */
    REACTOR_EDGE = 8,
};
enum reactor_readiness {
    REACTOR_READABLE = 1,
    REACTOR_WRITABLE = 2,
    REACTOR_HANGUP = 4,
    REACTOR_FAILED = 8,
    REACTOR_ENDING = 128, /* the peer has half-closed; only with REACTOR_EDGE, and READABLE too */
    /* Completions: one an entry, never with another bit. */
    REACTOR_RECEIVED = 16, /* result: bytes in `bytes`; 0 the peer has ended; -errno */
    REACTOR_SENT = 32,     /* result: bytes, fewer than asked for only before an error; -errno */
    REACTOR_ACCEPTED = 64, /* result: the new descriptor, non-blocking and close-on-exec; -errno */
    REACTOR_DELAYED = 256, /* result: so many of the bytes copied last wait; REACTOR_SENT tells of them later */
};
#define REACTOR_COMPLETIONS (REACTOR_RECEIVED | REACTOR_SENT | REACTOR_ACCEPTED | REACTOR_DELAYED)

struct reactor_ready {
    uint64_t token;
    uint32_t readiness; /* enum reactor_readiness, or-ed */
    /* Of completions, else unset: */
    int32_t result;
    const uint8_t *bytes; /* REACTOR_RECEIVED with result > 0: until buffer is given back */
    uint32_t buffer;      /* of that: the handle for give */
};

#define REACTOR_WAIT_FOREVER UINT64_MAX

/* Counted since open. */
struct reactor_completion_statistics {
    uint64_t enters;     /* system calls */
    uint64_t exhausted;  /* receives that found no buffer: begun again when buffers come back */
    uint64_t overflowed; /* waits that found more completions than their queue holds: the kernel kept them aside */
};

/* Completions, where a backend has them. All calls only note what is wanted; it goes to the kernel with the next wait,
 * in the same system call. The entries that wait fills carry the descriptor's last given token. A descriptor has at
 * most one receive or accept and one send at a time. Calls need no add before; a descriptor that was added too, without
 * interest, is not looked at for hang-ups once it was asked for completions. 0, or -errno: -EBADF, -ENOMEM. */
struct reactor_completion_ops {
    /* Receives what comes, again and again, until paused, stopped, ended (result 0) or failed (negative: it is over).
     * Each entry brings a buffer of the backend's, which the owner gives back soon: when all are out, receiving stands
     * still (counted), and goes on by itself when some come back. */
    int (*receive)(void *state, int descriptor, uint64_t token);
    /* Sends all of bytes, which stay in place until REACTOR_SENT, or until stop returns. -EBUSY: one is on its way. */
    int (*send)(void *state, int descriptor, uint64_t token, const void *bytes, uint32_t length);
    /* The same of bytes that are copied, and nothing is reported as a rule: when the kernel takes them at once. Else it is
     * REACTOR_SENT with what has failed, or REACTOR_DELAYED, and REACTOR_SENT later. -EBUSY as send, also while what became
     * of an earlier copy is not known; -ENOBUFS: no place for so many bytes now: send may be used. */
    int (*send_copy)(void *state, int descriptor, uint64_t token, const void *bytes, uint32_t length);
    /* Whether nothing is known or thought to be on its way: what was sent by copy is with the kernel. May ask it. */
    bool (*all_sent)(void *state, int descriptor);
    /* Accepts again and again, until paused, stopped or failed (negative, EMFILE as well: it is over, ask again). */
    int (*accept)(void *state, int descriptor, uint64_t token);
    /* No more receives or accepts; what the kernel has already taken is still reported. receive or accept goes on. */
    void (*pause)(void *state, int descriptor);
    /* Ends receive, accept and send; nothing more is reported of them, what was received or accepted is dropped. */
    void (*stop)(void *state, int descriptor);
    /* As stop and remove, then closes the descriptor with the next wait (not before: its number is not reused). What
     * was sent by copy goes out before, if the kernel takes it at once. */
    void (*close)(void *state, int descriptor);
    void (*give)(void *state, uint32_t buffer);
    void (*statistics)(const void *state, struct reactor_completion_statistics *statistics);
};

struct reactor_demultiplexer_ops {
    const char *name;
    const char *summary;
    size_t state_bytes;
    /* All: 0 or more is good, negative is -errno. open gets zeroed state of state_bytes. */
    int (*open)(void *state);
    void (*close)(void *state);
    /* -EEXIST when present; -EMFILE where the backend cannot hold this descriptor (select: beyond FD_SETSIZE). */
    int (*add)(void *state, int descriptor, uint32_t interest, uint64_t token);
    int (*change)(void *state, int descriptor, uint32_t interest, uint64_t token);
    /* Before the descriptor is closed; completions are stopped too. io_uring holds what it watches open until the next
     * wait: a peer hears of the end, a port is free then. */
    int (*remove)(void *state, int descriptor);
    bool edges; /* follows REACTOR_EDGE */
    /* Waits at most timeout_ns (0: only looks) to the nanosecond where the kernel can, fills at most ready_max; returns
     * how many (0: time-out, EINTR, or what came was nobody's any more). Successive calls with a small ready_max reach
     * every ready descriptor. */
    int (*wait)(void *state, struct reactor_ready *ready, int ready_max, uint64_t timeout_ns);
    const struct reactor_completion_ops *completions; /* NULL: readiness only */
};

extern const struct reactor_demultiplexer_ops *const reactor_demultiplexers[]; /* NULL-terminated */
/* Whether it opens here: io_uring is missing in old kernels and forbidden in many containers. */
bool reactor_demultiplexer_offered(const struct reactor_demultiplexer_ops *demultiplexer);
/* By name; "auto" is the best that the kernel offers: io_uring where it opens here, else epoll. NULL: none. */
const struct reactor_demultiplexer_ops *reactor_demultiplexer_find(const char *name);

REACTOR_API_END

#endif
