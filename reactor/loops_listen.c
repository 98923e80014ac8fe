/* How several loops come to their connections. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reactor/listener_internal.h"
#include "reactor/loops_internal.h"
#include "reactor/options.h"

static const struct reactor_handler_ops acceptor_ops = {.name = "acceptor of several loops"};

static void add_one(_Atomic uint64_t *counter)
{
    /* One thread writes it: no need for a locked instruction. */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

static void refuse(struct loops_member *member, int descriptor)
{
    add_one(&member->refused); /* first: who was reset may ask at once */
    listener_reset(descriptor);
}

static void take(struct loops_member *member, const struct loops_listening *listening, int descriptor)
{
    add_one(&member->accepted);
    listening->options.accepted(listening->options.context, member->loop, member->index, descriptor);
}

void loops_take_handed(void *context, struct reactor_entry *entry)
{
    struct loops_member *member = context;
    const struct loops_listening *listening = member->loops->listenings;
    while (listening->number != entry->target)
        listening = listening->next;
    uint32_t taken = atomic_load_explicit(&member->taken, memory_order_relaxed);
    take(member, listening, (int) entry->payload);
    /* First it is among the handlers, then no more under way: so the bound is kept. */
    atomic_store_explicit(&member->loop->handlers_told, member->loop->handler_count, memory_order_relaxed);
    atomic_store_explicit(&member->taken, taken + 1, memory_order_release);
}

void loops_close_handed(struct loops_member *member)
{
    struct reactor_entry entry;
    while (post_ring_take(&member->loop->posts, &entry))
        if ((entry.order & REACTOR_CLASS_MASK) == REACTOR_INTERNAL)
            refuse(member, (int) entry.payload);
}

/* What a loop has and what is on its way to it, as far as another thread can know. */
static uint32_t load_of(const struct loops_member *member, const struct loops_member *self)
{
    if (member == self)
        return member->loop->handler_count;
    uint32_t under_way = member->handed - atomic_load_explicit(&member->taken, memory_order_acquire);
    return atomic_load_explicit(&member->loop->handlers_told, memory_order_relaxed) + under_way;
}

static bool hand_over(struct loops_member *self, struct loops_member *to, const struct loops_listening *listening,
                      int descriptor)
{
    uint32_t max = listening->options.handlers_max;
    if (max && load_of(to, self) >= max)
        return false;
    if (to == self) {
        take(self, listening, descriptor);
        return true;
    }
    const struct reactor_entry entry = {.target = listening->number, .order = REACTOR_INTERNAL, .kind = LOOP_HANDED,
                                        .payload = (uint32_t) descriptor};
    if (loop_post(to->loop, &entry) < 0)
        return false;
    to->handed++;
    return true;
}

static uint32_t least_loaded(const struct reactor_loops *loops, const struct loops_member *self)
{
    uint32_t least = 0, least_load = load_of(&loops->members[0], self);
    for (uint32_t i = 1; i < loops->count; i++) {
        uint32_t load = load_of(&loops->members[i], self);
        if (load < least_load) {
            least = i;
            least_load = load;
        }
    }
    return least;
}

static void accepted(struct reactor_listener *listener, int descriptor)
{
    const struct loops_listener *own = (struct loops_listener *) (void *) listener;
    struct loops_listening *listening = own->listening;
    struct reactor_loops *loops = listening->loops;
    bool alone = listening->options.spread == REACTOR_REUSEPORT;
    uint32_t first = alone ? own->member->index
                     : listening->options.spread == REACTOR_LEAST ? least_loaded(loops, own->member)
                                                                  : listening->turn++ % loops->count;
    for (uint32_t i = 0; i < (alone ? 1 : loops->count); i++) /* one that has no room is passed over */
        if (hand_over(own->member, &loops->members[(first + i) % loops->count], listening, descriptor))
            return;
    refuse(own->member, descriptor);
}

/* Opens the next listener. The address is the first one's from then on: it may have got its port from the system. */
static int open_one(struct loops_listening *listening, struct sockaddr_storage *address, socklen_t *bytes)
{
    struct loops_listener *own = &listening->listeners[listening->count];
    int descriptor = reactor_listen((struct sockaddr *) address, *bytes, listening->options.backlog,
                                    listening->options.spread == REACTOR_REUSEPORT);
    if (descriptor < 0)
        return descriptor;
    own->listening = listening;
    own->member = &listening->loops->members[listening->count];
    own->listener.handler.ops = &acceptor_ops;
    own->listener.handler.descriptor = descriptor;
    own->listener.accepted = accepted;
    *bytes = sizeof *address;
    int result = getsockname(descriptor, (struct sockaddr *) address, bytes) < 0 ? -errno : 0;
    if (result == 0)
        result = reactor_listener_open(&own->listener, own->member->loop, &(struct reactor_listener_options){0});
    if (result < 0) {
        close(descriptor);
        return result;
    }
    listening->count++;
    return 0;
}

static void close_all(struct loops_listening *listening)
{
    for (uint32_t i = 0; i < listening->count; i++)
        reactor_listener_close(&listening->listeners[i].listener);
    free(listening);
}

int reactor_loops_listen(struct reactor_loops *loops, const struct reactor_loops_listen_options *options,
                         struct base_diagnostics *diagnostics)
{
    uint32_t count = options->spread == REACTOR_REUSEPORT ? loops->count : 1;
    struct sockaddr_storage address;
    socklen_t bytes = options->address_bytes;
    int begun = loops_refuse_begun(loops, "listening", diagnostics);
    if (begun < 0)
        return begun;
    if (reactor_loops_listen_options_check(options, diagnostics) < 0)
        return -EINVAL;
    memcpy(&address, options->address, bytes);
    struct loops_listening *listening = calloc(1, sizeof *listening + count * sizeof listening->listeners[0]);
    int result = listening ? 0 : -ENOMEM;
    if (result == 0) {
        *listening = (struct loops_listening){.loops = loops, .options = *options, .next = loops->listenings,
                                              .number = loops->listenings ? loops->listenings->number + 1 : 0};
        listening->options.address = NULL;
    }
    while (result == 0 && listening->count < count)
        result = open_one(listening, &address, &bytes);
    if (result == 0) {
        loops->listenings = listening;
        return 0;
    }
    if (diagnostics)
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place){0}, NULL, "loop %u: listening: %s",
                      listening ? listening->count : 0, strerror(-result));
    if (listening)
        close_all(listening);
    return result;
}

int reactor_loops_address(const struct reactor_loops *loops, struct sockaddr_storage *address, socklen_t *bytes)
{
    if (!loops->listenings)
        return -ENOTCONN;
    *bytes = sizeof *address;
    int descriptor = loops->listenings->listeners[0].listener.handler.descriptor;
    return getsockname(descriptor, (struct sockaddr *) address, bytes) < 0 ? -errno : 0;
}

void loops_free_listenings(struct reactor_loops *loops)
{
    while (loops->listenings) {
        struct loops_listening *listening = loops->listenings;
        loops->listenings = listening->next;
        free(listening);
    }
}

struct reactor_loops_statistics reactor_loops_statistics(const struct reactor_loops *loops)
{
    struct reactor_loops_statistics sum = {0};
    for (uint32_t i = 0; i < loops->count; i++) {
        sum.accepted += atomic_load_explicit(&loops->members[i].accepted, memory_order_relaxed);
        sum.refused += atomic_load_explicit(&loops->members[i].refused, memory_order_relaxed);
    }
    return sum;
}
