/* A disk that fills up: at open, in mid-run, at the end. On a small file system of the test's own, mounted in a
 * namespace of its own; where that is not allowed the tests skip. */
#include "tests/traces/fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

struct disk {
    char *folder, path[300];
    bool mounted;
};

static int make_disk(void **state, const char *size)
{
    struct disk *disk = calloc(1, sizeof *disk);
    void *folder = NULL;
    char options[32];
    if (!disk || fixture_setup(&folder) < 0)
        return -1;
    disk->folder = folder;
    snprintf(disk->path, sizeof disk->path, "%s/trace.db", disk->folder);
    snprintf(options, sizeof options, "size=%s", size);
    disk->mounted = mount("tmpfs", disk->folder, "tmpfs", 0, options) == 0;
    *state = disk;
    return 0;
}

static int drop_disk(void **state)
{
    struct disk *disk = *state;
    void *folder = disk->folder;
    if (disk->mounted)
        umount(disk->folder);
    fixture_teardown(&folder);
    free(disk);
    return 0;
}

static int tiny(void **state)
{
    return make_disk(state, "128k");
}

static int small(void **state)
{
    return make_disk(state, "6m");
}

static int larger(void **state)
{
    return make_disk(state, "32m");
}

static struct disk *disk_of(void **state)
{
    struct disk *disk = *state;
    if (!disk->mounted) {
        print_message("skipped: a file system cannot be mounted here\n");
        skip();
    }
    return disk;
}

static void at_open_it_is_told_and_nothing_is_left(void **state)
{
    struct disk *disk = disk_of(state);
    struct trace_options options = fixture_options(disk->path);
    struct base_diagnostics diagnostics = {0};
    struct trace *trace = NULL;
    assert_int_equal(trace_open(&trace, &options, &diagnostics), -ENOSPC);
    assert_int_equal(diagnostics.error_count, 1);
    assert_non_null(strstr(diagnostics.items[0].message, "No space left"));
    assert_int_equal(access(disk->path, F_OK), -1);
}

static void in_mid_run_it_is_told_and_what_was_committed_stays(void **state)
{
    struct disk *disk = disk_of(state);
    struct trace_options options = fixture_options(disk->path);
    struct trace *trace = fixture_open(&options);
    uint32_t count = 0;
    while (!trace_error(trace) && count < 3000000)
        fixture_message(trace, (struct trace_message) {.sent_at_ns = count++, .target_seq = 1});
    assert_int_equal(trace_error(trace), -ENOSPC);
    for (uint32_t i = 0; i < 300000; i++, count++) /* nobody waits for room */
        fixture_message(trace, (struct trace_message) {.sent_at_ns = count, .target_seq = 1});
    struct trace_totals totals;
    struct base_diagnostics diagnostics = {0};
    assert_int_equal(trace_finish(trace, "complete", &totals, &diagnostics), -ENOSPC);
    assert_int_equal(diagnostics.error_count, 1);
    assert_int_equal(totals.rows + totals.left_out, count);
    assert_true(totals.left_out >= 300000);
    assert_string_not_equal(fixture_ask_file(disk->path, "SELECT value FROM run WHERE key = 'status'"), "complete\n");
    assert_string_equal(fixture_ask_file(disk->path, "PRAGMA user_version"), "1\n");
    assert_string_equal(fixture_ask_file(disk->path, "SELECT count(*) = max(id) AND count(*) > 1000 FROM message"), "1\n");
}

static bool fill_up(void *context, const char *what, uint32_t per_mille)
{
    static const char block[4096];
    char path[400];
    if (per_mille || strcmp(what, "indexing") != 0)
        return true;
    snprintf(path, sizeof path, "%s/filler", (const char *) context);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    while (write(file, block, sizeof block) > 0)
        continue;
    close(file);
    return true;
}

static void while_indexing_it_costs_the_index_only(void **state)
{
    struct disk *disk = disk_of(state);
    struct trace_options options = fixture_options(disk->path);
    options.progress = fill_up;
    options.progress_context = disk->folder;
    struct trace *trace = fixture_open(&options);
    for (uint32_t i = 0; i < 100000; i++)
        fixture_message(trace, (struct trace_message) {.sent_at_ns = i, .target_seq = i + 1});
    struct base_diagnostics diagnostics = {0};
    assert_int_equal(trace_finish(trace, "complete", NULL, &diagnostics), -ENOSPC);
    assert_string_equal(fixture_ask_file(disk->path, "SELECT value FROM run WHERE key = 'status'"), "complete\n");
    assert_string_equal(fixture_ask_file(disk->path, "SELECT count(*) FROM message"), "100000\n");
}

int main(void)
{
    if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        print_message("no namespace of its own: %s\n", strerror(errno));
    else
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(at_open_it_is_told_and_nothing_is_left, tiny, drop_disk),
        cmocka_unit_test_setup_teardown(in_mid_run_it_is_told_and_what_was_committed_stays, small, drop_disk),
        cmocka_unit_test_setup_teardown(while_indexing_it_costs_the_index_only, larger, drop_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
