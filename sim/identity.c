#include "sim/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reactor/base/assert.h"
#include "sim/identity_ids.h"
#include "sim/identity_same.h"

#define ID_BITS_DEFAULT 160
#define INSTANCES_MAX 256 /* what a peer's dispatch names in an octet */
#define ID_COUNT_MAX (UINT32_C(1) << 31)

static const struct topology_choice *overlay_of(const struct scenario *scenario, uint32_t group)
{
    const struct topology_choice *own = &scenario->groups[group].overlay;
    return own->kind ? own : &scenario->overlay;
}

/* The instance that runs this choice, which is a new one when none does; INSTANCES_MAX: one too many. */
static uint32_t find_instance(struct identity *identity, const struct topology_choice *choice)
{
    for (uint32_t i = 0; i < identity->instance_count; i++)
        if (identity_same_choice(identity->instances[i].choice, choice))
            return i;
    if (identity->instance_count == INSTANCES_MAX)
        return INSTANCES_MAX;
    const struct overlay_ops *ops = choice->kind->ops;
    uint32_t bits = ops->id_bits ? ops->id_bits(choice->parameters) : ID_BITS_DEFAULT;
    base_assert(bits >= 1 && bits <= 8 * sizeof((struct overlay_id *) NULL)->octets);
    uint32_t ids_a_peer = ops->ids_a_peer ? ops->ids_a_peer(choice->parameters) : 1;
    base_assert(ids_a_peer >= 1);
    identity->instances[identity->instance_count] = (struct identity_instance){
        .ops = ops, .choice = choice, .name = choice->kind->name, .id_bits = bits, .id_octets = (bits + 7) / 8,
        .ids_a_peer = ids_a_peer,
    };
    return identity->instance_count++;
}

static void collect_groups(struct identity *identity, struct identity_instance *instance, uint32_t ordinal)
{
    uint16_t *groups = base_arena_array(identity->arena, uint16_t, identity->group_count);
    for (uint32_t group = 0; group < identity->group_count; group++) {
        if (identity->group_instance[group] != ordinal)
            continue;
        groups[instance->group_count++] = (uint16_t) group;
        identity->group_member[group] = instance->member_count;
        instance->member_count += identity->scenario->groups[group].count;
    }
    instance->groups = groups;
}

static int build_groups(struct identity *identity, struct base_diagnostics *diagnostics)
{
    const struct scenario *scenario = identity->scenario;
    base_assert(identity->group_count <= UINT16_MAX);
    identity->instances = base_arena_array(identity->arena, struct identity_instance, identity->group_count);
    identity->group_instance = base_arena_array(identity->arena, uint16_t, identity->group_count);
    identity->group_member = base_arena_array(identity->arena, uint32_t, identity->group_count);
    identity->group_key = base_arena_array(identity->arena, uint64_t, identity->group_count);
    for (uint32_t group = 0; group < identity->group_count; group++) {
        const struct topology_choice *choice = overlay_of(scenario, group);
        identity->group_instance[group] = (uint16_t) find_instance(identity, choice);
        if (identity->group_instance[group] == INSTANCES_MAX) {
            base_diagnose(diagnostics, BASE_ERROR, choice->place, NULL, "more than %d different overlays", INSTANCES_MAX);
            return -EINVAL;
        }
        identity->group_key[group] = base_random_key(scenario->seed, "peer", scenario->groups[group].name);
    }
    for (uint32_t i = 0; i < identity->instance_count; i++)
        collect_groups(identity, &identity->instances[i], i);
    identity->workload_key = base_arena_array(identity->arena, uint64_t, scenario->workload_count);
    for (uint32_t i = 0; i < scenario->workload_count; i++)
        identity->workload_key[i] = base_random_key(scenario->seed, "workload", scenario->workloads[i].name);
    return 0;
}

static int refuse_count(const struct identity_instance *instance, uint64_t ids, struct base_diagnostics *diagnostics)
{
    base_diagnose(diagnostics, BASE_ERROR, instance->choice->place, NULL,
                  "%u peers of %s with %u ids each are %" PRIu64 " ids; at most %u are possible",
                  instance->member_count, instance->name, instance->ids_a_peer, ids, ID_COUNT_MAX);
    return -EINVAL;
}

static int refuse_bits(const struct identity_instance *instance, struct base_diagnostics *diagnostics)
{
    char hint[80], each[32] = "";
    uint32_t bits_least = 32 - (uint32_t) __builtin_clz(instance->member_count * instance->ids_a_peer - 1);
    snprintf(hint, sizeof hint, "%u bits hold %u ids; at least %u are needed", instance->id_bits,
             UINT32_C(1) << instance->id_bits, bits_least);
    if (instance->ids_a_peer > 1)
        snprintf(each, sizeof each, " with %u ids each", instance->ids_a_peer);
    base_diagnose(diagnostics, BASE_ERROR, instance->choice->place, hint, "too few id bits for %u peers of %s%s",
                  instance->member_count, instance->name, each);
    return -EINVAL;
}

static int check_instance(const struct identity_instance *instance, struct base_diagnostics *diagnostics)
{
    const struct topology_choice *choice = instance->choice;
    int result = 0;
    if (instance->ops->bind)
        result = instance->ops->bind(choice->parameters, choice->parameter_places, diagnostics);
    if (result < 0)
        return result;
    uint64_t ids = (uint64_t) instance->member_count * instance->ids_a_peer;
    if (ids > ID_COUNT_MAX)
        return refuse_count(instance, ids, diagnostics);
    return instance->id_bits >= 32 || ids <= UINT32_C(1) << instance->id_bits ? 0
                                                                                : refuse_bits(instance, diagnostics);
}

/* Checks all instances before the ids are drawn, so that all mistakes are reported at once. */
static int build_instances(struct identity *identity, const volatile sig_atomic_t *stop,
                           struct base_diagnostics *diagnostics)
{
    int result = 0;
    for (uint32_t i = 0; i < identity->instance_count; i++) {
        int checked = check_instance(&identity->instances[i], diagnostics);
        if (checked < 0)
            result = checked;
    }
    for (uint32_t i = 0; i < identity->instance_count && result == 0; i++) {
        identity->instances[i].id_count = identity->instances[i].member_count * identity->instances[i].ids_a_peer;
        result = identity_draw_ids(identity, &identity->instances[i], stop);
    }
    return result;
}

int identity_create(struct identity **created, const struct scenario *scenario, const volatile sig_atomic_t *stop,
                    struct base_diagnostics *diagnostics)
{
    struct base_arena *arena = base_arena_create();
    struct identity *identity = base_arena_take(arena, sizeof *identity);
    *identity = (struct identity){
        .scenario = scenario, .peer_count = scenario->peer_count, .group_count = scenario->group_count, .arena = arena,
    };
    int result = build_groups(identity, diagnostics);
    result = result < 0 ? result : build_instances(identity, stop, diagnostics);
    if (result < 0) {
        base_arena_free(arena);
        return result;
    }
    *created = identity;
    return 0;
}

void identity_free(struct identity *identity)
{
    if (identity)
        base_arena_free(identity->arena);
}

uint32_t identity_first_of_protocol(const struct identity *identity, uint32_t instance)
{
    uint32_t first = 0;
    while (identity->instances[first].ops != identity->instances[instance].ops)
        first++;
    return first;
}

uint32_t identity_group_of(const struct identity *identity, uint32_t peer)
{
    const struct topology_group *groups = identity->scenario->groups;
    uint32_t low = 0, high = identity->group_count; /* groups[low].first <= peer < groups[high].first */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (groups[middle].first <= peer)
            low = middle;
        else
            high = middle;
    }
    return low;
}

uint32_t identity_member(const struct identity *identity, uint32_t peer)
{
    uint32_t group = identity_group_of(identity, peer);
    return identity->group_member[group] + (peer - identity->scenario->groups[group].first);
}

uint32_t identity_peer(const struct identity_instance *instance, const struct identity *identity, uint32_t member)
{
    uint32_t low = 0, high = instance->group_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (identity->group_member[instance->groups[middle]] <= member)
            low = middle;
        else
            high = middle;
    }
    uint32_t group = instance->groups[low];
    return identity->scenario->groups[group].first + (member - identity->group_member[group]);
}

void identity_id(const struct identity *identity, uint32_t peer, struct overlay_id *id)
{
    identity_id_at(identity, peer, 0, id);
}

void identity_id_at(const struct identity *identity, uint32_t peer, uint32_t n, struct overlay_id *id)
{
    uint32_t group = identity_group_of(identity, peer);
    const struct identity_instance *instance = &identity->instances[identity->group_instance[group]];
    uint32_t member = identity->group_member[group] + (peer - identity->scenario->groups[group].first);
    base_assert(n < instance->ids_a_peer);
    identity_id_of(instance, member * instance->ids_a_peer + n, id);
}

void identity_name(const struct identity *identity, uint32_t peer, char text[64])
{
    const struct topology_group *group = &identity->scenario->groups[identity_group_of(identity, peer)];
    snprintf(text, 64, "%.52s.%u", group->name, peer - group->first);
}
