/* The table of rumours against a plain array: same ids, same order, blocks given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "reactor/base/random.h"
#include "sim/overlays/epidemic_rumours.h"

#define IDS 300
#define BLOCKS 128

struct world {
    struct base_slab slab;
    struct epidemic_block *first;
    bool known[IDS];
    uint64_t published_ns[IDS];
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    assert_int_equal(base_slab_init(&world->slab, EPIDEMIC_BLOCK_BYTES(EPIDEMIC_BLOCK_RUMOURS), BLOCKS), 0);
    world->first = calloc(1, EPIDEMIC_BLOCK_BYTES(EPIDEMIC_INLINE_RUMOURS));
    assert_non_null(world->first);
    world->first->capacity = EPIDEMIC_INLINE_RUMOURS;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    epidemic_rumours_clear(world->first, &world->slab);
    assert_int_equal(world->slab.live, 0);
    base_slab_done(&world->slab);
    free(world->first);
    free(world);
    return 0;
}

static void compare(struct world *world)
{
    uint32_t count, expected = 0;
    const char *problem = epidemic_rumours_check(world->first, &world->slab, &count);
    if (problem != NULL)
        fail_msg("%s", problem);
    struct epidemic_cursor cursor = epidemic_cursor_first(world->first, &world->slab);
    for (uint32_t id = 0; id < IDS; id++) {
        if (!world->known[id])
            continue;
        const struct epidemic_rumour *rumour = epidemic_cursor_get(&cursor);
        assert_non_null(rumour);
        assert_int_equal(rumour->id, id);
        assert_int_equal(rumour->published_ns, world->published_ns[id]);
        cursor.index++;
        expected++;
    }
    assert_null(epidemic_cursor_get(&cursor));
    assert_int_equal(count, expected);
}

static void add(struct world *world, struct epidemic_cursor *cursor, uint32_t id, uint64_t published_ns)
{
    bool known = epidemic_cursor_seek(cursor, id) != NULL;
    assert_int_equal(known, world->known[id]);
    if (known)
        return;
    assert_true(epidemic_cursor_insert(cursor, &(struct epidemic_rumour){.id = id, .published_ns = published_ns}));
    world->known[id] = true;
    world->published_ns[id] = published_ns;
}

static void random_walks_and_deaths_agree_with_an_array(void **state)
{
    struct world *world = *state;
    uint64_t key = base_random_key(7, "rumours", ""), draw = 0;
    print_message("seed 7\n");
    for (uint64_t step = 0; step < 2000; step++) {
        struct epidemic_cursor cursor = epidemic_cursor_first(world->first, &world->slab);
        uint64_t stride = 1 + base_random_below(base_random_at(key, draw++), 100);
        for (uint64_t id = 0; (id += 1 + base_random_below(base_random_at(key, draw++), stride)) < IDS;)
            add(world, &cursor, (uint32_t) id, step);
        compare(world);
        uint64_t oldest_ns = base_random_below(base_random_at(key, draw++), step + 2);
        uint32_t forgotten = 0;
        for (uint32_t id = 0; id < IDS; id++) {
            forgotten += world->known[id] && world->published_ns[id] < oldest_ns;
            world->known[id] = world->known[id] && world->published_ns[id] >= oldest_ns;
        }
        assert_int_equal(epidemic_rumours_forget(world->first, &world->slab, oldest_ns), forgotten);
        compare(world);
    }
}

static void two_rumours_touch_no_block_and_the_last_move_back_inline(void **state)
{
    struct world *world = *state;
    for (uint32_t id = 0; id < 50; id++) {
        struct epidemic_cursor cursor = epidemic_cursor_first(world->first, &world->slab);
        add(world, &cursor, id, id);
        assert_int_equal(world->slab.live, id < 2 ? 0 : (id - 2) / EPIDEMIC_BLOCK_RUMOURS + 1);
    }
    assert_int_equal(epidemic_rumours_forget(world->first, &world->slab, 48), 48);
    assert_int_equal(world->slab.live, 0);
    assert_int_equal(world->first->count, 2);
}

static void a_full_slab_refuses_and_changes_nothing(void **state)
{
    struct world *world = *state;
    uint32_t id = 0;
    for (;; id++) {
        struct epidemic_cursor cursor = epidemic_cursor_first(world->first, &world->slab);
        assert_null(epidemic_cursor_seek(&cursor, id));
        if (!epidemic_cursor_insert(&cursor, &(struct epidemic_rumour){.id = id}))
            break;
    }
    uint32_t count;
    assert_null(epidemic_rumours_check(world->first, &world->slab, &count));
    assert_int_equal(count, EPIDEMIC_INLINE_RUMOURS + BLOCKS * EPIDEMIC_BLOCK_RUMOURS);
    assert_int_equal(count, id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_walks_and_deaths_agree_with_an_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_rumours_touch_no_block_and_the_last_move_back_inline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_slab_refuses_and_changes_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
