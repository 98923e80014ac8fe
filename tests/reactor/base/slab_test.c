#include "reactor/base/slab.h"

#include <errno.h>
#include <stdbool.h>

#include "reactor/base/random.h"
#include "support.h"

enum { CAPACITY = 300, ITEM_BYTES = 12 };

struct model {
    uint32_t handles[CAPACITY], tags[CAPACITY];
    uint32_t live;
};

static void take_one(struct base_slab *slab, struct model *model, uint32_t tag)
{
    static const uint8_t zeroes[ITEM_BYTES];
    uint32_t handle = base_slab_take(slab);
    assert_int_equal(handle == 0, model->live == CAPACITY);
    if (handle == 0)
        return;
    assert_memory_equal(base_slab_at(slab, handle), zeroes, ITEM_BYTES);
    for (uint32_t i = 0; i < model->live; i++)
        assert_int_not_equal(model->handles[i], handle);
    memcpy((uint8_t *) base_slab_at(slab, handle) + ITEM_BYTES - 4, &tag, 4);
    memset(base_slab_at(slab, handle), 0xff, 4); /* where the chain of free items goes */
    model->handles[model->live] = handle;
    model->tags[model->live++] = tag;
}

static void give_one(struct base_slab *slab, struct model *model, uint32_t at)
{
    uint32_t tag;
    memcpy(&tag, (uint8_t *) base_slab_at(slab, model->handles[at]) + ITEM_BYTES - 4, 4);
    assert_int_equal(tag, model->tags[at]);
    base_slab_give(slab, model->handles[at]);
    model->live--;
    model->handles[at] = model->handles[model->live];
    model->tags[at] = model->tags[model->live];
}

static void slab_does_as_a_naive_model_does(void **state)
{
    (void) state;
    uint64_t key = base_random_key(test_seed(), "slab", "");
    struct base_slab slab;
    static struct model model;
    assert_int_equal(base_slab_init(&slab, ITEM_BYTES, CAPACITY), 0);
    uint8_t *items = slab.items;
    for (uint32_t step = 0; step < 20000; step++) {
        uint64_t bits = base_random_at(key, step);
        uint32_t taking_percent = step / 2000 % 2 == 0 ? 70 : 30; /* fills up, runs empty, several times */
        if (model.live == 0 || base_random_below(bits, 100) < taking_percent)
            take_one(&slab, &model, step);
        else
            give_one(&slab, &model, (uint32_t) base_random_below(base_random_mix(bits), model.live));
        assert_int_equal(slab.live, model.live);
    }
    assert_ptr_equal(slab.items, items);
    base_slab_done(&slab);
}

static void free_items_are_used_before_untouched_ones(void **state)
{
    (void) state;
    struct base_slab slab;
    assert_int_equal(base_slab_init(&slab, 4, 1000000), 0);
    for (int i = 0; i < 1000; i++)
        base_slab_give(&slab, base_slab_take(&slab));
    assert_int_equal(slab.used_end, 2);
    base_slab_done(&slab);
    base_slab_done(&slab); /* done twice is done */
}

/* The kernel's flags of the mapping that holds address, e.g. "VmFlags: rd wr mr mw me ac nh sd"; "" if unknown. */
static void read_flags(const void *address, char *flags, size_t bytes)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    bool inside = false;
    char line[512];
    flags[0] = '\0';
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            inside = (uintptr_t) address >= start && (uintptr_t) address < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(flags, bytes, "%s", line);
    }
    if (file != NULL)
        fclose(file);
}

static void large_slab_asks_for_huge_pages_and_keeps_its_items(void **state)
{
    (void) state;
    enum { COUNT = 360000, BYTES = 200 };
    struct base_slab slab;
    char start[512], end[512];
    assert_int_equal(base_slab_init(&slab, BYTES, 10 * COUNT), 0);
    for (uint32_t i = 1; i <= COUNT; i++) {
        uint32_t handle = base_slab_take(&slab);
        assert_int_equal(handle, i);
        memset(base_slab_at(&slab, handle), (int) (i % 251), BYTES);
    }
    for (uint32_t i = 1; i <= COUNT; i++) {
        const uint8_t *item = base_slab_at(&slab, i);
        assert_true(item[0] == i % 251 && item[BYTES - 1] == i % 251);
    }
    read_flags(slab.items, start, sizeof(start));
    read_flags(base_slab_at(&slab, COUNT), end, sizeof(end));
    base_slab_done(&slab);
    if (strstr(start, " nh") == NULL) {
        print_message("             skipped: this kernel has no transparent huge pages\n");
        skip();
    }
    assert_null(strstr(start, " hg"));
    assert_contains(end, " hg");
}

static void impossible_capacity_is_refused(void **state)
{
    (void) state;
    struct base_slab slab;
    assert_int_equal(base_slab_init(&slab, 1u << 30, UINT32_MAX - 1), -ENOMEM);
    base_slab_done(&slab);
}

static void give_what_was_never_taken(void)
{
    struct base_slab slab;
    if (base_slab_init(&slab, 8, 10) == 0)
        base_slab_give(&slab, base_slab_take(&slab) + 1);
}

static void give_nothing(void)
{
    struct base_slab slab;
    if (base_slab_init(&slab, 8, 10) == 0 && base_slab_take(&slab) != 0)
        base_slab_give(&slab, 0);
}

static void handles_never_given_out_cannot_be_given_back(void **state)
{
    (void) state;
    char output[512];
    assert_int_equal(run_in_child(give_what_was_never_taken, output, sizeof(output)), 70);
    assert_int_equal(run_in_child(give_nothing, output, sizeof(output)), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slab_does_as_a_naive_model_does),
        cmocka_unit_test(free_items_are_used_before_untouched_ones),
        cmocka_unit_test(large_slab_asks_for_huge_pages_and_keeps_its_items),
        cmocka_unit_test(impossible_capacity_is_refused),
        cmocka_unit_test(handles_never_given_out_cannot_be_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
