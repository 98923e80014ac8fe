/* Stored keys: who holds them from the start, after joins, leaves and crashes; and the sorted set they are kept in. */
#include "tests/sim/chord_world.h"

#define KEYS 2000

static bool holds(struct harness *h, uint32_t peer, const struct overlay_id *key)
{
    const struct chord_shared *shared = peer_shared(harness_peer(h, peer));
    for (uint32_t number = 0; number < shared->nodes; number++) {
        struct chord c = chord_of(harness_peer(h, peer), number);
        if (chord_keys_have(&shared->store, chord_keys(&c), key->octets))
            return true;
    }
    return false;
}

/* How many keys their present owners hold, and how many copies there are of all. */
static uint32_t held_by_owners(struct harness *h, uint32_t peer_count, uint64_t *copies)
{
    uint32_t held = 0;
    for (uint64_t number = 0; number < KEYS; number++) {
        struct overlay_id key, id;
        harness_key(h, number, &key);
        held += holds(h, harness_owner(h, &key, &id), &key);
    }
    *copies = 0;
    for (uint32_t peer = 0; peer < peer_count; peer++)
        *copies += harness_is_up(h, peer) ? chord_keys_held(harness_peer(h, peer)) : 0;
    return held;
}

static struct chord_parameters with_keys(uint32_t replicas)
{
    struct chord_parameters p = defaults();
    p.keys = KEYS;
    p.replicas = replicas;
    return p;
}

static void keys_lie_at_their_owners_and_replicas_from_the_start(void **unused)
{
    (void) unused;
    for (uint32_t bits = 24; bits <= 160; bits += 68)
        for (uint32_t replicas = 1; replicas <= 4; replicas += 3)
            for (uint32_t nodes = 1; nodes <= 4; nodes += 3) {
                struct chord_parameters p = with_keys(replicas);
                p.bits = bits;
                p.virtual_nodes = nodes;
                struct harness *h = world(&p, 100);
                uint64_t copies;
                harness_start_converged(h);
                assert_int_equal(held_by_owners(h, 100, &copies), KEYS);
                assert_int_equal(copies, KEYS * replicas);
                run_for(h, 4 * PERIOD_NS); /* and nothing moves while nobody does */
                assert_int_equal(held_by_owners(h, 100, &copies), KEYS);
                assert_int_equal(copies, KEYS * replicas);
                harness_free(h);
            }
}

static void joining_peers_are_given_their_keys_even_with_loss(void **unused)
{
    (void) unused;
    for (uint32_t replicas = 1; replicas <= 3; replicas += 2) {
        struct chord_parameters p = with_keys(replicas);
        p.start = 1;
        struct harness *h = world(&p, 40);
        uint64_t copies;
        harness_set_loss(h, 20000000); /* 2 % */
        harness_join(h, 0, PEER_ADDRESS_NONE);
        for (uint32_t peer = 1; peer < 40; peer++) {
            run_for(h, 10 * HARNESS_SECOND_NS);
            harness_join(h, peer, 1 + (peer_address) (harness_draw(h) % peer));
        }
        harness_set_loss(h, 0);
        run_for(h, 40 * PERIOD_NS);
        assert_ring_is_perfect(h, 40);
        assert_int_equal(held_by_owners(h, 40, &copies), KEYS);
        assert_int_equal(copies, KEYS * replicas);
        harness_free(h);
    }
}

static void who_leaves_in_good_order_hands_its_keys_over(void **unused)
{
    (void) unused;
    struct chord_parameters p = with_keys(1);
    struct harness *h = world(&p, 60);
    uint64_t copies;
    harness_start_converged(h);
    run_for(h, PERIOD_NS);
    for (uint32_t peer = 0; peer < 30; peer++) {
        harness_leave(h, 2 * peer);
        run_for(h, 5 * HARNESS_SECOND_NS);
    }
    run_for(h, 4 * PERIOD_NS);
    assert_int_equal(held_by_owners(h, 60, &copies), KEYS);
    assert_int_equal(copies, KEYS);
    harness_free(h);
}

static void keys_survive_as_many_crashes_in_a_row_as_there_are_other_replicas(void **unused)
{
    (void) unused;
    struct chord_parameters p = with_keys(4);
    struct harness *h = world(&p, 60);
    uint64_t copies;
    struct overlay_id id;
    harness_start_converged(h);
    run_for(h, PERIOD_NS);
    for (int round = 0; round < 5; round++) {
        harness_random_id(h, &id);
        for (int i = 0; i < 3; i++) { /* three neighbours at once */
            struct overlay_id at;
            uint32_t peer = harness_owner(h, &id, &at);
            harness_crash(h, peer);
        }
        run_for(h, 12 * PERIOD_NS);
        assert_int_equal(held_by_owners(h, 60, &copies), KEYS);
        assert_int_equal(copies, KEYS * 4);
    }
    harness_free(h);
}

static void a_lookup_of_a_key_that_died_with_its_owner_fails(void **unused)
{
    (void) unused;
    struct chord_parameters p = with_keys(1);
    struct harness *h = world(&p, 60);
    struct overlay_id key, id;
    harness_start_converged(h);
    run_for(h, PERIOD_NS);
    harness_key(h, 7, &key);
    uint32_t owner = harness_owner(h, &key, &id), asker = (owner + 1) % 60;
    uint32_t found = harness_lookup(h, asker, &key);
    run_for(h, PERIOD_NS);
    harness_crash(h, owner);
    run_for(h, 10 * PERIOD_NS);
    uint32_t lost = harness_lookup(h, asker, &key);
    run_for(h, PERIOD_NS);
    assert_true(harness_result(h, found)->result.succeeded);
    assert_true(harness_result(h, lost)->done);
    assert_false(harness_result(h, lost)->result.succeeded);
    harness_free(h);
}

static void a_set_of_keys_agrees_with_an_array_of_flags(void **unused)
{
    (void) unused;
    struct chord_key_store store = {0};
    struct chord_keys keys = {0};
    static bool present[4096];
    uint64_t state = seed();
    uint32_t count = 0;
    assert_int_equal(chord_key_store_init(&store, 2, 4096, 1, 1), 0);
    memset(present, 0, sizeof present);
    for (int round = 0; round < 4000; round++) {
        uint8_t added[40];
        uint32_t number = (uint32_t) (round % 20) + 1;
        for (uint32_t i = 0; i < number; i++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            uint32_t key = (uint32_t) (state >> 40) % 4096;
            added[2 * i] = (uint8_t) (key >> 8);
            added[2 * i + 1] = (uint8_t) key;
            count += !present[key];
            present[key] = true;
        }
        chord_keys_sort(added, number, 2);
        assert_true(chord_keys_add(&store, &keys, added, number));
        if (round % 3 == 0) {
            uint32_t first = (uint32_t) (state >> 20) % keys.count, cut = (keys.count - first) / (round % 2 ? 2 : 9);
            for (uint32_t i = first; i < first + cut; i++) {
                const uint8_t *key = chord_keys_at(&store, &keys, i);
                present[key[0] << 8 | key[1]] = false;
            }
            chord_keys_cut(&store, &keys, first, cut);
            count -= cut;
        }
        assert_int_equal(keys.count, count);
    }
    for (uint32_t key = 0; key < 4096; key++)
        assert_int_equal(chord_keys_have(&store, &keys, (uint8_t[]){(uint8_t) (key >> 8), (uint8_t) key}), present[key]);
    chord_keys_release(&store, &keys);
    for (uint32_t i = 0; i < store.class_count; i++)
        assert_int_equal(store.classes[i].live, 0);
    chord_key_store_done(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_lie_at_their_owners_and_replicas_from_the_start),
        cmocka_unit_test(joining_peers_are_given_their_keys_even_with_loss),
        cmocka_unit_test(who_leaves_in_good_order_hands_its_keys_over),
        cmocka_unit_test(keys_survive_as_many_crashes_in_a_row_as_there_are_other_replicas),
        cmocka_unit_test(a_lookup_of_a_key_that_died_with_its_owner_fails),
        cmocka_unit_test(a_set_of_keys_agrees_with_an_array_of_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
