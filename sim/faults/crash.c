/* crash: peers go down at one instant, without a word to anybody, and come up again after a while or not at all.
 *
 * Struck is a share or a number of those of `of` that are up at that instant. Those with the least random keys are chosen:
 * so a peer's lot depends on its own key and on how many are struck, and raising the share strikes more, not others. */
#include <errno.h>

#include "sim/faults/faults.h"
#include "sim/faults/text.h"

static int crash_bind(const struct topology_fault *fault, const struct scenario *scenario,
                      struct base_diagnostics *diagnostics)
{
    const struct fault_crash *crash = fault->action.parameters;
    (void) scenario;
    if (crash->has_fraction && crash->has_count) {
        base_diagnose(diagnostics, BASE_ERROR, fault->action.place, "keep one of them",
                      "\"fraction\" and \"count\" of a crash exclude each other");
        return -EINVAL;
    }
    return 0;
}

/* The positions of the candidates in the chosen groups. Both are in order of peers, and groups are ranges. */
static uint32_t eligible(const struct fault_crash *crash, const struct scenario *scenario, const uint32_t *candidates,
                         uint32_t candidate_count, uint32_t *positions)
{
    uint32_t count = 0, i = 0;
    for (uint32_t g = 0; g < crash->of.count; g++) {
        const struct topology_group *group = &scenario->groups[crash->of.groups[g]];
        while (i < candidate_count && candidates[i] < group->first)
            i++;
        for (; i < candidate_count && candidates[i] - group->first < group->count; i++)
            positions[count++] = i;
    }
    return count;
}

static uint32_t struck_count(const struct fault_crash *crash, uint32_t eligible_count)
{
    if (crash->has_count)
        return crash->count < eligible_count ? (uint32_t) crash->count : eligible_count;
    return (uint32_t) (((uint64_t) eligible_count * crash->fraction_ppb + 500000000) / 1000000000);
}

/* Keys may be equal; positions are not. */
static bool comes_before(const uint64_t *keys, uint32_t one, uint32_t other)
{
    return keys[one] != keys[other] ? keys[one] < keys[other] : one < other;
}

static void swap(uint32_t *one, uint32_t *other)
{
    uint32_t held = *one;
    *one = *other;
    *other = held;
}

/* Brings one position to its place in the order of keys among count, lesser ones before it; returns the place. */
static uint32_t partition_once(uint32_t *positions, uint32_t count, const uint64_t *keys)
{
    uint32_t place = 0, pivot = positions[count / 2];
    swap(&positions[count / 2], &positions[count - 1]);
    for (uint32_t i = 0; i + 1 < count; i++) {
        if (comes_before(keys, positions[i], pivot))
            swap(&positions[i], &positions[place++]);
    }
    swap(&positions[place], &positions[count - 1]);
    return place;
}

/* The position that is number rank in the order of keys (Hoare's FIND); O(count), for the keys are random. */
static uint32_t select_rank(uint32_t *positions, uint32_t count, uint32_t rank, const uint64_t *keys)
{
    for (;;) {
        uint32_t place = partition_once(positions, count, keys);
        if (place == rank)
            return positions[place];
        if (place > rank) {
            count = place;
        } else {
            positions += place + 1;
            count -= place + 1;
            rank -= place + 1;
        }
    }
}

static uint32_t crash_victims(const void *parameters, const struct identity *identity, const uint32_t *candidates,
                              const uint64_t *keys, uint32_t candidate_count, uint32_t *victims)
{
    const struct fault_crash *crash = parameters;
    uint32_t count = eligible(crash, identity->scenario, candidates, candidate_count, victims);
    uint32_t struck = struck_count(crash, count);
    if (struck == 0 || struck == count)
        return struck;
    uint32_t last = select_rank(victims, count, struck - 1, keys);
    /* Selecting has shuffled them: they are found again in order. */
    count = eligible(crash, identity->scenario, candidates, candidate_count, victims);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!comes_before(keys, last, victims[i]))
            victims[kept++] = victims[i];
    }
    return kept;
}

static uint64_t crash_restart_after_ns(const void *parameters)
{
    const struct fault_crash *crash = parameters;
    return crash->has_restart_after ? crash->restart_after_ns : UINT64_MAX;
}

static void crash_describe(const void *parameters, const struct scenario *scenario, char *text, size_t bytes)
{
    const struct fault_crash *crash = parameters;
    struct fault_text out = fault_text_start(text, bytes);
    if (crash->has_count)
        fault_text_add(&out, "%llu", (unsigned long long) crash->count);
    else
        fault_text_share(&out, crash->fraction_ppb);
    fault_text_add(&out, " of ");
    fault_text_peers(&out, &crash->of, scenario);
    if (crash->has_restart_after) {
        fault_text_add(&out, ", up again after ");
        fault_text_span(&out, crash->restart_after_ns);
    }
}

static const struct fault_ops crash_ops = {
    .bind = crash_bind,
    .victims = crash_victims,
    .restart_after_ns = crash_restart_after_ns,
    .describe = crash_describe,
};

static const struct topology_parameter crash_parameters[] = {
    {
        .key = "of",
        .type = TOPOLOGY_PEERS,
        .offset = offsetof(struct fault_crash, of),
        .default_text = "all",
        .about = "Among whom the victims are chosen: those of them that are up at that instant.",
    },
    {
        .key = "fraction",
        .type = TOPOLOGY_SHARE,
        .offset = offsetof(struct fault_crash, fraction_ppb),
        .set_offset = offsetof(struct fault_crash, has_fraction),
        .default_text = "100 %",
        .about = "Share of them that is struck, rounded to the nearest peer.",
    },
    {
        .key = "count",
        .type = TOPOLOGY_INTEGER,
        .offset = offsetof(struct fault_crash, count),
        .set_offset = offsetof(struct fault_crash, has_count),
        .optional = true,
        .minimum = "1",
        .about = "Number of them that is struck, in place of a share.",
    },
    {
        .key = "restart_after",
        .type = TOPOLOGY_DURATION,
        .offset = offsetof(struct fault_crash, restart_after_ns),
        .set_offset = offsetof(struct fault_crash, has_restart_after),
        .optional = true,
        .minimum = "1 ns",
        .about = "How long they are down; without it, to the end of the run.",
    },
};

const struct topology_kind fault_crash = {
    .name = "crash",
    .summary = "peers go down at one instant and come up again after a while, or not",
    .source = "",
    .parameters = crash_parameters,
    .parameter_count = sizeof crash_parameters / sizeof *crash_parameters,
    .parameters_bytes = sizeof(struct fault_crash),
    .bare = "of",
    .ops = &crash_ops,
};
