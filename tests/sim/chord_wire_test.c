/* Chord's messages: all that peers say to each other is understood, and nothing else is. */
#include "tests/sim/chord_world.h"

struct capture {
    uint8_t bytes[CHORD_MESSAGES][8192];
    size_t lengths[CHORD_MESSAGES];
    uint32_t to[CHORD_MESSAGES], from[CHORD_MESSAGES];
    bool seen[CHORD_MESSAGES];
};

static bool capture_tap(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes, size_t length)
{
    struct capture *capture = context;
    assert_int_equal(chord_datagram_kind(bytes, length), kind);
    assert_true(length <= sizeof capture->bytes[kind]);
    memcpy(capture->bytes[kind], bytes, length);
    capture->lengths[kind] = length;
    capture->to[kind] = to - 1;
    capture->from[kind] = from;
    capture->seen[kind] = true;
    return true;
}

/* A world in which lookups, crashes, joins and leaves have made peers say most of what they can say. */
static struct harness *talkative_world(const struct chord_parameters *p, struct capture *capture)
{
    struct harness *h = world(p, 60);
    harness_set_tap(h, capture_tap, capture);
    harness_start_converged(h);
    run_for(h, 2 * PERIOD_NS);
    for (uint32_t peer = 0; peer < 10; peer++)
        (peer % 2 == 0 ? harness_crash : harness_leave)(h, peer);
    (void) right_lookups(h, 60, 100, NULL);
    harness_join(h, 0, 30);
    run_for(h, 5 * PERIOD_NS);
    return h;
}

static struct chord_parameters variant(int i)
{
    struct chord_parameters p = defaults();
    p.bits = (const uint64_t[]){24, 32, 61, 160}[i % 4];
    p.lookup = i < 4 ? CHORD_RECURSIVE : CHORD_ITERATIVE;
    p.virtual_nodes = i % 2 == 0 ? 1 : 2;
    p.keys = 300;
    p.replicas = i % 3 == 0 ? 1 : 3;
    return p;
}

static void what_peers_say_is_well_formed_and_any_other_length_is_refused(void **unused)
{
    (void) unused;
    static struct capture capture;
    bool said[CHORD_MESSAGES] = {false};
    for (int i = 0; i < 8; i++) {
        struct chord_parameters p = variant(i);
        memset(&capture, 0, sizeof capture);
        struct harness *h = talkative_world(&p, &capture);
        assert_int_equal(harness_counts(h)->malformed, 0);
        harness_set_tap(h, NULL, NULL);
        for (uint32_t kind = 0; kind < CHORD_MESSAGES; kind++) {
            if (!capture.seen[kind] || !harness_is_up(h, capture.to[kind]))
                continue;
            said[kind] = true;
            for (size_t length = 0; length < capture.lengths[kind]; length++) {
                bool keys = (kind == CHORD_STORE || kind == CHORD_STORED) && length >= 1 + 2 * ((p.bits + 7) / 8);
                if (!keys)
                    assert_false(harness_deliver(h, capture.to[kind], 1, capture.bytes[kind], length));
            }
            capture.bytes[kind][capture.lengths[kind]] = 0;
            assert_false(harness_deliver(h, capture.to[kind], 1, capture.bytes[kind], capture.lengths[kind] + 1) &&
                         p.bits > 8 && kind != CHORD_STORE && kind != CHORD_STORED);
        }
        harness_free(h);
    }
    for (uint32_t kind = 0; kind < CHORD_MESSAGES; kind++)
        if (!said[kind])
            fail_msg("nobody said %s", chord_ops()->message_kinds[kind]);
}

static void a_lookup_of_24_bits_without_acknowledgements_is_16_octets(void **unused)
{
    (void) unused;
    static struct capture capture;
    struct chord_parameters p = defaults();
    p.bits = 24;
    p.acknowledge = false;
    memset(&capture, 0, sizeof capture);
    struct harness *h = world(&p, 60);
    harness_set_tap(h, capture_tap, &capture);
    harness_start_converged(h);
    assert_int_equal(right_lookups(h, 60, 20, NULL), 20);
    assert_int_equal(capture.lengths[CHORD_LOOKUP], 16);
    assert_int_equal(capture.lengths[CHORD_ANSWER], 11);
    harness_free(h);
}

static void changed_and_random_bytes_harm_no_table(void **unused)
{
    (void) unused;
    static struct capture capture;
    for (int i = 0; i < 8; i++) {
        struct chord_parameters p = variant(i);
        memset(&capture, 0, sizeof capture);
        struct harness *h = talkative_world(&p, &capture);
        harness_set_tap(h, NULL, NULL);
        for (int round = 0; round < 6000; round++) {
            uint8_t bytes[8192];
            uint32_t kind = (uint32_t) (harness_draw(h) % CHORD_MESSAGES), target = any_up(h, 60);
            size_t length = capture.seen[kind] ? capture.lengths[kind] : (size_t) (harness_draw(h) % 64);
            memcpy(bytes, capture.bytes[kind], length);
            if (capture.seen[kind] && harness_is_up(h, capture.to[kind]))
                target = capture.to[kind];
            for (uint64_t changes = harness_draw(h) % 5; changes > 0 && length > 0; changes--)
                bytes[harness_draw(h) % length] = (uint8_t) harness_draw(h);
            uint32_t from = round % 2 == 0 ? capture.from[kind] + 1 : 1 + (uint32_t) (harness_draw(h) % 60);
            (void) harness_deliver(h, target, from, bytes, length);
            if (round % 100 == 0)
                run_for(h, HARNESS_SECOND_NS);
        }
        for (uint32_t peer = 0; peer < 60; peer++) {
            const char *violation = harness_is_up(h, peer) ? chord_ops()->check(harness_peer(h, peer)) : NULL;
            if (violation != NULL)
                fail_msg("variant %d, peer %u: %s", i, peer, violation);
        }
        harness_free(h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_peers_say_is_well_formed_and_any_other_length_is_refused),
        cmocka_unit_test(a_lookup_of_24_bits_without_acknowledgements_is_16_octets),
        cmocka_unit_test(changed_and_random_bytes_harm_no_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
