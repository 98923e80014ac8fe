/* Engine and limit in turns: what the machine lends to others meets both alike; their ratio is steadier than either. */
#include <math.h>
#include <stdlib.h>

#include "tests/bench/workload/workload.h"

double workload_rate(const struct workload_measured *measured)
{
    return measured->counted / measured->user_s;
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *) a, right = *(const double *) b;
    return (left > right) - (left < right);
}

double workload_median(const double *values, uint32_t count)
{
    double sorted[WORKLOAD_REPETITIONS_MAX];
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = values[i];
    qsort(sorted, count, sizeof *sorted, by_value);
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static struct workload_measured medians(const struct workload_measured *runs, uint32_t count)
{
    double user[WORKLOAD_REPETITIONS_MAX], set_up[WORKLOAD_REPETITIONS_MAX], peak[WORKLOAD_REPETITIONS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        user[i] = runs[i].user_s;
        set_up[i] = runs[i].set_up_s;
        peak[i] = runs[i].peak_bytes;
    }
    return (struct workload_measured){
        .counted = runs->counted, .check = runs->check, /* the same in all runs */
        .user_s = workload_median(user, count),
        .set_up_s = workload_median(set_up, count), .peak_bytes = workload_median(peak, count)};
}

static bool in_bounds(const struct workload_size *size, double check)
{
    return size->check_most == 0 || isnan(check) || (check >= size->check_least && check <= size->check_most);
}

/* Both did the same work: what is checked is alike to two in a hundred. */
static bool alike(const struct workload_compared *compared)
{
    double engine = compared->engine.check, limit = compared->limit.check;
    return isnan(engine) || isnan(limit) || fabs(engine - limit) <= .02 * limit;
}

static bool reached(const struct workload_compared *compared)
{
    const struct workload_size *size = &compared->size;
    double bytes = compared->engine.peak_bytes / size->peers;
    return compared->ratio >= size->ratio_wanted && compared->engine_rate >= size->rate_wanted &&
           (size->bytes_wanted == 0 || bytes <= size->bytes_wanted) &&
           (size->set_up_wanted_s == 0 || compared->engine.set_up_s <= size->set_up_wanted_s) &&
           in_bounds(size, compared->engine.check) && in_bounds(size, compared->limit.check) && alike(compared);
}

int workload_compare(const struct workload *workload, const struct workload_size *size,
                     struct workload_compared *compared)
{
    struct workload_measured engine[WORKLOAD_REPETITIONS_MAX], limit[WORKLOAD_REPETITIONS_MAX];
    double ratios[WORKLOAD_REPETITIONS_MAX];
    *compared = (struct workload_compared){.size = *size, .ratio_least = INFINITY};
    for (uint32_t i = 0; i < size->repetitions; i++) {
        int status = workload_measure_engine(workload, size, &engine[i]);
        if (status == 0)
            status = workload_measure_limit(workload, size, &limit[i]);
        if (status)
            return status;
        ratios[i] = workload_rate(&engine[i]) / workload_rate(&limit[i]);
        compared->ratio_least = fmin(compared->ratio_least, ratios[i]);
        compared->ratio_most = fmax(compared->ratio_most, ratios[i]);
    }
    compared->engine = medians(engine, size->repetitions);
    compared->limit = medians(limit, size->repetitions);
    compared->engine_rate = workload_rate(&compared->engine);
    compared->limit_rate = workload_rate(&compared->limit);
    compared->ratio = workload_median(ratios, size->repetitions);
    compared->reached = reached(compared);
    return 0;
}
