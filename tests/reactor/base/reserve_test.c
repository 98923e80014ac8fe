#include "reactor/base/reserve.h"

#include <errno.h>

#include "support.h"

#define GIBIBYTE ((size_t) 1 << 30)

static size_t resident_bytes(void)
{
    unsigned long all, resident;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &all, &resident), 2);
    fclose(file);
    return resident * (size_t) sysconf(_SC_PAGESIZE);
}

static void reservation_costs_only_the_pages_that_are_touched(void **state)
{
    (void) state;
    size_t before = resident_bytes();
    uint8_t *bytes = base_reserve(64 * GIBIBYTE);
    assert_non_null(bytes);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(bytes[i * GIBIBYTE], 0);
        bytes[i * GIBIBYTE] = 1;
    }
    size_t grown = resident_bytes() - before;
    base_unreserve(bytes, 64 * GIBIBYTE);
    assert_true(grown >= 64 * 4096 && grown < (2 << 20)); /* 64 pages; as huge pages it would be 128 MiB */
}

static void too_large_a_reservation_is_refused(void **state)
{
    (void) state;
    errno = 0;
    assert_null(base_reserve(SIZE_MAX / 2));
    assert_int_equal(errno, ENOMEM);
    base_unreserve(NULL, 4096);
}

static void discarded_bytes_read_as_zero_and_their_neighbours_stay(void **state)
{
    (void) state;
    static const size_t ranges[][2] = {{0, 65536}, {100, 5}, {4000, 200}, {1, 65534}, {4096, 8192}, {5000, 9000}};
    for (size_t r = 0; r < sizeof(ranges) / sizeof(ranges[0]); r++) {
        uint8_t *bytes = base_reserve(65536);
        memset(bytes, 0xa5, 65536);
        size_t start = ranges[r][0], end = start + ranges[r][1];
        base_reserve_discard(bytes + start, end - start);
        for (size_t i = 0; i < 65536; i++)
            assert_int_equal(bytes[i], i >= start && i < end ? 0 : 0xa5);
        base_unreserve(bytes, 65536);
    }
}

static void discarding_gives_the_memory_back(void **state)
{
    (void) state;
    size_t bytes_count = 64 << 20;
    uint8_t *bytes = base_reserve(bytes_count);
    memset(bytes, 1, bytes_count);
    size_t before = resident_bytes();
    base_reserve_discard(bytes, bytes_count);
    assert_true(resident_bytes() + (60 << 20) < before);
    base_unreserve(bytes, bytes_count);
}

static void asking_for_huge_pages_changes_no_byte_and_no_errno(void **state)
{
    (void) state;
    size_t bytes_count = 8 << 20;
    uint8_t *bytes = base_reserve(bytes_count);
    memset(bytes, 7, bytes_count / 2);
    errno = 0;
    base_reserve_huge(bytes + 12345, bytes_count - 12345);
    base_reserve_huge(bytes + 1, 1); /* no whole page inside */
    assert_int_equal(errno, 0);
    for (size_t i = 0; i < bytes_count; i++)
        assert_int_equal(bytes[i], i < bytes_count / 2 ? 7 : 0);
    base_unreserve(bytes, bytes_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reservation_costs_only_the_pages_that_are_touched),
        cmocka_unit_test(too_large_a_reservation_is_refused),
        cmocka_unit_test(discarded_bytes_read_as_zero_and_their_neighbours_stay),
        cmocka_unit_test(discarding_gives_the_memory_back),
        cmocka_unit_test(asking_for_huge_pages_changes_no_byte_and_no_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
