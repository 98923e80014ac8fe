/* What a right scenario becomes: values, defaults, places, --set, files, and the texts that load again. */
#include <math.h>
#include <unistd.h>

#include "tests/topologies/loading.h"

#define WHOLE PEERLAB_SOURCE_DIR "/tests/topologies/whole.yaml"
#define SETS(...) ((const char *const[]) {__VA_ARGS__, NULL})
#define MINUTE UINT64_C(60000000000)

static struct scenario *load_whole(void)
{
    struct base_diagnostics diagnostics = {0};
    struct scenario *scenario;
    const struct topology_load_options options = {.path = WHOLE};
    if (topology_load(&scenario, &options, &test_vocabulary, &diagnostics) < 0)
        fail_msg("%s", all_diagnostics(&diagnostics));
    assert_int_equal(diagnostics.count, 0);
    return scenario;
}

static void scalars_groups_and_network_are_decoded(void **state)
{
    (void) state;
    struct scenario *scenario = load_whole();
    const struct test_matrix *matrix = scenario->network.latency.parameters;
    assert_string_equal(scenario->name, "kademlia-churn");
    assert_int_equal(scenario->seed, 42);
    assert_int_equal(scenario->duration_ns, 120 * MINUTE);
    assert_int_equal(scenario->warm_up_ns, 30 * MINUTE);
    assert_int_equal(scenario->address_first, 0x7f010101);
    assert_int_equal(scenario->group_count, 2);
    assert_int_equal(scenario->peer_count, 1000);
    assert_int_equal(scenario->groups[1].first, 900);
    assert_int_equal(scenario->groups[1].count, 100);
    assert_string_equal(scenario->groups[1].region, "us-east");
    assert_ptr_equal(scenario->groups[0].overlay.kind, NULL);
    assert_ptr_equal(scenario->groups[1].overlay.kind, &test_epidemic);
    assert_ptr_equal(scenario->network.latency.kind, &test_matrix);
    assert_string_equal(matrix->file->source.text, "0 10\n10 0\n");
    assert_int_equal(matrix->assign, 1);
    assert_true(scenario->network.has_jitter);
    assert_int_equal(scenario->network.jitter.kind, BASE_NORMAL);
    assert_false(scenario->network.jitter.cut);
    assert_true(scenario->network.jitter.a == 0 && scenario->network.jitter.b == 2e6);
    assert_int_equal(scenario->network.loss_ppb, 1000000);
    assert_int_equal(scenario->file_count, 2);
    topology_scenario_free(scenario);
}

static void events_are_decoded_at_either_level(void **state)
{
    (void) state;
    struct scenario *scenario = load_whole();
    const struct topology_workload *news = &scenario->workloads[1];
    assert_string_equal(scenario->workloads[0].name, "lookup-0");
    assert_int_equal(scenario->workloads[0].from.count, 2);
    assert_int_equal(scenario->workloads[0].stop_ns, 120 * MINUTE);
    assert_false(scenario->workloads[0].has_count);
    assert_string_equal(news->name, "news");
    assert_int_equal(((const struct test_publish *) news->action.parameters)->size_bytes, 1024);
    assert_int_equal(news->from.groups[0], 1);
    assert_true(news->has_count && news->count == 5 && news->keys == 3 && news->every.a == 1e10);
    const struct test_session *session = scenario->churns[0].model.parameters;
    assert_int_equal(session->session.kind, BASE_WEIBULL);
    assert_true(session->session.a == 169.5 * 60e9 && session->session.b == 0.615);
    assert_int_equal(scenario->churns[1].start, TOPOLOGY_START_DOWN);
    assert_int_equal(scenario->churns[1].leave, TOPOLOGY_LEAVE_GRACEFUL);
    assert_ptr_equal(scenario->churns[1].model.kind, &test_trace);
    const struct test_partition *partition = scenario->faults[0].action.parameters;
    assert_true(partition->one_way && partition->sets.count == 2 && partition->sets.sets[1].groups[0] == 1);
    assert_int_equal(scenario->faults[0].for_ns, MINUTE);
    const struct test_crash *crash = scenario->faults[1].action.parameters;
    assert_int_equal(crash->fraction_ppb, 300000000);
    assert_int_equal(crash->restart_after_ns, 5 * MINUTE);
    assert_string_equal(scenario->faults[1].name, "crash-0");
    assert_string_equal(scenario->faults[2].name, "crash-1");
    const struct test_slower *slower = scenario->faults[3].action.parameters;
    assert_true(slower->times == 3 && slower->between.count == 2 && slower->between.groups[0] == 0);
    topology_scenario_free(scenario);
}

static void trace_and_expectations_are_decoded(void **state)
{
    (void) state;
    struct scenario *scenario = load_whole();
    assert_int_equal(scenario->record, TOPOLOGY_RECORD_LIFECYCLE | TOPOLOGY_RECORD_MESSAGES | TOPOLOGY_RECORD_LOOKUPS);
    assert_int_equal(scenario->sample_ppb, 125000000);
    assert_false(scenario->index);
    assert_string_equal(scenario->expectations[0].path, "lookups.success_ratio");
    assert_int_equal(scenario->expectations[0].comparison, TOPOLOGY_AT_LEAST);
    assert_true(scenario->expectations[0].value == 0.99);
    assert_string_equal(scenario->expectations[1].text, "lookups.latency_ms_p99 < 2000");
    assert_int_equal(scenario->expectations[1].comparison, TOPOLOGY_LESS);
    topology_scenario_free(scenario);
}

static void what_is_left_out_has_its_documented_default(void **state)
{
    (void) state;
    struct scenario *scenario = load_good(MINIMAL, NULL);
    const struct test_kademlia *kademlia = scenario->overlay.parameters;
    assert_string_equal(scenario->about, "");
    assert_true(scenario->seed == 1 && scenario->warm_up_ns == 0 && scenario->clock == TOPOLOGY_CLOCK_VIRTUAL);
    assert_int_equal(scenario->clock_scale_ppm, 1000000);
    assert_ptr_equal(scenario->transport.kind, &test_memory);
    assert_true(scenario->address_first == 0x7f010101 && scenario->address_stride == 1);
    assert_int_equal(scenario->address_port, 6881);
    assert_true(kademlia->k == 20 && kademlia->alpha == 3 && kademlia->bits == 160 && !kademlia->k_given);
    assert_int_equal(scenario->record, TOPOLOGY_RECORD_LIFECYCLE | TOPOLOGY_RECORD_LOOKUPS |
                                           TOPOLOGY_RECORD_BROADCASTS | TOPOLOGY_RECORD_FAULTS | TOPOLOGY_RECORD_LOG);
    assert_true(scenario->sample_ppb == 1000000000 && scenario->index);
    assert_false(scenario->network.has_jitter || scenario->network.latency_per_message);
    assert_int_equal(scenario->overlay.parameter_places[1].line, 0);
    topology_scenario_free(scenario);
}

static void each_value_keeps_its_place(void **state)
{
    (void) state;
    struct scenario *scenario = load_good(
        "name: x\r\nduration: 1 h\r\npeers:\r\n- {name: 'zürich', count: 9, region: ü}\r\n"
        "network: {latency: {constant: 1 ms}}\r\noverlay:\r\n  protocol: kademlia\r\n  k: 8\r\n", NULL);
    const struct base_place k = scenario->overlay.parameter_places[1];
    assert_true(k.line == 8 && k.column == 6 && strcmp(k.source->name, "folder/scenario.yaml") == 0);
    assert_true(scenario->overlay.place.line == 7 && scenario->overlay.place.column == 13);
    assert_true(scenario->groups[0].region_place.line == 4 && scenario->groups[0].region_place.column == 39);
    assert_true(((const struct test_kademlia *) scenario->overlay.parameters)->k_given);
    topology_scenario_free(scenario);
}

static void none_one_and_two_peers_are_legal(void **state)
{
    (void) state;
    static const char *const counts[] = {"peers=[]", "peers=[{name: a, count: 0}]", "peers=[{name: a, count: 1}]",
                                         "peers=[{name: a, count: 2}, {name: b, count: 0}]"};
    static const uint32_t peers[] = {0, 0, 1, 2};
    for (size_t i = 0; i < 4; i++) {
        struct scenario *scenario = load_good(MINIMAL, SETS(counts[i]));
        assert_int_equal(scenario->peer_count, peers[i]);
        topology_scenario_free(scenario);
    }
}

static void a_group_called_all_is_meant_where_that_is_written(void **state)
{
    (void) state;
    struct scenario *scenario = load_good(
        MINIMAL "workload: [{lookup: {every: 1 s}}]\nfaults: [{at: 1 s, crash: all}]\n", SETS("peers.1.name=all"));
    const struct test_crash *crash = scenario->faults[0].action.parameters;
    assert_true(crash->of.count == 1 && crash->of.groups[0] == 1);
    assert_int_equal(scenario->workloads[0].from.count, 2);
    struct scenario *again = load_good(topology_describe(scenario), NULL);
    assert_int_equal(again->workloads[0].from.count, 2);
    topology_scenario_free(again);
    topology_scenario_free(scenario);
}

static void set_overrides_creates_and_appends(void **state)
{
    (void) state;
    struct scenario *scenario = load_good(MINIMAL "workload: [{lookup: {every: 1 s, name: l}}]\n", SETS(
        "overlay.k=8", "network.latency={uniform: [10 ms, 90 ms]}", "peers.0.count=5", "peers.server.count=7",
        "trace.record=[]", "clock.scaled=10", "workload.l.lookup.keys=4", "peers.2={name: more, count: 3}"));
    const struct test_delay *delay = scenario->network.latency.parameters;
    assert_int_equal(((const struct test_kademlia *) scenario->overlay.parameters)->k, 8);
    assert_true(delay->delay.kind == BASE_UNIFORM && delay->delay.a == 1e7 && delay->delay.b == 9e7);
    assert_int_equal(scenario->peer_count, 15);
    assert_int_equal(scenario->record, 0);
    assert_true(scenario->clock == TOPOLOGY_CLOCK_SCALED && scenario->clock_scale_ppm == 10000000);
    assert_int_equal(scenario->workloads[0].keys, 4);
    assert_string_equal(scenario->overlay.parameter_places[1].source->name, "--set overlay.k=8");
    assert_int_equal(scenario->overlay.parameter_places[1].column, 11);
    topology_scenario_free(scenario);
}

static void set_makes_a_list_where_there_was_none(void **state)
{
    (void) state;
    struct scenario *scenario = load_good(MINIMAL, SETS(
        "expect.0=lookups.success_ratio >= 99 %", "expect.1=lookups.issued > 0", "workload.0.lookup.every=2 s",
        "faults.0.at=40 min", "faults.0.crash.fraction=30 %", "faults.0.crash.of=home"));
    assert_int_equal(scenario->expectation_count, 2);
    assert_string_equal(scenario->expectations[1].path, "lookups.issued");
    assert_int_equal(scenario->workload_count, 1);
    assert_int_equal(scenario->fault_count, 1);
    assert_int_equal(scenario->faults[0].at_ns, UINT64_C(2400000000000));
    topology_scenario_free(scenario);
}

static void set_finds_elements_by_the_names_that_they_get(void **state)
{
    (void) state;
    struct scenario *scenario = load_good(
        MINIMAL "workload: [{lookup: {every: 1 s}}, {publish: {every: 1 s}}, {lookup: {every: 1 s}}]\n"
        "faults: [{at: 1 min, crash: home, name: crash-1}, {at: 1 min, partition: [[home], [server]], for: 1 s},\n"
        "  {at: 1 min, crash: server, name: second}, {at: 1 min, crash: server}]\n"
        "churn: [{peers: home, session: {exponential: 1 h}, downtime: {exponential: 1 h}}]\n",
        SETS("workload.lookup-1.lookup.keys=4", "faults.crash-2.at=2 min", "faults.crash-1.at=3 min",
             "faults.partition-0.at=4 min", "churn.churn-0.leave=graceful"));
    assert_int_equal(scenario->workloads[2].keys, 4);
    assert_int_equal(scenario->faults[3].at_ns, UINT64_C(120000000000));
    assert_int_equal(scenario->faults[0].at_ns, UINT64_C(180000000000)); /* a name of its own comes first */
    assert_int_equal(scenario->faults[1].at_ns, UINT64_C(240000000000));
    assert_int_equal(scenario->churns[0].leave, TOPOLOGY_LEAVE_GRACEFUL);
    topology_scenario_free(scenario);
}

static void set_changes_one_use_of_an_alias_only(void **state)
{
    (void) state;
    struct scenario *scenario = load_good(
        "name: x\nduration: 1 h\npeers:\n- {name: a, count: 1, overlay: &o {protocol: kademlia, k: 4}}\n"
        "- {name: b, count: 1, overlay: *o}\nnetwork: {latency: {constant: 1 ms}}\noverlay: *o\n",
        SETS("peers.b.overlay.k=9"));
    assert_int_equal(((const struct test_kademlia *) scenario->groups[0].overlay.parameters)->k, 4);
    assert_int_equal(((const struct test_kademlia *) scenario->groups[1].overlay.parameters)->k, 9);
    assert_int_equal(((const struct test_kademlia *) scenario->overlay.parameters)->k, 4);
    topology_scenario_free(scenario);
}

static void later_sets_win_and_all_are_checked(void **state)
{
    (void) state;
    struct base_diagnostics diagnostics;
    struct scenario *scenario = load_good(MINIMAL, SETS("overlay.k=0", "overlay.k=7"));
    assert_int_equal(((const struct test_kademlia *) scenario->overlay.parameters)->k, 7);
    topology_scenario_free(scenario);
    assert_int_equal(load_bytes(&scenario, MINIMAL, strlen(MINIMAL), SETS("overlay.k=0", "seed=x", "overlay.alpha=-1"),
                                &diagnostics), -EINVAL);
    assert_int_equal(diagnostics.error_count, 3);
    topology_scenario_free(scenario);
}

static void files_are_found_from_the_scenario_and_from_here(void **state)
{
    (void) state;
    char here[4096], expected[4200];
    assert_non_null(getcwd(here, sizeof here));
    snprintf(expected, sizeof expected, "%s/two.txt", here);
    struct scenario *scenario = load_good(
        MINIMAL "churn: [{peers: home, trace: sub/up.avt, start: up}]\n",
        SETS("network.latency={matrix: two.txt, unit: ms, of: one-way}"));
    assert_int_equal(scenario->file_count, 2);
    assert_string_equal(scenario->files[0]->source.name, expected);
    assert_string_equal(scenario->files[1]->source.name, "folder/sub/up.avt");
    assert_string_equal(scenario->files[1]->name, "sub/up.avt");
    struct scenario *again = load_good(scenario->resolved, NULL);
    assert_string_equal(again->files[0]->source.name, expected);
    topology_scenario_free(again);
    topology_scenario_free(scenario);
}

static void a_file_named_twice_is_read_once(void **state)
{
    (void) state;
    struct scenario *scenario = load_good(
        MINIMAL "churn: [{peers: home, trace: u.avt}, {peers: server, trace: u.avt}]\n", NULL);
    const struct test_trace *first = scenario->churns[0].model.parameters;
    const struct test_trace *second = scenario->churns[1].model.parameters;
    assert_int_equal(scenario->file_count, 1);
    assert_ptr_equal(first->trace, second->trace);
    topology_scenario_free(scenario);
}

static void resolved_and_described_texts_load_to_the_same(void **state)
{
    (void) state;
    size_t length;
    char *text = read_whole_file(WHOLE, &length);
    struct scenario *scenario =
        load_good(text, SETS("name='null'", "about=\"a: 'quoted' # text\\n\"", "overlay.k=5", "clock={scaled: 0.25}",
                             "network.latency={normal: {mean: 30 ms, sd: 1.5 ms}, per: message}"));
    char *described = strdup(topology_describe(scenario));
    const char *const texts[] = {scenario->resolved, described};
    for (int i = 0; i < 2; i++) {
        struct scenario *again = load_good(texts[i], NULL);
        assert_string_equal(again->name, "null");
        assert_string_equal(again->about, "a: 'quoted' # text\n");
        assert_int_equal(again->clock_scale_ppm, 250000);
        assert_string_equal(topology_describe(again), described);
        assert_string_equal(i == 0 ? again->resolved : texts[0], scenario->resolved);
        topology_scenario_free(again);
    }
    free(described);
    free(text);
    topology_scenario_free(scenario);
}

static void what_comes_after_the_end_is_a_warning(void **state)
{
    (void) state;
    static const char text[] = MINIMAL "faults: [{at: 1 h, crash: home}, {at: 59 min, crash: home}]\n"
                                       "workload: [{lookup: {every: 1 s, start: 2 h, stop: 3 h}}]\n";
    struct base_diagnostics diagnostics;
    struct scenario *scenario;
    assert_int_equal(load_bytes(&scenario, text, strlen(text), NULL, &diagnostics), 0);
    assert_int_equal(diagnostics.warning_count, 2);
    assert_int_equal(diagnostics.error_count, 0);
    assert_non_null(strstr(all_diagnostics(&diagnostics),
                           "folder/scenario.yaml:6:15: warning: this fault begins only after the end of the run"));
    topology_scenario_free(scenario);
}

static void a_scenario_that_is_not_there_is_told(void **state)
{
    (void) state;
    struct base_diagnostics diagnostics = {0};
    struct scenario *scenario;
    const struct topology_load_options options = {.path = "no/such.yaml"};
    assert_int_equal(topology_load(&scenario, &options, &test_vocabulary, &diagnostics), -ENOENT);
    assert_string_equal(all_diagnostics(&diagnostics),
                        "no/such.yaml: error: cannot be read: No such file or directory\n");
    topology_scenario_free(scenario);
}

static void cut_is_set_where_the_row_says_so(void **state)
{
    (void) state;
    static const char *const models[] = {"network.latency={normal: {mean: 9 ms, sd: 1 ms}}",
                                         "network.latency={lognormal: {median: 60 ms, sigma: 0.5}}",
                                         "network.latency={pareto: {scale: 9 ms, shape: 1.5}}"};
    for (int i = 0; i < 3; i++) {
        struct scenario *scenario = load_good(MINIMAL, SETS(models[i]));
        const struct test_delay *delay = scenario->network.latency.parameters;
        assert_int_equal(delay->delay.cut, i < 2);
        topology_scenario_free(scenario);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_groups_and_network_are_decoded),
        cmocka_unit_test(events_are_decoded_at_either_level),
        cmocka_unit_test(trace_and_expectations_are_decoded),
        cmocka_unit_test(what_is_left_out_has_its_documented_default),
        cmocka_unit_test(each_value_keeps_its_place),
        cmocka_unit_test(none_one_and_two_peers_are_legal),
        cmocka_unit_test(a_group_called_all_is_meant_where_that_is_written),
        cmocka_unit_test(set_overrides_creates_and_appends),
        cmocka_unit_test(set_makes_a_list_where_there_was_none),
        cmocka_unit_test(set_finds_elements_by_the_names_that_they_get),
        cmocka_unit_test(set_changes_one_use_of_an_alias_only),
        cmocka_unit_test(later_sets_win_and_all_are_checked),
        cmocka_unit_test(files_are_found_from_the_scenario_and_from_here),
        cmocka_unit_test(a_file_named_twice_is_read_once),
        cmocka_unit_test(resolved_and_described_texts_load_to_the_same),
        cmocka_unit_test(what_comes_after_the_end_is_a_warning),
        cmocka_unit_test(a_scenario_that_is_not_there_is_told),
        cmocka_unit_test(cut_is_set_where_the_row_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
