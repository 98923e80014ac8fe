/* Streams under random peers and owners. */
#include "reactor/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/reactor/stream_probe.h"

/* Random peers: whatever they and their owners do, no call comes after the end, nothing leaks. */
#define RANDOM_STREAMS 16
static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t) (random_state >> 33) % below;
}

static void act_at_random(struct probe *probe)
{
    static const uint8_t bytes[70000];
    struct reactor_stream *stream = &probe->stream;
    uint32_t choice = draw(24);
    if (!stream->backend)
        return;
    if (choice < 8)
        (void) !reactor_stream_write(stream, bytes, draw(2) ? draw(100) : draw(sizeof bytes));
    else if (choice == 8)
        reactor_stream_close(stream);
    else if (choice == 9)
        reactor_stream_shutdown(stream);
    else if (choice == 10)
        reactor_stream_fail(stream, -EPROTO);
    else if (choice < 13)
        reactor_stream_pause(stream);
    else if (choice < 16)
        reactor_stream_resume(stream);
    else if (choice == 16 && stream->handler.loop)
        assert_int_equal(reactor_handler_timer_arm(&stream->handler, draw(1000000)), 0);
    if (probe->victim && draw(4) == 0) {
        struct probe *victim = probe->victim;
        if (victim->stream.backend && victim->disconnects == 0)
            act_at_random(victim);
    }
}

static void at_random(struct reactor_loop *loop)
{
    static struct probe probes[RANDOM_STREAMS];
    static const uint8_t bytes[50000];
    memset(probes, 0, sizeof probes);
    for (unsigned i = 0; i < RANDOM_STREAMS; i++)
        probes[i].other = -1;
    for (unsigned round = 0; round < 3000; round++) {
        struct probe *probe = &probes[draw(RANDOM_STREAMS)];
        uint32_t choice = draw(10);
        if (!probe->stream.backend) {
            if (probe->other >= 0)
                close(probe->other);
            struct reactor_stream_options options = {
                .half_open = draw(2), .idle_timeout_ns = draw(2) ? 2 * MS : 0, .output_high = 1 + draw(99999),
                .output_max = 100000 + draw(1000000), .input_max = 20000 + draw(100000),
            };
            (draw(4) ? open_pair : open_tcp)(probe, loop, &options);
            probe->act = act_at_random;
            probe->victim = &probes[draw(RANDOM_STREAMS)];
            probe->consume_most = draw(2) ? 1 + draw(1000) : 0;
        } else if (choice < 4 && probe->other >= 0) {
            (void) !send(probe->other, bytes, draw(sizeof bytes), MSG_NOSIGNAL);
        } else if (choice < 7 && probe->other >= 0) {
            (void) !drain(probe);
        } else if (choice == 7 && probe->other >= 0) {
            close(probe->other);
            probe->other = -1;
        } else if (choice == 8 && probe->other >= 0) {
            shutdown(probe->other, draw(2) ? SHUT_WR : SHUT_RDWR);
        } else {
            act_at_random(probe);
        }
        if (draw(4) == 0)
            assert_true(loop_turn(loop, reactor_loop_now(loop) + MS / 20) >= 0);
    }
    for (unsigned i = 0; i < RANDOM_STREAMS; i++)
        done(&probes[i]);
}

static void at_random_nothing_is_called_after_the_end_and_nothing_leaks(void **state)
{
    (void) state;
    const char *given = getenv("PEERLAB_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t) time(NULL);
    printf("  seed %llu (PEERLAB_TEST_SEED)\n", (unsigned long long) seed);
    random_state = seed;
    each(at_random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_random_nothing_is_called_after_the_end_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
