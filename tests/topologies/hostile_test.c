/* Hostile YAML: bounded work, no crash, and a place for whatever is refused. Under -DPEERLAB_SANITIZE=address,undefined
 * the same tests look for memory errors. */
#include <dirent.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reactor/base/random.h"
#include "tests/topologies/loading.h"

#define FOLDER PEERLAB_SOURCE_DIR "/tests/topologies"
#define SUITE PEERLAB_SOURCE_DIR "/../shared/data/yaml-test-suite.tar.gz"

struct buffer {
    char *text;
    size_t length, capacity;
};

static void add(struct buffer *buffer, const char *text, uint32_t times)
{
    size_t length = strlen(text);
    size_t wanted = buffer->length + length * times + 1;
    if (wanted > buffer->capacity) {
        buffer->capacity = 2 * wanted;
        buffer->text = realloc(buffer->text, buffer->capacity);
        assert_non_null(buffer->text);
    }
    for (uint32_t i = 0; i < times; i++, buffer->length += length)
        memcpy(buffer->text + buffer->length, text, length);
    buffer->text[buffer->length] = '\0';
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

/* Loads and frees; the diagnostics say what was wrong. Generous seconds: far below what unbounded work would take. */
static void must_fail_fast(struct buffer *buffer, const char *expected)
{
    struct base_diagnostics diagnostics;
    struct scenario *scenario;
    double before = cpu_seconds();
    assert_int_equal(load_bytes(&scenario, buffer->text, buffer->length, NULL, &diagnostics) < 0, 1);
    assert_true(cpu_seconds() - before < 20);
    if (!strstr(all_diagnostics(&diagnostics), expected))
        fail_msg("\"%s\" is not in: %.2000s", expected, all_diagnostics(&diagnostics));
    topology_scenario_free(scenario);
    free(buffer->text);
}

static void laughs_are_counted_as_often_as_they_are_used(void **state)
{
    (void) state;
    struct buffer buffer = {0};
    char line[80];
    add(&buffer, "a: &a [x,x,x,x,x,x,x,x,x,x]\n", 1);
    for (char c = 'b'; c < 'k'; c++) {
        snprintf(line, sizeof line, "%c: &%c [", c, c);
        add(&buffer, line, 1);
        snprintf(line, sizeof line, "*%c,", c - 1);
        add(&buffer, line, 10);
        add(&buffer, "]\n", 1);
    }
    must_fail_fast(&buffer, "folder/scenario.yaml:6:8: error: more than 200000 nodes");
}

static void a_long_text_used_often_is_counted_as_often(void **state)
{
    (void) state;
    struct buffer buffer = {0};
    add(&buffer, MINIMAL "about: &z ", 1);
    add(&buffer, "y", 1000000);
    add(&buffer, "\nexpect: [", 1);
    add(&buffer, "*z,", 1000);
    add(&buffer, "]\n", 1);
    must_fail_fast(&buffer, "error: more than 16 MiB of text");
}

static void nesting_has_a_limit(void **state)
{
    (void) state;
    static const char *const openings[] = {"[", "{a: ", "? ", "- "};
    for (int i = 0; i < 4; i++) {
        struct buffer buffer = {0};
        add(&buffer, openings[i], 900000);
        must_fail_fast(&buffer, "error: nested deeper than 64 levels");
    }
}

static void aliases_cannot_nest_deeper_than_the_limit(void **state)
{
    (void) state;
    struct buffer buffer = {0};
    char line[40];
    add(&buffer, "a0: &a0 [x]\n", 1);
    for (int i = 1; i < 80; i++) {
        snprintf(line, sizeof line, "a%d: &a%d [*a%d]\n", i, i, i - 1);
        add(&buffer, line, 1);
    }
    must_fail_fast(&buffer, "error: nested deeper than 64 levels");
}

static void many_keys_cost_no_more_than_their_number(void **state)
{
    (void) state;
    struct buffer different = {0}, same = {0}, lists = {0};
    char line[40];
    add(&different, MINIMAL, 1);
    for (int i = 0; i < 99000; i++) {
        snprintf(line, sizeof line, "k%d: 1\n", i);
        add(&different, line, 1);
    }
    must_fail_fast(&different, "unknown key \"k0\"");
    add(&same, MINIMAL, 1);
    add(&same, "k: 1\n", 99000);
    must_fail_fast(&same, "duplicate key \"k\"");
    add(&lists, MINIMAL "faults: [", 1);
    add(&lists, "{at: 1 min, crash: home},", 30000);
    add(&lists, "x]\n", 1);
    must_fail_fast(&lists, "a fault must be a mapping, not \"x\"");
}

static void too_long_a_scenario_is_not_parsed(void **state)
{
    (void) state;
    struct buffer buffer = {0};
    add(&buffer, MINIMAL "#", 1);
    add(&buffer, "x", 4 << 20);
    must_fail_fast(&buffer, "folder/scenario.yaml: error: cannot be read: File too large");
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void) state;
    struct scenario *scenario = load_good("\xef\xbb\xbf" MINIMAL, NULL);
    assert_string_equal(scenario->name, "x");
    topology_scenario_free(scenario);
}

static void place_is_in_the_text(const struct base_diagnostic *diagnostic)
{
    const struct base_source *source = diagnostic->place.source;
    assert_non_null(source);
    if (diagnostic->place.line == 0)
        return;
    const char *line = source->text, *end = source->text + source->length;
    for (uint32_t i = 1; i < diagnostic->place.line; i++) {
        line = memchr(line, '\n', (size_t) (end - line));
        assert_non_null(line);
        line++;
    }
    assert_true(diagnostic->place.column >= 1);
    assert_true(line + diagnostic->place.column - 1 <= end);
}

/* Loads anything; what is refused must say so, at a place that exists. */
static int load_anything(const char *text, size_t length, const char *const *sets)
{
    struct base_diagnostics diagnostics;
    struct scenario *scenario;
    int result = load_bytes(&scenario, text, length, sets, &diagnostics);
    assert_true((result < 0) == (diagnostics.error_count > 0));
    for (uint32_t i = 0; i < diagnostics.count; i++)
        place_is_in_the_text(&diagnostics.items[i]);
    all_diagnostics(&diagnostics);
    if (result == 0) {
        struct base_diagnostics none;
        struct scenario *again;
        assert_int_equal(load_bytes(&again, scenario->resolved, strlen(scenario->resolved), NULL, &none), 0);
        assert_string_equal(topology_describe(again), topology_describe(scenario));
        topology_scenario_free(again);
    }
    topology_scenario_free(scenario);
    return result;
}

static void mutate(char *text, size_t *length, size_t capacity, uint64_t key)
{
    static const char bytes[] = "{}[]:,-&*!|>'\"%@`#?\n\t \\~0123456789.=<abchomsxyz\0\xff\xc3";
    uint64_t draw = 0;
    uint64_t changes = 1 + base_random_below(base_random_at(key, draw++), 4);
    for (uint64_t i = 0; i < changes && *length > 1; i++) {
        size_t at = base_random_below(base_random_at(key, draw++), *length);
        size_t from = base_random_below(base_random_at(key, draw++), *length);
        size_t span = 1 + base_random_below(base_random_at(key, draw++), 20);
        char byte = bytes[base_random_below(base_random_at(key, draw++), sizeof bytes - 1)];
        switch (base_random_below(base_random_at(key, draw++), 4)) {
        case 0: /* another byte */
            text[at] = byte;
            break;
        case 1: /* a span cut out */
            span = span < *length - at ? span : *length - at;
            memmove(text + at, text + at + span, *length - at - span);
            *length -= span;
            break;
        case 2: /* a span copied elsewhere */
            span = span < *length - from ? span : *length - from;
            span = span < *length - at ? span : *length - at;
            memmove(text + at, text + from, span);
            break;
        default: /* a byte put in */
            if (*length == capacity)
                break;
            memmove(text + at + 1, text + at, *length - at);
            text[at] = byte;
            ++*length;
        }
    }
}

/* A mutated copy in a block of its own size, so that reading past its end is noticed. */
static char *mutated_copy(const char *text, size_t *length, uint64_t key)
{
    size_t capacity = *length + 8;
    char *copy = malloc(capacity);
    memcpy(copy, text, *length);
    mutate(copy, length, capacity, key);
    copy = realloc(copy, *length + 1);
    copy[*length] = '\0';
    return copy;
}

static int load_mutation(const char *text, size_t length, uint64_t key)
{
    static const char *const sets[] = {"overlay.k=8", "network.latency={constant: 20 ms}", "peers.home.count=5",
                                       "faults.0.name=x", "workload.1.publish.every={exponential: 1 s}", "a.b.c=[d]"};
    const char *set = sets[base_random_below(base_random_at(key, 0), sizeof sets / sizeof *sets)];
    size_t set_length = strlen(set);
    char *mutated = mutated_copy(text, &length, base_random_subkey(key, 1));
    char *mutated_set = mutated_copy(set, &set_length, base_random_subkey(key, 2));
    const char *const half[] = {base_random_at(key, 1) % 2 ? mutated_set : NULL, NULL};
    int result = load_anything(mutated, length, half);
    free(mutated_set);
    free(mutated);
    return result;
}

static void mutations_of_a_scenario_are_judged_without_a_crash(void **state)
{
    (void) state;
    const char *wish = getenv("PEERLAB_TEST_SEED");
    uint64_t seed = wish ? strtoull(wish, NULL, 10) : (uint64_t) time(NULL), count = 0;
    size_t length = 0, good = 0;
    char *text = read_whole_file(FOLDER "/whole.yaml", &length);
    double end = cpu_seconds() + 2;
    print_message("PEERLAB_TEST_SEED=%llu\n", (unsigned long long) seed);
    for (; count < 20000 && cpu_seconds() < end; count++)
        good += load_mutation(text, length, base_random_subkey(seed, count)) == 0;
    print_message("%llu scenarios, %zu of them right\n", (unsigned long long) count, good);
    assert_true(count > 100);
    free(text);
}

static void judge_suite(const char *folder, uint32_t *cases, uint32_t *refused)
{
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        char path[512];
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || stat(path, &status) < 0)
            continue;
        if (S_ISDIR(status.st_mode))
            judge_suite(path, cases, refused);
        if (strcmp(entry->d_name, "in.yaml") != 0)
            continue;
        size_t length = 0;
        char *text = read_whole_file(path, &length);
        ++*cases;
        *refused += load_anything(text, length, NULL) < 0;
        free(text);
    }
    closedir(entries);
}

static void the_yaml_test_suite_is_judged_without_a_crash(void **state)
{
    (void) state;
    char folder[] = P_tmpdir "/peerlab-yaml-XXXXXX", command[600];
    uint32_t cases = 0, refused = 0;
    if (access(SUITE, R_OK) < 0) {
        print_message("skipped: there is no %s\n", SUITE);
        skip();
    }
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, "tar xzf '%s' -C %s", SUITE, folder);
    assert_int_equal(system(command), 0);
    judge_suite(folder, &cases, &refused);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(cases, 402);
    assert_int_equal(refused, 402); /* none of them is a scenario */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(laughs_are_counted_as_often_as_they_are_used),
        cmocka_unit_test(a_long_text_used_often_is_counted_as_often),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(aliases_cannot_nest_deeper_than_the_limit),
        cmocka_unit_test(many_keys_cost_no_more_than_their_number),
        cmocka_unit_test(too_long_a_scenario_is_not_parsed),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(mutations_of_a_scenario_are_judged_without_a_crash),
        cmocka_unit_test(the_yaml_test_suite_is_judged_without_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
