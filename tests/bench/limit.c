/* peerlab bench limit [WORKLOAD [PEERS]...]: the hand-written loops alone; in brackets what such loops are known to
 * reach on the machine that the wanted figures come from. */
#include <math.h>

#include "tests/bench/workload/workload.h"

static int measure(const struct workload *workload, const struct workload_size *size)
{
    struct workload_measured runs[WORKLOAD_REPETITIONS_MAX];
    double rates[WORKLOAD_REPETITIONS_MAX], best = 0;
    for (uint32_t i = 0; i < size->repetitions; i++) {
        int status = workload_measure_limit(workload, size, &runs[i]);
        if (status)
            return status;
        rates[i] = workload_rate(&runs[i]);
        best = fmax(best, rates[i]);
    }
    printf("%-16s %9u  %6.2f  best %6.2f", workload->name, size->peers,
           workload_median(rates, size->repetitions) / 1e6, best / 1e6);
    if (size->limit_published > 0)
        printf(" (%4.1f)", size->limit_published / 1e6);
    printf("  M %s/s   %5.0f B a peer   set-up %5.2f s", workload->unit, runs->peak_bytes / size->peers,
           runs->set_up_s);
    if (!isnan(runs->check))
        printf("   %s %.3f", workload->check, runs->check);
    putchar('\n');
    return 0;
}

static int measure_sizes(const struct workload *workload, char *const *operands, int operand_count)
{
    struct workload_size sizes[WORKLOAD_SIZES_MAX];
    int count = workload_sizes(workload, operands, operand_count, sizes), status = count < 0 ? 2 : 0;
    for (int i = 0; i < count && status == 0; i++)
        status = measure(workload, &sizes[i]);
    return status;
}

int main(int argc, char **argv)
{
    int status = 0;
    if (argc > 1) {
        const struct workload *workload = workload_named(argv[1]);
        return workload ? measure_sizes(workload, argv + 2, argc - 2) : 2;
    }
    for (const struct workload *const *workload = workloads; *workload && status == 0; workload++)
        status = measure_sizes(*workload, NULL, 0);
    return status;
}
