#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reactor/base/random.h"
#include "sim/up_set.h"

struct expected {
    const bool *is;
    uint32_t next;
    uint32_t seen;
};

static void visit(void *context, uint32_t index)
{
    struct expected *expected = context;
    while (!expected->is[expected->next])
        expected->next++;
    assert_int_equal(index, expected->next++);
    expected->seen++;
}

static void assert_equals(const struct up_set *set, const bool *is, uint32_t size)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < size; i++) {
        assert_int_equal(up_set_has(set, i), is[i]);
        if (is[i])
            assert_int_equal(up_set_select(set, k++), i);
    }
    assert_int_equal(set->count, k);
    struct expected all = {.is = is};
    up_set_each(set, 0, size, visit, &all);
    assert_int_equal(all.seen, k);
    struct expected middle = {.is = is, .next = size / 3};
    up_set_each(set, size / 3, size / 2, visit, &middle);
    for (uint32_t i = size / 3; i < size / 3 + size / 2; i++)
        middle.seen -= is[i];
    assert_int_equal(middle.seen, 0);
}

static void the_kth_member_is_found_whatever_came_and_went(void **state)
{
    (void) state;
    static const uint32_t sizes[] = {1, 2, 63, 64, 65, 511, 512, 513, 1024, 3000};
    for (uint32_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct up_set set;
        bool is[3000] = {false};
        assert_int_equal(up_set_init(&set, sizes[s]), 0);
        for (uint64_t draw = 0; draw < 4 * sizes[s]; draw++) {
            uint32_t index = (uint32_t) (base_random_at(s, draw) % sizes[s]);
            is[index] = base_random_at(s + 100, draw) & 1;
            if (is[index])
                up_set_add(&set, index);
            else
                up_set_remove(&set, index);
        }
        assert_equals(&set, is, sizes[s]);
        up_set_done(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_kth_member_is_found_whatever_came_and_went)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
