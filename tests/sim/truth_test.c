#include "tests/sim/scenario_fixture.h"

/* Who is up, kept in the plainest way. */
struct plain {
    bool *up;
    uint32_t count;
    struct fixture_steps all;
    size_t next;
    uint64_t now_ns;
    double integral; /* in peer-seconds */
};

static void plain_advance(struct plain *plain, uint64_t at_ns)
{
    for (;;) {
        bool due = plain->next < plain->all.count && plain->all.steps[plain->next].at_ns <= at_ns;
        uint64_t to_ns = due ? plain->all.steps[plain->next].at_ns : at_ns;
        plain->integral += (double) plain->count * (double) (to_ns - plain->now_ns) / 1e9;
        plain->now_ns = to_ns;
        if (!due)
            return;
        const struct plan_step *step = &plain->all.steps[plain->next++];
        bool comes = step->what == PLAN_UP || step->what == PLAN_RESTART;
        if (!comes && step->what != PLAN_DOWN && step->what != PLAN_CRASH)
            continue;
        plain->up[step->peer] = comes;
        plain->count += comes ? 1 : UINT32_MAX;
    }
}

/* Whether id a is nearer to the key than b: by the value of XOR, or by the way clockwise from the key. */
static bool nearer(const uint8_t *a, const uint8_t *b, const uint8_t *key, bool ring)
{
    if (ring) {
        bool a_follows = memcmp(a, key, 20) >= 0, b_follows = memcmp(b, key, 20) >= 0;
        return a_follows != b_follows ? a_follows : memcmp(a, b, 20) < 0;
    }
    for (uint32_t i = 0; i < 20; i++)
        if (a[i] != b[i])
            return (a[i] ^ key[i]) < (b[i] ^ key[i]);
    return false;
}

static uint32_t plain_owner(const struct fixture *fixture, const struct plain *plain, uint32_t instance,
                            const struct overlay_id *key, bool ring)
{
    uint32_t best = UINT32_MAX;
    struct overlay_id best_id = {{0}}, id;
    for (uint32_t peer = 0; peer < fixture->scenario.peer_count; peer++) {
        uint32_t group = identity_group_of(fixture->identity, peer);
        if (!plain->up[peer] || fixture->identity->group_instance[group] != instance)
            continue;
        identity_id(fixture->identity, peer, &id);
        if (best == UINT32_MAX || nearer(id.octets, best_id.octets, key->octets, ring)) {
            best = peer;
            best_id = id;
        }
    }
    return best;
}

static struct fixture *two_instances(uint32_t bits)
{
    static struct fixture_overlay own;
    own.bits = bits;
    struct fixture *fixture = fixture_new(2000 * SECOND);
    fixture->overlay.bits = bits;
    fixture_group(fixture, "home", 60);
    fixture_group(fixture, "ring", 40);
    fixture_group(fixture, "server", 4);
    fixture->groups[1].overlay = (struct topology_choice){.kind = &fixture_ring, .parameters = &own};
    fixture_churn(fixture, "home", 1, fixture_exponential(20 * SECOND), fixture_exponential(100 * SECOND));
    fixture_churn(fixture, "ring", 2, fixture_exponential(20 * SECOND), fixture_exponential(300 * SECOND));
    fixture_crash_at(fixture, "all", 1000 * SECOND, 1000000000, 100 * SECOND);
    fixture_plan(fixture);
    return fixture;
}

static void draw_key(uint32_t bits, uint64_t draw, struct overlay_id *key)
{
    memset(key, 0, sizeof *key);
    for (uint32_t i = 0; i < (bits + 7) / 8; i++)
        key->octets[i] = (uint8_t) base_random_at(draw, i);
    if (bits % 8)
        key->octets[bits / 8] = (uint8_t) (key->octets[bits / 8] & (0xff << (8 - bits % 8)));
}

static void compare(uint32_t bits, uint64_t seed)
{
    struct fixture *fixture = two_instances(bits);
    struct plain plain = {.up = calloc(fixture->scenario.peer_count, 1), .all = fixture_run(fixture)};
    struct truth *truth;
    assert_int_equal(truth_create(&truth, fixture->identity), 0);
    size_t noted = 0;
    uint32_t nobody = 0;
    for (uint64_t at_ns = 0; at_ns < 2000 * SECOND; at_ns += base_random_at(seed, at_ns) % (2 * SECOND)) {
        while (noted < plain.all.count && plain.all.steps[noted].at_ns < at_ns + 300 * SECOND)
            truth_note(truth, &plain.all.steps[noted++]); /* well ahead */
        plain_advance(&plain, at_ns);
        assert_int_equal(truth_up_count(truth, at_ns), plain.count);
        uint32_t peer = (uint32_t) (base_random_at(seed, at_ns + 1) % fixture->scenario.peer_count);
        assert_int_equal(truth_is_up(truth, at_ns, peer), plain.up[peer]);
        struct overlay_id key;
        draw_key(bits, seed + at_ns, &key);
        for (uint32_t instance = 0; instance < 2; instance++) {
            uint32_t owner = plain_owner(fixture, &plain, instance, &key, instance == 1);
            assert_int_equal(truth_owner(truth, at_ns, instance, &key), owner);
            nobody += owner == UINT32_MAX;
        }
    }
    assert_true(nobody > 10); /* the time after the crash */
    plain_advance(&plain, 2000 * SECOND);
    double mean = truth_up_mean(truth, 2000 * SECOND);
    assert_true(mean > plain.integral / 2000 - 1e-6 && mean < plain.integral / 2000 + 1e-6);
    truth_free(truth);
    free(plain.up);
    free(plain.all.steps);
    fixture_free(fixture);
}

static void owners_agree_with_brute_force_under_churn_and_crash(void **state)
{
    (void) state;
    const char *given = getenv("PEERLAB_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : 20261121;
    print_message("seed %llu (PEERLAB_TEST_SEED)\n", (unsigned long long) seed);
    static const uint32_t bits[] = {7, 8, 13, 32, 64, 100, 160};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        compare(bits[i], seed);
}

static void a_session_counts_from_its_begin_to_just_before_its_end(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(100 * SECOND);
    fixture_group(fixture, "a", 2);
    fixture_crash_at(fixture, "a", 90 * SECOND, 0, 0); /* else all would be up always */
    fixture_plan(fixture);
    struct truth *truth;
    assert_int_equal(truth_create(&truth, fixture->identity), 0);
    truth_note(truth, &(struct plan_step){.at_ns = 10, .peer = 1, .what = PLAN_UP});
    truth_note(truth, &(struct plan_step){.at_ns = 15, .peer = 1, .what = PLAN_ACTION});
    truth_note(truth, &(struct plan_step){.at_ns = 20, .peer = 1, .what = PLAN_DOWN});
    static const struct { uint64_t at_ns; bool up; } cases[] = {{0, 0}, {9, 0}, {10, 1}, {19, 1}, {20, 0}, {21, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(truth_is_up(truth, cases[i].at_ns, 1), cases[i].up);
    assert_true(truth_up_mean(truth, 40) == 0.25);
    truth_free(truth);
    fixture_free(fixture);
}

static void a_pick_is_uniform_over_the_others_that_are_up(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(100 * SECOND);
    fixture->scenario.overlay.kind = &fixture_keyless;
    fixture_group(fixture, "a", 2000);
    fixture_crash_at(fixture, "a", 90 * SECOND, 0, 0);
    fixture_plan(fixture);
    struct truth *truth;
    assert_int_equal(truth_create(&truth, fixture->identity), 0);
    assert_int_equal(truth_pick(truth, 0, 0, 5, 1), UINT32_MAX);
    truth_note(truth, &(struct plan_step){.peer = 5, .what = PLAN_UP});
    assert_int_equal(truth_pick(truth, 0, 0, 5, 1), UINT32_MAX);
    assert_int_equal(truth_pick(truth, 0, 0, 6, 1), 5);
    static const uint32_t up[] = {17, 600, 1999};
    for (size_t i = 0; i < 3; i++)
        truth_note(truth, &(struct plan_step){.peer = up[i], .what = PLAN_UP});
    for (size_t but = 0; but < 3; but++) {
        uint32_t counts[2000] = {0};
        for (uint64_t draw = 0; draw < 30000; draw++)
            counts[truth_pick(truth, 0, 0, up[but], base_random_at(7, draw))]++;
        assert_int_equal(counts[up[but]], 0);
        assert_int_equal(counts[5] + counts[17] + counts[600] + counts[1999], 30000);
        assert_in_range(counts[5], 9500, 10500); /* a standard deviation is 82 */
        assert_in_range(counts[up[(but + 1) % 3]], 9500, 10500);
    }
    truth_free(truth);
    fixture_free(fixture);
}

static void a_census_lists_who_is_up_in_order_of_ids(void **state)
{
    (void) state;
    struct fixture *fixture = two_instances(32);
    struct truth *truth;
    assert_int_equal(truth_create(&truth, fixture->identity), 0);
    struct plan_step step;
    while (plan_next(fixture->plan, 1, &step))
        truth_note(truth, &step);
    uint32_t numbers[104], peers[104], total = 0;
    for (uint32_t instance = 0; instance < 2; instance++) {
        uint32_t count = truth_census(truth, 0, instance, numbers);
        for (uint32_t i = 0; i < count; i++)
            peers[i] = identity_peer(&fixture->identity->instances[instance], fixture->identity, numbers[i]);
        total += count;
        for (uint32_t i = 0; i < count; i++) {
            assert_true(truth_is_up(truth, 0, peers[i]));
            struct overlay_id before, here;
            identity_id(fixture->identity, peers[i], &here);
            if (i > 0)
                identity_id(fixture->identity, peers[i - 1], &before);
            assert_true(i == 0 || memcmp(&before, &here, sizeof here) < 0);
        }
    }
    assert_int_equal(total, truth_up_count(truth, 0));
    assert_in_range(total, 5, 60);
    truth_free(truth);
    fixture_free(fixture);
}

static void where_nobody_comes_or_goes_all_are_up_without_being_noted(void **state)
{
    (void) state;
    for (uint32_t bits = 7; bits <= 160; bits += 51) {
        struct fixture *fixture = fixture_new(100 * SECOND);
        struct fixture_overlay own = {.bits = bits, .ids = 1};
        fixture->overlay.bits = bits;
        fixture_group(fixture, "home", 60);
        fixture_group(fixture, "ring", 40);
        fixture->groups[1].overlay = (struct topology_choice){.kind = &fixture_ring, .parameters = &own};
        fixture_plan(fixture);
        struct plain plain = {.up = malloc(100)};
        memset(plain.up, true, 100);
        struct truth *truth;
        assert_int_equal(truth_create(&truth, fixture->identity), 0);
        assert_int_equal(truth_up_count(truth, 0), 100);
        assert_true(truth_is_up(truth, 7, 99) && truth_all_up(truth, 7, 1));
        for (uint64_t draw = 0; draw < 500; draw++) {
            struct overlay_id key;
            draw_key(bits, draw, &key);
            for (uint32_t instance = 0; instance < 2; instance++)
                assert_int_equal(truth_owner(truth, 500 - draw, instance, &key),
                                 plain_owner(fixture, &plain, instance, &key, instance == 1));
            uint32_t picked = truth_pick(truth, 0, 1, 70, base_random_at(3, draw));
            assert_true(picked >= 60 && picked < 100 && picked != 70);
        }
        assert_true(truth_up_mean(truth, SECOND) == 100);
        truth_free(truth);
        free(plain.up);
        fixture_free(fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_agree_with_brute_force_under_churn_and_crash),
        cmocka_unit_test(a_session_counts_from_its_begin_to_just_before_its_end),
        cmocka_unit_test(a_pick_is_uniform_over_the_others_that_are_up),
        cmocka_unit_test(where_nobody_comes_or_goes_all_are_up_without_being_noted),
        cmocka_unit_test(a_census_lists_who_is_up_in_order_of_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
