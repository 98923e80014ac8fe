/* Scenarios at the edge of what the engine's own tables hold. */
#include "tests/contract/scenario_run.h"

static void two_protocols_in_one_run_keep_their_names_apart(void **state)
{
    (void) state;
    static const char yaml[] =
        "name: mixed\nduration: 1 min\n"
        "peers:\n  - {name: gossip, count: 8, overlay: {protocol: epidemic, period: 1 s}}\n"
        "  - {name: table, count: 8}\n  - {name: other, count: 8, overlay: {protocol: kademlia, k: 3}}\n"
        "network: {latency: {constant: 20 ms}}\noverlay: {protocol: kademlia, k: 4}\n"
        "workload: [{lookup: {every: 5 s}, from: [table, other]}, {publish: {every: 20 s}, from: gossip}]\n"
        "trace: {record: [messages, neighbours, samples]}\n";
    char path[64];
    trace_path(path);
    struct scenario_run run = scenario_run(yaml, NULL, path);
    print_diagnostics(&run.diagnostics);
    assert_int_equal(run.result, 0);
    assert_int_equal(trace_number(path, "SELECT count(*) - count(DISTINCT name) FROM message_kind"), 0);
    assert_string_equal(trace_text(path, "SELECT group_concat(DISTINCT table_name) FROM neighbour"), "bucket");
    assert_int_equal(trace_number(path, "SELECT count(*) FROM message_named WHERE kind IS NULL OR kind IN ('find_node',"
                                        "'nodes','ping','pong') = (source LIKE 'gossip.%')"), 0);
    assert_int_equal(trace_number(path, "SELECT count(*) FROM sample JOIN peer USING (peer) WHERE metric = "
                                        "'stale_contacts_met' AND group_name = 'gossip'"), 0);
    unlink(path);
    scenario_run_done(&run);
}

static void more_overlays_than_an_octet_names_are_refused(void **state)
{
    (void) state;
    char *yaml = NULL;
    size_t bytes;
    FILE *out = open_memstream(&yaml, &bytes);
    fputs("name: many\nduration: 1 s\nnetwork: {latency: {constant: 20 ms}}\noverlay: {protocol: kademlia}\npeers:\n", out);
    for (int i = 1; i <= 257; i++)
        fprintf(out, "  - {name: g%d, count: 1, overlay: {protocol: kademlia, k: %d, alpha: %d}}\n", i, i % 100 + 1,
                i / 100 + 1);
    fclose(out);
    struct scenario_run run = scenario_run(yaml, NULL, NULL);
    assert_int_equal(run.result, -22);
    assert_string_equal(run.diagnostics.items[0].message, "more than 256 different overlays");
    assert_int_equal(run.diagnostics.items[0].place.line, 262);
    free(yaml);
}

static void an_expectation_of_no_figure_is_told_before_the_run(void **state)
{
    (void) state;
    static const char yaml[] =
        "name: hopes\nduration: 1 s\npeers: [{name: a, count: 2}]\nnetwork: {latency: {constant: 20 ms}}\n"
        "overlay: {protocol: kademlia}\nexpect:\n  - lookups.succes_ratio > 0\n  - status == 1\n"
        "  - metrics.of_another_overlay.mean > 0\n  - broadcasts.published > 0\n";
    struct scenario_run run = scenario_run(yaml, NULL, NULL);
    assert_int_equal(run.result, -22);
    assert_int_equal(run.diagnostics.count, 2);
    static const char first[] = "test.yaml:7:5: error: no figure \"lookups.succes_ratio\"\n"
                                "    7 |   - lookups.succes_ratio > 0\n      |     ^\n"
                                "      = did you mean \"lookups.success_ratio\"?\n";
    assert_memory_equal(run.told, first, strlen(first));
    assert_string_equal(run.diagnostics.items[1].message, "\"status\" is text, not a number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_protocols_in_one_run_keep_their_names_apart),
        cmocka_unit_test(an_expectation_of_no_figure_is_told_before_the_run),
        cmocka_unit_test(more_overlays_than_an_octet_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
