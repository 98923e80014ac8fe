/* Broadcast alone in the harness: who gets what over which graph, what a peer remembers, hostile bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reactor/base/random.h"
#include "sim/overlays/broadcast.h"
#include "tests/sim/peer_harness.h"

extern const struct topology_kind broadcast_kind;

#define SECOND HARNESS_SECOND_NS
#define MILLISECOND UINT64_C(1000000)

/* A line of five, peer 2 in the middle; 1 and 3 know each other too: 0 - 1 - 2 - 3 - 4, 1 - 3. */
static const uint32_t p0[] = {1, 1}, p1[] = {3, 0, 2, 3}, p2[] = {2, 1, 3}, p3[] = {3, 1, 2, 4}, p4[] = {1, 3};
static const uint32_t *const five[] = {p0, p1, p2, p3, p4};

static struct harness *open_world(uint64_t *ttl)
{
    return harness_create(&(struct harness_options){
        .ops = broadcast_kind.ops, .parameters = ttl, .peer_count = 5, .broadcast_count = 20, .seed = 1,
        .delay_ns_min = 100 * MILLISECOND, .delay_ns_max = 100 * MILLISECOND, .neighbours = five});
}

static void each_peer_forwards_once_to_all_but_whom_it_came_from(void **state)
{
    (void) state;
    uint64_t ttl = 65535;
    struct harness *h = open_world(&ttl);
    harness_start_converged(h);
    assert_int_equal(harness_counts(h)->neighbours_added[0], 10);
    harness_publish(h, 0, 7, 1, 100);
    harness_run(h, SECOND);
    static const uint32_t hops[] = {0, 1, 2, 2, 3};
    for (uint32_t i = 1; i < 5; i++) {
        const struct harness_delivery *delivery = harness_delivery(h, 7, i);
        assert_true(delivery->received);
        assert_int_equal(delivery->hops, hops[i]);
        assert_int_equal(delivery->at_ns, hops[i] * 100 * MILLISECOND);
        assert_int_equal(delivery->duplicates, i == 2 || i == 3);
    }
    assert_int_equal(harness_counts(h)->sent[0], 2 * 5 - 4);
    assert_int_equal(harness_counts(h)->bytes, 6 * 116);
    assert_int_equal(harness_counts(h)->malformed, 0);
    harness_free(h);
}

static void a_copy_travels_no_farther_than_its_ttl(void **state)
{
    (void) state;
    for (uint64_t ttl = 1; ttl <= 3; ttl++) {
        struct harness *h = open_world(&ttl);
        harness_start_converged(h);
        harness_publish(h, 0, 7, 1, 0);
        harness_run(h, SECOND);
        static const uint32_t hops[] = {0, 1, 2, 2, 3};
        for (uint32_t i = 1; i < 5; i++)
            assert_int_equal(harness_delivery(h, 7, i)->received, hops[i] <= ttl);
        harness_free(h);
    }
}

static void who_was_down_knows_nothing_and_cuts_the_flood(void **state)
{
    (void) state;
    uint64_t ttl = 65535;
    struct harness *h = open_world(&ttl);
    harness_start_converged(h);
    harness_crash(h, 3);
    harness_publish(h, 0, 1, 0, 10);
    harness_run(h, SECOND);
    assert_true(harness_delivery(h, 1, 2)->received && !harness_delivery(h, 1, 3)->received);
    assert_false(harness_delivery(h, 1, 4)->received);
    harness_join(h, 3, PEER_ADDRESS_NONE);
    harness_run(h, 2 * SECOND);
    assert_false(harness_delivery(h, 1, 3)->received);
    harness_publish(h, 0, 2, 0, 10);
    harness_run(h, 3 * SECOND);
    assert_true(harness_delivery(h, 2, 4)->received);
    harness_free(h);
}

static void bytes_that_are_no_message_are_refused(void **state)
{
    (void) state;
    uint64_t ttl = 65535;
    static const uint8_t good[] = {0x42, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 9, 9};
    struct harness *h = open_world(&ttl);
    harness_start_converged(h);
    for (size_t length = 0; length < sizeof good; length++)
        assert_false(harness_deliver(h, 1, 1, good, length));
    static const struct {
        size_t at;
        uint8_t value;
    } bad[] = {{0, 0x43}, {1, 1}, {3, 0}, {12, 1}, {15, 1}, {15, 3}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint8_t bytes[sizeof good];
        memcpy(bytes, good, sizeof good);
        bytes[bad[i].at] = bad[i].value;
        assert_false(harness_deliver(h, 1, 1, bytes, sizeof bytes));
    }
    assert_int_equal(harness_counts(h)->sent[0], 0);
    assert_true(harness_deliver(h, 1, 1, good, sizeof good));
    assert_int_equal(harness_counts(h)->sent[0], 2);
    assert_true(harness_deliver(h, 1, 4, good, sizeof good)); /* a second time: heard, not forwarded */
    assert_int_equal(harness_counts(h)->sent[0], 2);
    uint64_t seed = 5;
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t bytes[64];
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t) base_random_at(seed, i * 64 + k);
        if (i % 2)
            memcpy(bytes, good, 4);
        harness_deliver(h, 1, (peer_address) (1 + i % 5), bytes, base_random_at(seed + 1, i) % sizeof bytes);
    }
    harness_run(h, 10 * SECOND);
    assert_null(((const struct overlay_ops *) broadcast_kind.ops)->check(harness_peer(h, 1)));
    harness_free(h);
}

/* --- what is remembered --- */

static void what_was_seen_is_known_whatever_the_order(void **state)
{
    (void) state;
    enum { IDS = 20000 };
    struct base_slab pages;
    struct broadcast_page first = {0};
    static bool model[IDS];
    memset(model, 0, sizeof model);
    assert_int_equal(base_slab_init(&pages, sizeof first, 1000), 0);
    for (uint32_t i = 0; i < 60000; i++) {
        uint32_t id = (uint32_t) base_random_below(base_random_at(11, i), IDS);
        assert_int_equal(broadcast_see(&first, &pages, id), !model[id]);
        model[id] = true;
        if (i % 1000 == 0)
            assert_null(broadcast_seen_check(&first, &pages));
    }
    broadcast_forget(&first, &pages);
    assert_int_equal(pages.live, 0);
    assert_true(broadcast_see(&first, &pages, 3));
    base_slab_done(&pages);
}

static void memory_is_bounded_and_what_is_older_counts_as_seen(void **state)
{
    (void) state;
    struct base_slab pages;
    struct broadcast_page first = {0};
    assert_int_equal(base_slab_init(&pages, sizeof first, 1000), 0);
    uint32_t kept = BROADCAST_PAGES_MAX * BROADCAST_PAGE_IDS;
    for (uint32_t id = 0; id < 3 * kept; id++)
        assert_true(broadcast_see(&first, &pages, id));
    assert_int_equal(pages.live, BROADCAST_PAGES_MAX - 1);
    assert_null(broadcast_seen_check(&first, &pages));
    assert_false(broadcast_see(&first, &pages, 3 * kept - 1));
    assert_false(broadcast_see(&first, &pages, 2 * kept));
    assert_false(broadcast_see(&first, &pages, 5));
    for (uint32_t i = 0; i < 5000; i++) { /* one after the other anywhere: holes, evictions in the middle */
        broadcast_see(&first, &pages, (uint32_t) base_random_at(3, i));
        assert_null(broadcast_seen_check(&first, &pages));
    }
    broadcast_forget(&first, &pages);
    assert_int_equal(pages.live, 0);
    base_slab_done(&pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_peer_forwards_once_to_all_but_whom_it_came_from),
        cmocka_unit_test(a_copy_travels_no_farther_than_its_ttl),
        cmocka_unit_test(who_was_down_knows_nothing_and_cuts_the_flood),
        cmocka_unit_test(bytes_that_are_no_message_are_refused),
        cmocka_unit_test(what_was_seen_is_known_whatever_the_order),
        cmocka_unit_test(memory_is_bounded_and_what_is_older_counts_as_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
