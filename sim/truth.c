#include "sim/truth.h"

#include <errno.h>
#include <stdlib.h>

#include "reactor/base/arena.h"
#include "reactor/base/assert.h"
#include "sim/truth_ring.h"
#include "sim/up_set.h"

/* A step that is not in force yet. */
struct truth_change {
    uint64_t at_ns;
    uint32_t peer;
    bool up;
};

struct truth_instance {
    struct up_set up;            /* member numbers: counting and picking */
    struct base_bit_tree ring;   /* owners */
    bool has_ring;               /* made when first asked for an owner while somebody is down */
};

struct truth {
    const struct identity *identity;
    bool moves;                   /* somebody comes or goes; else there is nothing below */
    struct truth_instance *instances;
    struct truth_change *changes; /* a ring of change_room (a power of two) */
    size_t change_first, change_count, change_room;
    uint64_t now_ns;              /* of the latest question */
    uint64_t integrated_ns;       /* the integral reaches so far */
    unsigned __int128 peer_ns;    /* integral of up_count */
    uint32_t up_count;
};

#define CHANGES_LEAST 1024

static int init_all(struct truth *truth)
{
    truth->change_room = CHANGES_LEAST;
    truth->changes = malloc(truth->change_room * sizeof *truth->changes);
    truth->instances = calloc(truth->identity->instance_count, sizeof *truth->instances);
    int result = truth->changes && truth->instances ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < truth->identity->instance_count && result == 0; i++)
        result = up_set_init(&truth->instances[i].up, truth->identity->instances[i].member_count);
    return result;
}

int truth_create(struct truth **created, const struct identity *identity)
{
    struct truth *truth = calloc(1, sizeof *truth);
    if (!truth)
        return -ENOMEM;
    truth->identity = identity;
    truth->moves = plan_moves(identity->scenario);
    int result = truth->moves ? init_all(truth) : 0;
    if (result < 0)
        truth_free(truth);
    else
        *created = truth;
    return result;
}

void truth_free(struct truth *truth)
{
    if (!truth)
        return;
    for (uint32_t i = 0; truth->instances && i < truth->identity->instance_count; i++) {
        struct truth_instance *instance = &truth->instances[i];
        up_set_done(&instance->up);
        base_bit_tree_done(&instance->ring);
    }
    free(truth->instances);
    free(truth->changes);
    free(truth);
}

/* Brings the integral up to at_ns with the present number of peers up. */
static void integrate(struct truth *truth, uint64_t at_ns)
{
    truth->peer_ns += (unsigned __int128) (at_ns - truth->integrated_ns) * truth->up_count;
    truth->integrated_ns = at_ns;
}

static void apply(struct truth *truth, const struct truth_change *change)
{
    const struct identity *identity = truth->identity;
    uint32_t group = identity_group_of(identity, change->peer);
    struct truth_instance *instance = &truth->instances[identity->group_instance[group]];
    uint32_t member = identity->group_member[group] + (change->peer - identity->scenario->groups[group].first);
    base_assert(up_set_has(&instance->up, member) != change->up);
    integrate(truth, change->at_ns);
    if (change->up) {
        up_set_add(&instance->up, member);
        truth->up_count++;
    } else {
        up_set_remove(&instance->up, member);
        truth->up_count--;
    }
    if (instance->has_ring)
        truth_ring_change(&instance->ring, &identity->instances[identity->group_instance[group]], member, change->up);
}

static void grow_changes(struct truth *truth)
{
    size_t room = truth->change_room;
    struct truth_change *changes = malloc(2 * room * sizeof *changes);
    if (!changes)
        base_out_of_memory();
    for (size_t i = 0; i < room; i++)
        changes[i] = truth->changes[(truth->change_first + i) & (room - 1)];
    free(truth->changes);
    truth->changes = changes;
    truth->change_first = 0;
    truth->change_room = 2 * room;
}

void truth_note(struct truth *truth, const struct plan_step *step)
{
    bool up = step->what == PLAN_UP || step->what == PLAN_RESTART;
    if (!truth->moves || (!up && step->what != PLAN_DOWN && step->what != PLAN_CRASH))
        return;
    struct truth_change change = {.at_ns = step->at_ns, .peer = step->peer, .up = up};
    if (step->at_ns <= truth->now_ns && truth->change_count == 0) {
        base_assert(step->at_ns >= truth->integrated_ns);
        apply(truth, &change); /* the start of a run, mostly */
        return;
    }
    if (truth->change_count == truth->change_room)
        grow_changes(truth);
    truth->changes[(truth->change_first + truth->change_count++) & (truth->change_room - 1)] = change;
}

static void advance(struct truth *truth, uint64_t at_ns)
{
    if (!truth->moves)
        return;
    base_assert(at_ns >= truth->now_ns);
    truth->now_ns = at_ns;
    while (truth->change_count > 0 && truth->changes[truth->change_first].at_ns <= at_ns) {
        apply(truth, &truth->changes[truth->change_first]);
        truth->change_first = (truth->change_first + 1) & (truth->change_room - 1);
        truth->change_count--;
    }
}

uint32_t truth_up_count(struct truth *truth, uint64_t at_ns)
{
    advance(truth, at_ns);
    return truth->moves ? truth->up_count : truth->identity->peer_count;
}

bool truth_is_up(struct truth *truth, uint64_t at_ns, uint32_t peer)
{
    advance(truth, at_ns);
    if (!truth->moves)
        return true;
    uint32_t group = identity_group_of(truth->identity, peer);
    return up_set_has(&truth->instances[truth->identity->group_instance[group]].up,
                      truth->identity->group_member[group] + (peer - truth->identity->scenario->groups[group].first));
}

bool truth_all_up(struct truth *truth, uint64_t at_ns, uint32_t ordinal)
{
    advance(truth, at_ns);
    return !truth->moves || truth->instances[ordinal].up.count == truth->identity->instances[ordinal].member_count;
}

/* Those of the instance that are up by their places; NULL: all are. */
static const struct base_bit_tree *ring_of(struct truth *truth, uint64_t at_ns, uint32_t ordinal)
{
    if (truth_all_up(truth, at_ns, ordinal))
        return NULL;
    struct truth_instance *of = &truth->instances[ordinal];
    if (!of->has_ring && truth_ring_init(&of->ring, &truth->identity->instances[ordinal], &of->up) < 0)
        base_out_of_memory();
    of->has_ring = true;
    return &of->ring;
}

static uint32_t peer_at(const struct truth *truth, const struct identity_instance *instance, uint32_t place)
{
    return identity_peer(instance, truth->identity, instance->order[place] / instance->ids_a_peer);
}

uint32_t truth_owner(struct truth *truth, uint64_t at_ns, uint32_t ordinal, const struct overlay_id *key)
{
    const struct identity_instance *instance = &truth->identity->instances[ordinal];
    base_assert(identity_has_order(instance));
    const struct base_bit_tree *ring = ring_of(truth, at_ns, ordinal);
    if (ring ? truth->instances[ordinal].up.count == 0 : instance->member_count == 0)
        return UINT32_MAX;
    return peer_at(truth, instance, truth_ring_place(ring, instance, key));
}

void truth_owners(const struct truth *truth, uint32_t ordinal, const struct overlay_id *keys, uint32_t count, uint32_t *owners)
{
    const struct identity_instance *instance = &truth->identity->instances[ordinal];
    base_assert(!truth->moves && identity_has_order(instance) && instance->member_count > 0);
    for (uint32_t i = 0; i < count; i++)
        identity_place_prefetch(instance, &keys[i], false);
    for (uint32_t i = 0; i < count; i++)
        identity_place_prefetch(instance, &keys[i], true);
    for (uint32_t i = 0; i < count; i++) {
        owners[i] = truth_ring_place(NULL, instance, &keys[i]);
        __builtin_prefetch(&instance->order[owners[i]]);
    }
    for (uint32_t i = 0; i < count; i++)
        owners[i] = peer_at(truth, instance, owners[i]);
}

uint32_t truth_pick(struct truth *truth, uint64_t at_ns, uint32_t ordinal, uint32_t but, uint64_t bits)
{
    bool all = truth_all_up(truth, at_ns, ordinal);
    const struct identity_instance *instance = &truth->identity->instances[ordinal];
    const struct up_set *up = all ? NULL : &truth->instances[ordinal].up;
    uint32_t but_member = identity_member(truth->identity, but);
    bool but_is_up = all || up_set_has(up, but_member);
    uint32_t count = (all ? instance->member_count : up->count) - but_is_up;
    if (count == 0)
        return UINT32_MAX;
    uint32_t picked = (uint32_t) base_random_below(bits, count);
    uint32_t member = all ? picked : up_set_select(up, picked);
    if (but_is_up && member == but_member) /* the last one, whom no number stands for, takes its place */
        member = all ? count : up_set_select(up, count);
    return identity_peer(instance, truth->identity, member);
}

double truth_up_mean(struct truth *truth, uint64_t until_ns)
{
    advance(truth, until_ns);
    if (!truth->moves)
        return truth->identity->peer_count;
    integrate(truth, until_ns);
    return until_ns ? (double) truth->peer_ns / (double) until_ns : truth->up_count;
}

uint32_t truth_census(struct truth *truth, uint64_t at_ns, uint32_t ordinal, uint32_t *id_numbers)
{
    const struct identity_instance *instance = &truth->identity->instances[ordinal];
    bool all = truth_all_up(truth, at_ns, ordinal);
    const struct up_set *up = all ? NULL : &truth->instances[ordinal].up;
    uint32_t count = 0;
    for (uint32_t place = 0; place < instance->id_count; place++)
        if (all || up_set_has(up, instance->order[place] / instance->ids_a_peer))
            id_numbers[count++] = instance->order[place];
    return count;
}
