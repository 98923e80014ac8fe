/* The rows of latencies and faults as the loader reads them: from the contract's YAML to delays and drops. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/network_world.h"
#include "topologies/load.h"

/* A scenario needs an overlay and a transport; here neither does anything. */
static const struct topology_kind nothing = {.name = "nothing", .summary = "does nothing", .source = ""};
static const struct topology_kind memory = {.name = "memory", .summary = "does nothing", .source = ""};
static const struct topology_kind *const overlay_kinds[] = {&nothing}, *const transport_kinds[] = {&memory};
static const struct topology_registry overlays = {"overlays", "overlay", overlay_kinds, 1};
static const struct topology_registry transports = {"transports", "transport", transport_kinds, 1};
static const struct topology_registry workloads = {.name = "workloads", .singular = "workload"};
static const struct topology_registry churns = {.name = "churns", .singular = "churn"};
static const struct topology_vocabulary vocabulary = {
    .overlays = &overlays, .latencies = &sim_latencies, .faults = &sim_faults, .workloads = &workloads,
    .churns = &churns, .transports = &transports,
};

struct loaded {
    struct scenario *scenario;
    struct identity identity;
    uint64_t group_keys[WORLD_GROUPS];
    struct network *network;
    struct base_diagnostics diagnostics;
    char complaint[2048];
};

static const char *yaml_text;

static int read_text(void *context, struct base_arena *arena, const char *name, const char **text, size_t *length)
{
    (void) context;
    (void) arena;
    if (strcmp(name, "test.yaml") == 0)
        *text = yaml_text;
    else if (strstr(name, "rtt.txt"))
        *text = "0 10\n20 0\n";
    else if (strstr(name, "F.csv"))
        *text = "x,eu,us\neu,,80\nus,82,\n";
    else
        return -ENOENT;
    *length = strlen(*text);
    return 0;
}

/* Loads a scenario of groups home (2) and server (2) with this network and these faults, and builds the network. */
static int load(struct loaded *loaded, const char *network, const char *faults)
{
    static const struct topology_reader reader = {.read = read_text};
    struct topology_load_options options = {.path = "test.yaml", .reader = &reader};
    char text[4096];
    memset(loaded, 0, sizeof *loaded);
    snprintf(text, sizeof text,
             "name: test\nduration: 2 h\npeers:\n  - {name: home, count: 2, region: eu}\n"
             "  - {name: server, count: 2, region: us}\noverlay: {protocol: nothing}\nnetwork: %s\nfaults: %s\n",
             network, faults);
    yaml_text = text;
    int result = topology_load(&loaded->scenario, &options, &vocabulary, &loaded->diagnostics);
    if (result == 0) {
        loaded->identity = (struct identity) {
            .scenario = loaded->scenario, .peer_count = loaded->scenario->peer_count,
            .group_count = loaded->scenario->group_count, .group_key = loaded->group_keys,
            .arena = loaded->scenario->arena,
        };
        for (uint32_t g = 0; g < loaded->scenario->group_count; g++)
            loaded->group_keys[g] = base_random_key(loaded->scenario->seed, "peer", loaded->scenario->groups[g].name);
        result = network_create(&loaded->network, &loaded->identity, &loaded->diagnostics);
    }
    if (loaded->diagnostics.count > 0)
        base_diagnostic_format(&loaded->diagnostics.items[0], loaded->complaint, sizeof loaded->complaint);
    return result;
}

static void unload(struct loaded *loaded)
{
    network_free(loaded->network);
    topology_scenario_free(loaded->scenario);
}

static struct network_verdict sent(struct loaded *loaded, uint32_t from, uint32_t to, uint64_t at_s)
{
    struct network_ends ends = {.from = from, .to = to, .from_group = from / 2, .to_group = to / 2};
    return network_send(loaded->network, &ends, at_s * SECOND, 0, 100);
}

/* Home's first to server's first. */
static uint64_t delay_of(const char *network)
{
    struct loaded loaded;
    if (load(&loaded, network, "[]") < 0)
        fail_msg("%s", loaded.complaint);
    uint64_t delay_ns = sent(&loaded, 0, 2, 0).delay_ns;
    unload(&loaded);
    return delay_ns;
}

static void each_latency_of_the_contract_loads(void **state)
{
    (void) state;
    assert_int_equal(delay_of("{latency: {constant: 50 ms}}"), 50 * MS);
    assert_in_range(delay_of("{latency: {uniform: [10 ms, 90 ms]}}"), 10 * MS, 90 * MS);
    assert_in_range(delay_of("{latency: {normal: {mean: 50 ms, sd: 1 ms}}}"), 46 * MS, 60 * MS);
    assert_in_range(delay_of("{latency: {lognormal: {median: 60 ms, sigma: 0.5}, per: message}}"), 12 * MS, 600 * MS);
    assert_in_range(delay_of("{latency: {pareto: {scale: 10 ms, shape: 3}}}"), 10 * MS, SECOND);
    assert_in_range(delay_of("{latency: {constant: 50 ms}, jitter: {normal: 2 ms}}"), 30 * MS, 70 * MS);
    assert_int_equal(delay_of("{latency: {regions: {file: F.csv, unit: ms, of: round-trip, same: 2 ms}}}"), 40 * MS);
    assert_int_equal(delay_of("{latency: {regions: {file: F.csv, of: one-way, same: 2 ms}}}"), 80 * MS);
}

static void a_matrix_takes_its_parameters_beside_it_and_under_it(void **state)
{
    (void) state;
    static const char *const ways[] = {
        "{latency: {matrix: rtt.txt, unit: ms, of: round-trip, assign: in-order}}",
        "{latency: {matrix: {file: rtt.txt, unit: ms, of: round-trip, assign: in-order}}}",
        "{latency: {matrix: rtt.txt, assign: in-order}}",
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct loaded loaded;
        if (load(&loaded, ways[i], "[]") < 0)
            fail_msg("%s", loaded.complaint);
        assert_int_equal(sent(&loaded, 0, 1, 0).delay_ns, 5 * MS);
        assert_int_equal(sent(&loaded, 3, 2, 0).delay_ns, 10 * MS);
        unload(&loaded);
    }
}

static void the_faults_of_the_contract_load_and_act(void **state)
{
    (void) state;
    struct loaded loaded;
    int result = load(&loaded, "{latency: {constant: 50 ms}}",
                      "\n  - {at: 10 s, for: 10 s, partition: [[home], [server]]}"
                      "\n  - {at: 30 s, for: 10 s, partition: [[home], [server]], one_way: true}"
                      "\n  - {at: 50 s, for: 10 s, loss: {add: 100 %, of: home}}"
                      "\n  - {at: 70 s, for: 10 s, latency: {times: 3, between: [home, server]}}"
                      "\n  - {at: 90 s, crash: {fraction: 30 %, of: home}, restart_after: 5 min}");
    if (result < 0)
        fail_msg("%s", loaded.complaint);
    assert_int_equal(sent(&loaded, 2, 0, 15).fate, NETWORK_PARTITION);
    assert_int_equal(sent(&loaded, 0, 2, 35).fate, NETWORK_PARTITION);
    assert_int_equal(sent(&loaded, 2, 0, 35).fate, NETWORK_IN_FLIGHT);
    assert_int_equal(sent(&loaded, 0, 2, 55).fate, NETWORK_LOSS);
    assert_int_equal(sent(&loaded, 2, 3, 55).fate, NETWORK_IN_FLIGHT);
    assert_int_equal(sent(&loaded, 0, 2, 75).delay_ns, 150 * MS);
    assert_int_equal(sent(&loaded, 0, 1, 75).delay_ns, 50 * MS);
    const struct fault_crash *crash = loaded.scenario->faults[4].action.parameters;
    assert_int_equal(crash->fraction_ppb, 300000000);
    assert_int_equal(crash->restart_after_ns, 300 * SECOND);
    assert_false(crash->has_count);
    unload(&loaded);
}

static void check_complaint(const char *network, const char *faults, const char *expected)
{
    struct loaded loaded;
    assert_true(load(&loaded, network, faults) < 0);
    if (!strstr(loaded.complaint, expected))
        fail_msg("\"%s\" lacks \"%s\"", loaded.complaint, expected);
    unload(&loaded);
}

static void mistakes_are_told_at_their_place_in_the_scenario(void **state)
{
    (void) state;
    check_complaint("{latency: {regions: F.csv}}", "[]", "test.yaml:7:21: error: ");
    check_complaint("{latency: {constant: 50 ms}}", "[{at: 1 s, for: 1 s, crash: home}]", "test.yaml:8:25: error: ");
    check_complaint("{latency: {constant: 50 ms}}", "[{at: 1 s, crash: {fraction: 1 %, count: 2}}]",
                    "test.yaml:8:20: error: ");
    check_complaint("{latency: {constant: 50 ms}}", "[{at: 1 s, loss: {add: 1 %, between: [home]}}]",
                    "test.yaml:8:46: error: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_latency_of_the_contract_loads),
        cmocka_unit_test(a_matrix_takes_its_parameters_beside_it_and_under_it),
        cmocka_unit_test(the_faults_of_the_contract_load_and_act),
        cmocka_unit_test(mistakes_are_told_at_their_place_in_the_scenario),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
