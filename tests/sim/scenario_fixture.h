/* A scenario filled in by hand, with kinds of its own, for tests of what stands between the loader and the engine. */
#ifndef TESTS_SIM_SCENARIO_FIXTURE_H
#define TESTS_SIM_SCENARIO_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/network.h"
#include "sim/plan.h"
#include "sim/truth.h"
#include "sim/vocabulary.h"
#include "sim/workload.h"

#define SECOND UINT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define FIXTURE_MAX 8
#define UNUSED __attribute__((unused))

/* --- an overlay: its parameters are the bits of its ids and a name --- */
struct fixture_overlay {
    uint64_t bits;
    const char *flavour;
    uint32_t ids; /* of a peer; 0: 1 */
};

static uint32_t fixture_bits(const void *parameters)
{
    return (uint32_t) ((const struct fixture_overlay *) parameters)->bits;
}

static uint32_t fixture_ids(const void *parameters)
{
    uint32_t ids = ((const struct fixture_overlay *) parameters)->ids;
    return ids ? ids : 1;
}

static const struct overlay_ops fixture_xor_ops = {.closeness = OVERLAY_XOR, .id_bits = fixture_bits};
static const struct overlay_ops fixture_ring_ops = {.closeness = OVERLAY_SUCCESSOR, .id_bits = fixture_bits,
                                                    .ids_a_peer = fixture_ids};
static const struct overlay_ops fixture_keyless_ops = {.closeness = OVERLAY_NO_KEYS};
static const struct topology_parameter fixture_overlay_parameters[] = {
    {.key = "bits", .type = TOPOLOGY_INTEGER, .offset = offsetof(struct fixture_overlay, bits)},
    {.key = "flavour", .type = TOPOLOGY_TEXT, .offset = offsetof(struct fixture_overlay, flavour)},
};
#define FIXTURE_OVERLAY(ops_, name_) \
    {.name = name_, .parameters = fixture_overlay_parameters, .parameter_count = 2, \
     .parameters_bytes = sizeof(struct fixture_overlay), .ops = &(ops_)}
UNUSED static const struct topology_kind fixture_xor = FIXTURE_OVERLAY(fixture_xor_ops, "xor");
UNUSED static const struct topology_kind fixture_ring = FIXTURE_OVERLAY(fixture_ring_ops, "ring");
UNUSED static const struct topology_kind fixture_keyless = FIXTURE_OVERLAY(fixture_keyless_ops, "keyless");

/* --- a crash of a share, drawn one by one --- */
struct fixture_crash {
    uint32_t fraction_ppb;
    uint64_t restart_after_ns;
};

static uint32_t fixture_victims(const void *parameters, UNUSED const struct identity *identity,
                                UNUSED const uint32_t *candidates, const uint64_t *keys, uint32_t candidate_count,
                                uint32_t *victims)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < candidate_count; i++)
        if (base_random_chance(keys[i], ((const struct fixture_crash *) parameters)->fraction_ppb))
            victims[count++] = i;
    return count;
}

static uint64_t fixture_restart_after_ns(const void *parameters)
{
    return ((const struct fixture_crash *) parameters)->restart_after_ns;
}

static const struct fault_ops fixture_crash_ops = {.victims = fixture_victims,
                                                   .restart_after_ns = fixture_restart_after_ns};
static const struct fault_ops fixture_link_ops = {0};
static const struct topology_kind fixture_crash = {.name = "crash", .ops = &fixture_crash_ops};
static const struct topology_kind fixture_link = {.name = "link", .ops = &fixture_link_ops};

static const struct workload_ops fixture_lookup_ops = {0};
static const struct workload_ops fixture_publish_ops = {.numbered = true};
static const struct topology_kind fixture_lookup = {.name = "lookup", .ops = &fixture_lookup_ops};
static const struct topology_kind fixture_publish = {.name = "publish", .ops = &fixture_publish_ops};

struct session_pair { /* as churn/session.c decodes its two parameters */
    struct base_distribution session, downtime;
};

struct fixture {
    struct scenario scenario;
    struct topology_group groups[FIXTURE_MAX];
    struct topology_churn churns[FIXTURE_MAX];
    struct topology_fault faults[FIXTURE_MAX];
    struct topology_workload workloads[FIXTURE_MAX];
    uint16_t chosen[FIXTURE_MAX * 4][FIXTURE_MAX];
    uint32_t chosen_count;
    struct fixture_overlay overlay;
    struct fixture_crash crashes[FIXTURE_MAX];
    struct session_pair sessions[FIXTURE_MAX];
    const struct topology_file *trace;
    struct topology_file file;
    struct base_source source;
    struct base_place places[2];
    struct base_diagnostics diagnostics;
    struct identity *identity;
    struct plan *plan;
};

UNUSED static struct fixture *fixture_new(uint64_t duration_ns)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->source = (struct base_source){.name = "test.yaml", .text = "", .length = 0};
    for (uint32_t i = 0; i < 2; i++)
        fixture->places[i] = (struct base_place){&fixture->source, 30 + i, 1};
    fixture->overlay = (struct fixture_overlay){.bits = 160};
    struct scenario *scenario = &fixture->scenario;
    *scenario = (struct scenario){.name = "test", .seed = 42, .duration_ns = duration_ns};
    scenario->groups = fixture->groups;
    scenario->churns = fixture->churns;
    scenario->faults = fixture->faults;
    scenario->workloads = fixture->workloads;
    scenario->overlay = (struct topology_choice){.kind = &fixture_xor, .parameters = &fixture->overlay,
                                                 .place = {&fixture->source, 9, 3}};
    return fixture;
}

UNUSED static void fixture_free(struct fixture *fixture)
{
    plan_free(fixture->plan);
    identity_free(fixture->identity);
    free(fixture);
}

UNUSED static uint32_t fixture_group(struct fixture *fixture, const char *name, uint32_t count)
{
    struct scenario *scenario = &fixture->scenario;
    fixture->groups[scenario->group_count] = (struct topology_group){.name = name, .first = scenario->peer_count,
                                                                     .count = count};
    scenario->peer_count += count;
    return scenario->group_count++;
}

/* The groups of a mask. */
UNUSED static struct topology_peers fixture_peers(struct fixture *fixture, unsigned mask)
{
    uint16_t *groups = fixture->chosen[fixture->chosen_count++];
    struct topology_peers peers = {.groups = groups, .place = {&fixture->source, 20 + fixture->chosen_count, 5}};
    for (uint16_t i = 0; i < FIXTURE_MAX; i++)
        if (mask >> i & 1)
            groups[peers.count++] = i;
    return peers;
}

UNUSED static struct topology_churn *fixture_churn(struct fixture *fixture, const char *name, unsigned groups,
                                                   struct base_distribution session, struct base_distribution downtime)
{
    uint32_t i = fixture->scenario.churn_count++;
    fixture->sessions[i] = (struct session_pair){session, downtime};
    fixture->churns[i] = (struct topology_churn){.name = name, .peers = fixture_peers(fixture, groups)};
    fixture->churns[i].model = (struct topology_choice){.kind = topology_kind_find(&sim_churns, "session"),
                                                        .parameters = &fixture->sessions[i],
                                                        .parameter_places = fixture->places};
    return &fixture->churns[i];
}

UNUSED static struct topology_churn *fixture_trace(struct fixture *fixture, unsigned groups, const char *text,
                                                   size_t length)
{
    uint32_t i = fixture->scenario.churn_count++;
    fixture->file = (struct topology_file){.source = {"peers.avt", text, length}, .name = "peers.avt",
                                           .place = {&fixture->source, 12, 7}};
    fixture->trace = &fixture->file;
    fixture->churns[i] = (struct topology_churn){.name = "trace", .peers = fixture_peers(fixture, groups)};
    fixture->churns[i].model = (struct topology_choice){.kind = topology_kind_find(&sim_churns, "trace"),
                                                        .parameters = &fixture->trace,
                                                        .parameter_places = fixture->places};
    return &fixture->churns[i];
}

UNUSED static void fixture_crash_at(struct fixture *fixture, const char *name, uint64_t at_ns, uint32_t fraction_ppb,
                                    uint64_t restart_after_ns)
{
    uint32_t i = fixture->scenario.fault_count++;
    fixture->crashes[i] = (struct fixture_crash){fraction_ppb, restart_after_ns};
    fixture->faults[i] = (struct topology_fault){.name = name, .at_ns = at_ns,
                                                 .action = {.kind = &fixture_crash,
                                                            .parameters = &fixture->crashes[i]}};
}

UNUSED static void fixture_link_fault(struct fixture *fixture, const char *name, uint64_t at_ns, uint64_t for_ns)
{
    fixture->faults[fixture->scenario.fault_count++] =
        (struct topology_fault){.name = name, .at_ns = at_ns, .for_ns = for_ns, .action = {.kind = &fixture_link}};
}

UNUSED static struct topology_workload *fixture_workload(struct fixture *fixture, const char *name,
                                                         const struct topology_kind *kind, unsigned groups,
                                                         struct base_distribution every)
{
    struct topology_workload *workload = &fixture->workloads[fixture->scenario.workload_count++];
    *workload = (struct topology_workload){.name = name, .action = {.kind = kind}, .every = every,
                                           .from = fixture_peers(fixture, groups),
                                           .stop_ns = fixture->scenario.duration_ns};
    return workload;
}

UNUSED static struct base_distribution fixture_constant(uint64_t span_ns)
{
    return (struct base_distribution){.kind = BASE_CONSTANT, .a = (double) span_ns};
}

UNUSED static struct base_distribution fixture_exponential(uint64_t mean_ns)
{
    return (struct base_distribution){.kind = BASE_EXPONENTIAL, .a = (double) mean_ns};
}

UNUSED static void fixture_show(const struct base_diagnostics *diagnostics)
{
    char text[2000];
    for (uint32_t i = 0; i < diagnostics->count; i++) {
        base_diagnostic_format(&diagnostics->items[i], text, sizeof text);
        print_message("%s", text);
    }
}

UNUSED static int fixture_identity(struct fixture *fixture)
{
    return identity_create(&fixture->identity, &fixture->scenario, NULL, &fixture->diagnostics);
}

/* Identity and plan; asserts that both are made. */
UNUSED static void fixture_plan(struct fixture *fixture)
{
    int result = fixture_identity(fixture);
    if (result == 0)
        result = plan_create(&fixture->plan, fixture->identity, &fixture->diagnostics);
    if (result < 0)
        fixture_show(&fixture->diagnostics);
    assert_int_equal(result, 0);
}

/* Identity and plan, expecting to be refused with exactly one error, which begins with `heading`. */
UNUSED static void fixture_refused(struct fixture *fixture, const char *heading)
{
    int result = fixture_identity(fixture);
    if (result == 0)
        result = plan_create(&fixture->plan, fixture->identity, &fixture->diagnostics);
    assert_true(result < 0);
    char text[2000];
    assert_int_equal(fixture->diagnostics.error_count, 1);
    base_diagnostic_format(&fixture->diagnostics.items[0], text, sizeof text);
    text[strlen(text) > strlen(heading) ? strlen(heading) : strlen(text)] = '\0';
    assert_string_equal(text, heading);
}

struct fixture_steps {
    struct plan_step *steps;
    size_t count;
};

/* All steps to the end, the sessions that end there included. */
UNUSED static struct fixture_steps fixture_run(struct fixture *fixture)
{
    struct fixture_steps all = {0};
    struct plan_step step;
    size_t room = 0;
    while (plan_next(fixture->plan, fixture->scenario.duration_ns + 1, &step)) {
        if (all.count == room) {
            room = room ? 2 * room : 1024;
            all.steps = realloc(all.steps, room * sizeof *all.steps);
            assert_non_null(all.steps);
        }
        all.steps[all.count++] = step;
    }
    return all;
}

#endif
