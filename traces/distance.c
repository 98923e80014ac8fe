#include "traces/distance.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "reactor/base/random.h"

/* Resamples: as many as 2 * 10^8 draws allow (about a second), within these bounds. */
#define RESAMPLES_MAX 1000
#define RESAMPLES_MIN 100
#define DRAWS_MAX UINT64_C(200000000)

int trace_measured_add(struct trace_measured *sample, uint32_t group, double value)
{
    if (sample->count == sample->capacity) {
        uint64_t capacity = sample->capacity ? 2 * sample->capacity : 256;
        double *values = realloc(sample->values, capacity * sizeof *values);
        sample->values = values ? values : sample->values;
        uint32_t *groups = realloc(sample->groups, capacity * sizeof *groups);
        sample->groups = groups ? groups : sample->groups;
        if (!values || !groups)
            return -ENOMEM;
        sample->capacity = capacity;
    }
    sample->values[sample->count] = value;
    sample->groups[sample->count++] = group;
    return 0;
}

void trace_measured_done(struct trace_measured *sample)
{
    free(sample->values);
    free(sample->groups);
    *sample = (struct trace_measured) {0};
}

/* --- one of the two, as ranks --- */

struct side {
    const struct trace_measured *sample;
    uint32_t *ranks;       /* of each value among all distinct values */
    uint64_t *group_first; /* in ranks; one more than there are groups */
    uint32_t group_count;
    uint64_t *given, *drawn; /* how often each distinct value is there; drawn: of a resample */
    uint64_t drawn_count;
};

struct comparison {
    struct side sides[2];
    double *distinct;
    uint32_t distinct_count;
    double *strays; /* of each resample */
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;
    return (x > y) - (x < y);
}

static int find_distinct(struct comparison *comparison)
{
    uint64_t count = 0, first = comparison->sides[0].sample->count, second = comparison->sides[1].sample->count;
    comparison->distinct = malloc((first + second) * sizeof *comparison->distinct);
    if (!comparison->distinct || first + second > UINT32_MAX)
        return -ENOMEM;
    for (int s = 0; s < 2; s++)
        for (uint64_t i = 0; i < comparison->sides[s].sample->count; i++)
            comparison->distinct[count++] = comparison->sides[s].sample->values[i];
    qsort(comparison->distinct, count, sizeof *comparison->distinct, ascending);
    for (uint64_t i = 0; i < count; i++)
        if (!i || comparison->distinct[i] > comparison->distinct[comparison->distinct_count - 1])
            comparison->distinct[comparison->distinct_count++] = comparison->distinct[i];
    return 0;
}

static uint32_t rank_of(const struct comparison *comparison, double value)
{
    uint32_t low = 0, high = comparison->distinct_count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (comparison->distinct[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int side_init(const struct comparison *comparison, struct side *side)
{
    const struct trace_measured *sample = side->sample;
    side->ranks = malloc(sample->count * sizeof *side->ranks);
    side->group_first = malloc((sample->count + 1) * sizeof *side->group_first);
    side->given = calloc(comparison->distinct_count, sizeof *side->given);
    side->drawn = calloc(comparison->distinct_count, sizeof *side->drawn);
    if (!side->ranks || !side->group_first || !side->given || !side->drawn)
        return -ENOMEM;
    for (uint64_t i = 0; i < sample->count; i++) {
        side->ranks[i] = rank_of(comparison, sample->values[i]);
        side->given[side->ranks[i]]++;
        if (!i || sample->groups[i] != sample->groups[i - 1])
            side->group_first[side->group_count++] = i;
    }
    side->group_first[side->group_count] = sample->count;
    return 0;
}

static void comparison_done(struct comparison *comparison)
{
    for (int s = 0; s < 2; s++) {
        free(comparison->sides[s].ranks);
        free(comparison->sides[s].group_first);
        free(comparison->sides[s].given);
        free(comparison->sides[s].drawn);
    }
    free(comparison->distinct);
    free(comparison->strays);
}

/* --- the distance --- */

static double larger_size(double so_far, double value)
{
    double size = value < 0 ? -value : value;
    return size > so_far ? size : so_far;
}

/* The supremum of |A - B|, and with resampled of |(A' - B') - (A - B)|. */
static double supremum(const struct comparison *comparison, bool resampled)
{
    const struct side *a = &comparison->sides[0], *b = &comparison->sides[1];
    double a_count = (double) a->sample->count, b_count = (double) b->sample->count;
    uint64_t a_given = 0, b_given = 0, a_drawn = 0, b_drawn = 0;
    double largest = 0;
    for (uint32_t i = 0; i < comparison->distinct_count; i++) {
        a_given += a->given[i];
        b_given += b->given[i];
        double apart = (double) a_given / a_count - (double) b_given / b_count;
        if (resampled) {
            a_drawn += a->drawn[i];
            b_drawn += b->drawn[i];
            apart -= (double) a_drawn / (double) a->drawn_count - (double) b_drawn / (double) b->drawn_count;
        }
        largest = larger_size(largest, apart);
    }
    return largest;
}

/* As many groups as there are, with repetition. */
static void draw(const struct comparison *comparison, struct side *side, uint64_t key)
{
    for (uint32_t i = 0; i < comparison->distinct_count; i++)
        side->drawn[i] = 0;
    side->drawn_count = 0;
    for (uint32_t i = 0; i < side->group_count; i++) {
        uint64_t group = base_random_below(base_random_at(key, i), side->group_count);
        for (uint64_t at = side->group_first[group]; at < side->group_first[group + 1]; at++)
            side->drawn[side->ranks[at]]++;
        side->drawn_count += side->group_first[group + 1] - side->group_first[group];
    }
}

static int find_interval(struct comparison *comparison, struct trace_distance *distance)
{
    uint64_t cost = distance->count[0] + distance->count[1];
    uint64_t resamples = DRAWS_MAX / cost;
    resamples = resamples > RESAMPLES_MAX ? RESAMPLES_MAX : resamples < RESAMPLES_MIN ? RESAMPLES_MIN : resamples;
    comparison->strays = malloc(resamples * sizeof *comparison->strays);
    if (!comparison->strays)
        return -ENOMEM;
    uint64_t key = base_random_key(0, "bootstrap", distance->measure);
    for (uint64_t i = 0; i < resamples; i++) {
        for (uint32_t s = 0; s < 2; s++)
            draw(comparison, &comparison->sides[s], base_random_subkey(key, 2 * i + s));
        comparison->strays[i] = supremum(comparison, true);
    }
    qsort(comparison->strays, resamples, sizeof *comparison->strays, ascending);
    double stray = comparison->strays[(95 * resamples + 99) / 100 - 1];
    distance->low = distance->distance > stray ? distance->distance - stray : 0;
    distance->high = distance->distance + stray < 1 ? distance->distance + stray : 1;
    return 0;
}

static double mean_of(const struct trace_measured *sample)
{
    double sum = 0;
    for (uint64_t i = 0; i < sample->count; i++)
        sum += sample->values[i];
    return sample->count ? sum / (double) sample->count : NAN;
}

int trace_distance_between(struct trace_distance *distance, const struct trace_measured *a,
                           const struct trace_measured *b)
{
    struct comparison comparison = {.sides = {{.sample = a}, {.sample = b}}};
    for (int s = 0; s < 2; s++) {
        distance->count[s] = comparison.sides[s].sample->count;
        distance->mean[s] = mean_of(comparison.sides[s].sample);
    }
    distance->distance = distance->low = distance->high = NAN;
    if (!a->count || !b->count)
        return 0;
    int error = find_distinct(&comparison);
    for (int s = 0; s < 2 && !error; s++)
        error = side_init(&comparison, &comparison.sides[s]);
    if (!error) {
        distance->distance = supremum(&comparison, false);
        error = find_interval(&comparison, distance);
    }
    comparison_done(&comparison);
    return error;
}
