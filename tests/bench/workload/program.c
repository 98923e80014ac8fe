/* peerlab bench NAME [PEERS]... [--json]: engine and hand-written loop in turns, at the sizes of the workload's table
 * or at those named. Exits with 1 where something that is wanted is not reached. Built once for each workload. */
#include <string.h>

#include "tests/bench/workload/workload.h"

static bool take_json(int *argc, char **argv)
{
    bool found = false;
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        bool json = strcmp(argv[i], "--json") == 0;
        found |= json;
        if (!json)
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return found;
}

int main(int argc, char **argv)
{
    struct workload_size sizes[WORKLOAD_SIZES_MAX];
    struct workload_compared compared[WORKLOAD_SIZES_MAX];
    bool json = take_json(&argc, argv), reached = true;
    const struct workload *workload = workload_named(WORKLOAD_NAME);
    int count = workload ? workload_sizes(workload, argv + 1, argc - 1, sizes) : -1;
    if (count < 0)
        return 2;
    if (!json)
        workload_report_head(workload);
    for (int i = 0; i < count; i++) {
        int status = workload_compare(workload, &sizes[i], &compared[i]);
        if (status)
            return status;
        if (!json)
            workload_report_row(workload, &compared[i]);
        reached &= compared[i].reached;
    }
    if (json)
        workload_report_json(workload, compared, (uint32_t) count);
    return reached ? 0 : 1;
}
