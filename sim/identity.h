/* Peers, groups, overlay instances, overlay ids, addresses: who is who for the whole run. Immutable once built.
 *
 * Four things are kept apart (DESIGN.md section 3): a peer (32-bit index, a member of a group), its incarnations, its
 * overlay id, its endpoint address. Groups are contiguous ranges of indices. Groups that run the same overlay with the
 * same parameters are one overlay instance: its members find each other, and lookups are judged among them. */
#ifndef SIM_IDENTITY_H
#define SIM_IDENTITY_H

#include <string.h>

#include "reactor/base/random.h"
#include "sim/overlay.h"
#include "topologies/scenario.h"

struct identity_instance {
    const struct overlay_ops *ops;
    const struct topology_choice *choice;
    const char *name;           /* of the overlay */
    uint32_t id_bits, id_octets;
    uint32_t ids_a_peer;        /* virtual nodes */
    uint32_t member_count;
    uint32_t id_count;          /* member_count * ids_a_peer; id number member * ids_a_peer + n is a member's n-th */
    const uint16_t *groups;     /* ordinals */
    uint32_t group_count;
    uint8_t *ids;               /* id_octets each, by id number */
    uint32_t *order;            /* id numbers in order of the ids */
};

struct identity {
    const struct scenario *scenario;
    uint32_t peer_count, group_count, instance_count;
    struct identity_instance *instances;
    uint16_t *group_instance;   /* by group */
    uint32_t *group_member;     /* by group: member number of its first peer in its instance */
    uint64_t *group_key;        /* by group: random key (seed, "peer", group name) */
    uint64_t *workload_key;     /* by workload: random key (seed, "workload", workload name) */
    struct base_arena *arena;
};

/* 0, or negative with diagnostics (too few id bits for the peers, parameters that contradict each other). */
int identity_create(struct identity **identity, const struct scenario *scenario, struct base_diagnostics *diagnostics)
    __attribute__((warn_unused_result));
void identity_free(struct identity *identity);

/* The first instance that runs the protocol of this one. */
uint32_t identity_first_of_protocol(const struct identity *identity, uint32_t instance);
uint32_t identity_group_of(const struct identity *identity, uint32_t peer); /* O(log groups); one group: O(1) */
/* The key of a peer's own randomness, the same whatever else is in the scenario: (seed, group name, index in group). */
static inline uint64_t identity_key(const struct identity *identity, uint32_t group, uint32_t peer)
{
    return base_random_subkey(identity->group_key[group], peer - identity->scenario->groups[group].first);
}
uint32_t identity_member(const struct identity *identity, uint32_t peer);     /* its number in its instance */
uint32_t identity_peer(const struct identity_instance *instance, const struct identity *identity, uint32_t member);
void identity_id(const struct identity *identity, uint32_t peer, struct overlay_id *id); /* its first */
void identity_id_at(const struct identity *identity, uint32_t peer, uint32_t n, struct overlay_id *id);
/* The id of an id number. */
static inline void identity_id_of(const struct identity_instance *instance, uint32_t id_number, struct overlay_id *id)
{
    *id = (struct overlay_id){{0}};
    memcpy(id->octets, instance->ids + (size_t) id_number * instance->id_octets, instance->id_octets);
}
/* "home.17": group name and index in the group. */
void identity_name(const struct identity *identity, uint32_t peer, char text[64]);

#endif
