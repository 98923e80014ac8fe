#include "reactor/datagram.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "reactor/base/assert.h"
#include "reactor/datagram_internal.h"
#include "reactor/options.h"

#define DATAGRAMS_A_TURN_DEFAULT 1024

static struct reactor_datagrams *datagrams_of(struct reactor_handler *handler)
{
    return (struct reactor_datagrams *) (void *) handler;
}

bool datagram_failed(struct reactor_datagrams *datagrams, const struct sockaddr *to, int error)
{
    struct reactor_loop *loop = datagrams->handler.loop;
    const struct reactor_datagrams_ops *ops = datagram_ops(datagrams);
    datagrams->statistics.errors++;
    if (!ops->failed)
        return true;
    uint64_t token = loop_token(&datagrams->handler), begun_ns = loop_call_begin(loop);
    ops->failed(datagrams, to, error);
    loop_call_end(loop, begun_ns, ops->handler.name);
    return loop_handler_at(loop, token);
}

/* The descriptor is still open, the owner not told. */
static void let_go(struct reactor_datagrams *datagrams)
{
    loop_detach(&datagrams->handler);
    close(datagrams->handler.descriptor);
    datagrams->handler.descriptor = -1;
    datagram_batch_done(datagrams);
}

static void end(struct reactor_handler *handler, int reason)
{
    struct reactor_loop *loop = handler->loop;
    struct reactor_datagrams *datagrams = datagrams_of(handler);
    (void) datagram_batch_flush(datagrams, false);
    let_go(datagrams);
    loop_tell_disconnected(loop, handler, reason);
}

/* False when the owner has closed the socket in a call. */
static bool flush(struct reactor_datagrams *datagrams)
{
    struct reactor_handler *handler = &datagrams->handler;
    struct reactor_loop *loop = handler->loop;
    uint64_t token = loop_token(handler);
    if (!datagram_batch_flush(datagrams, true))
        return false;
    if (!datagrams->wants_room || reactor_datagrams_pending(datagrams) > datagrams->output_max / 2)
        return true;
    datagrams->wants_room = false;
    loop_tell(loop, handler, handler->ops->output_ready);
    return loop_handler_at(loop, token);
}

static void on_turn_end(struct reactor_handler *handler)
{
    if (!datagrams_of(handler)->blocked)
        (void) flush(datagrams_of(handler));
}

/* Another turn at sending; who is still blocked then goes on waiting. */
static bool on_writable(struct reactor_datagrams *datagrams)
{
    datagrams->blocked = false;
    if (!flush(datagrams))
        return false;
    if (!datagrams->blocked) /* (or once more) */
        datagrams->blocked = reactor_handler_interest(&datagrams->handler, REACTOR_READ) < 0;
    return true;
}

/* The queued errors first: what comes in all the time must not keep them waiting. */
static void on_ready(struct reactor_handler *handler, uint32_t readiness)
{
    struct reactor_datagrams *datagrams = datagrams_of(handler);
    int reason = 0;
    if ((readiness & REACTOR_FAILED) && datagrams->errors_queued && !datagram_read_errors(datagrams))
        return;
    if ((readiness & ~(uint32_t) REACTOR_WRITABLE) && !datagram_receive(datagrams, &reason))
        return;
    if (reason)
        end(handler, reason);
    else if ((readiness & REACTOR_WRITABLE) && datagrams->blocked)
        (void) on_writable(datagrams);
}

static const struct loop_driver datagram_driver = {.ready = on_ready, .flush = on_turn_end, .disconnect = end};

static void set_up_socket(struct reactor_datagrams *datagrams)
{
    int descriptor = datagrams->handler.descriptor, on = 1;
    /* Where the kernel is older, or the socket not UDP, each datagram comes alone and errors are the socket's. */
    (void) setsockopt(descriptor, SOL_UDP, UDP_GRO, &on, sizeof on);
    bool queued_v4 = false, queued_v6 = false;
    if (datagram_ops(datagrams)->failed) {
        queued_v4 = setsockopt(descriptor, SOL_IP, IP_RECVERR, &on, sizeof on) == 0;
        queued_v6 = setsockopt(descriptor, SOL_IPV6, IPV6_RECVERR, &on, sizeof on) == 0;
    }
    datagrams->errors_queued = queued_v4 || queued_v6;
}

int reactor_datagrams_open(struct reactor_datagrams *datagrams, struct reactor_loop *loop,
                           const struct reactor_datagrams_options *options)
{
    static const struct reactor_datagrams_options defaults = {0};
    struct reactor_handler *handler = &datagrams->handler;
    base_assert(!handler->loop && datagram_ops(datagrams)->received);
    options = options ? options : &defaults;
    if (reactor_datagrams_options_check(options, NULL) < 0)
        return -EINVAL;
    *datagrams = (struct reactor_datagrams){
        .handler = {.ops = handler->ops, .descriptor = handler->descriptor},
        .length_max = options->length_max ? options->length_max : DATAGRAM_LENGTH_MAX,
        .datagrams_a_turn = options->datagrams_a_turn ? options->datagrams_a_turn : DATAGRAMS_A_TURN_DEFAULT,
    };
    int result = datagram_scratch_create(loop);
    if (result == 0)
        result = datagram_batch_init(datagrams, options->output_max);
    if (result == 0)
        result = loop_attach(handler, loop, REACTOR_READ, &datagram_driver);
    if (result < 0 && datagrams->output)
        datagram_batch_done(datagrams);
    if (result == 0)
        set_up_socket(datagrams);
    return result;
}

void reactor_datagrams_close(struct reactor_datagrams *datagrams)
{
    if (!datagrams->handler.loop)
        return;
    (void) datagram_batch_flush(datagrams, false);
    let_go(datagrams);
}
