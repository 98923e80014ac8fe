/* However many threads a run is divided among: the same digest, figures, trace and capture, row by row. */
#include "tests/contract/threads_outcome.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "reactor/base/random.h"
#include "sim/overlay.h"

#define CITIES PEERLAB_SOURCE_DIR "/../shared/data/wondernetwork-222/avg-rtt-ms.matrix"
#define WITH(...) ((const char *const[]){__VA_ARGS__, NULL})

#define ALL_ROWS                                                                                              \
    "trace: {record: [lifecycle, messages, timers, lookups, broadcasts, neighbours, faults, log, samples], index: false}\n"
#define CHURN                                                                                                 \
    "churn: [{peers: a, session: {exponential: 12 s}, downtime: {exponential: 6 s}, leave: graceful},"        \
    "{peers: b, session: {uniform: [1 ms, 9 s]}, downtime: {uniform: [1 ms, 5 s]}, leave: crash, start: down}]\n"
#define FAULTS                                                                                                \
    "faults: [{at: 5 s, crash: {fraction: 40 %, of: a}, restart_after: 3 s}, {at: 8 s, crash: {of: b}},"       \
    "{at: 6 s, for: 4 s, partition: [[a], [b]]}, {at: 9 s, for: 5 s, loss: {add: 20 %, of: a}},"               \
    "{at: 11 s, for: 5 s, latency: {times: 0.5, of: a}}, {at: 13 s, for: 4 s, latency: {times: 3, between: [a, b]}}]\n"

/* Four blocks of peers, so that three loops have some each. latency: of `network`, in braces. more: further keys. */
static char *yaml_of(const char *overlay, const char *latency, const char *more)
{
    const struct topology_kind *kind = topology_kind_find(&sim_overlays, overlay);
    const struct overlay_ops *ops = kind->ops;
    char *text = NULL;
    assert_true(asprintf(&text,
                         "name: threads\nduration: 20 s\nseed: 11\npeers: [{name: a, count: 130}, {name: b, count: 90}]\n"
                         "network: %s\noverlay: {protocol: %s}\nworkload: [%s]\n%s%s",
                         latency, overlay,
                         scenario_workload(ops, "{lookup: {every: 5 s}}", "{publish: {every: 20 s, count: 60}}"),
                         ops->needs_graph ? "initial_graph: {watts_strogatz: {degree: 6, rewire: 0.1}}\n" : "", more) > 0);
    return text;
}

/* Runs it with one thread and with two and three. Returns how many messages were recorded. */
static long on_threads(const char *yaml, const char *const *sets, const struct topology_vocabulary *vocabulary,
                       const char *what)
{
    long messages = 0;
    struct outcome one = outcome_of(1, yaml, sets, vocabulary);
    for (uint32_t threads = 2; threads <= 3; threads++) {
        struct outcome other = outcome_of(threads, yaml, sets, vocabulary);
        assert_int_equal((uint32_t) scenario_figure(&other.run, "threads"), threads);
        messages = assert_same_outcome(&one, &other, what);
        outcome_drop(&other);
    }
    outcome_drop(&one);
    return messages;
}

static void on_each_overlay(const char *latency, const char *more, const char *const *sets)
{
    for (uint32_t o = 0; o < sim_overlays.kind_count; o++) {
        char *yaml = yaml_of(sim_overlays.kinds[o]->name, latency, more);
        long recorded = on_threads(yaml, sets, &sim_vocabulary, sim_overlays.kinds[o]->name);
        if (recorded < 200)
            fail_msg("%s: only %ld messages", sim_overlays.kinds[o]->name, recorded);
        free(yaml);
    }
}

static void every_overlay_in_calm(void **state)
{
    (void) state;
    on_each_overlay("{latency: {constant: 50 ms}}", ALL_ROWS, NULL);
}

/* Without a trace peers join in another order than theirs; with one group, too, less is asked at each event. */
static void unrecorded(const char *overlay, const char *const *sets)
{
    char *yaml = yaml_of(overlay, "{latency: {constant: 50 ms}}", "");
    struct outcome one = outcome_untraced(1, yaml, sets, &sim_vocabulary);
    for (uint32_t threads = 2; threads <= 3; threads++) {
        struct outcome other = outcome_untraced(threads, yaml, sets, &sim_vocabulary);
        assert_int_equal((uint32_t) scenario_figure(&other.run, "threads"), threads);
        assert_same_numbers(&one, &other, overlay);
        scenario_run_done(&other.run);
    }
    scenario_run_done(&one.run);
    free(yaml);
}

static void every_overlay_unrecorded(void **state)
{
    (void) state;
    for (uint32_t o = 0; o < sim_overlays.kind_count; o++)
        unrecorded(sim_overlays.kinds[o]->name, WITH("peers=[{name: a, count: 220}]"));
}

/* More than join at once: in the order of the ids, in their own, and with messages that cross from one loop to another. */
static void a_start_of_many_peers(void **state)
{
    (void) state;
    static const char many[] = "peers=[{name: a, count: 50000}, {name: b, count: 20000}]";
    unrecorded("chord", WITH(many, "duration=20 ms", "overlay.bits=24", "overlay.successors=1"));
    unrecorded("averaging", WITH(many, "duration=20 ms"));
    unrecorded("kademlia", WITH(many, "duration=60 ms", "overlay.start=join"));
}

static void every_overlay_with_churn_faults_loss_and_jitter(void **state)
{
    (void) state;
    on_each_overlay("{latency: {uniform: [10 ms, 90 ms], per: message}, jitter: {normal: 2 ms}, loss: 1 %}",
                    CHURN FAULTS ALL_ROWS "warm_up: 4 s\n", NULL);
}

/* The bit travels with what crosses from one loop to another. */
static void every_overlay_with_a_sample_of_trees(void **state)
{
    (void) state;
    on_each_overlay("{latency: {uniform: [10 ms, 90 ms]}}",
                    CHURN "trace: {record: [lifecycle, messages, timers], sample: 60 %, index: false}\n", NULL);
}

static void on_latency(const char *overlay, const char *latency, const char *peers)
{
    char *yaml = yaml_of(overlay, latency, CHURN FAULTS ALL_ROWS);
    on_threads(yaml, WITH(peers, "duration=15 s"), &sim_vocabulary, latency);
    free(yaml);
}

static void every_latency_model(void **state)
{
    (void) state;
    static const char *const latencies[] = {
        "{latency: {constant: 50 us}}",
        "{latency: {uniform: [20 us, 1 s]}}",
        "{latency: {normal: {mean: 60 ms, sd: 10 ms}}, jitter: {normal: 5 ms}}",
        "{latency: {lognormal: {median: 60 ms, sigma: 0.5}}, loss: 3 %}",
        "{latency: {lognormal: {median: 60 ms, sigma: 0.5}, per: message}, jitter: {normal: 20 ms}}",
        "{latency: {pareto: {shape: 1.5, scale: 20 ms}, per: message}}",
        "{latency: {regions: {file: " PEERLAB_SOURCE_DIR "/topologies/world-regions.csv, unit: ms, of: one-way}}}",
    };
    for (size_t l = 0; l < sizeof latencies / sizeof *latencies; l++) {
        static const char peers[] = "peers=[{name: a, count: 130, region: europe}, {name: b, count: 90, region: japan}]";
        on_latency("kademlia", latencies[l], peers);
        on_latency("epidemic", latencies[l], peers);
    }
}

/* Nobody shares a row: between two peers on one nothing takes time, and one loop would run. */
static void a_measured_matrix(void **state)
{
    (void) state;
    if (access(CITIES, R_OK) != 0) {
        print_message("skipped: %s is not here\n", CITIES);
        skip();
    }
    on_latency("kademlia",
               "{latency: {matrix: " CITIES ", unit: ms, of: round-trip, assign: in-order}, jitter: {normal: 1 ms}}",
               "peers=[{name: a, count: 222}, {name: b, count: 0}]");
}

static void groups_with_overlays_and_parameters_of_their_own(void **state)
{
    (void) state;
    static const char yaml[] =
        "name: several\nduration: 30 s\nseed: 5\npeers:\n"
        "  - {name: a, count: 100, overlay: {protocol: kademlia, k: 4}}\n"
        "  - {name: c, count: 70, overlay: {protocol: chord, bits: 32}}\n"
        "  - {name: b, count: 90, overlay: {protocol: epidemic, mode: push}}\n"
        "  - {name: d, count: 60, overlay: {protocol: kademlia, k: 8, start: join}}\n"
        "network: {latency: {uniform: [5 ms, 70 ms]}}\noverlay: {protocol: averaging}\n"
        "workload:\n  - {lookup: {every: 3 s, from: [a, c, d]}}\n  - {publish: {every: 10 s, from: b, count: 40}}\n"
        CHURN ALL_ROWS
        "expect: [lookups.success_ratio > 0.5, lookups.hops_mean < 0.001, broadcasts.delivery_ratio > 2]\n";
    assert_true(on_threads(yaml, NULL, &sim_vocabulary, "several overlays") > 10000);
}

/* Peers come and go by the thousand in an instant: slices of the plan end within windows. */
static void a_population_in_a_frenzy(void **state)
{
    (void) state;
    char *yaml = yaml_of("kademlia", "{latency: {constant: 30 ms}}",
                         "churn: [{peers: a, session: {uniform: [1 ns, 300 us]}, downtime: {uniform: [1 ns, 300 us]}},"
                         "{peers: b, session: {constant: 1 ms}, downtime: {constant: 1 ms}}]\n"
                         "trace: {record: [lifecycle, messages, timers, lookups], index: false}\n");
    on_threads(yaml, WITH("duration=200 ms", "overlay.start=join"), &sim_vocabulary, "frenzy");
    free(yaml);
}

/* --- an overlay that does what no sane one does --- */

enum { TORMENT_MESSAGE, TORMENT_HUGE };
enum { TORMENT_TICK, TORMENT_AT_ONCE };

struct torment_state {
    uint64_t heard;
    peer_timer timer;
    uint32_t depth;
};

static size_t torment_bytes(const void *parameters)
{
    (void) parameters;
    return sizeof(struct torment_state);
}

static void torment_join(struct peer *peer, const struct peer_start *start)
{
    (void) start;
    struct torment_state *state = peer_state(peer);
    state->timer = peer_arm(peer, TORMENT_TICK, 1000000000, 0); /* of all peers at the same instant */
    peer_after(peer, TORMENT_AT_ONCE, 0, 3);
}

static void torment_fan_out(struct peer *peer, size_t length)
{
    static const uint8_t bytes[65507] = {1, 2, 3};
    peer_address to[12];
    for (size_t i = 0; i < 11; i++)
        to[i] = peer_any(peer);
    to[11] = peer_self(peer);
    peer_send_many(peer, to, 12, length > 100 ? TORMENT_HUGE : TORMENT_MESSAGE, bytes, length);
}

static bool torment_message(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    struct torment_state *state = peer_state(peer);
    state->heard = base_random_mix(state->heard ^ from ^ length) + (length ? bytes[length - 1] : 0);
    peer_log(peer, PEER_LOG_NOTE, "heard %zu octets from %u", length, from);
    if (from != peer_self(peer) && length < 100 && state->heard % 4 == 0)
        peer_send(peer, peer_self(peer), TORMENT_MESSAGE, bytes, length ? length - 1 : 0); /* at this instant */
    peer_rearm(peer, state->timer, 1000000000 - peer_now_ns(peer) % 1000000000);
    return true;
}

static void torment_timer(struct peer *peer, uint8_t kind, uint32_t data)
{
    static const size_t lengths[] = {0, 1, 24, 25, 48, 64, 1400, 65507};
    struct torment_state *state = peer_state(peer);
    if (kind == TORMENT_AT_ONCE) {
        if (data > 0) {
            peer_after(peer, TORMENT_AT_ONCE, 0, data - 1);
            peer_disarm(peer, peer_arm(peer, TORMENT_AT_ONCE, 0, 100));
        }
        return;
    }
    state->depth++;
    if (peer_self(peer) % 97 == state->depth % 97 || peer_self(peer) % 5 == 0)
        torment_fan_out(peer, lengths[peer_random_below(peer, peer_self(peer) % 97 == state->depth % 97 ? 8 : 6)]);
    state->timer = peer_arm(peer, TORMENT_TICK, 1000000000 - peer_now_ns(peer) % 1000000000, 0);
    peer_after(peer, TORMENT_AT_ONCE, 0, 2);
}

static uint8_t torment_kind_of(const uint8_t *bytes, size_t length)
{
    (void) bytes;
    return length > 100 ? TORMENT_HUGE : TORMENT_MESSAGE;
}

static const struct topology_vocabulary *torment_vocabulary(void)
{
    static const char *const messages[] = {"message", "huge"};
    static const struct overlay_timer_kind timers[] = {{"tick", true}, {"at once", false}};
    static const struct overlay_ops ops = {
        .abi = OVERLAY_ABI, .struct_bytes = sizeof ops, .message_kinds = messages, .message_kind_count = 2,
        .timer_kinds = timers, .timer_kind_count = 2, .state_bytes = torment_bytes, .join = torment_join,
        .message = torment_message, .timer = torment_timer, .kind_of = torment_kind_of};
    static const struct topology_kind kind = {.name = "torment", .summary = "", .source = "", .ops = &ops};
    static const struct topology_kind *const kinds[] = {&kind};
    static struct topology_registry overlays;
    static struct topology_vocabulary vocabulary;
    overlays = sim_overlays;
    overlays.kinds = kinds;
    overlays.kind_count = 1;
    vocabulary = sim_vocabulary;
    vocabulary.overlays = &overlays;
    return &vocabulary;
}

static void huge_messages_and_storms_at_one_instant(void **state)
{
    (void) state;
    static const char *const latencies[] = {"{constant: 10 us}", "{constant: 1 s}", "{constant: 700 ms}",
                                            "{uniform: [10 us, 3 s], per: message}"};
    for (size_t l = 0; l < sizeof latencies / sizeof *latencies; l++) {
        char yaml[1024];
        snprintf(yaml, sizeof yaml, "name: torment\nduration: 6 s\npeers: [{name: a, count: 140}, {name: b, count: 60}]\n"
                 "network: {latency: %s}\noverlay: {protocol: torment}\n%s%s", latencies[l], l == 3 ? CHURN : "", ALL_ROWS);
        assert_true(on_threads(yaml, NULL, torment_vocabulary(), latencies[l]) > 1000);
    }
}

/* --- hostile bytes --- */

#define KINDS_MAX 8

static const struct overlay_ops *honest[KINDS_MAX];

/* What is forged depends on the event alone: it must be the same whichever thread comes here first. */
static bool tamper(const struct overlay_ops *ops, struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)
{
    uint8_t copy[2048];
    bool good = ops->message(peer, from, bytes, length);
    uint64_t key = base_random_mix(peer_now_ns(peer) ^ (uint64_t) from << 32 ^ peer_self(peer));
    if (key % 32 || length > sizeof copy)
        return good;
    ops->message(peer, from, bytes, length);
    size_t cut = length ? base_random_below(base_random_at(key, 0), length) : 0;
    memcpy(copy, bytes, cut);
    ops->message(peer, from, copy, cut);
    memcpy(copy, bytes, length);
    for (uint32_t i = 1; i < 4 && length; i++)
        copy[base_random_below(base_random_at(key, i), length)] ^= (uint8_t) (1u << i * 2);
    ops->message(peer, from, copy, length);
    return good;
}

#define TAMPERED(n)                                                                                          \
    static bool tampered_##n(struct peer *peer, peer_address from, const uint8_t *bytes, size_t length)      \
    {                                                                                                        \
        return tamper(honest[n], peer, from, bytes, length);                                                 \
    }
TAMPERED(0) TAMPERED(1) TAMPERED(2) TAMPERED(3) TAMPERED(4) TAMPERED(5) TAMPERED(6) TAMPERED(7)
static bool (*const messages[])(struct peer *, peer_address, const uint8_t *, size_t) = {
    tampered_0, tampered_1, tampered_2, tampered_3, tampered_4, tampered_5, tampered_6, tampered_7};

static const struct topology_vocabulary *hostile_vocabulary(void)
{
    static struct overlay_ops tampered[KINDS_MAX];
    static struct topology_kind kinds[KINDS_MAX];
    static const struct topology_kind *kind_list[KINDS_MAX];
    static struct topology_registry overlays;
    static struct topology_vocabulary vocabulary;
    assert_true(sim_overlays.kind_count <= KINDS_MAX);
    for (uint32_t i = 0; i < sim_overlays.kind_count; i++) {
        honest[i] = sim_overlays.kinds[i]->ops;
        tampered[i] = *honest[i];
        tampered[i].message = messages[i];
        kinds[i] = *sim_overlays.kinds[i];
        kinds[i].ops = &tampered[i];
        kind_list[i] = &kinds[i];
    }
    overlays = sim_overlays;
    overlays.kinds = kind_list;
    vocabulary = sim_vocabulary;
    vocabulary.overlays = &overlays;
    return &vocabulary;
}

static void hostile_bytes(void **state)
{
    (void) state;
    for (uint32_t o = 0; o < sim_overlays.kind_count; o++) {
        char *yaml = yaml_of(sim_overlays.kinds[o]->name, "{latency: {uniform: [10 ms, 90 ms], per: message}}", CHURN ALL_ROWS);
        on_threads(yaml, NULL, hostile_vocabulary(), sim_overlays.kinds[o]->name);
        free(yaml);
    }
}

/* --- where it is one loop after all --- */

static void one_loop_runs_where_there_is_nothing_to_divide(void **state)
{
    (void) state;
    static const struct {
        const char *set;
        uint32_t asked, got;
    } cases[] = {
        {"network={latency: {constant: 10 us}}", 2, 2},
        {"network={latency: {constant: 9999 ns}}", 2, 1},
        {"network={latency: {constant: 0 ns}}", 2, 1},
        {"network={latency: {uniform: [0 ns, 90 ms]}}", 2, 1},
        {"network={latency: {constant: 20 us}, jitter: {normal: 15 us}}", 2, 2}, /* never below a half */
        {"network={latency: {constant: 18 us}, jitter: {normal: 15 us}}", 2, 1},
        {"faults=[{at: 1 us, for: 1 us, latency: {times: 0.001, of: a}}]", 2, 2},
        {"faults=[{at: 1 us, for: 1 us, latency: {times: 0.001, of: a}}, {at: 1 us, latency: {times: 0.4}}]", 2, 1},
        {"faults=[{at: 1 us, for: 1 us, latency: {times: 0.001, of: a}}, {at: 2 us, latency: {times: 0.4}}]", 2, 2},
        {"transport=socketpair", 2, 1},
        {"clock={scaled: 0.001}", 2, 1},
        {"peers=[{name: a, count: 60}, {name: b, count: 4}]", 2, 1},
        {"peers=[{name: a, count: 60}, {name: b, count: 5}]", 256, 2},
        {"peers=[{name: a, count: 1}, {name: b, count: 0}]", 3, 1},
        {"peers=[{name: a, count: 0}, {name: b, count: 0}]", 3, 1},
    };
    char *yaml = yaml_of("phold", "{latency: {constant: 20 ms}}", "trace: {record: []}\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scenario_run runs[2];
        for (uint32_t several = 0; several < 2; several++)
            runs[several] = scenario_run_with(yaml, WITH("duration=9 us", cases[i].set), &sim_vocabulary,
                                              (struct engine_options){.threads = several ? cases[i].asked : 1}, NULL, NULL);
        if (runs[1].result)
            fail_msg("%s: %s", cases[i].set, runs[1].told);
        if ((uint32_t) scenario_figure(&runs[1], "threads") != cases[i].got)
            fail_msg("%s: %.0f loops, not %u", cases[i].set, scenario_figure(&runs[1], "threads"), cases[i].got);
        assert_string_equal(runs[0].digest, runs[1].digest);
        scenario_run_done(&runs[0]);
        scenario_run_done(&runs[1]);
    }
    free(yaml);
}

/* --- ends before the end --- */

static volatile sig_atomic_t wish;

static void wish_to_stop(void *context, const struct engine_progress *progress)
{
    (void) context;
    if (strcmp(progress->what, "running") == 0 && progress->events > 1000)
        wish = 1;
}

static void an_interrupted_run_leaves_a_whole_trace(void **state)
{
    (void) state;
    char path[64], *yaml = yaml_of("phold", "{latency: {uniform: [1 ms, 9 ms]}}", CHURN ALL_ROWS);
    for (uint32_t threads = 1; threads <= 2; threads++) {
        wish = 0;
        trace_path(path);
        struct scenario_run run = scenario_run_with(
            yaml, WITH("duration=365 d"), &sim_vocabulary,
            (struct engine_options){.threads = threads, .divides_always = true, .trace_path = path, .stop = &wish,
                                    .progress = wish_to_stop}, NULL, NULL);
        assert_int_equal(run.result, 1);
        assert_true(scenario_figure(&run, "threads") == threads);
        assert_true(scenario_figure(&run, "messages.sent") ==
                    scenario_figure(&run, "messages.delivered") + scenario_figure(&run, "messages.dropped") +
                        scenario_figure(&run, "messages.in_flight"));
        assert_string_equal(trace_text(path, "SELECT value FROM run WHERE key = 'status'"), "interrupted");
        assert_string_equal(trace_text(path, "PRAGMA integrity_check"), "ok");
        assert_int_equal(trace_number(path, "SELECT count(*) FROM message"), (long) scenario_figure(&run, "messages.sent"));
        assert_int_equal(trace_number(path, "SELECT count(*) FROM event WHERE at_ns > (SELECT 1e9 * value FROM run "
                                            "WHERE key = 'virtual_s') + 1"), 0);
        scenario_run_done(&run);
        unlink(path);
    }
    free(yaml);
}

/* As a full disk; but this needs no file system of its own. */
static void a_trace_that_cannot_be_written_ends_the_run(void **state)
{
    (void) state;
    char path[64], *yaml = yaml_of("phold", "{latency: {uniform: [1 ms, 9 ms]}}", ALL_ROWS);
    struct rlimit limit, before;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = before;
    limit.rlim_cur = 4 << 20;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    for (uint32_t threads = 1; threads <= 2; threads++) {
        trace_path(path);
        setrlimit(RLIMIT_FSIZE, &limit);
        struct scenario_run run = scenario_run_with(yaml, WITH("duration=365 d"), &sim_vocabulary,
                                                    (struct engine_options){.threads = threads, .trace_path = path}, NULL,
                                                    NULL);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_true(run.result < 0);
        assert_true(scenario_figure(&run, "threads") == threads);
        assert_non_null(strstr(run.told, "the trace cannot be written"));
        assert_true(scenario_figure(&run, "messages.sent") ==
                    scenario_figure(&run, "messages.delivered") + scenario_figure(&run, "messages.dropped") +
                        scenario_figure(&run, "messages.in_flight"));
        scenario_run_done(&run);
        unlink(path);
    }
    signal(SIGXFSZ, handler);
    free(yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_overlay_in_calm),
        cmocka_unit_test(every_overlay_unrecorded),
        cmocka_unit_test(a_start_of_many_peers),
        cmocka_unit_test(every_overlay_with_churn_faults_loss_and_jitter),
        cmocka_unit_test(every_overlay_with_a_sample_of_trees),
        cmocka_unit_test(every_latency_model),
        cmocka_unit_test(a_measured_matrix),
        cmocka_unit_test(groups_with_overlays_and_parameters_of_their_own),
        cmocka_unit_test(a_population_in_a_frenzy),
        cmocka_unit_test(huge_messages_and_storms_at_one_instant),
        cmocka_unit_test(hostile_bytes),
        cmocka_unit_test(one_loop_runs_where_there_is_nothing_to_divide),
        cmocka_unit_test(an_interrupted_run_leaves_a_whole_trace),
        cmocka_unit_test(a_trace_that_cannot_be_written_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
