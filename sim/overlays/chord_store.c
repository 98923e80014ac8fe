/* Stored keys: the run's first `keys` numbered keys, each at the node that owns it and at its replicas - 1 successors.
 *
 * When a node hears of a new predecessor it hands over what that one owns now. Messages can be lost, and nodes crash; so
 * in every stabilise round an owner says to its replicas how many keys of its range there are and the sum of their
 * hashes (SYNC). A replica that has others sends what it has of them (STORE), and asks for the owner's (an empty STORE).
 * With one copy, the successor, from whose range the owner's was cut, is asked in the same way, and drops what the owner
 * has acknowledged (STORED). The last of the replicas drops what lies before the owner's range. */
#include "sim/overlays/chord.h"

#include <stdlib.h>

#include "reactor/base/arena.h"
#include "reactor/base/random.h"

struct span { /* of indices in a set; two where the range wraps */
    uint32_t first[2], count[2];
};

static uint32_t index_behind(const struct chord *c, const struct chord_id *id)
{
    const struct chord_key_store *store = &c->shared->store;
    const struct chord_keys *keys = chord_keys(c);
    uint8_t octets[CHORD_ID_OCTETS];
    chord_id_store(id, octets);
    uint32_t at = chord_keys_at_least(store, keys, octets);
    bool same = at < keys->count && memcmp(chord_keys_at(store, keys, at), octets, store->octets) == 0;
    return at + same;
}

/* The keys held in (after, last]. */
static struct span held_in(const struct chord *c, const struct chord_id *after, const struct chord_id *last)
{
    uint32_t begin = index_behind(c, after), end = index_behind(c, last), all = chord_keys(c)->count;
    if (chord_id_less(after, last))
        return (struct span){.first = {begin}, .count = {end - begin}};
    return (struct span){.first = {begin, 0}, .count = {all - begin, end}};
}

static uint64_t hash_of(const struct chord *c, uint32_t index)
{
    const struct chord_key_store *store = &c->shared->store;
    struct chord_id id = chord_id_load(chord_keys_at(store, chord_keys(c), index), store->octets);
    return base_random_subkey(base_random_subkey(id.high, id.middle), id.low);
}

static struct chord_range range_of(const struct chord *c, const struct chord_id *after, const struct chord_id *last)
{
    struct chord_range range = {.after = *after};
    struct span span = held_in(c, after, last);
    for (int part = 0; part < 2; part++)
        for (uint32_t i = 0; i < span.count[part]; i++) {
            range.sum += hash_of(c, span.first[part] + i);
            range.count++;
        }
    return range;
}

static void send_keys(const struct chord *c, const struct chord_id *after, const struct chord_id *last,
                      const struct chord_entry *to)
{
    const struct chord_key_store *store = &c->shared->store;
    struct span span = held_in(c, after, last);
    uint32_t most = CHORD_STORE_OCTETS / store->octets;
    for (int part = 0; part < 2; part++)
        for (uint32_t sent = 0, count; sent < span.count[part]; sent += count) {
            count = span.count[part] - sent < most ? span.count[part] - sent : most;
            chord_send_keys(c, CHORD_STORE, to, chord_keys_at(store, chord_keys(c), span.first[part] + sent), count);
        }
}

/* --- the keys that are stored from the start --- */

/* Sorted, once for all peers of a loop: each would have to look through all keys for its own. */
static const uint8_t *first_keys(const struct chord *c)
{
    struct chord_shared *shared = c->shared;
    uint64_t count = shared->parameters->keys;
    if (shared->first_keys != NULL)
        return shared->first_keys;
    shared->first_keys = malloc(count * shared->octets);
    if (shared->first_keys == NULL)
        base_out_of_memory();
    for (uint64_t number = 0; number < count; number++) {
        struct overlay_id key;
        peer_key(c->peer, number, &key);
        memcpy(shared->first_keys + number * shared->octets, key.octets, shared->octets);
    }
    chord_keys_sort(shared->first_keys, (uint32_t) count, shared->octets);
    return shared->first_keys;
}

/* How many of the sorted first keys are at most id. */
static uint32_t first_keys_up_to(const struct chord *c, const struct chord_id *id)
{
    const uint8_t *keys = first_keys(c);
    uint32_t low = 0, high = (uint32_t) c->shared->parameters->keys;
    uint8_t octets[CHORD_ID_OCTETS];
    chord_id_store(id, octets);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (memcmp(keys + (size_t) middle * c->shared->octets, octets, c->shared->octets) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void take_first(const struct chord *c, uint32_t begin, uint32_t end)
{
    const uint8_t *keys = first_keys(c) + (size_t) begin * c->shared->octets;
    if (!chord_keys_add(&c->shared->store, chord_keys(c), keys, end - begin))
        base_out_of_memory();
}

void chord_store_all(const struct chord *c)
{
    take_first(c, 0, (uint32_t) c->shared->parameters->keys);
}

void chord_store_first(const struct chord *c)
{
    uint32_t count = peer_census_count(c->peer), replicas = (uint32_t) c->shared->parameters->replicas;
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    if (replicas >= count) {
        chord_store_all(c);
        return;
    }
    struct overlay_id octets;
    chord_id_store(&self, octets.octets);
    uint32_t rank = peer_census_at_least(c->peer, &octets);
    peer_census_id(c->peer, (rank + count - replicas) % count, &octets);
    struct chord_id after = chord_id_load(octets.octets, CHORD_ID_OCTETS);
    uint32_t begin = first_keys_up_to(c, &after), end = first_keys_up_to(c, &self);
    if (begin <= end && chord_id_less(&after, &self)) {
        take_first(c, begin, end);
    } else {
        take_first(c, 0, end);
        take_first(c, begin, (uint32_t) c->shared->parameters->keys);
    }
}

/* --- handing over --- */

void chord_store_moved(const struct chord *c, const struct chord_id *after, const struct chord_entry *to)
{
    send_keys(c, after, &to->id, to);
}

void chord_store_leave(const struct chord *c, const struct chord_entry *to)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF), after = self;
    if (c->shared->parameters->replicas > 1 && chord_address_at(c, CHORD_PREDECESSOR) != PEER_ADDRESS_NONE)
        after = chord_id_at(c, CHORD_PREDECESSOR); /* its replicas elsewhere find a new last one by themselves */
    send_keys(c, &after, &self, to);
}

/* --- agreeing with the replicas --- */

void chord_store_sync(const struct chord *c)
{
    if (chord_address_at(c, CHORD_PREDECESSOR) == PEER_ADDRESS_NONE)
        return;
    struct chord_id self = chord_id_at(c, CHORD_SELF), after = chord_id_at(c, CHORD_PREDECESSOR);
    struct chord_range range = range_of(c, &after, &self);
    uint32_t others = (uint32_t) c->shared->parameters->replicas - 1, told = others > 0 ? others : 1;
    for (uint32_t i = 0; i < told && i < chord_state(c)->successor_count; i++) {
        struct chord_entry successor = chord_entry_at(c, CHORD_FIRST_SUCCESSOR + i);
        range.last = i + 1 == others;
        if (!chord_id_equal(&successor.id, &self))
            chord_send_range(c, &successor, &range);
    }
}

static void drop_before(const struct chord *c, const struct chord_id *after)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    struct span span = held_in(c, &self, after); /* what is not in (after, self] */
    for (int part = 0; part < 2; part++) /* the second part, where there is one, lies before the first */
        chord_keys_cut(&c->shared->store, chord_keys(c), span.first[part], span.count[part]);
}

void chord_store_synced(const struct chord *c, const struct chord_entry *by, const struct chord_range *range)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    if (chord_state(c)->successor_count == 0 || chord_in_half_open(&range->after, &self, &by->id))
        return; /* two owners of one range: stabilise will tell them apart */
    bool single = c->shared->parameters->replicas == 1;
    struct chord_range own = range_of(c, &range->after, &by->id);
    if (single ? own.count > 0 : own.count != range->count || own.sum != range->sum) {
        send_keys(c, &range->after, &by->id, by);
        if (!single && range->count > 0)
            chord_send_keys(c, CHORD_STORE, by, NULL, 0);
    }
    if (range->last && !single)
        drop_before(c, &range->after);
}

void chord_store_taken(const struct chord *c, const struct chord_entry *from, const uint8_t *keys, uint32_t count)
{
    struct chord_id self = chord_id_at(c, CHORD_SELF);
    if (chord_state(c)->successor_count == 0)
        return;
    if (count == 0) {
        if (chord_address_at(c, CHORD_PREDECESSOR) != PEER_ADDRESS_NONE) {
            struct chord_id after = chord_id_at(c, CHORD_PREDECESSOR);
            send_keys(c, &after, &self, from);
        }
        return;
    }
    uint8_t sorted[CHORD_STORE_OCTETS];
    memcpy(sorted, keys, (size_t) count * c->shared->octets);
    chord_keys_sort(sorted, count, c->shared->octets);
    if (chord_keys_add(&c->shared->store, chord_keys(c), sorted, count))
        chord_send_keys(c, CHORD_STORED, from, sorted, count);
}

/* With one copy, what another has taken goes, unless it is this node's own. The keys mostly lie one behind the other. */
void chord_store_acknowledged(const struct chord *c, const struct chord_entry *by, const uint8_t *keys, uint32_t count)
{
    const struct chord_key_store *store = &c->shared->store;
    struct chord_keys *held = chord_keys(c);
    struct chord_id self = chord_id_at(c, CHORD_SELF), predecessor = chord_id_at(c, CHORD_PREDECESSOR);
    if (c->shared->parameters->replicas > 1 || chord_address_at(c, CHORD_PREDECESSOR) == PEER_ADDRESS_NONE ||
        chord_id_equal(&by->id, &self))
        return;
    for (uint32_t i = 0, run; i < count; i += run > 0 ? run : 1) {
        uint32_t at = chord_keys_at_least(store, held, keys + (size_t) i * store->octets);
        for (run = 0; i + run < count && at + run < held->count; run++) {
            const uint8_t *key = keys + (size_t) (i + run) * store->octets;
            struct chord_id id = chord_id_load(key, store->octets);
            if (memcmp(chord_keys_at(store, held, at + run), key, store->octets) != 0 ||
                chord_in_half_open(&predecessor, &id, &self))
                break;
        }
        chord_keys_cut(&c->shared->store, held, at, run);
    }
}

uint64_t chord_keys_held(struct peer *peer)
{
    const struct chord_shared *shared = peer_shared(peer);
    uint64_t count = 0;
    for (uint32_t number = 0; number < shared->nodes; number++) {
        struct chord c = chord_of(peer, number);
        count += chord_keys(&c)->count;
    }
    return count;
}
