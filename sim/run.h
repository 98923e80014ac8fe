/* Inside of a run: what the engine's files share. Overlays never see this (they see peer.h).
 *
 * Layout for ten million peers: everything that an event touches of a peer is one block, `struct peer_hot` and right
 * behind it the overlay's fixed state, at peers + index * peer_bytes; what is rarely wanted is `struct peer_cold`, whose
 * pages stay untouched while peers neither leave nor come back. A shard is what one loop owns, one a thread: peers are dealt
 * out to them in blocks of 64, so that neither a cache line nor a word of a bit set has two owners. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include <endian.h>
#include <signal.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/histogram.h"
#include "reactor/loop.h"
#include "sim/addresses.h"
#include "sim/engine.h"
#include "sim/flight.h"
#include "sim/graphs/graph.h"
#include "sim/identity.h"
#include "sim/network.h"
#include "sim/plan.h"
#include "sim/truth.h"
#include "sim/workload.h"
#include "traces/trace.h"

#define RUN_SAMPLED 8u /* in reactor_entry.order: belongs to a causal tree that is recorded */

struct peer_hot {
    uint64_t digest;
    uint32_t seq;      /* of the event dispatched last */
    uint32_t count;    /* entries created: keys the order and the link's draws */
    uint32_t born;     /* count when the present incarnation began: timers armed before it are another's */
    uint32_t draws;    /* of the peer's own random stream */
    uint32_t lookups;  /* first of its pending lookups (run->lookups); 0: none */
    uint16_t group;
    uint8_t up;
    uint8_t spare;
};
_Static_assert(sizeof(struct peer_hot) == 32, "with a small state a peer is one cache line");

struct peer_cold {
    uint64_t up_at_ns;
    uint32_t earlier;  /* incarnations before the present one */
    uint32_t spare;
};

/* A lookup that is going on. Its name at the overlay is the seq of the action that began it. */
struct pending_lookup {
    uint64_t started_at_ns;
    uint32_t next, seq;
    uint32_t owner_at_start; /* peer; UINT32_MAX: nobody, or not asked because nobody comes or goes */
    struct overlay_id key;
};

/* Answers of one instance's lookups that are judged together: lookups.c. */
#define UNJUDGED 64u /* bits of counted */
struct unjudged {
    uint32_t instance, count;
    uint64_t counted;                   /* bit an answer */
    uint32_t owners[UNJUDGED];          /* UINT32_MAX: nobody, which is wrong */
    struct overlay_id keys[UNJUDGED];
    struct trace_lookup rows[UNJUDGED]; /* where lookups are recorded */
};

struct broadcast {
    uint64_t published_at_ns;
    uint32_t eligible, reached; /* others up at publication; of them, who got it */
    uint32_t publisher;
    uint32_t waiting;           /* eligible, up and without it */
    uint32_t rounds;            /* greatest round reported until nobody was waiting */
    uint64_t *known;            /* bit a peer */
    uint16_t *duplicates;       /* by peer, while broadcasts are recorded; else NULL */
    uint16_t instance;
    bool counted;               /* published after warm-up */
};

enum { RUN_JOIN, RUN_LEAVE, RUN_CRASH, RUN_RESTART, RUN_TIMER, RUN_ACTION /* + workload kind */ }; /* event_kind */

struct run_totals {
    uint64_t events, sent, delivered, bytes, dropped[NETWORK_FATES];
    uint64_t lookups_issued, lookups_succeeded, lookups_unfinished, lookups_correct;
    struct base_histogram hops, lookup_latency_ns, lookup_messages, lookup_timeouts;
    uint64_t broadcasts, eligible, reached, duplicates, rounds_known;
    unsigned __int128 rounds_sum;
    uint32_t last_hop_max;
    struct base_histogram broadcast_latency_ns, lag_ns;
};

struct metric {
    const char *name;
    struct base_histogram values;
};

struct shard;
struct windows;

/* What peer.h's functions work on: the peer that is being handled. */
struct peer {
    struct shard *shard;
    struct peer_hot *hot;
    const struct identity_instance *instance;
    void *shared;     /* of that instance: what ops->open made */
    uint64_t now_ns;
    uint32_t index;
    uint32_t cause;   /* for what it sends and arms: this event, or its nearest recorded ancestor here */
    uint16_t step;    /* of this event */
    uint8_t sampled;  /* RUN_SAMPLED or 0 */
    uint8_t instance_ordinal;
};

struct foreign_address {
    uint32_t host;
    uint16_t port;
};

/* A datagram under way, as it stands in the queue, one cache line: what is short travels with its entry (REACTOR_CARRIES;
 * entry.payload is the length), what is longer is a flight (entry.payload is its handle). */
#define RUN_CARRIED_MAX ((size_t) PEER_SHORT_OCTETS)
struct run_carried {
    struct reactor_entry entry;
    uint64_t sent_at_ns;
    uint8_t bytes[RUN_CARRIED_MAX]; /* zero behind the length */
};
_Static_assert(sizeof(struct run_carried) == 64, "a cache line");

struct run_bytes {
    const uint8_t *bytes;
    size_t length;
    uint64_t sent_at_ns;
};

/* What a shard's events did beyond their own peers, in order: effects.h. */
struct tape {
    uint8_t *bytes;
    size_t used, replayed;
    uint32_t target, source, count; /* of the event that was written last */
};

/* Messages for another shard's peers: struct run_carried, and what is not carried behind it. */
struct outbox {
    uint8_t *bytes;
    size_t used, room;
};

struct foreign_addresses {
    struct foreign_address *items;
    uint32_t count;
};

#define SHARD_ALIGNMENT 128 /* lines are fetched in pairs: what two threads write must not share one */

struct shard {
    _Alignas(SHARD_ALIGNMENT) struct run *run;
    uint32_t ordinal;
    struct network *network;   /* the run's */
    const struct network_quick *quick; /* the network's where plain_sends and all peers are this loop's, else never */
    bool (*message)(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length); /* as prefetch */
    uint32_t peer_count;
    uint32_t address_first;    /* host */
    uint32_t address_count;    /* so many follow it; 0: the plan's stride is not 1 */
    uint16_t address_port;     /* network order */
    bool (*prefetch)(const void *state, const void *shared, uint8_t kind, const uint8_t *bytes, size_t length);
                               /* the overlay's, where there is one group; else NULL */
    bool prefetches_near;      /* there is that, or there are lookups */
    bool plain_sends;          /* what is sent goes into a queue: transport `memory`, virtual time; and one group */
    bool taping;               /* a window is going on: effects are written down */
    const struct reactor_entry *event; /* that is being dispatched */
    struct reactor_loop *loop;
    struct reactor_queue *queue;
    struct reactor_timers *timers;
    struct flight_pool flights;
    struct peer active;
    void **shared;             /* by instance: what ops->open made */
    void *transport_state;
    struct run_totals totals;
    struct metric *metrics;    /* of all instances, in order */
    struct truth *truth;       /* its own where peers come and go, else the first shard's */
    struct base_slab lookups;
    struct unjudged unjudged;
    struct foreign_addresses foreign;
    struct tape tape;
    struct outbox *outboxes;   /* by shard */
    int failure;               /* -errno: the run ends */
    const char *failure_text;
    uint32_t failure_peer;
};

struct run {
    const struct scenario *scenario;
    struct engine_options options;
    struct identity *identity;
    struct plan *plan;
    struct truth *truth;       /* the first shard's */
    struct network *network;
    struct graph *graph;       /* initial_graph; NULL: none */
    struct trace *trace;
    struct trace *capture;     /* NULL: none */
    const struct transport_ops *transport;
    struct base_arena *arena;
    uint8_t *peers;            /* peer_count blocks of peer_bytes */
    size_t peer_bytes, peers_bytes;
    struct peer_cold *cold;
    size_t cold_bytes;
    uint64_t *overlay_key;     /* by group: key of the peers' own streams */
    uint64_t *workload_key;    /* by workload and group */
    struct broadcast *broadcasts; /* by id - 1 */
    uint32_t broadcast_count, broadcast_capacity;
    uint32_t *open_broadcasts;    /* ids whose waiting is not 0 */
    uint32_t open_broadcast_count;
    struct census *census;     /* by instance, at time 0 only; NULL: nobody starts converged */
    uint32_t *metric_first;    /* by instance */
    uint8_t *kind_first;       /* by instance: first of its message kinds among message_kind.id */
    uint8_t *table_first;      /* by instance: first of its neighbour tables among those of all */
    uint32_t metric_count;
    uint32_t record;           /* scenario->record while a trace is kept, else 0 */
    uint32_t sample_ppb;
    uint64_t sample_key;
    uint64_t keys_key;         /* of the run's numbered keys */
    uint64_t warm_up_ns;
    uint32_t plan_count;       /* entries of source 0 */
    uint32_t up_count, *up_by_instance;
    uint64_t violations;       /* of overlays' invariants, at the end */
    bool population_moves;     /* peers come or go during the run */
    bool waits;                /* the clock is not virtual */
    bool clock_runs;           /* it does wait, and set-up is over */
    bool faults_on_links;
    bool overlays_prefetch;    /* one of them has the hook */
    bool direct;               /* transport->direct */
    bool plain;                /* that, and nothing to be done for a message but to let its target handle it: the clock is
                                  virtual, nothing is recorded or captured, no fault acts on links; and there is one group */
    bool plain_recorded;       /* the same, but a trace is kept */
    uint8_t recorded_messages; /* bits of reactor_entry.order: RUN_SAMPLED where messages are recorded, else 0 */
    uint32_t prefetch_bytes;   /* of an upcoming target's block; 0: the cache holds all of them */
    uint32_t prefetch_message_bytes; /* the same, of a message's */
    uint32_t prefetch_last[2]; /* where the last line that is asked for begins: of what is none, of a message */
    uint64_t started_wall_ns, setup_wall_ns, setup_cpu_ns;
    uint64_t ended_at_ns;      /* of the scenario's clock */
    uint64_t progress_wall_ns, progress_events;
    struct trace_totals trace_totals, capture_totals;
    uint64_t capture_epoch_ns; /* since 1970, when the run's clock was at 0 */
    char digest[33];
    struct summary summary;
    struct base_assert_context assert_context;
    bool interrupted;
    bool captured;             /* to the end, without an error */
    struct shard *shards;
    uint32_t shard_count;
    const char *fewer_shards;  /* why, than was asked for; NULL: they are not */
    struct windows *windows;   /* NULL: one loop */
    struct samples *samples;   /* of the loop itself, in real time; NULL: none are taken */
    uint64_t lookahead_ns;     /* the least delay between two peers */
};

#define RUN_BLOCK 64u /* peers */

static inline struct shard *run_shard_of(const struct run *run, uint32_t peer)
{
    uint32_t block = peer / RUN_BLOCK, mask = run->shard_count - 1;
    return &run->shards[(run->shard_count & mask) == 0 ? block & mask : block % run->shard_count];
}

static inline struct peer_hot *run_hot(const struct run *run, uint32_t peer)
{
    return (struct peer_hot *) (void *) (run->peers + (size_t) peer * run->peer_bytes);
}

/* The overlay that peer runs. With one group it is set for good, when the shard is opened. */
static inline void run_set_instance(struct peer *peer, uint32_t ordinal)
{
    peer->instance_ordinal = (uint8_t) ordinal;
    peer->shared = peer->shard->shared[ordinal];
    peer->instance = &peer->shard->run->identity->instances[ordinal];
}

static inline struct run_bytes run_bytes_of(const struct shard *shard, const struct reactor_entry *entry)
{
    if (entry->order & REACTOR_CARRIES) {
        const struct run_carried *carried = (const struct run_carried *) (const void *) entry;
        return (struct run_bytes){carried->bytes, entry->payload, carried->sent_at_ns};
    }
    const struct flight_cell *cell = flight_at(&shard->flights, entry->payload);
    return (struct run_bytes){cell->bytes, cell->length, cell->sent_at_ns};
}

/* Of a plan whose addresses follow one another, an addition; and a subtraction. */
static inline void run_encode(const struct shard *shard, peer_address address, uint8_t octets[PEER_ADDRESS_OCTETS])
{
    uint32_t index = address - 1;
    if (__builtin_expect(index >= shard->address_count, 0)) {
        address_encode_slowly(shard, address, octets);
        return;
    }
    uint32_t host = htobe32(shard->address_first + index);
    memcpy(octets, &host, sizeof host);
    memcpy(octets + sizeof host, &shard->address_port, sizeof shard->address_port);
}

static inline peer_address run_decode(struct shard *shard, const uint8_t octets[PEER_ADDRESS_OCTETS])
{
    uint32_t host;
    uint16_t port;
    memcpy(&host, octets, sizeof host);
    memcpy(&port, octets + sizeof host, sizeof port);
    uint32_t index = be32toh(host) - shard->address_first;
    if (__builtin_expect(index < shard->address_count && port == shard->address_port, 1))
        return index + 1;
    return address_decode_slowly(shard, octets);
}

/* --- dispatch.c: entries of the timed queue --- */
extern void (*const run_dispatch[REACTOR_CLASSES])(void *shard, struct reactor_entry *entry);
/* Pushes a peer's next workload action. */
void run_push_action(struct shard *shard, struct peer_hot *hot, uint32_t index, uint32_t workload, uint64_t at_ns,
                     uint32_t draw);
/* --- batch.c --- */
/* As reactor_dispatch.batch: the same, an event after the other, without a call through a table for each. */
uint32_t run_batch(void *shard, struct reactor_queue *queue, uint64_t until_ns, uint32_t most, uint64_t *now_ns);
/* A message that reached its target's end: handled by the overlay, recorded, counted. entry->due_ns and sent_at_ns as the
 * link says. from: the sender's address. */
void run_handle(struct shard *shard, struct reactor_entry *entry, uint64_t sent_at_ns, const uint8_t *bytes,
                size_t length);
/* --- lifecycle.c --- */
/* A lifecycle step of the plan at its instant (time 0 directly, later through the queue). */
void run_lifecycle(struct shard *shard, const struct reactor_entry *entry);
/* The sessions still open when the run ends; down_at_ns TRACE_NONE_U64: it would go on. */
void run_session_end(struct shard *shard, uint32_t peer, uint64_t down_at_ns, uint8_t ending);
void run_release(struct shard *shard, uint32_t peer);
void run_fail(struct shard *shard, int error, uint32_t peer, const char *text);

/* --- route.c: the network's end --- */
/* A datagram that left its sender at sent_at_ns: the link model's verdict, then into the queue or dropped. entry: target,
 * source, count, order, kind, cause, step as the sender filled them. */
void run_route(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns, uint32_t *flight,
               const void *bytes, size_t length);
/* Drops it for a reason, counted and recorded. delay_ns TRACE_NONE_U64: at sending. */
void run_drop(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns, uint64_t delay_ns,
              size_t length, enum network_fate fate);
void run_record_message(struct shard *shard, const struct reactor_entry *entry, uint64_t sent_at_ns, uint64_t delay_ns,
                        uint32_t target_seq, size_t length, enum network_fate fate);
/* Pushes; on failure the run ends. */
void run_push(struct shard *shard, const struct reactor_entry *entry);

/* --- shards.c: what each loop owns --- */
void *shard_memory(const struct run *run, size_t bytes); /* zeroed, in the arena, on lines of its own */
void shard_metrics(struct shard *shard); /* names, in the arena */
int shards_open(struct run *run, struct base_diagnostics *diagnostics);
void shards_close(struct run *run);
/* Totals and metrics of all into the first shard's. */
void shards_gather(struct run *run);
bool run_failed(const struct run *run);
uint64_t run_events(const struct run *run);
uint64_t run_now_ns(const struct run *run); /* of the scenario's clock */
/* Where a message to this peer goes; NULL: it is the shard's own. */
static inline struct outbox *shard_outbox(const struct shard *shard, uint32_t target)
{
    const struct shard *owner = run_shard_of(shard->run, target);
    return owner == shard ? NULL : &shard->outboxes[owner->ordinal];
}

/* Place for a carried message; NULL: the outbox is full. */
static inline struct reactor_entry *outbox_place(struct outbox *outbox)
{
    struct run_carried *place = (struct run_carried *) (void *) (outbox->bytes + outbox->used);
    if (outbox->used + sizeof *place > outbox->room)
        return NULL;
    outbox->used += sizeof *place;
    return &place->entry;
}

/* A message for another shard's peer, as run_route's. */
void shard_send_out(struct shard *shard, const struct reactor_entry *entry, uint64_t due_ns, uint64_t sent_at_ns,
                    const void *bytes, size_t length);
void shard_take_in(struct shard *shard); /* what the others have sent it */

/* --- course.c: from the first instant to the last --- */
int course_begin(struct run *run);  /* what happens at 0; 0 or -errno */
int course_run(struct run *run);    /* to the end, or until something fails or stops it */
void course_end(struct run *run);   /* closes what is open */
void run_turn(void *shard);         /* once a turn or a window: signals, errors, progress */

/* --- joins.c --- */
/* Lets peers join at 0, until something fails or stops it. bootstrap: by peer 1 + whom to join through, 0: not up;
 * UINT32_MAX: through nobody. */
void joins_at_start(struct run *run, const uint32_t *bootstrap);

/* --- windows.c --- */
typedef int windows_part(struct shard *shard, const void *context); /* 0 or -errno */
int windows_open(struct run *run);  /* starts a thread for each shard but the first; 0 or -errno */
void windows_close(struct run *run);
/* Has each shard do its part on its thread; then what they sent each other is taken in. Their tapes are the caller's to replay. */
void windows_do(struct run *run, windows_part *part, const void *context);
/* Runs all shards to until_ns, each on its thread. 0 or -errno of a loop. */
int windows_run(struct run *run, uint64_t until_ns);

/* --- lookups.c, broadcasts.c --- */
void run_key(uint64_t bits, uint32_t id_bits, struct overlay_id *key);
void lookups_begin(struct peer *peer, const struct overlay_id *key);
void lookups_judge_all(struct shard *shard); /* those that wait */
void lookups_abandon(struct shard *shard, uint32_t peer); /* the origin went down, or the run ended */
uint32_t broadcasts_next_id(struct run *run);
void broadcasts_begin(struct peer *peer, uint32_t id, uint32_t topic, uint32_t bytes);
struct effect_of_peer;
void broadcasts_published(struct run *run, const struct effect_of_peer *of);
void broadcasts_received(struct run *run, const struct effect_of_peer *of);
void broadcasts_duplicate(struct run *run, const struct effect_of_peer *of);
void broadcasts_peer_down(struct run *run, const struct effect_of_peer *of);
void broadcasts_finish(struct run *run);

/* --- totals.c --- */
void run_summarize(struct run *run, bool trace_good);
void totals_add(struct run_totals *into, const struct run_totals *from);
void totals_done(struct run_totals *totals);
uint64_t run_cpu_ns(void);
uint64_t run_wall_ns(void);

#endif
