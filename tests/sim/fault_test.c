/* What each fault does: to whom, when, and how much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/network_world.h"

#define SEED 20261121
#define COUNT 3 /* peers of a group */

/* home 0-2, server 3-5, relay 6-8 */
static void three_groups(struct world *world)
{
    world_init(world, SEED);
    world_group(world, "home", COUNT, NULL);
    world_group(world, "server", COUNT, NULL);
    world_group(world, "relay", COUNT, NULL);
    world_constant(world, 50 * MS);
}

/* Compares who reaches whom with a matrix of groups, rows sending: '1' passes. */
static void check_reach(struct world *world, uint64_t now_ns, const char *const *expected)
{
    for (uint32_t from = 0; from < world->scenario.peer_count; from++) {
        for (uint32_t to = 0; to < world->scenario.peer_count; to++) {
            struct network_ends ends = world_ends(world, from, to);
            bool passes = from == to || expected[ends.from_group][ends.to_group] == '1';
            enum network_fate sent = network_send(world->network, &ends, now_ns, 0, 100).fate;
            assert_int_equal(sent, passes ? NETWORK_IN_FLIGHT : NETWORK_PARTITION);
            enum network_fate arrived = network_arrive(world->network, &ends, now_ns);
            assert_int_equal(arrived, passes ? NETWORK_DELIVERED : NETWORK_PARTITION);
        }
    }
}

static void partition_world(struct world *world, struct fault_partition *partition)
{
    three_groups(world);
    struct topology_peers sets[] = {world_peers(world, 0), world_peers(world, 1)};
    partition->sets = world_sets(world, 2, sets);
    world_fault(world, 40 * SECOND, 60 * SECOND, &fault_partition, partition);
    assert_int_equal(world_build(world), 0);
}

static void a_partition_isolates_its_sets_and_who_is_in_none(void **state)
{
    (void) state;
    struct world world;
    struct fault_partition partition = {0};
    partition_world(&world, &partition);
    check_reach(&world, 0, (const char *const[]) {"111", "111", "111"});
    check_reach(&world, 50 * SECOND, (const char *const[]) {"100", "010", "000"});
    check_reach(&world, 200 * SECOND, (const char *const[]) {"111", "111", "111"});
    world_done(&world);
}

static void a_one_way_partition_drops_what_goes_to_a_later_set(void **state)
{
    (void) state;
    struct world world;
    struct fault_partition partition = {.one_way = true};
    partition_world(&world, &partition);
    check_reach(&world, 50 * SECOND, (const char *const[]) {"100", "110", "000"});
    world_done(&world);
}

static void a_set_of_several_groups_stays_whole(void **state)
{
    (void) state;
    struct world world;
    struct fault_partition partition = {0};
    three_groups(&world);
    struct topology_peers sets[] = {world_peers(&world, 0, 2), world_peers(&world, 1)};
    partition.sets = world_sets(&world, 2, sets);
    world_fault(&world, 0, 0, &fault_partition, &partition);
    assert_int_equal(world_build(&world), 0);
    check_reach(&world, 0, (const char *const[]) {"101", "010", "101"});
    check_reach(&world, 3000 * SECOND, (const char *const[]) {"101", "010", "101"}); /* without `for`: to the end */
    world_done(&world);
}

static void a_fault_begins_and_ends_to_the_nanosecond(void **state)
{
    (void) state;
    struct world world;
    struct fault_partition partition = {0};
    partition_world(&world, &partition);
    static const struct { uint64_t at_ns; enum network_fate fate; } instants[] = {
        {40 * SECOND - 1, NETWORK_IN_FLIGHT}, {40 * SECOND, NETWORK_PARTITION},
        {100 * SECOND - 1, NETWORK_PARTITION}, {100 * SECOND, NETWORK_IN_FLIGHT},
    };
    for (size_t i = 0; i < sizeof instants / sizeof *instants; i++)
        assert_int_equal(world_send(&world, 0, 3, instants[i].at_ns, 0).fate, instants[i].fate);
    world_done(&world);
}

static void what_is_under_way_when_a_partition_begins_does_not_arrive(void **state)
{
    (void) state;
    struct world world;
    struct fault_partition partition = {0};
    partition_world(&world, &partition);
    struct network_ends ends = world_ends(&world, 0, 3);
    struct network_verdict verdict = network_send(world.network, &ends, 40 * SECOND - 1, 0, 100);
    assert_int_equal(verdict.fate, NETWORK_IN_FLIGHT);
    assert_int_equal(network_arrive(world.network, &ends, 40 * SECOND - 1 + verdict.delay_ns), NETWORK_PARTITION);
    world_done(&world);
}

/* The delay or, for what is lost, 0, of each pair of groups. */
static void check_delays(struct world *world, uint64_t now_ns, const uint64_t expected_ms[3][3])
{
    for (uint32_t from = 0; from < 3; from++) {
        for (uint32_t to = 0; to < 3; to++) {
            struct network_verdict verdict = world_send(world, COUNT * from, COUNT * to + 1, now_ns, 0);
            assert_int_equal(verdict.fate == NETWORK_IN_FLIGHT ? verdict.delay_ns : 0, expected_ms[from][to] * MS);
        }
    }
}

static void a_latency_fault_strikes_the_links_that_it_names(void **state)
{
    (void) state;
    struct world world;
    three_groups(&world);
    struct topology_peers ends[] = {world_peers(&world, 0), world_peers(&world, 1)};
    struct fault_latency between = {.times = 3, .has_times = true, .links.between = world_sets(&world, 2, ends)};
    struct fault_latency of = {.times = 1, .add_ns = 7 * MS, .has_add = true, .links.of = world_peers(&world, 2)};
    struct fault_latency all = {.times = 0.5, .has_times = true};
    world_fault(&world, 10 * SECOND, 10 * SECOND, &fault_latency, &between);
    world_fault(&world, 30 * SECOND, 10 * SECOND, &fault_latency, &of);
    world_fault(&world, 50 * SECOND, 10 * SECOND, &fault_latency, &all);
    assert_int_equal(world_build(&world), 0);
    check_delays(&world, 15 * SECOND, (const uint64_t[3][3]) {{50, 150, 50}, {150, 50, 50}, {50, 50, 50}});
    check_delays(&world, 35 * SECOND, (const uint64_t[3][3]) {{50, 50, 57}, {50, 50, 57}, {57, 57, 57}});
    check_delays(&world, 55 * SECOND, (const uint64_t[3][3]) {{25, 25, 25}, {25, 25, 25}, {25, 25, 25}});
    assert_int_equal(network_least_delay_ns(world.network), 25 * MS);
    world_done(&world);
}

static void faults_at_the_same_time_multiply_and_then_add(void **state)
{
    (void) state;
    struct world world;
    three_groups(&world);
    struct fault_latency first = {.times = 0.5, .add_ns = MS, .has_times = true, .has_add = true};
    struct fault_latency second = {.times = 0.2, .add_ns = MS, .has_times = true, .has_add = true};
    world_fault(&world, 10 * SECOND, 10 * SECOND, &fault_latency, &first);
    world_fault(&world, 15 * SECOND, 10 * SECOND, &fault_latency, &second);
    assert_int_equal(world_build(&world), 0);
    assert_int_equal(world_send(&world, 0, 1, 12 * SECOND, 0).delay_ns, 26 * MS);
    assert_int_equal(world_send(&world, 0, 1, 17 * SECOND, 0).delay_ns, 7 * MS);
    assert_int_equal(world_send(&world, 0, 1, 22 * SECOND, 0).delay_ns, 11 * MS);
    assert_int_equal(network_least_delay_ns(world.network), 5 * MS);
    world_done(&world);
}

static void a_latency_fault_rounds_halves_up_and_keeps_a_nanosecond(void **state)
{
    (void) state;
    struct world world;
    three_groups(&world);
    world_constant(&world, 5);
    struct fault_latency half = {.times = 0.5, .has_times = true}, tiny = {.times = 0.001, .has_times = true};
    world_fault(&world, 0, SECOND, &fault_latency, &half);
    world_fault(&world, 2 * SECOND, SECOND, &fault_latency, &tiny);
    assert_int_equal(world_build(&world), 0);
    assert_int_equal(world_send(&world, 0, 1, 0, 0).delay_ns, 3);
    assert_int_equal(world_send(&world, 0, 1, 2 * SECOND, 0).delay_ns, 1);
    assert_int_equal(network_least_delay_ns(world.network), 1);
    world_done(&world);
}

static uint32_t losses(struct world *world, uint32_t from, uint32_t to, uint64_t now_ns)
{
    uint32_t lost = 0;
    for (uint32_t i = 0; i < 10000; i++)
        lost += world_send(world, from, to, now_ns, i).fate == NETWORK_LOSS;
    return lost;
}

static void losses_add_up_where_they_strike(void **state)
{
    (void) state;
    struct world world;
    three_groups(&world);
    world.scenario.network.loss_ppb = 100000000;
    struct fault_loss of = {.add_ppb = 200000000, .links.of = world_peers(&world, 0)}, all = {.add_ppb = 900000000};
    world_fault(&world, 10 * SECOND, 20 * SECOND, &fault_loss, &of);
    world_fault(&world, 20 * SECOND, 10 * SECOND, &fault_loss, &all);
    assert_int_equal(world_build(&world), 0);
    assert_in_range(losses(&world, 0, 3, 0), 1000 - 120, 1000 + 120);
    assert_in_range(losses(&world, 0, 3, 15 * SECOND), 3000 - 184, 3000 + 184);
    assert_in_range(losses(&world, 3, 0, 15 * SECOND), 3000 - 184, 3000 + 184);
    assert_in_range(losses(&world, 3, 6, 15 * SECOND), 1000 - 120, 1000 + 120);
    assert_int_equal(losses(&world, 0, 3, 25 * SECOND), 10000);
    assert_in_range(losses(&world, 0, 3, 30 * SECOND), 1000 - 120, 1000 + 120);
    world_done(&world);
}

/* --- crashes --- */

#define PEERS 1000

struct candidates {
    uint32_t peers[PEERS], victims[PEERS];
    uint64_t keys[PEERS];
    uint32_t count;
};

/* Home's 600 and server's 400 peers, but for each seventh, which is down. */
static void crash_world(struct world *world, struct candidates *up)
{
    world_init(world, SEED);
    world_group(world, "home", 600, NULL);
    world_group(world, "server", 400, NULL);
    up->count = 0;
    for (uint32_t i = 0; i < PEERS; i++) {
        if (i % 7 == 0)
            continue;
        up->peers[up->count] = i;
        up->keys[up->count++] = base_random_at(SEED, i);
    }
}

static uint32_t strike(struct world *world, struct candidates *up, const struct fault_crash *crash)
{
    const struct fault_ops *ops = fault_crash.ops;
    return ops->victims(crash, &world->identity, up->peers, up->keys, up->count, up->victims);
}

static void a_crash_strikes_those_up_in_its_groups_with_the_least_keys(void **state)
{
    (void) state;
    struct world world;
    static struct candidates up;
    crash_world(&world, &up);
    struct fault_crash crash = {.of = world_peers(&world, 1), .fraction_ppb = 300000000};
    uint32_t count = strike(&world, &up, &crash);
    assert_int_equal(count, 103); /* 30 % of the 343 servers that are up: 102.9 */
    uint64_t greatest = 0;
    for (uint32_t i = 0; i < count; i++) {
        assert_true(up.peers[up.victims[i]] >= 600);
        assert_true(i == 0 || up.victims[i] > up.victims[i - 1]);
        uint64_t key = up.keys[up.victims[i]];
        greatest = key > greatest ? key : greatest;
    }
    uint32_t with_less = 0;
    for (uint32_t i = 0; i < up.count; i++)
        with_less += up.peers[i] >= 600 && up.keys[i] <= greatest;
    assert_int_equal(with_less, count);
    world_done(&world);
}

static void a_crash_takes_a_count_no_greater_than_there_are(void **state)
{
    (void) state;
    struct world world;
    static struct candidates up;
    crash_world(&world, &up);
    struct fault_crash crash = {.of = world_peers(&world, 0, 1), .count = 17, .has_count = true};
    assert_int_equal(strike(&world, &up, &crash), 17);
    crash.count = 100000;
    assert_int_equal(strike(&world, &up, &crash), up.count);
    for (uint32_t i = 0; i < up.count; i++)
        assert_int_equal(up.victims[i], i);
    world_done(&world);
}

static void a_crash_with_equal_keys_or_nobody_up_is_no_trouble(void **state)
{
    (void) state;
    struct world world;
    static struct candidates up;
    crash_world(&world, &up);
    struct fault_crash crash = {.of = world_peers(&world, 0, 1), .fraction_ppb = 500000000};
    memset(up.keys, 0, sizeof up.keys);
    uint32_t count = strike(&world, &up, &crash);
    assert_int_equal(count, (up.count + 1) / 2);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(up.victims[i], i);
    up.count = 0;
    assert_int_equal(strike(&world, &up, &crash), 0);
    world_done(&world);
}

static void a_crash_ends_after_its_span_or_not_at_all(void **state)
{
    (void) state;
    const struct fault_ops *ops = fault_crash.ops;
    struct fault_crash crash = {.restart_after_ns = 300 * SECOND, .has_restart_after = true}, for_good = {0};
    assert_int_equal(ops->restart_after_ns(&crash), 300 * SECOND);
    assert_int_equal(ops->restart_after_ns(&for_good), UINT64_MAX);
}

/* --- what is refused, and what is said --- */

static void check_refused(struct world *world, const struct topology_kind *kind, const void *parameters, uint64_t for_ns,
                          const char *expected)
{
    three_groups(world);
    world_fault(world, SECOND, for_ns, kind, parameters);
    assert_true(world_build(world) < 0);
    if (!strstr(world_complaint(world), expected))
        fail_msg("\"%s\" lacks \"%s\"", world_complaint(world), expected);
    assert_int_equal(world->diagnostics.error_count, 1);
    world_done(world);
}

static void contradictions_are_refused(void **state)
{
    (void) state;
    struct world world;
    static const uint16_t first[] = {0};
    static const struct topology_peers peers = {.groups = first, .count = 1};
    struct fault_crash both = {.has_fraction = true, .has_count = true, .count = 1}, plain = {.fraction_ppb = 1};
    struct fault_partition empty = {0};
    struct fault_loss links = {.links = {.of = peers, .between = {.sets = &peers, .count = 1}}};
    struct fault_loss one_side = {.links.between = {.sets = &peers, .count = 1}};
    struct fault_latency nothing = {.times = 1};
    check_refused(&world, &fault_crash, &both, 0, "\"fraction\" and \"count\" of a crash exclude each other");
    check_refused(&world, &fault_crash, &plain, SECOND, "a crash happens at one instant: it takes no \"for\"");
    check_refused(&world, &fault_partition, &empty, 0, "a partition needs a set of peers");
    check_refused(&world, &fault_loss, &links, 0, "\"of\" and \"between\" of a loss fault exclude each other");
    check_refused(&world, &fault_loss, &one_side, 0, "takes two sets of peers, not 1");
    check_refused(&world, &fault_latency, &nothing, 0, "a latency fault needs \"times\" or \"add\"");
}

static void check_words(const struct world *world, const struct topology_kind *kind, const void *parameters,
                        const char *expected)
{
    char text[200];
    const struct fault_ops *ops = kind->ops;
    ops->describe(parameters, &world->scenario, text, sizeof text);
    assert_string_equal(text, expected);
    ops->describe(parameters, &world->scenario, text, 5); /* cut, not written beyond */
    assert_int_equal(strlen(text), 4);
}

static void faults_say_in_words_what_they_do(void **state)
{
    (void) state;
    struct world world;
    three_groups(&world);
    struct topology_peers sets[] = {world_peers(&world, 0, 2), world_peers(&world, 1)};
    struct fault_crash crash = {.of = world_peers(&world, 0), .fraction_ppb = 305000000,
                                .restart_after_ns = 300 * SECOND, .has_restart_after = true};
    struct fault_crash few = {.of = world_peers(&world, 0, 1), .count = 3, .has_count = true};
    struct fault_partition partition = {.sets = world_sets(&world, 2, sets)};
    struct fault_loss loss = {.add_ppb = 1000000, .links.of = world_peers(&world, 1)};
    struct fault_latency latency = {.times = 2.5, .add_ns = 1500000, .has_times = true, .has_add = true,
                                    .links.between = world_sets(&world, 2, sets)};
    check_words(&world, &fault_crash, &crash, "30.5 % of home, up again after 5 min");
    check_words(&world, &fault_crash, &few, "3 of home, server");
    check_words(&world, &fault_partition, &partition, "home, relay | server");
    check_words(&world, &fault_loss, &loss, "0.1 % more lost at server");
    check_words(&world, &fault_latency, &latency, "delays x 2.5 + 1.5 ms between home, relay and server");
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_partition_isolates_its_sets_and_who_is_in_none),
        cmocka_unit_test(a_one_way_partition_drops_what_goes_to_a_later_set),
        cmocka_unit_test(a_set_of_several_groups_stays_whole),
        cmocka_unit_test(a_fault_begins_and_ends_to_the_nanosecond),
        cmocka_unit_test(what_is_under_way_when_a_partition_begins_does_not_arrive),
        cmocka_unit_test(a_latency_fault_strikes_the_links_that_it_names),
        cmocka_unit_test(faults_at_the_same_time_multiply_and_then_add),
        cmocka_unit_test(a_latency_fault_rounds_halves_up_and_keeps_a_nanosecond),
        cmocka_unit_test(losses_add_up_where_they_strike),
        cmocka_unit_test(a_crash_strikes_those_up_in_its_groups_with_the_least_keys),
        cmocka_unit_test(a_crash_takes_a_count_no_greater_than_there_are),
        cmocka_unit_test(a_crash_with_equal_keys_or_nobody_up_is_no_trouble),
        cmocka_unit_test(a_crash_ends_after_its_span_or_not_at_all),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(faults_say_in_words_what_they_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
