/* Chord alone, in the small world of peer_harness.h: what its tests share. */
#ifndef TESTS_SIM_CHORD_WORLD_H
#define TESTS_SIM_CHORD_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/overlays/chord.h"
#include "sim/overlays/registry.h"
#include "tests/sim/peer_harness.h"

#define PERIOD_NS (30 * HARNESS_SECOND_NS)

static inline const struct overlay_ops *chord_ops(void)
{
    return chord_kind.ops;
}

static inline struct chord_parameters defaults(void)
{
    return (struct chord_parameters){.bits = 32, .successors = 8, .replicas = 1, .virtual_nodes = 1,
                                     .acknowledge = true, .forget = true, .stabilise_ns = PERIOD_NS,
                                     .fix_fingers_ns = PERIOD_NS, .check_predecessor_ns = PERIOD_NS,
                                     .request_timeout_ns = HARNESS_SECOND_NS / 2,
                                     .lookup_timeout_ns = 30 * HARNESS_SECOND_NS};
}

/* Randomised tests take their seed from the environment, and say which they took. */
static inline uint64_t seed(void)
{
    const char *text = getenv("PEERLAB_TEST_SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 10) : 2003;
    print_message("seed %llu (PEERLAB_TEST_SEED)\n", (unsigned long long) value);
    return value;
}

static inline struct harness *world(const struct chord_parameters *parameters, uint32_t peer_count)
{
    return harness_create(&(struct harness_options){.ops = chord_ops(), .parameters = parameters,
                                                    .peer_count = peer_count, .seed = seed(),
                                                    .delay_ns_min = HARNESS_SECOND_NS / 50,
                                                    .delay_ns_max = HARNESS_SECOND_NS / 10});
}

static inline void run_for(struct harness *h, uint64_t span_ns)
{
    harness_run(h, harness_now(h) + span_ns);
}

static inline struct chord_id id_of(const struct overlay_id *id)
{
    return chord_id_load(id->octets, CHORD_ID_OCTETS);
}

/* The owner of the key behind an id: its true successor. */
static inline uint32_t true_successor(const struct harness *h, const struct chord_id *of, struct chord_id *successor)
{
    struct overlay_id behind, id;
    struct chord_id one = chord_power(160, 0), sum = chord_sum(of, &one);
    chord_id_store(&sum, behind.octets);
    uint32_t peer = harness_owner(h, &behind, &id);
    *successor = id_of(&id);
    return peer;
}

/* Each node's successor is the one that the census names, and that one's predecessor is the node. */
static inline void assert_ring_is_perfect(struct harness *h, uint32_t peer_count)
{
    for (uint32_t peer = 0; peer < peer_count; peer++) {
        if (!harness_is_up(h, peer))
            continue;
        const struct chord_shared *shared = peer_shared(harness_peer(h, peer));
        const char *violation = chord_ops()->check(harness_peer(h, peer));
        if (violation != NULL)
            fail_msg("peer %u: %s", peer, violation);
        for (uint32_t number = 0; number < shared->nodes; number++) {
            struct chord c = chord_of(harness_peer(h, peer), number), next = c;
            struct chord_id self = chord_id_at(&c, CHORD_SELF), expected;
            uint32_t follower = true_successor(h, &self, &expected);
            struct chord_entry successor = chord_entry_at(&c, CHORD_FIRST_SUCCESSOR);
            assert_int_equal(successor.address, follower + 1);
            assert_true(chord_id_equal(&successor.id, &expected));
            for (uint32_t i = 0; i < shared->nodes; i++) {
                next = chord_of(harness_peer(h, follower), i);
                struct chord_id id = chord_id_at(&next, CHORD_SELF);
                if (chord_id_equal(&id, &expected))
                    break;
            }
            struct chord_entry back = chord_entry_at(&next, CHORD_PREDECESSOR);
            if (harness_up_count(h) * shared->nodes > 1) {
                assert_int_equal(back.address, peer + 1);
                assert_true(chord_id_equal(&back.id, &self));
            }
        }
    }
}

static inline uint32_t any_up(struct harness *h, uint32_t peer_count)
{
    uint32_t peer = (uint32_t) (harness_draw(h) % peer_count);
    while (!harness_is_up(h, peer))
        peer = (peer + 1) % peer_count;
    return peer;
}

/* So many lookups of uniform keys from peers that are up; how many were right. */
static inline uint32_t right_lookups(struct harness *h, uint32_t peer_count, uint32_t count, double *hops_mean)
{
    uint32_t first = 0, right = 0;
    uint64_t hops = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct overlay_id key;
        harness_random_id(h, &key);
        uint32_t lookup = harness_lookup(h, any_up(h, peer_count), &key);
        first = i == 0 ? lookup : first;
    }
    run_for(h, 60 * HARNESS_SECOND_NS);
    for (uint32_t lookup = first; lookup < first + count; lookup++) {
        const struct harness_result *result = harness_result(h, lookup);
        struct overlay_id id;
        bool good = result->done && result->result.succeeded &&
                    result->result.owner == harness_owner(h, &result->key, &id) + 1;
        right += good;
        hops += good ? result->result.hops : 0;
    }
    if (hops_mean != NULL)
        *hops_mean = (double) hops / (right > 0 ? right : 1);
    return right;
}

#endif
