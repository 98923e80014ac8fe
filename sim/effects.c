#include "sim/effects.h"

#include <errno.h>
#include <string.h>

#include "reactor/base/reserve.h"

#define TAPE_BYTES (UINT64_C(1) << 36) /* address space: what one window can write */
#define TAPE_KEPT_BYTES (UINT64_C(32) << 20) /* resident between windows */

struct record {
    uint32_t kind;
    uint32_t bytes; /* with this head, a multiple of 8 */
};

int effects_open(struct shard *shard)
{
    shard->tape.bytes = base_reserve(TAPE_BYTES);
    return shard->tape.bytes ? 0 : -ENOMEM;
}

void effects_close(struct shard *shard)
{
    if (shard->tape.bytes)
        base_unreserve(shard->tape.bytes, TAPE_BYTES);
    shard->tape.bytes = NULL;
}

static void apply_log(struct run *run, const struct effect_log *log)
{
    trace_log(run->trace, log->at_ns, log->peer, log->level, (const char *) (log + 1));
}

static void apply_packet(struct run *run, const struct trace_packet *packet)
{
    struct trace_packet placed = *packet;
    placed.bytes = (const uint8_t *) (packet + 1);
    trace_packet(run->capture, &placed);
}

static void apply_up(struct run *run, const struct effect_of_peer *of)
{
    run->up_count++;
    run->up_by_instance[of->instance]++;
}

static void apply_down(struct run *run, const struct effect_of_peer *of)
{
    run->up_count--;
    run->up_by_instance[of->instance]--;
    broadcasts_peer_down(run, of);
}

void effect_apply(struct run *run, enum effect_kind kind, const void *what)
{
    switch (kind) {
    case EFFECT_MESSAGE: trace_message(run->trace, what); break;
    case EFFECT_EVENT: trace_event(run->trace, what); break;
    case EFFECT_SESSION: trace_session(run->trace, what); break;
    case EFFECT_LOOKUP: trace_lookup(run->trace, what); break;
    case EFFECT_NEIGHBOUR: trace_neighbour(run->trace, what); break;
    case EFFECT_SAMPLE: trace_sample(run->trace, what); break;
    case EFFECT_LOG: apply_log(run, what); break;
    case EFFECT_PACKET: apply_packet(run, what); break;
    case EFFECT_UP: apply_up(run, what); break;
    case EFFECT_DOWN: apply_down(run, what); break;
    case EFFECT_PUBLISHED: broadcasts_published(run, what); break;
    case EFFECT_RECEIVED: broadcasts_received(run, what); break;
    case EFFECT_DUPLICATE: broadcasts_duplicate(run, what); break;
    default: base_never("an effect of no kind");
    }
}

/* --- the tape --- */

static void put(struct shard *shard, enum effect_kind kind, const void *what, size_t length, const void *more,
                size_t more_length)
{
    struct tape *tape = &shard->tape;
    size_t bytes = (sizeof(struct record) + length + more_length + 7) / 8 * 8;
    if (tape->used + bytes > TAPE_BYTES) {
        run_fail(shard, -ENOBUFS, shard->event->target, "too much to record at one instant");
        return;
    }
    struct record *record = (struct record *) (void *) (tape->bytes + tape->used);
    *record = (struct record){.kind = kind, .bytes = (uint32_t) bytes};
    memcpy(record + 1, what, length);
    if (more_length)
        memcpy((uint8_t *) (record + 1) + length, more, more_length);
    tape->used += bytes;
}

void effect_write(struct shard *shard, enum effect_kind kind, const void *what, size_t length, const void *more,
                  size_t more_length)
{
    struct tape *tape = &shard->tape;
    const struct reactor_entry *event = shard->event;
    if (!tape->used || tape->target != event->target || tape->source != event->source || tape->count != event->count) {
        put(shard, EFFECT_OF_EVENT, event, sizeof *event, NULL, 0);
        tape->target = event->target; /* that alone tells apart who joins at 0 */
        tape->source = event->source;
        tape->count = event->count;
    }
    put(shard, kind, what, length, more, more_length);
}

static const struct record *record_at(const struct tape *tape, size_t at)
{
    return (const struct record *) (const void *) (tape->bytes + at);
}

static const struct reactor_entry *event_at(const struct tape *tape)
{
    return (const struct reactor_entry *) (const void *) (record_at(tape, tape->replayed) + 1);
}

/* The shard whose tape goes on with the earliest event; NULL: all are at their end. */
static struct shard *earliest(struct run *run)
{
    struct shard *first = NULL;
    for (uint32_t i = 0; i < run->shard_count; i++) {
        struct shard *shard = &run->shards[i];
        if (shard->tape.replayed < shard->tape.used &&
            (!first || reactor_entry_before(event_at(&shard->tape), event_at(&first->tape))))
            first = shard;
    }
    return first;
}

static void replay_event(struct run *run, struct tape *tape)
{
    tape->replayed += record_at(tape, tape->replayed)->bytes;
    while (tape->replayed < tape->used) {
        const struct record *record = record_at(tape, tape->replayed);
        if (record->kind == EFFECT_OF_EVENT)
            break;
        effect_apply(run, record->kind, record + 1);
        tape->replayed += record->bytes;
    }
}

static void empty_tapes(struct run *run)
{
    for (uint32_t i = 0; i < run->shard_count; i++) {
        struct tape *tape = &run->shards[i].tape;
        if (tape->used > TAPE_KEPT_BYTES)
            base_reserve_discard(tape->bytes + TAPE_KEPT_BYTES, tape->used - TAPE_KEPT_BYTES);
        tape->used = tape->replayed = 0;
    }
}

void effects_replay(struct run *run)
{
    for (struct shard *shard; (shard = earliest(run));)
        replay_event(run, &shard->tape);
    empty_tapes(run);
}

#define REPLAY_AHEAD 4
#define REPLAY_AHEAD_BYTES 512

void effects_replay_in_order(struct run *run, uint32_t first, const size_t *begun, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i + REPLAY_AHEAD < count && begun[i + REPLAY_AHEAD]) {
            const uint8_t *ahead = run_shard_of(run, first + i + REPLAY_AHEAD)->tape.bytes + begun[i + REPLAY_AHEAD];
            for (size_t at = 0; at < REPLAY_AHEAD_BYTES; at += 64)
                __builtin_prefetch(ahead + at);
        }
        if (!begun[i])
            continue;
        struct tape *tape = &run_shard_of(run, first + i)->tape;
        tape->replayed = begun[i] - 1;
        replay_event(run, tape);
    }
    empty_tapes(run);
}
