/* Listeners: a listening stream socket whose connections the reactor accepts, within limits.
 *
 * The owner embeds struct reactor_listener, sets handler.descriptor (see reactor_listen) and, with handler.ops, a name
 * and perhaps `disconnected`; `accepted` gets each connection. When the process or the machine is out of descriptors or
 * memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) accepting pauses, is counted (statistics.accept_pauses), and resumes when a
 * stream of the loop is closed or after retry_ns: it never spins. A connection that was reset before it was accepted is
 * nothing. `disconnected`, with a reason, comes when accepting cannot go on (the descriptor does not listen), or with 0
 * when the loop is going; like after reactor_listener_close the descriptor is closed and no call comes any more. */
#ifndef REACTOR_LISTENER_H
#define REACTOR_LISTENER_H

#include <sys/socket.h>

#include "reactor/api.h"
#include "reactor/handler.h"

REACTOR_API_BEGIN

struct reactor_listener_options {
    uint32_t accepts_a_turn;  /* 0: 64; what is left comes in the next turn */
    uint32_t connections_max; /* at once; 0: no bound. Each connection is counted until its stream is over (option
                               * `listener` of reactor_stream_open) or reactor_listener_release is called for it */
    bool refuse;              /* at connections_max: accept and close at once, with a reset (statistics.refused).
                               * Else leave them in the kernel's backlog until a connection is over */
    uint64_t retry_ns;        /* after running out of descriptors; 0: 100 ms */
};

struct reactor_listener {
    struct reactor_handler handler; /* first */
    /* Takes the descriptor: non-blocking, close-on-exec. May open, close or release anything, this listener too. */
    void (*accepted)(struct reactor_listener *listener, int descriptor);
    /* the reactor's: */
    struct reactor_listener *starved_next; /* the loop's list of those that wait for a descriptor */
    uint64_t retry_ns;
    int *held; /* accepted by io_uring beyond connections_max: not told yet */
    uint32_t held_count, held_room;
    uint32_t connections, connections_max, accepts_a_turn;
    uint32_t burst, turn; /* how many are accepted in the next turn, and the last turn */
    uint32_t timer;
    int error;      /* why accepting cannot go on */
    uint32_t flags; /* enum listener_flag */
};

/* A listening socket: non-blocking, close-on-exec, SO_REUSEADDR. Its descriptor or -errno. reuse_port: several sockets
 * share the address and the kernel divides connections among them. backlog: 0 or less is SOMAXCONN. */
int reactor_listen(const struct sockaddr *address, socklen_t length, int backlog, bool reuse_port)
    __attribute__((warn_unused_result));

/* Takes the descriptor. 0, or -errno: nothing is attached then and the descriptor stays the caller's. */
int reactor_listener_open(struct reactor_listener *listener, struct reactor_loop *loop,
                          const struct reactor_listener_options *options) __attribute__((warn_unused_result));
void reactor_listener_close(struct reactor_listener *listener); /* no-op when not open; accepted connections live on */
/* A connection that was not opened as a stream with option `listener` is over. */
void reactor_listener_release(struct reactor_listener *listener);
uint32_t reactor_listener_connections(const struct reactor_listener *listener);

REACTOR_API_END

#endif
