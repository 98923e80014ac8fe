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

/* Two worlds of one seed, of which one takes the long way with every message. */
struct twins {
    struct harness *worlds[2];
    uint64_t said[2]; /* a sum over all that was sent */
    struct capture capture;
};

static bool sum_tap(void *context, uint32_t from, peer_address to, uint8_t kind, const uint8_t *bytes, size_t length)
{
    uint64_t *said = context;
    uint64_t more = (uint64_t) from << 40 | (uint64_t) to << 16 | (uint64_t) kind << 8 | length;
    for (size_t i = 0; i < length; i++)
        more = (more ^ bytes[i]) * UINT64_C(0x100000001b3);
    *said = (*said ^ more) * UINT64_C(0x9e3779b97f4a7c15);
    return true;
}

static void make_twins(struct twins *twins, const struct chord_parameters *p)
{
    memset(twins, 0, sizeof *twins);
    for (int i = 0; i < 2; i++) {
        struct harness *h = twins->worlds[i] = world(p, 60);
        struct chord_shared *shared = harness_shared(h);
        if (i == 1) {
            shared->lookup_octets = CHORD_NO_LENGTH;
            shared->steady = false;
        }
        harness_set_tap(h, capture_tap, &twins->capture);
        harness_start_converged(h);
        run_for(h, 2 * PERIOD_NS);
        (void) right_lookups(h, 60, 20, NULL);
        harness_set_tap(h, sum_tap, &twins->said[i]);
    }
}

static void assert_twins_agree(const struct twins *twins, const struct chord_parameters *p)
{
    assert_int_equal(twins->said[0], twins->said[1]);
    for (uint32_t peer = 0; peer < 60; peer++)
        assert_memory_equal(peer_state(harness_peer(twins->worlds[0], peer)),
                            peer_state(harness_peer(twins->worlds[1], peer)), chord_ops()->state_bytes(p));
}

/* What a ring at rest says, with up to three octets or bits changed and sometimes the length. */
static size_t mutate(const struct twins *twins, uint32_t kind, uint8_t *bytes)
{
    struct harness *h = twins->worlds[0];
    size_t length = twins->capture.lengths[kind];
    memcpy(bytes, twins->capture.bytes[kind], length + 1);
    for (uint64_t changes = harness_draw(h) % 4; changes > 0; changes--) {
        size_t at = harness_draw(h) % 2 == 0 ? harness_draw(h) % 4 : harness_draw(h) % length;
        if (harness_draw(h) % 2 == 0)
            bytes[at] = (uint8_t) harness_draw(h);
        else
            bytes[at] ^= (uint8_t) (1u << harness_draw(h) % 8);
    }
    return length - 1 + (harness_draw(h) % 8 == 0 ? harness_draw(h) % 3 : 1);
}

static void the_short_ways_do_with_any_bytes_what_the_long_way_does(void **unused)
{
    (void) unused;
    static struct twins twins;
    for (int i = 0; i < 6; i++) {
        struct chord_parameters p = defaults();
        p.acknowledge = false;
        p.bits = (const uint64_t[]){24, 32, 24, 20, 17, 13}[i];
        p.successors = i < 2 ? 1 : (const uint64_t[]){8, 1, 3, 1}[i - 2];
        make_twins(&twins, &p);
        uint32_t good = 0;
        for (int round = 0; round < 4000; round++) {
            uint32_t kind = (uint32_t) (harness_draw(twins.worlds[0]) % CHORD_MESSAGES);
            if (!twins.capture.seen[kind])
                continue;
            uint8_t bytes[8192];
            size_t length = mutate(&twins, kind, bytes);
            uint32_t from = round % 4 > 0 ? twins.capture.from[kind] + 1 : 7;
            bool taken = harness_deliver(twins.worlds[0], twins.capture.to[kind], from, bytes, length);
            assert_int_equal(harness_deliver(twins.worlds[1], twins.capture.to[kind], from, bytes, length), taken);
            good += taken;
            for (int each = 0; each < 2 && round % 50 == 0; each++)
                run_for(twins.worlds[each], HARNESS_SECOND_NS);
            assert_twins_agree(&twins, &p);
        }
        assert_true(good > 200);
        harness_free(twins.worlds[0]);
        harness_free(twins.worlds[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_peers_say_is_well_formed_and_any_other_length_is_refused),
        cmocka_unit_test(a_lookup_of_24_bits_without_acknowledgements_is_16_octets),
        cmocka_unit_test(changed_and_random_bytes_harm_no_table),
        cmocka_unit_test(the_short_ways_do_with_any_bytes_what_the_long_way_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
