/* Kademlia's buckets: who is known, who is replaced, who is named to others. */
#include "tests/sim/kademlia_world.h"

/* --- buckets --- */

/* An id of prefix bits 1000..., unlike peer 0's in its first bit, so that all of them belong in bucket 0. */
static void opposite_id(struct harness *h, uint32_t number, struct overlay_id *id)
{
    struct overlay_id own;
    harness_id(h, 0, &own);
    memset(id, 0, sizeof *id);
    id->octets[0] = (uint8_t) (~own.octets[0] & 0x80);
    id->octets[19] = (uint8_t) number;
}

/* As many peers of bucket 0 as asked for introduce themselves to peer 0, from the address of peers 1, 2, ... */
static void introduce(struct harness *h, uint32_t number)
{
    struct overlay_id id;
    uint8_t ping[26] = {0xcb, KADEMLIA_PING};
    opposite_id(h, number, &id);
    memcpy(ping + 6, id.octets, 20);
    assert_true(harness_deliver(h, 0, number + 1, ping, sizeof ping));
}

static void introduce_near(struct harness *h, uint32_t number)
{
    struct overlay_id id;
    uint8_t ping[26] = {0xcb, KADEMLIA_PING};
    harness_id(h, 0, &id);
    id.octets[19] ^= (uint8_t) number;
    memcpy(ping + 6, id.octets, 20);
    assert_true(harness_deliver(h, 0, number + 1, ping, sizeof ping));
}

/* Who peer 0 would send to a peer that asks for an id of bucket 0. */
static bool knows(struct harness *h, uint32_t number)
{
    struct overlay_id id;
    struct kademlia_contact contacts[KADEMLIA_K_MAX];
    opposite_id(h, number, &id);
    struct kademlia_words key = kademlia_words_load(id.octets, 20);
    uint32_t count = kademlia_closest(harness_peer(h, 0), &key, 100, PEER_ADDRESS_NONE, contacts);
    for (uint32_t i = 0; i < count; i++)
        if (contacts[i].address == number + 1)
            return memcmp(contacts[i].id, id.octets, 20) == 0;
    return false;
}

/* Peer 0 with k = 4: contacts 1 to 4 in a full bucket 0, and contacts 41 to 44 nearer to it, so that it has split. Of
 * the four, those at addresses that are up will answer. */
static struct harness *world_with_full_bucket(const struct kademlia_parameters *p)
{
    struct harness *h = world(p, 60);
    harness_join(h, 0, PEER_ADDRESS_NONE);
    for (uint32_t i = 41; i <= 44; i++)
        introduce_near(h, i);
    for (uint32_t i = 1; i <= 4; i++) {
        introduce(h, i);
        run_for(h, HARNESS_SECOND_NS);
    }
    for (uint32_t i = 1; i <= 4; i++)
        assert_true(knows(h, i));
    return h;
}

static struct kademlia_parameters small_bucket(void)
{
    struct kademlia_parameters p = defaults();
    p.k = 4;
    p.questionable_ns = 0;
    p.refresh_ns = 10000 * MINUTE_NS;
    return p;
}

/* Answers the pings that peer 0 sends to addresses below `from`, in their names. */
struct responder {
    struct harness *harness;
    uint32_t answers_below, pinged[64];
    bool pending;
    uint8_t pong[26];
    peer_address to;
};

static bool responder_tap(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes,
                          size_t length)
{
    struct responder *responder = context;
    if (from != 0 || kind != KADEMLIA_PING || length != 26)
        return true;
    responder->pinged[to - 1]++;
    if (to - 1 < responder->answers_below) {
        struct overlay_id id;
        opposite_id(responder->harness, to - 1, &id);
        memcpy(responder->pong, bytes, 6);
        responder->pong[1] = KADEMLIA_PONG;
        memcpy(responder->pong + 6, id.octets, 20);
        responder->pending = true;
        responder->to = to;
    }
    return false;
}

static void deliver_pending(struct responder *responder)
{
    if (responder->pending)
        assert_true(harness_deliver(responder->harness, 0, responder->to, responder->pong, 26));
    responder->pending = false;
}

static void a_newcomer_to_a_full_bucket_waits_while_the_oldest_contact_answers(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = small_bucket();
    struct harness *h = world_with_full_bucket(&p);
    struct responder responder = {.harness = h, .answers_below = 60};
    harness_set_tap(h, responder_tap, &responder);
    introduce(h, 5);
    assert_int_equal(responder.pinged[1], 1); /* the least recently seen, and nobody else */
    assert_int_equal(responder.pinged[2] + responder.pinged[3] + responder.pinged[4], 0);
    deliver_pending(&responder);
    run_for(h, MINUTE_NS);
    assert_true(knows(h, 1));
    assert_false(knows(h, 5));
    introduce(h, 6);
    assert_int_equal(responder.pinged[2], 1); /* 1 has just been seen: now 2 is the oldest */
    deliver_pending(&responder);
    assert_tables_are_sound(h, 60);
    harness_free(h);
}

static void an_oldest_contact_that_fails_its_pings_is_replaced_by_the_latest_newcomer(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = small_bucket();
    struct harness *h = world_with_full_bucket(&p);
    struct responder responder = {.harness = h};
    harness_set_tap(h, responder_tap, &responder);
    introduce(h, 5);
    run_for(h, HARNESS_SECOND_NS / 2);
    introduce(h, 6);
    assert_true(knows(h, 1)); /* not evicted before it has failed */
    run_for(h, HARNESS_SECOND_NS);
    assert_true(knows(h, 1)); /* nor after one failure */
    run_for(h, 2 * HARNESS_SECOND_NS);
    assert_int_equal(responder.pinged[1], 2);
    assert_false(knows(h, 1));
    assert_true(knows(h, 6));
    assert_false(knows(h, 5));
    for (uint32_t i = 2; i <= 4; i++)
        assert_true(knows(h, i));
    assert_tables_are_sound(h, 60);
    harness_free(h);
}

static void a_contact_heard_from_lately_is_not_pinged_for_a_newcomer(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = small_bucket();
    p.questionable_ns = 15 * MINUTE_NS;
    struct harness *h = world_with_full_bucket(&p);
    struct responder responder = {.harness = h};
    harness_set_tap(h, responder_tap, &responder);
    introduce(h, 5);
    assert_int_equal(responder.pinged[1], 0);
    run_for(h, 16 * MINUTE_NS);
    introduce(h, 6);
    assert_int_equal(responder.pinged[1], 1);
    harness_free(h);
}

static void a_stale_contact_stays_until_there_is_a_replacement(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = small_bucket();
    struct harness *h = world_with_full_bucket(&p);
    struct responder responder = {.harness = h};
    struct overlay_id id;
    harness_set_tap(h, responder_tap, &responder);
    opposite_id(h, 3, &id);
    struct kademlia_words words = kademlia_words_load(id.octets, 20);
    for (int i = 0; i < 5; i++)
        kademlia_failed(harness_peer(h, 0), &words, 4);
    run_for(h, MINUTE_NS);
    assert_true(knows(h, 3));
    introduce(h, 5);
    assert_false(knows(h, 3));
    assert_true(knows(h, 5));
    assert_tables_are_sound(h, 60);
    harness_free(h);
}

static void a_contact_that_failed_is_not_named_to_others_until_it_is_heard_from(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = small_bucket();
    struct harness *h = world_with_full_bucket(&p);
    struct kademlia_contact contacts[KADEMLIA_K_MAX];
    struct overlay_id id;
    opposite_id(h, 3, &id);
    struct kademlia_words words = kademlia_words_load(id.octets, 20);
    assert_int_equal(kademlia_closest(harness_peer(h, 0), &words, 1, PEER_ADDRESS_NONE, contacts), 4);
    kademlia_failed(harness_peer(h, 0), &words, 4);
    uint32_t count = kademlia_closest(harness_peer(h, 0), &words, 1, PEER_ADDRESS_NONE, contacts);
    for (uint32_t i = 0; i < count; i++)
        assert_int_not_equal(contacts[i].address, 4);
    introduce(h, 3);
    count = kademlia_closest(harness_peer(h, 0), &words, 1, PEER_ADDRESS_NONE, contacts);
    bool named = false;
    for (uint32_t i = 0; i < count; i++)
        named |= contacts[i].address == 4;
    assert_true(named);
    harness_free(h);
}

static void the_k_closest_are_those_that_sorting_all_contacts_finds(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    p.k = 7;
    struct harness *h = world(&p, 300);
    harness_start_converged(h);
    for (int round = 0; round < 500; round++) {
        struct kademlia_contact contacts[KADEMLIA_K_MAX];
        struct overlay_id key_id;
        uint32_t peer = (uint32_t) (harness_draw(h) % 300);
        struct peer *asked = harness_peer(h, peer);
        const struct kademlia *state = peer_state(asked);
        const struct kademlia_shared *shared = harness_shared(h);
        harness_random_id(h, &key_id);
        if (round % 3 == 0) { /* near to the peer asked, where the order of buckets is intricate */
            harness_id(h, peer, &key_id);
            key_id.octets[round / 3 % 3] ^= (uint8_t) harness_draw(h);
        }
        struct kademlia_words key = kademlia_words_load(key_id.octets, 20);
        uint32_t count = kademlia_closest(asked, &key, 1, PEER_ADDRESS_NONE, contacts);
        assert_int_equal(count, 7);
        struct kademlia_words farthest = {0};
        for (uint32_t i = 0; i < count; i++) {
            struct kademlia_words id = kademlia_words_load(contacts[i].id, 20), d = kademlia_distance(&id, &key);
            farthest = kademlia_closer(&farthest, &d) ? d : farthest;
        }
        uint32_t closer = 0;
        for (uint32_t i = 0; i < 300; i++) { /* contacts, counted through their buckets */
            struct overlay_id id;
            harness_id(h, i, &id);
            struct kademlia_words words = kademlia_words_load(id.octets, 20), d = kademlia_distance(&words, &key);
            struct kademlia_bucket *bucket = kademlia_bucket_at(shared, state, kademlia_bucket_of(state, &words));
            for (uint32_t slot = 0; i != peer && slot < bucket->count; slot++)
                closer += bucket->addresses[slot] == i + 1 && !kademlia_closer(&farthest, &d);
        }
        assert_int_equal(closer, 7);
    }
    harness_free(h);
}

static void contacts_that_crowd_around_a_peer_make_it_split_as_often_as_bits_allow(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    p.k = 1;
    struct harness *h = world(&p, 256);
    struct kademlia *state = peer_state(harness_peer(h, 0));
    harness_join(h, 0, PEER_ADDRESS_NONE);
    for (uint32_t bit = 0; bit < 160; bit++) { /* one contact for each length of prefix */
        struct overlay_id id;
        uint8_t ping[26] = {0xcb, KADEMLIA_PING};
        harness_id(h, 0, &id);
        id.octets[bit / 8] ^= (uint8_t) (0x80 >> bit % 8);
        memcpy(ping + 6, id.octets, 20);
        assert_true(harness_deliver(h, 0, bit + 2, ping, sizeof ping));
    }
    assert_int_equal(state->bucket_count, 160);
    assert_int_equal(kademlia_contact_count(harness_shared(h), state), 160);
    assert_tables_are_sound(h, 1);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newcomer_to_a_full_bucket_waits_while_the_oldest_contact_answers),
        cmocka_unit_test(an_oldest_contact_that_fails_its_pings_is_replaced_by_the_latest_newcomer),
        cmocka_unit_test(a_contact_heard_from_lately_is_not_pinged_for_a_newcomer),
        cmocka_unit_test(a_stale_contact_stays_until_there_is_a_replacement),
        cmocka_unit_test(a_contact_that_failed_is_not_named_to_others_until_it_is_heard_from),
        cmocka_unit_test(the_k_closest_are_those_that_sorting_all_contacts_finds),
        cmocka_unit_test(contacts_that_crowd_around_a_peer_make_it_split_as_often_as_bits_allow),
    };
    return cmocka_run_group_tests_name("kademlia_table", tests, NULL, NULL);
}
