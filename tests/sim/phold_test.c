/* PHOLD in the harness: events are neither lost nor doubled, go to everybody alike, and work on all of the state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sim/overlays/phold.h"
#include "sim/overlays/registry.h"
#include "tests/sim/peer_harness.h"

#define SECOND HARNESS_SECOND_NS
#define MILLISECOND UINT64_C(1000000)

struct world {
    struct phold_parameters parameters;
    struct harness *harness;
    uint32_t peers;
};

static void open_world(struct world *world, uint32_t peers, struct phold_parameters parameters)
{
    world->parameters = parameters;
    world->peers = peers;
    world->harness = harness_create(&(struct harness_options){
        .ops = phold_kind.ops, .parameters = &world->parameters, .peer_count = peers, .seed = 3,
        .delay_ns_min = 20 * MILLISECOND, .delay_ns_max = 200 * MILLISECOND});
}

static void check_all(const struct world *world)
{
    const struct overlay_ops *ops = phold_kind.ops;
    for (uint32_t peer = 0; peer < world->peers; peer++)
        assert_null(harness_is_up(world->harness, peer) ? ops->check(harness_peer(world->harness, peer)) : NULL);
}

static struct phold_state *state_of(const struct world *world, uint32_t peer)
{
    return peer_state(harness_peer(world->harness, peer));
}

static void as_many_events_as_were_started_go_round_for_ever(void **state)
{
    (void) state;
    for (uint64_t pending = 1; pending <= 3; pending++) {
        struct world world;
        open_world(&world, 200, (struct phold_parameters){.pending = pending, .touched = 256});
        harness_start_converged(world.harness);
        harness_run(world.harness, 100 * SECOND);
        const struct harness_counts *counts = harness_counts(world.harness);
        assert_int_equal(counts->sent[0] - counts->delivered[0], 200 * pending);
        assert_int_equal(counts->malformed, 0);
        /* 110 ms a hop in the mean; over 900 hops of 200 events the mean is known to .1 %. */
        assert_in_range(counts->delivered[0], 180000 * pending, 184000 * pending);
        check_all(&world);
        harness_free(world.harness);
    }
}

struct heard {
    uint32_t by[50];
};

static bool note_target(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes,
                        size_t length)
{
    (void) kind, (void) bytes;
    assert_int_equal(length, PHOLD_MESSAGE_BYTES);
    assert_true(from != to - 1);
    ((struct heard *) context)->by[to - 1]++;
    return true;
}

static void events_go_to_all_others_alike(void **state)
{
    (void) state;
    struct world world;
    struct heard heard = {0};
    open_world(&world, 50, (struct phold_parameters){.pending = 1, .touched = 256});
    harness_start_converged(world.harness);
    harness_set_tap(world.harness, note_target, &heard);
    harness_run(world.harness, 110 * SECOND); /* 1,000 a peer, sd 32 */
    for (uint32_t peer = 0; peer < 50; peer++)
        assert_in_range(heard.by[peer], 850, 1150);
    harness_free(world.harness);
}

/* Whatever the size: the whole words and no octet behind them (the harness's states stand in exact rooms). */
static void an_event_works_on_every_word(void **state)
{
    (void) state;
    static const uint64_t sizes[] = {32, 40, 47, 64, 72, 248, 256, 264, 4096};
    const struct overlay_ops *ops = phold_kind.ops;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct world world;
        open_world(&world, 20, (struct phold_parameters){.pending = 1, .touched = sizes[i]});
        harness_start_converged(world.harness);
        harness_run(world.harness, 5 * SECOND);
        check_all(&world);
        uint64_t words = (ops->state_bytes(&world.parameters) - offsetof(struct phold_state, words)) / 8;
        assert_int_equal(words, (sizes[i] - 16) / 8);
        assert_true(state_of(&world, 7)->words[0] != 0);
        state_of(&world, 7)->words[words - 1]++;
        assert_non_null(ops->check(harness_peer(world.harness, 7)));
        harness_free(world.harness);
    }
}

static void an_event_ends_at_a_peer_that_is_down_and_one_that_joins_starts_new_ones(void **state)
{
    (void) state;
    struct world world;
    open_world(&world, 100, (struct phold_parameters){.pending = 2, .touched = 64});
    harness_start_converged(world.harness);
    const struct harness_counts *counts = harness_counts(world.harness);
    harness_crash(world.harness, 9);
    harness_run(world.harness, 10 * SECOND);
    assert_true(counts->target_down > 0);
    assert_int_equal(counts->sent[0] - counts->delivered[0] - counts->target_down, 200 - counts->target_down);
    uint64_t sent = counts->sent[0];
    harness_join(world.harness, 9, 1);
    assert_int_equal(counts->sent[0], sent + 2);
    harness_free(world.harness);
    open_world(&world, 1, (struct phold_parameters){.pending = 2, .touched = 64});
    harness_start_converged(world.harness);
    assert_int_equal(harness_counts(world.harness)->sent[0], 0);
    harness_free(world.harness);
}

static void copies_and_mutated_events_are_refused(void **state)
{
    (void) state;
    struct world world;
    open_world(&world, 10, (struct phold_parameters){.pending = 1, .touched = 64});
    harness_start_converged(world.harness);
    const struct harness_counts *counts = harness_counts(world.harness);
    uint64_t sent = counts->sent[0];
    uint8_t event[PHOLD_MESSAGE_BYTES + 1] = {1, 2, 3, 4, 1 ^ 0x50, 2 ^ 0x48, 3 ^ 0x4f, 4 ^ 0x4c};
    for (size_t length = 0; length <= sizeof event; length++)
        if (length != PHOLD_MESSAGE_BYTES)
            assert_false(harness_deliver(world.harness, 5, 2, event, length));
    for (unsigned bit = 0; bit < 8 * PHOLD_MESSAGE_BYTES; bit++) {
        event[bit / 8] ^= (uint8_t) (1u << bit % 8);
        assert_false(harness_deliver(world.harness, 5, 2, event, PHOLD_MESSAGE_BYTES));
        event[bit / 8] ^= (uint8_t) (1u << bit % 8);
    }
    assert_int_equal(counts->sent[0], sent);
    assert_true(harness_deliver(world.harness, 5, 2, event, PHOLD_MESSAGE_BYTES));
    assert_false(harness_deliver(world.harness, 5, 2, event, PHOLD_MESSAGE_BYTES));
    assert_int_equal(counts->sent[0], sent + 1);
    assert_true(harness_deliver(world.harness, 5, 3, event, PHOLD_MESSAGE_BYTES)); /* another's may bear that number */
    check_all(&world);
    harness_free(world.harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_events_as_were_started_go_round_for_ever),
        cmocka_unit_test(events_go_to_all_others_alike),
        cmocka_unit_test(an_event_works_on_every_word),
        cmocka_unit_test(an_event_ends_at_a_peer_that_is_down_and_one_that_joins_starts_new_ones),
        cmocka_unit_test(copies_and_mutated_events_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
