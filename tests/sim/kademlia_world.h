/* Kademlia alone, in the small world of peer_harness.h: what its tests share. */
#ifndef TESTS_SIM_KADEMLIA_WORLD_H
#define TESTS_SIM_KADEMLIA_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/overlays/kademlia_bucket.h"
#include "sim/overlays/registry.h"
#include "tests/sim/peer_harness.h"

#define MINUTE_NS (60 * HARNESS_SECOND_NS)
#define PPB_PER_PERCENT 10000000u

static inline const struct overlay_ops *kademlia_ops(void)
{
    return kademlia_kind.ops;
}

static inline struct kademlia_parameters defaults(void)
{
    return (struct kademlia_parameters){.bits = 160, .k = 20, .alpha = 3, .failures = 2, .refresh_ns = 60 * MINUTE_NS,
                                        .request_timeout_ns = HARNESS_SECOND_NS, .questionable_ns = 15 * MINUTE_NS};
}

/* Randomised tests take their seed from the environment, and say which they took. */
static inline uint64_t seed(void)
{
    const char *text = getenv("PEERLAB_TEST_SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 10) : 20021;
    print_message("seed %llu (PEERLAB_TEST_SEED)\n", (unsigned long long) value);
    return value;
}

static inline struct harness *world(const struct kademlia_parameters *parameters, uint32_t peer_count)
{
    return harness_create(&(struct harness_options){.ops = kademlia_ops(), .parameters = parameters,
                                                    .peer_count = peer_count, .seed = seed(),
                                                    .delay_ns_min = HARNESS_SECOND_NS / 50,
                                                    .delay_ns_max = HARNESS_SECOND_NS / 5});
}

static inline void run_for(struct harness *h, uint64_t span_ns)
{
    harness_run(h, harness_now(h) + span_ns);
}

static inline void assert_tables_are_sound(struct harness *h, uint32_t peer_count)
{
    for (uint32_t i = 0; i < peer_count; i++) {
        const char *violation = harness_is_up(h, i) ? kademlia_ops()->check(harness_peer(h, i)) : NULL;
        if (violation != NULL)
            fail_msg("peer %u: %s", i, violation);
    }
}

static inline uint32_t any_up(struct harness *h, uint32_t peer_count)
{
    uint32_t peer;
    do
        peer = (uint32_t) (harness_draw(h) % peer_count);
    while (!harness_is_up(h, peer));
    return peer;
}

struct figures {
    uint32_t count, succeeded, correct;
    uint64_t hops, messages, timeouts;
};

/* Random keys from random peers, one every 10 ms, judged against the truth. node_keys: keys are peers' ids. */
static inline struct figures look_up(struct harness *h, uint32_t peer_count, uint32_t count, bool node_keys)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct overlay_id key;
        if (node_keys)
            harness_id(h, (uint32_t) (harness_draw(h) % peer_count), &key);
        else
            harness_random_id(h, &key);
        uint32_t lookup = harness_lookup(h, any_up(h, peer_count), &key);
        first = i == 0 ? lookup : first;
        run_for(h, HARNESS_SECOND_NS / 100);
    }
    run_for(h, MINUTE_NS);
    struct figures figures = {.count = count};
    for (uint32_t i = 0; i < count; i++) {
        const struct harness_result *result = harness_result(h, first + i);
        assert_true(result->done);
        figures.succeeded += result->result.succeeded;
        figures.correct += result->result.succeeded && result->result.owner == harness_closest(h, &result->key) + 1;
        figures.hops += result->result.hops;
        figures.messages += result->result.messages;
        figures.timeouts += result->result.timeouts;
    }
    return figures;
}

#endif
