/* averaging: push-pull with 20 fixed neighbours, see topologies/bench/averaging.yaml and sim/overlays/averaging.[ch],
 * whose octets and arithmetic these are.
 *
 * A peer is two lines: 32 octets that an engine would keep of it, its value and what an answer needs, 20 addresses. A
 * message touches the first line, an exchange begun both. The check is by what the variance over all peers falls a
 * cycle, over the first 20: it must be the paper's 1 / (2 sqrt e), or a little more, since messages take time. */
#include <endian.h>
#include <math.h>

#include "reactor/base/random.h"
#include "tests/bench/workload/wheel.h"
#include "tests/bench/workload/workload.h"

#define LATENCY_NS_MIN 20000000u
#define LATENCY_NS_SPAN 180000000u
#define PERIOD_NS UINT64_C(10000000000)
#define NEIGHBOURS 20
#define CHECKED_CYCLES 20
#define CACHE_BYTES (1u << 20) /* state that fits is not asked for ahead */
#define AHEAD 24               /* records */
#define MESSAGE 0x41

enum kind { ASK, ANSWER };

struct peer {
    uint64_t key;              /* of its random numbers */
    uint32_t draws, seq, sent;
    uint32_t unused[3];
    int64_t value;
    uint32_t asked;            /* peer + 1; 0: nobody */
    uint16_t exchange;
    uint32_t neighbours[NEIGHBOURS];
};
_Static_assert(sizeof(struct peer) == 128, "two lines");

struct crowd {
    struct wheel wheel;
    struct peer *peers;
    uint32_t peer_count;
    uint64_t now_ns, events;
};

WHEEL_INLINE uint64_t draw(struct peer *peer)
{
    return base_random_at(peer->key, peer->draws++);
}

WHEEL_INLINE void send_value(struct crowd *crowd, struct peer *peer, uint32_t self, uint32_t to, enum kind kind,
                             uint16_t exchange, int64_t value)
{
    uint64_t latency_ns = LATENCY_NS_MIN + base_random_below(draw(peer), LATENCY_NS_SPAN);
    struct wheel_record *record = wheel_put(&crowd->wheel, crowd->now_ns + latency_ns, to, self, peer->sent++);
    uint64_t wire_value = htobe64((uint64_t) value);
    record->octets[0] = MESSAGE;
    record->octets[1] = (uint8_t) kind;
    exchange = htobe16(exchange);
    memcpy(record->octets + 2, &exchange, 2);
    memcpy(record->octets + 4, &wire_value, 8);
}

WHEEL_INLINE void message(struct crowd *crowd, struct peer *peer, const struct wheel_record *record)
{
    uint64_t wire_value;
    uint16_t exchange;
    memcpy(&exchange, record->octets + 2, 2);
    memcpy(&wire_value, record->octets + 4, 8);
    exchange = be16toh(exchange);
    int64_t value = (int64_t) be64toh(wire_value);
    if (record->octets[1] == ASK) {
        int64_t half = (value - peer->value) / 2;
        peer->value += half;
        send_value(crowd, peer, record->target, record->source, ANSWER, exchange, half);
    } else if (peer->asked == record->source + 1 && peer->exchange == exchange) {
        peer->value -= value;
        peer->asked = 0;
    }
}

WHEEL_INLINE void timer(struct crowd *crowd, struct peer *peer, uint32_t self)
{
    wheel_arm(&crowd->wheel, crowd->now_ns + PERIOD_NS, self, 0);
    uint32_t partner = peer->neighbours[base_random_below(draw(peer), NEIGHBOURS)];
    peer->asked = partner + 1;
    send_value(crowd, peer, self, partner, ASK, ++peer->exchange, peer->value);
}

WHEEL_INLINE void prefetch(const struct crowd *crowd, const struct wheel_record *record)
{
    const char *peer = (const char *) &crowd->peers[record->target];
    __builtin_prefetch(peer, 1);
    __builtin_prefetch(peer + (record->octets[0] == MESSAGE ? 0 : 64)); /* without a branch: it could not be foreseen */
}

/* Behind a bucket's records come some more whose target is peer 0, so that asking needs no look at the end. */
WHEEL_INLINE void work_off(struct crowd *crowd, uint32_t count, bool ahead)
{
    struct wheel_record *records = crowd->wheel.open;
    memset(&records[count], 0, AHEAD * sizeof *records);
    for (uint32_t i = 0; ahead && i < AHEAD; i++)
        prefetch(crowd, &records[i]);
    for (uint32_t i = 0; i < count; i++) {
        const struct wheel_record *record = &records[i];
        struct peer *peer = &crowd->peers[record->target];
        if (ahead)
            prefetch(crowd, &records[i + AHEAD]);
        peer->seq++;
        crowd->now_ns = crowd->wheel.open_begin_ns + record->due;
        if (record->octets[0] == MESSAGE)
            message(crowd, peer, record);
        else
            timer(crowd, peer, record->target);
    }
    crowd->events += count;
}

static __attribute__((noinline, flatten)) void run_cached(struct crowd *crowd, uint64_t begin_ns, uint64_t end_ns)
{
    for (; begin_ns < end_ns; begin_ns += UINT64_C(1) << crowd->wheel.shift)
        work_off(crowd, wheel_open(&crowd->wheel, begin_ns), false);
}

static __attribute__((noinline, flatten)) void run_ahead(struct crowd *crowd, uint64_t begin_ns, uint64_t end_ns)
{
    for (; begin_ns < end_ns; begin_ns += UINT64_C(1) << crowd->wheel.shift)
        work_off(crowd, wheel_open(&crowd->wheel, begin_ns), true);
}

static void run(struct crowd *crowd, uint64_t begin_ns, uint64_t end_ns)
{
    if (crowd->peer_count * sizeof(struct peer) > CACHE_BYTES)
        run_ahead(crowd, begin_ns, end_ns);
    else
        run_cached(crowd, begin_ns, end_ns);
}

static double variance(const struct crowd *crowd)
{
    double mean = 0, sum = 0;
    for (uint32_t i = 0; i < crowd->peer_count; i++)
        mean += (double) crowd->peers[i].value / crowd->peer_count;
    for (uint32_t i = 0; i < crowd->peer_count; i++)
        sum += ((double) crowd->peers[i].value - mean) * ((double) crowd->peers[i].value - mean);
    return sum / crowd->peer_count;
}

static void set_up(struct crowd *crowd)
{
    uint64_t keys = base_random_key(1, "peers", "");
    double records_per_s = crowd->peer_count * .3;
    wheel_init(&crowd->wheel, &(struct wheel_load){
        .latency_ns_min = LATENCY_NS_MIN, .latency_ns_max = LATENCY_NS_MIN + LATENCY_NS_SPAN,
        .period_ns_max = PERIOD_NS, .records_per_s = records_per_s,
        .pending_records = crowd->peer_count, .pending_timers = crowd->peer_count});
    crowd->peers = wheel_memory(crowd->peer_count * sizeof *crowd->peers);
    for (uint32_t index = 0; index < crowd->peer_count; index++) {
        struct peer *peer = &crowd->peers[index];
        peer->key = base_random_subkey(keys, index);
        peer->value = (int64_t) base_random_below(draw(peer), 1000000000);
        for (uint32_t i = 0; i < NEIGHBOURS; i++) {
            uint32_t other = (uint32_t) base_random_below(draw(peer), crowd->peer_count - 1);
            peer->neighbours[i] = other + (other >= index);
        }
        wheel_arm(&crowd->wheel, base_random_below(draw(peer), PERIOD_NS), index, 0);
    }
}

static void limit(uint32_t peers, uint64_t duration_ns, struct workload_measured *measured)
{
    struct crowd crowd = {.peer_count = peers};
    set_up(&crowd);
    double before = variance(&crowd);
    uint64_t checked_ns = CHECKED_CYCLES * PERIOD_NS >> crowd.wheel.shift << crowd.wheel.shift;
    workload_set_up(measured);
    if (duration_ns > checked_ns) {
        run(&crowd, 0, checked_ns);
        measured->check = pow(variance(&crowd) / before, 1. / CHECKED_CYCLES);
        run(&crowd, checked_ns, duration_ns);
    } else {
        run(&crowd, 0, duration_ns);
    }
    measured->counted = (double) crowd.events;
}

const struct workload averaging_workload = {
    .name = "averaging",
    .unit = "events",
    .counted = "events",
    .check = "variance",
    .limit = limit,
    .sizes = {
        {.peers = 1000, .duration_s = 50000, .repetitions = 5, .check_least = .29, .check_most = .33,
         .on_request = true},
        {.peers = 10000, .duration_s = 5000, .repetitions = 5, .check_least = .3, .check_most = .315,
         .on_request = true},
        {.peers = 100000, .duration_s = 500, .repetitions = 5, .ratio_wanted = .45, .rate_wanted = 22e6,
         .limit_published = 62e6, .check_least = .303, .check_most = .31},
        {.peers = 1000000, .duration_s = 60, .repetitions = 3, .ratio_wanted = .4, .rate_wanted = 18e6,
         .limit_published = 54e6, .bytes_wanted = 250, .set_up_wanted_s = 3},
        {.peers = 10000000, .duration_s = 8, .repetitions = 1, .set_up_wanted_s = 40, .on_request = true},
    },
};
