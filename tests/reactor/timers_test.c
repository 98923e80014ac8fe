/* Timers over the timed queue: what fires, what does not, and what stays behind. */
#include "reactor/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "reactor/base/random.h"

struct world {
    struct reactor_queue queue;
    struct reactor_timers timers;
    uint64_t now_ns;
    uint32_t count;
};

static void begin_bounded(struct world *world, size_t entries_max, uint32_t timers_max)
{
    *world = (struct world){0};
    assert_int_equal(reactor_queue_init(&world->queue, entries_max), 0);
    assert_int_equal(reactor_timers_init(&world->timers, &world->queue, timers_max), 0);
}

static void begin(struct world *world)
{
    begin_bounded(world, 0, 0);
}

static void end(struct world *world)
{
    reactor_timers_done(&world->timers);
    reactor_queue_done(&world->queue);
}

static struct reactor_entry entry_at(struct world *world, uint64_t at_ns, uint32_t target)
{
    return (struct reactor_entry){.due_ns = at_ns, .target = target, .source = target + 1, .count = world->count++,
                                  .order = REACTOR_TIMER, .kind = 7, .cause = 70 + target};
}

static uint32_t arm(struct world *world, uint64_t at_ns, uint32_t target, uint32_t data)
{
    struct reactor_entry entry = entry_at(world, at_ns, target);
    return reactor_timer_arm(&world->timers, &entry, data);
}

static bool rearm(struct world *world, uint32_t handle, uint64_t at_ns, uint32_t target)
{
    struct reactor_entry entry = entry_at(world, at_ns, target);
    entry.kind = 0; /* who moves a timer need not know it */
    return reactor_timer_rearm(&world->timers, handle, &entry);
}

/* The next timer that fires: its data, or 0 when none is left. *fired is its entry. */
static uint32_t fire(struct world *world, struct reactor_entry *fired)
{
    for (const struct reactor_entry *next; (next = reactor_queue_pop(&world->queue, UINT64_MAX));) {
        uint32_t data;
        *fired = *next;
        world->now_ns = fired->due_ns; /* time passes at dead entries, too */
        if (reactor_timer_fire(&world->timers, fired, &data))
            return data;
    }
    return 0;
}

static void a_timer_fires_once_at_its_instant_with_its_data(void **state)
{
    (void) state;
    struct world world;
    struct reactor_entry fired;
    begin(&world);
    uint32_t handle = arm(&world, 500, 3, 42);
    assert_true(handle > 0);
    assert_int_equal(fire(&world, &fired), 42);
    assert_int_equal(fired.due_ns, 500);
    assert_int_equal(fired.target, 3);
    assert_int_equal(fired.kind, 7);
    assert_int_equal(fired.cause, 73);
    assert_int_equal(fire(&world, &fired), 0);
    assert_false(reactor_timer_disarm(&world.timers, handle, 3));
    end(&world);
}

static void a_timer_that_is_moved_keeps_its_kind(void **state)
{
    (void) state;
    static const uint64_t moves_ns[] = {900, 200}; /* to later, which moves no entry, and to earlier, which lays another */
    for (int i = 0; i < 2; i++) {
        struct world world;
        struct reactor_entry fired;
        begin(&world);
        uint32_t handle = arm(&world, 500, 3, 42);
        assert_true(rearm(&world, handle, moves_ns[i], 3));
        assert_int_equal(fire(&world, &fired), 42);
        assert_int_equal(fired.due_ns, moves_ns[i]);
        assert_int_equal(fired.kind, 7);
        end(&world);
    }
}

static void a_disarmed_timer_never_fires(void **state)
{
    (void) state;
    struct world world;
    struct reactor_entry fired;
    begin(&world);
    uint32_t first = arm(&world, 100, 1, 1), second = arm(&world, 200, 1, 2);
    assert_true(reactor_timer_disarm(&world.timers, first, 1));
    assert_false(reactor_timer_disarm(&world.timers, first, 1));
    assert_int_equal(fire(&world, &fired), 2);
    assert_int_equal(fire(&world, &fired), 0);
    assert_int_equal(world.timers.dead, 0);
    assert_false(reactor_timer_disarm(&world.timers, second, 1));
    end(&world);
}

static void a_handle_of_another_target_or_of_nothing_is_ignored(void **state)
{
    (void) state;
    struct world world;
    struct reactor_entry fired;
    begin(&world);
    uint32_t handle = arm(&world, 100, 1, 9);
    assert_false(reactor_timer_disarm(&world.timers, 0, 1));
    assert_false(reactor_timer_disarm(&world.timers, handle, 2));
    assert_false(reactor_timer_disarm(&world.timers, handle + 1, 1));
    assert_false(reactor_timer_disarm(&world.timers, UINT32_MAX, 1));
    assert_false(rearm(&world, handle, 300, 2));
    assert_int_equal(fire(&world, &fired), 9);
    end(&world);
}

static void a_handle_kept_too_long_does_not_hit_the_next_timer_of_its_slot(void **state)
{
    (void) state;
    struct world world;
    struct reactor_entry fired;
    begin(&world);
    uint32_t old = arm(&world, 100, 1, 1);
    assert_int_equal(fire(&world, &fired), 1);
    uint32_t new = arm(&world, 200, 1, 2);
    assert_true(old != new);
    assert_false(reactor_timer_disarm(&world.timers, old, 1));
    assert_false(rearm(&world, old, 300, 1));
    assert_int_equal(fire(&world, &fired), 2);
    end(&world);
}

static void rearming_later_keeps_one_entry_and_fires_once(void **state)
{
    (void) state;
    struct world world;
    struct reactor_entry fired;
    begin(&world);
    uint32_t handle = arm(&world, 100, 1, 5);
    for (uint64_t at_ns = 101; at_ns < 10000; at_ns++)
        assert_true(rearm(&world, handle, at_ns, 1));
    assert_int_equal(reactor_queue_count(&world.queue), 1);
    assert_int_equal(world.timers.dead, 0);
    assert_int_equal(fire(&world, &fired), 5);
    assert_int_equal(fired.due_ns, 9999);
    assert_int_equal(fired.count, 9899); /* as it was armed last */
    assert_int_equal(fire(&world, &fired), 0);
    end(&world);
}

/* The queue asks the popped entry when it was due: what is pushed next may come before the moved timer. */
static void a_timer_that_moves_on_leaves_the_popped_entry_as_it_was(void **state)
{
    (void) state;
    struct world world;
    begin(&world);
    uint32_t handle = arm(&world, 1000, 1, 1), data;
    for (uint32_t i = 0; i < 100; i++)
        arm(&world, 1000 + i * 10, 2 + i, 2);
    assert_true(rearm(&world, handle, 1900, 1));
    const struct reactor_entry *popped = reactor_queue_pop(&world.queue, UINT64_MAX);
    assert_int_equal(popped->target, 1);
    assert_false(reactor_timer_fire(&world.timers, popped, &data));
    assert_int_equal(popped->due_ns, 1000);
    for (uint32_t i = 0; i < 50; i++)
        assert_int_equal(reactor_queue_push(&world.queue, &(struct reactor_entry){
            .due_ns = 1005, .target = i, .source = 9, .count = 1, .order = REACTOR_USER}), 0);
    end(&world);
}

static void rearming_earlier_fires_earlier_and_only_once(void **state)
{
    (void) state;
    struct world world;
    struct reactor_entry fired;
    begin(&world);
    uint32_t handle = arm(&world, 1000, 1, 5);
    assert_true(rearm(&world, handle, 2000, 1));
    assert_true(rearm(&world, handle, 1000, 1));
    assert_true(rearm(&world, handle, 300, 1));
    assert_true(rearm(&world, handle, 400, 1));
    assert_int_equal(fire(&world, &fired), 5);
    assert_int_equal(fired.due_ns, 400);
    assert_int_equal(fire(&world, &fired), 0);
    assert_int_equal(world.timers.dead, 0);
    end(&world);
}

/* Messages answered in 50 ms, each with a 10 s time-out that is disarmed: the dead must not pile up. */
static void dead_entries_stay_bounded_by_the_live(void **state)
{
    (void) state;
    struct world world;
    begin(&world);
    size_t most = 0;
    for (uint32_t i = 0; i < 1000; i++)
        assert_true(arm(&world, UINT64_C(3600000000000) + i, i, i + 1) > 0);
    for (uint64_t i = 0; i < 200000; i++) {
        uint32_t handle = arm(&world, i * 50000 + UINT64_C(10000000000), 7, 1);
        assert_true(reactor_timer_disarm(&world.timers, handle, 7));
        most = reactor_queue_count(&world.queue) > most ? reactor_queue_count(&world.queue) : most;
    }
    assert_int_equal(world.timers.live, 1000);
    assert_true(most <= 2 * 1000 + 2);
    end(&world);
}

static void arming_refuses_at_either_bound_and_never_fires_then(void **state)
{
    (void) state;
    struct world world;
    struct reactor_entry fired;
    begin_bounded(&world, 2, 3);
    assert_true(arm(&world, 1, 1, 1) > 0);
    assert_true(arm(&world, 2, 1, 2) > 0);
    assert_int_equal(arm(&world, 3, 1, 3), 0); /* the queue is full */
    assert_int_equal(world.timers.live, 2);
    assert_int_equal(fire(&world, &fired), 1);
    assert_int_equal(fire(&world, &fired), 2);
    assert_int_equal(fire(&world, &fired), 0);
    end(&world);
    begin_bounded(&world, 100, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_true(arm(&world, 1, 1, 1) > 0);
    assert_int_equal(arm(&world, 1, 1, 1), 0); /* no slot is left */
    assert_int_equal(reactor_queue_count(&world.queue), 3);
    end(&world);
}

static void walking_the_queue_tells_live_from_dead_and_moved(void **state)
{
    (void) state;
    struct world world;
    begin(&world);
    uint32_t live = arm(&world, 10, 1, 1), dead = arm(&world, 20, 1, 1), moved = arm(&world, 30, 1, 1);
    assert_true(reactor_timer_disarm(&world.timers, dead, 1) && rearm(&world, moved, 40, 1) && live);
    bool expected[] = {true, false, false};
    for (unsigned i = 0; i < 3; i++) {
        const struct reactor_entry *entry = reactor_queue_pop(&world.queue, UINT64_MAX);
        assert_int_equal(reactor_timer_is_live(&world.timers, entry), expected[i]);
    }
    end(&world);
}

static void loose_timers_outlive_sweeps_and_are_always_live(void **state)
{
    (void) state;
    struct world world;
    begin(&world);
    for (uint32_t i = 0; i < 300; i++) {
        struct reactor_entry loose = entry_at(&world, 1000000000 + i, i);
        loose.order |= REACTOR_LOOSE;
        loose.payload = i; /* the caller's: not a handle, though it may look like one */
        assert_int_equal(reactor_queue_push(&world.queue, &loose), 0);
    }
    for (uint32_t i = 0; i < 1000; i++) /* enough dead for several sweeps */
        assert_true(reactor_timer_disarm(&world.timers, arm(&world, 500, i, 1), i));
    assert_true(reactor_queue_count(&world.queue) < 700);
    uint32_t loose = 0, dead = 0;
    for (struct reactor_entry *entry; (entry = reactor_queue_pop(&world.queue, UINT64_MAX));) {
        bool is_loose = entry->order & REACTOR_LOOSE;
        assert_int_equal(reactor_timer_is_live(&world.timers, entry), is_loose);
        assert_true(!is_loose || entry->payload == loose);
        loose += is_loose;
        dead += !is_loose;
    }
    assert_int_equal(loose, 300);
    assert_int_equal(dead, world.timers.dead);
    end(&world);
}

#define MANY 20000u

/* Cancels most of many timers in random order, half of which were moved before; what is left fires, each once, in order.
 * Slots are taken again meanwhile, so that the dead lie beside the live of one slot. */
static void sweeps_take_the_dead_only(void **state)
{
    (void) state;
    static uint32_t handles[MANY];
    static uint64_t dues[MANY];
    struct world world;
    uint64_t draws = 0;
    uint32_t live = MANY;
    begin(&world);
    for (uint32_t i = 0; i < MANY; i++)
        handles[i] = arm(&world, dues[i] = 1000000 + base_random_below(base_random_at(5, draws++), 1000000000), i, i + 1);
    for (uint32_t step = 0; step < 10 * MANY; step++) {
        uint32_t i = (uint32_t) base_random_below(base_random_at(5, draws++), MANY);
        uint64_t due_ns = 1000000 + base_random_below(base_random_at(5, draws++), 1000000000);
        uint64_t what = base_random_below(base_random_at(5, draws++), 8);
        if (handles[i] && what < 4) {
            assert_true(reactor_timer_disarm(&world.timers, handles[i], i));
            handles[i] = 0;
            live--;
        } else if (handles[i]) {
            assert_true(rearm(&world, handles[i], dues[i] = due_ns, i));
        } else if (what == 0) {
            assert_true((handles[i] = arm(&world, dues[i] = due_ns, i, i + 1)) != 0);
            live++;
        }
        assert_true(reactor_queue_count(&world.queue) <= 2 * live + 66);
        assert_true(reactor_queue_count(&world.queue) == live + world.timers.dead);
    }
    struct reactor_entry fired;
    uint64_t last_ns = 0;
    for (uint32_t data; (data = fire(&world, &fired)) != 0; live--) {
        assert_true(handles[data - 1] && fired.due_ns == dues[data - 1] && fired.due_ns >= last_ns);
        handles[data - 1] = 0;
        last_ns = fired.due_ns;
    }
    assert_int_equal(live, 0);
    assert_int_equal(world.timers.dead, 0);
    end(&world);
}

#define TARGETS 50

/* Random arming, re-arming, disarming and firing against an array of what should be pending. */
static void random_use_agrees_with_a_plain_table(void **state)
{
    (void) state;
    struct world world;
    const char *given = getenv("PEERLAB_TEST_SEED");
    uint64_t key = given ? strtoull(given, NULL, 0) : 99, draws = 0;
    printf("seed %llu (PEERLAB_TEST_SEED sets it)\n", (unsigned long long) key);
    struct {
        uint32_t handle;
        uint64_t due_ns;
    } pending[TARGETS] = {{0}};
    begin(&world);
    for (unsigned i = 0; i < 200000; i++) {
        uint32_t target = (uint32_t) base_random_below(base_random_at(key, draws++), TARGETS);
        uint64_t due_ns = world.now_ns + base_random_below(base_random_at(key, draws++), 1000);
        uint64_t what = base_random_below(base_random_at(key, draws++), 4);
        if (what == 0 && !pending[target].handle) {
            pending[target].handle = arm(&world, due_ns, target, target + 1);
            pending[target].due_ns = due_ns;
        } else if (what == 1) {
            bool done = rearm(&world, pending[target].handle, due_ns, target);
            assert_int_equal(done, pending[target].handle != 0);
            pending[target].due_ns = due_ns;
        } else if (what == 2) {
            bool done = reactor_timer_disarm(&world.timers, pending[target].handle, target);
            assert_int_equal(done, pending[target].handle != 0);
            pending[target].handle = 0;
        } else {
            struct reactor_entry fired;
            uint32_t data = fire(&world, &fired);
            for (uint32_t other = 0; other < TARGETS; other++) {
                if (pending[other].handle)
                    assert_true(data && fired.due_ns <= pending[other].due_ns);
            }
            if (data) {
                assert_true(pending[data - 1].handle && pending[data - 1].due_ns == fired.due_ns);
                pending[data - 1].handle = 0;
            }
        }
        assert_true(reactor_queue_count(&world.queue) <= 2 * TARGETS + 130);
    }
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_fires_once_at_its_instant_with_its_data),
        cmocka_unit_test(a_timer_that_is_moved_keeps_its_kind),
        cmocka_unit_test(a_disarmed_timer_never_fires),
        cmocka_unit_test(a_handle_of_another_target_or_of_nothing_is_ignored),
        cmocka_unit_test(a_handle_kept_too_long_does_not_hit_the_next_timer_of_its_slot),
        cmocka_unit_test(rearming_later_keeps_one_entry_and_fires_once),
        cmocka_unit_test(a_timer_that_moves_on_leaves_the_popped_entry_as_it_was),
        cmocka_unit_test(rearming_earlier_fires_earlier_and_only_once),
        cmocka_unit_test(dead_entries_stay_bounded_by_the_live),
        cmocka_unit_test(arming_refuses_at_either_bound_and_never_fires_then),
        cmocka_unit_test(walking_the_queue_tells_live_from_dead_and_moved),
        cmocka_unit_test(loose_timers_outlive_sweeps_and_are_always_live),
        cmocka_unit_test(sweeps_take_the_dead_only),
        cmocka_unit_test(random_use_agrees_with_a_plain_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
