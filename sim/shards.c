/* Shards: what each loop owns, and what crosses from one to another. */
#include <errno.h>
#include <string.h>

#include "reactor/base/reserve.h"
#include "sim/addresses.h"
#include "sim/effects.h"
#include "sim/route.h"
#include "sim/samples.h"
#include "sim/transport.h"

/* Bounds, and address space for them: so many a peer, but room for a small run to misbehave. */
#define ENTRIES_A_PEER 1024u
#define ENTRIES_LEAST (UINT64_C(1) << 24)
#define ENTRIES_MOST (UINT64_C(1) << 31)
#define FLIGHT_BYTES_AN_ENTRY 64u
#define LOOKUPS_MAX (1u << 28)

/* What lies beside the peers' blocks is asked for ahead when the blocks alone are more than the second cache holds. */
#define PREFETCH_NEAR_FROM_BYTES (1u << 20)
#define OUTBOXES_BYTES (UINT64_C(1) << 36) /* address space: what one shard can send in a window */
#define OUTBOX_KEPT_BYTES (UINT64_C(4) << 20) /* resident between windows */

void *shard_memory(const struct run *run, size_t bytes)
{
    uintptr_t at = (uintptr_t) base_arena_take(run->arena, bytes + 2 * SHARD_ALIGNMENT);
    return (void *) ((at + SHARD_ALIGNMENT - 1) / SHARD_ALIGNMENT * SHARD_ALIGNMENT);
}

static int open_overlays(struct shard *shard)
{
    const struct identity *identity = shard->run->identity;
    shard->shared = base_arena_array(shard->run->arena, void *, identity->instance_count + 1);
    for (uint32_t i = 0; i < identity->instance_count; i++) {
        const struct identity_instance *instance = &identity->instances[i];
        if (instance->ops->open && instance->member_count &&
            !(shard->shared[i] = instance->ops->open(instance->choice->parameters, instance->member_count)))
            return -ENOMEM;
    }
    return 0;
}

void shard_metrics(struct shard *shard)
{
    struct run *run = shard->run;
    const struct identity *identity = run->identity;
    shard->metrics = shard_memory(run, (run->metric_count + 1) * sizeof(struct metric));
    for (uint32_t i = 0; i < identity->instance_count; i++)
        for (uint32_t m = 0; m < identity->instances[i].ops->metric_count; m++)
            shard->metrics[run->metric_first[i] + m].name = identity->instances[i].ops->metrics[m];
}

static uint64_t entries_max(const struct run *run)
{
    uint64_t entries = (uint64_t) run->identity->peer_count * ENTRIES_A_PEER;
    return entries < ENTRIES_LEAST ? ENTRIES_LEAST : entries < ENTRIES_MOST ? entries : ENTRIES_MOST;
}

/* A window is short, but for a million events at one instant. */
static void shard_turn(void *context)
{
    struct shard *shard = context;
    const volatile sig_atomic_t *stop = shard->run->options.stop;
    if (stop && *stop)
        reactor_loop_stop(shard->loop);
}

static int open_loop(struct shard *shard, struct base_diagnostics *diagnostics)
{
    static const char *const clocks[] = {"virtual", "real", "scaled"};
    const struct run *run = shard->run;
    bool descriptors = run->waits && run->transport->needs_descriptors;
    const char *demultiplexer = run->options.demultiplexer ? run->options.demultiplexer : descriptors ? "epoll" : "none";
    if (descriptors && strcmp(demultiplexer, "none") == 0) {
        base_diagnose(diagnostics, BASE_ERROR, run->scenario->transport.place,
                      "leave it out, or name another: peerlab list demultiplexers",
                      "this transport needs descriptors, and --demultiplexer none watches none");
        return -EINVAL;
    }
    struct reactor_loop_options options = {.demultiplexer = demultiplexer, .clock = clocks[run->scenario->clock],
                                           .scale_ppm = run->scenario->clock_scale_ppm,
                                           .entries_max = entries_max(run),
                                           .measure_times = samples_wanted(run)};
    int error = reactor_loop_create(&shard->loop, &options);
    if (error) {
        bool offered = error != -ENOSYS && error != -EPERM;
        base_diagnose(diagnostics, BASE_ERROR, (struct base_place){0},
                      offered ? NULL : "--demultiplexer auto takes the best that the kernel does offer",
                      "the event loop, over %s: %s", demultiplexer, strerror(-error));
        return error;
    }
    struct reactor_dispatch dispatch = {.context = shard, .batch = run_batch,
                                        .turn = run->shard_count == 1 ? run_turn : shard_turn};
    memcpy(dispatch.handle, run_dispatch, sizeof dispatch.handle);
    reactor_loop_dispatch_set(shard->loop, &dispatch);
    shard->queue = reactor_loop_queue(shard->loop);
    shard->timers = reactor_loop_timers(shard->loop);
    return 0;
}

static size_t outbox_bytes(const struct run *run)
{
    return OUTBOXES_BYTES / run->shard_count;
}

/* What only several shards need. */
static int open_exchange(struct shard *shard)
{
    const struct run *run = shard->run;
    if (run->shard_count == 1)
        return 0;
    shard->outboxes = shard_memory(run, run->shard_count * sizeof(struct outbox));
    for (uint32_t to = 0; to < run->shard_count; to++) {
        struct outbox *outbox = &shard->outboxes[to];
        if (to == shard->ordinal)
            continue;
        outbox->room = outbox_bytes(run);
        if (!(outbox->bytes = base_reserve(outbox->room)))
            return -ENOMEM;
    }
    return effects_open(shard);
}

static int open_truth(struct shard *shard)
{
    struct run *run = shard->run;
    if (shard->ordinal > 0)
        return truth_create(&shard->truth, run->identity);
    shard->truth = run->truth;
    return 0;
}

static bool run_has_lookups(const struct run *run)
{
    bool lookups = false;
    for (uint32_t i = 0; i < run->scenario->workload_count; i++)
        lookups |= !((const struct workload_ops *) run->scenario->workloads[i].action.kind->ops)->numbered;
    return lookups;
}

static const struct network_quick never_quick; /* until 0 */

static int open_shard(struct shard *shard, struct base_diagnostics *diagnostics)
{
    const struct run *run = shard->run;
    shard->active.shard = shard;
    int error = open_overlays(shard);
    if (error)
        return error;
    run_set_instance(&shard->active, 0);
    shard->network = run->network;
    shard->peer_count = run->identity->peer_count;
    shard->prefetch = run->identity->group_count == 1 ? shard->active.instance->ops->prefetch : NULL;
    shard->prefetches_near = (shard->prefetch || run_has_lookups(run)) && run->peers_bytes > PREFETCH_NEAR_FROM_BYTES;
    shard->address_first = run->scenario->address_first;
    shard->address_count = run->scenario->address_stride == 1 ? shard->peer_count : 0;
    shard->address_port = htobe16(run->scenario->address_port);
    shard->plain_sends = run->direct && !run->waits && run->identity->group_count == 1;
    shard->quick = shard->plain_sends ? network_quick(run->network) : &never_quick;
    shard->message = run->identity->group_count == 1 ? shard->active.instance->ops->message : NULL;
    error = open_truth(shard);
    error = error ? error : base_slab_init(&shard->lookups, sizeof(struct pending_lookup), LOOKUPS_MAX);
    error = error ? error : addresses_init(shard);
    error = error ? error : flight_init(&shard->flights, entries_max(shard->run) * FLIGHT_BYTES_AN_ENTRY);
    error = error ? error : open_exchange(shard);
    return error ? error : open_loop(shard, diagnostics);
}

int shards_open(struct run *run, struct base_diagnostics *diagnostics)
{
    int error = 0;
    for (uint32_t i = 0; i < run->shard_count && !error; i++)
        error = open_shard(&run->shards[i], diagnostics);
    return error;
}

static void close_shard(struct shard *shard)
{
    struct run *run = shard->run;
    const struct identity *identity = run->identity;
    for (uint32_t i = 0; identity && i < identity->instance_count && shard->shared; i++)
        if (shard->shared[i])
            identity->instances[i].ops->close(shard->shared[i]);
    if (shard->loop)
        reactor_loop_free(shard->loop);
    if (shard->truth && shard->truth != run->truth)
        truth_free(shard->truth);
    for (uint32_t to = 0; shard->outboxes && to < run->shard_count; to++)
        if (shard->outboxes[to].bytes)
            base_unreserve(shard->outboxes[to].bytes, shard->outboxes[to].room);
    flight_done(&shard->flights);
    base_slab_done(&shard->lookups);
    addresses_done(shard);
    effects_close(shard);
    totals_done(&shard->totals);
    for (uint32_t i = 0; shard->metrics && i < run->metric_count; i++)
        base_histogram_done(&shard->metrics[i].values);
}

void shards_close(struct run *run)
{
    for (uint32_t i = 0; i < run->shard_count; i++)
        close_shard(&run->shards[i]);
}

void shards_gather(struct run *run)
{
    struct shard *first = &run->shards[0];
    for (uint32_t i = 1; i < run->shard_count; i++) {
        struct shard *other = &run->shards[i];
        totals_add(&first->totals, &other->totals);
        for (uint32_t m = 0; m < run->metric_count; m++)
            base_histogram_merge(&first->metrics[m].values, &other->metrics[m].values);
        totals_done(&other->totals);
        other->totals = (struct run_totals){0};
    }
}

bool run_failed(const struct run *run)
{
    bool failed = false;
    for (uint32_t i = 0; i < run->shard_count; i++)
        failed |= run->shards[i].failure != 0;
    return failed;
}

uint64_t run_events(const struct run *run)
{
    uint64_t events = 0;
    for (uint32_t i = 0; i < run->shard_count; i++)
        events += run->shards[i].totals.events;
    return events;
}

uint64_t run_now_ns(const struct run *run)
{
    uint64_t now_ns = 0;
    for (uint32_t i = 0; i < run->shard_count; i++) {
        uint64_t own_ns = reactor_loop_now(run->shards[i].loop);
        now_ns = own_ns > now_ns ? own_ns : now_ns; /* a loop that was stopped may be behind */
    }
    return now_ns;
}

/* --- from one to another --- */

static size_t padded(size_t length)
{
    return (length + 63) / 64 * 64;
}

void shard_send_out(struct shard *shard, const struct reactor_entry *entry, uint64_t due_ns, uint64_t sent_at_ns,
                    const void *bytes, size_t length)
{
    struct outbox *outbox = &shard->outboxes[run_shard_of(shard->run, entry->target)->ordinal];
    struct run_carried *sent = (struct run_carried *) (void *) (outbox->bytes + outbox->used);
    bool carries = length <= RUN_CARRIED_MAX;
    if (outbox->used + sizeof *sent + padded(length) > outbox->room) {
        run_fail(shard, -ENOBUFS, entry->target, "too many messages in flight");
        return;
    }
    sent->entry = *entry;
    sent->entry.due_ns = due_ns;
    sent->entry.step = 0;
    sent->entry.payload = (uint32_t) length;
    sent->entry.order |= carries ? REACTOR_CARRIES : 0;
    sent->sent_at_ns = sent_at_ns;
    if (carries)
        route_copy(sent->bytes, bytes, length);
    else
        memcpy(sent + 1, bytes, length);
    outbox->used += sizeof *sent + (carries ? 0 : padded(length));
}

static void take(struct shard *shard, const struct run_carried *sent)
{
    bool carries = sent->entry.order & REACTOR_CARRIES;
    base_assert(sent->entry.due_ns >= reactor_loop_now(shard->loop)); /* else the window was longer than the lookahead */
    uint32_t flight = carries ? 0 : flight_take(&shard->flights, sent + 1, sent->entry.payload, sent->sent_at_ns);
    bool held = carries || flight;
    struct reactor_entry *place = held ? reactor_queue_reserve(shard->queue, sent->entry.due_ns, carries) : NULL;
    if (!place) {
        run_fail(shard, -ENOBUFS, sent->entry.target, "too many messages in flight");
        return;
    }
    if (carries) {
        *(struct run_carried *) (void *) place = *sent;
    } else {
        *place = sent->entry;
        place->payload = flight;
    }
    reactor_queue_commit(shard->queue, place);
}

void shard_take_in(struct shard *shard)
{
    struct run *run = shard->run;
    for (uint32_t from = 0; from < run->shard_count; from++) {
        if (from == shard->ordinal)
            continue;
        struct outbox *outbox = &run->shards[from].outboxes[shard->ordinal];
        for (size_t at = 0; at < outbox->used && !shard->failure;) {
            const struct run_carried *sent = (const struct run_carried *) (const void *) (outbox->bytes + at);
            take(shard, sent);
            at += sizeof *sent + (sent->entry.order & REACTOR_CARRIES ? 0 : padded(sent->entry.payload));
        }
        if (outbox->used > OUTBOX_KEPT_BYTES)
            base_reserve_discard(outbox->bytes + OUTBOX_KEPT_BYTES, outbox->used - OUTBOX_KEPT_BYTES);
        outbox->used = 0;
    }
}
