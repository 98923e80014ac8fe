#include "tests/sim/peer_harness.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "reactor/base/random.h"

#define FIRST_ADDRESS 0x0a000000u /* 10.0.0.0 */
#define PORT 6881

enum event_kind { EVENT_MESSAGE, EVENT_TIMER };

struct event {
    uint64_t due_ns, order;
    uint32_t target, incarnation; /* incarnation: timers only */
    peer_address from;
    uint32_t length;              /* message: of bytes; timer: its data */
    peer_timer timer;
    uint8_t kind, overlay_kind;
    uint8_t *bytes;               /* owned */
};

struct peer {
    struct harness *harness;
    uint32_t index, incarnation;
    uint32_t up_place; /* in harness->up, valid while up */
    bool up;
    uint64_t key, draws;
    void *state;
};

struct foreign {
    uint8_t octets[PEER_ADDRESS_OCTETS];
};

struct harness {
    struct harness_options options;
    uint32_t id_bits;
    void *shared;
    struct peer *peers;
    uint32_t *up, up_count;
    struct overlay_id *ids; /* ids_a_peer for each peer */
    uint32_t ids_a_peer, id_count;
    uint32_t *census;   /* places in ids, in order of these */
    struct event *heap;
    size_t heap_count, heap_capacity;
    uint64_t *timers;   /* by timer - 1: the order of its pending event, 0 when not pending */
    uint32_t timer_count, timer_capacity;
    struct harness_result *results;
    uint32_t result_count, result_capacity;
    struct harness_delivery *deliveries;
    struct foreign *foreign;
    uint32_t foreign_count, foreign_capacity;
    uint64_t now_ns, order, test_key, test_draws, link_key, link_draws, keys_key;
    harness_tap tap;
    void *tap_context;
    struct harness_counts counts;
    bool strangers_spoke; /* bytes of the test's own were delivered: what they name can be anything */
};

static void *grown(void *array, uint32_t count, uint32_t *capacity, size_t item_bytes)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 64;
    array = realloc(array, *capacity * item_bytes);
    base_assert(array != NULL);
    return array;
}

/* --- the heap --- */

static bool before(const struct event *a, const struct event *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_push(struct harness *h, const struct event *event)
{
    if (h->heap_count == h->heap_capacity) {
        h->heap_capacity = h->heap_capacity ? h->heap_capacity * 2 : 1024;
        h->heap = realloc(h->heap, h->heap_capacity * sizeof *h->heap);
        base_assert(h->heap != NULL);
    }
    size_t place = h->heap_count++;
    while (place > 0 && before(event, &h->heap[(place - 1) / 2])) {
        h->heap[place] = h->heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    h->heap[place] = *event;
}

static struct event heap_pop(struct harness *h)
{
    struct event top = h->heap[0], last = h->heap[--h->heap_count];
    size_t place = 0;
    for (size_t child; (child = 2 * place + 1) < h->heap_count; place = child) {
        if (child + 1 < h->heap_count && before(&h->heap[child + 1], &h->heap[child]))
            child++;
        if (before(&last, &h->heap[child]))
            break;
        h->heap[place] = h->heap[child];
    }
    h->heap[place] = last;
    return top;
}

/* --- the world --- */

static int by_id(const void *a, const void *b, void *context)
{
    const struct harness *h = context;
    return memcmp(&h->ids[*(const uint32_t *) a], &h->ids[*(const uint32_t *) b], sizeof *h->ids);
}

static void draw_distinct_ids(struct harness *h)
{
    for (bool again = true; again;) {
        again = false;
        qsort_r(h->census, h->id_count, sizeof *h->census, by_id, h);
        for (uint32_t i = 1; i < h->id_count; i++)
            if (by_id(&h->census[i - 1], &h->census[i], h) == 0) {
                harness_random_id(h, &h->ids[h->census[i]]);
                again = true;
            }
    }
}

struct harness *harness_create(const struct harness_options *options)
{
    const struct overlay_ops *ops = options->ops;
    base_assert(ops->abi == OVERLAY_ABI && ops->struct_bytes == sizeof *ops);
    base_assert(ops->message_kind_count <= HARNESS_MESSAGE_KINDS && ops->metric_count <= HARNESS_METRICS);
    struct harness *h = calloc(1, sizeof *h);
    base_assert(h != NULL);
    h->options = *options;
    h->id_bits = ops->id_bits != NULL ? ops->id_bits(options->parameters) : 160;
    h->test_key = base_random_key(options->seed, "harness test", "");
    h->link_key = base_random_key(options->seed, "harness links", "");
    h->keys_key = base_random_key(options->seed, "harness keys", "");
    uint64_t peer_key = base_random_key(options->seed, "harness peers", "");
    h->peers = calloc(options->peer_count, sizeof *h->peers);
    h->up = calloc(options->peer_count, sizeof *h->up);
    h->ids_a_peer = ops->ids_a_peer != NULL ? ops->ids_a_peer(options->parameters) : 1;
    h->id_count = options->peer_count * h->ids_a_peer;
    h->ids = calloc(h->id_count, sizeof *h->ids);
    h->census = calloc(h->id_count, sizeof *h->census);
    size_t delivery_count = (size_t) options->peer_count * options->broadcast_count;
    h->deliveries = calloc(delivery_count + 1, sizeof *h->deliveries);
    h->shared = ops->open != NULL ? ops->open(options->parameters, options->peer_count) : NULL;
    base_assert(h->peers != NULL && h->up != NULL && h->census != NULL && h->ids != NULL && h->deliveries != NULL);
    size_t state_bytes = ops->state_bytes(options->parameters);
    for (uint32_t i = 0; i < options->peer_count; i++) {
        struct peer *peer = &h->peers[i];
        *peer = (struct peer){.harness = h, .index = i, .key = base_random_subkey(peer_key, i)};
        peer->state = aligned_alloc(64, (state_bytes + 64) / 64 * 64);
        base_assert(peer->state != NULL);
    }
    for (uint32_t i = 0; i < h->id_count; i++) {
        harness_random_id(h, &h->ids[i]);
        h->census[i] = i;
    }
    draw_distinct_ids(h);
    return h;
}

static void go_down(struct peer *peer)
{
    struct harness *h = peer->harness;
    base_assert(peer->up);
    if (h->options.ops->release != NULL)
        h->options.ops->release(peer);
    peer->up = false;
    uint32_t last = h->up[--h->up_count];
    h->up[peer->up_place] = last;
    h->peers[last].up_place = peer->up_place;
}

void harness_free(struct harness *h)
{
    for (uint32_t i = 0; i < h->options.peer_count; i++) {
        if (h->peers[i].up)
            go_down(&h->peers[i]);
        free(h->peers[i].state);
    }
    if (h->options.ops->close != NULL)
        h->options.ops->close(h->shared);
    for (size_t i = 0; i < h->heap_count; i++)
        free(h->heap[i].bytes);
    free(h->heap);
    free(h->peers);
    free(h->up);
    free(h->census);
    free(h->ids);
    free(h->timers);
    free(h->results);
    free(h->deliveries);
    free(h->foreign);
    free(h);
}

static void come_up(struct peer *peer)
{
    struct harness *h = peer->harness;
    base_assert(!peer->up);
    memset(peer->state, 0, h->options.ops->state_bytes(h->options.parameters));
    peer->incarnation++;
    peer->up = true;
    peer->up_place = h->up_count;
    h->up[h->up_count++] = peer->index;
}

void harness_start_converged(struct harness *h)
{
    base_assert(h->now_ns == 0 && h->up_count == 0);
    for (uint32_t i = 0; i < h->options.peer_count; i++)
        come_up(&h->peers[i]);
    for (uint32_t i = 0; i < h->options.peer_count; i++)
        h->options.ops->join(&h->peers[i], &(struct peer_start){.converged = true});
}

void harness_join(struct harness *h, uint32_t peer, peer_address bootstrap)
{
    come_up(&h->peers[peer]);
    h->options.ops->join(&h->peers[peer], &(struct peer_start){.bootstrap = bootstrap});
}

void harness_crash(struct harness *h, uint32_t peer)
{
    go_down(&h->peers[peer]);
}

void harness_leave(struct harness *h, uint32_t peer)
{
    if (h->options.ops->leave != NULL)
        h->options.ops->leave(&h->peers[peer]);
    go_down(&h->peers[peer]);
}

bool harness_is_up(const struct harness *h, uint32_t peer)
{
    return h->peers[peer].up;
}

uint32_t harness_up_count(const struct harness *h)
{
    return h->up_count;
}

/* --- what a test does and sees --- */

uint32_t harness_lookup(struct harness *h, uint32_t peer, const struct overlay_id *key)
{
    h->results = grown(h->results, h->result_count, &h->result_capacity, sizeof *h->results);
    uint32_t lookup = h->result_count++;
    h->results[lookup] = (struct harness_result){.peer = peer, .key = *key, .started_at_ns = h->now_ns};
    h->options.ops->lookup(&h->peers[peer], lookup, key);
    return lookup;
}

const struct harness_result *harness_result(const struct harness *h, uint32_t lookup)
{
    base_assert(lookup < h->result_count);
    return &h->results[lookup];
}

void harness_publish(struct harness *h, uint32_t peer, uint32_t broadcast, uint32_t topic, uint32_t bytes)
{
    base_assert(broadcast < h->options.broadcast_count);
    h->options.ops->publish(&h->peers[peer], broadcast, topic, bytes);
}

static struct harness_delivery *delivery_at(const struct harness *h, uint32_t broadcast, uint32_t peer)
{
    base_assert(broadcast < h->options.broadcast_count);
    return &h->deliveries[(size_t) broadcast * h->options.peer_count + peer];
}

const struct harness_delivery *harness_delivery(const struct harness *h, uint32_t broadcast, uint32_t peer)
{
    return delivery_at(h, broadcast, peer);
}

bool harness_deliver(struct harness *h, uint32_t peer, peer_address from, const void *bytes, size_t length)
{
    /* A copy of exactly this length, so that the address sanitizer sees a read past its end. */
    uint8_t *copy = malloc(length);
    base_assert(copy != NULL || length == 0);
    if (length > 0)
        memcpy(copy, bytes, length);
    h->strangers_spoke = true;
    bool good = h->options.ops->message(&h->peers[peer], from, copy, length);
    free(copy);
    return good;
}

void harness_set_tap(struct harness *h, harness_tap tap, void *context)
{
    h->tap = tap;
    h->tap_context = context;
}

void harness_set_loss(struct harness *h, uint32_t loss_ppb)
{
    h->options.loss_ppb = loss_ppb;
}

uint64_t harness_now(const struct harness *h)
{
    return h->now_ns;
}

static void arrive(struct harness *h, const struct event *event)
{
    if (!h->peers[event->target].up) {
        h->counts.target_down++;
        return;
    }
    h->counts.events++;
    h->counts.delivered[event->overlay_kind]++;
    if (!h->options.ops->message(&h->peers[event->target], event->from, event->bytes, event->length))
        h->counts.malformed++;
}

static void fire(struct harness *h, const struct event *event)
{
    if (h->timers[event->timer - 1] != event->order)
        return; /* disarmed or moved */
    h->timers[event->timer - 1] = 0;
    struct peer *peer = &h->peers[event->target];
    if (!peer->up || peer->incarnation != event->incarnation)
        return;
    h->counts.events++;
    h->counts.timers_fired++;
    h->options.ops->timer(peer, event->overlay_kind, event->length);
}

static bool run(struct harness *h, uint64_t until_ns)
{
    while (h->heap_count > 0 && h->heap[0].due_ns < until_ns) {
        struct event event = heap_pop(h);
        h->now_ns = event.due_ns;
        if (event.kind == EVENT_MESSAGE)
            arrive(h, &event);
        else
            fire(h, &event);
        free(event.bytes);
    }
    return h->heap_count == 0;
}

void harness_run(struct harness *h, uint64_t until_ns)
{
    run(h, until_ns);
    h->now_ns = until_ns;
}

bool harness_run_idle(struct harness *h, uint64_t until_ns)
{
    return run(h, until_ns);
}

struct peer *harness_peer(struct harness *h, uint32_t peer)
{
    return &h->peers[peer];
}

void *harness_shared(struct harness *h)
{
    return h->shared;
}

const struct harness_counts *harness_counts(const struct harness *h)
{
    return &h->counts;
}

uint64_t harness_draw(struct harness *h)
{
    return base_random_at(h->test_key, h->test_draws++);
}

void harness_random_id(struct harness *h, struct overlay_id *id)
{
    memset(id, 0, sizeof *id);
    uint32_t octets = (h->id_bits + 7) / 8;
    for (uint32_t i = 0; i < octets; i++)
        id->octets[i] = (uint8_t) harness_draw(h);
    if (h->id_bits % 8 != 0)
        id->octets[octets - 1] &= (uint8_t) (0xff << (8 - h->id_bits % 8));
}

void harness_key(const struct harness *h, uint64_t number, struct overlay_id *key)
{
    uint32_t octets = (h->id_bits + 7) / 8;
    memset(key, 0, sizeof *key);
    for (uint32_t i = 0; i < octets; i++)
        key->octets[i] = (uint8_t) base_random_at(base_random_subkey(h->keys_key, number), i);
    if (h->id_bits % 8 != 0)
        key->octets[octets - 1] &= (uint8_t) (0xff << (8 - h->id_bits % 8));
}

void harness_id(const struct harness *h, uint32_t peer, struct overlay_id *id)
{
    *id = h->ids[peer * h->ids_a_peer];
}

static bool closer(const struct overlay_id *a, const struct overlay_id *b, const struct overlay_id *key)
{
    for (size_t i = 0; i < sizeof key->octets; i++)
        if (a->octets[i] != b->octets[i])
            return (a->octets[i] ^ key->octets[i]) < (b->octets[i] ^ key->octets[i]);
    return false;
}

uint32_t harness_closest(const struct harness *h, const struct overlay_id *key)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < h->up_count; i++)
        if (best == UINT32_MAX || closer(&h->ids[h->up[i] * h->ids_a_peer], &h->ids[best * h->ids_a_peer], key))
            best = h->up[i];
    return best;
}

uint32_t harness_owner(const struct harness *h, const struct overlay_id *key, struct overlay_id *id)
{
    uint32_t first = UINT32_MAX;
    for (uint32_t rank = 0; rank < h->id_count; rank++) {
        uint32_t at = h->census[rank];
        bool behind = memcmp(&h->ids[at], key, sizeof *key) >= 0;
        if (!h->peers[at / h->ids_a_peer].up || (first != UINT32_MAX && !behind))
            continue;
        first = at;
        if (behind)
            break;
    }
    if (first == UINT32_MAX)
        return UINT32_MAX;
    *id = h->ids[first];
    return first / h->ids_a_peer;
}

/* --- sim/peer.h --- */

uint64_t peer_now_ns(const struct peer *peer)
{
    return peer->harness->now_ns;
}

void *peer_state(struct peer *peer)
{
    return peer->state;
}

const void *peer_parameters(const struct peer *peer)
{
    return peer->harness->options.parameters;
}

void *peer_shared(const struct peer *peer)
{
    return peer->harness->shared;
}

peer_address peer_self(const struct peer *peer)
{
    return peer->index + 1;
}

void peer_id(const struct peer *peer, struct overlay_id *id)
{
    peer_id_at(peer, 0, id);
}

void peer_id_at(const struct peer *peer, uint32_t number, struct overlay_id *id)
{
    base_assert(number < peer->harness->ids_a_peer);
    *id = peer->harness->ids[peer->index * peer->harness->ids_a_peer + number];
}

uint64_t peer_random(struct peer *peer)
{
    return base_random_at(peer->key, peer->draws++);
}

uint64_t peer_random_below(struct peer *peer, uint64_t bound)
{
    base_assert(bound > 0);
    return base_random_below(peer_random(peer), bound);
}

void peer_address_encode(const struct peer *peer, peer_address address, uint8_t octets[PEER_ADDRESS_OCTETS])
{
    const struct harness *h = peer->harness;
    base_assert(address != PEER_ADDRESS_NONE);
    if (address > h->options.peer_count) {
        memcpy(octets, h->foreign[address - h->options.peer_count - 1].octets, PEER_ADDRESS_OCTETS);
        return;
    }
    uint32_t ip = FIRST_ADDRESS + address - 1;
    for (int i = 0; i < 4; i++)
        octets[i] = (uint8_t) (ip >> (24 - 8 * i));
    octets[4] = PORT >> 8;
    octets[5] = PORT & 0xff;
}

peer_address peer_address_decode(struct peer *peer, const uint8_t octets[PEER_ADDRESS_OCTETS])
{
    struct harness *h = peer->harness;
    uint32_t port = (uint32_t) octets[4] << 8 | octets[5];
    uint32_t ip = (uint32_t) octets[0] << 24 | (uint32_t) octets[1] << 16 | (uint32_t) octets[2] << 8 | octets[3];
    if (port == 0)
        return PEER_ADDRESS_NONE;
    if (port == PORT && ip >= FIRST_ADDRESS && ip - FIRST_ADDRESS < h->options.peer_count)
        return ip - FIRST_ADDRESS + 1;
    for (uint32_t i = 0; i < h->foreign_count; i++)
        if (memcmp(h->foreign[i].octets, octets, PEER_ADDRESS_OCTETS) == 0)
            return h->options.peer_count + 1 + i;
    h->foreign = grown(h->foreign, h->foreign_count, &h->foreign_capacity, sizeof *h->foreign);
    memcpy(h->foreign[h->foreign_count].octets, octets, PEER_ADDRESS_OCTETS);
    return h->options.peer_count + 1 + h->foreign_count++;
}

static uint64_t delay_ns(struct harness *h)
{
    uint64_t span = h->options.delay_ns_max - h->options.delay_ns_min + 1;
    uint64_t delay = h->options.delay_ns_min + base_random_below(base_random_at(h->link_key, h->link_draws++), span);
    return delay > 0 ? delay : 1;
}

void peer_send(struct peer *peer, peer_address to, uint8_t kind, const void *bytes, size_t length)
{
    struct harness *h = peer->harness;
    base_assert(kind < h->options.ops->message_kind_count && length <= 65507 && peer->up);
    base_assert(to != PEER_ADDRESS_NONE && to <= h->options.peer_count + h->foreign_count);
    h->counts.sent[kind]++;
    h->counts.bytes += length;
    if (h->tap != NULL && !h->tap(h->tap_context, peer->index, to, kind, bytes, length))
        return;
    bool to_self = to == peer_self(peer);
    bool lost = !to_self && base_random_chance(base_random_at(h->link_key, h->link_draws++), h->options.loss_ppb);
    if (lost || to > h->options.peer_count) {
        h->counts.lost++;
        return;
    }
    struct event event = {.due_ns = h->now_ns + (to_self ? 0 : delay_ns(h)), .order = ++h->order, .target = to - 1,
                          .from = peer_self(peer), .length = (uint32_t) length, .kind = EVENT_MESSAGE,
                          .overlay_kind = kind, .bytes = malloc(length + (length == 0))};
    base_assert(event.bytes != NULL);
    if (length > 0)
        memcpy(event.bytes, bytes, length);
    heap_push(h, &event);
}

void peer_send_short(struct peer *peer, peer_address to, uint8_t kind, const struct peer_short *bytes, size_t length)
{
    peer_send(peer, to, kind, bytes->octets, length);
}

void peer_send_many(struct peer *peer, const peer_address *to, size_t count, uint8_t kind, const void *bytes,
                    size_t length)
{
    for (size_t i = 0; i < count; i++)
        peer_send(peer, to[i], kind, bytes, length);
}

static void push_timer(struct peer *peer, peer_timer timer, uint8_t kind, uint64_t delay, uint32_t data)
{
    struct harness *h = peer->harness;
    base_assert(kind < h->options.ops->timer_kind_count && peer->up);
    struct event event = {.due_ns = h->now_ns + delay, .order = ++h->order, .target = peer->index,
                          .incarnation = peer->incarnation, .length = data, .timer = timer, .kind = EVENT_TIMER,
                          .overlay_kind = kind};
    h->timers[timer - 1] = event.order;
    heap_push(h, &event);
}

void peer_after(struct peer *peer, uint8_t kind, uint64_t delay, uint32_t data)
{
    peer_arm(peer, kind, delay, data);
}

peer_timer peer_arm(struct peer *peer, uint8_t kind, uint64_t delay, uint32_t data)
{
    struct harness *h = peer->harness;
    h->timers = grown(h->timers, h->timer_count, &h->timer_capacity, sizeof *h->timers);
    h->counts.timers_armed++;
    push_timer(peer, ++h->timer_count, kind, delay, data);
    return h->timer_count;
}

void peer_disarm(struct peer *peer, peer_timer timer)
{
    if (timer != 0)
        peer->harness->timers[timer - 1] = 0;
}

bool peer_rearm(struct peer *peer, peer_timer timer, uint64_t delay)
{
    struct harness *h = peer->harness;
    if (timer == 0 || h->timers[timer - 1] == 0)
        return false;
    for (size_t i = 0; i < h->heap_count; i++) /* slow, and free of a second index */
        if (h->heap[i].kind == EVENT_TIMER && h->heap[i].order == h->timers[timer - 1]) {
            struct event found = h->heap[i];
            push_timer(peer, timer, found.overlay_kind, delay, found.length);
            return true;
        }
    return false;
}

/* A uniform member of an array of count that is not oneself, whose place is own (count: not among them). */
static peer_address other_than(struct peer *peer, const uint32_t *array, uint32_t count, uint32_t own)
{
    uint32_t others = count - (own < count);
    if (others == 0)
        return PEER_ADDRESS_NONE;
    uint32_t place = (uint32_t) peer_random_below(peer, others);
    place += place >= own;
    return (array != NULL ? array[place] : place) + 1;
}

peer_address peer_bootstrap(struct peer *peer)
{
    return other_than(peer, peer->harness->up, peer->harness->up_count, peer->up_place);
}

peer_address peer_any(struct peer *peer)
{
    return other_than(peer, NULL, peer->harness->options.peer_count, peer->index);
}

bool peer_has_graph(const struct peer *peer)
{
    return peer->harness->options.neighbours != NULL;
}

uint32_t peer_graph_degree(const struct peer *peer)
{
    const uint32_t *const *neighbours = peer->harness->options.neighbours;
    return neighbours ? neighbours[peer->index][0] : 0;
}

peer_address peer_graph_neighbour(const struct peer *peer, uint32_t i)
{
    base_assert(i < peer_graph_degree(peer));
    return peer->harness->options.neighbours[peer->index][i + 1] + 1;
}

bool peer_neighbours_heeded(const struct peer *peer)
{
    (void) peer;
    return true;
}

void peer_graph_tell(struct peer *peer, uint8_t table)
{
    for (uint32_t i = 0; i < peer_graph_degree(peer); i++)
        peer_neighbour(peer, table, peer_graph_neighbour(peer, i), true);
}

uint32_t peer_census_count(const struct peer *peer)
{
    return peer->harness->id_count;
}

uint32_t peer_census_at_least(const struct peer *peer, const struct overlay_id *id)
{
    const struct harness *h = peer->harness;
    uint32_t low = 0, high = h->id_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(&h->ids[h->census[middle]], id, sizeof *id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t peer_census_rank(const struct peer *peer)
{
    return peer_census_at_least(peer, &peer->harness->ids[peer->index * peer->harness->ids_a_peer]);
}

void peer_census_id(const struct peer *peer, uint32_t rank, struct overlay_id *id)
{
    *id = peer->harness->ids[peer->harness->census[rank]];
}

peer_address peer_census_address(const struct peer *peer, uint32_t rank)
{
    return peer->harness->census[rank] / peer->harness->ids_a_peer + 1;
}

void peer_census_follower(const struct peer *peer, const struct overlay_id *id, uint32_t near,
                          struct peer_census_member *follower)
{
    (void) near;
    uint32_t rank = peer_census_at_least(peer, id);
    follower->rank = rank == peer_census_count(peer) ? 0 : rank;
    peer_census_id(peer, follower->rank, &follower->id);
    follower->address = peer_census_address(peer, follower->rank);
}

void peer_key(const struct peer *peer, uint64_t number, struct overlay_id *key)
{
    harness_key(peer->harness, number, key);
}

void peer_lookup_done(struct peer *peer, uint32_t lookup, const struct peer_lookup_result *result)
{
    struct harness *h = peer->harness;
    bool known = lookup < h->result_count && h->results[lookup].peer == peer->index;
    base_assert(known || h->strangers_spoke);
    if (!known || h->results[lookup].done)
        return;
    h->results[lookup].done = true;
    h->results[lookup].ended_at_ns = h->now_ns;
    h->results[lookup].result = *result;
}

void peer_broadcast_received(struct peer *peer, uint32_t broadcast, uint32_t hops, uint32_t round)
{
    struct harness_delivery *delivery = delivery_at(peer->harness, broadcast, peer->index);
    base_assert(!delivery->received);
    *delivery = (struct harness_delivery){.received = true, .hops = hops, .round = round,
                                          .at_ns = peer->harness->now_ns};
}

void peer_broadcast_duplicate(struct peer *peer, uint32_t broadcast)
{
    delivery_at(peer->harness, broadcast, peer->index)->duplicates++;
}

void peer_neighbour(struct peer *peer, uint8_t table, peer_address other, bool added)
{
    struct harness *h = peer->harness;
    base_assert(table < h->options.ops->neighbour_table_count && other != PEER_ADDRESS_NONE);
    (added ? h->counts.neighbours_added : h->counts.neighbours_removed)[table]++;
}

void peer_metric(struct peer *peer, uint8_t metric, uint64_t value)
{
    base_assert(metric < peer->harness->options.ops->metric_count);
    peer->harness->counts.metric_count[metric]++;
    peer->harness->counts.metric_sum[metric] += value;
}

void peer_log(struct peer *peer, enum peer_log_level level, const char *format, ...)
{
    (void) peer;
    (void) level;
    (void) format;
}
