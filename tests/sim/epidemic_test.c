/* Epidemic rumour spreading in the harness: the published numbers, its promises, and what could break them. */
#include "tests/sim/epidemic_world.h"

/* Runs round by round until all know; answers the round in which the last one learnt it. */
static uint32_t rounds_until_all_know(uint32_t mode, uint32_t peers, uint64_t seed)
{
    struct world world = open_world(&(struct setting){.mode = mode, .peers = peers, .seed = seed});
    uint32_t last = 0, rounds = 0;
    harness_run(world.harness, SECOND / 2);
    harness_publish(world.harness, (uint32_t) (seed % peers), 0, 0, 10);
    while (reached(&world, 0, &last) < peers - 1 && rounds < 64)
        harness_run(world.harness, SECOND / 2 + ++rounds * SECOND);
    assert_int_equal(last, rounds);
    close_world(&world);
    return last;
}

static void rounds_until_everyone_knows_are_the_published_ones(void **state)
{
    (void) state;
    static const char *const mode_names[] = {"push", "pull", "push-pull"};
    static const double published[] = {18.0, 13.8, 9.2}; /* n = 1024: log2 n + ln n + O(1) for push */
    enum { REPLICATES = 100 };
    for (uint32_t mode = PUSH; mode <= PUSH_PULL; mode++) {
        double sum = 0;
        for (uint64_t seed = 1; seed <= REPLICATES; seed++)
            sum += rounds_until_all_know(mode, 1024, seed);
        double mean = sum / REPLICATES;
        print_message("%s: %.2f rounds over seeds 1 to %d, published %.1f\n", mode_names[mode], mean, REPLICATES,
                      published[mode]);
        assert_true(mean > published[mode] - 0.5 && mean < published[mode] + 0.5);
    }
}

/* Hops grow by at most one a round exactly when nobody tells what it learnt in the same round. */
static void what_is_learnt_in_a_synchronous_round_is_told_from_the_next_on(void **state)
{
    (void) state;
    for (uint32_t mode = PUSH; mode <= PUSH_PULL; mode++) {
        struct world world = open_world(&(struct setting){
            .mode = mode, .peers = 300, .fanout = 8, .delay_ns_min = MILLISECOND, .delay_ns_max = 200 * MILLISECOND});
        harness_publish(world.harness, 0, 0, 0, 10); /* at 0, when a round begins: it can spread from 1 s on */
        harness_run(world.harness, 20 * SECOND);
        assert_int_equal(reached(&world, 0, NULL), 299);
        for (uint32_t peer = 1; peer < world.peers; peer++) {
            const struct harness_delivery *delivery = harness_delivery(world.harness, 0, peer);
            assert_true(delivery->hops >= 1 && delivery->hops <= delivery->round);
            assert_int_equal(delivery->round, delivery->at_ns / SECOND);
        }
        close_world(&world);
    }
}

static void rounds_count_time_in_flight_where_latency_exceeds_the_period(void **state)
{
    (void) state;
    struct world world = open_world(&(struct setting){
        .mode = PUSH_PULL, .peers = 100, .delay_ns_min = 1500 * MILLISECOND, .delay_ns_max = 2500 * MILLISECOND});
    harness_run(world.harness, 5 * SECOND + 1);
    harness_publish(world.harness, 3, 0, 0, 10);
    harness_run(world.harness, 60 * SECOND);
    assert_int_equal(reached(&world, 0, NULL), 99);
    for (uint32_t peer = 0; peer < world.peers; peer++) {
        const struct harness_delivery *delivery = harness_delivery(world.harness, 0, peer);
        assert_int_equal(delivery->round, peer == 3 ? 0 : delivery->at_ns / SECOND - 5);
    }
    close_world(&world);
}

static void own_timers_act_once_a_period_each_and_round_ages_up(void **state)
{
    (void) state;
    for (uint32_t mode = PUSH; mode <= PUSH_PULL; mode++) {
        struct world world = open_world(&(struct setting){.mode = mode, .own_timers = true, .peers = 500});
        harness_run(world.harness, 10 * SECOND + 300 * MILLISECOND);
        /* 300 ms into a period, so many have acted an eleventh time: phases are uniform (sd 10). */
        uint64_t fired = harness_counts(world.harness)->timers_fired;
        if (mode == PUSH)
            assert_int_equal(fired, 0);
        else
            assert_in_range(fired, 5150 - 60, 5150 + 60);
        harness_publish(world.harness, 7, 0, 0, 10);
        harness_run(world.harness, 40 * SECOND);
        assert_int_equal(reached(&world, 0, NULL), 499);
        for (uint32_t peer = 0; peer < world.peers; peer++) {
            const struct harness_delivery *delivery = harness_delivery(world.harness, 0, peer);
            uint64_t age_ns = delivery->at_ns - (10 * SECOND + 300 * MILLISECOND);
            if (peer != 7)
                assert_int_equal(delivery->round, (age_ns + SECOND - 1) / SECOND);
        }
        close_world(&world);
    }
}

static void a_pushing_peer_arms_no_timer_before_it_knows_a_rumour(void **state)
{
    (void) state;
    struct world world = open_world(&(struct setting){.mode = PUSH, .peers = 50});
    harness_run(world.harness, 10 * SECOND);
    assert_int_equal(harness_counts(world.harness)->timers_armed, 0);
    harness_publish(world.harness, 0, 0, 0, 10);
    assert_int_equal(harness_counts(world.harness)->timers_armed, 1);
    harness_run(world.harness, 10 * SECOND + 1); /* the first round is at 11 s: 10 s had begun already */
    assert_int_equal(harness_counts(world.harness)->sent[EPIDEMIC_PUSH], 0);
    harness_run(world.harness, 11 * SECOND + 500 * MILLISECOND); /* it told one other, which armed its own */
    assert_int_equal(reached(&world, 0, NULL), 1);
    assert_int_equal(harness_counts(world.harness)->timers_armed, 3);
    close_world(&world);
}

static void a_rumour_dies_everywhere_after_rounds_max_rounds(void **state)
{
    (void) state;
    for (uint32_t own_timers = 0; own_timers <= 1; own_timers++) {
        struct world world = open_world(&(struct setting){
            .mode = PUSH, .own_timers = own_timers == 1, .peers = 20, .rounds_max = 30, .broadcasts = 40});
        for (uint32_t broadcast = 0; broadcast < 40; broadcast++)
            harness_publish(world.harness, broadcast % 20, broadcast, 0, 10);
        harness_run(world.harness, 30 * SECOND);
        const struct base_slab *blocks = harness_shared(world.harness); /* which it begins with */
        assert_true(blocks->live > 0);
        assert_true(harness_run_idle(world.harness, 60 * SECOND)); /* nobody's timer is armed any more */
        assert_true(harness_now(world.harness) < 33 * SECOND);
        assert_int_equal(blocks->live, 0);
        uint64_t pushes = harness_counts(world.harness)->sent[EPIDEMIC_PUSH];
        harness_run(world.harness, 60 * SECOND);
        assert_int_equal(harness_counts(world.harness)->sent[EPIDEMIC_PUSH], pushes);
        close_world(&world);
    }
}

static void a_copy_of_a_dead_rumour_is_not_believed(void **state)
{
    (void) state;
    struct world world = open_world(&(struct setting){.mode = PUSH_PULL, .peers = 2, .rounds_max = 3});
    harness_run(world.harness, 10 * SECOND + 1);
    struct epidemic_writer *dead = message_of(EPIDEMIC_PUSH, 1, 7 * SECOND - 1);
    assert_true(harness_deliver(world.harness, 0, 2, dead->bytes, dead->length));
    assert_int_equal(reached(&world, 0, NULL), 0);
    struct epidemic_writer *alive = message_of(EPIDEMIC_PUSH, 1, 7 * SECOND);
    assert_true(harness_deliver(world.harness, 0, 2, alive->bytes, alive->length));
    assert_int_equal(reached(&world, 0, NULL), 1);
    assert_int_equal(harness_delivery(world.harness, 0, 0)->round, 3);
    free(dead);
    free(alive);
    close_world(&world);
}

static void a_tenth_of_lost_messages_stops_nothing(void **state)
{
    (void) state;
    struct world world = open_world(&(struct setting){.mode = PUSH_PULL, .peers = 500, .loss_ppb = 100000000});
    harness_publish(world.harness, 0, 0, 0, 100);
    harness_run(world.harness, 30 * SECOND);
    assert_int_equal(reached(&world, 0, NULL), 499);
    assert_true(harness_counts(world.harness)->lost > 0);
    close_world(&world);
}

static void a_crash_of_a_third_in_mid_spread_leaves_nobody_living_out(void **state)
{
    (void) state;
    for (uint32_t mode = PUSH; mode <= PUSH_PULL; mode++) {
        struct world world = open_world(&(struct setting){.mode = mode, .own_timers = true, .peers = 600});
        harness_publish(world.harness, 0, 0, 0, 100);
        harness_run(world.harness, 4 * SECOND);
        for (uint32_t peer = 2; peer < 600; peer += 3)
            harness_crash(world.harness, peer);
        harness_run(world.harness, 50 * SECOND);
        assert_int_equal(reached(&world, 0, NULL), harness_up_count(world.harness) - 1);
        close_world(&world);
    }
}

static void whoever_joins_later_or_again_learns_what_is_alive(void **state)
{
    (void) state;
    for (uint32_t mode = PULL; mode <= PUSH_PULL; mode++) {
        struct world world = open_world(&(struct setting){.mode = mode, .peers = 50, .nobody_up = true});
        for (uint32_t peer = 0; peer < 40; peer++)
            harness_join(world.harness, peer, PEER_ADDRESS_NONE);
        harness_publish(world.harness, 0, 0, 0, 100);
        harness_run(world.harness, 20 * SECOND);
        harness_crash(world.harness, 0);
        for (uint32_t peer = 40; peer < 50; peer++)
            harness_join(world.harness, peer, 1);
        harness_join(world.harness, 0, 1); /* the publisher has forgotten all; it hears of it as anybody does */
        harness_run(world.harness, 40 * SECOND);
        assert_int_equal(reached(&world, 0, NULL), 50);
        close_world(&world);
    }
}

static void two_hundred_rumours_at_once_reach_everybody(void **state)
{
    (void) state;
    enum { RUMOURS = 200, PEERS = 60 };
    for (uint32_t mode = PUSH; mode <= PUSH_PULL; mode++) {
        struct world world = open_world(&(struct setting){
            .mode = mode, .own_timers = true, .peers = PEERS, .broadcasts = RUMOURS, .delay_ns_max = 90 * MILLISECOND});
        for (uint32_t broadcast = RUMOURS; broadcast-- > 0;)
            harness_publish(world.harness, broadcast % PEERS, broadcast, broadcast % 3, 1000);
        harness_run(world.harness, 30 * SECOND);
        uint64_t duplicates = 0;
        for (uint32_t broadcast = 0; broadcast < RUMOURS; broadcast++) {
            assert_int_equal(reached(&world, broadcast, NULL), PEERS - 1);
            for (uint32_t peer = 0; peer < PEERS; peer++)
                duplicates += harness_delivery(world.harness, broadcast, peer)->duplicates;
        }
        assert_true(mode == PULL ? duplicates < RUMOURS * PEERS / 10 : duplicates > RUMOURS * PEERS);
        assert_int_equal(harness_counts(world.harness)->malformed, 0);
        close_world(&world);
    }
}

static void the_largest_payloads_and_the_fullest_table_still_spread(void **state)
{
    (void) state;
    struct world world = open_world(&(struct setting){
        .mode = PUSH_PULL, .peers = 2, .broadcasts = EPIDEMIC_RUMOURS_MAX + 1});
    for (uint32_t broadcast = 0; broadcast < 3; broadcast++)
        harness_publish(world.harness, 0, broadcast, 0, EPIDEMIC_PAYLOAD_BYTES_MAX);
    for (uint32_t broadcast = 3; broadcast <= EPIDEMIC_RUMOURS_MAX; broadcast++)
        harness_publish(world.harness, 0, broadcast, 0, 0);
    harness_publish(world.harness, 1, EPIDEMIC_RUMOURS_MAX, 0, EPIDEMIC_PAYLOAD_BYTES_MAX + 1); /* refused: too large */
    harness_run(world.harness, 3 * SECOND);
    uint32_t count = 0;
    for (uint32_t broadcast = 0; broadcast <= EPIDEMIC_RUMOURS_MAX; broadcast++)
        count += reached(&world, broadcast, NULL);
    assert_int_equal(count, EPIDEMIC_RUMOURS_MAX);
    assert_int_equal(harness_counts(world.harness)->metric_count[2], 1); /* refused_rumours: the last one */
    assert_int_equal(harness_counts(world.harness)->malformed, 0);
    close_world(&world);
}

static void nobody_one_and_two_peers_are_no_special_case(void **state)
{
    (void) state;
    for (uint32_t peers = 0; peers <= 2; peers++) {
        for (uint32_t mode = PUSH; mode <= PUSH_PULL; mode++) {
            struct world world = open_world(&(struct setting){.mode = mode, .peers = peers, .fanout = 3});
            if (peers > 0)
                harness_publish(world.harness, 0, 0, 0, 10);
            harness_run(world.harness, 5 * SECOND);
            assert_int_equal(reached(&world, 0, NULL), peers > 1);
            close_world(&world);
        }
    }
}

static void every_block_is_given_back_by_crash_leave_and_end(void **state)
{
    (void) state;
    struct world world = open_world(&(struct setting){.mode = PUSH_PULL, .peers = 10, .broadcasts = 100});
    for (uint32_t broadcast = 0; broadcast < 100; broadcast++)
        harness_publish(world.harness, broadcast % 10, broadcast, 0, 10);
    harness_run(world.harness, 10 * SECOND);
    const struct base_slab *blocks = harness_shared(world.harness); /* which it begins with */
    assert_true(blocks->live >= 10 * 98 / EPIDEMIC_BLOCK_RUMOURS);
    for (uint32_t peer = 0; peer < 10; peer++)
        peer % 2 ? harness_crash(world.harness, peer) : harness_leave(world.harness, peer);
    assert_int_equal(blocks->live, 0);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_until_everyone_knows_are_the_published_ones),
        cmocka_unit_test(what_is_learnt_in_a_synchronous_round_is_told_from_the_next_on),
        cmocka_unit_test(rounds_count_time_in_flight_where_latency_exceeds_the_period),
        cmocka_unit_test(own_timers_act_once_a_period_each_and_round_ages_up),
        cmocka_unit_test(a_pushing_peer_arms_no_timer_before_it_knows_a_rumour),
        cmocka_unit_test(a_rumour_dies_everywhere_after_rounds_max_rounds),
        cmocka_unit_test(a_copy_of_a_dead_rumour_is_not_believed),
        cmocka_unit_test(a_tenth_of_lost_messages_stops_nothing),
        cmocka_unit_test(a_crash_of_a_third_in_mid_spread_leaves_nobody_living_out),
        cmocka_unit_test(whoever_joins_later_or_again_learns_what_is_alive),
        cmocka_unit_test(two_hundred_rumours_at_once_reach_everybody),
        cmocka_unit_test(the_largest_payloads_and_the_fullest_table_still_spread),
        cmocka_unit_test(nobody_one_and_two_peers_are_no_special_case),
        cmocka_unit_test(every_block_is_given_back_by_crash_leave_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
