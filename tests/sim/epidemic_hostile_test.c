/* Bytes that no epidemic peer would send. */
#include "tests/sim/epidemic_world.h"

/* A message as bytes, with one thing wrong in it. */
struct hostile {
    const char *why;
    uint8_t bytes[64];
    size_t length;
};

#define RUMOUR(id, hops) 0, 0, 0, (id), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (hops), 0, 0
static const struct hostile hostiles[] = {
    {"empty", {0}, 0},
    {"cut header", {0x45, 1, 0}, 3},
    {"another protocol", {0x46, 1, 0, 0}, 4},
    {"no such kind", {0x45, 4, 0, 0}, 4},
    {"digest cut", {0x45, 1, 0, 2, 0, 0, 0, 1, 0, 0, 0}, 11},
    {"digest out of order", {0x45, 1, 0, 2, 0, 0, 0, 2, 0, 0, 0, 1}, 12},
    {"digest repeats", {0x45, 2, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1}, 12},
    {"digest in a push", {0x45, 0, 0, 1, 0, 0, 0, 1, RUMOUR(0, 1)}, 28},
    {"digest in an answer", {0x45, 3, 0, 1, 0, 0, 0, 1, RUMOUR(0, 1)}, 28},
    {"push of nothing", {0x45, 0, 0, 0}, 4},
    {"answer of nothing", {0x45, 3, 0, 0}, 4},
    {"pull that tells", {0x45, 1, 0, 0, RUMOUR(0, 1)}, 24},
    {"no hops", {0x45, 0, 0, 0, RUMOUR(0, 0)}, 24},
    {"rumours out of order", {0x45, 0, 0, 0, RUMOUR(1, 1), RUMOUR(0, 1)}, 44},
    {"rumour repeats", {0x45, 0, 0, 0, RUMOUR(0, 1), RUMOUR(0, 1)}, 44},
    {"payload cut", {0x45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0}, 25},
};

static void hostile_bytes_are_refused_and_change_nothing(void **state)
{
    (void) state;
    const struct overlay_ops *ops = epidemic_kind.ops;
    struct world world = open_world(&(struct setting){.mode = PUSH_PULL, .peers = 2});
    for (size_t i = 0; i < sizeof(hostiles) / sizeof(hostiles[0]); i++) {
        if (harness_deliver(world.harness, 0, 2, hostiles[i].bytes, hostiles[i].length))
            fail_msg("believed: %s", hostiles[i].why);
    }
    assert_int_equal(ops->kind_of(hostiles[2].bytes, 4), ops->message_kind_count);
    assert_int_equal(ops->kind_of(hostiles[9].bytes, 4), EPIDEMIC_PUSH);
    assert_int_equal(reached(&world, 0, NULL), 0);
    close_world(&world);
}

static void a_rumour_from_the_future_lives_no_longer_than_others(void **state)
{
    (void) state;
    struct world world = open_world(&(struct setting){.mode = PUSH, .peers = 2, .rounds_max = 3});
    struct epidemic_writer *message = message_of(EPIDEMIC_PUSH, 1, UINT64_MAX);
    assert_true(harness_deliver(world.harness, 0, 2, message->bytes, message->length));
    assert_true(harness_delivery(world.harness, 0, 0)->received);
    assert_int_equal(harness_delivery(world.harness, 0, 0)->round, 0);
    check_all(&world);
    assert_true(harness_run_idle(world.harness, 10 * SECOND)); /* both have forgotten it */
    free(message);
    close_world(&world);
}

static void every_cut_of_a_message_is_refused_and_flipped_bits_harm_nobody(void **state)
{
    (void) state;
    enum { RUMOURS = 4, TRIES = 20000 };
    struct world world = open_world(&(struct setting){
        .mode = PUSH_PULL, .peers = 2, .broadcasts = RUMOURS, .seed = 11});
    print_message("seed 11\n");
    struct epidemic_writer *whole = message_of(EPIDEMIC_PUSH, RUMOURS, 0);
    size_t stride = EPIDEMIC_RUMOUR_BYTES + 5;
    for (size_t length = 0; length < whole->length; length++) {
        if (length <= EPIDEMIC_HEADER_BYTES || (length - EPIDEMIC_HEADER_BYTES) % stride != 0)
            assert_false(harness_deliver(world.harness, 0, 2, whole->bytes, length));
    }
    for (uint32_t try = 0; try < TRIES; try++) {
        struct epidemic_writer flipped = *whole;
        for (uint64_t flips = 1 + harness_draw(world.harness) % 3; flips-- > 0;) {
            size_t place = harness_draw(world.harness) % whole->length;
            bool of_id = place >= EPIDEMIC_HEADER_BYTES && (place - EPIDEMIC_HEADER_BYTES) % stride < 4;
            if (!of_id) /* the harness takes only numbers that exist */
                flipped.bytes[place] ^= (uint8_t) (1u << (harness_draw(world.harness) % 8));
        }
        /* A digest moves the rumours: their ids would be other bytes. */
        flipped.bytes[2] = flipped.bytes[3] = 0;
        (void) harness_deliver(world.harness, try % 2, 1 + (try + 1) % 2, flipped.bytes, flipped.length);
        if (try % 1000 == 0)
            check_all(&world);
    }
    harness_run(world.harness, 5 * SECOND);
    free(whole);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_bytes_are_refused_and_change_nothing),
        cmocka_unit_test(a_rumour_from_the_future_lives_no_longer_than_others),
        cmocka_unit_test(every_cut_of_a_message_is_refused_and_flipped_bits_harm_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
