/* Every bad/DEFECT.yaml gives exactly the diagnostics in bad/DEFECT.expect. Lines "# --set KEY=VALUE" at the top of a
 * scenario are arguments. PEERLAB_ACCEPT=1 writes the .expect files anew, to be read before they are committed. */
#include <dirent.h>
#include <unistd.h>

#include "tests/topologies/loading.h"

#define FOLDER PEERLAB_SOURCE_DIR "/tests/topologies/bad"
enum { SETS_MAX = 8 };

static uint32_t read_sets(char *text, const char *sets[SETS_MAX])
{
    static const char prefix[] = "# --set ";
    uint32_t count = 0;
    while (strncmp(text, prefix, strlen(prefix)) == 0 && count < SETS_MAX) {
        char *end = strchr(text, '\n');
        *end = '\0';
        sets[count++] = text + strlen(prefix);
        text = end + 1;
    }
    return count;
}

static bool check_case(const char *scenario_name)
{
    char expect_name[300];
    const char *sets[SETS_MAX];
    size_t length;
    struct scenario *scenario;
    struct base_diagnostics diagnostics = {0};
    char *text = read_whole_file(scenario_name, &length);
    struct topology_load_options options = {.path = scenario_name, .sets = sets, .set_count = read_sets(text, sets)};
    int result = topology_load(&scenario, &options, &test_vocabulary, &diagnostics);
    const char *told = all_diagnostics(&diagnostics);
    topology_scenario_free(scenario);
    free(text);
    snprintf(expect_name, sizeof expect_name, "%.*s.expect", (int) strlen(scenario_name) - 5, scenario_name);
    if (getenv("PEERLAB_ACCEPT")) {
        FILE *file = fopen(expect_name, "wb");
        fputs(told, file);
        fclose(file);
    }
    char *expected = read_whole_file(expect_name, &length);
    bool good = result < 0 && expected && strcmp(expected, told) == 0;
    if (!good)
        print_error("%s: result %d\n--- expected\n%s--- told\n%s", scenario_name, result,
                    expected ? expected : "(no file)\n", told);
    free(expected);
    return good;
}

static void each_bad_scenario_is_told_as_expected(void **state)
{
    (void) state;
    assert_int_equal(chdir(FOLDER), 0);
    uint32_t count = 0, wrong = 0;
    DIR *folder = opendir(".");
    for (struct dirent *entry; (entry = readdir(folder));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".yaml") != 0)
            continue;
        count++;
        wrong += !check_case(entry->d_name);
    }
    closedir(folder);
    assert_int_equal(wrong, 0);
    assert_true(count > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_bad_scenario_is_told_as_expected)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
