/* Every overlay over every transport of virtual time, where after one datagram in 64 come a second copy, a truncated and
 * a mutated one, as a hostile peer would send them: nothing crashes, no invariant breaks, the books balance, most of what
 * is cut short is refused. And two runs at a time in one process. */
#include "tests/contract/scenario_run.h"

#include "reactor/base/random.h"
#include "sim/overlay.h"
#include "sim/transport.h"

#define KINDS_MAX 16

static const struct overlay_ops *honest[KINDS_MAX];
static struct overlay_ops tampered[KINDS_MAX];
static struct topology_kind kinds[KINDS_MAX];
static const struct topology_kind *kind_list[KINDS_MAX];
static uint64_t draws, refused, tried;

static bool tamper(const struct overlay_ops *ops, struct peer *peer, peer_address from, const uint8_t *bytes,
                   size_t length)
{
    static uint8_t copy[FLIGHT_LENGTH_MAX];
    bool good = ops->message(peer, from, bytes, length);
    if (draws++ % 64)
        return good; /* each answer to a forgery may be forged again: they must stay few */
    ops->message(peer, from, bytes, length);
    size_t cut = length ? base_random_below(base_random_at(1, draws), length) : 0;
    memcpy(copy, bytes, cut);
    tried++;
    refused += !ops->message(peer, from, copy, cut);
    memcpy(copy, bytes, length);
    for (int i = 0; i < 3 && length; i++)
        copy[base_random_below(base_random_at(2, draws + (unsigned) i), length)] ^= (uint8_t) (1u << i * 3);
    ops->message(peer, from, copy, length);
    return good;
}

/* A function of its own for each kind: a message tells nothing of whose it is. */
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
    static struct topology_registry overlays;
    static struct topology_vocabulary vocabulary;
    assert_true(sim_overlays.kind_count <= sizeof messages / sizeof *messages);
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

static char *yaml_of(const struct topology_kind *overlay, const char *transport, const char *seed)
{
    const struct overlay_ops *ops = overlay->ops;
    char *text = NULL;
    assert_true(asprintf(&text,
                         "name: hostile\nduration: 2 min\nseed: %s\npeers: [{name: a, count: 50}]\n"
                         "network: {latency: {uniform: [10 ms, 90 ms], per: message}}\noverlay: {protocol: %s}\n"
                         "transport: %s\nworkload: [%s]\n%s",
                         seed, overlay->name, transport,
                         scenario_workload(ops, "{lookup: {every: 5 s}}", "{publish: {every: 20 s, count: 6}}"),
                         ops->needs_graph ? "initial_graph: ring\n" : "") > 0);
    return text;
}

static struct engine *engine_of(char *yaml, const struct topology_vocabulary *vocabulary, struct scenario **scenario)
{
    struct base_diagnostics diagnostics = {0};
    struct topology_reader reader = {.read = text_reader, .context = yaml};
    struct topology_load_options load = {.path = "test.yaml", .reader = &reader};
    struct engine *engine = NULL;
    int error = topology_load(scenario, &load, vocabulary, &diagnostics);
    error = error ? error : engine_create(&engine, &(struct engine_options){.scenario = *scenario}, &diagnostics);
    print_diagnostics(&diagnostics);
    assert_int_equal(error, 0);
    return engine;
}

static double number(const struct engine *engine, const char *path)
{
    const struct figure *figure = summary_find(engine_summary(engine), path);
    return figure->type == FIGURE_INTEGER ? (double) figure->integer : figure->real;
}

static void run_hostile(const struct topology_kind *overlay, const char *transport)
{
    struct scenario *scenario = NULL;
    char *yaml = yaml_of(overlay, transport, "9");
    struct engine *engine = engine_of(yaml, hostile_vocabulary(), &scenario);
    struct base_diagnostics diagnostics = {0};
    tried = refused = 0;
    assert_int_equal(engine_run(engine, &diagnostics), 0);
    assert_true(number(engine, "violations") == 0);
    assert_true(number(engine, "messages.sent") == number(engine, "messages.delivered") +
                                                       number(engine, "messages.dropped") +
                                                       number(engine, "messages.in_flight"));
    assert_true(tried > 0);
    if (refused < tried / 2)
        fail_msg("%s over %s refused %d of %d cut messages", overlay->name, transport, (int) refused, (int) tried);
    engine_free(engine);
    topology_scenario_free(scenario);
    free(yaml);
}

static void duplicates_truncated_and_mutated_messages_break_nothing(void **state)
{
    (void) state;
    for (uint32_t o = 0; o < sim_overlays.kind_count; o++)
        for (uint32_t t = 0; t < sim_transports.kind_count; t++)
            if (!((const struct transport_ops *) sim_transports.kinds[t]->ops)->real_time_only)
                run_hostile(sim_overlays.kinds[o], sim_transports.kinds[t]->name);
}

static void digest_alone(const struct topology_kind *overlay, const char *seed, char digest[40])
{
    char *yaml = yaml_of(overlay, "memory", seed);
    scenario_digest(yaml, NULL, NULL, digest);
    free(yaml);
}

/* Both are built before either runs, and the second runs first: nothing is shared. */
static void two_runs_in_one_process_do_not_meet(void **state)
{
    (void) state;
    for (uint32_t o = 0; o < sim_overlays.kind_count; o++) {
        char alone[2][40];
        struct scenario *scenarios[2] = {NULL, NULL};
        struct engine *engines[2];
        char *yamls[2];
        struct base_diagnostics diagnostics = {0};
        digest_alone(sim_overlays.kinds[o], "1", alone[0]);
        digest_alone(sim_overlays.kinds[o], "2", alone[1]);
        for (int i = 0; i < 2; i++) {
            yamls[i] = yaml_of(sim_overlays.kinds[o], "memory", i ? "2" : "1");
            engines[i] = engine_of(yamls[i], &sim_vocabulary, &scenarios[i]);
        }
        for (int i = 1; i >= 0; i--)
            assert_int_equal(engine_run(engines[i], &diagnostics), 0);
        for (int i = 0; i < 2; i++) {
            assert_string_equal(summary_find(engine_summary(engines[i]), "digest")->text, alone[i]);
            engine_free(engines[i]);
            topology_scenario_free(scenarios[i]);
            free(yamls[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duplicates_truncated_and_mutated_messages_break_nothing),
        cmocka_unit_test(two_runs_in_one_process_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
