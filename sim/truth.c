#include "sim/truth.h"

#include <errno.h>
#include <stdlib.h>

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
    struct truth_ring ring;      /* owners; where there are keys */
};

struct truth {
    const struct identity *identity;
    struct truth_instance *instances;
    struct truth_change *changes; /* a ring of change_room (a power of two) */
    size_t change_first, change_count, change_room;
    uint64_t now_ns;              /* of the latest question */
    uint64_t integrated_ns;       /* the integral reaches so far */
    unsigned __int128 peer_ns;    /* integral of up_count */
    uint32_t up_count;
};

#define CHANGES_LEAST 1024

static bool has_keys(const struct identity_instance *instance)
{
    return instance->ops->closeness != OVERLAY_NO_KEYS;
}

static int init_instance(struct truth_instance *of, const struct identity_instance *instance)
{
    int result = up_set_init(&of->up, instance->member_count);
    return result < 0 || !has_keys(instance) ? result : truth_ring_init(&of->ring, instance);
}

static int init_all(struct truth *truth)
{
    truth->change_room = CHANGES_LEAST;
    truth->changes = malloc(truth->change_room * sizeof *truth->changes);
    truth->instances = calloc(truth->identity->instance_count, sizeof *truth->instances);
    int result = truth->changes && truth->instances ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < truth->identity->instance_count && result == 0; i++)
        result = init_instance(&truth->instances[i], &truth->identity->instances[i]);
    return result;
}

int truth_create(struct truth **created, const struct identity *identity)
{
    struct truth *truth = calloc(1, sizeof *truth);
    if (!truth)
        return -ENOMEM;
    truth->identity = identity;
    int result = init_all(truth);
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
        truth_ring_done(&instance->ring);
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
    if (has_keys(&identity->instances[identity->group_instance[group]]))
        truth_ring_change(&instance->ring, member, change->up);
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
    if (!up && step->what != PLAN_DOWN && step->what != PLAN_CRASH)
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
    return truth->up_count;
}

bool truth_is_up(struct truth *truth, uint64_t at_ns, uint32_t peer)
{
    advance(truth, at_ns);
    uint32_t group = identity_group_of(truth->identity, peer);
    return up_set_has(&truth->instances[truth->identity->group_instance[group]].up,
                      truth->identity->group_member[group] + (peer - truth->identity->scenario->groups[group].first));
}

uint32_t truth_owner(struct truth *truth, uint64_t at_ns, uint32_t ordinal, const struct overlay_id *key)
{
    advance(truth, at_ns);
    const struct truth_instance *of = &truth->instances[ordinal];
    const struct identity_instance *instance = &truth->identity->instances[ordinal];
    base_assert(has_keys(instance));
    if (of->up.count == 0)
        return UINT32_MAX;
    uint32_t member = instance->ops->closeness == OVERLAY_XOR ? truth_ring_xor_closest(&of->ring, key->octets)
                                                              : truth_ring_successor(&of->ring, key->octets);
    return identity_peer(instance, truth->identity, member);
}

uint32_t truth_pick(struct truth *truth, uint64_t at_ns, uint32_t ordinal, uint32_t but, uint64_t bits)
{
    advance(truth, at_ns);
    const struct up_set *up = &truth->instances[ordinal].up;
    uint32_t but_member = identity_member(truth->identity, but);
    bool but_is_up = up_set_has(up, but_member);
    uint32_t count = up->count - but_is_up;
    if (count == 0)
        return UINT32_MAX;
    uint32_t member = up_set_select(up, (uint32_t) base_random_below(bits, count));
    if (but_is_up && member == but_member) /* the last one, whom no number stands for, takes its place */
        member = up_set_select(up, count);
    return identity_peer(&truth->identity->instances[ordinal], truth->identity, member);
}

double truth_up_mean(struct truth *truth, uint64_t until_ns)
{
    advance(truth, until_ns);
    integrate(truth, until_ns);
    return until_ns ? (double) truth->peer_ns / (double) until_ns : truth->up_count;
}

uint32_t truth_census(struct truth *truth, uint64_t at_ns, uint32_t ordinal, uint32_t *id_numbers)
{
    advance(truth, at_ns);
    const struct identity_instance *instance = &truth->identity->instances[ordinal];
    const struct up_set *up = &truth->instances[ordinal].up;
    uint32_t count = 0;
    for (uint32_t rank = 0; rank < instance->id_count; rank++)
        if (up_set_has(up, instance->order[rank] / instance->ids_a_peer))
            id_numbers[count++] = instance->order[rank];
    return count;
}
