#include <errno.h>

#include "tests/sim/scenario_fixture.h"

static void assert_ids_are_distinct_and_ordered(const struct identity_instance *instance)
{
    for (uint32_t rank = 1; rank < instance->id_count; rank++) {
        struct overlay_id before, here;
        identity_id_of(instance, instance->order[rank - 1], &before);
        identity_id_of(instance, instance->order[rank], &here);
        assert_true(memcmp(&before, &here, sizeof here) < 0);
    }
}

static void ids_are_drawn_without_repetition_whatever_their_bits(void **state)
{
    (void) state;
    static const struct { uint32_t bits, peers; } cases[] = {
        {1, 1}, {1, 2}, {3, 7}, {10, 1000}, {10, 1024}, {16, 40000}, {17, 70000}, {20, 70000}, {24, 100000},
        {33, 1000}, {64, 5000}, {65, 5000}, {160, 100000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *fixture = fixture_new(HOUR);
        fixture->overlay.bits = cases[i].bits;
        fixture_group(fixture, "first", cases[i].peers / 2);
        fixture_group(fixture, "second", cases[i].peers - cases[i].peers / 2);
        assert_int_equal(fixture_identity(fixture), 0);
        const struct identity_instance *instance = &fixture->identity->instances[0];
        assert_int_equal(instance->member_count, cases[i].peers);
        assert_int_equal(instance->id_octets, (cases[i].bits + 7) / 8);
        assert_ids_are_distinct_and_ordered(instance);
        struct overlay_id id;
        identity_id(fixture->identity, cases[i].peers - 1, &id);
        for (uint32_t bit = cases[i].bits; bit < 160; bit++)
            assert_false(id.octets[bit / 8] >> (7 - bit % 8) & 1);
        fixture_free(fixture);
    }
}

static void a_peers_first_id_does_not_depend_on_how_many_it_has(void **state)
{
    (void) state;
    struct overlay_id first[2][100], other;
    for (uint32_t ids = 1; ids <= 5; ids += 4) {
        struct fixture *fixture = fixture_new(HOUR);
        fixture->overlay.bits = 32;
        fixture->overlay.ids = ids;
        fixture->scenario.overlay.kind = &fixture_ring;
        fixture_group(fixture, "all", 100);
        assert_int_equal(fixture_identity(fixture), 0);
        const struct identity_instance *instance = &fixture->identity->instances[0];
        assert_int_equal(instance->id_count, 100 * ids);
        assert_ids_are_distinct_and_ordered(instance);
        for (uint32_t peer = 0; peer < 100; peer++) {
            identity_id(fixture->identity, peer, &first[ids > 1][peer]);
            identity_id_at(fixture->identity, peer, ids - 1, &other);
            assert_int_equal(memcmp(&other, &first[ids > 1][peer], sizeof other) == 0, ids == 1);
        }
        fixture_free(fixture);
    }
    assert_memory_equal(first[0], first[1], sizeof first[0]);
}

static void ids_are_uniform_over_their_bits(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(HOUR);
    fixture_group(fixture, "home", 100000);
    assert_int_equal(fixture_identity(fixture), 0);
    for (uint32_t bit = 0; bit < 160; bit++) {
        uint32_t set = 0;
        for (uint32_t peer = 0; peer < 100000; peer++) {
            struct overlay_id id;
            identity_id(fixture->identity, peer, &id);
            set += id.octets[bit / 8] >> (7 - bit % 8) & 1;
        }
        assert_in_range(set, 49000, 51000); /* 6 standard deviations are 949 */
    }
    fixture_free(fixture);
}

static void a_place_is_the_first_whose_id_is_not_less(void **state)
{
    (void) state;
    static const struct { uint32_t bits, peers; } cases[] = {
        {1, 1}, {3, 8}, {10, 1000}, {16, 5}, {24, 3000}, {32, 3000}, {33, 100}, {64, 3000}, {100, 3000}, {160, 3000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *fixture = fixture_new(HOUR);
        fixture->overlay.bits = cases[i].bits;
        fixture_group(fixture, "all", cases[i].peers);
        assert_int_equal(fixture_identity(fixture), 0);
        const struct identity_instance *instance = &fixture->identity->instances[0];
        for (uint32_t place = 0; place < instance->id_count; place++) {
            struct overlay_id id;
            identity_id_of(instance, instance->order[place], &id);
            assert_int_equal(identity_place(instance, &id), place);
            uint32_t last = (cases[i].bits - 1) / 8, one = 1u << (7 - (cases[i].bits - 1) % 8);
            if (id.octets[last] + one > 0xff)
                continue; /* would carry */
            id.octets[last] = (uint8_t) (id.octets[last] + one);
            assert_int_equal(identity_place(instance, &id), place + 1);
        }
        fixture_free(fixture);
    }
}

static void drawing_ids_heeds_the_wish_to_stop(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(HOUR);
    volatile sig_atomic_t stop = 1;
    fixture_group(fixture, "all", 100);
    assert_int_equal(identity_create(&fixture->identity, &fixture->scenario, &stop, &fixture->diagnostics), -EINTR);
    assert_int_equal(fixture->diagnostics.count, 0);
    fixture_free(fixture);
}

static void too_few_id_bits_are_an_error_at_the_overlay(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(HOUR);
    fixture->overlay.bits = 4;
    fixture_group(fixture, "home", 17);
    fixture_refused(fixture, "test.yaml:9:3: error: too few id bits for 17 peers of xor\n"
                             "      = 4 bits hold 16 ids; at least 5 are needed\n");
    fixture_free(fixture);
}

static void a_group_added_behind_leaves_the_ids_as_they_were(void **state)
{
    (void) state;
    for (uint32_t bits = 12; bits <= 160; bits += 74) {
        struct fixture *alone = fixture_new(HOUR), *joined = fixture_new(HOUR);
        alone->overlay.bits = joined->overlay.bits = bits;
        fixture_group(alone, "home", 3000);
        fixture_group(joined, "home", 3000);
        fixture_group(joined, "server", 1000);
        assert_int_equal(fixture_identity(alone), 0);
        assert_int_equal(fixture_identity(joined), 0);
        for (uint32_t peer = 0; peer < 3000; peer++) {
            struct overlay_id id_alone, id_joined;
            identity_id(alone->identity, peer, &id_alone);
            identity_id(joined->identity, peer, &id_joined);
            assert_memory_equal(&id_alone, &id_joined, sizeof id_alone);
        }
        fixture_free(alone);
        fixture_free(joined);
    }
}

static void another_seed_gives_other_ids(void **state)
{
    (void) state;
    struct fixture *one = fixture_new(HOUR), *other = fixture_new(HOUR);
    other->scenario.seed++;
    fixture_group(one, "home", 1);
    fixture_group(other, "home", 1);
    assert_int_equal(fixture_identity(one), 0);
    assert_int_equal(fixture_identity(other), 0);
    struct overlay_id id_one, id_other;
    identity_id(one->identity, 0, &id_one);
    identity_id(other->identity, 0, &id_other);
    assert_memory_not_equal(&id_one, &id_other, 20);
    fixture_free(one);
    fixture_free(other);
}

static void groups_with_equal_overlays_are_one_instance(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(HOUR);
    char other_text[] = "plain"; /* equal as text, another pointer */
    fixture->overlay.flavour = "plain";
    struct fixture_overlay equal = {.bits = 160, .flavour = other_text}, more = {.bits = 80, .flavour = "plain"};
    for (uint32_t i = 0; i < 5; i++)
        fixture_group(fixture, (const char *[]){"a", "b", "c", "d", "e"}[i], 10 + i);
    fixture->groups[1].overlay = (struct topology_choice){.kind = &fixture_xor, .parameters = &more};
    fixture->groups[2].overlay = (struct topology_choice){.kind = &fixture_xor, .parameters = &equal};
    fixture->groups[3].overlay = (struct topology_choice){.kind = &fixture_ring, .parameters = &equal};
    assert_int_equal(fixture_identity(fixture), 0);
    const struct identity *identity = fixture->identity;
    static const uint16_t instances[] = {0, 1, 0, 2, 0};
    assert_int_equal(identity->instance_count, 3);
    assert_memory_equal(identity->group_instance, instances, sizeof instances);
    assert_int_equal(identity->instances[0].member_count, 10 + 12 + 14);
    assert_int_equal(identity->instances[1].id_octets, 10);
    fixture_free(fixture);
}

static void peers_groups_and_members_name_each_other(void **state)
{
    (void) state;
    struct fixture *fixture = fixture_new(HOUR);
    struct fixture_overlay own = {.bits = 64};
    fixture_group(fixture, "home", 10);
    fixture_group(fixture, "odd", 5);
    fixture_group(fixture, "server", 7);
    fixture->groups[1].overlay = (struct topology_choice){.kind = &fixture_ring, .parameters = &own};
    assert_int_equal(fixture_identity(fixture), 0);
    for (uint32_t peer = 0; peer < 22; peer++) {
        uint32_t group = identity_group_of(fixture->identity, peer);
        assert_int_equal(group, peer < 10 ? 0 : peer < 15 ? 1 : 2);
        const struct identity_instance *instance =
            &fixture->identity->instances[fixture->identity->group_instance[group]];
        uint32_t member = identity_member(fixture->identity, peer);
        assert_in_range(member, 0, instance->member_count - 1);
        assert_int_equal(identity_peer(instance, fixture->identity, member), peer);
    }
    char name[64];
    identity_name(fixture->identity, 16, name);
    assert_string_equal(name, "server.1");
    fixture_free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_drawn_without_repetition_whatever_their_bits),
        cmocka_unit_test(a_peers_first_id_does_not_depend_on_how_many_it_has),
        cmocka_unit_test(ids_are_uniform_over_their_bits),
        cmocka_unit_test(a_place_is_the_first_whose_id_is_not_less),
        cmocka_unit_test(drawing_ids_heeds_the_wish_to_stop),
        cmocka_unit_test(too_few_id_bits_are_an_error_at_the_overlay),
        cmocka_unit_test(a_group_added_behind_leaves_the_ids_as_they_were),
        cmocka_unit_test(another_seed_gives_other_ids),
        cmocka_unit_test(groups_with_equal_overlays_are_one_instance),
        cmocka_unit_test(peers_groups_and_members_name_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
