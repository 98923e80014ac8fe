#include "reactor/base/bit_tree.h"

#include "reactor/base/random.h"
#include "support.h"

static uint32_t naive_next(const uint8_t *members, uint32_t size, uint32_t index)
{
    for (; index < size; index++)
        if (members[index])
            return index;
    return BASE_BIT_TREE_NONE;
}

static uint32_t naive_previous(const uint8_t *members, uint32_t size, uint32_t index)
{
    for (uint32_t end = index < size ? index + 1 : size; end-- > 0;)
        if (members[end])
            return end;
    return BASE_BIT_TREE_NONE;
}

/* Adds and removes around a density, and compares every answer with a plain array's. */
static void compare_with_model(uint32_t size, uint32_t member_percent, uint64_t key, uint32_t steps)
{
    struct base_bit_tree tree;
    assert_int_equal(base_bit_tree_init(&tree, size), 0);
    uint8_t *members = calloc(size, 1);
    uint32_t count = 0;
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t index = (uint32_t) base_random_below(base_random_at(key, 3 * step), size);
        uint8_t add = base_random_below(base_random_at(key, 3 * step + 1), 100) < member_percent;
        assert_int_equal(base_bit_tree_has(&tree, index), members[index]);
        count += (uint32_t) add - members[index];
        members[index] = add;
        if (add)
            base_bit_tree_add(&tree, index);
        else
            base_bit_tree_remove(&tree, index);
        assert_int_equal(tree.count, count);
        uint32_t from = (uint32_t) base_random_below(base_random_at(key, 3 * step + 2), size + 2);
        assert_int_equal(base_bit_tree_next(&tree, from), naive_next(members, size, from));
        assert_int_equal(base_bit_tree_previous(&tree, from), naive_previous(members, size, from));
    }
    free(members);
    base_bit_tree_done(&tree);
}

static void bit_tree_does_as_a_plain_array_does(void **state)
{
    (void) state;
    static const uint32_t sizes[] = {1, 2, 63, 64, 65, 127, 4095, 4096, 4097, 30000, 262144, 262145};
    uint64_t key = base_random_key(test_seed(), "bit_tree", "");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        compare_with_model(sizes[i], 50, base_random_subkey(key, 2 * i), 3000);
        compare_with_model(sizes[i], 5, base_random_subkey(key, 2 * i + 1), sizes[i] > 10000 ? 300 : 3000);
    }
}

static void empty_and_full_sets_are_walked_both_ways(void **state)
{
    (void) state;
    enum { SIZE = 5000 };
    struct base_bit_tree tree;
    assert_int_equal(base_bit_tree_init(&tree, SIZE), 0);
    assert_int_equal(base_bit_tree_next(&tree, 0), BASE_BIT_TREE_NONE);
    assert_int_equal(base_bit_tree_previous(&tree, UINT32_MAX), BASE_BIT_TREE_NONE);
    for (uint32_t i = 0; i < SIZE; i++)
        base_bit_tree_add(&tree, i);
    base_bit_tree_add(&tree, 17); /* again */
    assert_int_equal(tree.count, SIZE);
    for (uint32_t i = 0; i < SIZE; i++) {
        assert_int_equal(base_bit_tree_next(&tree, i), i);
        assert_int_equal(base_bit_tree_previous(&tree, i), i);
    }
    assert_int_equal(base_bit_tree_next(&tree, SIZE), BASE_BIT_TREE_NONE);
    assert_int_equal(base_bit_tree_previous(&tree, SIZE), SIZE - 1);
    base_bit_tree_done(&tree);
}

static void the_lowest_members_are_taken_a_word_at_a_time(void **state)
{
    (void) state;
    struct base_bit_tree tree;
    uint32_t first;
    assert_int_equal(base_bit_tree_init(&tree, 300000), 0);
    static const uint32_t members[] = {70, 64, 127, 128, 262144, 299999};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        base_bit_tree_add(&tree, members[i]);
    assert_true(base_bit_tree_take_word(&tree, &first) == (UINT64_C(1) << 6 | 1 | UINT64_C(1) << 63));
    assert_int_equal(first, 64);
    assert_int_equal(tree.count, 3);
    assert_int_equal(base_bit_tree_next(&tree, 0), 128);
    base_bit_tree_add(&tree, 65); /* of a word that was taken */
    assert_true(base_bit_tree_take_word(&tree, &first) == 2 && first == 64);
    assert_true(base_bit_tree_take_word(&tree, &first) == 1 && first == 128);
    assert_true(base_bit_tree_take_word(&tree, &first) == 1 && first == 262144);
    assert_true(base_bit_tree_take_word(&tree, &first) == UINT64_C(1) << 299999 % 64 && first == 299999 / 64 * 64);
    assert_int_equal(tree.count, 0);
    assert_int_equal(base_bit_tree_previous(&tree, UINT32_MAX), BASE_BIT_TREE_NONE);
    base_bit_tree_done(&tree);
}

static void far_apart_members_of_the_largest_set_find_each_other(void **state)
{
    (void) state;
    struct base_bit_tree tree;
    assert_int_equal(base_bit_tree_init(&tree, UINT32_MAX), 0); /* 512 MiB of address space, a few pages of memory */
    base_bit_tree_add(&tree, 3);
    base_bit_tree_add(&tree, UINT32_MAX - 1);
    assert_int_equal(base_bit_tree_next(&tree, 4), UINT32_MAX - 1);
    assert_int_equal(base_bit_tree_previous(&tree, UINT32_MAX - 2), 3);
    assert_int_equal(base_bit_tree_previous(&tree, UINT32_MAX), UINT32_MAX - 1);
    base_bit_tree_remove(&tree, UINT32_MAX - 1);
    assert_int_equal(base_bit_tree_next(&tree, 4), BASE_BIT_TREE_NONE);
    base_bit_tree_done(&tree);
}

static void set_of_no_indices_has_no_members(void **state)
{
    (void) state;
    struct base_bit_tree tree;
    assert_int_equal(base_bit_tree_init(&tree, 0), 0);
    assert_int_equal(base_bit_tree_next(&tree, 0), BASE_BIT_TREE_NONE);
    assert_int_equal(base_bit_tree_previous(&tree, 0), BASE_BIT_TREE_NONE);
    base_bit_tree_done(&tree);
}

static void add_beyond_the_size(void)
{
    struct base_bit_tree tree;
    if (base_bit_tree_init(&tree, 10) == 0)
        base_bit_tree_add(&tree, 10);
}

static void members_beyond_the_size_are_our_mistake(void **state)
{
    (void) state;
    char output[512];
    assert_int_equal(run_in_child(add_beyond_the_size, output, sizeof(output)), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bit_tree_does_as_a_plain_array_does),
        cmocka_unit_test(empty_and_full_sets_are_walked_both_ways),
        cmocka_unit_test(the_lowest_members_are_taken_a_word_at_a_time),
        cmocka_unit_test(far_apart_members_of_the_largest_set_find_each_other),
        cmocka_unit_test(set_of_no_indices_has_no_members),
        cmocka_unit_test(members_beyond_the_size_are_our_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
