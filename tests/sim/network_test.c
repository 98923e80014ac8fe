/* What the network makes of a message: draws, jitter, loss, and how faults change that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/network_world.h"

#define SEED 20261121
#define DRAWS 20000

static const struct base_distribution uniform = {.kind = BASE_UNIFORM, .a = 20e6, .b = 200e6};

static void two_groups(struct world *world)
{
    world_init(world, SEED);
    world_group(world, "home", 900, NULL);
    world_group(world, "server", 100, NULL);
}

static void a_pair_has_one_delay_in_both_directions_and_at_any_time(void **state)
{
    (void) state;
    struct world world;
    two_groups(&world);
    world_distribution(&world, &latency_uniform, uniform);
    assert_int_equal(world_build(&world), 0);
    uint64_t first = world_delay(&world, 3, 950);
    assert_int_equal(world_delay(&world, 950, 3), first);
    assert_int_equal(world_send(&world, 3, 950, 7 * SECOND, 99).delay_ns, first);
    assert_int_not_equal(world_delay(&world, 3, 951), first);
    assert_int_not_equal(world_delay(&world, 4, 950), first);
    world_done(&world);
}

static void per_message_each_message_and_each_direction_draws_anew(void **state)
{
    (void) state;
    struct world world;
    two_groups(&world);
    world_distribution(&world, &latency_uniform, uniform);
    world.scenario.network.latency_per_message = true;
    assert_int_equal(world_build(&world), 0);
    uint64_t first = world_send(&world, 3, 950, 0, 1).delay_ns;
    assert_int_equal(world_send(&world, 3, 950, 0, 1).delay_ns, first);
    assert_int_not_equal(world_send(&world, 3, 950, 0, 2).delay_ns, first);
    assert_int_not_equal(world_send(&world, 950, 3, 0, 1).delay_ns, first);
    world_done(&world);
}

static void another_group_leaves_the_draws_of_the_others_unchanged(void **state)
{
    (void) state;
    struct world one, other;
    two_groups(&one);
    world_init(&other, SEED);
    world_group(&other, "newcomers", 50, NULL);
    world_group(&other, "home", 900, NULL);
    world_group(&other, "server", 100, NULL);
    struct world *worlds[] = {&one, &other};
    for (int i = 0; i < 2; i++) {
        world_distribution(worlds[i], &latency_uniform, uniform);
        worlds[i]->scenario.network.loss_ppb = 100000000;
        worlds[i]->scenario.network.has_jitter = true;
        worlds[i]->scenario.network.jitter = (struct base_distribution) {.kind = BASE_NORMAL, .b = 2e6};
        assert_int_equal(world_build(worlds[i]), 0);
    }
    for (uint32_t i = 0; i < 900; i++) {
        struct network_verdict a = world_send(&one, i, 900 + i % 100, 0, i);
        struct network_verdict b = world_send(&other, 50 + i, 950 + i % 100, 0, i);
        assert_int_equal(a.fate, b.fate);
        assert_int_equal(a.delay_ns, b.delay_ns);
    }
    world_done(&one);
    world_done(&other);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return (x > y) - (x < y);
}

/* The Kolmogorov-Smirnov distance between sorted samples and the distribution, whose quantiles are asked of base. */
static double distance(uint64_t *samples, uint32_t count, const struct base_distribution *distribution)
{
    double worst = 0;
    uint32_t below = 0;
    qsort(samples, count, sizeof *samples, by_size);
    for (uint32_t i = 1; i < 1000; i++) {
        uint64_t quantile = base_distribution_at(distribution, i * (UINT64_MAX / 1000));
        while (below < count && samples[below] <= quantile)
            below++;
        double apart = (double) below / count - i / 1000.0;
        apart = apart < 0 ? -apart : apart;
        worst = apart > worst ? apart : worst;
    }
    return worst;
}

static void check_distribution(const struct topology_kind *kind, struct base_distribution distribution, bool per_message)
{
    struct world world;
    world_init(&world, SEED);
    world_group(&world, "all", 2 * DRAWS, NULL);
    world_distribution(&world, kind, distribution);
    world.scenario.network.latency_per_message = per_message;
    assert_int_equal(world_build(&world), 0);
    uint64_t *samples = malloc(DRAWS * sizeof *samples);
    uint64_t least_ns = network_least_delay_ns(world.network);
    for (uint32_t i = 0; i < DRAWS; i++) {
        samples[i] = per_message ? world_send(&world, 1, 2, 0, i).delay_ns : world_delay(&world, i, DRAWS + i / 2);
        assert_true(samples[i] >= least_ns);
    }
    double apart = distance(samples, DRAWS, &distribution);
    if (apart > 1.95 / 141.4) /* 0.1 % level: 1.95 / sqrt(20000) */
        fail_msg("%s is %f from its distribution (seed %d)", kind->name, apart, SEED);
    free(samples);
    world_done(&world);
}

static void delays_follow_their_distributions(void **state)
{
    (void) state;
    static const struct base_distribution normal = {.kind = BASE_NORMAL, .cut = true, .a = 60e6, .b = 15e6};
    static const struct base_distribution lognormal = {.kind = BASE_LOGNORMAL, .cut = true, .a = 60e6, .b = 0.5};
    static const struct base_distribution pareto = {.kind = BASE_PARETO, .a = 10e6, .b = 1.5};
    for (int per_message = 0; per_message < 2; per_message++) {
        check_distribution(&latency_uniform, uniform, per_message);
        check_distribution(&latency_normal, normal, per_message);
        check_distribution(&latency_lognormal, lognormal, per_message);
        check_distribution(&latency_pareto, pareto, per_message);
    }
}

static void a_constant_delay_is_constant_and_never_zero_between_two(void **state)
{
    (void) state;
    struct world world;
    two_groups(&world);
    world_constant(&world, 0);
    assert_int_equal(world_build(&world), 0);
    assert_int_equal(world_delay(&world, 1, 2), 1);
    assert_int_equal(network_least_delay_ns(world.network), 1);
    world_done(&world);
}

static void a_message_to_oneself_takes_no_time_and_is_never_lost(void **state)
{
    (void) state;
    struct world world;
    two_groups(&world);
    world_constant(&world, 50 * MS);
    world.scenario.network.loss_ppb = 1000000000;
    struct fault_partition partition = {0};
    struct topology_peers servers = world_peers(&world, 1);
    partition.sets = world_sets(&world, 1, &servers);
    world_fault(&world, 0, 0, &fault_partition, &partition);
    assert_int_equal(world_build(&world), 0);
    struct network_verdict verdict = world_send(&world, 5, 5, 0, 0);
    assert_int_equal(verdict.fate, NETWORK_IN_FLIGHT);
    assert_int_equal(verdict.delay_ns, 0);
    struct network_ends ends = world_ends(&world, 5, 5);
    assert_int_equal(network_arrive(world.network, &ends, 0), NETWORK_DELIVERED);
    world_done(&world);
}

static void jitter_never_takes_a_delay_below_half_of_its_base(void **state)
{
    (void) state;
    struct world world;
    two_groups(&world);
    world_constant(&world, 50 * MS + 1);
    world.scenario.network.has_jitter = true;
    world.scenario.network.jitter = (struct base_distribution) {.kind = BASE_NORMAL, .b = 60e6};
    assert_int_equal(world_build(&world), 0);
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t i = 0; i < 5000; i++) {
        uint64_t delay = world_send(&world, 1, 2, 0, i).delay_ns;
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
    }
    assert_int_equal(least, 25 * MS + 1); /* more than half of an odd number, not less */
    assert_int_equal(network_least_delay_ns(world.network), 25 * MS + 1);
    assert_true(most > 100 * MS);
    world_done(&world);
}

static void small_jitter_leaves_more_of_the_least_delay_than_half(void **state)
{
    (void) state;
    struct world world;
    two_groups(&world);
    world_constant(&world, 50 * MS);
    world.scenario.network.has_jitter = true;
    world.scenario.network.jitter = (struct base_distribution) {.kind = BASE_UNIFORM, .a = -2e6, .b = 2e6};
    assert_int_equal(world_build(&world), 0);
    uint64_t least_ns = network_least_delay_ns(world.network), least = UINT64_MAX;
    for (uint32_t i = 0; i < 5000; i++) {
        uint64_t delay = world_send(&world, 1, 2, 0, i).delay_ns;
        least = delay < least ? delay : least;
    }
    assert_true(least >= least_ns && least < 48 * MS + 10000);
    assert_in_range(least_ns, 48 * MS - 1000, 48 * MS);
    world_done(&world);
}

static void a_single_nanosecond_survives_jitter(void **state)
{
    (void) state;
    struct world world;
    two_groups(&world);
    world_constant(&world, 1);
    world.scenario.network.has_jitter = true;
    world.scenario.network.jitter = (struct base_distribution) {.kind = BASE_NORMAL, .b = 60e6};
    assert_int_equal(world_build(&world), 0);
    for (uint32_t i = 0; i < 1000; i++)
        assert_true(world_send(&world, 1, 2, 0, i).delay_ns >= 1);
    world_done(&world);
}

static void loss_takes_its_share_and_more_loss_takes_the_same_and_more(void **state)
{
    (void) state;
    struct world little, much;
    uint32_t lost_little = 0, lost_much = 0;
    two_groups(&little);
    two_groups(&much);
    world_constant(&little, 50 * MS);
    world_constant(&much, 50 * MS);
    little.scenario.network.loss_ppb = 10000000;
    much.scenario.network.loss_ppb = 50000000;
    assert_int_equal(world_build(&little), 0);
    assert_int_equal(world_build(&much), 0);
    for (uint32_t i = 0; i < 100000; i++) {
        bool a = world_send(&little, i % 900, 950, 0, i).fate == NETWORK_LOSS;
        bool b = world_send(&much, i % 900, 950, 0, i).fate == NETWORK_LOSS;
        lost_little += a;
        lost_much += b;
        assert_true(b || !a);
    }
    assert_in_range(lost_little, 1000 - 126, 1000 + 126); /* four standard deviations */
    assert_in_range(lost_much, 5000 - 276, 5000 + 276);
    world_done(&little);
    world_done(&much);
}

static void loss_does_not_depend_on_the_latency_drawn(void **state)
{
    (void) state;
    struct world world;
    two_groups(&world);
    world_distribution(&world, &latency_uniform, uniform);
    world.scenario.network.latency_per_message = true;
    world.scenario.network.loss_ppb = 500000000;
    assert_int_equal(world_build(&world), 0);
    double sum = 0;
    uint32_t passed = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        struct network_verdict verdict = world_send(&world, 1, 2, 0, i);
        if (verdict.fate != NETWORK_IN_FLIGHT)
            continue;
        sum += (double) verdict.delay_ns;
        passed++;
    }
    /* The mean of 10,000 uniform delays of 20 to 200 ms: standard deviation 52 / 100 ms. */
    assert_in_range((uint64_t) (sum / passed), 108 * MS, 112 * MS);
    world_done(&world);
}

static void every_fate_has_a_name(void **state)
{
    (void) state;
    for (int i = 0; i < NETWORK_FATES; i++)
        assert_non_null(network_fate_names[i]);
    assert_string_equal(network_fate_names[NETWORK_TARGET_DOWN], "target_down");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_has_one_delay_in_both_directions_and_at_any_time),
        cmocka_unit_test(per_message_each_message_and_each_direction_draws_anew),
        cmocka_unit_test(another_group_leaves_the_draws_of_the_others_unchanged),
        cmocka_unit_test(delays_follow_their_distributions),
        cmocka_unit_test(a_constant_delay_is_constant_and_never_zero_between_two),
        cmocka_unit_test(a_message_to_oneself_takes_no_time_and_is_never_lost),
        cmocka_unit_test(jitter_never_takes_a_delay_below_half_of_its_base),
        cmocka_unit_test(small_jitter_leaves_more_of_the_least_delay_than_half),
        cmocka_unit_test(a_single_nanosecond_survives_jitter),
        cmocka_unit_test(loss_takes_its_share_and_more_loss_takes_the_same_and_more),
        cmocka_unit_test(loss_does_not_depend_on_the_latency_drawn),
        cmocka_unit_test(every_fate_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
