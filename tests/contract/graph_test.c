/* Whole runs over an initial graph: C18's message counts, an epidemic among neighbours, determinism. */
#include "tests/contract/scenario_run.h"

#define WITH(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char flood[] =
    "name: flood\nduration: 110 s\npeers: [{name: peers, count: 25}]\nnetwork: {latency: {constant: 100 ms}}\n"
    "overlay: {protocol: broadcast}\ninitial_graph: grid\nworkload: [{publish: {every: 10 s, stop: 100 s}}]\n";

/* Maelstrom's broadcast (PAPERS.md C18): 2 m - (n - 1) messages each. */
static void a_broadcast_costs_what_maelstrom_counted(void **state)
{
    (void) state;
    static const struct {
        const char *graph;
        double messages, duplicates, hops_max;
    } cases[] = {{"initial_graph=grid", 56, 32, 8}, {"initial_graph=line", 24, 0, 24},
                 {"initial_graph={tree: {arity: 4}}", 24, 0, 5}, {"initial_graph=full", 576, 552, 1},
                 {"initial_graph={torus: {columns: 5}}", 76, 52, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scenario_run run = scenario_run(flood, WITH(cases[i].graph), NULL);
        print_diagnostics(&run.diagnostics);
        assert_int_equal(run.result, 0);
        double published = scenario_figure(&run, "broadcasts.published");
        assert_true(published == 250);
        assert_true(scenario_figure(&run, "messages.sent") == cases[i].messages * published);
        assert_true(scenario_figure(&run, "broadcasts.delivery_ratio") == 1);
        assert_true(scenario_figure(&run, "broadcasts.last_hop_max") == cases[i].hops_max);
        assert_true(scenario_figure(&run, "messages.delivered") == (24 + cases[i].duplicates) * published);
        scenario_run_done(&run);
    }
}

static void the_last_delivery_on_the_grid_is_after_800_ms(void **state)
{
    (void) state;
    char path[64], digest[40];
    trace_path(path);
    scenario_digest(flood, NULL, path, digest);
    assert_string_equal(trace_text(path, "select max(at_ns - published_at_ns) from delivery d join broadcast b "
                                         "on b.id = d.broadcast"), "800000000");
    unlink(path);
}

static void a_flood_needs_a_graph(void **state)
{
    (void) state;
    static const char yaml[] = "name: n\nduration: 1 s\npeers: [{name: a, count: 3}]\n"
                               "network: {latency: {constant: 1 ms}}\noverlay: {protocol: broadcast}\n";
    struct scenario_run run = scenario_run(yaml, NULL, NULL);
    assert_true(run.result < 0);
    assert_int_equal(run.diagnostics.error_count, 1);
    assert_string_equal(run.diagnostics.items[0].message, "overlay broadcast needs an initial_graph");
    assert_int_equal(run.diagnostics.items[0].place.line, 5);
    scenario_run_done(&run);
}

static const char gossip[] =
    "name: gossip\nseed: 3\nduration: 120 s\npeers: [{name: a, count: 30}, {name: b, count: 20}]\n"
    "network: {latency: {constant: 20 ms}}\noverlay: {protocol: epidemic, rounds_max: 1000}\n"
    "workload: [{publish: {every: 1 s, count: 1, stop: 2 s}}]\n";

static void a_rumour_goes_around_a_ring_and_no_faster_than_its_neighbours(void **state)
{
    (void) state;
    struct scenario_run ring = scenario_run(gossip, WITH("initial_graph=ring"), NULL);
    struct scenario_run all = scenario_run(gossip, NULL, NULL);
    print_diagnostics(&ring.diagnostics);
    assert_true(scenario_figure(&ring, "broadcasts.delivery_ratio") == 1);
    assert_true(scenario_figure(&ring, "broadcasts.last_hop_max") >= 25);
    assert_true(scenario_figure(&all, "broadcasts.delivery_ratio") == 1);
    assert_true(scenario_figure(&all, "broadcasts.last_hop_max") < 15);
    assert_true(scenario_figure(&ring, "broadcasts.rounds_mean") > 2 * scenario_figure(&all, "broadcasts.rounds_mean"));
    scenario_run_done(&ring);
    scenario_run_done(&all);
}

static void every_message_of_a_gossip_goes_to_a_neighbour(void **state)
{
    (void) state;
    char path[64], digest[40];
    trace_path(path);
    scenario_digest(gossip, WITH("initial_graph=ring", "trace.record=[lifecycle, messages, neighbours]"), path, digest);
    assert_string_equal(trace_text(path, "select count(*) from neighbour"), "100");
    assert_string_equal(trace_text(path, "select count(*) from message m where not exists "
                                         "(select 1 from neighbour n where n.peer = m.source and n.other = m.target)"), "0");
    assert_string_not_equal(trace_text(path, "select count(*) from message"), "0");
    unlink(path);
}

static void peers_that_are_alone_hear_nothing_and_harm_nothing(void **state)
{
    (void) state;
    static const char *const overlays[] = {"overlay={protocol: epidemic}", "overlay={protocol: broadcast}"};
    for (size_t i = 0; i < 2; i++) {
        struct scenario_run run = scenario_run(gossip, WITH("initial_graph={erdos_renyi: {edges: 0}}", overlays[i]), NULL);
        print_diagnostics(&run.diagnostics);
        assert_int_equal(run.result, 0);
        assert_true(scenario_figure(&run, "messages.sent") == 0);
        scenario_run_done(&run);
    }
}

/* A publisher of every broadcast, a lossy network, comings and goings: the digest is the same on both transports, with
 * whatever is recorded, and another graph of the same kind gives another. */
static void graph_and_flood_are_deterministic(void **state)
{
    (void) state;
    static const char yaml[] =
        "name: d\nseed: 9\nduration: 60 s\npeers: [{name: a, count: 60}, {name: b, count: 20}]\n"
        "network: {latency: {uniform: [10 ms, 90 ms]}, loss: 2 %}\noverlay: {protocol: broadcast}\n"
        "initial_graph: {watts_strogatz: {degree: 6, rewire: 0.2}}\nworkload: [{publish: {every: 10 s}}]\n"
        "churn: [{peers: a, session: {exponential: 20 s}, downtime: {exponential: 10 s}}]\n";
    char digests[4][40], path[64];
    trace_path(path);
    scenario_digest(yaml, NULL, NULL, digests[0]);
    scenario_digest(yaml, WITH("transport=socketpair"), NULL, digests[1]);
    scenario_digest(yaml, WITH("trace.record=[lifecycle, messages, neighbours, broadcasts]"), path, digests[2]);
    scenario_digest(yaml, WITH("initial_graph.watts_strogatz.rewire=0.3"), NULL, digests[3]);
    assert_string_equal(digests[0], digests[1]);
    assert_string_equal(digests[0], digests[2]);
    assert_string_not_equal(digests[0], digests[3]);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broadcast_costs_what_maelstrom_counted),
        cmocka_unit_test(the_last_delivery_on_the_grid_is_after_800_ms),
        cmocka_unit_test(a_flood_needs_a_graph),
        cmocka_unit_test(a_rumour_goes_around_a_ring_and_no_faster_than_its_neighbours),
        cmocka_unit_test(every_message_of_a_gossip_goes_to_a_neighbour),
        cmocka_unit_test(peers_that_are_alone_hear_nothing_and_harm_nothing),
        cmocka_unit_test(graph_and_flood_are_deterministic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
