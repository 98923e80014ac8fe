/* A small world of epidemic peers in the harness, for the tests of the overlay. */
#ifndef TESTS_SIM_EPIDEMIC_WORLD_H
#define TESTS_SIM_EPIDEMIC_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sim/overlays/epidemic_wire.h"
#include "tests/sim/peer_harness.h"
#include "topologies/parameter.h"

extern const struct topology_kind epidemic_kind;

#define SECOND HARNESS_SECOND_NS
#define MILLISECOND UINT64_C(1000000)
enum { PUSH, PULL, PUSH_PULL };

struct setting {
    uint32_t mode;
    bool own_timers;
    uint64_t fanout, rounds_max, seed; /* 0: 1, 64, 1 */
    uint32_t peers, broadcasts;        /* 0: one broadcast */
    uint64_t delay_ns_min, delay_ns_max; /* 0: both 20 ms */
    uint32_t loss_ppb;
    bool nobody_up;
};

struct world {
    void *parameters;
    struct harness *harness;
    uint32_t peers;
};

/* Where the overlay keeps the parameter of this key. */
static inline void *parameter(const struct world *world, const char *key)
{
    for (uint32_t i = 0; i < epidemic_kind.parameter_count; i++) {
        if (strcmp(epidemic_kind.parameters[i].key, key) == 0)
            return (char *) world->parameters + epidemic_kind.parameters[i].offset;
    }
    fail_msg("no parameter %s", key);
    return NULL;
}

static inline struct world open_world(const struct setting *setting)
{
    struct world world = {.parameters = calloc(1, epidemic_kind.parameters_bytes), .peers = setting->peers};
    assert_non_null(world.parameters);
    *(uint32_t *) parameter(&world, "mode") = setting->mode;
    *(uint32_t *) parameter(&world, "rounds") = setting->own_timers;
    *(uint64_t *) parameter(&world, "fanout") = setting->fanout ? setting->fanout : 1;
    *(uint64_t *) parameter(&world, "rounds_max") = setting->rounds_max ? setting->rounds_max : 64;
    *(uint64_t *) parameter(&world, "period") = SECOND;
    world.harness = harness_create(&(struct harness_options){
        .ops = epidemic_kind.ops, .parameters = world.parameters, .peer_count = setting->peers,
        .broadcast_count = setting->broadcasts ? setting->broadcasts : 1, .seed = setting->seed ? setting->seed : 1,
        .delay_ns_min = setting->delay_ns_min ? setting->delay_ns_min : 20 * MILLISECOND,
        .delay_ns_max = setting->delay_ns_max ? setting->delay_ns_max : 20 * MILLISECOND,
        .loss_ppb = setting->loss_ppb});
    if (!setting->nobody_up)
        harness_start_converged(world.harness);
    return world;
}

static inline void check_all(struct world *world)
{
    const struct overlay_ops *ops = epidemic_kind.ops;
    for (uint32_t peer = 0; peer < world->peers; peer++) {
        const char *problem = NULL;
        if (harness_is_up(world->harness, peer))
            problem = ops->check(harness_peer(world->harness, peer));
        if (problem != NULL)
            fail_msg("peer %u: %s", peer, problem);
    }
}

static inline void close_world(struct world *world)
{
    check_all(world);
    harness_free(world->harness);
    free(world->parameters);
}

/* The living peers but the publisher that have the broadcast; *last_round: the last of them. */
static inline uint32_t reached(const struct world *world, uint32_t broadcast, uint32_t *last_round)
{
    uint32_t count = 0, last = 0;
    for (uint32_t peer = 0; peer < world->peers; peer++) {
        const struct harness_delivery *delivery = harness_delivery(world->harness, broadcast, peer);
        if (!delivery->received || !harness_is_up(world->harness, peer))
            continue;
        count++;
        last = delivery->round > last ? delivery->round : last;
    }
    if (last_round != NULL)
        *last_round = last;
    return count;
}

/* A message of rumours 0 .. rumours - 1 with payloads of 5 bytes; free it. */
static inline struct epidemic_writer *message_of(enum epidemic_message kind, uint32_t rumours, uint64_t published_ns)
{
    struct epidemic_writer *writer = malloc(sizeof(*writer));
    assert_non_null(writer);
    epidemic_write_begin(writer, kind);
    for (uint32_t id = 0; id < rumours; id++) {
        const struct epidemic_rumour rumour = {.id = id, .published_ns = published_ns, .bytes = 5};
        assert_true(epidemic_write_rumour(writer, &rumour));
    }
    return writer;
}

#endif
