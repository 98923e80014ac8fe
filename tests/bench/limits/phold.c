/* phold: one event pending a peer, which goes on to a uniform random peer, see topologies/bench/phold.yaml and
 * sim/overlays/phold.[ch], whose octets these are. An event reads and writes 256 octets of the peer's state, behind 32
 * that an engine would keep of it. */
#include <endian.h>

#include "reactor/base/random.h"
#include "tests/bench/workload/wheel.h"
#include "tests/bench/workload/workload.h"

#define LATENCY_NS_MIN 20000000u
#define LATENCY_NS_SPAN 180000000u
#define MEAN_PERIOD_S .11
#define CACHE_BYTES (1u << 20) /* state that fits is not asked for ahead */
#define AHEAD 10               /* records: five lines each */
#define CHECK 0x50484f4cu
#define WORDS 29

struct peer {
    uint64_t key;              /* of its random numbers */
    uint32_t draws, seq, sent;
    uint32_t unused[3];
    uint64_t last_sent_ns;
    uint32_t last_from, last_number, number, unused_too;
    uint64_t words[WORDS];
};
_Static_assert(sizeof(struct peer) == 32 + 256, "as in the engine");

struct event {
    uint64_t sent_ns;
    uint32_t number, check;
};

struct crowd {
    struct wheel wheel;
    struct peer *peers;
    uint32_t peer_count;
    uint64_t now_ns, events, refused;
};

WHEEL_INLINE uint64_t draw(struct peer *peer)
{
    return base_random_at(peer->key, peer->draws++);
}

WHEEL_INLINE uint32_t check_of(uint64_t sent_ns, uint32_t number)
{
    return (uint32_t) (sent_ns >> 32) ^ (uint32_t) sent_ns ^ number ^ CHECK;
}

WHEEL_INLINE void send_event(struct crowd *crowd, struct peer *peer, uint32_t self)
{
    uint32_t to = (uint32_t) base_random_below(draw(peer), crowd->peer_count - 1);
    uint64_t latency_ns = LATENCY_NS_MIN + base_random_below(draw(peer), LATENCY_NS_SPAN);
    to += to >= self;
    struct wheel_record *record = wheel_put(&crowd->wheel, crowd->now_ns + latency_ns, to, self, peer->sent++);
    uint32_t number = ++peer->number;
    struct event event = {htobe64(crowd->now_ns), htobe32(number), htobe32(check_of(crowd->now_ns, number))};
    memcpy(record->octets, &event, sizeof event);
}

WHEEL_INLINE void message(struct crowd *crowd, struct peer *peer, const struct wheel_record *record)
{
    struct event event;
    memcpy(&event, record->octets, sizeof event);
    uint64_t sent_ns = be64toh(event.sent_ns);
    uint32_t number = be32toh(event.number);
    if (be32toh(event.check) != check_of(sent_ns, number) ||
        (sent_ns == peer->last_sent_ns && number == peer->last_number && record->source == peer->last_from)) {
        crowd->refused++;
        return;
    }
    peer->last_sent_ns = sent_ns;
    peer->last_number = number;
    peer->last_from = record->source;
    for (uint32_t i = 0; i < WORDS; i++)
        peer->words[i] += sent_ns;
    send_event(crowd, peer, record->target);
}

WHEEL_INLINE void prefetch(const struct crowd *crowd, const struct wheel_record *record)
{
    const char *peer = (const char *) &crowd->peers[record->target];
    for (uint32_t at = 0; at < sizeof(struct peer); at += 64)
        __builtin_prefetch(peer + at, 1);
}

/* Behind a bucket's records come some more whose target is peer 0, so that asking needs no look at the end. */
WHEEL_INLINE void work_off(struct crowd *crowd, uint32_t count, bool ahead)
{
    struct wheel_record *records = crowd->wheel.open;
    memset(&records[count], 0, AHEAD * sizeof *records);
    for (uint32_t i = 0; ahead && i < AHEAD; i++)
        prefetch(crowd, &records[i]);
    for (uint32_t i = 0; i < count; i++) {
        if (ahead)
            prefetch(crowd, &records[i + AHEAD]);
        struct peer *peer = &crowd->peers[records[i].target];
        peer->seq++;
        crowd->now_ns = crowd->wheel.open_begin_ns + records[i].due;
        message(crowd, peer, &records[i]);
    }
    crowd->events += count;
}

static __attribute__((noinline, flatten)) void run_cached(struct crowd *crowd, uint64_t end_ns)
{
    for (uint64_t begin_ns = 0; begin_ns < end_ns; begin_ns += UINT64_C(1) << crowd->wheel.shift)
        work_off(crowd, wheel_open(&crowd->wheel, begin_ns), false);
}

static __attribute__((noinline, flatten)) void run_ahead(struct crowd *crowd, uint64_t end_ns)
{
    for (uint64_t begin_ns = 0; begin_ns < end_ns; begin_ns += UINT64_C(1) << crowd->wheel.shift)
        work_off(crowd, wheel_open(&crowd->wheel, begin_ns), true);
}

static void set_up(struct crowd *crowd)
{
    uint64_t keys = base_random_key(1, "peers", "");
    wheel_init(&crowd->wheel, &(struct wheel_load){
        .latency_ns_min = LATENCY_NS_MIN, .latency_ns_max = LATENCY_NS_MIN + LATENCY_NS_SPAN,
        .period_ns_max = LATENCY_NS_MIN, .records_per_s = crowd->peer_count / MEAN_PERIOD_S,
        .pending_records = crowd->peer_count});
    crowd->peers = wheel_memory(crowd->peer_count * sizeof *crowd->peers);
    for (uint32_t index = 0; index < crowd->peer_count; index++) {
        crowd->peers[index].key = base_random_subkey(keys, index);
        send_event(crowd, &crowd->peers[index], index);
    }
}

static void limit(uint32_t peers, uint64_t duration_ns, struct workload_measured *measured)
{
    struct crowd crowd = {.peer_count = peers};
    set_up(&crowd);
    workload_set_up(measured);
    if (peers * sizeof(struct peer) > CACHE_BYTES)
        run_ahead(&crowd, duration_ns);
    else
        run_cached(&crowd, duration_ns);
    measured->counted = (double) (crowd.events - crowd.refused);
}

const struct workload phold_workload = {
    .name = "phold",
    .unit = "events",
    .counted = "events",
    .limit = limit,
    .sizes = {
        {.peers = 1000, .duration_s = 1000, .repetitions = 5, .ratio_wanted = .5},
        {.peers = 10000, .duration_s = 100, .repetitions = 5, .on_request = true},
        {.peers = 100000, .duration_s = 8, .repetitions = 5, .on_request = true},
        {.peers = 1000000, .duration_s = 1, .repetitions = 3, .ratio_wanted = .6, .rate_wanted = 5e6,
         .limit_published = 9.4e6, .bytes_wanted = 600, .set_up_wanted_s = 3},
        {.peers = 10000000, .duration_s = .3, .repetitions = 1, .set_up_wanted_s = 40, .on_request = true},
    },
};
