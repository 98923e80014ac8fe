#include "reactor/handler.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reactor/base/assert.h"
#include "reactor/loop_internal.h"

#define DRIVER_TIMER 1 /* the kind of a driver's timer; an owner's is 0 */

static struct loop_slot *slot_at(const struct reactor_loop *loop, uint32_t number)
{
    return base_slab_at(&loop->slots, number);
}

static uint64_t token_of(uint32_t serial, uint32_t number)
{
    return (uint64_t) serial << 32 | number;
}

/* What the demultiplexer is to look for. A connect is over when the descriptor becomes writable. */
static uint32_t watched(const struct reactor_handler *handler)
{
    return handler->connecting ? REACTOR_WRITE | (handler->interest & REACTOR_EDGE) : handler->interest;
}

static int update(struct reactor_handler *handler)
{
    struct reactor_loop *loop = handler->loop;
    return loop->demultiplexer->change(loop->demultiplexer_state, handler->descriptor, watched(handler),
                                       token_of(slot_at(loop, handler->slot)->serial, handler->slot));
}

static int watch(struct reactor_handler *handler, struct reactor_loop *loop, uint64_t token)
{
    int result = loop->demultiplexer->add(loop->demultiplexer_state, handler->descriptor, watched(handler), token);
    handler->watched = result >= 0;
    return result;
}

int loop_attach(struct reactor_handler *handler, struct reactor_loop *loop, uint32_t interest,
                const struct loop_driver *driver)
{
    if (loop->closing)
        return -ESHUTDOWN;
    uint32_t number = base_slab_take(&loop->slots);
    if (!number) {
        loop_count(loop->statistics.handlers_refused, 1);
        return -ENOBUFS;
    }
    handler->interest = interest & (REACTOR_READ | REACTOR_WRITE | REACTOR_EDGE);
    handler->connecting = interest & REACTOR_CONNECTING;
    handler->watched = false;
    uint32_t serial = ++loop->slot_serial ? loop->slot_serial : ++loop->slot_serial;
    int result = interest & LOOP_UNWATCHED ? 0 : watch(handler, loop, token_of(serial, number));
    if (result < 0) {
        base_slab_give(&loop->slots, number);
        return result;
    }
    struct loop_slot *slot = slot_at(loop, number);
    slot->serial = serial;
    slot->handler = handler;
    handler->loop = loop;
    handler->slot = number;
    handler->timer = 0;
    handler->driver = driver;
    handler->flush_link = NULL;
    loop->handler_count++;
    return 0;
}

int reactor_handler_attach(struct reactor_handler *handler, struct reactor_loop *loop, uint32_t interest)
{
    base_assert(!handler->loop);
    return loop_attach(handler, loop, interest & (REACTOR_READ | REACTOR_WRITE | REACTOR_EDGE | REACTOR_CONNECTING), NULL);
}

int loop_watch(struct reactor_handler *handler)
{
    return handler->watched ? 0 : watch(handler, handler->loop, loop_token(handler));
}

int loop_rewatch(struct reactor_handler *handler)
{
    return handler->watched && handler->loop->demultiplexer->edges ? update(handler) : 0;
}

void loop_unwatch(struct reactor_handler *handler)
{
    if (handler->watched)
        (void) handler->loop->demultiplexer->remove(handler->loop->demultiplexer_state, handler->descriptor);
    handler->watched = false;
}

int reactor_handler_interest(struct reactor_handler *handler, uint32_t interest)
{
    base_assert(handler->loop);
    uint32_t before = handler->interest;
    handler->interest = interest & (REACTOR_READ | REACTOR_WRITE | REACTOR_EDGE);
    if (handler->interest == before || !handler->watched)
        return 0;
    int result = update(handler);
    if (result < 0)
        handler->interest = before;
    return result;
}

static void flush_forget(struct reactor_loop *loop, struct reactor_handler *handler)
{
    if (!handler->flush_link)
        return;
    *handler->flush_link = handler->flush_next;
    if (handler->flush_next)
        handler->flush_next->flush_link = handler->flush_link;
    else if (loop->flush_end == &handler->flush_next)
        loop->flush_end = handler->flush_link;
    handler->flush_link = NULL;
}

void loop_detach(struct reactor_handler *handler)
{
    struct reactor_loop *loop = handler->loop;
    reactor_handler_timer_disarm(handler);
    flush_forget(loop, handler);
    /* Also of what is closed next: a copy of the descriptor, by dup or in a child, would go on being reported, and could
     * not be removed any more. Fails where the owner closed it first. */
    if (handler->watched)
        (void) loop->demultiplexer->remove(loop->demultiplexer_state, handler->descriptor);
    handler->watched = false;
    slot_at(loop, handler->slot)->serial = 0;
    base_slab_give(&loop->slots, handler->slot);
    loop->handler_count--;
    handler->loop = NULL;
}

void reactor_handler_detach(struct reactor_handler *handler)
{
    if (handler->loop)
        loop_detach(handler);
}

void loop_flush_later(struct reactor_handler *handler)
{
    struct reactor_loop *loop = handler->loop;
    if (handler->flush_link)
        return;
    handler->flush_next = NULL;
    handler->flush_link = loop->flush_end;
    *loop->flush_end = handler;
    loop->flush_end = &handler->flush_next;
}

/* One pass: who is queued again meanwhile has its turn with the next one. */
uint32_t loop_flush_all(struct reactor_loop *loop)
{
    struct reactor_handler *pass = loop->flush_first;
    uint32_t count = 0;
    loop->flush_first = NULL;
    loop->flush_end = &loop->flush_first;
    if (pass)
        pass->flush_link = &pass;
    for (struct reactor_handler *handler; (handler = pass) != NULL; count++) {
        flush_forget(loop, handler);
        handler->driver->flush(handler);
    }
    return count;
}

static int arm(struct reactor_handler *handler, uint32_t *timer, uint8_t kind, uint64_t delay_ns)
{
    struct reactor_loop *loop = handler->loop;
    base_assert(loop);
    uint64_t now_ns = reactor_clock_now(&loop->clock);
    struct reactor_entry entry = {
        .due_ns = delay_ns < UINT64_MAX - now_ns ? now_ns + delay_ns : UINT64_MAX,
        .target = handler->slot,
        .source = LOOP_INTERNAL_SOURCE,
        .count = loop->internal_count++,
        .order = REACTOR_INTERNAL,
        .kind = kind,
    };
    if (*timer && reactor_timer_rearm(&loop->timers, *timer, &entry))
        return 0;
    uint32_t armed = reactor_timer_arm(&loop->timers, &entry, handler->slot);
    if (!armed) {
        loop_count(loop->statistics.timers_refused, 1);
        return -ENOBUFS;
    }
    loop_driver_timer_disarm(handler, timer);
    *timer = armed;
    return 0;
}

int reactor_handler_timer_arm(struct reactor_handler *handler, uint64_t delay_ns)
{
    return arm(handler, &handler->timer, 0, delay_ns);
}

int loop_driver_timer_arm(struct reactor_handler *handler, uint32_t *timer, uint64_t delay_ns)
{
    return arm(handler, timer, DRIVER_TIMER, delay_ns);
}

void reactor_handler_timer_disarm(struct reactor_handler *handler)
{
    loop_driver_timer_disarm(handler, &handler->timer);
}

void loop_driver_timer_disarm(struct reactor_handler *handler, uint32_t *timer)
{
    if (handler->loop && *timer)
        reactor_timer_disarm(&handler->loop->timers, *timer, handler->slot);
    *timer = 0;
}

void loop_tell_measured(struct reactor_loop *loop, struct reactor_handler *handler,
                        void (*event)(struct reactor_handler *))
{
    const char *name = handler->ops->name; /* the handler may be gone afterwards */
    uint64_t begun_ns = loop_call_begin(loop);
    event(handler);
    loop_call_end(loop, begun_ns, name);
}

void loop_tell_disconnected(struct reactor_loop *loop, struct reactor_handler *handler, int reason)
{
    if (!handler->ops->disconnected)
        return;
    const char *name = handler->ops->name;
    uint64_t begun_ns = loop_call_begin(loop);
    handler->ops->disconnected(handler, reason);
    loop_call_end(loop, begun_ns, name);
}

static void disconnect(struct reactor_loop *loop, struct reactor_handler *handler, int reason)
{
    loop_detach(handler);
    loop_tell_disconnected(loop, handler, reason);
}

void loop_handle_internal(void *context, struct reactor_entry *entry)
{
    struct reactor_loop *loop = context;
    uint32_t number;
    if (entry->kind == LOOP_HANDED) {
        loop->handed.handle(loop->handed.context, entry);
        return;
    }
    if (!reactor_timer_fire(&loop->timers, entry, &number))
        return;
    struct reactor_handler *handler = slot_at(loop, number)->handler;
    if (entry->kind == DRIVER_TIMER) {
        handler->driver->timed_out(handler);
        return;
    }
    handler->timer = 0;
    loop_tell(loop, handler, handler->ops->timed_out);
}

/* The error that the kernel holds for a socket, negative; 0: none; what is not a socket has none to tell. */
int loop_socket_error(int descriptor, int otherwise)
{
    int error = 0;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error}) < 0)
        return otherwise;
    return -error;
}

int loop_connected(struct reactor_handler *handler, uint32_t readiness)
{
    int error = loop_socket_error(handler->descriptor, readiness & REACTOR_FAILED ? -EPIPE : 0);
    handler->connecting = false;
    return error < 0 ? error : update(handler);
}

static void finish_connecting(struct reactor_loop *loop, struct reactor_handler *handler, uint32_t readiness)
{
    int error = loop_connected(handler, readiness);
    if (error < 0)
        disconnect(loop, handler, error);
    else
        loop_tell(loop, handler, handler->ops->connected);
}

/* A hang-up with nothing left to read, or an error: the handler cannot learn of it by reading, or does not want to
 * read, and level-triggered it would come again at once. */
static void handle_trouble(struct reactor_loop *loop, struct reactor_handler *handler, uint32_t readiness)
{
    bool reads = (readiness & REACTOR_READABLE) && (handler->interest & REACTOR_READ);
    int error = readiness & REACTOR_FAILED ? loop_socket_error(handler->descriptor, -EPIPE) : 0;
    if (error < 0)
        disconnect(loop, handler, error);
    else if (!reads && (readiness & (REACTOR_HANGUP | REACTOR_FAILED)))
        disconnect(loop, handler, -EPIPE);
}

/* By edges: an end or an error lies behind what can be read, and a short read does not show it. From now on the level
 * tells. False: it is gone. */
static bool leave_edges(struct reactor_loop *loop, struct reactor_handler *handler)
{
    handler->interest &= ~(uint32_t) REACTOR_EDGE;
    int result = update(handler);
    if (result < 0)
        disconnect(loop, handler, result);
    return result >= 0;
}

/* Anything but input alone. */
static void handle_readiness(struct reactor_loop *loop, struct reactor_handler *handler,
                             const struct reactor_ready *ready)
{
    uint64_t token = ready->token;
    bool ends = ready->readiness & (REACTOR_ENDING | REACTOR_HANGUP | REACTOR_FAILED);
    if (ends && (handler->interest & REACTOR_EDGE) && !leave_edges(loop, handler))
        return;
    if ((ready->readiness & REACTOR_READABLE) && (handler->interest & REACTOR_READ))
        loop_tell(loop, handler, handler->ops->input_ready);
    handler = loop_handler_at(loop, token);
    if (handler && (ready->readiness & REACTOR_WRITABLE) && (handler->interest & REACTOR_WRITE))
        loop_tell(loop, handler, handler->ops->output_ready);
    handler = loop_handler_at(loop, token);
    if (handler && (ready->readiness & (REACTOR_HANGUP | REACTOR_FAILED)))
        handle_trouble(loop, handler, ready->readiness);
}

/* What a completion brought for somebody who has gone. */
static void drop_completion(struct reactor_loop *loop, const struct reactor_ready *ready)
{
    if ((ready->readiness & REACTOR_RECEIVED) && ready->result > 0)
        loop->demultiplexer->completions->give(loop->demultiplexer_state, ready->buffer);
    else if ((ready->readiness & REACTOR_ACCEPTED) && ready->result >= 0)
        close(ready->result);
}

void loop_handle_ready(struct reactor_loop *loop, const struct reactor_ready *ready)
{
    struct reactor_handler *handler = loop_handler_at(loop, ready->token);
    if (!handler) {
        loop_count(loop->statistics.stale_events, 1);
        drop_completion(loop, ready);
        return;
    }
    bool is_completed = ready->readiness & REACTOR_COMPLETIONS;
    loop_calls_in_a_row(loop, handler->driver ? is_completed : !handler->connecting);
    if (handler->driver) {
        if (is_completed)
            handler->driver->completed(handler, ready);
        else
            handler->driver->ready(handler, ready->readiness);
        return;
    }
    if (handler->connecting) {
        finish_connecting(loop, handler, ready->readiness);
        return; /* what else is ready comes with the next turn */
    }
    if (ready->readiness != REACTOR_READABLE)
        handle_readiness(loop, handler, ready);
    else if (handler->interest & REACTOR_READ)
        loop_tell(loop, handler, handler->ops->input_ready);
}

void loop_detach_all(struct reactor_loop *loop)
{
    for (uint32_t number = 1; number < loop->slots.used_end; number++) {
        const struct loop_slot *slot = slot_at(loop, number);
        if (slot->serial && slot->handler->driver)
            slot->handler->driver->disconnect(slot->handler, 0);
        else if (slot->serial)
            disconnect(loop, slot->handler, 0);
    }
}
