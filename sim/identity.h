/* Peers, groups, overlay instances, overlay ids, addresses: who is who for the whole run. Immutable once built.
 *
 * Four things are kept apart (DESIGN.md section 3): a peer (32-bit index, a member of a group), its incarnations, its
 * overlay id, its endpoint address. Groups are contiguous ranges of indices. Groups that run the same overlay with the
 * same parameters are one overlay instance: its members find each other, and lookups are judged among them. */
#ifndef SIM_IDENTITY_H
#define SIM_IDENTITY_H

#include <endian.h>
#include <string.h>
#include <signal.h>

#include "reactor/base/random.h"
#include "sim/overlay.h"
#include "topologies/scenario.h"

/* Ids of so many bits or more are not stored but drawn anew whenever they are asked for, which is faster than a miss of
 * the cache and costs a peer nothing: of 2^31 such ids two are the same once in 2^67 runs. */
#define IDENTITY_WIDE_BITS 128

/* What the ids of a group's members are drawn from. */
struct identity_stream {
    uint64_t key;
    uint32_t first_id;          /* number of its first */
};

struct identity_instance {
    const struct overlay_ops *ops;
    const struct topology_choice *choice;
    const char *name;           /* of the overlay */
    uint32_t id_bits, id_octets;
    uint32_t ids_a_peer;        /* virtual nodes */
    uint32_t member_count;
    uint32_t id_count;          /* member_count * ids_a_peer; id number member * ids_a_peer + n is a member's n-th */
    const uint16_t *groups;     /* ordinals */
    const struct identity_stream *streams; /* of each of them */
    uint32_t group_count;
    uint8_t *ids;               /* id_octets each, by id number, and 8 octets behind the last; NULL: wide ones */
    /* An id's place is its rank among all ids of the instance, up or not. Only where there are keys or a converged
     * start (identity_has_order), else NULL. */
    uint32_t *order;            /* id numbers by place */
    uint32_t *place_first;      /* by the ids' leading place_bits, and one behind the last: the first such place */
    uint16_t *place_digits;     /* by place: the 16 bits behind those */
    uint32_t place_bits;
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

/* 0; negative with diagnostics (too few id bits for the peers, parameters that contradict each other); -EINTR without
 * any once *stop is not 0 (NULL: never): drawing millions of ids takes a second. */
int identity_create(struct identity **identity, const struct scenario *scenario, const volatile sig_atomic_t *stop,
                    struct base_diagnostics *diagnostics) __attribute__((warn_unused_result));
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

/* --- ids by number and by place --- */
static inline bool identity_has_order(const struct identity_instance *instance)
{
    return instance->order != NULL;
}
void identity_id_of(const struct identity_instance *instance, uint32_t id_number, struct overlay_id *id);
/* Asks the cache for it. */
static inline __attribute__((always_inline)) void identity_prefetch(const struct identity_instance *instance, uint32_t id_number)
{
    if (instance->ids)
        __builtin_prefetch(instance->ids + (size_t) id_number * instance->id_octets);
}
/* The first 64 bits of the id of an id number: they order ids of up to 64 bits, and nearly always wider ones. */
uint64_t identity_leading(const struct identity_instance *instance, uint32_t id_number);
/* The first place whose id is >= id; id_count: there is none. Two misses of the cache. */
uint32_t identity_place(const struct identity_instance *instance, const struct overlay_id *id);

static inline uint64_t identity_leading_bits(const struct overlay_id *id)
{
    uint64_t leading;
    memcpy(&leading, id->octets, sizeof leading);
    return be64toh(leading);
}

static inline uint32_t identity_place_prefix(const struct identity_instance *instance, uint64_t leading)
{
    return (uint32_t) (leading >> (64 - instance->place_bits));
}

/* Asks the cache for the first of identity_place's misses, and, when that has come, for the second. Always inlined: to the
 * compiler a function that only prefetches has no effect, and a call of it may go. */
static inline __attribute__((always_inline)) void identity_place_prefetch(const struct identity_instance *instance,
                                                                          const struct overlay_id *id, bool second)
{
    const uint32_t *first = &instance->place_first[identity_place_prefix(instance, identity_leading_bits(id))];
    if (second)
        __builtin_prefetch(&instance->place_digits[*first]);
    else
        __builtin_prefetch(first);
}

/* "home.17": group name and index in the group. */
void identity_name(const struct identity *identity, uint32_t peer, char text[64]);

#endif
