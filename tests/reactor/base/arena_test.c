#include "reactor/base/arena.h"

#include <stdbool.h>
#include <sys/resource.h>

#include "reactor/base/random.h"
#include "support.h"

static bool all_equal(const uint8_t *bytes, size_t count, uint8_t value)
{
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static void taken_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void) state;
    enum { COUNT = 2000 };
    uint64_t key = base_random_key(test_seed(), "arena", "");
    struct base_arena *arena = base_arena_create();
    uint8_t *items[COUNT];
    size_t sizes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t bits = base_random_at(key, i);
        sizes[i] = (size_t) base_random_below(bits, i % 50 == 0 ? 200000 : 300); /* chunks of their own among small */
        items[i] = base_arena_take(arena, sizes[i]);
        assert_int_equal((uintptr_t) items[i] % 16, 0);
        assert_true(all_equal(items[i], sizes[i], 0));
        memset(items[i], (int) (i & 0xff), sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++)
        assert_true(all_equal(items[i], sizes[i], (uint8_t) i));
    base_arena_free(arena);
}

static void no_bytes_are_still_a_place_of_their_own(void **state)
{
    (void) state;
    struct base_arena *arena = base_arena_create();
    void *first = base_arena_take(arena, 0), *second = base_arena_array(arena, uint64_t, 0);
    assert_non_null(first);
    assert_ptr_not_equal(first, second);
    base_arena_free(arena);
}

static void text_is_copied_with_its_end(void **state)
{
    (void) state;
    struct base_arena *arena = base_arena_create();
    assert_string_equal(base_arena_copy_text(arena, "abcdef", 3), "abc");
    assert_string_equal(base_arena_copy_text(arena, NULL, 0), "");
    assert_string_equal(base_arena_printf(arena, "%s of %d", "one", 3), "one of 3");
    char *padded = base_arena_printf(arena, "%0100000d", 1); /* beyond a chunk */
    assert_int_equal(strlen(padded), 100000);
    base_arena_free(arena);
}

static void freeing_nothing_is_allowed(void **state)
{
    (void) state;
    base_arena_free(NULL);
}

static void take_too_many(void)
{
    base_arena_take_array(base_arena_create(), SIZE_MAX / 4, 8);
}

static void take_nearly_all_there_is(void)
{
    base_arena_take(base_arena_create(), SIZE_MAX - 20);
}

static void sizes_that_overflow_are_out_of_memory(void **state)
{
    (void) state;
    char output[256];
    assert_int_equal(run_in_child(take_too_many, output, sizeof(output)), 3);
    assert_string_equal(output, "peerlab: out of memory\n");
    assert_int_equal(run_in_child(take_nearly_all_there_is, output, sizeof(output)), 3);
    assert_string_equal(output, "peerlab: out of memory\n");
}

static void take_until_refused(void)
{
    struct rlimit limit = {.rlim_cur = 64 << 20, .rlim_max = 64 << 20};
    setrlimit(RLIMIT_AS, &limit);
    struct base_arena *arena = base_arena_create();
    for (;;)
        base_arena_take(arena, 1 << 20);
}

static void exhausted_memory_ends_the_process_with_status_3(void **state)
{
    (void) state;
    if (UNDER_ADDRESS_SANITIZER) {
        print_message("             skipped: the address sanitizer needs the address space\n");
        skip();
    }
    char output[256];
    assert_int_equal(run_in_child(take_until_refused, output, sizeof(output)), 3);
    assert_string_equal(output, "peerlab: out of memory\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taken_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(no_bytes_are_still_a_place_of_their_own),
        cmocka_unit_test(text_is_copied_with_its_end),
        cmocka_unit_test(freeing_nothing_is_allowed),
        cmocka_unit_test(sizes_that_overflow_are_out_of_memory),
        cmocka_unit_test(exhausted_memory_ends_the_process_with_status_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
