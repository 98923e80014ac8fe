/* The same cases on every overlay of the registry and every transport that runs in virtual time. */
#include "tests/contract/scenario_run.h"

#include "sim/network.h"
#include "sim/overlay.h"
#include "sim/transport.h"

struct cell {
    const struct topology_kind *overlay, *transport;
};

static struct cell cells[64];
static size_t cell_count;

static void fill_cells(void)
{
    for (uint32_t o = 0; o < sim_overlays.kind_count; o++) {
        for (uint32_t t = 0; t < sim_transports.kind_count; t++) {
            const struct transport_ops *ops = sim_transports.kinds[t]->ops;
            if (!ops->real_time_only)
                cells[cell_count++] = (struct cell){sim_overlays.kinds[o], sim_transports.kinds[t]};
        }
    }
}

static const char *workload_of(const struct cell *cell)
{
    return scenario_workload(cell->overlay->ops, "{lookup: {every: 5 s}}", "{publish: {every: 20 s, count: 6}}");
}

/* count peers, more: further top-level keys, a line each. The text is the caller's to free. */
static char *yaml_of(const struct cell *cell, unsigned count, const char *more)
{
    char *text = NULL;
    int length = asprintf(&text,
                          "name: contract\nduration: 2 min\nseed: 3\npeers: [{name: a, count: %u}, {name: b, count: %u}]\n"
                          "network: {latency: {uniform: [10 ms, 90 ms]}}\noverlay: {protocol: %s}\ntransport: %s\n"
                          "workload: [%s]\n%s%s",
                          count - count / 3, count / 3, cell->overlay->name, cell->transport->name, workload_of(cell),
                          ((const struct overlay_ops *) cell->overlay->ops)->needs_graph ? "initial_graph: ring\n" : "",
                          more);
    assert_true(length > 0);
    return text;
}

/* What holds of any run: nothing is lost from the books, nothing violates an overlay's invariants. */
static void assert_sound(const struct cell *cell, const struct scenario_run *run)
{
    print_diagnostics(&run->diagnostics);
    if (run->result != 0)
        fail_msg("%s over %s failed", cell->overlay->name, cell->transport->name);
    assert_true(scenario_figure(run, "messages.sent") ==
                scenario_figure(run, "messages.delivered") + scenario_figure(run, "messages.dropped") +
                    scenario_figure(run, "messages.in_flight"));
    assert_true(scenario_figure(run, "violations") == 0);
    assert_true(scenario_figure(run, "drops.malformed") == 0);
}

static void on_each(unsigned count, const char *more, void (*also)(const struct scenario_run *run))
{
    for (size_t i = 0; i < cell_count; i++) {
        char *yaml = yaml_of(&cells[i], count, more);
        struct scenario_run run = scenario_run(yaml, NULL, NULL);
        assert_sound(&cells[i], &run);
        if (also)
            also(&run);
        scenario_run_done(&run);
        free(yaml);
    }
}

static void nobody_says_nothing(const struct scenario_run *run)
{
    assert_true(scenario_figure(run, "messages.sent") == 0);
    assert_true(scenario_figure(run, "events") == 0);
}

static void no_peer_one_peer_two_peers(void **state)
{
    (void) state;
    on_each(0, "", nobody_says_nothing);
    on_each(1, "", NULL);
    on_each(2, "", NULL);
}

static void all_goes_well(const struct scenario_run *run)
{
    const struct figure *success = summary_find(&run->summary, "lookups.success_ratio");
    const struct figure *delivery = summary_find(&run->summary, "broadcasts.delivery_ratio");
    const struct figure *ratio_of = success->type == FIGURE_REAL ? success : delivery;
    double ratio = ratio_of->real;
    if (ratio_of->type == FIGURE_REAL && ratio < 0.99)
        fail_msg("only %.4f", ratio);
}

static void without_trouble_everything_succeeds(void **state)
{
    (void) state;
    on_each(60, "", all_goes_well);
}

static void peers_join_leave_and_crash_anywhere(void **state)
{
    (void) state;
    on_each(60, "churn: [{peers: a, session: {exponential: 20 s}, downtime: {exponential: 10 s}, leave: graceful},"
                "{peers: b, session: {uniform: [1 ms, 5 s]}, downtime: {uniform: [1 ms, 5 s]}, leave: crash, start: down}]\n",
            NULL);
}

static void everybody_dies(void **state)
{
    (void) state;
    on_each(30, "faults: [{at: 30 s, crash: {of: [a, b]}}]\n", NULL);
    on_each(30, "faults: [{at: 30 s, crash: {of: [a, b]}, restart_after: 20 s}]\n", NULL);
}

static void almost_every_message_is_lost(void **state)
{
    (void) state;
    on_each(30, "faults: [{at: 20 s, for: 30 s, loss: {add: 97 %}}]\n", NULL);
}

/* One whose messages alone beget messages passes 10^9 of them a second where the latency is the least, a nanosecond. */
static bool rests(const struct cell *cell)
{
    const struct overlay_ops *ops = cell->overlay->ops;
    return ops->timer || ops->publish;
}

static void latency_is_next_to_nothing_or_reorders_everything(void **state)
{
    (void) state;
    for (size_t i = 0; i < cell_count; i++) {
        static const char *const latencies[] = {"network.latency={constant: 0 ns}",
                                                "network.latency={uniform: [1 us, 4 s], per: message}"};
        for (size_t l = 0; l < 2; l++) {
            char *yaml = yaml_of(&cells[i], 30, "");
            const char *duration = rests(&cells[i]) ? "duration=2 min" : "duration=20 us";
            struct scenario_run run = scenario_run(yaml, (const char *const[]){latencies[l], duration, NULL}, NULL);
            assert_sound(&cells[i], &run);
            scenario_run_done(&run);
            free(yaml);
        }
    }
}

static void two_overlays_share_a_network(void **state)
{
    (void) state;
    static const char yaml[] =
        "name: two\nduration: 1 min\npeers:\n  - {name: dht, count: 40, overlay: {protocol: kademlia, k: 4}}\n"
        "  - {name: gossip, count: 40, overlay: {protocol: epidemic}}\n"
        "network: {latency: {constant: 30 ms}}\noverlay: {protocol: kademlia}\n"
        "workload:\n  - {lookup: {every: 5 s, from: dht}}\n  - {publish: {every: 10 s, from: gossip, count: 3}}\n";
    struct scenario_run run = scenario_run(yaml, NULL, NULL);
    print_diagnostics(&run.diagnostics);
    assert_int_equal(run.result, 0);
    assert_true(scenario_figure(&run, "lookups.correct_ratio") == 1);
    assert_true(scenario_figure(&run, "broadcasts.delivery_ratio") == 1);
    scenario_run_done(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_peer_one_peer_two_peers),
        cmocka_unit_test(without_trouble_everything_succeeds),
        cmocka_unit_test(peers_join_leave_and_crash_anywhere),
        cmocka_unit_test(everybody_dies),
        cmocka_unit_test(almost_every_message_is_lost),
        cmocka_unit_test(latency_is_next_to_nothing_or_reorders_everything),
        cmocka_unit_test(two_overlays_share_a_network),
    };
    fill_cells();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
