/* Kademlia's ids and messages: what goes on the wire comes back, and nothing else is believed. */
#include "tests/sim/kademlia_world.h"

/* --- ids --- */

static void distances_compare_and_count_their_prefix_as_bit_strings_do(void **unused)
{
    (void) unused;
    uint64_t state = seed();
    for (int round = 0; round < 20000; round++) {
        uint8_t a[20], b[20];
        struct overlay_id back;
        uint32_t same = (uint32_t) (round % 161);
        for (int i = 0; i < 20; i++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            a[i] = b[i] = (uint8_t) (state >> 56);
        }
        if (same < 160)
            b[same / 8] ^= (uint8_t) (0x80 >> same % 8);
        for (uint32_t bit = same + 1; bit < 160; bit++)
            b[bit / 8] ^= (uint8_t) ((state >> bit % 64 & 1) << (7 - bit % 8));
        struct kademlia_words one = kademlia_words_load(a, 20), other = kademlia_words_load(b, 20), zero = {0};
        struct kademlia_words distance = kademlia_distance(&one, &other);
        assert_int_equal(kademlia_prefix(&distance), same);
        assert_int_equal(kademlia_closer(&one, &other), memcmp(a, b, 20) < 0);
        assert_int_equal(kademlia_words_equal(&distance, &zero), same == 160);
        kademlia_words_store(&one, &back);
        assert_memory_equal(back.octets, a, 20);
        struct kademlia_words first = kademlia_first_bits(&one, same), other_first = kademlia_first_bits(&other, same);
        assert_true(kademlia_words_equal(&first, &other_first));
        if (same < 160) {
            assert_int_not_equal(kademlia_bit(&one, same), kademlia_bit(&other, same));
            kademlia_flip(&distance, same);
            assert_true(kademlia_prefix(&distance) > same);
        }
    }
}

/* --- the wire --- */

struct capture {
    uint8_t bytes[4][8192];
    size_t lengths[4];
    uint32_t counts[4];
};

static bool capture_tap(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes,
                        size_t length)
{
    struct capture *capture = context;
    (void) from;
    (void) to;
    memcpy(capture->bytes[kind], bytes, length);
    capture->lengths[kind] = length;
    capture->counts[kind]++;
    return true;
}

/* A peer that is asked and probed by another, so that each kind of message has been seen. */
static struct harness *world_with_messages(const struct kademlia_parameters *p, struct capture *capture)
{
    struct harness *h = world(p, 40);
    harness_set_tap(h, capture_tap, capture);
    harness_join(h, 0, PEER_ADDRESS_NONE);
    for (uint32_t i = 1; i < 40; i++) {
        harness_join(h, i, 1);
        run_for(h, 5 * HARNESS_SECOND_NS);
    }
    for (int kind = 0; kind < KADEMLIA_MESSAGES; kind++)
        assert_true(capture->counts[kind] > 0);
    return h;
}

static void messages_decode_to_what_was_encoded(void **unused)
{
    (void) unused;
    static const uint32_t bits[] = {160, 24, 13, 64};
    for (size_t b = 0; b < sizeof bits / sizeof *bits; b++) {
        struct kademlia_parameters p = defaults();
        struct capture capture = {0};
        p.bits = bits[b];
        uint32_t octets = (bits[b] + 7) / 8;
        struct harness *h = world_with_messages(&p, &capture);
        for (uint8_t kind = 0; kind < KADEMLIA_MESSAGES; kind++) {
            struct kademlia_message message;
            assert_true(kademlia_decode(&message, capture.bytes[kind], capture.lengths[kind], bits[b], 20));
            assert_int_equal(message.kind, kind);
            assert_int_equal(kademlia_ops()->kind_of(capture.bytes[kind], capture.lengths[kind]), kind);
            struct overlay_id id, member;
            bool found = false;
            kademlia_words_store(&message.sender, &id);
            for (uint32_t i = 0; i < 40; i++) {
                harness_id(h, i, &member);
                found |= memcmp(id.octets, member.octets, octets) == 0;
            }
            assert_true(found);
        }
        assert_int_equal(capture.lengths[KADEMLIA_PING], 6 + octets);
        assert_int_equal(capture.lengths[KADEMLIA_PONG], 6 + octets);
        assert_int_equal(capture.lengths[KADEMLIA_FIND_NODE], 6 + 2 * octets);
        uint32_t contact_count = capture.bytes[KADEMLIA_NODES][7 + octets];
        assert_int_equal(capture.lengths[KADEMLIA_NODES], 8 + octets + contact_count * (octets + 6));
        harness_free(h);
    }
}

static void a_message_cut_short_or_too_long_is_malformed(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct capture capture = {0};
    struct harness *h = world_with_messages(&p, &capture);
    harness_set_tap(h, NULL, NULL);
    for (int kind = 0; kind < KADEMLIA_MESSAGES; kind++) {
        for (size_t length = 0; length < capture.lengths[kind]; length++)
            assert_false(harness_deliver(h, 0, 2, capture.bytes[kind], length));
        assert_false(harness_deliver(h, 0, 2, capture.bytes[kind], capture.lengths[kind] + 1));
    }
    harness_free(h);
}

static void a_message_from_oneself_or_under_ones_own_id_is_refused(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 3);
    struct overlay_id id;
    uint8_t ping[26] = {0xcb, KADEMLIA_PING};
    harness_join(h, 0, PEER_ADDRESS_NONE);
    harness_id(h, 0, &id);
    memcpy(ping + 6, id.octets, 20);
    assert_false(harness_deliver(h, 0, 2, ping, sizeof ping));
    harness_id(h, 1, &id);
    memcpy(ping + 6, id.octets, 20);
    assert_false(harness_deliver(h, 0, 1, ping, sizeof ping));
    assert_true(harness_deliver(h, 0, 2, ping, sizeof ping));
    harness_free(h);
}

static void unused_bits_of_an_id_must_be_zero(void **unused)
{
    (void) unused;
    struct kademlia_message message;
    uint8_t ping[8] = {0xcb, KADEMLIA_PING, 0, 0, 0, 0, 0xab, 0xc8};
    assert_true(kademlia_decode(&message, ping, 8, 13, 20));
    ping[7] = 0xc9;
    assert_false(kademlia_decode(&message, ping, 8, 13, 20));
}

static void a_reply_with_more_than_k_contacts_is_malformed(void **unused)
{
    (void) unused;
    struct kademlia_message message;
    uint8_t nodes[10 + 3 * 8] = {0xcb, KADEMLIA_NODES, 0, 0, 0, 0, 1, 2, 0, 3};
    assert_true(kademlia_decode(&message, nodes, sizeof nodes, 16, 3));
    assert_false(kademlia_decode(&message, nodes, sizeof nodes, 16, 2));
}

/* The address sanitizer watches: harness_deliver hands over copies of exact length. */
static void mutated_messages_never_break_a_peer(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    p.k = 4;
    struct capture capture = {0};
    struct harness *h = world_with_messages(&p, &capture);
    harness_set_tap(h, NULL, NULL);
    for (int round = 0; round < 40000; round++) {
        uint8_t bytes[8192];
        uint64_t draw = harness_draw(h);
        uint32_t kind = draw & 3;
        size_t length = capture.lengths[kind];
        memcpy(bytes, capture.bytes[kind], length);
        for (uint64_t changes = draw >> 8 & 7; changes > 0; changes--) {
            uint64_t change = harness_draw(h);
            bytes[change % length] = (uint8_t) (change >> 32);
        }
        if ((draw >> 16 & 7) == 0)
            length = (draw >> 24) % (length + 1);
        (void) harness_deliver(h, (uint32_t) (draw >> 40) % 40, 1 + (uint32_t) (draw >> 48) % 40, bytes, length);
        if (round % 64 == 0) {
            struct overlay_id key;
            harness_random_id(h, &key);
            harness_lookup(h, (uint32_t) (draw >> 40) % 40, &key);
            run_for(h, HARNESS_SECOND_NS / 10);
        }
    }
    assert_tables_are_sound(h, 40);
    harness_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_compare_and_count_their_prefix_as_bit_strings_do),
        cmocka_unit_test(messages_decode_to_what_was_encoded),
        cmocka_unit_test(a_message_cut_short_or_too_long_is_malformed),
        cmocka_unit_test(a_message_from_oneself_or_under_ones_own_id_is_refused),
        cmocka_unit_test(unused_bits_of_an_id_must_be_zero),
        cmocka_unit_test(a_reply_with_more_than_k_contacts_is_malformed),
        cmocka_unit_test(mutated_messages_never_break_a_peer),
    };
    return cmocka_run_group_tests_name("kademlia_wire", tests, NULL, NULL);
}
