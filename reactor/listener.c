#include "reactor/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "reactor/base/assert.h"
#include "reactor/listener_internal.h"
#include "reactor/loop_internal.h"
#include "reactor/options.h"

#define ACCEPTS_A_TURN_DEFAULT 64
#define RETRY_NS_DEFAULT UINT64_C(100000000)

enum listener_flag {
    LISTENER_REFUSES = 1,
    LISTENER_STARVED = 2,   /* no descriptor or memory was left */
    LISTENER_ACCEPTING = 4, /* the kernel was asked */
    LISTENER_FAILED = 8, /* with `error`; disconnected is to come */
};

static struct reactor_listener *listener_of(struct reactor_handler *handler)
{
    return (struct reactor_listener *) handler;
}

int reactor_listen(const struct sockaddr *address, socklen_t length, int backlog, bool reuse_port)
{
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -errno;
    int result = 0;
    if (address->sa_family != AF_UNIX)
        result = setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (result == 0 && reuse_port)
        result = setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
    if (result == 0)
        result = bind(descriptor, address, length);
    if (result == 0)
        result = listen(descriptor, backlog > 0 ? backlog : SOMAXCONN);
    if (result == 0)
        return descriptor;
    result = -errno;
    close(descriptor);
    return result;
}

static bool is_full(const struct reactor_listener *listener)
{
    return listener->connections_max && listener->connections >= listener->connections_max;
}

static bool may_accept(const struct reactor_listener *listener)
{
    if (listener->flags & (LISTENER_STARVED | LISTENER_FAILED))
        return false;
    return (listener->flags & LISTENER_REFUSES) || !is_full(listener);
}

static int ask_kernel(struct reactor_listener *listener, bool accepting)
{
    struct reactor_handler *handler = &listener->handler;
    struct reactor_loop *loop = handler->loop;
    const struct reactor_completion_ops *completions = loop->demultiplexer->completions;
    if (!completions)
        return reactor_handler_interest(handler, accepting ? REACTOR_READ : 0);
    if (accepting)
        return completions->accept(loop->demultiplexer_state, handler->descriptor, loop_token(handler));
    completions->pause(loop->demultiplexer_state, handler->descriptor);
    return 0;
}

static void starved_forget(struct reactor_listener *listener)
{
    struct reactor_listener **link = &listener->handler.loop->starved;
    while (*link && *link != listener)
        link = &(*link)->starved_next;
    if (*link)
        *link = listener->starved_next;
    listener->flags &= ~(uint32_t) LISTENER_STARVED;
}

static void starve(struct reactor_listener *listener)
{
    struct reactor_loop *loop = listener->handler.loop;
    if (listener->flags & LISTENER_STARVED)
        return;
    loop_count(loop->statistics.accept_pauses, 1);
    listener->flags |= LISTENER_STARVED;
    listener->starved_next = loop->starved;
    loop->starved = listener;
    /* Where no timer is left, it is the next stream closed that wakes it. */
    (void) !loop_driver_timer_arm(&listener->handler, &listener->timer, listener->retry_ns);
}

static void go_on(struct reactor_listener *listener)
{
    if (listener->flags & LISTENER_STARVED) {
        starved_forget(listener);
        loop_driver_timer_disarm(&listener->handler, &listener->timer);
    }
}

/* Has the kernel accept, or not, as the listener may now. */
static void adjust(struct reactor_listener *listener)
{
    bool accepting = listener->flags & LISTENER_ACCEPTING;
    if (accepting == may_accept(listener) || (listener->flags & LISTENER_FAILED))
        return;
    listener->flags ^= LISTENER_ACCEPTING;
    if (accepting && is_full(listener))
        loop_count(listener->handler.loop->statistics.accept_waits, 1);
    int result = ask_kernel(listener, !accepting);
    if (result < 0) { /* no memory, as a rule: later */
        listener->flags ^= LISTENER_ACCEPTING;
        starve(listener);
    }
}

static void timed_out(struct reactor_handler *handler)
{
    struct reactor_listener *listener = listener_of(handler);
    listener->timer = 0;
    go_on(listener);
    adjust(listener);
}

void listener_reset(int descriptor)
{
    (void) setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    close(descriptor);
}

static void refuse(struct reactor_loop *loop, int descriptor)
{
    loop_count(loop->statistics.refused, 1);
    listener_reset(descriptor);
}

/* Beyond connections_max, where they are to wait: they were accepted ahead of us. */
static void hold(struct reactor_listener *listener, int descriptor)
{
    if (listener->held_count == listener->held_room) {
        uint32_t room = listener->held_room ? 2 * listener->held_room : 16;
        int *held = realloc(listener->held, room * sizeof held[0]);
        if (!held) {
            refuse(listener->handler.loop, descriptor);
            return;
        }
        listener->held = held;
        listener->held_room = room;
    }
    listener->held[listener->held_count++] = descriptor;
}

/* False: the listener is gone. */
static bool tell(struct reactor_listener *listener, int descriptor)
{
    struct reactor_loop *loop = listener->handler.loop;
    uint64_t token = loop_token(&listener->handler);
    const char *name = listener->handler.ops ? listener->handler.ops->name : "listener";
    listener->connections++;
    loop_count(loop->statistics.accepted, 1);
    uint64_t begun_ns = loop_call_begin(loop);
    listener->accepted(listener, descriptor);
    loop_call_end(loop, begun_ns, name);
    return loop_handler_at(loop, token);
}

static bool take(struct reactor_listener *listener, int descriptor)
{
    if (!is_full(listener) && !listener->held_count)
        return tell(listener, descriptor);
    if (listener->flags & LISTENER_REFUSES)
        refuse(listener->handler.loop, descriptor);
    else
        hold(listener, descriptor);
    return true;
}

static bool tell_held(struct reactor_listener *listener)
{
    while (listener->held_count && !is_full(listener)) {
        int descriptor = listener->held[0];
        listener->held_count--;
        for (uint32_t i = 0; i < listener->held_count; i++)
            listener->held[i] = listener->held[i + 1];
        if (!tell(listener, descriptor))
            return false;
    }
    return true;
}

bool listener_error_is_of_the_connection(int error)
{
    switch (error) {
    case EINTR: case ECONNABORTED: case EPROTO: case EPERM: case ENETDOWN: case ENOPROTOOPT: case EHOSTDOWN: case ENONET:
    case EHOSTUNREACH: case ENETUNREACH: case ETIMEDOUT: case ECONNRESET:
        return true;
    default:
        return false;
    }
}

static void fail(struct reactor_listener *listener, int error)
{
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        starve(listener);
        return;
    }
    listener->flags |= LISTENER_FAILED;
    listener->error = -error;
    loop_flush_later(&listener->handler);
}

/* One connection is accepted a turn; more only while they keep coming in each, or every wake-up would end in a call that
 * finds nothing. */
static uint32_t burst(struct reactor_listener *listener)
{
    uint32_t turn = (uint32_t) listener->handler.loop->statistics.turns;
    bool again = turn == listener->turn + 1;
    listener->turn = turn;
    listener->burst = again ? 2 * listener->burst : 1;
    if (listener->burst > listener->accepts_a_turn)
        listener->burst = listener->accepts_a_turn;
    return listener->burst;
}

static void ready(struct reactor_handler *handler, uint32_t readiness)
{
    struct reactor_listener *listener = listener_of(handler);
    (void) readiness; /* an error or hang-up is what accept4 says */
    for (uint32_t left = burst(listener); left && may_accept(listener); left--) {
        int descriptor = accept4(handler->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            if (!take(listener, descriptor))
                return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            listener->burst = 1;
            break;
        } else if (!listener_error_is_of_the_connection(errno)) {
            fail(listener, errno);
        }
    }
    adjust(listener);
}

static void completed(struct reactor_handler *handler, const struct reactor_ready *completion)
{
    struct reactor_listener *listener = listener_of(handler);
    if (completion->result >= 0) {
        if (!take(listener, completion->result))
            return;
    } else {
        listener->flags &= ~(uint32_t) LISTENER_ACCEPTING; /* it is over: asked for again, if that helps */
        if (!listener_error_is_of_the_connection(-completion->result) && completion->result != -EAGAIN &&
            completion->result != -ECANCELED)
            fail(listener, -completion->result);
    }
    adjust(listener);
}

static void finish(struct reactor_listener *listener)
{
    struct reactor_handler *handler = &listener->handler;
    struct reactor_loop *loop = handler->loop;
    const struct reactor_completion_ops *completions = loop->demultiplexer->completions;
    go_on(listener);
    if (completions) {
        completions->close(loop->demultiplexer_state, handler->descriptor);
        loop->owes_look = true;
    }
    loop_detach(handler);
    if (!completions)
        close(handler->descriptor);
    while (listener->held_count)
        close(listener->held[--listener->held_count]);
    free(listener->held);
    listener->held = NULL;
    handler->descriptor = -1;
}

static void disconnect(struct reactor_handler *handler, int reason)
{
    struct reactor_loop *loop = handler->loop;
    finish(listener_of(handler));
    if (handler->ops)
        loop_tell_disconnected(loop, handler, reason);
}

static void flush(struct reactor_handler *handler)
{
    struct reactor_listener *listener = listener_of(handler);
    if (listener->flags & LISTENER_FAILED)
        disconnect(handler, listener->error);
    else if (tell_held(listener))
        adjust(listener);
}

static const struct loop_driver listener_driver = {
    .ready = ready,
    .completed = completed,
    .timed_out = timed_out,
    .flush = flush,
    .disconnect = disconnect,
};

int reactor_listener_open(struct reactor_listener *listener, struct reactor_loop *loop,
                          const struct reactor_listener_options *options)
{
    static const struct reactor_listener_options defaults;
    options = options ? options : &defaults;
    if (reactor_listener_options_check(options, NULL) < 0)
        return -EINVAL;
    struct reactor_handler handler = {.ops = listener->handler.ops, .descriptor = listener->handler.descriptor};
    *listener = (struct reactor_listener){.handler = handler, .accepted = listener->accepted, .burst = 1};
    listener->connections_max = options->connections_max;
    listener->accepts_a_turn = options->accepts_a_turn ? options->accepts_a_turn : ACCEPTS_A_TURN_DEFAULT;
    listener->retry_ns = options->retry_ns ? options->retry_ns : RETRY_NS_DEFAULT;
    listener->flags = (options->refuse ? LISTENER_REFUSES : 0u) | LISTENER_ACCEPTING;
    bool completions = loop->demultiplexer->completions;
    int result = loop_attach(&listener->handler, loop, completions ? LOOP_UNWATCHED : REACTOR_READ, &listener_driver);
    if (result == 0 && completions) {
        result = ask_kernel(listener, true);
        if (result < 0)
            loop_detach(&listener->handler);
    }
    return result;
}

void reactor_listener_close(struct reactor_listener *listener)
{
    if (listener->handler.loop)
        finish(listener);
}

uint32_t reactor_listener_connections(const struct reactor_listener *listener)
{
    return listener->connections;
}

uint64_t listener_token(const struct reactor_listener *listener)
{
    return listener->handler.loop ? loop_token(&listener->handler) : 0;
}

void reactor_listener_release(struct reactor_listener *listener)
{
    base_assert(listener->connections > 0);
    listener->connections--;
    if (listener->handler.loop && (!(listener->flags & LISTENER_ACCEPTING) || listener->held_count))
        loop_flush_later(&listener->handler);
}

void listener_connection_over(struct reactor_loop *loop, uint64_t token)
{
    struct reactor_handler *handler = token ? loop_handler_at(loop, token) : NULL;
    if (handler)
        reactor_listener_release(listener_of(handler));
    if (loop->starved) { /* one descriptor is free: one may go on */
        struct reactor_listener *starved = loop->starved;
        go_on(starved);
        loop_flush_later(&starved->handler);
    }
}
