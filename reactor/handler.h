/* Handlers: who owns a descriptor, and the five events that reach it.
 *
 * The struct is the owner's, embedded in what it serves, and must stay in place while attached. A handler may attach,
 * change, detach (itself too) and close from inside any of its calls; an event that was already collected for a
 * descriptor detached meanwhile is dropped, even when its number was reused at once. After disconnected no call comes. */
#ifndef REACTOR_HANDLER_H
#define REACTOR_HANDLER_H

#include "reactor/api.h"
#include "reactor/loop.h"

REACTOR_API_BEGIN

struct reactor_handler;
struct loop_driver; /* stands between loop and ops: streams, listeners, datagrams */

struct reactor_handler_ops {
    const char *name; /* for statistics */
    void (*connected)(struct reactor_handler *handler);    /* a connect begun with REACTOR_CONNECTING has succeeded */
    void (*input_ready)(struct reactor_handler *handler);  /* may be read; called again while something is left */
    void (*output_ready)(struct reactor_handler *handler); /* may be written; only while REACTOR_WRITE is asked for */
    void (*timed_out)(struct reactor_handler *handler);    /* the handler's own timer */
    /* reason: 0 the loop is going, -ECONNRESET, -EPIPE, ... Already detached; the descriptor is still open and the
     * owner closes it. Called at most once, and not after the owner's own detach. */
    void (*disconnected)(struct reactor_handler *handler, int reason);
};

struct reactor_handler {
    const struct reactor_handler_ops *ops; /* set by the owner; calls that it leaves NULL are skipped */
    int descriptor;                        /* set by the owner */
    /* the loop's: */
    struct reactor_loop *loop;
    const struct loop_driver *driver;         /* NULL: the readiness level */
    struct reactor_handler *flush_next, **flush_link; /* in the loop's list of what the turn's end flushes */
    uint32_t slot, interest, timer;
    bool connecting, watched; /* watched: the demultiplexer knows the descriptor */
};

#define REACTOR_CONNECTING 4u /* with the interest: tell connected or disconnected first */

/* interest: REACTOR_READ, REACTOR_WRITE, and with them REACTOR_EDGE where input_ready reads until a read comes short or is
 * refused, output_ready writes until a write is: under epoll a ready descriptor is then looked at once and not twice
 * (.9 of the time where thousands are active). Once an end or an error lies behind the input, the level tells.
 * 0, or -errno as the demultiplexer says; when negative nothing is attached and no call comes. */
int reactor_handler_attach(struct reactor_handler *handler, struct reactor_loop *loop, uint32_t interest)
    __attribute__((warn_unused_result));
int reactor_handler_interest(struct reactor_handler *handler, uint32_t interest) __attribute__((warn_unused_result));
void reactor_handler_detach(struct reactor_handler *handler); /* does not close; no-op when not attached */

/* timed_out is called once after delay_ns, unless armed again (which replaces it) or disarmed. 0 or -ENOBUFS. */
int reactor_handler_timer_arm(struct reactor_handler *handler, uint64_t delay_ns) __attribute__((warn_unused_result));
void reactor_handler_timer_disarm(struct reactor_handler *handler);

/* How many handlers are attached. */
uint32_t reactor_loop_handler_count(const struct reactor_loop *loop);

REACTOR_API_END

#endif
