/* Kademlia alone, in the small world of peer_harness.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/overlays/kademlia_bucket.h"
#include "sim/overlays/registry.h"
#include "tests/sim/peer_harness.h"

#define MINUTE_NS (60 * HARNESS_SECOND_NS)
#define PPB_PER_PERCENT 10000000u

static const struct overlay_ops *kademlia_ops(void)
{
    return kademlia_kind.ops;
}

static struct kademlia_parameters defaults(void)
{
    return (struct kademlia_parameters){.bits = 160, .k = 20, .alpha = 3, .failures = 2, .refresh_ns = 60 * MINUTE_NS,
                                        .request_timeout_ns = HARNESS_SECOND_NS, .questionable_ns = 15 * MINUTE_NS};
}

/* Randomised tests take their seed from the environment, and say which they took. */
static uint64_t seed(void)
{
    const char *text = getenv("PEERLAB_TEST_SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 10) : 20021;
    print_message("seed %llu (PEERLAB_TEST_SEED)\n", (unsigned long long) value);
    return value;
}

static struct harness *world(const struct kademlia_parameters *parameters, uint32_t peer_count)
{
    return harness_create(&(struct harness_options){.ops = kademlia_ops(), .parameters = parameters,
                                                    .peer_count = peer_count, .seed = seed(),
                                                    .delay_ns_min = HARNESS_SECOND_NS / 50,
                                                    .delay_ns_max = HARNESS_SECOND_NS / 5});
}

static void run_for(struct harness *h, uint64_t span_ns)
{
    harness_run(h, harness_now(h) + span_ns);
}

static void assert_tables_are_sound(struct harness *h, uint32_t peer_count)
{
    for (uint32_t i = 0; i < peer_count; i++) {
        const char *violation = harness_is_up(h, i) ? kademlia_ops()->check(harness_peer(h, i)) : NULL;
        if (violation != NULL)
            fail_msg("peer %u: %s", i, violation);
    }
}

static uint32_t any_up(struct harness *h, uint32_t peer_count)
{
    uint32_t peer;
    do
        peer = (uint32_t) (harness_draw(h) % peer_count);
    while (!harness_is_up(h, peer));
    return peer;
}

struct figures {
    uint32_t count, succeeded, correct;
    uint64_t hops, messages, timeouts;
};

/* Random keys from random peers, one every 10 ms, judged against the truth. node_keys: keys are peers' ids. */
static struct figures look_up(struct harness *h, uint32_t peer_count, uint32_t count, bool node_keys)
{
    uint32_t first = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct overlay_id key;
        if (node_keys)
            harness_id(h, (uint32_t) (harness_draw(h) % peer_count), &key);
        else
            harness_random_id(h, &key);
        uint32_t lookup = harness_lookup(h, any_up(h, peer_count), &key);
        first = i == 0 ? lookup : first;
        run_for(h, HARNESS_SECOND_NS / 100);
    }
    run_for(h, MINUTE_NS);
    struct figures figures = {.count = count};
    for (uint32_t i = 0; i < count; i++) {
        const struct harness_result *result = harness_result(h, first + i);
        assert_true(result->done);
        figures.succeeded += result->result.succeeded;
        figures.correct += result->result.succeeded && result->result.owner == harness_closest(h, &result->key) + 1;
        figures.hops += result->result.hops;
        figures.messages += result->result.messages;
        figures.timeouts += result->result.timeouts;
    }
    return figures;
}

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

static bool capture_tap(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes, size_t length)
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
        assert_int_equal(capture.lengths[KADEMLIA_NODES], 8 + octets + capture.bytes[KADEMLIA_NODES][7 + octets] * (octets + 6));
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
    uint8_t ping[26] = {0x4b, KADEMLIA_PING};
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
    uint8_t ping[8] = {0x4b, KADEMLIA_PING, 0, 0, 0, 0, 0xab, 0xc8};
    assert_true(kademlia_decode(&message, ping, 8, 13, 20));
    ping[7] = 0xc9;
    assert_false(kademlia_decode(&message, ping, 8, 13, 20));
}

static void a_reply_with_more_than_k_contacts_is_malformed(void **unused)
{
    (void) unused;
    struct kademlia_message message;
    uint8_t nodes[10 + 3 * 8] = {0x4b, KADEMLIA_NODES, 0, 0, 0, 0, 1, 2, 0, 3};
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
    uint8_t ping[26] = {0x4b, KADEMLIA_PING};
    opposite_id(h, number, &id);
    memcpy(ping + 6, id.octets, 20);
    assert_true(harness_deliver(h, 0, number + 1, ping, sizeof ping));
}

static void introduce_near(struct harness *h, uint32_t number)
{
    struct overlay_id id;
    uint8_t ping[26] = {0x4b, KADEMLIA_PING};
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

/* Peer 0 with k = 4: contacts 1 to 4 in a full bucket 0, and contacts 41 to 44 nearer to it, so that it has split. Of the
 * four, those at addresses that are up will answer. */
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

/* --- lookups --- */

static void a_converged_start_answers_every_lookup_correctly(void **unused)
{
    (void) unused;
    static const struct { uint64_t bits, k, alpha; uint32_t peers; } cases[] = {
        {160, 20, 3, 1000}, {160, 1, 1, 300}, {160, 8, 3, 500}, {24, 8, 10, 300}, {11, 4, 3, 200}, {9, 20, 3, 512},
        {160, 20, 3, 2}, {160, 20, 3, 21}, {64, 3, 100, 200}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kademlia_parameters p = defaults();
        p.bits = cases[i].bits;
        p.k = cases[i].k;
        p.alpha = cases[i].alpha;
        struct harness *h = world(&p, cases[i].peers);
        harness_start_converged(h);
        assert_tables_are_sound(h, cases[i].peers);
        struct figures figures = look_up(h, cases[i].peers, 500, false);
        assert_int_equal(figures.correct, 500);
        assert_int_equal(figures.timeouts, 0);
        assert_tables_are_sound(h, cases[i].peers);
        harness_free(h);
    }
}

/* ../shared/PAPERS.md row C6: keys are ids of peers, as in the model behind it. */
static void hops_with_full_buckets_and_one_request_at_a_time_are_the_models(void **unused)
{
    (void) unused;
    static const struct { uint64_t k; double hops; } cases[] = {{1, 4.93}, {8, 2.43}, {20, 1.97}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kademlia_parameters p = defaults();
        p.k = cases[i].k;
        p.alpha = 1;
        struct harness *h = world(&p, 1000);
        harness_start_converged(h);
        struct figures figures = look_up(h, 1000, 3000, true);
        assert_int_equal(figures.correct, 3000);
        double hops = (double) figures.hops / 3000;
        print_message("k = %u: %.3f hops, %.2f in the table\n", (unsigned) cases[i].k, hops, cases[i].hops);
        assert_true(hops > cases[i].hops - 0.1 && hops < cases[i].hops + 0.1);
        harness_free(h);
    }
}

static void peers_that_join_one_by_one_find_each_other(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    p.k = 8;
    struct harness *h = world(&p, 200);
    harness_join(h, 0, PEER_ADDRESS_NONE);
    for (uint32_t i = 1; i < 200; i++) {
        harness_join(h, i, 1 + (uint32_t) (harness_draw(h) % i));
        run_for(h, 10 * HARNESS_SECOND_NS);
    }
    assert_tables_are_sound(h, 200);
    struct figures figures = look_up(h, 200, 500, false);
    assert_int_equal(figures.succeeded, 500);
    assert_true(figures.correct >= 495);
    harness_free(h);
}

static void a_peer_whose_bootstrap_peer_is_dead_asks_another(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 30);
    harness_join(h, 0, PEER_ADDRESS_NONE);
    for (uint32_t i = 1; i < 29; i++) {
        harness_join(h, i, i);
        run_for(h, HARNESS_SECOND_NS);
    }
    harness_crash(h, 7);
    harness_join(h, 29, 8);
    run_for(h, 30 * HARNESS_SECOND_NS);
    const struct kademlia *state = peer_state(harness_peer(h, 29));
    assert_true(kademlia_contact_count(harness_shared(h), state) >= 20);
    harness_free(h);
}

static void lookups_recover_when_three_in_ten_crash(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 500);
    harness_start_converged(h);
    for (uint32_t crashed = 0; crashed < 150;) {
        uint32_t peer = any_up(h, 500);
        harness_crash(h, peer);
        crashed++;
    }
    struct figures at_once = look_up(h, 500, 500, false);
    print_message("correct at once: %u of 500, %.2f time-outs a lookup\n", at_once.correct,
                  (double) at_once.timeouts / 500);
    assert_int_equal(at_once.succeeded, 500);
    assert_true(at_once.correct >= 498);
    run_for(h, 90 * MINUTE_NS); /* a refresh of every bucket */
    struct figures later = look_up(h, 500, 500, false);
    print_message("later: %u of 500, %.2f time-outs a lookup\n", later.correct, (double) later.timeouts / 500);
    assert_int_equal(later.correct, 500);
    assert_true(later.timeouts * 4 < at_once.timeouts);
    assert_tables_are_sound(h, 500);
    harness_free(h);
}

static void lost_messages_cost_time_but_not_the_answer(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 300);
    harness_start_converged(h);
    harness_set_loss(h, 5 * PPB_PER_PERCENT);
    struct figures figures = look_up(h, 300, 1000, false);
    print_message("correct: %u of 1000\n", figures.correct);
    assert_int_equal(figures.succeeded, 1000);
    assert_true(figures.correct >= 980); /* both requests to the owner lost: (1 - .95^2)^2 = 1 % */
    harness_free(h);
}

static void a_peer_that_is_alone_owns_every_key(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 2);
    harness_join(h, 0, PEER_ADDRESS_NONE);
    struct overlay_id key;
    harness_random_id(h, &key);
    const struct harness_result *result = harness_result(h, harness_lookup(h, 0, &key));
    assert_true(result->done && result->result.succeeded);
    assert_int_equal(result->result.owner, 1);
    assert_int_equal(result->result.hops, 0);
    assert_int_equal(result->result.messages, 0);
    harness_free(h);
}

static void a_lookup_that_nobody_answers_fails(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 50);
    harness_start_converged(h);
    harness_set_loss(h, 100 * PPB_PER_PERCENT);
    struct overlay_id key;
    harness_random_id(h, &key);
    uint32_t lookup = harness_lookup(h, 0, &key);
    run_for(h, 2 * MINUTE_NS);
    const struct harness_result *result = harness_result(h, lookup);
    assert_true(result->done);
    assert_false(result->result.succeeded);
    assert_int_equal(result->result.timeouts, result->result.messages);
    harness_set_loss(h, 0); /* and the peer finds back to the others */
    run_for(h, 10 * MINUTE_NS);
    struct figures figures = look_up(h, 50, 100, false);
    assert_int_equal(figures.correct, 100);
    harness_free(h);
}

static void a_lookup_begun_while_joining_waits_for_the_bootstrap_peer(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 2);
    struct overlay_id key;
    harness_join(h, 0, PEER_ADDRESS_NONE);
    harness_join(h, 1, 1);
    harness_id(h, 0, &key);
    uint32_t lookup = harness_lookup(h, 1, &key);
    assert_false(harness_result(h, lookup)->done);
    run_for(h, 10 * HARNESS_SECOND_NS);
    assert_true(harness_result(h, lookup)->done && harness_result(h, lookup)->result.succeeded);
    assert_int_equal(harness_result(h, lookup)->result.owner, 1);
    assert_int_equal(harness_result(h, lookup)->result.hops, 1);
    harness_free(h);
}

/* Answers FIND_NODE of peer 0 in another's name: the right transaction from the wrong address. */
struct forger {
    bool seen;
    uint8_t nodes[28];
};

static bool forger_tap(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes, size_t length)
{
    struct forger *forger = context;
    (void) to;
    (void) length;
    if (from == 0 && kind == KADEMLIA_FIND_NODE) {
        memcpy(forger->nodes, bytes, 6);
        forger->nodes[1] = KADEMLIA_NODES;
        forger->seen = true;
        return false;
    }
    return true;
}

static void an_answer_from_another_address_or_with_another_transaction_does_not_count(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    struct harness *h = world(&p, 2);
    struct forger forger = {.seen = false};
    struct overlay_id id;
    harness_start_converged(h);
    harness_set_tap(h, forger_tap, &forger);
    harness_id(h, 1, &id);
    uint32_t lookup = harness_lookup(h, 0, &id);
    assert_true(forger.seen);
    memcpy(forger.nodes + 6, id.octets, 20);
    assert_true(harness_deliver(h, 0, 3, forger.nodes, sizeof forger.nodes));
    assert_false(harness_result(h, lookup)->done);
    forger.nodes[5] ^= 1;
    assert_true(harness_deliver(h, 0, 2, forger.nodes, sizeof forger.nodes));
    assert_false(harness_result(h, lookup)->done);
    forger.nodes[5] ^= 1;
    assert_true(harness_deliver(h, 0, 2, forger.nodes, sizeof forger.nodes));
    assert_true(harness_result(h, lookup)->done && harness_result(h, lookup)->result.succeeded);
    harness_free(h);
}

/* --- the end --- */

static void peers_that_go_give_everything_back(void **unused)
{
    (void) unused;
    struct kademlia_parameters p = defaults();
    p.k = 3;
    struct harness *h = world(&p, 100);
    const struct kademlia_shared *shared = harness_shared(h);
    harness_start_converged(h);
    for (uint32_t round = 0; round < 300; round++) {
        struct overlay_id key;
        harness_random_id(h, &key);
        uint32_t peer = (uint32_t) (harness_draw(h) % 100);
        if (harness_is_up(h, peer) && round % 3 == 0 && harness_up_count(h) > 10)
            harness_crash(h, peer);
        else if (!harness_is_up(h, peer))
            harness_join(h, peer, any_up(h, 100) + 1);
        else
            (void) harness_lookup(h, peer, &key);
        run_for(h, HARNESS_SECOND_NS / 10);
    }
    assert_true(shared->buckets.live > 0 && shared->lookups.live > 0);
    for (uint32_t i = 0; i < 100; i++)
        if (harness_is_up(h, i))
            harness_crash(h, i);
    assert_int_equal(shared->buckets.live, 0);
    assert_int_equal(shared->directories.live, 0);
    assert_int_equal(shared->lookups.live, 0);
    assert_int_equal(shared->probes.live, 0);
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
        uint8_t ping[26] = {0x4b, KADEMLIA_PING};
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

static void two_runs_from_one_seed_are_the_same(void **unused)
{
    (void) unused;
    struct harness_counts counts[2];
    for (int i = 0; i < 2; i++) {
        struct kademlia_parameters p = defaults();
        struct harness *h = world(&p, 100);
        harness_start_converged(h);
        harness_set_loss(h, 3 * PPB_PER_PERCENT);
        (void) look_up(h, 100, 200, false);
        counts[i] = *harness_counts(h);
        harness_free(h);
    }
    assert_memory_equal(&counts[0], &counts[1], sizeof counts[0]);
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
        cmocka_unit_test(a_newcomer_to_a_full_bucket_waits_while_the_oldest_contact_answers),
        cmocka_unit_test(an_oldest_contact_that_fails_its_pings_is_replaced_by_the_latest_newcomer),
        cmocka_unit_test(a_contact_heard_from_lately_is_not_pinged_for_a_newcomer),
        cmocka_unit_test(a_stale_contact_stays_until_there_is_a_replacement),
        cmocka_unit_test(a_contact_that_failed_is_not_named_to_others_until_it_is_heard_from),
        cmocka_unit_test(the_k_closest_are_those_that_sorting_all_contacts_finds),
        cmocka_unit_test(a_converged_start_answers_every_lookup_correctly),
        cmocka_unit_test(hops_with_full_buckets_and_one_request_at_a_time_are_the_models),
        cmocka_unit_test(peers_that_join_one_by_one_find_each_other),
        cmocka_unit_test(a_peer_whose_bootstrap_peer_is_dead_asks_another),
        cmocka_unit_test(lookups_recover_when_three_in_ten_crash),
        cmocka_unit_test(lost_messages_cost_time_but_not_the_answer),
        cmocka_unit_test(a_peer_that_is_alone_owns_every_key),
        cmocka_unit_test(a_lookup_that_nobody_answers_fails),
        cmocka_unit_test(a_lookup_begun_while_joining_waits_for_the_bootstrap_peer),
        cmocka_unit_test(an_answer_from_another_address_or_with_another_transaction_does_not_count),
        cmocka_unit_test(peers_that_go_give_everything_back),
        cmocka_unit_test(contacts_that_crowd_around_a_peer_make_it_split_as_often_as_bits_allow),
        cmocka_unit_test(two_runs_from_one_seed_are_the_same),
    };
    return cmocka_run_group_tests_name("kademlia", tests, NULL, NULL);
}
