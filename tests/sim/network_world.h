/* Scenarios and identities filled in by hand, for tests and benches of the network alone.
 *
 * The structs are what the loader and identity_create would make; a world owns the arena that all lives in. Header-only,
 * because each test is one source file. */
#ifndef TESTS_SIM_NETWORK_WORLD_H
#define TESTS_SIM_NETWORK_WORLD_H

#include <stdio.h>
#include <string.h>

#include "sim/faults/faults.h"
#include "sim/latencies/latencies.h"
#include "sim/vocabulary.h"

#define WORLD_GROUPS 8
#define WORLD_FAULTS 8
#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

struct world {
    struct base_arena *arena;
    struct scenario scenario;
    struct identity identity;
    struct topology_group groups[WORLD_GROUPS];
    uint64_t group_keys[WORLD_GROUPS];
    struct topology_fault faults[WORLD_FAULTS];
    struct base_diagnostics diagnostics;
    struct network *network;
};

static inline void world_init(struct world *world, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    world->arena = base_arena_create();
    world->scenario = (struct scenario) {
        .name = "world", .seed = seed, .duration_ns = 3600 * SECOND, .groups = world->groups, .faults = world->faults,
        .arena = world->arena,
    };
    world->identity = (struct identity) {
        .scenario = &world->scenario, .group_key = world->group_keys, .arena = world->arena,
    };
}

static inline void world_done(struct world *world)
{
    network_free(world->network);
    base_arena_free(world->arena);
}

static inline uint32_t world_group(struct world *world, const char *name, uint32_t count, const char *region)
{
    uint32_t ordinal = world->scenario.group_count++;
    world->groups[ordinal] = (struct topology_group) {
        .name = name, .first = world->scenario.peer_count, .count = count, .region = region,
    };
    world->group_keys[ordinal] = base_random_key(world->scenario.seed, "peer", name);
    world->scenario.peer_count += count;
    world->identity.peer_count += count;
    world->identity.group_count++;
    return ordinal;
}

static inline void world_latency(struct world *world, const struct topology_kind *kind, const void *parameters)
{
    world->scenario.network.latency = (struct topology_choice) {.kind = kind, .parameters = parameters};
}

static inline void world_distribution(struct world *world, const struct topology_kind *kind,
                                      struct base_distribution distribution)
{
    struct latency_distribution *parameters = base_arena_take(world->arena, sizeof *parameters);
    parameters->delay = distribution;
    world_latency(world, kind, parameters);
}

static inline void world_constant(struct world *world, uint64_t delay_ns)
{
    world_distribution(world, &latency_constant,
                       (struct base_distribution) {.kind = BASE_CONSTANT, .a = (double) delay_ns});
}

static inline void world_fault(struct world *world, uint64_t at_ns, uint64_t for_ns, const struct topology_kind *kind,
                               const void *parameters)
{
    world->faults[world->scenario.fault_count++] = (struct topology_fault) {
        .name = kind->name, .at_ns = at_ns, .for_ns = for_ns, .action = {.kind = kind, .parameters = parameters},
    };
}

/* A file that the scenario names, with this text. */
static inline const struct topology_file *world_file(struct world *world, const char *name, const char *text)
{
    struct topology_file *file = base_arena_take(world->arena, sizeof *file);
    file->source = (struct base_source) {.name = name, .text = text, .length = strlen(text)};
    file->name = name;
    return file;
}

/* Groups by ordinal, ascending; ends with -1. */
#define world_peers(world, ...) world_peers_from((world), (const int[]) {__VA_ARGS__, -1})
static inline struct topology_peers world_peers_from(struct world *world, const int *groups)
{
    struct topology_peers peers = {0};
    uint16_t *copy = base_arena_array(world->arena, uint16_t, WORLD_GROUPS);
    while (groups[peers.count] >= 0) {
        copy[peers.count] = (uint16_t) groups[peers.count];
        peers.count++;
    }
    peers.groups = copy;
    return peers;
}

static inline struct topology_sets world_sets(struct world *world, uint32_t count, const struct topology_peers *sets)
{
    struct topology_peers *copy = base_arena_array(world->arena, struct topology_peers, count);
    memcpy(copy, sets, count * sizeof *copy);
    return (struct topology_sets) {.sets = copy, .count = count};
}

static inline int world_build(struct world *world)
{
    return network_create(&world->network, &world->identity, &world->diagnostics);
}

static inline uint32_t world_group_of(const struct world *world, uint32_t peer)
{
    uint32_t group = 0;
    while (peer >= world->groups[group].first + world->groups[group].count)
        group++;
    return group;
}

static inline struct network_ends world_ends(const struct world *world, uint32_t from, uint32_t to)
{
    return (struct network_ends) {
        .from = from, .to = to, .from_group = world_group_of(world, from), .to_group = world_group_of(world, to),
    };
}

static inline struct network_verdict world_send(struct world *world, uint32_t from, uint32_t to, uint64_t now_ns,
                                                uint32_t count)
{
    struct network_ends ends = world_ends(world, from, to);
    return network_send(world->network, &ends, now_ns, count, 100);
}

static inline uint64_t world_delay(struct world *world, uint32_t from, uint32_t to)
{
    return world_send(world, from, to, 0, 0).delay_ns;
}

/* The first diagnostic as people see it. */
static inline const char *world_complaint(const struct world *world)
{
    static char text[2048];
    text[0] = '\0';
    if (world->diagnostics.count > 0)
        base_diagnostic_format(&world->diagnostics.items[0], text, sizeof text);
    return text;
}

#endif
