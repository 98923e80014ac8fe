/* Demultiplexers: which descriptors are ready (Schmidt 1995's synchronous event demultiplexer), level-triggered.
 *
 * A backend is one struct of functions and one row in demultiplexers/registry.c. It knows descriptors and a 64-bit
 * token for each, nothing of handlers; stale events are filtered above it, by the token. */
#ifndef REACTOR_DEMULTIPLEXER_H
#define REACTOR_DEMULTIPLEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reactor_interest { REACTOR_READ = 1, REACTOR_WRITE = 2 };
enum reactor_readiness { REACTOR_READABLE = 1, REACTOR_WRITABLE = 2, REACTOR_HANGUP = 4, REACTOR_FAILED = 8 };

struct reactor_ready {
    uint64_t token;
    uint32_t readiness; /* enum reactor_readiness, or-ed */
};

#define REACTOR_WAIT_FOREVER UINT64_MAX

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
    int (*remove)(void *state, int descriptor); /* before the descriptor is closed */
    /* Waits at most timeout_ns (0: only looks) to the nanosecond where the kernel can, fills at most ready_max; returns
     * how many (0: time-out or EINTR). Successive calls with a small ready_max reach every ready descriptor. */
    int (*wait)(void *state, struct reactor_ready *ready, int ready_max, uint64_t timeout_ns);
};

extern const struct reactor_demultiplexer_ops *const reactor_demultiplexers[]; /* NULL-terminated */
const struct reactor_demultiplexer_ops *reactor_demultiplexer_find(const char *name); /* NULL: none */

#endif
